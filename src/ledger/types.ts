/**
 * Who can move the money of a wallet. platform: we hold the key, and owe the merchant what came in. self: the merchant
 * does; the books only mirror what arrived, and the money is never ours.
 */
export type Custody = 'platform' | 'self'

/**
 * Moves `amount` base units of `asset` from one account to another of the same store. A balance is what came in less what
 * went out, so all balances of an asset always add up to zero.
 */
export interface Posting {
  readonly from: string
  readonly to: string
  /** Over zero. */
  readonly amount: bigint
  /** `Asset.code` */
  readonly asset: string
}

/** Why money moved, where an invoice tells of it. What accounts each cause may touch is in accounts.ts. */
export type InvoiceCause =
  /** A payment was seen, or seen again; its money is not final. */
  | 'payment_seen'
  /** A payment that was seen is gone before it was final (or, where no confirmation was wanted, after). */
  | 'payment_lost'
  | 'payment_settled'
  /** The part of a payment beyond the price. */
  | 'over_payment'
  /** A payment after the deadline, or in an asset that was not offered, is final: the merchant's, or held for a person. */
  | 'late_payment'
  /** A person accepted money that was held, or has it sent back. */
  | 'late_accepted'
  /** The chain took a final payment back, or changed it. */
  | 'reorg'
  /** What the merchant owes after such a thing, or pays back out of what comes in. */
  | 'shortfall'
  | 'processing_fee'
  | 'partner_share'

export type Cause =
  | InvoiceCause
  | 'network_fee'
  | 'refund'
  | 'payout'
  | 'conversion'
  /** A bank sent money back that we had sent, or took back what it had booked. */
  | 'bank_return'
  /** The platform's own money: put in, taken out, or fees taken over. */
  | 'treasury'
  /** By a person, with a reason. */
  | 'adjustment'

/** single: all at once. A pending one waits for one that posts or voids it (`of` names its key). */
export type Phase = 'single' | 'pending' | 'post' | 'void'

/** What is decided, before it has a place in the ledger. */
export interface Draft {
  /** Natural key: the same movement asked for twice is made once. */
  readonly key: string
  readonly storeId: string
  readonly cause: Cause
  readonly phase: Phase
  /** Key of the pending transaction that this one posts or voids. */
  readonly of: string | null
  /** At least one. */
  readonly postings: readonly Posting[]
  readonly invoiceId: string | null
  /** `<chainId>/<txid>/<index>` */
  readonly payment: string | null
  /** Refund, payout or conversion. */
  readonly transferId: string | null
  /** Who, for what a person did. */
  readonly by: string | null
  readonly reason: string | null
}

/** Written once, never changed. */
export interface Transaction extends Draft {
  /** 1, 2, 3, … in one merchant's ledger. */
  readonly no: number
  /** Never before the one before. */
  readonly atMs: number
  /** `hash` of the transaction before; GENESIS for the first. */
  readonly previous: string
  /** SHA-256 in hexadecimal of everything above (hash.ts). */
  readonly hash: string
}

/** By account, then by asset. Accounts at zero are left out. */
export type Balances = Readonly<Record<string, Readonly<Record<string, bigint>>>>

/** A transaction and the balances of its store right after it: what D1 keeps, and statements read. */
export interface LedgerEntry {
  readonly transaction: Transaction
  readonly balances: Balances
}

/** Where a payment's money is in the books. */
export type Place = 'none' | 'pending' | 'available' | 'held'

/** Where one payment is to be, by what its invoice knows now. */
export interface PaymentPosition {
  /** `<chainId>/<txid>/<index>` */
  readonly key: string
  readonly asset: string
  readonly walletId: string
  readonly custody: Custody
  readonly units: bigint
  readonly place: Place
  /** After the deadline, or in an asset that was not offered. */
  readonly late: boolean
  /** How many of `units` are beyond the price, when it settles. A label: the money is the merchant's either way. */
  readonly over: bigint
  /** It counted as final before any block: its going away is no reorganisation. */
  readonly zeroConfirmation: boolean
  /** It came through a bank: its going away after it was booked is a return. */
  readonly bank?: true
}

/** What the invoice owes in fees so far, in one asset. */
export interface FeePosition {
  readonly asset: string
  readonly custody: Custody
  /** All of it, the partner's share included. */
  readonly units: bigint
  readonly partner: { readonly id: string; readonly units: bigint } | null
}

/** All an invoice has to say to the ledger, whole: the newest version wins, so nothing depends on order or number. */
export interface InvoicePositions {
  readonly merchantId: string
  readonly shard: number
  readonly storeId: string
  readonly invoiceId: string
  /** Version of the invoice. */
  readonly version: number
  /** In the order they were first seen; at most 100. */
  readonly payments: readonly PaymentPosition[]
  readonly fees: readonly FeePosition[]
}

/** The books and something outside of them do not agree. Money out is frozen until a person has looked. */
export interface Difference {
  /** Natural key of what differs: `chain/<payment key>`, `shard/<store id>`, `book`. */
  readonly id: string
  readonly kind: 'book' | 'shard' | 'chain' | 'wallet'
  /** Null when it concerns the whole ledger. */
  readonly storeId: string | null
  /** One sentence with both figures. */
  readonly detail: string
  readonly sinceMs: number
}
