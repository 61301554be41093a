import type { Custody } from '../ledger/types.ts'
import type { Amount } from '../money/amount.ts'
import type { Rate } from '../money/rate.ts'
import type { TransferStatus } from '../wallet/transfers/types.ts'

/**
 * Money an invoice sends back. awaiting_address: the payer has not said where to. cancelled: ended before it was signed.
 * The others are those of its transfer; in `queued` it may also wait for money, or for a transfer to another address to end.
 */
export type RefundStatus = 'awaiting_address' | 'cancelled' | TransferStatus

/** As they follow each other. */
export const REFUND_STATUSES: readonly RefundStatus[] = [
  'awaiting_address',
  'queued',
  'needs_approval',
  'signing',
  'broadcast',
  'unknown',
  'confirmed',
  'failed',
  'cancelled',
]

export interface Refund {
  /** `tr_…`; its first transfer has the same. */
  readonly id: string
  readonly asset: string
  /** The chain, wallet and custody of the payments it returns. */
  readonly chainId: string
  readonly walletId: string
  readonly custody: Custody
  /** What the payer gets, in base units of `asset`. Over zero. */
  readonly units: bigint
  readonly rule: RefundRule
  /** The merchant's words to the payer. */
  readonly reason: string | null
  /** Who asked for it. */
  readonly by: string
  readonly status: RefundStatus
  /** Why it waits or failed, in words for the merchant. */
  readonly detail: string | null
  /** Where the payer wants it; null until the link was used. */
  readonly address: string | null
  /** How often the payer gave one. */
  readonly claims: number
  /** Who wants it ended before it is signed; null when nobody does. */
  readonly cancelledBy: string | null
  /**
   * One for each address the payer gave, oldest first. The next is made only once the one before has certainly failed, so
   * that no two can ever be paid.
   */
  readonly transfers: readonly RefundTransfer[]
  /** Newest transaction signed for it. */
  readonly txid: string | null
  /** What approvers sign while it needs approval. */
  readonly challenge: string | null
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

/** How its amount was found; kept as it was then. */
export type RefundRule =
  /** All of the asset that could be returned. */
  | { readonly type: 'full' }
  /** What was paid beyond the price. */
  | { readonly type: 'over' }
  /** So much, in the asset itself (no rate) or in the invoice's currency at this rate. */
  | { readonly type: 'part'; readonly amount: Amount; readonly at: 'then' | 'now' | null; readonly rate: Rate | null }

export interface RefundTransfer {
  readonly id: string
  readonly address: string
  readonly wantedAtMs: number
  /** The payer gave another address since: it is to end. */
  readonly replaced: boolean
  /** As the wallet object counts; 0 until it has said anything. */
  readonly version: number
  /** wanted: not known to be in the wallet object; it may be. */
  readonly status: 'wanted' | TransferStatus
}

/** Refunds kept in one invoice, ended ones too; a queue message holds them all. */
export const REFUNDS_MAX = 50
/** Addresses a payer may give for one refund, one after another. */
export const ADDRESSES_MAX = 5

/** Statuses in which the address can still be changed and the refund ended. */
const OPEN: readonly RefundStatus[] = ['awaiting_address', 'queued', 'needs_approval']

export function isOpen({ status }: Pick<Refund, 'status'>): boolean {
  return OPEN.includes(status)
}

/** Whether its money is returned, or still may be. */
export function isLive({ status }: Pick<Refund, 'status'>): boolean {
  return status !== 'failed' && status !== 'cancelled'
}
