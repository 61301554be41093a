/** Callers that wait for what another call brings, in the memory of one object. */
export class Waiters<K, T> {
  readonly #maxMs: number
  readonly #waiting = new Map<K, Set<(answer: T | null) => void>>()

  constructor(maxMs: number) {
    this.#maxMs = maxMs
  }

  /** Null when nothing was brought in time. */
  wait(key: K): Promise<T | null> {
    return new Promise((resolve) => {
      const all = this.#waiting.get(key) ?? new Set()
      this.#waiting.set(key, all)
      const end = (answer: T | null) => {
        clearTimeout(timer)
        all.delete(end)
        if (all.size === 0 && this.#waiting.get(key) === all) this.#waiting.delete(key)
        resolve(answer)
      }
      const timer = setTimeout(() => end(null), this.#maxMs)
      all.add(end)
    })
  }

  answer(key: K, answer: T): void {
    for (const end of [...(this.#waiting.get(key) ?? [])]) end(answer)
  }

  /** What is waited for. */
  keys(): K[] {
    return [...this.#waiting.keys()]
  }
}
