import type { Result } from '../lib/result.ts'
import type { ChainConfig } from '../money/chain.ts'
import type { NodeEndpoint, NodeError, TrackedTransaction } from './gateway.ts'
import type { Deposit, FeeFacts, Output, SpendPlan, WaitingTransaction } from './spend.ts'

/** The half that talks to nodes: for the gateways Worker alone. */
export interface Sender {
  /** What a plan needs of the chain. `targetBlocks`: how soon it should be in a block. */
  facts(question: FactsQuestion): Promise<Result<SpendFacts, NodeError>>
  /** To every node at once. Accepted by one is accepted; known already is accepted. */
  broadcast(raw: string): Promise<Result<BroadcastAnswer, NodeError>>
  /** Where transactions of one intent are now: all that were ever signed for it, of which at most one can be in the chain. */
  look(question: LookQuestion): Promise<Result<Sighting, NodeError>>
}

export interface FactsQuestion {
  readonly targetBlocks: number
  /** EVM: who pays, and what it will call, so that nonce, balances and gas can be told; null on chains of coins. */
  readonly payer: {
    readonly address: string
    readonly asset: string
    /** None, and no `deposits`: it pays nothing to itself, as what calls back does. */
    readonly outputs: readonly Output[]
    /** Of a sweep, the addresses that `Funds.deposits` will have, in their order. */
    readonly deposits?: readonly string[]
    /** Of an `OwnPayment`: `outputs` has it. */
    readonly isOwn?: boolean
  } | null
  /** Chains of coins: the transaction that an acceleration hurries. `vouts`: outputs of it that are spent for that already. */
  readonly parent?: { readonly txid: string; readonly vouts: readonly number[] }
}

export interface SpendFacts {
  readonly fees: FeeFacts
  readonly height: number
  /** Of the payer, where one was asked about: transactions in blocks, and those that wait counted too. */
  readonly payer: {
    readonly nonce: number
    readonly pendingNonce: number
    readonly units: bigint
    readonly native: bigint
    /** Null when the call would fail: of a sweep, as long as the payer has not been made ready; of that, when it has. */
    readonly gas: bigint | null
    /** Of several outputs that cannot be paid, the first that could not be by itself either; absent when that is not known. */
    readonly refusing?: number
  } | null
  /** Of a sweep: as asked, in that order. */
  readonly deposits?: readonly Omit<Deposit, 'index'>[]
  /** Of an acceleration. */
  readonly parent?: ParentFacts
}

/** unknown: no node that answers has it waiting, or knows a coin that it made. */
export type ParentFacts =
  | {
      readonly status: 'waiting'
      /** Of the transaction: of version 3 nodes take no child of another version (BIP 431). */
      readonly version: number
      readonly outputs: readonly ParentOutput[]
      /** As in `WaitingParent`. */
      readonly ancestors: readonly WaitingTransaction[]
    }
  | { readonly status: 'in_block' | 'unknown' }

export interface ParentOutput {
  readonly vout: number
  readonly units: bigint
  /** scriptPubKey, hexadecimal. */
  readonly script: string
  /** By something that waits. */
  readonly spent: boolean
}

/**
 * taken: a node has it. refused: every node that answered says it can never be in a block as it is; whether another one of
 * the same intent is, only `look` tells.
 */
export type BroadcastAnswer =
  | { readonly answer: 'taken' }
  | { readonly answer: 'refused'; readonly why: 'spent' | 'fee_too_low' | 'invalid'; readonly detail: string }

export interface LookQuestion {
  readonly txids: readonly string[]
  /** The first plan that was signed: what it spends they all spend, and that tells whether another transaction took their place. */
  readonly plan: SpendPlan
  /** Payer's address on EVM chains, else ''. */
  readonly payer: string
  /** Blocks above this height have not been searched. */
  readonly searchedHeight: number
  /** Of an acceleration: what waited when it was planned, as in `WaitingParent`. Whatever excludes one of them excludes it too. */
  readonly ancestors?: readonly TrackedTransaction[]
}

/** `behind`: on chains of accounts, a number of the payer that no transaction has, below this one's. */
export type Sighting =
  | { readonly status: 'waiting'; readonly txid: string; readonly behind?: number }
  | {
      readonly status: 'included'
      readonly txid: string
      readonly height: number
      readonly blockHash: string
      readonly confirmations: number
      /** By the chain's own policy: deep enough, or under its finality tag. */
      readonly final: boolean
      /** EVM: it is in the block and moved nothing. */
      readonly reverted: boolean
      /** What it cost, in base units of the native asset; of coins as far as they are in the plan that was asked about. */
      readonly fee: bigint
    }
  /**
   * In no block up to `searchedHeight` and in no mempool; what it spends is still there: it may be sent again. `orphan`: by
   * every node what it hangs on waits nowhere, so that it cannot come before that is back.
   */
  | { readonly status: 'absent'; readonly searchedHeight: number; readonly behind?: number; readonly orphan?: boolean }
  /**
   * Something else has spent what it spends. `final`: and that is in a block as deep as a payment must be. `pays`: whether it
   * pays what the plan pays, as when somebody signed that with another fee; absent where nobody could tell.
   */
  | {
      readonly status: 'conflict'
      readonly byTxid: string | null
      readonly final: boolean
      readonly searchedHeight: number
      readonly pays?: boolean
      /** Every node that is asked says so, and has searched all it has. Of several, some may have one of them waiting otherwise. */
      readonly byAll?: boolean
      /** Nobody says otherwise, but a node did not answer, or has more blocks to search: one of them may be there. */
      readonly open?: boolean
    }

export type SenderFactory = (chain: ChainConfig, nodes: readonly NodeEndpoint[], fetcher: typeof fetch) => Sender
