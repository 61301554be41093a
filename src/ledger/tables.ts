import { decodeJson, encodeJson } from '../lib/json.ts'
import type { Sql } from '../lib/outbox.ts'
import type { InvoiceBook } from './positions.ts'
import type { Reservation } from './rpc.ts'
import type { Head } from './seal.ts'
import type { Balances, Difference, LedgerEntry } from './types.ts'

/**
 * The rows of one merchant's ledger (docs/storage-schema.md). A commit is one row: the transactions that one call made,
 * named by the last of them. `told`: D1 had everything up to this number when the row was written.
 */
const TABLES: readonly string[] = [
  'CREATE TABLE ledger (id INTEGER PRIMARY KEY CHECK (id = 1), merchant_id TEXT, shard INTEGER)',
  'CREATE TABLE commits (no INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, body TEXT NOT NULL, told INTEGER NOT NULL)',
  'CREATE TABLE heard (invoice_id TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID',
  'CREATE TABLE snapshots (no INTEGER PRIMARY KEY, hash TEXT NOT NULL, at_ms INTEGER NOT NULL, stores TEXT NOT NULL)',
  `CREATE TABLE reservations (
    key TEXT PRIMARY KEY, store_id TEXT NOT NULL, cause TEXT NOT NULL, asset TEXT NOT NULL, amount TEXT NOT NULL,
    transfer_id TEXT NOT NULL, invoice_id TEXT, expires_at_ms INTEGER, state TEXT NOT NULL
  ) WITHOUT ROWID`,
  "CREATE INDEX reservations_expiring ON reservations (expires_at_ms) WHERE state = 'open' AND expires_at_ms IS NOT NULL",
  `CREATE TABLE refusals (
    key TEXT NOT NULL, wanted_at_ms INTEGER NOT NULL, refusal TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (key, wanted_at_ms)
  ) WITHOUT ROWID`,
  `CREATE TABLE differences (
    id TEXT NOT NULL, detail TEXT NOT NULL, kind TEXT NOT NULL, store_id TEXT, since_ms INTEGER NOT NULL,
    cleared_at_ms INTEGER, cleared_by TEXT, cleared_reason TEXT, PRIMARY KEY (id, detail)
  ) WITHOUT ROWID`,
]

export interface CommitBody {
  /** At least one. */
  readonly entries: readonly LedgerEntry[]
  /** What the invoice has said, when the commit is of one. */
  readonly invoice: InvoiceBook | null
}

/** Every store, as of a transaction. */
export interface Snapshot extends Head {
  readonly stores: Readonly<Record<string, StoreState>>
}

export interface StoreState {
  /** Number of its newest transaction. */
  readonly no: number
  readonly balances: Balances
}

export function hasTables(sql: Sql): boolean {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'commits'").toArray().length > 0
}

export function createTables(sql: Sql): void {
  for (const statement of TABLES) sql.exec(statement)
}

/** The first word on whose ledger this is stands. */
export function saveOwner(sql: Sql, merchantId: string, shard: number): void {
  sql.exec('INSERT INTO ledger (id, merchant_id, shard) VALUES (1, ?, ?)', merchantId, shard)
}

export function loadOwner(sql: Sql): { merchantId: string; shard: number } | null {
  const row = sql.exec('SELECT merchant_id, shard FROM ledger').toArray()[0]
  return row ? { merchantId: row.merchant_id as string, shard: row.shard as number } : null
}

export function insertCommit(sql: Sql, key: string, body: CommitBody, told: number): void {
  const no = body.entries.at(-1)?.transaction.no as number
  sql.exec('INSERT INTO commits (no, key, body, told) VALUES (?, ?, ?, ?)', no, key, encodeJson(body), told)
}

/** Commits after a transaction, oldest first. */
export function commitsAfter(sql: Sql, no: number, limit: number): CommitBody[] {
  return bodies(sql.exec('SELECT body FROM commits WHERE no > ? ORDER BY no LIMIT ?', no, limit))
}

export function commitsBetween(sql: Sql, afterNo: number, upToNo: number): CommitBody[] {
  return bodies(sql.exec('SELECT body FROM commits WHERE no > ? AND no <= ? ORDER BY no', afterNo, upToNo))
}

export function commitByKey(sql: Sql, key: string): CommitBody | null {
  return bodies(sql.exec('SELECT body FROM commits WHERE key = ?', key))[0] ?? null
}

/** Commits whose keys begin with `prefix`, after a transaction, oldest first. Found by their keys, however long the log is. */
export function commitsUnder(sql: Sql, prefix: string, no: number, limit: number): CommitBody[] {
  const [from, to] = range(prefix)
  const found = 'SELECT no FROM commits WHERE key >= ? AND key < ? AND +no > ? ORDER BY +no LIMIT ?'
  return bodies(sql.exec(`SELECT body FROM commits WHERE no IN (${found}) ORDER BY no`, from, to, no, limit))
}

export function lastCommitUnder(sql: Sql, prefix: string): CommitBody | null {
  const [from, to] = range(prefix)
  return bodies(sql.exec('SELECT body FROM commits WHERE key >= ? AND key < ? ORDER BY key DESC LIMIT 1', from, to))[0] ?? null
}

/** What was known to be in D1 when the newest commit was written; 0 before the first. */
export function loadTold(sql: Sql): number {
  return (sql.exec('SELECT told FROM commits ORDER BY no DESC LIMIT 1').toArray()[0]?.told as number | undefined) ?? 0
}

/** The newest version of an invoice that had nothing to post; 0 when there was none. */
export function heardVersion(sql: Sql, invoiceId: string): number {
  return (sql.exec('SELECT version FROM heard WHERE invoice_id = ?', invoiceId).toArray()[0]?.version as number | undefined) ?? 0
}

export function saveHeard(sql: Sql, invoiceId: string, version: number): void {
  sql.exec('INSERT OR REPLACE INTO heard (invoice_id, version) VALUES (?, ?)', invoiceId, version)
}

export function insertSnapshot(sql: Sql, { no, hash, atMs, stores }: Snapshot): void {
  sql.exec('INSERT INTO snapshots (no, hash, at_ms, stores) VALUES (?, ?, ?, ?)', no, hash, atMs, encodeJson(stores))
}

export function lastSnapshot(sql: Sql): Snapshot | null {
  return snapshots(sql.exec('SELECT * FROM snapshots ORDER BY no DESC LIMIT 1'))[0] ?? null
}

/** A segment ends with each snapshot, and the newest is open. */
export function countSegments(sql: Sql): number {
  return (sql.exec('SELECT COUNT(*) AS n FROM snapshots').toArray()[0]?.n as number) + 1
}

/** The snapshots that segment `segment` begins and ends with; the first has no beginning, the last no end. */
export function snapshotsAround(sql: Sql, segment: number): { from: Snapshot | null; to: Snapshot | null } {
  const at = (offset: number) => snapshots(sql.exec('SELECT * FROM snapshots ORDER BY no LIMIT 1 OFFSET ?', offset))[0] ?? null
  return { from: segment === 0 ? null : at(segment - 1), to: at(segment) }
}

export function insertReservation(sql: Sql, reservation: Reservation): void {
  sql.exec(
    `INSERT INTO reservations (key, store_id, cause, asset, amount, transfer_id, invoice_id, expires_at_ms, state)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    reservation.key,
    reservation.storeId,
    reservation.cause,
    reservation.asset,
    reservation.amount.toString(),
    reservation.transferId,
    reservation.invoiceId,
    reservation.expiresAtMs,
    reservation.state,
  )
}

export function findReservation(sql: Sql, key: string): Reservation | null {
  return reservations(sql.exec('SELECT * FROM reservations WHERE key = ?', key))[0] ?? null
}

export function closeReservation(sql: Sql, key: string, state: 'posted' | 'released'): void {
  sql.exec('UPDATE reservations SET state = ? WHERE key = ?', state, key)
}

export function expiredReservations(sql: Sql, nowMs: number, limit: number): Reservation[] {
  const where = "state = 'open' AND expires_at_ms IS NOT NULL AND expires_at_ms <= ?"
  return reservations(sql.exec(`SELECT * FROM reservations WHERE ${where} ORDER BY expires_at_ms LIMIT ?`, nowMs, limit))
}

/** When the next open reservation runs out, or null. */
export function nextExpiryMs(sql: Sql): number | null {
  const where = "state = 'open' AND expires_at_ms IS NOT NULL"
  return (sql.exec(`SELECT MIN(expires_at_ms) AS at FROM reservations WHERE ${where}`).toArray()[0]?.at as number | null) ?? null
}

/** The same sentence about the same thing again changes nothing, also when a person has cleared it. */
export function insertDifference(sql: Sql, { id, detail, kind, storeId, sinceMs }: Difference): void {
  sql.exec(
    'INSERT INTO differences (id, detail, kind, store_id, since_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    id,
    detail,
    kind,
    storeId,
    sinceMs,
  )
}

export function openDifferences(sql: Sql): Difference[] {
  return sql
    .exec('SELECT * FROM differences WHERE cleared_at_ms IS NULL ORDER BY since_ms, id')
    .toArray()
    .map((row) => ({
      id: row.id as string,
      kind: row.kind as Difference['kind'],
      storeId: row.store_id as string | null,
      detail: row.detail as string,
      sinceMs: row.since_ms as number,
    }))
}

export function clearDifference(sql: Sql, id: string, by: string, reason: string, nowMs: number): void {
  sql.exec(
    'UPDATE differences SET cleared_at_ms = ?, cleared_by = ?, cleared_reason = ? WHERE id = ? AND cleared_at_ms IS NULL',
    nowMs,
    by,
    reason,
    id,
  )
}

type Rows = ReturnType<Sql['exec']>

function bodies(rows: Rows): CommitBody[] {
  return rows.toArray().map((row) => decodeJson<CommitBody>(row.body as string))
}

function snapshots(rows: Rows): Snapshot[] {
  return rows.toArray().map((row) => ({
    no: row.no as number,
    hash: row.hash as string,
    atMs: row.at_ms as number,
    stores: decodeJson<Snapshot['stores']>(row.stores as string),
  }))
}

function reservations(rows: Rows): Reservation[] {
  return rows.toArray().map((row) => ({
    key: row.key as string,
    storeId: row.store_id as string,
    cause: row.cause as Reservation['cause'],
    asset: row.asset as string,
    amount: BigInt(row.amount as string),
    transferId: row.transfer_id as string,
    invoiceId: row.invoice_id as string | null,
    expiresAtMs: row.expires_at_ms as number | null,
    state: row.state as Reservation['state'],
  }))
}

/** All keys that begin with `prefix`. */
function range(prefix: string): [string, string] {
  return [prefix, `${prefix}\u{10ffff}`]
}
