import { decodeJson, encodeJson } from '../lib/json.ts'
import type { Sql } from '../lib/outbox.ts'
import type { Reserve, ReserveRefusal } from './rpc.ts'

/** Questions take seconds: what was refused so long ago comes no more. */
const KEPT_MS = 24 * 3_600_000
/** The old ones are looked for with the first refusal after a start, and with each so many after it. */
const FORGET_EVERY = 100

/**
 * What reservations were refused with, by their key and when they were wanted: who asked may have asked before and died, and
 * what is still on its way must not be a yes after the no.
 */
export class Refusals {
  readonly #sql: Sql
  #kept = 0

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Of this very question; null when it was never refused. */
  of({ key, wantedAtMs }: Reserve): ReserveRefusal | null {
    const [row] = this.#sql.exec('SELECT refusal FROM refusals WHERE key = ? AND wanted_at_ms = ?', key, wantedAtMs).toArray()
    return row ? decodeJson<ReserveRefusal>(row.refusal as string) : null
  }

  keep({ key, wantedAtMs }: Reserve, refusal: ReserveRefusal, nowMs: number): void {
    if (this.#kept % FORGET_EVERY === 0) this.#sql.exec('DELETE FROM refusals WHERE at_ms <= ?', nowMs - KEPT_MS)
    this.#kept++
    const values = 'INSERT INTO refusals (key, wanted_at_ms, refusal, at_ms) VALUES (?, ?, ?, ?)'
    this.#sql.exec(values, key, wantedAtMs, encodeJson(refusal), nowMs)
  }
}
