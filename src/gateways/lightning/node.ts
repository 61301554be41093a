import type { Result } from '../../lib/result.ts'
import type { NodeEndpoint, NodeError } from '../gateway.ts'

/** How the gateways Worker reaches a Lightning node; `NODES` maps the rail's id to a list of these. */
export interface LightningEndpoint extends NodeEndpoint {
  /** What stores name it by. Unique in its rail. */
  readonly name: string
  readonly kind: 'phoenixd' | 'lnd' | 'cln'
  /** Its public key in hexadecimal: invoices that another node signed are refused. Not known: any node's are taken. */
  readonly nodeId?: string
  /** Absent: the node is never asked to pay. */
  readonly sending?: SendingEndpoint
}

/** Leave to pay: a credential that can, in place of the one that receives, and how much it may be used for. */
export interface SendingEndpoint extends SendingPolicy, Pick<NodeEndpoint, 'user' | 'password' | 'headers'> {}

/** Whole satoshi, fees included. */
export interface SendingPolicy {
  /** Of one payment. */
  readonly paymentMaxSats: number
  /** Of all payments in any 24 hours. */
  readonly dayMaxSats: number
}

/** An invoice that a node is to make. */
export interface InvoiceWish {
  /** Ours, unique: the same again makes no second invoice. */
  readonly label: string
  /** Whole satoshi. */
  readonly units: bigint
  /** What the payer's wallet shows, at most `MEMO_MAX` characters. */
  readonly memo: string
  readonly expirySeconds: number
}

/** In UTF-16, as phoenixd counts, which takes 128. */
export const MEMO_MAX = 100

/** What an invoice is known by at its node. */
export interface MadeInvoice {
  readonly label: string
  /** Hexadecimal. */
  readonly paymentHash: string
}

/** An invoice was paid: final, nothing takes it back. */
export interface SettledPayment {
  readonly paymentHash: string
  /** What the payer has paid, fees of the way left out. */
  readonly msat: bigint
  /** By the node's clock. */
  readonly atMs: number
}

export interface PaidQuestion {
  /** Of the answer before; null at first. */
  readonly cursor: string | null
  /** Nothing older is of interest where a node has no numbers to count by. */
  readonly sinceMs: number
  /** While nothing is there the answer may be waited for so long. */
  readonly waitMs: number
  /** Without a cursor some of those that may be paid, for nodes that cannot tell of a first payment by number; else none. */
  readonly open: readonly MadeInvoice[]
}

export interface PaidAnswer {
  /** Those of others too: whoever asks knows its own. */
  readonly payments: readonly SettledPayment[]
  readonly cursor: string | null
}

/** One Lightning node that payments are received by. What pays is a `LightningPayer`, with a credential of its own. */
export interface LightningNode {
  makeInvoice(wish: InvoiceWish): Promise<Result<{ readonly bolt11: string; readonly paymentHash: string }, NodeError>>
  /** What was paid after the cursor. What is told twice does no harm; what is left out is found by `lookUp`. */
  paidAfter(question: PaidQuestion): Promise<Result<PaidAnswer, NodeError>>
  /** Null when it is not paid. */
  lookUp(invoice: MadeInvoice): Promise<Result<SettledPayment | null, NodeError>>
  /** So that it cannot be paid any more, where the node can do that; harmless for what is paid or unknown. */
  cancel(invoice: MadeInvoice): Promise<Result<null, NodeError>>
  /** Satoshi that are the node's own in its channels. */
  balance(): Promise<Result<bigint, NodeError>>
}

export type NodeFactory = (endpoint: LightningEndpoint, fetcher: typeof fetch) => LightningNode
