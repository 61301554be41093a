import { isId } from '../lib/ids.ts'
import type { Sql } from '../lib/outbox.ts'
import { assert } from '../lib/result.ts'
import type { DeliveryView, Endpoint, WebhookEvent } from './rpc.ts'
import type { Outage } from './schedule.ts'

/**
 * The tables of a delivery object. They are made with the first endpoint, so an object that somebody only asks about
 * stays empty.
 *
 * `due_at_ms` is when something must be done with a row, by its state: `waiting`, the next attempt; `sent`, the end of
 * the lease within which the courier must report; `delivered`, deletion; null for `failed`, which stays to be seen.
 * One index over it serves all three, and costs one row written more for each change. The primary key starts with the
 * subject (in `invoice_id`: an invoice, or a transfer), so that its deliveries, and the repeat of an event, are found
 * without another index.
 */
const TABLES = [
  `CREATE TABLE IF NOT EXISTS endpoints (
    id TEXT PRIMARY KEY, store_id TEXT NOT NULL, url TEXT NOT NULL, events TEXT NOT NULL, description TEXT NOT NULL,
    fingerprint TEXT, secret_version INTEGER NOT NULL, disabled_reason TEXT,
    failing_since_ms INTEGER, failed_last_ms INTEGER, created_at_ms INTEGER NOT NULL
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS deliveries (
    invoice_id TEXT NOT NULL, event_id TEXT NOT NULL, endpoint_id TEXT NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL, due_at_ms INTEGER, last_status INTEGER, last_error TEXT,
    created_at_ms INTEGER NOT NULL, PRIMARY KEY (invoice_id, event_id, endpoint_id)
  ) WITHOUT ROWID`,
  'CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at_ms) WHERE due_at_ms IS NOT NULL',
]

const THIS_ROW = 'invoice_id = ? AND event_id = ? AND endpoint_id = ?'

export interface EndpointRow {
  readonly id: string
  readonly storeId: string
  readonly url: string
  readonly events: readonly string[]
  readonly description: string
  readonly fingerprint: string | null
  readonly secretVersion: number
  readonly disabledReason: string | null
  readonly outage: Outage | null
  readonly createdAtMs: number
}

export interface DeliveryKey {
  /** Id of the invoice or transfer that the event is about. */
  readonly subject: string
  readonly eventId: string
  readonly endpointId: string
}

export type DeliveryState = 'waiting' | 'sent' | 'delivered' | 'failed'

export interface DeliveryRow extends DeliveryKey {
  readonly type: string
  readonly body: string
  readonly state: DeliveryState
  readonly attempts: number
  readonly dueAtMs: number | null
  readonly lastStatus: number | null
  readonly lastError: string | null
}

/** The name of a delivery outside: its key in one text. Ids hold no full stop. */
export function deliveryId(key: DeliveryKey): string {
  return `${key.subject}.${key.eventId}.${key.endpointId}`
}

/** Null when `text` is not a delivery's name. */
export function readDeliveryId(text: string): DeliveryKey | null {
  const first = text.indexOf('.')
  const last = text.lastIndexOf('.')
  if (first <= 0 || last <= first) return null
  return { subject: text.slice(0, first), eventId: text.slice(first + 1, last), endpointId: text.slice(last + 1) }
}

export function hasTables(sql: Sql): boolean {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'deliveries'").toArray().length > 0
}

export function createTables(sql: Sql): void {
  for (const statement of TABLES) sql.exec(statement)
}

/** In the order they were made. At most `ENDPOINTS_MAX` of the object. */
export function readEndpoints(sql: Sql): EndpointRow[] {
  return sql.exec('SELECT * FROM endpoints ORDER BY created_at_ms, id').toArray().map(endpointRow)
}

export function insertEndpoint(sql: Sql, row: EndpointRow): void {
  sql.exec(
    `INSERT INTO endpoints (id, store_id, url, events, description, fingerprint, secret_version, created_at_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    row.id,
    row.storeId,
    row.url,
    JSON.stringify(row.events),
    row.description,
    row.fingerprint,
    row.secretVersion,
    row.createdAtMs,
  )
}

export function writeHealth(sql: Sql, id: string, outage: Outage | null): void {
  sql.exec(
    'UPDATE endpoints SET failing_since_ms = ?, failed_last_ms = ? WHERE id = ?',
    outage?.sinceMs ?? null,
    outage?.lastMs ?? null,
    id,
  )
}

export function disableEndpoint(sql: Sql, id: string, reason: string): void {
  sql.exec('UPDATE endpoints SET disabled_reason = ? WHERE id = ?', reason, id)
}

export function subjectOf({ invoiceId, transferId }: WebhookEvent): string {
  const subject = invoiceId ?? transferId
  assert(subject !== undefined, 'an event is about something')
  return subject
}

export function hasEvent(sql: Sql, subject: string, eventId: string): boolean {
  const rows = sql.exec('SELECT 1 FROM deliveries WHERE invoice_id = ? AND event_id = ? LIMIT 1', subject, eventId).toArray()
  return rows.length > 0
}

/** A new delivery, in the state of its first attempt. */
export function insertDelivery(sql: Sql, row: DeliveryRow, nowMs: number): void {
  sql.exec(
    `INSERT INTO deliveries (invoice_id, event_id, endpoint_id, type, body, state, attempts, due_at_ms, last_error, created_at_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    row.subject,
    row.eventId,
    row.endpointId,
    row.type,
    row.body,
    row.state,
    row.attempts,
    row.dueAtMs,
    row.lastError,
    nowMs,
  )
}

export function findDelivery(sql: Sql, key: DeliveryKey): DeliveryRow | null {
  const row = sql.exec(`SELECT * FROM deliveries WHERE ${THIS_ROW}`, key.subject, key.eventId, key.endpointId).toArray()[0]
  return row === undefined ? null : deliveryRow(row)
}

/** Those whose next attempt or whose lease's end has come, longest due first. */
export function dueDeliveries(sql: Sql, nowMs: number, limit: number): DeliveryRow[] {
  return sql
    .exec(`SELECT * FROM deliveries WHERE due_at_ms <= ? AND state IN ('waiting', 'sent') ORDER BY due_at_ms LIMIT ?`, nowMs, limit)
    .toArray()
    .map(deliveryRow)
}

export function writeSent(sql: Sql, key: DeliveryKey, attempts: number, leaseUntilMs: number): void {
  sql.exec(
    `UPDATE deliveries SET state = 'sent', attempts = ?, due_at_ms = ? WHERE ${THIS_ROW}`,
    attempts,
    leaseUntilMs,
    key.subject,
    key.eventId,
    key.endpointId,
  )
}

export function writeOutcome(
  sql: Sql,
  key: DeliveryKey,
  next: { state: DeliveryState; dueAtMs: number | null; status: number | null; error: string | null },
): void {
  sql.exec(
    `UPDATE deliveries SET state = ?, due_at_ms = ?, last_status = ?, last_error = ? WHERE ${THIS_ROW}`,
    next.state,
    next.dueAtMs,
    next.status,
    next.error,
    key.subject,
    key.eventId,
    key.endpointId,
  )
}

/** Takes back an attempt that never left, unless something else has happened to the delivery since. */
export function takeBack(sql: Sql, key: DeliveryKey, attempt: number, dueAtMs: number): void {
  sql.exec(
    `UPDATE deliveries SET state = 'waiting', attempts = attempts - 1, due_at_ms = ?
     WHERE ${THIS_ROW} AND state = 'sent' AND attempts = ?`,
    dueAtMs,
    key.subject,
    key.eventId,
    key.endpointId,
    attempt,
  )
}

/** Deletes up to `limit` delivered rows whose time is over. */
export function pruneDelivered(sql: Sql, nowMs: number, limit: number): void {
  sql.exec(
    `DELETE FROM deliveries WHERE (invoice_id, event_id, endpoint_id) IN (
       SELECT invoice_id, event_id, endpoint_id FROM deliveries WHERE due_at_ms <= ? AND state = 'delivered' LIMIT ?)`,
    nowMs,
    limit,
  )
}

/** When the alarm must look next, or null. */
export function nextDueMs(sql: Sql): number | null {
  const row = sql.exec('SELECT MIN(due_at_ms) AS due FROM deliveries WHERE due_at_ms IS NOT NULL').toArray()[0]
  return (row?.due as number | null) ?? null
}

/** Newest first. */
export function deliveriesOf(sql: Sql, subject: string, eventId: string | null, limit: number): DeliveryView[] {
  return sql
    .exec(
      `SELECT * FROM deliveries WHERE invoice_id = ? AND (? IS NULL OR event_id = ?)
       ORDER BY created_at_ms DESC, event_id DESC, endpoint_id LIMIT ?`,
      subject,
      eventId,
      eventId,
      limit,
    )
    .toArray()
    .map((row) => deliveryView(deliveryRow(row)))
}

export function endpointView(row: EndpointRow): Endpoint {
  return {
    id: row.id,
    url: row.url,
    events: row.events,
    description: row.description,
    status: row.disabledReason === null ? 'enabled' : 'disabled',
    disabledReason: row.disabledReason,
    createdAtMs: row.createdAtMs,
  }
}

function deliveryView(row: DeliveryRow): DeliveryView {
  return {
    id: deliveryId(row),
    eventId: row.eventId,
    eventType: row.type,
    invoiceId: isId('tr', row.subject) ? null : row.subject,
    transferId: isId('tr', row.subject) ? row.subject : null,
    endpointId: row.endpointId,
    state: row.state === 'waiting' || row.state === 'sent' ? 'pending' : row.state,
    attempts: row.attempts,
    nextAttemptAtMs: row.state === 'waiting' ? row.dueAtMs : null,
    lastStatus: row.lastStatus,
    lastError: row.lastError,
  }
}

function endpointRow(row: Record<string, unknown>): EndpointRow {
  return {
    id: row.id as string,
    storeId: row.store_id as string,
    url: row.url as string,
    events: JSON.parse(row.events as string) as string[],
    description: row.description as string,
    fingerprint: row.fingerprint as string | null,
    secretVersion: row.secret_version as number,
    disabledReason: row.disabled_reason as string | null,
    outage:
      row.failing_since_ms === null ? null : { sinceMs: row.failing_since_ms as number, lastMs: row.failed_last_ms as number },
    createdAtMs: row.created_at_ms as number,
  }
}

function deliveryRow(row: Record<string, unknown>): DeliveryRow {
  return {
    subject: row.invoice_id as string,
    eventId: row.event_id as string,
    endpointId: row.endpoint_id as string,
    type: row.type as string,
    body: row.body as string,
    state: row.state as DeliveryState,
    attempts: row.attempts as number,
    dueAtMs: row.due_at_ms as number | null,
    lastStatus: row.last_status as number | null,
    lastError: row.last_error as string | null,
  }
}
