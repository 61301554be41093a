import type { PaymentFact } from '../chain/rpc.ts'
import type { BankAccount } from '../gateways/sepa/address.ts'
import { idOfName } from '../gateways/sepa/pain001.ts'
import { referenceOf } from '../gateways/sepa/reference.ts'
import { decodeJson, encodeJson } from '../lib/json.ts'
import { OUTBOX_TABLE, type Sql } from '../lib/outbox.ts'
import { assert } from '../lib/result.ts'
import type { StatementLink } from './balances.ts'
import { creditsFor } from './credits.ts'
import { batchKey, type Entry, factsKey, observationOf, referenceKey } from './entries.ts'
import type { ImportReport } from './rpc.ts'
import { type Book, isUnmatched } from './take.ts'
import { TRANSFER_TABLES, transferAt } from './transfers/tables.ts'

/**
 * The rows of one bank account. Entries stay for ever: only who knows all of them can tell a new one. See
 * docs/storage-schema.md.
 */
const TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS account (
    id INTEGER PRIMARY KEY CHECK (id = 1), iban TEXT NOT NULL, bic TEXT, holder TEXT NOT NULL, merchant_id TEXT NOT NULL
  )`,
  `CREATE TABLE IF NOT EXISTS refs (
    idx INTEGER PRIMARY KEY, reference TEXT NOT NULL UNIQUE, invoice_id TEXT NOT NULL UNIQUE
  )`,
  'CREATE TABLE IF NOT EXISTS files (hash TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, report TEXT NOT NULL) WITHOUT ROWID',
  `CREATE TABLE IF NOT EXISTS statements (
    date TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (date, id)
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS entries (
    id TEXT PRIMARY KEY, date TEXT NOT NULL, facts_key TEXT NOT NULL, reference_key TEXT, batch_key TEXT,
    invoice_id TEXT, end_to_end_id TEXT, bank_reference TEXT, pending INTEGER NOT NULL, unmatched INTEGER NOT NULL, body TEXT NOT NULL
  ) WITHOUT ROWID`,
  'CREATE INDEX IF NOT EXISTS entries_facts ON entries (facts_key)',
  'CREATE INDEX IF NOT EXISTS entries_reference ON entries (reference_key) WHERE reference_key IS NOT NULL',
  'CREATE INDEX IF NOT EXISTS entries_batch ON entries (batch_key) WHERE batch_key IS NOT NULL',
  'CREATE INDEX IF NOT EXISTS entries_invoice ON entries (invoice_id) WHERE invoice_id IS NOT NULL',
  'CREATE INDEX IF NOT EXISTS entries_end ON entries (end_to_end_id) WHERE invoice_id IS NOT NULL AND end_to_end_id IS NOT NULL',
  'CREATE INDEX IF NOT EXISTS entries_bank ON entries (bank_reference) WHERE invoice_id IS NOT NULL AND bank_reference IS NOT NULL',
  'CREATE INDEX IF NOT EXISTS entries_pending ON entries (date) WHERE pending = 1',
  'CREATE INDEX IF NOT EXISTS entries_unstated ON entries (date) WHERE pending = 2',
  'CREATE INDEX IF NOT EXISTS entries_unmatched ON entries (date, id) WHERE unmatched = 1',
  `CREATE INDEX IF NOT EXISTS entries_returns ON entries (date) WHERE unmatched = 1 AND json_extract(body, '$.takesBack')`,
  'CREATE TABLE IF NOT EXISTS differences (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID',
  OUTBOX_TABLE,
  ...TRANSFER_TABLES,
]

/** Entries with one key that are looked at. More equal ones without a reference on one day count as these. */
const LIKE_MAX = 200
/** Links that the standing is made from: over a year of daily statements. Older ones have been joined long since. */
const LINKS_MAX = 500
const PENDING_MAX = 1_000
/** Two invoices have one 53-bit reference once in a lifetime; a second attempt is always another. */
const ATTEMPTS_MAX = 20

export function migrate(sql: Sql): void {
  for (const statement of TABLES) sql.exec(statement)
}

export interface AccountRow extends BankAccount {
  readonly merchantId: string
}

export function readAccount(sql: Sql): AccountRow | null {
  const row = sql.exec('SELECT iban, bic, holder, merchant_id FROM account').toArray()[0]
  if (!row) return null
  const { iban, bic, holder } = row as unknown as BankAccount
  return { iban, bic, holder, merchantId: row.merchant_id as string }
}

export function writeAccount(sql: Sql, { iban, bic, holder, merchantId }: AccountRow): void {
  const statement = 'INSERT OR REPLACE INTO account (id, iban, bic, holder, merchant_id) VALUES (1, ?, ?, ?, ?)'
  sql.exec(statement, iban, bic, holder, merchantId)
}

/** The invoice's reference and its number, given out once and for ever. */
export function referenceFor(sql: Sql, invoiceId: string): { reference: string; index: number } {
  const known = sql.exec('SELECT reference, idx FROM refs WHERE invoice_id = ?', invoiceId).toArray()[0]
  if (known) return { reference: known.reference as string, index: known.idx as number }
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const reference = referenceOf(invoiceId, attempt)
    const statement = `INSERT INTO refs (idx, reference, invoice_id) SELECT COALESCE(MAX(idx) + 1, 0), ?, ? FROM refs WHERE true
      ON CONFLICT (reference) DO NOTHING RETURNING idx`
    const made = sql.exec(statement, reference, invoiceId).toArray()[0]
    if (made) return { reference, index: made.idx as number }
  }
  assert(false, 'a reference is free')
}

/** Null when the invoice was never shown this account. */
export function referenceKnown(sql: Sql, invoiceId: string): string | null {
  const row = sql.exec('SELECT reference FROM refs WHERE invoice_id = ?', invoiceId).toArray()[0]
  return (row?.reference as string | undefined) ?? null
}

/** A creditor reference that was given out. */
export interface Reference {
  readonly index: number
  readonly reference: string
  readonly invoiceId: string
}

export function countReferences(sql: Sql): number {
  return sql.exec('SELECT COALESCE(MAX(idx) + 1, 0) AS n FROM refs').toArray()[0]?.n as number
}

/** From this number on. */
export function referencesFrom(sql: Sql, index: number, limit: number): Reference[] {
  return referencesOf(sql, 'idx >= ? ORDER BY idx', index, limit)
}

export function referenceAt(sql: Sql, reference: string): Reference | null {
  return referencesOf(sql, 'reference = ?', reference, 1)[0] ?? null
}

function referencesOf(sql: Sql, where: string, value: string | number, limit: number): Reference[] {
  const rows = sql.exec(`SELECT idx, reference, invoice_id FROM refs WHERE ${where} LIMIT ?`, value, limit).toArray()
  return rows.map((row) => ({ index: row.idx as number, reference: row.reference as string, invoiceId: row.invoice_id as string }))
}

export function invoiceAt(sql: Sql, index: number): string | null {
  return (sql.exec('SELECT invoice_id FROM refs WHERE idx = ?', index).toArray()[0]?.invoice_id as string | undefined) ?? null
}

export function readReport(sql: Sql, hash: string): ImportReport | null {
  const row = sql.exec('SELECT report FROM files WHERE hash = ?', hash).toArray()[0]
  return row ? decodeJson<ImportReport>(row.report as string) : null
}

export function writeReport(sql: Sql, hash: string, atMs: number, report: ImportReport): void {
  sql.exec('INSERT INTO files (hash, at_ms, report) VALUES (?, ?, ?)', hash, atMs, encodeJson(report))
}

export function putLink(sql: Sql, link: StatementLink): void {
  sql.exec('INSERT OR REPLACE INTO statements (date, id, body) VALUES (?, ?, ?)', link.date, nameOf(link), encodeJson(link))
}

/** As the same statement was when it came before. */
export function linkAt(sql: Sql, link: StatementLink): StatementLink | null {
  const row = sql.exec('SELECT body FROM statements WHERE date = ? AND id = ?', link.date, nameOf(link)).toArray()[0]
  return row ? decodeJson<StatementLink>(row.body as string) : null
}

/** Some banks give the statements of a day one id. */
function nameOf({ id, sequence }: StatementLink): string {
  return sequence === null ? id : `${id} ${sequence}`
}

export function readLinks(sql: Sql): StatementLink[] {
  const rows = sql.exec('SELECT body FROM statements ORDER BY date DESC, id DESC LIMIT ?', LINKS_MAX).toArray()
  return rows.map(({ body }) => decodeJson<StatementLink>(body as string))
}

export function entryAt(sql: Sql, id: string): Entry | null {
  return entriesOf(sql, 'id = ?', [id], 1)[0] ?? null
}

export function entriesUnmatched(sql: Sql, after: string | null, limit: number): Entry[] {
  const [date = '', id = ''] = (after ?? '').split('/')
  return entriesOf(sql, 'unmatched = 1 AND (date, id) > (?, ?) ORDER BY date, id', [date, id], limit)
}

/** Booked by the bank's notice between two days, neither included, and in no statement. */
export function entriesUnstated(sql: Sql, after: string, before: string, limit: number): Entry[] {
  return entriesOf(sql, 'pending = 2 AND date > ? AND date < ? ORDER BY date', [after, before], limit)
}

/** Money that no statement has yet, in and out: announced, or booked by the bank's notice on this day or later. */
export function entriesUnsettled(sql: Sql, from: string | null, limit: number): Entry[] {
  const noticed = from === null ? [] : entriesOf(sql, 'pending = 2 AND date >= ?', [from], limit)
  return [...entriesOf(sql, 'pending = 1', [], limit), ...noticed]
}

export function countUnmatched(sql: Sql): number {
  return sql.exec('SELECT COUNT(*) AS n FROM entries WHERE unmatched = 1').toArray()[0]?.n as number
}

export function factsOf(sql: Sql, walletId: string, keys: readonly string[]): PaymentFact[] {
  return keys.flatMap((key): PaymentFact[] => {
    const entry = entryAt(sql, key.split('/')[1] ?? '')
    if (!entry || entry.invoiceId === null) return []
    const { invoiceId } = entry
    const { key: own, assetCode, units, status, confirmations } = observationOf({ ...entry, invoiceId }, walletId)
    return own === key ? [{ key, invoiceId, assetCode, units, status, confirmations }] : []
  })
}

/** The book of `takeStatement`, on these rows; `changed` hears of each entry that is put. */
export function openBook(sql: Sql, changed: (entry: Entry) => void): Book {
  return {
    at: (id) => entryAt(sql, id),
    like: (key) =>
      [
        ...entriesOf(sql, 'facts_key = ? ORDER BY date DESC', [key], LIKE_MAX),
        ...entriesOf(sql, 'reference_key = ? ORDER BY date DESC', [key], LIKE_MAX),
      ].slice(0, LIKE_MAX),
    countLike: (key) => sql.exec('SELECT COUNT(*) AS n FROM entries WHERE facts_key = ?', key).toArray()[0]?.n as number,
    partsOf: (key) => entriesOf(sql, 'batch_key = ?', [key], LIKE_MAX),
    invoiceOf: (reference) => {
      const row = sql.exec('SELECT invoice_id FROM refs WHERE reference = ?', reference).toArray()[0]
      return (row?.invoice_id as string | undefined) ?? null
    },
    creditsFor: (taking, invoiceId) => creditsFor(sql, taking, invoiceId),
    countOf: (invoiceId) => sql.exec('SELECT COUNT(*) AS n FROM entries WHERE invoice_id = ?', invoiceId).toArray()[0]?.n as number,
    openReturns: () =>
      entriesOf(sql, `unmatched = 1 AND json_extract(body, '$.takesBack') ORDER BY date DESC`, [], LIKE_MAX).filter(
        ({ direction, place, doubtful }) => direction === 'debit' && place === 'booked' && !doubtful,
      ),
    pendingBefore: (date) => entriesOf(sql, 'pending = 1 AND date < ?', [date], PENDING_MAX),
    transferNamed: (endToEndId) => {
      const id = idOfName('tr', endToEndId)
      const transfer = id && transferAt(sql, id)
      if (!transfer) return null
      const { debit, credit } = transfer.facts
      const stands = (entry: typeof debit) => entry !== null && entry.place !== 'gone'
      return { id: transfer.wish.id, cents: transfer.wish.units, hasDebit: stands(debit), hasCredit: stands(credit) }
    },
    put: (entry) => {
      putEntry(sql, entry)
      changed(entry)
    },
    keep: (entry) => putEntry(sql, entry),
  }
}

export function putEntry(sql: Sql, entry: Entry): void {
  sql.exec(
    `INSERT OR REPLACE INTO entries
       (id, date, facts_key, reference_key, batch_key, invoice_id, end_to_end_id, bank_reference, pending, unmatched, body)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    entry.id,
    entry.date,
    factsKey(entry),
    referenceKey(entry),
    batchKey(entry),
    entry.invoiceId,
    entry.endToEndId,
    entry.bankReference,
    entry.place === 'pending' ? 1 : entry.place === 'booked' && entry.unstated ? 2 : 0,
    isUnmatched(entry) ? 1 : 0,
    encodeJson(entry),
  )
}

function entriesOf(sql: Sql, where: string, values: readonly string[], limit: number): Entry[] {
  const rows = sql.exec(`SELECT body FROM entries WHERE ${where} LIMIT ?`, ...values, limit).toArray()
  return rows.map(({ body }) => decodeJson<Entry>(body as string))
}
