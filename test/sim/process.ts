/** One process that simulates: it takes over the clock and the chance of all that runs in it. Started by simulate.ts. */
import { registerSimHooks } from './hooks.ts'
import { MUTANTS } from './mutants.ts'
import type { Task } from './simulate.ts'

const task = JSON.parse(process.argv[2] ?? '{}') as Task
registerSimHooks(MUTANTS.find(({ name }) => name === task.mutant) ?? null)
const { runSeed } = await import('./run.ts')
for (const seed of task.seeds ?? rangeOf(task)) {
  const told = await runSeed(seed, { trace: task.trace })
  process.stdout.write(`${JSON.stringify(told)}\n`)
  if (task.stopAtFirst && told.fault !== null) break
}

function* rangeOf({ from, to, step }: Task): Generator<number> {
  for (let seed = from; seed <= to; seed += step) yield seed
}
