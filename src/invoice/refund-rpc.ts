import type { Result } from '../lib/result.ts'
import type { Amount } from '../money/amount.ts'
import type { TransferStatus } from '../wallet/transfers/types.ts'
import type { Refund } from './refund.ts'
import type { Invoice } from './types.ts'

/** Money back. Part of what the invoice object answers (`InvoiceRpc`): it alone knows what came in. */
export interface RefundsRpc {
  /**
   * Asks for a refund under an id made by who asks. The same again with the same fingerprint answers it as it was made;
   * with another, refuses. However many ask at once, never more is promised than came in.
   */
  requestRefund(request: RequestRefund): Promise<Result<RefundRequested, RequestRefusal>>
  /** The payer says where to, and again, where to instead, until it is signed. */
  claimRefund(id: string, address: string): Promise<Result<Invoice, ClaimRefusal>>
  /** Ends a refund that is not signed. One whose wallet does not answer, or is signing, ends once that says so (`cancelledBy`). */
  cancelRefund(id: string, by: string): Promise<Result<Invoice, CancelRefusal>>
  /** From the wallet object: how a transfer of ours is doing. Newer versions win, older and equal ones change nothing. */
  refundChanged(change: RefundChange): Promise<void>
}

export interface RequestRefund {
  /** `tr_…` */
  readonly id: string
  /** SHA-256 of the canonical request. */
  readonly fingerprint: string
  /** Null: the only one in which something can be returned. */
  readonly asset: string | null
  readonly rule: RefundWish
  readonly reason: string | null
  readonly by: string
}

export interface RefundRequested {
  readonly invoice: Invoice
  /** As it was made. */
  readonly refund: Refund
  readonly replayed: boolean
}

export type RefundWish =
  | { readonly type: 'full' }
  | { readonly type: 'over' }
  /** `amount`: in the asset, or in the invoice's currency at the rate `at` that time. Over zero. */
  | { readonly type: 'part'; readonly amount: Amount; readonly at: 'then' | 'now' }

export interface RefundChange {
  /** Id of the transfer. */
  readonly refundId: string
  readonly version: number
  readonly status: TransferStatus
  readonly reason: string | null
  readonly txid: string | null
  readonly challenge: string | null
}

export type RequestRefusal =
  | { readonly reason: 'invoice_not_found' }
  | { readonly reason: 'idempotency_key_reused' }
  /** `held`: late money is there, and waits for a person's word. */
  | { readonly reason: 'nothing_to_refund'; readonly asset: string | null; readonly held: boolean }
  | { readonly reason: 'refund_asset_needed'; readonly assets: readonly string[] }
  | { readonly reason: 'refund_over_limit'; readonly asset: string; readonly wanted: bigint; readonly refundable: bigint }
  | { readonly reason: 'refund_too_small'; readonly asset: string; readonly least: bigint }
  | { readonly reason: 'refund_currency_unknown'; readonly currency: string }
  /** The asset was not offered, so there was no rate then. */
  | { readonly reason: 'refund_rate_unknown'; readonly asset: string }
  | { readonly reason: 'rates_unavailable'; readonly pairs: readonly string[] }
  /** `detail`: why, where it is not that nobody knows who paid. */
  | { readonly reason: 'rail_cannot_refund'; readonly rail: string; readonly detail?: string }
  | { readonly reason: 'too_many_refunds' }

export type ClaimRefusal =
  | { readonly reason: 'invoice_not_found' | 'refund_not_found' }
  | { readonly reason: 'refund_closed'; readonly status: string }
  | { readonly reason: 'too_many_addresses' }
  | AddressFault

export type CancelRefusal =
  | { readonly reason: 'invoice_not_found' | 'refund_not_found' }
  | { readonly reason: 'refund_closed'; readonly status: string }

/**
 * not_an_address: of this chain. own_address: one that this invoice was paid to. not_payable: what is sent there is lost, or
 * is too little to be passed on, or its letters say that it was mistyped (EIP-55). wrong_amount, expired: of a Lightning invoice.
 */
export type AddressFault = {
  readonly reason: 'not_an_address' | 'own_address' | 'not_payable' | 'wrong_amount' | 'expired'
}
