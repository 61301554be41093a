import type { PaymentObservation } from '../chain/rpc.ts'
import type { Result } from '../lib/result.ts'
import type { LightningRefusal } from '../lightning/rpc.ts'
import type { RefundsRpc } from './refund-rpc.ts'
import type { ConfirmationTier, Invoice, InvoiceEvent, LatePolicy, StoreTerms } from './types.ts'

/** One object per invoice, named by the invoice id. */
export interface InvoiceRpc extends RefundsRpc {
  /** Creates once. The same again with the same fingerprint answers the invoice as it was made; with another, refuses. */
  create(request: CreateInvoice): Promise<Result<{ invoice: Invoice; replayed: boolean }, CreateRefusal>>
  /** Null when there is no such invoice. Reading an unknown one writes nothing. */
  read(): Promise<Invoice | null>
  /**
   * Allocates and watches the address of an asset; the same again changes nothing, but that an address which asks for an
   * amount is renewed when another amount is due.
   */
  activate(asset: string): Promise<Result<Invoice, ActivateRefusal>>
  /**
   * From the chain's follower: newer revisions win, older and equal ones change nothing. Everything the follower
   * has waiting for one invoice comes in one call (at most 100), so that a payment and the one that replaced it are
   * never counted together between two calls.
   */
  observe(observations: readonly PaymentObservation[]): Promise<ObserveAnswer>
  /** A person's word on late money that is held, or on the whole invoice. `by` names who. */
  resolve(action: ResolveAction, by: string): Promise<Result<Invoice, ResolveRefusal>>
  /** The event log from `afterVersion`, at most 200. */
  events(afterVersion: number): Promise<InvoiceEvent[]>
  /** The projection of this version, or a newer one, is in D1. */
  projected(version: number): Promise<void>
  /** WebSocket upgrade for live updates: `?since=<version>`. Sends `{"version":n,"status":"…"}` texts. */
  fetch(request: Request): Promise<Response>
}

export interface CreateInvoice {
  readonly id: string
  readonly store: StoreTerms
  readonly currency: string
  readonly price: bigint
  readonly orderId: string | null
  readonly description: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly redirectUrl: string | null
  readonly expiresInMs: number
  /** Null: each chain's own default. */
  readonly confirmationTiers: readonly ConfirmationTier[] | null
  /** Null: the store's. */
  readonly toleranceBps: number | null
  readonly latePolicy: LatePolicy | null
  /** Asset codes to offer; null for all of the store's. */
  readonly assets: readonly string[] | null
  /** SHA-256 of the canonical request under its idempotency key; null without a key. */
  readonly fingerprint: string | null
}

export type CreateRefusal =
  | { readonly reason: 'idempotency_key_reused' }
  /** No offered asset has a usable rate right now; try again. */
  | { readonly reason: 'rates_unavailable'; readonly pairs: readonly string[] }
  | { readonly reason: 'asset_not_accepted'; readonly asset: string }
  | { readonly reason: 'amount_too_small' | 'amount_too_large' }

export type ActivateRefusal =
  | { readonly reason: 'invoice_not_found' }
  | { readonly reason: 'asset_not_offered'; readonly asset: string }
  /** Nobody should be sent to an address of an invoice that is over. */
  | { readonly reason: 'invoice_closed'; readonly status: string }
  | LightningRefusal

export type ObserveAnswer =
  | { readonly known: false }
  /** The follower tells of every confirmation up to this many, and of any change of truth after it. */
  | { readonly known: true; readonly confirmationsWanted: number }

export type ResolveAction = 'accept_late' | 'refuse_late' | 'mark_invalid' | 'reopen'

export type ResolveRefusal =
  | { readonly reason: 'invoice_not_found' }
  | { readonly reason: 'nothing_to_resolve'; readonly status: string }
