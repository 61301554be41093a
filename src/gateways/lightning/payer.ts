import type { Result } from '../../lib/result.ts'
import type { NodeEndpoint, NodeError } from '../gateway.ts'

/** What a node is to pay, once. */
export interface PaymentOrder {
  /** In lower case. */
  readonly bolt11: string
  /** Hexadecimal: what the payment is known by. */
  readonly paymentHash: string
  /** Whole satoshi that the payee gets. */
  readonly units: bigint
  /** The invoice leaves the amount to who pays. */
  readonly isOpen: boolean
  /** Whole satoshi that the way may cost. */
  readonly feeMax: bigint
}

/** What a node says of a payment. unknown: that it has never heard of its hash, by its own explicit word. */
export type PaymentSight =
  /** `fee` in whole satoshi, rounded up; null where the node does not say what the way cost. */
  | { readonly status: 'succeeded'; readonly preimage: string; readonly fee: bigint | null }
  | { readonly status: 'failed'; readonly detail: string }
  | { readonly status: 'in_flight' }
  | { readonly status: 'unknown' }

/**
 * A Lightning node that pays. Everything else than an explicit word is an error, which says nothing about the payment:
 * it may be under way.
 */
export interface LightningPayer {
  /**
   * Tells the node to pay, and waits for what becomes of it, at most `PAY_MAX_MS`. A node pays a hash only once: it refuses
   * what it has paid or is paying. What was `failed` is to be looked at: only the node's books say that nothing is under way.
   */
  pay(order: PaymentOrder): Promise<Result<PaymentSight, NodeError>>
  find(paymentHash: string): Promise<Result<PaymentSight, NodeError>>
  /** What the node takes for so much where it cannot be told a limit; null where it keeps to `feeMax`. */
  readonly ownFee: ((units: bigint) => bigint) | null
}

export type PayerFactory = (endpoint: NodeEndpoint, fetcher: typeof fetch) => LightningPayer

/** Nodes look for a way so long. */
export const TRY_S = 45
/**
 * Beyond it an answer is not waited for: parts of the last try may wait a minute for each other at the payee (BOLT 4). Whatever is
 * under way by then is looked for.
 */
export const PAY_MAX_MS = 120_000

/** Base units of the asset, rounded up: no fee is counted for less than it was, and one that was not told is none that is known. */
export function satsUp(msat: bigint | null): bigint | null {
  return msat === null ? null : (msat + 999n) / 1_000n
}
