import type { Output, SignedTransaction, SpendPlan } from '../gateways/spend.ts'
import type { Result } from '../lib/result.ts'

/**
 * The signer Worker, as the gateways Worker calls it. It is given what is wanted and how it is planned, and builds, checks
 * and signs itself. Nothing here signs a hash or bytes that somebody else made.
 */
export interface SignerRpc {
  /** Same intent and plan again: the same bytes, counted once. */
  sign(request: SignRequest): Promise<Result<SignedTransaction, SignRefusal>>
}

/** What a person or the house wants done, in the words approvals are given over. Named by its id for ever. */
export interface Intent {
  /** Id of the transfer, `tr_…`. */
  readonly id: string
  readonly kind: 'refund' | 'payout' | 'sweep'
  readonly walletId: string
  readonly merchantId: string
  readonly storeId: string
  readonly chainId: string
  readonly asset: string
  readonly outputs: readonly Output[]
  /** Of a refund. */
  readonly invoiceId: string | null
}

export interface SignRequest {
  readonly intent: Intent
  readonly plan: SpendPlan
  readonly approvals: readonly Approval[]
}

/** A passkey's signature over an intent: the parts of a WebAuthn assertion (Level 2, section 7.2), each base64url. */
export interface Approval {
  /** The credential's id, as the approver is known in the policy. */
  readonly credentialId: string
  readonly authenticatorData: string
  readonly clientDataJson: string
  readonly signature: string
}

export type SignRefusal =
  /** No seed of this wallet, or no policy for it: nothing is signed that nobody allowed. */
  | { readonly reason: 'wallet_not_hot' | 'no_policy'; readonly detail: string }
  | { readonly reason: 'stopped'; readonly detail: string }
  | { readonly reason: 'bad_plan' | 'bad_intent'; readonly detail: string }
  /** More than the invoice received less what was refunded, or than the books have set aside. */
  | { readonly reason: 'not_covered'; readonly detail: string }
  | { readonly reason: 'fee_over_limit'; readonly detail: string }
  /** `retryAtMs`: when the window has room again; null when it never will (over the limit of one transfer). */
  | { readonly reason: 'limit_reached'; readonly limit: string; readonly retryAtMs: number | null; readonly detail: string }
  | {
      readonly reason: 'needs_approval'
      /** What approvers sign, base64url. */
      readonly challenge: string
      readonly wanted: number
      readonly given: number
      /**
       * Of the approvals that were shown, in their order: the member each one is of, or null when it counts for nothing.
       * Absent: nothing is said of them.
       */
      readonly members?: readonly (string | null)[]
    }
  /** What it needs to know could not be asked: try again. */
  | { readonly reason: 'unavailable'; readonly detail: string }
