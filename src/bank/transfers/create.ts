import type { Sql } from '../../lib/outbox.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import type { TransferRefusal, TransferStepRefusal } from '../../wallet/transfers/rpc.ts'
import { creditsOfInvoice } from '../credits.ts'
import { type AccountRow, referenceKnown } from '../tables.ts'
import { type KeptTransfer, NO_FACTS, statusOf, type TransferFacts, type Wish } from './state.ts'
import { countQueued, putFacts, putTransfer, transferAt, transfersOfInvoice } from './tables.ts'
import type { CreateBankTransfer } from './types.ts'
import { askedFor, type DebtorAccount, type Received, readWish } from './wish.ts'

/** Transfers that wait for a payment file. */
export const QUEUED_MAX = 10_000

/** Runs in a transaction, as all below. */
export function createTransfer(
  sql: Sql,
  account: AccountRow,
  request: CreateBankTransfer,
  nowMs: number,
): Result<KeptTransfer, TransferRefusal> {
  const asked = askedFor(request)
  const known = transferAt(sql, request.id)
  if (known) return known.asked === asked ? ok(known) : err({ reason: 'transfer_id_reused' })
  const { kind, invoiceId } = request
  if ((kind === 'refund') !== (invoiceId !== null))
    return err({ reason: 'bad_transfer', detail: 'a refund, and nothing else, is of an invoice' })
  const wish = readWish(request, account, invoiceId === null ? null : receivedFor(sql, invoiceId))
  if (!wish.ok) return wish
  if (countQueued(sql) >= QUEUED_MAX)
    return err({ reason: 'too_many_transfers', detail: `${QUEUED_MAX} transfers wait for a payment file: make one first` })
  const made = { asked, wish: wish.value, facts: NO_FACTS, version: 1, createdAtMs: nowMs, updatedAtMs: nowMs }
  putTransfer(sql, made)
  return ok(made)
}

/** Only what is in no payment file: nobody but the bank knows what has become of a file. */
export function cancelTransfer(sql: Sql, id: string, by: string, nowMs: number): Result<KeptTransfer, TransferStepRefusal> {
  const transfer = transferAt(sql, id)
  if (!transfer) return err({ reason: 'transfer_not_found' })
  const { facts } = transfer
  if (statusOf(facts) !== 'queued') {
    if (facts.endedBy !== null && facts.fileId === null) return ok(transfer)
    const status = statusOf(facts)
    const detail = facts.fileId === null ? 'it has ended' : `it is in the payment file ${facts.fileId}`
    return err({ reason: 'wrong_status', status, detail })
  }
  putFacts(sql, transfer, { ...facts, endedBy: by }, nowMs)
  return ok(transferAt(sql, id) as KeptTransfer)
}

/**
 * Whether a transfer may still go out: of a refund, only while what came from that account covers all that is sent back
 * there. A payer's bank may have taken the payment back since.
 */
export function isCovered(sql: Sql, { wish: { invoiceId, iban } }: KeptTransfer): boolean {
  if (invoiceId === null) return true
  const debtor = receivedFor(sql, invoiceId).debtors.find((one) => one.iban === iban)
  return debtor !== undefined && debtor.left >= 0n
}

function receivedFor(sql: Sql, invoiceId: string): Received {
  const debtors = new Map<string, DebtorAccount>()
  for (const { counterparty, cents, returnedCents } of creditsOfInvoice(sql, invoiceId)) {
    const { iban, name } = counterparty
    if (iban === null) continue
    const before = debtors.get(iban)
    debtors.set(iban, { iban, name: name ?? before?.name ?? null, left: (before?.left ?? 0n) + cents - returnedCents })
  }
  for (const { wish, facts } of transfersOfInvoice(sql, invoiceId)) {
    const debtor = debtors.get(wish.iban)
    if (debtor) debtors.set(wish.iban, { ...debtor, left: debtor.left - goneWith(wish, facts) })
  }
  return { debtors: [...debtors.values()], reference: referenceKnown(sql, invoiceId) }
}

/** What a transfer has taken, or may yet take: of one that came back, what the banks have kept. */
function goneWith({ units }: Wish, facts: TransferFacts): bigint {
  if (statusOf(facts) !== 'failed') return units
  return facts.credit?.place === 'booked' ? units - facts.credit.cents : 0n
}
