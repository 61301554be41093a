import type { PaymentStatus } from '../chain/rpc.ts'
import type { AccountKey } from '../gateways/gateway.ts'
import type { Custody } from '../ledger/types.ts'
import type { NodeName } from '../lightning/rpc.ts'
import type { FeePlan, MethodFee } from '../money/fee.ts'
import type { Rate } from '../money/rate.ts'
import type { Refund } from './refund.ts'

/**
 * new: waiting for payment. processing: enough has been seen, not all of it is confirmed. settled: enough is
 * confirmed. expired: the time passed without enough. invalid: enough had been seen and then went away, or a person said so.
 * What was short, over or late stands beside the status as facts.
 */
export type InvoiceStatus = 'new' | 'processing' | 'settled' | 'expired' | 'invalid'

/** What happens to money that comes after expiry: counted at the locked rate, at the rate then, or left for a person. */
export type LatePolicy = 'accept_locked_rate' | 'accept_current_rate' | 'hold'

/** Confirmations wanted for a price up to `upTo` (units of the price; null for any). Tiers are in rising order. */
export interface ConfirmationTier {
  readonly upTo: bigint | null
  readonly confirmations: number
}

/** Everything fixed when the invoice is created. */
export interface InvoiceTerms {
  readonly id: string
  /** Whose ledger keeps the books of its payments. */
  readonly merchantId: string
  readonly storeId: string
  readonly storeName: string
  /** The D1 shard of the merchant: where the invoice is projected. */
  readonly shard: number
  /** Asset code of the price, fiat or crypto. */
  readonly currency: string
  /** In base units of `currency`; over zero. */
  readonly price: bigint
  readonly orderId: string | null
  readonly description: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly redirectUrl: string | null
  readonly createdAtMs: number
  readonly expiresAtMs: number
  /** Payments are followed up to here as this invoice's; addresses stay watched for ever. */
  readonly watchUntilMs: number
  /** Origins that may frame the checkout. */
  readonly allowedOrigins: readonly string[]
  readonly toleranceBps: number
  readonly latePolicy: LatePolicy
  readonly methods: readonly MethodTerms[]
}

/** One asset an invoice can be paid in, with its rate locked. */
export interface MethodTerms {
  readonly asset: string
  readonly chainId: string
  readonly walletId: string
  readonly custody: Custody
  /** Base units of the asset that pay the whole price, rounded up. */
  readonly whole: bigint
  /** What the shopper gets, a margin included. Null when the price is in the asset itself (or in its ticker). */
  readonly rate: Rate | null
  /** What it costs the merchant; null when nothing. */
  readonly fee: MethodFee | null
  readonly confirmationsWanted: number
  /**
   * The chain's own finality tag decides when a payment is final, and `confirmationsWanted` only how many confirmations are
   * told on the way. Absent: they decide.
   */
  readonly finalityWanted?: true
  /** Of banks: how long a payment that was made in time may be on its way before it is booked. Absent on chains. */
  readonly transitMs?: number
}

/** An address was allocated, is watched, and may be shown. */
export interface Activation {
  readonly asset: string
  readonly address: string
  readonly index: number
  readonly atMs: number
  /** Of addresses that ask for an amount themselves (BOLT 11): how much. Another amount due needs another address. */
  readonly units?: bigint
  /** Made with another method that the payer chose, which shows it too. */
  readonly beside?: true
}

/**
 * counted: adds to what is paid. held: late, and a person is to say. refused: a person said no.
 * unexpected: an asset this invoice has no rate for; recorded, never counted by itself.
 */
export type PaymentDecision = 'counted' | 'held' | 'refused' | 'unexpected'

export interface Payment {
  /** `<chainId>/<txid>/<index>` */
  readonly key: string
  readonly revision: number
  readonly chainId: string
  readonly txid: string
  readonly index: string
  readonly asset: string
  readonly units: bigint
  readonly status: PaymentStatus
  readonly confirmations: number
  readonly confirmationsWanted: number
  /** As of its method. */
  readonly finalityWanted?: true
  /** In a block that is final by the chain's own policy. Absent in payments seen before this was told. */
  readonly final?: boolean
  readonly height: number | null
  readonly blockHash: string | null
  readonly seenAtMs: number
  readonly replacedBy: string | null
  readonly late: boolean
  readonly decision: PaymentDecision
  /** Base units that would pay the whole price at the rate this payment is counted at; null when unexpected. */
  readonly whole: bigint | null
  /** The rate taken for a late payment at the current rate, else null (the locked one holds). */
  readonly rate: Rate | null
  /** It never counted and is being sent back: the books no longer hold its money for a person's word. */
  readonly released?: true
}

export interface Invoice {
  readonly terms: InvoiceTerms
  readonly status: InvoiceStatus
  /** Number of the newest event. Grows by one with each. */
  readonly version: number
  readonly activations: readonly Activation[]
  /** In the order they were first seen. */
  readonly payments: readonly Payment[]
  /** In the order they were asked for; absent before the first. */
  readonly refunds?: readonly Refund[]
  readonly settledAtMs: number | null
  /** Enough had been seen at some time: decides between `expired` and `invalid`. */
  readonly wasProcessing: boolean
  /** The deadline has passed and the chains have been read up to it. */
  readonly deadlinePassed: boolean
  /** A person closed the invoice; nothing but another person's word opens it. */
  readonly markedInvalid: boolean
  readonly updatedAtMs: number
}

export type InvoiceEvent = { readonly version: number; readonly atMs: number } & InvoiceEventBody

export type InvoiceEventBody =
  | { readonly type: 'created'; readonly terms: InvoiceTerms }
  | { readonly type: 'method_activated'; readonly activation: Activation }
  /** First sight or any change of one payment, whole as it now is. `change` says what happened to it. */
  | { readonly type: 'payment_changed'; readonly change: PaymentChange; readonly payment: Payment }
  | { readonly type: 'deadline_passed' }
  | { readonly type: 'status_changed'; readonly from: InvoiceStatus; readonly to: InvoiceStatus; readonly cause: StatusCause }
  | { readonly type: 'marked'; readonly as: 'invalid' | 'open'; readonly by: string }
  /** `fingerprint`: of the request that made it. */
  | { readonly type: 'refund_requested'; readonly refund: Refund; readonly fingerprint: string }
  /** The payer said where to, or where to instead. The refund is whole as it now is, here and below. */
  | { readonly type: 'refund_claimed' | 'refund_changed' | 'refund_cancelled'; readonly refund: Refund }

export type PaymentChange =
  | 'seen'
  | 'included'
  | 'progressed'
  | 'confirmed'
  | 'missing'
  | 'reappeared'
  | 'replaced'
  | 'double_spent'
  | 'returned'
  | 'reorged'
  | 'accepted'
  | 'refused'
  | 'released'

export type StatusCause = 'enough_seen' | 'enough_confirmed' | 'deadline' | 'payment_lost' | 'reorg' | 'bank_return' | 'person'

/** What the store says when an invoice is created; resolved by the API from the key's store. */
export interface StoreTerms {
  readonly storeId: string
  readonly storeName: string
  readonly merchantId: string
  readonly shard: number
  readonly methods: readonly StoreMethod[]
  /** What the merchant pays. */
  readonly plan: FeePlan
  /** Origins that may frame the checkout (widget). */
  readonly allowedOrigins: readonly string[]
  /** How long after expiry money is still this invoice's. */
  readonly watchMs: number
  readonly latePolicy: LatePolicy
  readonly toleranceBps: number
}

export interface StoreMethod {
  readonly asset: string
  readonly walletId: string
  /** The wallet's, one for ever. */
  readonly custody: Custody
}

/** A store as its key opens it. */
export interface StoreConfig extends StoreTerms {
  readonly wallets: readonly { readonly id: string; readonly account: AccountKey }[]
  /** Absent in stores that were made before there were any. */
  readonly bankAccounts?: readonly { readonly id: string; readonly iban: string }[]
  /** Likewise. */
  readonly lightningNodes?: readonly ({ readonly id: string } & NodeName)[]
}
