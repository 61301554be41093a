import { type LogFields, logEvent, reasonOf } from '../lib/log.ts'

/** Objects asked at one time. */
const PARALLEL = 10

/** Keeps what fails from keeping the rest: it is logged, the first is remembered, and the audit goes on. */
export class Trouble {
  #first: string | null = null

  get first(): string | null {
    return this.#first
  }

  /** Answers null when the work fails. */
  async around<T>(what: string, ids: LogFields, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work()
    } catch (thrown) {
      logEvent('warn', 'audit_look_failed', { what, ...ids, reason: reasonOf(thrown) })
      this.#first ??= `${what}: ${reasonOf(thrown)}`
      return null
    }
  }

  /** The same for each of these, some at a time. What failed is left out. */
  async aroundEach<T, R>(
    what: string,
    items: readonly T[],
    idsOf: (item: T) => LogFields,
    work: (item: T) => Promise<R>,
  ): Promise<R[]> {
    const done: R[] = []
    for (let at = 0; at < items.length; at += PARALLEL) {
      const some = items.slice(at, at + PARALLEL)
      const answers = await Promise.all(some.map((item) => this.around(what, idsOf(item), () => work(item))))
      done.push(...(answers.filter((answer) => answer !== null) as R[]))
    }
    return done
  }
}
