/** A look waits for a payment at its node, so that a shopper hears of it at once and an empty till costs little. */
export const WAIT_MAX_MS = 15_000
/** A look that has not come back by then is taken for lost, and another begins. Two at once do no harm. */
const LOOK_MAX_MS = WAIT_MAX_MS + 15_000
/** From the end of a look to the next: while something can be paid, and else, to know that the node is there. */
const PAUSE_MS = 500
export const IDLE_MS = 5 * 60_000
/** After a look that failed, doubling. */
const RETRY_MS = 2_000
const RETRY_MAX_MS = 60_000

/** When a node is looked at. Kept in memory: after a restart the alarm that was set finds a look due. */
export class Looks {
  /** When the look under way is given up; null when none is. */
  #endsMs: number | null = null
  #nextMs = 0
  #failures = 0

  /** When the alarm must come: to begin a look, or to give one up. */
  dueAtMs(nowMs: number): number {
    return this.#endsMs ?? Math.max(this.#nextMs, nowMs)
  }

  isDue(nowMs: number): boolean {
    return nowMs >= (this.#endsMs ?? this.#nextMs)
  }

  begin(nowMs: number): void {
    this.#endsMs = nowMs + LOOK_MAX_MS
  }

  /** Something can be paid that could not be before. */
  hasten(nowMs: number): void {
    this.#nextMs = Math.min(this.#nextMs, nowMs)
  }

  end(nowMs: number, canBePaid: boolean): void {
    this.#endsMs = null
    this.#failures = 0
    this.#nextMs = nowMs + (canBePaid ? PAUSE_MS : IDLE_MS)
  }

  /** After one that has told what was paid, and is to be asked once more: payments are not to wait. */
  retry(nowMs: number): void {
    this.#endsMs = null
    this.#failures = 0
    this.#nextMs = nowMs + RETRY_MS
  }

  fail(nowMs: number): void {
    this.#endsMs = null
    this.#nextMs = nowMs + Math.min(RETRY_MS * 2 ** Math.min(this.#failures++, 10), RETRY_MAX_MS)
  }
}
