import { rfc3339 } from '../../lib/clock.ts'
import { formatDecimal } from '../../money/amount.ts'
import type { Registry } from '../../money/registry.ts'
import { type TransferDetail, transferDetail } from '../../wallet/transfers/resource.ts'
import type { BankTransfer, PaymentFileInfo } from './types.ts'

/** A transfer as merchants see those of every wallet, and what only a bank knows of it. */
export interface BankTransferResource extends TransferDetail {
  readonly bank: {
    readonly recipientName: string
    readonly recipientBic: string | null
    readonly text: string
    readonly endToEndId: string
    readonly paymentFileId: string | null
    readonly word: WordResource | null
    readonly bookedOn: string | null
    readonly returned: { readonly on: string; readonly amount: string; readonly reason: string | null } | null
  }
}

export interface PaymentFileResource {
  readonly id: string
  readonly object: 'payment_file'
  readonly transfers: number
  readonly amount: string
  readonly currency: 'EUR'
  readonly word: WordResource | null
  readonly withdrawn: boolean
  readonly createdAt: string
}

interface WordResource {
  readonly code: string
  readonly reasons: readonly string[]
  readonly detail: string | null
}

export function bankTransferResource(transfer: BankTransfer, registry: Registry): BankTransferResource {
  const { fileId, word, returned, ...leg } = transfer.bank
  return {
    ...transferDetail(transfer, registry),
    bank: {
      ...leg,
      paymentFileId: fileId,
      word: word && wordResource(word),
      returned: returned && { on: returned.on, amount: formatDecimal(returned.units, 2), reason: returned.reason },
    },
  }
}

export function paymentFileResource({
  id,
  createdAtMs,
  transfers,
  cents,
  word,
  withdrawnBy,
}: PaymentFileInfo): PaymentFileResource {
  return {
    id,
    object: 'payment_file',
    transfers,
    amount: formatDecimal(cents, 2),
    currency: 'EUR',
    word: word && wordResource(word),
    withdrawn: withdrawnBy !== null,
    createdAt: rfc3339(createdAtMs),
  }
}

function wordResource({ code, reasons, detail }: WordResource): WordResource {
  return { code, reasons, detail }
}
