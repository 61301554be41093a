import type { BlockRef, Conflict, Fingerprints, NodeSight, TrackedTransaction, Transfer } from '../gateways/gateway.ts'
import type { Result } from '../lib/result.ts'

/** What a chain's follower object answers. One per chain, named by its CAIP-2 id. */
export interface ChainRpc {
  /** Starts (or wakes) the follower; harmless when it runs. Cron calls it for every configured chain. */
  wake(chainId: string): Promise<void>
  /** Where a look at the node starts from. */
  begin(): Promise<FollowState>
  /** Takes what a look found: payments, cursor and outbox in one commit. Refused when another look came first. */
  commit(batch: ChainBatch): Promise<Result<FollowState, CommitRefusal>>
  /** What a rollback to this height would set loose: asked before the blocks of another branch are searched for conflicts. */
  trackedAbove(height: number): Promise<TrackedTransaction[]>
  /** A look failed; shown by /health, retried by the alarm. */
  fail(error: { reason: string; detail: string; nodes?: readonly NodeSight[] }): Promise<void>
  health(): Promise<ChainHealth>
  /** A page of one part of all payments ever found, for who compares them with the books. Writes nothing. */
  paymentsPage(part: PaymentsPart, after: string | null, limit: number): Promise<PaymentsPage>
  /** Those of these keys (`<chainId>/<txid>/<index>`, at most `PAYMENTS_PAGE_MAX`) that the follower knows. Writes nothing. */
  paymentsAt(keys: readonly string[]): Promise<PaymentFact[]>
}

/** The most payments in one page, or keys in one question. */
export const PAYMENTS_PAGE_MAX = 1_000

/**
 * loose: in no block. near: from a few blocks before the one that makes them final, onwards with the chain. all: every
 * one, by its key.
 */
export type PaymentsPart = 'loose' | 'near' | 'all'

export interface PaymentsPage {
  readonly payments: readonly PaymentFact[]
  /** Where the next page of this part begins; null for its beginning. */
  readonly next: string | null
}

/** What the follower knows of one payment, as it would tell the payment's invoice now. */
export interface PaymentFact {
  /** `<chainId>/<txid>/<index>` */
  readonly key: string
  readonly invoiceId: string
  readonly assetCode: string
  readonly units: bigint
  readonly status: PaymentStatus
  readonly confirmations: number
  /** In a block that is final by the chain's own policy. */
  readonly final?: boolean
}

export interface FollowState {
  /** Newest first, at most `reorgDepthMax`; empty before the first look. */
  readonly recent: readonly { height: number; hash: string }[]
  /** Payments seen and not in a block, at most 5,000. */
  readonly unconfirmed: readonly TrackedTransaction[]
  /** Waiting transactions that took the place of one of those: when they go, so does the conflict. */
  readonly replacements: readonly string[]
}

/** A transfer to a watched key, with whom it is for. */
export interface MatchedTransfer {
  readonly transfer: Omit<Transfer, 'watchKey'>
  readonly invoiceId: string
}

export interface ChainBatch {
  /** `recent[0]` of the state this look started from; null for the first. Anything else is a stale look. */
  readonly base: { height: number; hash: string } | null
  /** The common ancestor when blocks above it left the best chain; null when the chain only grew. */
  readonly rollbackTo: { height: number; hash: string } | null
  /** Oldest first, each the child of the one before. */
  readonly blocks: readonly {
    readonly ref: BlockRef
    readonly payments: readonly MatchedTransfer[]
    readonly conflicts: readonly Conflict[]
  }[]
  /**
   * Null when the look has not come to the head yet.
   * The mempool was read before the blocks were, so what is missing from it is in those blocks or nowhere.
   */
  readonly mempool: {
    readonly payments: readonly MatchedTransfer[]
    readonly conflicts: readonly Conflict[]
    /** Of the tracked and the replacements: those that wait, and those that no longer do. */
    readonly waiting: readonly string[]
    readonly missing: readonly string[]
    /** All that was known at this time is in this commit and those before; `startedAtMs` when absent. See `Head.partial`. */
    readonly asOfMs?: number
  } | null
  /** The newest block under the chain's finality tag, as the node named it beside its head. Null or absent: not told. */
  readonly final?: { readonly height: number; readonly hash: string } | null
  /** This look will commit again, or fail: no other need be sent meanwhile. */
  readonly more: boolean
  /** The node's head as this look found it, and when the look started. */
  readonly head: { readonly height: number; readonly hash: string }
  readonly startedAtMs: number
  /** Where the chain has several nodes: how each was in this look. */
  readonly nodes?: readonly NodeSight[]
}

export type CommitRefusal = { readonly reason: 'stale_cursor' | 'not_a_chain' | 'reorg_too_deep'; readonly detail: string }

export interface ChainHealth {
  readonly chainId: string
  readonly name: string
  readonly status: 'ok' | 'catching_up' | 'lagging' | 'down'
  /** The cursor. Null before the first look. */
  readonly height: number | null
  readonly hash: string | null
  readonly headHeight: number | null
  /** Payments in blocks up to here are final by the chain's own policy. Null before the first one is. */
  readonly finalHeight: number | null
  /** Blocks the node has and we have not read. */
  readonly lagBlocks: number | null
  /** When the head last moved: the measure of health. */
  readonly headAdvancedAtMs: number | null
  /**
   * Everything the node knew at this time has been taken in. An invoice expires only when this has passed
   * its deadline, so that an outage never costs a payer their payment.
   */
  readonly syncedAtMs: number | null
  readonly error: string | null
  /** Where the chain has several nodes: how each was in the newest look. */
  readonly nodes?: readonly NodeSight[] | null
  /** When blocks that were final by the chain's own policy last left it all the same; null: never. */
  readonly finalLeft?: FinalLeft | null
}

/** A reorganisation deeper than finality: blocks up to `finalHeight` were final, and only those up to `rolledBackTo` are left. */
export interface FinalLeft {
  readonly finalHeight: number
  readonly rolledBackTo: number
  readonly atMs: number
}

/** One shard of a chain's watch list, named `<chainId>#<shard>`; the shard is `fingerprint[0] % watchShards`. */
export interface WatchRpc {
  /** Returns once the key is durable; an address is shown only after that. Same key and invoice again: no change. */
  watch(entries: readonly { key: Uint8Array; invoiceId: string }[]): Promise<void>
  /** Filter, then exact look-up. Answers positions in `fingerprints` with the whole keys that may stand there. */
  match(fingerprints: Fingerprints): Promise<WatchHit[]>
}

export interface WatchHit {
  readonly position: number
  readonly key: Uint8Array
  readonly invoiceId: string
}

/** What the chain tells an invoice: the whole truth of one payment, newer `revision` wins. */
export interface PaymentObservation {
  /** `<chainId>/<txid>/<index>`: the natural key of a payment. */
  readonly key: string
  readonly revision: number
  readonly chainId: string
  readonly txid: string
  readonly index: string
  readonly assetCode: string
  readonly units: bigint
  readonly status: PaymentStatus
  /** 0 while not in a block of the best chain. */
  readonly confirmations: number
  /**
   * In a block that is final by the chain's own policy: deep enough, or under its finality tag. Not told one by one like
   * confirmations, but once. Absent in what was told before this field was.
   */
  readonly final?: boolean
  readonly height: number | null
  readonly blockHash: string | null
  /** When the network first showed it to us; the block's time when it was found catching up after an outage. */
  readonly seenAtMs: number
  /** The transaction that took its place, for `replaced` and `double_spent`. */
  readonly replacedBy: string | null
}

/**
 * unconfirmed: in the mempool. confirmed: in a block of the best chain. missing: in neither, nothing conflicts.
 * replaced: an unconfirmed transaction spends the same coins. double_spent: a confirmed one does. returned: a bank has
 * taken back what it had booked.
 */
export type PaymentStatus = 'unconfirmed' | 'confirmed' | 'missing' | 'replaced' | 'double_spent' | 'returned'

/** What the follower asks a gateway Worker to do. Sent by the chain object's alarm, one at a time per chain. */
export interface LookMessage {
  readonly kind: 'look'
  readonly chainId: string
  readonly sentAtMs: number
}
