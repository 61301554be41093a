import { DatabaseSync } from 'node:sqlite'
import type { Sql } from '../../src/lib/outbox.ts'

/** What a step runs into when the process dies in the middle of it. */
export class PowerCut extends Error {}

export interface Rows {
  readonly sql: Sql
  /** One step of an object: a transaction, all of it or none. After so many statements the power goes, if told so. */
  step<T>(run: () => T, cutAfter?: number): T
}

/** Rows as a Durable Object keeps them, on Node's own SQLite. */
export function openRows(): Rows {
  const database = new DatabaseSync(':memory:')
  let statementsLeft = Number.POSITIVE_INFINITY
  const sql: Sql = {
    exec(statement, ...bindings) {
      if (statementsLeft-- <= 0) throw new PowerCut()
      const values = bindings.map((value) => (value instanceof ArrayBuffer ? new Uint8Array(value) : value))
      const rows = database.prepare(statement).all(...values) as Record<string, unknown>[]
      return { toArray: () => rows }
    },
  }
  return {
    sql,
    step(run, cutAfter = Number.POSITIVE_INFINITY) {
      database.exec('BEGIN')
      statementsLeft = cutAfter
      try {
        const answer = run()
        database.exec('COMMIT')
        return answer
      } catch (thrown) {
        database.exec('ROLLBACK')
        throw thrown
      } finally {
        statementsLeft = Number.POSITIVE_INFINITY
      }
    },
  }
}
