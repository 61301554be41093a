import { decodeJson, encodeJson } from '../lib/json.ts'
import { OUTBOX_TABLE, type Sql } from '../lib/outbox.ts'
import type { Invoice, InvoiceEvent } from './types.ts'

/** The rows of one invoice object: its state, its event log, its outbox. See docs/storage-schema.md. */
const TABLES = [
  'CREATE TABLE IF NOT EXISTS invoice (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL, fingerprint TEXT)',
  'CREATE TABLE IF NOT EXISTS events (version INTEGER PRIMARY KEY, body TEXT NOT NULL)',
  OUTBOX_TABLE,
]

/** Page of the event log that one call answers. */
const EVENTS_MAX = 200

/** Null when the object has never been written: reading an unknown id leaves no trace, so ids can't be used to fill storage. */
export function loadInvoice(sql: Sql): Invoice | null {
  if (sql.exec("SELECT 1 AS found FROM sqlite_master WHERE name = 'invoice'").toArray().length === 0) return null
  const row = sql.exec('SELECT body FROM invoice WHERE id = 1').toArray()[0]
  return row ? decodeJson<Invoice>(row.body as string) : null
}

/** Writes the first event, the state, and the fingerprint of the request that made it. */
export function insertInvoice(sql: Sql, invoice: Invoice, event: InvoiceEvent, fingerprint: string | null): void {
  for (const statement of TABLES) sql.exec(statement)
  sql.exec('INSERT INTO events (version, body) VALUES (?, ?)', event.version, encodeJson(event))
  sql.exec('INSERT INTO invoice (id, body, fingerprint) VALUES (1, ?, ?)', encodeJson(invoice), fingerprint)
}

/** Writes events and the state they lead to. Part of the caller's synchronous block. */
export function updateInvoice(sql: Sql, invoice: Invoice, events: readonly InvoiceEvent[]): void {
  for (const event of events) sql.exec('INSERT INTO events (version, body) VALUES (?, ?)', event.version, encodeJson(event))
  sql.exec('UPDATE invoice SET body = ? WHERE id = 1', encodeJson(invoice))
}

export function loadFingerprint(sql: Sql): string | null {
  return (sql.exec('SELECT fingerprint FROM invoice WHERE id = 1').toArray()[0]?.fingerprint as string | null) ?? null
}

export function loadEvents(sql: Sql, afterVersion: number): InvoiceEvent[] {
  const rows = sql.exec('SELECT body FROM events WHERE version > ? ORDER BY version LIMIT ?', afterVersion, EVENTS_MAX).toArray()
  return rows.map((row) => decodeJson<InvoiceEvent>(row.body as string))
}
