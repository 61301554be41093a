import type { Output, SpendPlan, UnsignedTransaction } from '../../gateways/spend.ts'
import type { Custody } from '../../ledger/types.ts'
import type { Approval } from '../../signer/rpc.ts'

/**
 * queued: recorded; money, coins or a look at the chain are waited for. needs_approval: people must say yes before it is
 * signed. signing: its plan is kept, and the signer, or the merchant's own wallet, is asked for signatures. broadcast: its
 * signed bytes are kept, and nodes have them or are given them. confirmed: final in the chain. failed: nobody was paid and
 * nobody will be; what was reserved is given back. unknown: something else has spent what it spends, or it moved nothing though
 * it is in a block: looked at until it is certain, never paid again by itself.
 */
export type TransferStatus = 'queued' | 'needs_approval' | 'signing' | 'broadcast' | 'confirmed' | 'failed' | 'unknown'

/** Money that goes out of one wallet in one transaction. */
export interface Transfer {
  readonly id: string
  /** Grows by one with each change. */
  readonly version: number
  readonly kind: 'refund' | 'payout' | 'sweep'
  readonly merchantId: string
  readonly shard: number
  readonly storeId: string
  readonly walletId: string
  /** platform: the signer signs. self: the merchant does. */
  readonly custody: Custody
  readonly chainId: string
  readonly asset: string
  readonly outputs: readonly Output[]
  /** Sum of the outputs. */
  readonly units: bigint
  readonly invoiceId: string | null
  /** Of an acceleration, a sweep of coins: the waiting transaction that it hurries. Null or absent: it hurries none. */
  readonly parentTxid?: string | null
  /** What the merchant calls it. */
  readonly reference: string | null
  /** As it was asked for; absent or null: of no batch. */
  readonly batch?: TransferBatch | null
  readonly targetBlocks: number
  /** In base units of the chain's native asset. */
  readonly feeMax: bigint
  readonly status: TransferStatus
  /** Why it waits, failed, or is not known, in words for the merchant; null when there is nothing to say. */
  readonly reason: string | null
  readonly plan: SpendPlan | null
  readonly unsigned: UnsignedTransaction | null
  /** What approvers sign, when it wants them; base64url. */
  readonly challenge: string | null
  readonly approvalsWanted: number
  readonly approvals: readonly GivenApproval[]
  /** Every transaction that was ever signed for it, oldest first. At most one of them can be in the chain. */
  readonly signed: readonly SignedAttempt[]
  /** Where the chain has it. */
  readonly included: {
    readonly txid: string
    readonly height: number
    readonly blockHash: string
    readonly confirmations: number
  } | null
  /** What it cost in base units of the native asset, as far as is known. */
  readonly fee: bigint | null
  /** Of a payment by Lightning; absent of others. */
  readonly lightning?: LightningLeg
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

/** What only Lightning knows of a transfer. */
export interface LightningLeg {
  readonly paymentHash: string
  /** Proof that the payee was paid: its SHA-256 is the payment hash. */
  readonly preimage: string | null
  /** Key of the node that is paid, in hexadecimal. */
  readonly payee: string
  /** Of the invoice that is paid. */
  readonly expiresAtMs: number
}

/** A passkey's word, and what the signer has said of it. */
export interface GivenApproval extends Approval {
  /** The member it is of; null: it counts for nothing. Absent until the signer has looked at it. */
  readonly member?: string | null
}

/** The payouts that were asked for together. */
export interface TransferBatch {
  /** `po_…` */
  readonly id: string
  /** How many transfers it has. */
  readonly size: number
  /** What the merchant calls each output, in their order. */
  readonly references: readonly (string | null)[]
}

export interface SignedAttempt {
  readonly txid: string
  readonly raw: string
  readonly fee: bigint
  readonly signedAtMs: number
  /** When a node first took it; null while none has. */
  readonly takenAtMs: number | null
}

/** What copies for lists keep of a transfer: nothing that grows with its inputs and outputs but the first of them. */
export interface ListedTransfer extends Omit<Transfer, 'plan' | 'unsigned' | 'approvals' | 'signed'> {
  readonly outputCount: number
  readonly approvalsGiven: number
  /** Of the newest transaction that was signed for it. */
  readonly signedTxid: string | null
}
