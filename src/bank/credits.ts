import type { Movement } from '../gateways/sepa/camt.ts'
import { decodeJson } from '../lib/json.ts'
import type { Sql } from '../lib/outbox.ts'
import type { Entry } from './entries.ts'
import type { Book } from './take.ts'

/** What came in for invoices, asked of the rows of entries (tables.ts). */

/** Credits of an invoice that are looked at, and for one return by each of its clues. An invoice takes a hundred payments. */
const CREDITS_MAX = 1_000
/** Cents are added up by quotient and remainder of this. */
const SUM_PART = 1_000_000_000

const IS_BOOKED_CREDIT = `json_extract(body, '$.direction') = 'credit' AND json_extract(body, '$.place') = 'booked'`
/** Amounts stand in the body as `encodeJson` writes them. */
const centsAt = (name: string) => `CAST(substr(json_extract(body, '$.${name}'), 3) AS INTEGER)`
/** Of an entry, what was not taken back. */
const LEFT = `(${centsAt('cents')} - ${centsAt('returnedCents')})`

/** Cents that came in for an invoice less those that were taken back, over all of its entries. */
export function sumsOfInvoice(sql: Sql, invoiceId: string): { readonly confirmed: bigint; readonly pending: bigint } {
  // Two parts, so that no sum leaves what a number holds exactly.
  const rows = sql
    .exec(
      `SELECT json_extract(body, '$.place') AS place, SUM(${LEFT} / ${SUM_PART}) AS high, SUM(${LEFT} % ${SUM_PART}) AS low
         FROM entries WHERE invoice_id = ? AND json_extract(body, '$.direction') = 'credit' GROUP BY place`,
      invoiceId,
    )
    .toArray()
  const sumOf = (place: Entry['place']) => {
    const row = rows.find((one) => one.place === place)
    return row ? BigInt(row.high as number) * BigInt(SUM_PART) + BigInt(row.low as number) : 0n
  }
  return { confirmed: sumOf('booked'), pending: sumOf('pending') }
}

/** What came in for an invoice and is booked, oldest first. */
export function creditsOfInvoice(sql: Sql, invoiceId: string): Entry[] {
  const rows = sql.exec(`SELECT body FROM entries WHERE invoice_id = ? AND ${IS_BOOKED_CREDIT} LIMIT ?`, invoiceId, CREDITS_MAX)
  return entriesIn(rows.toArray()).sort((one, other) => one.atMs - other.atMs)
}

/** As `Book` has it. */
export function creditsFor(
  sql: Sql,
  { cents, endToEndId, bankReference }: Movement,
  invoiceId: string | null,
): ReturnType<Book['creditsFor']> {
  const clue = (column: string) =>
    `SELECT id FROM (SELECT id FROM entries WHERE invoice_id IS NOT NULL AND ${column} = ? LIMIT ${CREDITS_MAX})`
  const rows = sql
    .exec(
      `WITH asked AS (${['invoice_id', 'end_to_end_id', 'bank_reference'].map(clue).join(' UNION ')})
       SELECT body, MIN(invoice_id) OVER () = MAX(invoice_id) OVER () AS are_of_one FROM entries
         WHERE id IN asked AND ${IS_BOOKED_CREDIT} AND ${LEFT} >= CAST(? AS INTEGER)
         ORDER BY ${LEFT} = CAST(? AS INTEGER) DESC, IFNULL(end_to_end_id = ?, 0) DESC LIMIT 2`,
      invoiceId,
      endToEndId,
      bankReference,
      String(cents),
      String(cents),
      endToEndId,
    )
    .toArray()
  return { likeliest: entriesIn(rows), areOfOne: rows[0]?.are_of_one === 1 }
}

function entriesIn(rows: readonly Readonly<Record<string, unknown>>[]): Entry[] {
  return rows.map(({ body }) => decodeJson<Entry>(body as string))
}
