import type { BankWord } from '../../gateways/sepa/pain002.ts'
import { decodeJson, encodeJson } from '../../lib/json.ts'
import type { Sql } from '../../lib/outbox.ts'
import { tellAll } from '../../wallet/transfers/hearers.ts'
import { type KeptTransfer, statusOf, type TransferFacts } from './state.ts'
import type { PaymentFileInfo } from './types.ts'

/** The rows of money out of one bank account. They stay for ever: a return may come months later. See docs/storage-schema.md. */
export const TRANSFER_TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS transfers (
    id TEXT PRIMARY KEY, created_at_ms INTEGER NOT NULL, queued INTEGER NOT NULL, untold INTEGER NOT NULL, tell_at_ms INTEGER NOT NULL,
    steps TEXT NOT NULL, invoice_id TEXT, file_id TEXT, body TEXT NOT NULL
  ) WITHOUT ROWID`,
  'CREATE INDEX IF NOT EXISTS transfers_queued ON transfers (created_at_ms, id) WHERE queued = 1',
  'CREATE INDEX IF NOT EXISTS transfers_open ON transfers (id) WHERE queued > 0',
  'CREATE INDEX IF NOT EXISTS transfers_untold ON transfers (tell_at_ms) WHERE untold > 0',
  'CREATE INDEX IF NOT EXISTS transfers_invoice ON transfers (invoice_id) WHERE invoice_id IS NOT NULL',
  'CREATE INDEX IF NOT EXISTS transfers_file ON transfers (file_id) WHERE file_id IS NOT NULL',
  `CREATE TABLE IF NOT EXISTS payment_files (
    id TEXT PRIMARY KEY, created_at_ms INTEGER NOT NULL, info TEXT NOT NULL, xml TEXT
  ) WITHOUT ROWID`,
  'CREATE INDEX IF NOT EXISTS payment_files_newest ON payment_files (created_at_ms, id)',
]

export const FILES_LISTED_MAX = 100
/** Refunds of one invoice that are looked at; an invoice keeps fewer itself. */
const OF_INVOICE_MAX = 1_000

export function transferAt(sql: Sql, id: string): KeptTransfer | null {
  return kept(sql, 'id = ?', [id], 1)[0] ?? null
}

/** Oldest first. */
export function queuedTransfers(sql: Sql, limit: number): KeptTransfer[] {
  return kept(sql, 'queued = 1 ORDER BY created_at_ms, id', [], limit)
}

/** Queued, or with the bank and not booked. */
export function openTransfers(sql: Sql, limit: number): KeptTransfer[] {
  return kept(sql, 'queued > 0', [], limit)
}

export function countQueued(sql: Sql): number {
  return sql.exec('SELECT COUNT(*) AS n FROM transfers WHERE queued = 1').toArray()[0]?.n as number
}

export function transfersOfInvoice(sql: Sql, invoiceId: string): KeptTransfer[] {
  return kept(sql, 'invoice_id = ?', [invoiceId], OF_INVOICE_MAX)
}

export function transfersOfFile(sql: Sql, fileId: string, limit: number): KeptTransfer[] {
  return kept(sql, 'file_id = ?', [fileId], limit)
}

/** Writes a transfer as it is now, and that everybody is to hear of it. */
export function putTransfer(sql: Sql, transfer: KeptTransfer): void {
  const { wish, facts, version, createdAtMs, updatedAtMs } = transfer
  const before = transferAt(sql, wish.id)
  const [from, to] = [before && statusOf(before.facts), statusOf(facts)]
  const { untold, steps } = tellAll(sql, wish.id, { from, to, version }, wish.invoiceId)
  sql.exec(
    `INSERT INTO transfers (id, created_at_ms, queued, untold, tell_at_ms, steps, invoice_id, file_id, body)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET queued = excluded.queued, untold = excluded.untold, tell_at_ms = excluded.tell_at_ms,
       steps = excluded.steps, file_id = excluded.file_id, body = excluded.body`,
    wish.id,
    createdAtMs,
    to === 'queued' ? 1 : to === 'signing' || to === 'broadcast' ? 2 : 0,
    untold,
    updatedAtMs,
    steps,
    wish.invoiceId,
    facts.fileId,
    encodeJson(transfer),
  )
}

/** Whether that changed anything. */
export function putFacts(sql: Sql, transfer: KeptTransfer, facts: TransferFacts, nowMs: number): boolean {
  if (encodeJson(facts) === encodeJson(transfer.facts)) return false
  putTransfer(sql, { ...transfer, facts, version: transfer.version + 1, updatedAtMs: nowMs })
  return true
}

export function paymentFileAt(sql: Sql, id: string): { info: PaymentFileInfo; xml: string | null } | null {
  const row = sql.exec('SELECT info, xml FROM payment_files WHERE id = ?', id).toArray()[0]
  return row ? { info: decodeJson<PaymentFileInfo>(row.info as string), xml: row.xml as string | null } : null
}

export function newestFiles(sql: Sql): PaymentFileInfo[] {
  const statement = 'SELECT info FROM payment_files ORDER BY created_at_ms DESC, id DESC LIMIT ?'
  return sql
    .exec(statement, FILES_LISTED_MAX)
    .toArray()
    .map(({ info }) => decodeJson<PaymentFileInfo>(info as string))
}

export function addFile(sql: Sql, info: PaymentFileInfo, xml: string): void {
  const statement = 'INSERT INTO payment_files (id, created_at_ms, info, xml) VALUES (?, ?, ?, ?)'
  sql.exec(statement, info.id, info.createdAtMs, encodeJson(info), xml)
}

export function putWord(sql: Sql, info: PaymentFileInfo, word: BankWord): void {
  sql.exec('UPDATE payment_files SET info = ? WHERE id = ?', encodeJson({ ...info, word } satisfies PaymentFileInfo), info.id)
}

export function putWithdrawn(sql: Sql, info: PaymentFileInfo): void {
  sql.exec('UPDATE payment_files SET info = ?, xml = NULL WHERE id = ?', encodeJson(info), info.id)
}

function kept(sql: Sql, where: string, values: readonly string[], limit: number): KeptTransfer[] {
  const rows = sql.exec(`SELECT body FROM transfers WHERE ${where} LIMIT ?`, ...values, limit).toArray()
  return rows.map(({ body }) => decodeJson<KeptTransfer>(body as string))
}
