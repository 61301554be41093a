import type { BlockRef } from '../../src/gateways/gateway.ts'

/** Of an output that goes from one address of a wallet of ours to another, and says so: no follower takes it for a payment. */
export const OWN_INDEX = 'own'

export interface SimOutput {
  /** Natural key of the movement within its transaction. */
  readonly index: string
  readonly key: Uint8Array
  readonly asset: string
  readonly units: bigint
}

export interface SimTransaction {
  readonly txid: string
  readonly spends: readonly string[]
  readonly outputs: readonly SimOutput[]
  readonly bornAtMs: number
  /** On chains of coins, where money goes out: what decides how soon it is in a block. Of others any block may have it. */
  readonly cost?: TransactionCost
  /** Of one that a wallet of ours has signed. Who pays shoppers' transactions, and with what, is nobody's business. */
  readonly own?: OwnTransaction
}

export interface TransactionCost {
  readonly fee: bigint
  /** Virtual bytes. */
  readonly vsize: number
}

export interface OwnTransaction {
  /** Key of the paying address, on chains of accounts; null elsewhere. */
  readonly from: string | null
  readonly nonce: number
  /** What it costs; of an account, at most. */
  readonly fee: bigint
  /** What miners go by: satoshi for 1,000 virtual bytes, or wei for one gas. */
  readonly price: bigint
  /** What it takes of gas; 0 on chains of coins. */
  readonly gas: bigint
  /** What an account's transaction does beside paying its outputs; null when nothing. */
  readonly call: OwnCall | null
}

/** By EIP-7702: `delegate` is the code that the payer's deposit addresses let act for them. Addresses as keys. */
export interface OwnCall {
  readonly delegate: string
  /** Those that delegate to it with this transaction, each by its number. */
  readonly authorizations: readonly { readonly authority: string; readonly nonce: number }[]
  /** All that these have of an asset comes to the payer; null: the delegate itself is made. */
  readonly flush: { readonly asset: string; readonly accounts: readonly string[] } | null
}

export interface SimBlock {
  readonly ref: BlockRef
  readonly parent: SimBlock | null
  readonly transactions: readonly SimTransaction[]
  /** Carried out without effect in this block, as an EVM transaction can be. */
  readonly failed: ReadonlySet<string>
  /** What those of ours cost in it. */
  readonly fees: ReadonlyMap<string, bigint>
}

/** What nodes want more of a replacement: at least a tenth. */
const DEARER_PERCENT = 110n

/** Whether nodes take the one in the place of the other. */
export function isDearer(one: OwnTransaction, other: OwnTransaction): boolean {
  return one.fee > other.fee && one.price * 100n >= other.price * (one.from === null ? 100n : DEARER_PERCENT)
}

export function contradicts(one: SimTransaction, other: SimTransaction): boolean {
  return one.txid !== other.txid && one.spends.some((coin) => other.spends.includes(coin))
}

/** Nobody here knows what made it. Of other coins the maker is in a block, waits, or is gone. */
export function isForeign(coin: string): boolean {
  return coin.indexOf(':') !== TXID_DIGITS
}

export function makerOf(coin: string): string {
  return coin.slice(0, coin.indexOf(':'))
}

const TXID_DIGITS = 64

/** What a block carried out. */
export function effective({ transactions, failed }: SimBlock): SimTransaction[] {
  return transactions.filter(({ txid }) => !failed.has(txid))
}
