import type { TrackedTransaction } from '../gateways/gateway.ts'
import type { Sql } from '../lib/outbox.ts'
import { isLoose, type PaymentRow, touchHeight } from './follow.ts'

/** Bounds what each look carries. Past it the oldest are still found in blocks, but no longer watched for conflicts. */
export const TRACKED_MAX = 5_000
/** A lost payment is given up so long after it was lost. Should it come in a block after all, it is taken as ever. */
const LOST_KEPT_MS = 30 * 24 * 3_600_000
/** Payments that come under the tag in one commit, about. What is more follows with the next look. */
const TAGGED_MAX = 1_000
/** Transaction ids in one query. */
const TXIDS_PAGE = 1_000

/** Payments that a batch with this floor touches by its blocks alone. */
export function paymentsAbove(sql: Sql, floor: number): PaymentRow[] {
  return sql.exec('SELECT * FROM payments WHERE touch_height > ?', floor).toArray().map(toPayment)
}

export function paymentsOf(sql: Sql, txids: Iterable<string>): PaymentRow[] {
  const all = [...txids]
  const rows: PaymentRow[] = []
  for (let i = 0; i < all.length; i += TXIDS_PAGE) {
    const page = JSON.stringify(all.slice(i, i + TXIDS_PAGE))
    rows.push(...sql.exec('SELECT * FROM payments WHERE txid IN (SELECT value FROM json_each(?))', page).toArray().map(toPayment))
  }
  return rows
}

/** Payments whose place one of these transactions has taken. */
export function paymentsReplacedBy(sql: Sql, txids: readonly string[]): PaymentRow[] {
  if (txids.length === 0) return []
  const gone = new Set(txids)
  return sql
    .exec("SELECT * FROM payments WHERE tracked = 1 AND status = 'replaced'")
    .toArray()
    .map(toPayment)
    .filter((row) => row.replacedBy !== null && gone.has(row.replacedBy))
}

export function paymentAt(sql: Sql, txid: string, index: string): PaymentRow | null {
  const row = sql.exec('SELECT * FROM payments WHERE txid = ? AND idx = ?', txid, index).toArray()[0]
  return row ? toPayment(row) : null
}

/**
 * The next payments to come under the finality tag as it goes from one height to another: whole blocks, and so many that a
 * commit can take them. `reached` is how far they are all of them.
 */
export function paymentsUnderTag(sql: Sql, from: number, to: number): { rows: PaymentRow[]; reached: number } {
  const under = 'FROM payments WHERE tag_height > ? AND tag_height <= ?'
  const last = sql.exec(`SELECT tag_height ${under} ORDER BY tag_height LIMIT 1 OFFSET ?`, from, to, TAGGED_MAX - 1).toArray()[0]
  const reached = (last?.tag_height as number | undefined) ?? to
  return { rows: sql.exec(`SELECT * ${under}`, from, reached).toArray().map(toPayment), reached }
}

/**
 * Writes a payment as the commit with this revision has it, which began at `atMs` by the clock of looks. `tagged`: the
 * chain has a finality tag, so that the payment is to be found when its block comes under it.
 */
export function putPayment(sql: Sql, row: PaymentRow, revision: number, atMs: number, tagged: boolean): void {
  sql.exec(
    `INSERT INTO payments (txid, idx, invoice_id, asset, units, spends, status, height, block_hash, seen_at_ms,
       replaced_by, conflict_height, notify_until, touch_height, tracked, revision, lost_at_ms, tag_height)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (txid, idx) DO UPDATE SET asset = excluded.asset, units = excluded.units, spends = excluded.spends,
       status = excluded.status, height = excluded.height, block_hash = excluded.block_hash,
       replaced_by = excluded.replaced_by, conflict_height = excluded.conflict_height,
       notify_until = excluded.notify_until, touch_height = excluded.touch_height, tracked = excluded.tracked,
       revision = excluded.revision, tag_height = excluded.tag_height,
       lost_at_ms = CASE WHEN excluded.lost_at_ms IS NOT NULL THEN COALESCE(lost_at_ms, excluded.lost_at_ms) END`,
    row.txid,
    row.index,
    row.invoiceId,
    row.assetCode,
    row.units.toString(),
    JSON.stringify(row.spends),
    row.status,
    row.height,
    row.blockHash,
    row.seenAtMs,
    row.replacedBy,
    row.conflictHeight,
    row.notifyUntil,
    touchHeight(row),
    isLoose(row.status) ? 1 : 0,
    revision,
    row.status === 'missing' || row.status === 'replaced' ? atMs : null,
    tagged ? row.height : null,
  )
}

export function putNotifyUntil(sql: Sql, row: PaymentRow): void {
  const statement = 'UPDATE payments SET notify_until = ?, touch_height = ? WHERE txid = ? AND idx = ?'
  sql.exec(statement, row.notifyUntil, touchHeight(row), row.txid, row.index)
}

/**
 * Payments whose invoices were to hear of them in commits after this one, with the revision of the last such commit:
 * the one that changed the payment, or the one with the last block that is a confirmation it was to be told of.
 */
export function paymentsToldAfter(sql: Sql, revision: number): { row: PaymentRow; revision: number }[] {
  const loose = sql.exec('SELECT *, revision AS told FROM payments WHERE tracked = 1 AND revision > ?', revision)
  const placed = sql.exec(
    `SELECT payments.*, MAX(payments.revision, blocks.revision) AS told FROM payments JOIN blocks
       ON blocks.height = MIN(payments.touch_height, (SELECT MAX(height) FROM blocks))
     WHERE touch_height >= (SELECT MIN(height) FROM blocks WHERE revision > ?1) AND told > ?1`,
    revision,
  )
  return [...loose.toArray(), ...placed.toArray()].map((row) => ({ row: toPayment(row), revision: row.told as number }))
}

/** Transactions whose coins are followed, the newest first, each once. */
export function trackedTransactions(sql: Sql): TrackedTransaction[] {
  return toTransactions(
    sql.exec('SELECT txid, spends FROM payments WHERE tracked = 1 ORDER BY seen_at_ms DESC LIMIT ?', TRACKED_MAX).toArray(),
  )
}

/** What a rollback to `height` would add to them. */
export function trackedAbove(sql: Sql, height: number): TrackedTransaction[] {
  const statement = `SELECT txid, spends FROM payments WHERE touch_height > ?1 AND (height > ?1 OR conflict_height > ?1)
    ORDER BY touch_height DESC LIMIT ${TRACKED_MAX}`
  return toTransactions(sql.exec(statement, height).toArray())
}

export function replacements(sql: Sql): string[] {
  return sql
    .exec("SELECT DISTINCT replaced_by FROM payments WHERE tracked = 1 AND status = 'replaced' LIMIT ?", TRACKED_MAX)
    .toArray()
    .map((row) => row.replaced_by as string)
}

/** Stops following payments that were lost long ago. `atMs` is by the clock of looks, as the time of the loss is. */
export function giveUpLost(sql: Sql, atMs: number): void {
  sql.exec('UPDATE payments SET tracked = 0 WHERE tracked = 1 AND lost_at_ms < ?', atMs - LOST_KEPT_MS)
}

function toTransactions(rows: Record<string, unknown>[]): TrackedTransaction[] {
  const byTxid = new Map<string, TrackedTransaction>()
  for (const row of rows) {
    const txid = row.txid as string
    if (!byTxid.has(txid)) byTxid.set(txid, { txid, spends: JSON.parse(row.spends as string) as string[] })
  }
  return [...byTxid.values()]
}

export function toPayment(row: Record<string, unknown>): PaymentRow {
  return {
    txid: row.txid as string,
    index: row.idx as string,
    invoiceId: row.invoice_id as string,
    assetCode: row.asset as string,
    units: BigInt(row.units as string),
    spends: JSON.parse(row.spends as string) as string[],
    status: row.status as PaymentRow['status'],
    height: row.height as number | null,
    blockHash: row.block_hash as string | null,
    seenAtMs: row.seen_at_ms as number,
    replacedBy: row.replaced_by as string | null,
    conflictHeight: row.conflict_height as number | null,
    notifyUntil: row.notify_until as number,
  }
}
