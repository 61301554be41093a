import { FILE_TRANSFERS_MAX, idOfName, nameAtBanks, writePain001 } from '../../gateways/sepa/pain001.ts'
import { type BankWord, type StatusReport, wordOn } from '../../gateways/sepa/pain002.ts'
import type { Sql } from '../../lib/outbox.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import { openDifferences } from '../differences.ts'
import { digest, type Entry } from '../entries.ts'
import type { AccountRow } from '../tables.ts'
import { isCovered, QUEUED_MAX } from './create.ts'
import { type KeptTransfer, statusOf, withEntry, withWord } from './state.ts'
import { addFile, paymentFileAt, putFacts, putWithdrawn, putWord, queuedTransfers, transferAt, transfersOfFile } from './tables.ts'
import type { PaymentFileInfo, PaymentFileRefusal, ReportOutcome } from './types.ts'

/**
 * Puts what waits into one file, but refunds of money that was taken back since, and nothing while the bank's files do not
 * agree. Its name follows from the transfers, each of which is in one file only: it is unique for ever. Runs in a
 * transaction, as all below.
 */
export function makePaymentFile(sql: Sql, account: AccountRow, nowMs: number): Result<PaymentFileInfo, PaymentFileRefusal> {
  const [difference] = openDifferences(sql)
  if (difference) return err({ reason: 'sending_frozen', detail: difference.detail })
  const waiting = queuedTransfers(sql, QUEUED_MAX)
  const queued = waiting.filter((transfer) => isCovered(sql, transfer)).slice(0, FILE_TRANSFERS_MAX)
  if (queued.length === 0) return err({ reason: 'nothing_to_send', detail: 'no transfer waits for a payment file' })
  const id = `pf_${digest(['payment file', account.iban, ...queued.map(({ wish }) => wish.id)])}`
  const transfers = queued.map(({ wish: { id: transferId, units, recipientName, recipientBic, iban, text } }) => {
    return { endToEndId: nameAtBanks(transferId), cents: units, name: recipientName, iban, bic: recipientBic, text }
  })
  const xml = writePain001({ id: nameAtBanks(id), createdAtMs: nowMs, account, transfers })
  const cents = transfers.reduce((sum, transfer) => sum + transfer.cents, 0n)
  const info: PaymentFileInfo = { id, createdAtMs: nowMs, transfers: queued.length, cents, word: null, withdrawnBy: null }
  addFile(sql, info, xml)
  for (const transfer of queued) putFacts(sql, transfer, { ...transfer.facts, fileId: id }, nowMs)
  return ok(info)
}

/** Once the bank has said anything about a file or its transfers, the file is with the bank. */
export function withdrawPaymentFile(sql: Sql, id: string, by: string, nowMs: number): Result<PaymentFileInfo, PaymentFileRefusal> {
  const file = paymentFileAt(sql, id)
  if (!file) return notFound()
  if (file.info.withdrawnBy !== null) return ok(file.info)
  const transfers = inFile(sql, id)
  const isTaken = file.info.word !== null || transfers.some(({ facts }) => facts.word !== null || statusOf(facts) !== 'signing')
  if (isTaken) return err({ reason: 'payment_file_taken', detail: 'the bank has it' })
  const info = { ...file.info, withdrawnBy: by }
  putWithdrawn(sql, info)
  for (const transfer of transfers) putFacts(sql, transfer, { ...transfer.facts, endedBy: by }, nowMs)
  return ok(info)
}

export function takeReport(sql: Sql, report: StatusReport, nowMs: number): Result<ReportOutcome, PaymentFileRefusal> {
  const fileId = idOfName('pf', report.fileId)
  const file = fileId && paymentFileAt(sql, fileId)
  if (!file) return notFound()
  const { info } = file
  const block = nameAtBanks(info.id)
  const ofAll = report.file ?? report.blocks.get(block) ?? null
  if (ofAll) putWord(sql, info, ofAll)
  const counts: Record<BankWord['meaning'] | 'changed', number> = { accepted: 0, rejected: 0, pending: 0, changed: 0 }
  for (const transfer of inFile(sql, info.id)) {
    const word = wordOn(report, block, nameAtBanks(transfer.wish.id))
    if (word === null) continue
    counts[word.meaning]++
    const facts = withWord(transfer.facts, word)
    if (statusOf(facts) !== statusOf(transfer.facts)) counts.changed++
    putFacts(sql, transfer, facts, nowMs)
  }
  return ok({ fileId: info.id, ...counts })
}

/** An entry that carries a transfer out, or takes it back, has come or changed. */
export function heedEntry(sql: Sql, entry: Entry, nowMs: number): void {
  const transfer = entry.transferId === undefined ? null : transferAt(sql, entry.transferId)
  if (transfer) putFacts(sql, transfer, withEntry(transfer.facts, entry), nowMs)
}

function inFile(sql: Sql, fileId: string): KeptTransfer[] {
  return transfersOfFile(sql, fileId, FILE_TRANSFERS_MAX)
}

function notFound(): Result<never, PaymentFileRefusal> {
  return err({ reason: 'payment_file_not_found', detail: 'this account has no such payment file' })
}
