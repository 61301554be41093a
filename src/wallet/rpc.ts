import type { AccountKey, AddressBalance, AddressRefusal, BlockStamp, ReceivingAddress } from '../gateways/gateway.ts'
import type { Result } from '../lib/result.ts'
import type { TransfersRpc } from './transfers/rpc.ts'

/**
 * A store's wallet: one account key, one serialiser of its address indices, what they hold, and of money out. Named by its
 * wallet id.
 */
export interface WalletRpc extends TransfersRpc {
  /** Sets the account key once; the same again is fine, another is refused: addresses must stay derivable. */
  configure(account: AccountKey): Promise<Result<null, { reason: 'already_configured' }>>
  /**
   * The address of an invoice on a chain: the next unused index the first time, the same ever after.
   * One index serves every EVM chain of the wallet.
   */
  allocate(chainId: string, invoiceId: string): Promise<Result<AllocatedAddress, AllocateRefusal>>
  /** The invoice that an address index was given to; null when nobody has it. */
  ownerOf(index: number): Promise<string | null>

  /** How many indices were given out: they are 0 to one less. */
  used(): Promise<number>
  /** The indices from this one on, at most `limit`, and whom they were given to. */
  given(fromIndex: number, limit: number): Promise<GivenIndex[]>
  /** The index whose address has this watch key, if it was given out. */
  find(watchKey: Uint8Array): Promise<GivenIndex | null>

  /** What the newest reading said of the whole wallet on a chain. Asks no node. */
  balance(chainId: string): Promise<WalletBalance>
  /** What it said of these indices; those with nothing are left out. */
  holdings(chainId: string, indices: readonly number[]): Promise<Holding[]>
  /** Has all given-out addresses read anew; the answer comes later, with `balance`. One at a time, and not all the time. */
  refresh(chainId: string): Promise<Result<Refresh, RefreshRefusal>>

  /** For the gateways Worker: the next addresses to read; null when this reading is not the one under way. */
  readingPage(chainId: string, readingId: string, keysMax: number): Promise<ReadingPage | null>
  /** Told every few seconds while a page is being read. A reading that is not heard of is lost, and another may begin. */
  stillReading(chainId: string, readingId: string): Promise<void>
  /** Takes what a page was found to hold. All pages of a reading are of one block. */
  takeReading(chainId: string, readingId: string, page: ReadPage): Promise<Result<null, ReadingRefusal>>
  failReading(chainId: string, readingId: string, error: { reason: string; detail: string }): Promise<void>
}

export interface AllocatedAddress extends ReceivingAddress {
  readonly index: number
}

export type AllocateRefusal = AddressRefusal | { readonly reason: 'not_configured'; readonly detail: string }

export interface GivenIndex {
  readonly index: number
  readonly invoiceId: string
}

/** Base units of one asset. */
export interface Sums {
  readonly confirmed: bigint
  /** The part of `confirmed` that waiting transactions spend, where the chain can tell. */
  readonly leaving: bigint
  /** Payments to the wallet that are seen and in no block. */
  readonly pending: bigint
}

export interface WalletBalance {
  readonly chainId: string
  /** When a reading was last asked for, the one under way included; null before the first. */
  readonly askedAtMs: number | null
  /** The newest whole one; null before the first. */
  readonly reading: Reading | null
  /** A newer one is under way. */
  readonly refreshing: boolean
  /** Why the newest attempt brought nothing; null when it did, or goes on. */
  readonly error: ReadingError | null
}

export interface Reading {
  readonly block: BlockStamp
  /** Nothing it says is from before it was asked for. */
  readonly startedAtMs: number
  readonly doneAtMs: number
  /** Addresses that were looked at: all that had been given out when it began. */
  readonly addresses: number
  /** By asset; what is zero in all three is left out. */
  readonly sums: Readonly<Record<string, Sums>>
  /** Coins that were too many to be kept (`COINS_MAX`); `sums` has them. */
  readonly coinsLeftOut: number
}

export interface ReadingError {
  readonly reason: string
  readonly detail: string
  readonly atMs: number
}

/** What one index holds of one asset. Its coins are there on chains that have coins: what sends select from. */
export interface Holding extends Sums, Pick<AddressBalance, 'assetCode' | 'coins'> {
  readonly index: number
}

/** asked: a reading begins. running: one is under way. recent: one was asked for a moment ago. */
export type Refresh = 'asked' | 'running' | 'recent'

export type RefreshRefusal = AllocateRefusal | { readonly reason: 'too_many_addresses'; readonly detail: string }

/** The most addresses of a wallet that are read. */
export const ADDRESSES_MAX = 100_000

export interface ReadingPage {
  readonly from: number
  /** Of one length, one after another: those of `from`, `from + 1`, … */
  readonly keys: Uint8Array
  readonly keyLength: number
  /** The block of the pages before; null for the first page. */
  readonly block: BlockStamp | null
}

export interface ReadPage {
  readonly from: number
  readonly count: number
  readonly block: BlockStamp
  /** `position` counts from `from`. */
  readonly balances: readonly AddressBalance[]
  /** With the first page: every payment of the chain that waits, the wallet's own and others'; else empty. */
  readonly pending: readonly WaitingPayment[]
}

export interface WaitingPayment {
  readonly invoiceId: string
  readonly assetCode: string
  readonly units: bigint
  readonly txid: string
  /** `Transfer.index` */
  readonly index: string
}

/** stale: this page was taken before, or another reading goes on. mixed: of another block; the whole reading is dropped. */
export type ReadingRefusal = { readonly reason: 'stale' | 'mixed'; readonly detail: string }

/** Reads one page of a wallet's addresses. Sent by the wallet object, one at a time for each wallet and chain. */
export interface BalanceMessage {
  readonly kind: 'balance'
  readonly chainId: string
  readonly walletId: string
  readonly readingId: string
}
