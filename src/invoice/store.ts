import { decodeJson, encodeJson } from '../lib/json.ts'
import type { Sql } from '../lib/outbox.ts'
import { evolve } from './evolve.ts'
import type { Invoice, InvoiceEvent } from './types.ts'

/**
 * The rows of one invoice object. Its log is all there is of the invoice: a row holds the events of one commit and is
 * named by the last of them. The first row has the fingerprint of the request that made it. `told` marks the commit
 * up to which everyone has heard; what follows from later ones is still to be told, so there is no outbox beside the
 * log. One table, because each one made is two rows written. See docs/storage-schema.md.
 */
const TABLE = `CREATE TABLE commits (
  version INTEGER PRIMARY KEY, events TEXT NOT NULL, fingerprint TEXT, told INTEGER NOT NULL DEFAULT 0
)`

export interface Commit {
  /** Version of the last of its events. */
  readonly version: number
  readonly events: readonly InvoiceEvent[]
}

/** Page of the event log that one call answers. */
const EVENTS_MAX = 200

/** Null when the object has never been written: asking for an unknown id leaves no trace, so ids can't fill storage. */
export function loadInvoice(sql: Sql): Invoice | null {
  if (sql.exec("SELECT 1 AS found FROM sqlite_master WHERE name = 'commits'").toArray().length === 0) return null
  return loadCommits(sql, 0)
    .flatMap(({ events }) => events)
    .reduce<Invoice | null>(evolve, null)
}

/** Writes the first commit, and the fingerprint of the request that made it. */
export function insertInvoice(sql: Sql, event: InvoiceEvent, fingerprint: string | null): void {
  sql.exec(TABLE)
  sql.exec('INSERT INTO commits (version, events, fingerprint) VALUES (?, ?, ?)', event.version, encodeJson([event]), fingerprint)
}

/** Part of the caller's synchronous block. */
export function appendCommit(sql: Sql, commit: Commit): void {
  sql.exec('INSERT INTO commits (version, events) VALUES (?, ?)', commit.version, encodeJson(commit.events))
}

/** Commits after a version, oldest first. An invoice has few: its payments are bounded. */
export function loadCommits(sql: Sql, afterVersion: number): Commit[] {
  const rows = sql.exec('SELECT version, events FROM commits WHERE version > ? ORDER BY version', afterVersion).toArray()
  return rows.map((row) => ({ version: row.version as number, events: decodeJson<InvoiceEvent[]>(row.events as string) }))
}

export function loadEvents(sql: Sql, afterVersion: number): InvoiceEvent[] {
  return loadCommits(sql, afterVersion)
    .flatMap(({ events }) => events)
    .filter((event) => event.version > afterVersion)
    .slice(0, EVENTS_MAX)
}

export function loadFingerprint(sql: Sql): string | null {
  return sql.exec('SELECT fingerprint FROM commits WHERE version = 1').toArray()[0]?.fingerprint as string | null
}

/** The request of a refund as it came. Reads the whole log: only a request that comes again needs it. */
export function loadRefundRequest(sql: Sql, id: string): Extract<InvoiceEvent, { type: 'refund_requested' }> | null {
  for (const { events } of loadCommits(sql, 0)) {
    for (const event of events) if (event.type === 'refund_requested' && event.refund.id === id) return event
  }
  return null
}

/** 0 when nobody has heard of anything. */
export function loadToldVersion(sql: Sql): number {
  return (sql.exec('SELECT MAX(version) AS version FROM commits WHERE told = 1').toArray()[0]?.version as number | null) ?? 0
}

export function saveToldVersion(sql: Sql, version: number): void {
  sql.exec('UPDATE commits SET told = 1 WHERE version = ?', version)
}
