import type { Random } from './random.ts'

/** What goes wrong, as the part of the cases in which it does. Every history turns each of them on or off by itself. */
export interface Faults {
  /** A call never arrives; its caller hears of an error. */
  readonly lostCalls: number
  /** A call took effect, and its caller hears of an error. */
  readonly lostAnswers: number
  /** Calls, queue messages and node answers that take many seconds. */
  readonly slow: number
  /** An instance ends as it commits: half of the time before, half after. */
  readonly crashes: number
  readonly lateAlarms: number
  readonly doubledAlarms: number
  readonly doubledMessages: number
  /** A consumer's isolate ends under it. */
  readonly consumersLost: number
  readonly d1Failures: number
  readonly nodeFailures: number
  /** A node tells of the past, or gives another block than it was asked for. */
  readonly nodeLies: number
  /** A receiver of webhooks answers 500, or not at all. */
  readonly receiverFailures: number
}

export const NO_FAULTS: Faults = {
  lostCalls: 0,
  lostAnswers: 0,
  slow: 0,
  crashes: 0,
  lateAlarms: 0,
  doubledAlarms: 0,
  doubledMessages: 0,
  consumersLost: 0,
  d1Failures: 0,
  nodeFailures: 0,
  nodeLies: 0,
  receiverFailures: 0,
}

/** Each at most. */
const WORST: Faults = {
  lostCalls: 0.3,
  lostAnswers: 0.3,
  slow: 0.25,
  crashes: 0.15,
  lateAlarms: 0.2,
  doubledAlarms: 0.2,
  doubledMessages: 0.3,
  consumersLost: 0.15,
  d1Failures: 0.2,
  nodeFailures: 0.2,
  nodeLies: 0.1,
  receiverFailures: 0.3,
}

export function chooseFaults(random: Random): Faults {
  const chosen = Object.entries(WORST).map(([name, most]) => [name, random.chance(0.5) ? most * random.fraction() : 0])
  return Object.fromEntries(chosen) as Faults
}
