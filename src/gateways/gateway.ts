import type { Result } from '../lib/result.ts'
import type { ChainConfig } from '../money/chain.ts'

/**
 * The contract of a gateway: one folder per family of chains. Addresses (pure, used by wallet objects), a reader of the
 * chain and a reader of balances (I/O, used in the gateways Worker alone).
 */
export interface AddressBook {
  /**
   * The receiving address of an account key at `index` (non-hardened, external branch).
   * Refuses an account key that is not of this family or network; same input, same output, forever.
   */
  derive(chain: ChainConfig, account: AccountKey, index: number): Result<ReceivingAddress, AddressRefusal>
  /** What a wallet opens: BIP 21 or EIP-681. `units` are base units of the asset. */
  paymentUri(chain: ChainConfig, request: PaymentRequest): string
}

/** A merchant's public account key; never a private one. */
export interface AccountKey {
  /** xpub/tpub of an account: m/84'/…' or m/86'/…' (BIP 84, 86), m/44'/60'/0' (BIP 44) for EVM. SLIP-132 prefixes are read too. */
  readonly xpub: string
  readonly script: 'p2wpkh' | 'p2tr' | 'evm'
  /**
   * Bitcoin's family: where the key comes from, as descriptors write it (BIP 380): `d34db33f/84h/0h/0h`, the fingerprint of the
   * master key and the path. Signing devices find their key by it. Addresses do not depend on it.
   */
  readonly origin?: string
}

export interface ReceivingAddress {
  /** As a payer types it: bech32(m), or EIP-55 checksummed. */
  readonly address: string
  /** What the chain's outputs are compared with: scriptPubKey bytes, or the 20 address bytes. */
  readonly watchKey: Uint8Array
}

export type AddressRefusal = {
  readonly reason: 'bad_account_key' | 'wrong_network' | 'index_out_of_range'
  readonly detail: string
}

export interface PaymentRequest {
  readonly address: string
  readonly assetCode: string
  readonly units: bigint
  /** Bitcoin: the Lightning invoice for the same amount, for wallets that can pay it. */
  readonly lightning?: string
  /** Shown by wallets that can. */
  readonly label?: string
  readonly message?: string
}

/** A block's place in the chain. Hashes are lower-case hex as explorers show them (EVM with 0x). */
export interface BlockRef {
  readonly height: number
  readonly hash: string
  readonly parentHash: string
  readonly timeMs: number
}

/** The newest block of a node. */
export interface Head extends BlockRef {
  /** The newest block under the chain's `finality` tag; null when the node names none. Absent where there is no tag to ask for. */
  readonly final?: { readonly height: number; readonly hash: string } | null
  /** Another of several nodes is read from now on: what the one before showed of its mempool does not belong to this head. */
  readonly moved?: boolean
  /**
   * The node read from has gone on from here, and the others have not confirmed where to: what its mempool does not show
   * may be in a block above.
   */
  readonly partial?: boolean
}

/** One of several nodes of a chain, compared with the others. */
export interface NodeSight {
  readonly host: string
  /**
   * lagging: agrees with the others on what is older, and has not all they have. away: does not answer. disagrees: has
   * other blocks where the others have long agreed, or was found lying.
   */
  readonly status: 'ok' | 'lagging' | 'away' | 'disagrees'
}

/** Eight bytes of each output's watch key, concatenated: what the watch list filters by. See `fingerprintOf`. */
export type Fingerprints = Uint8Array

/** A movement of an asset to one watch key. Its natural key is (chain, txid, index). */
export interface Transfer {
  readonly txid: string
  /**
   * Bitcoin: the output number. EVM: `native`; `<contract>:<n>`, the n-th Transfer log of that contract in the transaction;
   * `internal:<recipient>:<n>`, the n-th transfer of the chain's own asset that contracts make to the recipient in it.
   */
  readonly index: string
  readonly watchKey: Uint8Array
  readonly assetCode: string
  readonly units: bigint
  /**
   * What only one transaction can ever spend: `txid:vout` outpoints, or one `from:nonce`; of a Litecoin peg-out, what is
   * paid out. For finding conflicts.
   */
  readonly spends: readonly string[]
}

/** A transaction found that spends what an unconfirmed payment spends: that payment is replaced by it. */
export interface Conflict {
  readonly txid: string
  readonly byTxid: string
}

/** What the follower remembers of a payment that is not in a block yet. */
export interface TrackedTransaction {
  readonly txid: string
  readonly spends: readonly string[]
}

/** A set of transactions that can be matched against the watch list: a block, or what is new in the mempool. */
export interface Scan {
  /** One per output or transfer, in an order of the gateway's own; positions below are indices into it. */
  readonly fingerprints: Fingerprints
  /** Full facts of the outputs at these positions only. For EVM: failed transactions are left out (receipt status). */
  resolve(positions: readonly number[]): Promise<Result<Transfer[], NodeError>>
  /** Which of the tracked transactions are replaced by one in this set. A transaction does not conflict with itself. */
  conflicts(tracked: readonly TrackedTransaction[]): Conflict[]
}

export interface Block extends BlockRef, Scan {}

export interface MempoolScan extends Scan {
  /**
   * Which of these transaction ids were not waiting when this was read, but for those in a block above `height`, where that is
   * known. Asked when the blocks up to there are taken in. Not proof of anything.
   */
  missing(txids: readonly string[], height: number): Promise<Result<string[], NodeError>>
  /** A bound was met, and more waits that is not in this scan. */
  readonly more?: boolean
  /** Marks this scan's transactions as seen, so that the next scan holds only newer ones. Call it after the commit. */
  seen(): void
}

/** Reads one chain from its nodes. Verifies what a node says as far as the data proves itself. */
export interface ChainReader {
  /** Blocks that may be read at one time now, where the next comes sooner than a few answers of a node; absent: one. */
  readonly ahead?: number
  /**
   * The newest block to follow. `ours` is the chain read so far, newest first: where several nodes are compared it tells
   * what to stay with.
   */
  head(ours?: readonly { height: number; hash: string }[]): Promise<Result<Head, NodeError>>
  /** The hash at a height of the node's best chain, or null above its head. */
  hashAt(height: number): Promise<Result<string | null, NodeError>>
  block(hash: string): Promise<Result<Block, NodeError>>
  /**
   * Transactions waiting and not yet marked seen. Where nodes do not show what waits, a scan of none: it still tells of
   * what was seen before whether it is missing. Bounded per call.
   */
  mempool(): Promise<Result<MempoolScan, NodeError>>
  /** How each of several nodes was when they were compared last. */
  nodes?(): readonly NodeSight[]
}

/** A place in a chain that balances are told as of. */
export interface BlockStamp {
  readonly height: number
  readonly hash: string
  /** The block's own time. */
  readonly timeMs: number
}

/** What one address has of one asset, in base units. */
export interface AddressBalance {
  /** Of the watch key in the list that was asked about. */
  readonly position: number
  readonly assetCode: string
  /** Over zero: what is zero is left out. */
  readonly confirmed: bigint
  /** The part of `confirmed` that waiting transactions spend, where the chain can tell. */
  readonly leaving: bigint
  /** Bitcoin's family: `confirmed` coin by coin, what sends select from. Empty on chains that keep accounts. */
  readonly coins: readonly UnspentOutput[]
}

export interface UnspentOutput {
  readonly txid: string
  readonly vout: number
  readonly units: bigint
  readonly height: number
  /** Made by mining, hence not to be spent before it is 100 blocks deep; null when the node does not say. */
  readonly coinbase: boolean | null
  /** A waiting transaction spends it; null where nobody has looked. */
  readonly leaving: boolean | null
}

export interface BalanceSight {
  /** All of it is as of this one block. */
  readonly block: BlockStamp
  readonly balances: readonly AddressBalance[]
}

/** Tells what addresses have. An answer is of one block, whole, or it is refused. */
export interface BalanceReader {
  /** The most watch keys in one `read`. */
  readonly keysMax: number
  /**
   * As of the block `at` where nodes answer for the past (EVM); else, and with null, as of the newest one, which is not below
   * `at`: the caller compares. Refusals other than `protocol` pass by themselves, a node that is busy among them.
   */
  read(keys: readonly Uint8Array[], at: Pick<BlockStamp, 'height' | 'hash'> | null): Promise<Result<BalanceSight, NodeError>>
}

export type BalanceReaderFactory = (chain: ChainConfig, nodes: readonly NodeEndpoint[], fetcher: typeof fetch) => BalanceReader

/**
 * Every node of the chain failed, or they contradict each other (`nodes_disagree`). `protocol` needs a person, as a
 * disagreement that lasts does; the others pass by themselves.
 */
export type NodeError = {
  readonly reason: 'node_unreachable' | 'node_refused' | 'node_lied' | 'nodes_disagree' | 'protocol'
  readonly detail: string
}

/** How the gateways Worker reaches the nodes of a chain; the `NODES` secret maps CAIP-2 ids to a list of these. */
export interface NodeEndpoint {
  /** JSON-RPC address. HTTPS anywhere but on loopback, and in a private network that `via` leads to. */
  readonly url: string
  /** HTTP Basic. */
  readonly user?: string
  readonly password?: string
  /** Sent with every request, for example `{ "x-api-key": "…" }`. */
  readonly headers?: Readonly<Record<string, string>>
  /** A service token of Cloudflare Access. */
  readonly access?: { readonly clientId: string; readonly clientSecret: string }
  /** A binding of the gateways Worker that leads to it: an mTLS certificate, or a Workers VPC service. */
  readonly via?: string
  /** What that binding fetches by: put here by `nodesOf`, never in the secret. */
  readonly fetcher?: typeof fetch
  /** Bitcoin Core's REST interface is on (`-rest`): blocks are fetched as bytes. */
  readonly rest?: boolean
  /** EVM: the node serves a `pending` block worth reading (own nodes and anvil; most hosted ones do not). */
  readonly pending?: boolean
  /**
   * EVM: `false` asks this node for no traces, which hosted ones charge much for. Without any, payments that contracts
   * make in the chain's own asset are not found.
   */
  readonly trace?: boolean
}

/** Makes a reader; `cache` lives as long as the isolate and holds what has been seen of the mempool. */
export type ReaderFactory = (chain: ChainConfig, nodes: readonly NodeEndpoint[], fetcher: typeof fetch) => ChainReader

/**
 * Bytes 2 to 9 of a watch key: inside the hash of every script form and of an EVM address, so evenly spread.
 * Keys shorter than ten bytes are never watched; they get eight zero bytes.
 */
export function fingerprintOf(watchKey: Uint8Array): Uint8Array {
  return watchKey.length >= 10 ? watchKey.slice(2, 10) : new Uint8Array(8)
}
