import type { PaymentFact } from '../chain/rpc.ts'
import type { NodeError } from '../gateways/gateway.ts'
import type { MadeInvoice, PaidAnswer, PaidQuestion, SendingPolicy, SettledPayment } from '../gateways/lightning/node.ts'
import type { Result } from '../lib/result.ts'
import type { AllocateRefusal } from '../wallet/rpc.ts'
import type { LightningTransfersRpc } from './transfers/types.ts'

/**
 * One Lightning node of a merchant, named by its wallet id: it keeps what the node was asked to make, knows which of it is
 * paid, and tells invoices. The node itself is reached by the gateways Worker alone, which is asked by queue messages.
 */
export interface LightningRpc extends LightningTransfersRpc {
  /** The first merchant has the node for ever; the same again changes nothing. */
  configure(node: NodeName, merchantId: string): Promise<Result<null, { readonly reason: 'already_configured' }>>
  /** The BOLT 11 invoice that asks for so much; the same again answers the same. Waits for the node, not for long. */
  allocate(wish: LightningWish): Promise<Result<{ address: string; index: number }, LightningRefusal>>
  /** Nothing more is to be paid for this invoice: what of it is open is cancelled, where the node can do that. */
  release(invoiceId: string): Promise<void>
  /** The invoice of ours that a number was given to; null when nobody has it. */
  ownerOf(index: number): Promise<string | null>
  /** Invoices of the node from this number on, the oldest first; at most `GIVEN_MAX`. */
  given(fromIndex: number, limit: number): Promise<GivenInvoice[]>
  /** One of them, by its payment hash. */
  find(paymentHash: string): Promise<GivenInvoice | null>
  /** Everything that can have been paid up to this time is known; null without a node. */
  readUntil(): Promise<number | null>
  /** Payments by their keys, as `ChainRpc.paymentsAt` answers. Writes nothing. */
  paymentsAt(keys: readonly string[]): Promise<PaymentFact[]>
  /** What the node is called and how it was lately; null without one. */
  health(): Promise<LightningHealth | null>
  /** Satoshi of the node in its channels, asked now. Refused where the node's credential does not allow the question. */
  balance(): Promise<Result<bigint, NodeError>>

  /** Of the object that is named by a rail's id: a node of it has answered, or has not. */
  report(walletId: string, isDown: boolean): Promise<void>
  /** Likewise: how many nodes of the rail there are, and how many are away. Writes nothing. */
  summary(): Promise<LightningSummary>

  /** For the gateways Worker: what the node is to do now. Null when there is no node. */
  errands(): Promise<Errands | null>
  made(index: number, made: Result<{ readonly bolt11: string; readonly paymentHash: string }, NodeError>): Promise<void>
  /** The node was asked to cancel these. Whether it could is seen when they are looked up. */
  cancelled(indices: readonly number[]): Promise<void>
  told(balance: Result<bigint, NodeError>): Promise<void>
  /** Where a look at payments begins; null when there is no node. */
  begin(): Promise<LookState | null>
  commit(look: PaymentsLook): Promise<void>
  /** `found`: it has said what was paid, and not of each invoice whose time is over. */
  failLook(error: NodeError, sending: SendingPolicy | null, found?: PartialLook): Promise<void>
}

/** In one answer. */
export const GIVEN_MAX = 101

/** An invoice of the node, as wallets show their addresses. */
export interface GivenInvoice {
  readonly index: number
  readonly invoiceId: string
  readonly bolt11: string
  /** What was paid, in whole satoshi; null while nothing was. */
  readonly paidUnits: bigint | null
}

export interface NodeName {
  /** The rail's id. */
  readonly chainId: string
  /** As `NODES` has it. */
  readonly name: string
}

export interface LightningWish {
  readonly chainId: string
  readonly invoiceId: string
  /** Whole satoshi. */
  readonly units: bigint
  readonly memo: string
  /** When it can no longer be paid. */
  readonly expiresAtMs: number
}

export type LightningRefusal =
  | AllocateRefusal
  /** The node is away or refuses. Trying again may work. */
  | { readonly reason: 'method_unavailable'; readonly detail: string }

export interface Errands extends NodeName {
  readonly make: readonly (Pick<LightningWish, 'units' | 'memo' | 'expiresAtMs'> & {
    readonly index: number
    readonly label: string
  })[]
  readonly cancel: readonly IndexedInvoice[]
  readonly balance: boolean
}

export interface IndexedInvoice extends MadeInvoice {
  readonly index: number
}

export interface LookState extends NodeName, PaidQuestion {
  /** Their time is over: each is looked up once, and is closed when it is not paid. */
  readonly closing: readonly IndexedInvoice[]
}

/** What a look found. */
export interface PaymentsLook extends PaidAnswer {
  /** Of the state that it began with. */
  readonly base: string | null
  readonly closed: readonly { readonly index: number; readonly payment: SettledPayment | null }[]
  /** What the node's configuration lets it pay; null: nothing. */
  readonly sending: SendingPolicy | null
}

/** What a look found though something went wrong. */
export type PartialLook = Pick<PaymentsLook, 'payments' | 'closed'>

export interface LightningSummary {
  readonly nodes: number
  readonly down: number
}

export interface LightningHealth extends NodeName {
  /** ok: it answered when it was asked last. */
  readonly status: 'ok' | 'down' | 'unknown'
  readonly answeredAtMs: number | null
  readonly error: string | null
  /** How many invoices it was asked for. */
  readonly used: number
}

/** make: errands wait. look: see what was paid. send: carry a transfer as far as it goes. */
export type LightningMessage = { readonly kind: 'lightning'; readonly walletId: string } & (
  | { readonly task: 'make' }
  | { readonly task: 'look' }
  | { readonly task: 'send'; readonly transferId: string }
)
