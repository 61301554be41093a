import type { Cause, LedgerEntry, Transaction } from '../ledger/types.ts'
import { decodeJson, encodeJson } from '../lib/json.ts'

/** One row of `ledger_transactions`, as D1 gives it. */
export interface LedgerRow {
  readonly storeId: string
  readonly atMs: number
  readonly no: number
  readonly cause: string
  readonly invoiceId: string | null
  readonly body: string
  readonly balances: string
}

/** The place of a transaction in its ledger. */
export interface LedgerPosition {
  readonly atMs: number
  readonly no: number
}

/** For a list of columns to select, in the words of `LedgerRow`. */
export const ROW_COLUMNS = 'store_id AS storeId, at_ms AS atMs, no, cause, invoice_id AS invoiceId, body, balances'

/** What the columns say already. */
type InColumns = 'storeId' | 'atMs' | 'no' | 'cause' | 'invoiceId'

/** Fields that are left out of a body when they are null. */
const NULLS = { of: null, payment: null, transferId: null, by: null, reason: null }

/**
 * The body says only what the columns do not, and no nulls. A row of up to about 1,000 bytes fits into a page of its
 * table; a longer one takes another page of 4 KiB (sqlite.org/fileformat2.html, 1.6), so the words left out are most of
 * what a small store's row costs to keep.
 */
export function ledgerRow({ transaction, balances }: LedgerEntry): LedgerRow {
  const { storeId, atMs, no, cause, invoiceId, ...rest } = transaction
  const said = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null))
  return { storeId, atMs, no, cause, invoiceId, body: encodeJson(said), balances: encodeJson(balances) }
}

export function transactionOf({ storeId, atMs, no, cause, invoiceId, body }: Omit<LedgerRow, 'balances'>): Transaction {
  const said = decodeJson<Omit<Transaction, InColumns>>(body)
  return { ...NULLS, ...said, storeId, atMs, no, cause: cause as Cause, invoiceId }
}

/** Characters in one statement's parameter; D1 takes 2 MB, and a character is at most three bytes. */
const PARAMETER_CHARS_MAX = 500_000

const COLUMNS = 'INSERT INTO ledger_transactions (store_id, at_ms, no, cause, invoice_id, body, balances)'
const VALUES = 'SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6'
const OVERWRITE = `DO UPDATE SET cause = excluded.cause, invoice_id = excluded.invoice_id, body = excluded.body,
  balances = excluded.balances
  WHERE (cause, invoice_id, body, balances) IS NOT (excluded.cause, excluded.invoice_id, excluded.body, excluded.balances)`

/**
 * Statements that write these entries, some tens of kilobytes each time. What is there already is kept, or overwritten
 * where it differs; an equal row costs no write. One bound parameter each: D1 takes 100, a page has 700 values.
 */
export function writeStatements(
  shard: D1Database,
  entries: readonly LedgerEntry[],
  existing: 'keep' | 'overwrite',
): D1PreparedStatement[] {
  const sql = `${COLUMNS} ${VALUES} FROM json_each(?1) WHERE true ON CONFLICT ${existing === 'keep' ? 'DO NOTHING' : OVERWRITE}`
  return parameters(entries.map(ledgerRow)).map((parameter) => shard.prepare(sql).bind(parameter))
}

/** JSON of the rows in as few texts as may be. */
function parameters(rows: readonly LedgerRow[]): string[] {
  const parts: string[][] = []
  let chars = PARAMETER_CHARS_MAX
  for (const { storeId, atMs, no, cause, invoiceId, body, balances } of rows) {
    const text = JSON.stringify([storeId, atMs, no, cause, invoiceId, body, balances])
    chars += text.length
    if (chars > PARAMETER_CHARS_MAX) {
      parts.push([])
      chars = text.length
    }
    parts.at(-1)?.push(text)
  }
  return parts.map((part) => `[${part.join(',')}]`)
}
