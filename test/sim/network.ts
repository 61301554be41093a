import { type Faults, NO_FAULTS } from './faults.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/** Who calls others: an instance of an object, an isolate of a Worker, somebody outside. */
export interface Party {
  readonly label: string
  isAlive(): boolean
  /** Lets something out once what was written before it is durable. */
  gate(leave: () => void): void
}

/** What a callee does with a call. `answer` may be called once; it is heard by whoever still lives. */
export type Deliver<T> = (answer: (outcome: Outcome<T>) => void) => void
export type Outcome<T> = { readonly value: T } | { readonly error: Error }

/** The slowest that anything is. */
export const SLOW_MS_MAX = 25_000
const QUICK_MS_MAX = 12
/** Of the calls to a clogged kind, so many are held up. */
const CLOGGED = 0.4

/** Every message of a history: when it comes, whether it comes, and whether its answer does. */
export class Network {
  faults: Faults = NO_FAULTS
  /** While anything goes wrong, many calls to this kind of callee are slow: what was sent later overtakes them. */
  clogged: string | null = null
  readonly #scheduler: Scheduler
  readonly #random: Random

  constructor(scheduler: Scheduler, random: Random) {
    this.#scheduler = scheduler
    this.#random = random
  }

  latencyMs(): number {
    return this.#random.chance(this.faults.slow) ? this.#random.between(500, SLOW_MS_MAX) : this.#random.between(1, QUICK_MS_MAX)
  }

  /** One call and its answer. `failures` are those of the callee itself, before or after the effect. */
  call<T>(from: Party, label: string, deliver: Deliver<T>, failures = 0): Promise<T> {
    // Whoever is gone waits for ever: nothing comes of what it goes on to do.
    if (!from.isAlive()) return new Promise(() => undefined)
    return new Promise((resolve, reject) => {
      from.gate(() => this.#send(from, label, deliver, failures, resolve, reject))
    })
  }

  #send<T>(
    from: Party,
    label: string,
    deliver: Deliver<T>,
    failures: number,
    resolve: (value: T) => void,
    reject: (error: Error) => void,
  ): void {
    const hear = (outcome: Outcome<T>): void => {
      this.#scheduler.after(
        this.latencyMs(),
        `${from.label} <- ${label} ${'error' in outcome ? outcome.error.message : 'ok'}`,
        () => {
          if (!from.isAlive()) return
          if ('error' in outcome) reject(outcome.error)
          else resolve(outcome.value)
        },
      )
    }
    const { lostCalls, lostAnswers } = this.faults
    if (this.#random.chance(lostCalls + failures / 2)) {
      hear({ error: new Error('the call was lost') })
      return
    }
    const isAnswerLost = this.#random.chance(lostAnswers + failures / 2)
    const isClogged = this.faults !== NO_FAULTS && this.clogged !== null && label.startsWith(this.clogged)
    const clogMs = isClogged && this.#random.chance(CLOGGED) ? this.#random.between(0, SLOW_MS_MAX) : 0
    this.#scheduler.after(clogMs + this.latencyMs(), `${from.label} -> ${label}`, () => {
      deliver((outcome) => hear(isAnswerLost ? { error: new Error('the answer was lost') } : outcome))
    })
  }
}

/** What a message is at the other end: the same values, and nothing shared with who sent it. */
export function copyOf<T>(value: T): T {
  return copy(value) as T
}

function copy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) {
    if (typeof value === 'function') throw new TypeError('a function cannot be sent')
    return value
  }
  if (Array.isArray(value)) return value.map(copy)
  if (value instanceof Uint8Array) return value.slice()
  const made: Record<string, unknown> = {}
  for (const name in value) made[name] = copy((value as Record<string, unknown>)[name])
  return made
}
