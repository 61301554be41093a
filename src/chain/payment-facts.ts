import type { Sql } from '../lib/outbox.ts'
import { confirmationsOf, type Depth, isFinalAt, type PaymentRow } from './follow.ts'
import { toPayment } from './payment-rows.ts'
import { PAYMENTS_PAGE_MAX, type PaymentFact, type PaymentsPage, type PaymentsPart } from './rpc.ts'

/** So many blocks before the tip the part `near` begins again: what they made final is looked at more than once. */
const NEAR_BLOCKS = 10

/**
 * A page of payments in the order of an index the table has anyway; `after` is what the page before answered as `next`.
 * The part `near` has no end: it goes on from shortly before the tip, so that each payment passes by once it is final.
 */
export function paymentsPage(
  sql: Sql,
  chainId: string,
  depth: Depth,
  part: PaymentsPart,
  after: string | null,
  limit: number,
): PaymentsPage {
  const tip = depth.tipHeight
  const most = Math.min(Math.max(1, limit), PAYMENTS_PAGE_MAX)
  const rows = rowsOf(sql, part, after, tip, most)
  const last = rows.length < most ? undefined : rows.at(-1)
  const end = part === 'near' ? `${tip - NEAR_BLOCKS}//` : null
  return { payments: rows.map((row) => factOf(chainId, toPayment(row), depth)), next: last ? cursorOf(part, last) : end }
}

/** Payments by their keys; those of other chains, and keys that are none, find nothing. */
export function paymentFacts(sql: Sql, chainId: string, depth: Depth, keys: readonly string[]): PaymentFact[] {
  const places = keys
    .slice(0, PAYMENTS_PAGE_MAX)
    .map((key) => key.split('/'))
    .filter(([chain, , , more]) => chain === chainId && more === undefined)
  const rows = sql
    .exec(
      `SELECT payments.* FROM json_each(?) AS asked JOIN payments
         ON txid = json_extract(asked.value, '$[1]') AND idx = json_extract(asked.value, '$[2]')`,
      JSON.stringify(places),
    )
    .toArray()
  return rows.map((row) => factOf(chainId, toPayment(row), depth))
}

type Row = Record<string, unknown>

function rowsOf(sql: Sql, part: PaymentsPart, after: string | null, tip: number, limit: number): Row[] {
  if (part === 'near') {
    const [height, txid = '', index = ''] = (after ?? `${tip - NEAR_BLOCKS}//`).split('/')
    return sql
      .exec(
        `SELECT * FROM payments WHERE touch_height IS NOT NULL AND (touch_height, txid, idx) > (?, ?, ?)
           ORDER BY touch_height, txid, idx LIMIT ?`,
        Number(height),
        txid,
        index,
        limit,
      )
      .toArray()
  }
  const [txid = '', index = ''] = (after ?? '').split('/')
  const where = part === 'loose' ? 'tracked = 1 AND' : ''
  return sql
    .exec(`SELECT * FROM payments WHERE ${where} (txid, idx) > (?, ?) ORDER BY txid, idx LIMIT ?`, txid, index, limit)
    .toArray()
}

function cursorOf(part: PaymentsPart, row: Row): string {
  return part === 'near' ? `${row.touch_height}/${row.txid}/${row.idx}` : `${row.txid}/${row.idx}`
}

function factOf(chainId: string, row: PaymentRow, depth: Depth): PaymentFact {
  const { txid, index, invoiceId, assetCode, units, status } = row
  const confirmations = confirmationsOf(row, depth.tipHeight)
  return { key: `${chainId}/${txid}/${index}`, invoiceId, assetCode, units, status, confirmations, final: isFinalAt(row, depth) }
}
