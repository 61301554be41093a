import type { Result } from '../lib/result.ts'
import type { Balances, Cause, Difference, InvoiceCause, InvoicePositions, LedgerEntry, Posting, Transaction } from './types.ts'

/**
 * The ledger of one merchant, named by the merchant id, with books for each of its stores. A check and the posting that
 * relies on it are one synchronous step. Nothing is written for a merchant that is only asked about.
 */
export interface LedgerRpc {
  /** From an invoice: posts what its positions changed. The same or an older version changes nothing. */
  record(positions: InvoicePositions): Promise<Result<null, BookRefusal>>
  /**
   * Takes money out of `available` until it is posted or released; at `expiresAtMs` it is released by itself. The same question
   * gets the same answer for a day at least, a refusal too: one that was on its way when it was asked again reserves nothing
   * after it was refused.
   */
  reserve(request: Reserve): Promise<Result<Transaction, ReserveRefusal>>
  /** Posts a reservation, all of it or a part; the rest is available again. */
  post(request: PostReservation): Promise<Result<Transaction, ResolveRefusal>>
  /** Gives a reservation back. */
  release(request: { readonly key: string; readonly of: string }): Promise<Result<Transaction, ResolveRefusal>>
  /**
   * Any other movement, by the name of its cause. It takes nothing out of what merchants have, unless it is an adjustment,
   * which needs `by` and `reason`: money goes out by a reservation, so that a frozen ledger lets none out.
   */
  book(request: Booking): Promise<Result<Transaction, BookRefusal>>

  /**
   * What an idempotency key is for, in a store: answers the purpose of the first claim, for ever. It is the merchant's ledger
   * that says it, since wallets, bank accounts and Lightning nodes know nothing of each other.
   */
  claimKey(claim: KeyClaim): Promise<string>

  /** Of one store. */
  balances(storeId: string): Promise<StoreBalances>
  /** What was set aside under this key, and whether it still is; null when nothing was. */
  reservation(key: string): Promise<Reservation | null>
  /** What one invoice's payments made after `no`, oldest first, at most 500, of at most 250 commits. */
  ofInvoice(storeId: string, invoiceId: string, afterNo: number): Promise<LedgerEntry[]>

  /** Transactions after `no`, oldest first, at most `PAGE_MAX`. */
  page(afterNo: number, limit: number): Promise<LedgerEntry[]>
  /** Those D1 has not confirmed, oldest first, at most `PAGE_MAX`. */
  unprojected(): Promise<LedgerEntry[]>
  /** D1 has all up to this number. */
  projected(no: number): Promise<void>

  /** Derives one segment of the log anew: hashes, sums, balances. Segment 0 is the oldest. */
  verify(segment: number): Promise<SegmentCheck>
  standing(): Promise<LedgerStanding>
  /** Differences that were found outside: kept, told, and money out is frozen. One that a person has looked at stays cleared. */
  raise(differences: readonly Difference[]): Promise<void>
  /** A person has looked. */
  clear(request: ClearDifference): Promise<Result<null, { readonly reason: 'difference_not_found' }>>
}

export const PAGE_MAX = 100

export interface Reserve {
  readonly key: string
  readonly merchantId: string
  readonly shard: number
  readonly storeId: string
  readonly cause: 'refund' | 'payout' | 'conversion' | 'network_fee'
  readonly asset: string
  readonly amount: bigint
  readonly transferId: string
  readonly invoiceId: string | null
  /** When it was first wanted. Who was refused and wants it anew, under the same key, says another time. */
  readonly wantedAtMs: number
  /** Null: until it is posted or released. */
  readonly expiresAtMs: number | null
}

/** Money taken out of `available` for a refund, a payout, a conversion or a network fee alone, until it is posted or released. */
export interface Reservation extends Omit<Reserve, 'merchantId' | 'shard' | 'wantedAtMs'> {
  readonly state: 'open' | 'posted' | 'released'
}

export interface PostReservation {
  readonly key: string
  /** Key of the reservation. */
  readonly of: string
  /** Up to what was reserved. */
  readonly amount: bigint
  /** Where it goes: `in_transit`, `exchange`, or a wallet's account when it has left at once. */
  readonly to: string
}

export interface Booking {
  readonly key: string
  readonly merchantId: string
  readonly shard: number
  readonly storeId: string
  readonly cause: Exclude<Cause, InvoiceCause>
  readonly postings: readonly Posting[]
  readonly invoiceId: string | null
  readonly transferId: string | null
  readonly by: string | null
  readonly reason: string | null
}

export interface KeyClaim {
  readonly storeId: string
  readonly key: string
  /** The id of the wallet, bank account or Lightning node that makes a transfer under it, or of a batch of payouts. */
  readonly purpose: string
}

/** The key was used for something else. */
type KeyReused = { readonly reason: 'ledger_key_reused'; readonly detail: string }

export type BookRefusal =
  | KeyReused
  | { readonly reason: 'insufficient_funds'; readonly account: string; readonly asset: string; readonly available: bigint }
  | { readonly reason: 'bad_posting'; readonly detail: string }

export type ReserveRefusal =
  | BookRefusal
  /** A difference is open: see `standing`. */
  | { readonly reason: 'ledger_frozen'; readonly differences: readonly string[] }

export type ResolveRefusal =
  | KeyReused
  | { readonly reason: 'reservation_not_found' }
  /** It was posted, released or ran out of time. */
  | { readonly reason: 'reservation_closed'; readonly state: 'posted' | 'released' }
  | { readonly reason: 'bad_posting'; readonly detail: string }

export interface StoreBalances {
  /** Number of the newest transaction of the ledger; 0 before the first. */
  readonly no: number
  readonly balances: Balances
  /** Of this store and of the whole ledger. */
  readonly differences: readonly Difference[]
  /** Money out is stopped: a difference is open, it may be another store's. */
  readonly frozen: boolean
}

export interface SegmentCheck {
  readonly transactions: number
  /** Number of its last transaction; 0 in an empty ledger. */
  readonly lastNo: number
  readonly isLast: boolean
  /** What does not hold, in words; null when all does. */
  readonly fault: string | null
}

export interface LedgerStanding {
  readonly no: number
  /** How many segments `verify` can be asked for; the newest is `segments - 1`. */
  readonly segments: number
  readonly hash: string
  readonly shard: number | null
  /** `lastNo`: number of the store's newest transaction. */
  readonly stores: readonly { readonly storeId: string; readonly balances: Balances; readonly lastNo: number }[]
  readonly differences: readonly Difference[]
}

export interface ClearDifference {
  readonly id: string
  readonly by: string
  readonly reason: string
}
