import type { BankWord } from '../../gateways/sepa/pain002.ts'
import { decodeJson, encodeJson } from '../../lib/json.ts'
import type { Sql } from '../../lib/outbox.ts'
import type { TransferStatus } from '../../wallet/transfers/types.ts'
import { type KeptTransfer, statusOf, type TransferFacts } from './state.ts'
import type { PaymentFileInfo } from './types.ts'

/** The rows of money out of one bank account. They stay for ever: a return may come months later. See docs/storage-schema.md. */
export const TRANSFER_TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS transfers (
    id TEXT PRIMARY KEY, created_at_ms INTEGER NOT NULL, queued INTEGER NOT NULL, untold INTEGER NOT NULL, tell_at_ms INTEGER NOT NULL,
    steps TEXT NOT NULL, invoice_id TEXT, file_id TEXT, body TEXT NOT NULL
  ) WITHOUT ROWID`,
  'CREATE INDEX IF NOT EXISTS transfers_queued ON transfers (created_at_ms, id) WHERE queued = 1',
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

export function countQueued(sql: Sql): number {
  return sql.exec('SELECT COUNT(*) AS n FROM transfers WHERE queued = 1').toArray()[0]?.n as number
}

export function transfersOfInvoice(sql: Sql, invoiceId: string): KeptTransfer[] {
  return kept(sql, 'invoice_id = ?', [invoiceId], OF_INVOICE_MAX)
}

export function transfersOfFile(sql: Sql, fileId: string, limit: number): KeptTransfer[] {
  return kept(sql, 'file_id = ?', [fileId], limit)
}

/** Who hears of a transfer, as bits of `untold`. */
export const HEARERS = { invoice: 1, webhook: 2, d1: 4 } as const

/** A change of status that no webhook has told yet; from null: it was made. */
export interface StatusStep {
  readonly from: TransferStatus | null
  readonly to: TransferStatus
  readonly version: number
}

/** Webhooks of one transfer that nobody has taken yet; the oldest are lost beyond that. */
const STEPS_MAX = 50

export interface UntoldTransfer {
  readonly transfer: KeptTransfer
  /** Bits of those who have not heard of its newest version. */
  readonly untold: number
  readonly steps: readonly StatusStep[]
}

/** Those of whose newest version somebody is to be told now. Each is taken once, and again after a while if it is still untold. */
export function takeUntold(sql: Sql, nowMs: number, againAtMs: number, limit: number): UntoldTransfer[] {
  const statement = 'SELECT id, untold, steps, body FROM transfers WHERE untold > 0 AND tell_at_ms <= ? ORDER BY tell_at_ms LIMIT ?'
  const rows = sql.exec(statement, nowMs, limit).toArray()
  for (const { id } of rows) sql.exec('UPDATE transfers SET tell_at_ms = ? WHERE id = ?', againAtMs, id as string)
  return rows.map((row) => ({
    transfer: decodeJson<KeptTransfer>(row.body as string),
    untold: row.untold as number,
    steps: decodeJson<StatusStep[]>(row.steps as string),
  }))
}

/** When somebody is to be told next; null when all have heard all. */
export function nextTellMs(sql: Sql): number | null {
  return sql.exec('SELECT MIN(tell_at_ms) AS due FROM transfers WHERE untold > 0').toArray()[0]?.due as number | null
}

/** Who has heard of this version has heard of the newest, unless it has changed since. */
export function told(sql: Sql, id: string, version: number, hearer: number): void {
  const transfer = transferAt(sql, id)
  if (transfer && transfer.version <= version) sql.exec('UPDATE transfers SET untold = untold & ~? WHERE id = ?', hearer, id)
}

/** Webhooks of the steps up to this version have been taken. */
export function toldSteps(sql: Sql, id: string, version: number): void {
  const left = stepsOf(sql, id).filter((step) => step.version > version)
  const untold = left.length === 0 ? `untold & ~${HEARERS.webhook}` : 'untold'
  sql.exec(`UPDATE transfers SET steps = ?, untold = ${untold} WHERE id = ?`, encodeJson(left), id)
}

/** Writes a transfer as it is now, and that everybody is to hear of it. */
export function putTransfer(sql: Sql, transfer: KeptTransfer): void {
  const { wish, facts, version, createdAtMs, updatedAtMs } = transfer
  const before = transferAt(sql, wish.id)
  const [from, to] = [before && statusOf(before.facts), statusOf(facts)]
  const steps = stepsOf(sql, wish.id)
  if (from !== to) steps.push({ from, to, version })
  const webhook = steps.length > 0 ? HEARERS.webhook : 0
  const invoice = wish.invoiceId === null ? 0 : HEARERS.invoice
  sql.exec(
    `INSERT INTO transfers (id, created_at_ms, queued, untold, tell_at_ms, steps, invoice_id, file_id, body)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET queued = excluded.queued, untold = excluded.untold, tell_at_ms = excluded.tell_at_ms,
       steps = excluded.steps, file_id = excluded.file_id, body = excluded.body`,
    wish.id,
    createdAtMs,
    to === 'queued' ? 1 : 0,
    HEARERS.d1 | webhook | invoice,
    updatedAtMs,
    encodeJson(steps.slice(-STEPS_MAX)),
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

function stepsOf(sql: Sql, id: string): StatusStep[] {
  const row = sql.exec('SELECT steps FROM transfers WHERE id = ?', id).toArray()[0]
  return row ? decodeJson<StatusStep[]>(row.steps as string) : []
}

function kept(sql: Sql, where: string, values: readonly string[], limit: number): KeptTransfer[] {
  const rows = sql.exec(`SELECT body FROM transfers WHERE ${where} LIMIT ?`, ...values, limit).toArray()
  return rows.map(({ body }) => decodeJson<KeptTransfer>(body as string))
}
