import { decodeJson, encodeJson } from '../lib/json.ts'
import type { Sql } from '../lib/outbox.ts'
import { evolve } from './evolve.ts'
import type { Invoice, InvoiceEvent } from './types.ts'

/**
 * The rows of one invoice object. Its log is all there is of the invoice: a row holds the events of one commit and
 * is named by the last of them. `progress` says up to which version everyone has heard: what follows from later
 * commits is still to be told. So there is no outbox beside the log; see docs/storage-schema.md.
 */
const TABLES = [
  'CREATE TABLE commits (version INTEGER PRIMARY KEY, events TEXT NOT NULL)',
  'CREATE TABLE progress (id INTEGER PRIMARY KEY CHECK (id = 1), fingerprint TEXT, told_version INTEGER NOT NULL)',
]

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
  for (const statement of TABLES) sql.exec(statement)
  appendCommit(sql, { version: event.version, events: [event] })
  sql.exec('INSERT INTO progress (id, fingerprint, told_version) VALUES (1, ?, 0)', fingerprint)
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
  return (sql.exec('SELECT fingerprint FROM progress').toArray()[0]?.fingerprint as string | null) ?? null
}

export function loadToldVersion(sql: Sql): number {
  return sql.exec('SELECT told_version FROM progress').toArray()[0]?.told_version as number
}

export function saveToldVersion(sql: Sql, version: number): void {
  sql.exec('UPDATE progress SET told_version = ? WHERE id = 1', version)
}
