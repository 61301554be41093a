import type { PaymentFact, PaymentObservation } from '../chain/rpc.ts'
import type { SettledPayment } from '../gateways/lightning/node.ts'
import { OUTBOX_TABLE, type Sql } from '../lib/outbox.ts'
import type { GivenInvoice, IndexedInvoice, LightningWish, NodeName } from './rpc.ts'
import { TRANSFER_TABLES } from './transfers/tables.ts'

/**
 * The rows of one Lightning node. `invoices` are those of the node (BOLT 11); several may belong to one of ours, each for
 * what was due when it was made. They stay for ever. See docs/storage-schema.md.
 */
const TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS node (
    id INTEGER PRIMARY KEY CHECK (id = 1), rail TEXT NOT NULL, name TEXT NOT NULL, merchant_id TEXT NOT NULL,
    since_ms INTEGER NOT NULL, cursor TEXT, answered_ms INTEGER, error TEXT
  )`,
  `CREATE TABLE IF NOT EXISTS invoices (
    idx INTEGER PRIMARY KEY, invoice_id TEXT NOT NULL, units TEXT NOT NULL, memo TEXT NOT NULL, expires_ms INTEGER NOT NULL,
    closes_ms INTEGER NOT NULL, state TEXT NOT NULL, cancel INTEGER NOT NULL DEFAULT 0, bolt11 TEXT, payment_hash TEXT,
    paid_units TEXT, paid_ms INTEGER
  )`,
  'CREATE INDEX IF NOT EXISTS invoices_invoice ON invoices (invoice_id)',
  'CREATE INDEX IF NOT EXISTS invoices_hash ON invoices (payment_hash) WHERE payment_hash IS NOT NULL',
  "CREATE INDEX IF NOT EXISTS invoices_open ON invoices (closes_ms) WHERE state = 'open'",
  "CREATE INDEX IF NOT EXISTS invoices_cancel ON invoices (idx) WHERE state = 'open' AND cancel = 1",
  OUTBOX_TABLE,
  ...TRANSFER_TABLES,
]

/**
 * wanted: the node was asked to make it, and nobody has seen it. open: it may be paid. closed: its time is over and the node
 * was asked: it is not paid.
 */
export type NodeInvoiceState = 'wanted' | 'open' | 'paid' | 'closed'

/** How far the node was asked to take an invoice back. */
const CANCEL = { none: 0, wanted: 1, asked: 2 } as const

/** One invoice of the node. */
export interface NodeInvoice {
  readonly index: number
  readonly invoiceId: string
  readonly units: bigint
  readonly memo: string
  readonly expiresAtMs: number
  readonly closesAtMs: number
  readonly state: NodeInvoiceState
  /** The node was, or is to be, asked to take it back: it is shown to nobody any more. */
  readonly isCancelled: boolean
  readonly bolt11: string | null
  readonly paymentHash: string | null
  /** Whole satoshi that were paid. */
  readonly paidUnits: bigint | null
  readonly paidAtMs: number | null
}

export interface NodeRow extends NodeName {
  readonly merchantId: string
  readonly sinceMs: number
  readonly cursor: string | null
  readonly answeredAtMs: number | null
  readonly error: string | null
}

export function migrate(sql: Sql): void {
  for (const statement of TABLES) sql.exec(statement)
}

export function isMigrated(sql: Sql): boolean {
  return sql.exec("SELECT 1 AS found FROM sqlite_master WHERE name = 'node'").toArray().length > 0
}

export function readNode(sql: Sql): NodeRow | null {
  const row = sql.exec('SELECT rail, name, merchant_id, since_ms, cursor, answered_ms, error FROM node').toArray()[0]
  if (!row) return null
  return {
    chainId: row.rail as string,
    name: row.name as string,
    merchantId: row.merchant_id as string,
    sinceMs: row.since_ms as number,
    cursor: row.cursor as string | null,
    answeredAtMs: row.answered_ms as number | null,
    error: row.error as string | null,
  }
}

export function writeNode(sql: Sql, { chainId, name, merchantId, sinceMs, cursor, answeredAtMs, error }: NodeRow): void {
  const statement = `INSERT OR REPLACE INTO node (id, rail, name, merchant_id, since_ms, cursor, answered_ms, error)
    VALUES (1, ?, ?, ?, ?, ?, ?, ?)`
  sql.exec(statement, chainId, name, merchantId, sinceMs, cursor, answeredAtMs, error)
}

export function insertWanted(sql: Sql, wish: LightningWish, closesAtMs: number): NodeInvoice {
  const statement = `INSERT INTO invoices (idx, invoice_id, units, memo, expires_ms, closes_ms, state)
    SELECT COALESCE(MAX(idx) + 1, 0), ?, ?, ?, ?, ?, 'wanted' FROM invoices WHERE true RETURNING *`
  const { invoiceId, units, memo, expiresAtMs } = wish
  return read(sql.exec(statement, invoiceId, String(units), memo, expiresAtMs, closesAtMs).toArray()[0] as Row)
}

export function invoiceAt(sql: Sql, index: number): NodeInvoice | null {
  return select(sql, 'idx = ?', [index], 1)[0] ?? null
}

/** The newest first. */
export function invoicesOf(sql: Sql, invoiceId: string, limit: number): NodeInvoice[] {
  return select(sql, 'invoice_id = ? ORDER BY idx DESC', [invoiceId], limit)
}

/** Those from this number on that the node has made, the oldest first. */
export function invoicesFrom(sql: Sql, fromIndex: number, limit: number): NodeInvoice[] {
  return select(sql, "idx >= ? AND state != 'wanted' ORDER BY idx", [fromIndex], limit)
}

export function invoiceByHash(sql: Sql, paymentHash: string): NodeInvoice | null {
  return select(sql, 'payment_hash = ?', [paymentHash], 1)[0] ?? null
}

/** Those whose time is over, the oldest first. */
export function closingInvoices(sql: Sql, nowMs: number, limit: number): NodeInvoice[] {
  return select(sql, "state = 'open' AND closes_ms <= ? ORDER BY closes_ms", [nowMs], limit)
}

export function openInvoices(sql: Sql, limit: number): NodeInvoice[] {
  return select(sql, "state = 'open' ORDER BY closes_ms DESC", [], limit)
}

export function cancelInvoices(sql: Sql, limit: number): NodeInvoice[] {
  return select(sql, `state = 'open' AND cancel = ${CANCEL.wanted}`, [], limit)
}

/** When the first of those that may be paid closes; null when none may. */
export function firstClosingMs(sql: Sql): number | null {
  return sql.exec("SELECT MIN(closes_ms) AS ms FROM invoices WHERE state = 'open'").toArray()[0]?.ms as number | null
}

/** They are numbered from 0, and none is ever taken away. */
export function countInvoices(sql: Sql): number {
  return ((sql.exec('SELECT MAX(idx) AS last FROM invoices').toArray()[0]?.last as number | null) ?? -1) + 1
}

export function openInvoice(sql: Sql, index: number, bolt11: string, paymentHash: string): void {
  const statement = "UPDATE invoices SET state = 'open', bolt11 = ?, payment_hash = ? WHERE idx = ? AND state = 'wanted'"
  sql.exec(statement, bolt11, paymentHash, index)
}

export function markCancel(sql: Sql, index: number, cancel: 'wanted' | 'asked'): void {
  sql.exec("UPDATE invoices SET cancel = ? WHERE idx = ? AND state = 'open'", CANCEL[cancel], index)
}

export function closeInvoice(sql: Sql, index: number): void {
  sql.exec("UPDATE invoices SET state = 'closed' WHERE idx = ? AND state = 'open'", index)
}

/**
 * Whole satoshi: what of a payment is less is not counted. A paid invoice was paid with what it asks for at least (BOLT 4),
 * also where the node tells what fees have left of it.
 */
export function payInvoice(sql: Sql, { index, units }: NodeInvoice, { msat, atMs }: SettledPayment): NodeInvoice {
  const paid = msat / 1_000n > units ? msat / 1_000n : units
  const statement = "UPDATE invoices SET state = 'paid', paid_units = ?, paid_ms = ? WHERE idx = ? RETURNING *"
  return read(sql.exec(statement, String(paid), atMs, index).toArray()[0] as Row)
}

/** Those whose time has been over since before then, whatever the node says later. */
export function closeForgotten(sql: Sql, beforeMs: number): void {
  sql.exec("UPDATE invoices SET state = 'closed' WHERE state = 'open' AND closes_ms < ?", beforeMs)
}

export function labelOf({ invoiceId, index }: Pick<NodeInvoice, 'invoiceId' | 'index'>): string {
  return `${invoiceId}.${index}`
}

export function givenOf({ index, invoiceId, bolt11, paidUnits }: NodeInvoice): GivenInvoice {
  return { index, invoiceId, bolt11: bolt11 ?? '', paidUnits }
}

export function indexed(invoice: NodeInvoice): IndexedInvoice {
  return { index: invoice.index, label: labelOf(invoice), paymentHash: invoice.paymentHash ?? '' }
}

/** What an invoice is told of a payment: final at once. */
export function observationOf(
  { paymentHash, paidUnits, paidAtMs }: NodeInvoice,
  { chainId, assetCode, walletId }: { readonly chainId: string; readonly assetCode: string; readonly walletId: string },
): PaymentObservation {
  return {
    key: `${chainId}/${paymentHash}/${walletId}`,
    revision: 1,
    chainId,
    txid: paymentHash ?? '',
    index: walletId,
    assetCode,
    units: paidUnits ?? 0n,
    status: 'confirmed',
    confirmations: 1,
    height: null,
    blockHash: null,
    seenAtMs: paidAtMs ?? 0,
    replacedBy: null,
  }
}

export function factOf(invoice: NodeInvoice, observation: PaymentObservation): PaymentFact {
  const { key, assetCode, units, status, confirmations } = observation
  return { key, invoiceId: invoice.invoiceId, assetCode, units, status, confirmations }
}

type Row = Readonly<Record<string, unknown>>

function select(sql: Sql, where: string, values: readonly (string | number)[], limit: number): NodeInvoice[] {
  return sql
    .exec(`SELECT * FROM invoices WHERE ${where} LIMIT ?`, ...values, limit)
    .toArray()
    .map(read)
}

function read(row: Row): NodeInvoice {
  return {
    index: row.idx as number,
    invoiceId: row.invoice_id as string,
    units: BigInt(row.units as string),
    memo: row.memo as string,
    expiresAtMs: row.expires_ms as number,
    closesAtMs: row.closes_ms as number,
    state: row.state as NodeInvoiceState,
    isCancelled: row.cancel !== CANCEL.none,
    bolt11: row.bolt11 as string | null,
    paymentHash: row.payment_hash as string | null,
    paidUnits: row.paid_units === null ? null : BigInt(row.paid_units as string),
    paidAtMs: row.paid_ms as number | null,
  }
}
