/**
 * The transactional outbox of a Durable Object: effects are rows written in the same commit as the decision,
 * tried at once and again by alarm, and deleted only when the effect is acknowledged.
 * A row has a natural `key`: putting the same key again replaces what is waiting (newest wins).
 */
export interface OutboxRow {
  readonly key: string
  readonly body: string
  readonly attempts: number
  readonly dueAtMs: number
  /** The caller's own version of the effect: acknowledging an older one leaves a newer put in place. */
  readonly revision: number
}

/** What the outbox needs of SQLite storage. `SqlStorage` of a Durable Object fits. */
export interface Sql {
  exec(statement: string, ...bindings: (string | number | null | ArrayBuffer)[]): { toArray(): Record<string, unknown>[] }
}

/** An effect is tried at once, right after the commit; the alarm tries again after this. */
export const OUTBOX_RETRY_MS = 1_000
const OUTBOX_RETRY_MAX_MS = 60_000

export const OUTBOX_TABLE = `CREATE TABLE IF NOT EXISTS outbox (
  key TEXT PRIMARY KEY, body TEXT NOT NULL, attempts INTEGER NOT NULL, due_at_ms INTEGER NOT NULL, revision INTEGER NOT NULL
) WITHOUT ROWID`

/**
 * Adds an effect. Call it inside the synchronous block of the decision. Who tries it at once passes
 * `now + OUTBOX_RETRY_MS`, so that no alarm tries it at the same time; else pass now.
 */
export function putOutbox(sql: Sql, key: string, revision: number, body: string, dueAtMs: number): void {
  sql.exec(
    `INSERT INTO outbox (key, body, attempts, due_at_ms, revision) VALUES (?, ?, 0, ?, ?)
     ON CONFLICT (key) DO UPDATE SET body = excluded.body, attempts = 0, due_at_ms = excluded.due_at_ms,
       revision = excluded.revision WHERE excluded.revision > revision`,
    key,
    body,
    dueAtMs,
    revision,
  )
}

/**
 * Takes up to `limit` due rows and moves each one's next try into the future before it is tried,
 * so that two flushes at once do not both send, and a crash while sending retries.
 */
export function takeDue(sql: Sql, nowMs: number, limit: number): OutboxRow[] {
  const rows = sql
    .exec(
      'SELECT key, body, attempts, due_at_ms, revision FROM outbox WHERE due_at_ms <= ? ORDER BY due_at_ms LIMIT ?',
      nowMs,
      limit,
    )
    .toArray()
    .map((row) => ({
      key: row.key as string,
      body: row.body as string,
      attempts: row.attempts as number,
      dueAtMs: row.due_at_ms as number,
      revision: row.revision as number,
    }))
  for (const row of rows) {
    const waitMs = Math.min(OUTBOX_RETRY_MS * 2 ** Math.min(row.attempts, 10), OUTBOX_RETRY_MAX_MS)
    sql.exec('UPDATE outbox SET attempts = attempts + 1, due_at_ms = ? WHERE key = ?', nowMs + waitMs, row.key)
  }
  return rows
}

/** Up to `limit` waiting rows whose keys begin with `prefix`, due or not: effects that are to happen together. */
export function waitingUnder(sql: Sql, prefix: string, limit: number): Pick<OutboxRow, 'key' | 'body' | 'revision'>[] {
  return sql
    .exec(
      'SELECT key, body, revision FROM outbox WHERE key >= ? AND key < ? ORDER BY key LIMIT ?',
      prefix,
      `${prefix}\u{10ffff}`,
      limit,
    )
    .toArray()
    .map((row) => ({ key: row.key as string, body: row.body as string, revision: row.revision as number }))
}

/** The effect of this put has happened. A newer put of the same key stays. */
export function acknowledge(sql: Sql, key: string, revision: number): void {
  sql.exec('DELETE FROM outbox WHERE key = ? AND revision <= ?', key, revision)
}

/** When the alarm must look at the outbox next, or null when it is empty. */
export function nextDueMs(sql: Sql): number | null {
  const row = sql.exec('SELECT MIN(due_at_ms) AS due FROM outbox').toArray()[0]
  return (row?.due as number | null) ?? null
}
