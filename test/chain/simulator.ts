import {
  type Block,
  type BlockRef,
  type ChainReader,
  type Conflict,
  fingerprintOf,
  type NodeError,
  type Scan,
  type TrackedTransaction,
  type Transfer,
} from '../../src/gateways/gateway.ts'
import { err, ok, type Result } from '../../src/lib/result.ts'

export interface SimOutput {
  readonly key: Uint8Array
  readonly units: bigint
}

export interface SimTransaction {
  readonly txid: string
  readonly spends: readonly string[]
  readonly outputs: readonly SimOutput[]
}

export interface SimBlock {
  readonly ref: BlockRef
  readonly transactions: readonly SimTransaction[]
}

/** A watch key of 22 bytes made from a number, as evenly spread as a hash. */
export function keyOf(n: number): Uint8Array {
  const key = new Uint8Array(22)
  let state = (n + 1) * 0x9e3779b1
  for (let i = 2; i < key.length; i++) {
    state = Math.imul(state ^ (state >>> 15), 0x85ebca6b) + i
    state ^= state >>> 13
    key[i] = state & 0xff
  }
  new DataView(key.buffer).setUint32(18, n)
  return key
}

/** A node with a best chain and a mempool, in memory. Blocks off the best chain stay readable by their hash. */
export class SimNode {
  readonly best: SimBlock[] = []
  readonly mempool = new Map<string, SimTransaction>()
  readonly #byHash = new Map<string, SimBlock>()
  #made = 0
  nowMs = 1_000_000

  constructor(blocks = 1) {
    for (let i = 0; i < blocks; i++) this.mine([])
  }

  get head(): SimBlock {
    return this.best.at(-1) as SimBlock
  }

  /** A block on top, with these transactions; they and all that contradicts them leave the mempool. */
  mine(transactions: readonly SimTransaction[]): SimBlock {
    const parent = this.best.at(-1)
    const hash = `block-${this.#made++}`
    const ref = { height: this.best.length, hash, parentHash: parent?.ref.hash ?? 'none', timeMs: this.nowMs }
    const block = { ref, transactions }
    this.best.push(block)
    this.#byHash.set(hash, block)
    const spent = new Set(transactions.flatMap(({ spends }) => spends))
    for (const waiting of this.mempool.values())
      if (waiting.spends.some((coin) => spent.has(coin))) this.mempool.delete(waiting.txid)
    return block
  }

  /** Takes off the newest blocks. Their transactions wait again, if `returning` says so. */
  disconnect(depth: number, returning: (transaction: SimTransaction) => boolean): void {
    for (const block of this.best.splice(this.best.length - depth, depth))
      for (const transaction of block.transactions) if (returning(transaction)) this.broadcast(transaction)
  }

  /** Into the mempool, replacing what it contradicts; refused if the best chain contradicts it or has it. */
  broadcast(transaction: SimTransaction): boolean {
    const spent = new Set(this.best.flatMap((block) => block.transactions.flatMap(({ spends }) => spends)))
    if (transaction.spends.some((coin) => spent.has(coin))) return false
    for (const waiting of this.mempool.values())
      if (waiting.spends.some((coin) => transaction.spends.includes(coin))) this.mempool.delete(waiting.txid)
    this.mempool.set(transaction.txid, transaction)
    return true
  }

  block(hash: string): SimBlock | undefined {
    return this.#byHash.get(hash)
  }
}

export type SimOptions = Pick<ChainReader, 'ahead'> & { hasMempool?: boolean; mempoolMax?: number }

export interface SimReader extends ChainReader {
  /** Set to make calls fail; asked before each, with the name of the call. */
  failing: (call: string) => boolean
  /** Names of the calls made, for counting. */
  readonly calls: string[]
}

const FAILURE: NodeError = { reason: 'node_unreachable', detail: 'the simulated node is down' }

/** Reads a simulated node as a gateway would. `hasMempool: false` is a chain whose nodes do not show what waits. */
export function simReader(node: () => SimNode, options: SimOptions = {}): SimReader {
  let seen = new Set<string>()
  const answer = <T>(call: string, make: () => T): Promise<Result<T, NodeError>> => {
    reader.calls.push(call)
    return Promise.resolve(reader.failing(call) ? err(FAILURE) : ok(make()))
  }
  const reader: SimReader = {
    ...(options.ahead !== undefined && { ahead: options.ahead }),
    failing: () => false,
    calls: [],
    head: () => answer('head', () => node().head.ref),
    hashAt: (height) => answer('hashAt', () => node().best[height]?.ref.hash ?? null),
    block: (hash) =>
      answer('block', (): Block => {
        const block = node().block(hash)
        if (!block) throw new Error(`no block ${hash}`)
        return { ...block.ref, ...scanOf(block.transactions) }
      }),
    mempool: () =>
      answer('mempool', () => {
        const waiting = new Set(node().mempool.keys())
        seen = new Set([...seen].filter((txid) => waiting.has(txid)))
        const shown = options.hasMempool === false ? [] : [...node().mempool.values()]
        const unseen = shown.filter(({ txid }) => !seen.has(txid))
        const fresh = unseen.slice(0, options.mempoolMax ?? unseen.length)
        return {
          ...scanOf(fresh),
          more: fresh.length < unseen.length,
          missing: (txids) => answer('missing', () => txids.filter((txid) => !waiting.has(txid))),
          seen: () => {
            for (const { txid } of fresh) seen.add(txid)
          },
        }
      }),
  }
  return reader
}

export function scanOf(transactions: readonly SimTransaction[]): Scan {
  const outputs = transactions.flatMap((transaction) =>
    transaction.outputs.map((output, index) => ({ transaction, output, index: String(index) })),
  )
  const fingerprints = new Uint8Array(outputs.length * 8)
  for (const [i, { output }] of outputs.entries()) fingerprints.set(fingerprintOf(output.key), i * 8)
  return {
    fingerprints,
    resolve: async (positions) =>
      ok(
        positions.map((position): Transfer => {
          const { transaction, output, index } = outputs[position] as (typeof outputs)[number]
          const { txid, spends } = transaction
          return { txid, index, watchKey: output.key, assetCode: 'BTC', units: output.units, spends }
        }),
      ),
    conflicts: (tracked) => conflictsOf(tracked, transactions),
  }
}

function conflictsOf(tracked: readonly TrackedTransaction[], transactions: readonly SimTransaction[]): Conflict[] {
  return tracked.flatMap(({ txid, spends }) => {
    const by = transactions.find((other) => other.txid !== txid && other.spends.some((coin) => spends.includes(coin)))
    return by ? [{ txid, byTxid: by.txid }] : []
  })
}
