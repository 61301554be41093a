/**
 * `npm run sim -- --seeds 100000`: so many histories of the whole system, each under one seed, from `--from` on (1),
 * on all processors. `--seed n` is one of them, `--trace` shows what happens in it. `--mutants` puts each known defect in
 * and looks for the seed that finds it. Says how to see each failure again, and exits with 1 when there was any.
 * docs/simulation.md says what is real in it.
 */
import { parseArgs } from 'node:util'
import { MUTANTS, seedsFor } from '../test/sim/mutants.ts'
import { faultText, simulate, simulateAll } from '../test/sim/simulate.ts'

const SEEDS = 2_000
/** A line so often, so that somebody who waits sees that it goes on. */
const TOLD_EVERY = 10_000

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
  },
})
const isFine = values.mutants ? await findMutants() : values.seed ? await showOne(wholeNumber(values.seed)) : await runMany()
process.exitCode = isFine ? 0 : 1

async function runMany(): Promise<boolean> {
  const from = wholeNumber(values.from ?? '1')
  const count = wholeNumber(values.seeds ?? String(SEEDS))
  const startedAtMs = performance.now()
  const aSecond = (done: number): string => ((done * 1_000) / (performance.now() - startedAtMs)).toFixed(0)
  let done = 0
  const faults = await simulateAll(from, from + count - 1, (told) => {
    if (told.fault !== null) console.log(faultText(told))
    if (++done % TOLD_EVERY === 0) console.log(`${done} of ${count}, ${aSecond(done)} a second`)
  })
  console.log(`${count} histories, ${faults.length} failed, ${aSecond(count)} a second`)
  return faults.length === 0
}

async function showOne(seed: number): Promise<boolean> {
  const [told] = await simulate({ seeds: [seed], trace: values.trace })
  if (!told) return false
  for (const line of told.lines ?? []) console.log(line)
  const { happened, commits, forks, payments } = told.figures
  console.log(
    `seed ${seed}: ${happened} happenings, ${commits} commits, ${forks} forks, ${payments} outputs; digest ${told.digest}`,
  )
  if (told.fault !== null) console.log(`it fails: ${told.fault}`)
  return told.fault === null
}

async function findMutants(): Promise<boolean> {
  let missed = 0
  for (const mutant of MUTANTS) {
    const { name, within } = mutant
    const last = (await simulate({ ...seedsFor(mutant), mutant: name, stopAtFirst: true })).at(-1)
    const isFound = last !== undefined && last.fault !== null
    if (!isFound) missed++
    console.log(isFound ? `found by seed ${last.seed}: ${name}\n  ${last.fault}` : `not found within ${within} seeds: ${name}`)
  }
  return missed === 0
}

function wholeNumber(text: string): number {
  if (/^[0-9]{1,12}$/.test(text)) return Number(text)
  console.error(`"${text}" is not a whole number`)
  return process.exit(2)
}
