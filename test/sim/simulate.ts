import { spawn } from 'node:child_process'
import { availableParallelism, constants, setPriority } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Told } from './run.ts'

/** What one process does: these seeds, or every `step`-th of a range. */
export interface Task {
  readonly seeds: readonly number[] | null
  readonly from: number
  readonly to: number
  readonly step: number
  /** Name of a defect that is put in, or null. */
  readonly mutant: string | null
  readonly trace: boolean
  readonly stopAtFirst: boolean
}

const NOTHING: Task = { seeds: null, from: 1, to: 0, step: 1, mutant: null, trace: false, stopAtFirst: false }

/** Runs the histories of these seeds, in this order, in one process of their own. Rejects when the process fails. */
export async function simulate(task: Partial<Task>, heard: (told: Told) => void = () => undefined): Promise<Told[]> {
  const args = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=64', join(import.meta.dirname, 'process.ts')]
  const child = spawn(process.execPath, [...args, JSON.stringify({ ...NOTHING, ...task })], { stdio: ['ignore', 'pipe', 'pipe'] })
  // Nobody waits for a history: it takes what time of a processor others leave.
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW)
  const said: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  const all: Told[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const told = JSON.parse(line) as Told
    all.push(told)
    heard(told)
  }
  const code = await ended
  if (code !== 0) throw new Error(`a simulation ended with ${code}:\n${Buffer.concat(said)}`)
  return all
}

/** As many processes as there are processors, each with its part of the seeds `from` to `to`. Answers what failed. */
export async function simulateAll(from: number, to: number, heard: (told: Told) => void = () => undefined): Promise<Told[]> {
  const step = availableParallelism()
  const faults: Told[] = []
  const note = (told: Told): void => {
    if (told.fault !== null) faults.push(told)
    heard(told)
  }
  await Promise.all(Array.from({ length: step }, (_, part) => simulate({ from: from + part, to, step }, note)))
  return faults.sort((one, other) => one.seed - other.seed)
}

/** How to see it again. */
export function faultText({ seed, fault }: Told): string {
  return `seed ${seed}: ${fault}\n  again: npm run sim -- --seed ${seed} --trace`
}
