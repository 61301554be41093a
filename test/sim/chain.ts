import type { BlockRef } from '../../src/gateways/gateway.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import type { Network } from './network.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

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
}

export interface SimBlock {
  readonly ref: BlockRef
  readonly parent: SimBlock | null
  readonly transactions: readonly SimTransaction[]
  /** Carried out without effect in this block, as an EVM transaction can be. */
  readonly failed: ReadonlySet<string>
}

/** Blocks that are there before anything begins, and that no fork goes under: a follower starts six from the head. */
export const FIRST_BLOCKS = 10
const FORK_FLOOR = 8
const FORK_DEPTH_MAX = 6

/** The world's truth: a tree of blocks, the best of them, and every transaction that anybody still wants. */
export class SimChain {
  readonly config: ChainConfig
  /** Whether its nodes tell what waits. */
  readonly hasMempool: boolean
  readonly nodes: SimNode[]
  readonly byHash = new Map<string, SimBlock>()
  best: SimBlock
  /** Told to the network and in no block of the best branch. */
  readonly pool = new Map<string, SimTransaction>()
  readonly #random: Random
  readonly #scheduler: Scheduler
  readonly #network: Network
  #made = 0
  forks = 0

  constructor(config: ChainConfig, scheduler: Scheduler, random: Random, network: Network) {
    this.config = config
    this.hasMempool = config.gateway === 'bitcoin' || random.chance(0.4)
    this.#scheduler = scheduler
    this.#random = random
    this.#network = network
    this.best = this.#grow(null, [])
    for (let i = 1; i < FIRST_BLOCKS; i++) this.best = this.#grow(this.best, [])
    this.nodes = Array.from({ length: random.between(1, 3) }, (_, index) => new SimNode(this, index, this.best))
  }

  /** Told to every node in its own time; what contradicts it leaves, as fee bumps do. */
  broadcast(transaction: SimTransaction): void {
    if (this.placeOf(transaction.txid) || this.isSpentIn(this.best, transaction)) return
    for (const other of this.pool.values()) if (contradicts(transaction, other)) this.pool.delete(other.txid)
    this.pool.set(transaction.txid, transaction)
    this.#tellNodes('transaction', (node) => node.accept(transaction))
  }

  /** Gone from every mempool, as if fees had risen. It may be told again. */
  evict(txid: string): void {
    this.pool.delete(txid)
    for (const node of this.nodes) node.mempool.delete(txid)
  }

  /** A block on the best branch with some of what waits. */
  mine(share: number): void {
    const waiting = [...this.pool.values()].filter(() => this.#random.chance(share))
    this.#adopt(this.#grow(this.best, waiting))
  }

  /** A block with one transaction that no mempool has seen. */
  mineDirectly(transaction: SimTransaction): void {
    if (this.placeOf(transaction.txid)) return
    this.#adopt(this.#grow(this.best, [transaction]))
  }

  /** Another branch takes over. What was in the one before waits again, most of it, and may be mined again or never. */
  fork(): void {
    const { height } = this.best.ref
    const depth = Math.min(this.#random.between(1, FORK_DEPTH_MAX), height - FORK_FLOOR)
    if (depth < 1) return
    let base = this.best
    const loose: SimTransaction[] = []
    for (let i = 0; i < depth; i++) {
      loose.push(...base.transactions)
      base = base.parent as SimBlock
    }
    this.forks++
    const returning = loose.filter(() => this.#random.chance(0.85))
    // Sometimes what contradicts them is what the other miners had.
    const wanted = this.#random.shuffled([...returning, ...this.pool.values()])
    const blocks = depth + this.#random.between(0, 2)
    let tip = base
    for (let i = 0; i < blocks; i++)
      tip = this.#grow(
        tip,
        wanted.filter(() => this.#random.chance(0.4)),
      )
    for (const transaction of returning) this.pool.set(transaction.txid, transaction)
    this.#adopt(tip)
  }

  /** Where a transaction is in the best branch, or null. */
  placeOf(txid: string): SimBlock | null {
    return this.find((block) => block.transactions.some((transaction) => transaction.txid === txid))
  }

  find(matches: (block: SimBlock) => boolean): SimBlock | null {
    for (let block: SimBlock | null = this.best; block; block = block.parent) if (matches(block)) return block
    return null
  }

  #adopt(tip: SimBlock): void {
    this.best = tip
    for (const transaction of this.pool.values())
      if (this.placeOf(transaction.txid) || this.isSpentIn(tip, transaction)) this.pool.delete(transaction.txid)
    this.#tellNodes('block', (node) => node.follow(this.best))
  }

  #grow(parent: SimBlock | null, wanted: readonly SimTransaction[]): SimBlock {
    const spent = new Set<string>()
    const transactions = wanted.filter((transaction) => {
      const fits = !transaction.spends.some((coin) => spent.has(coin)) && !(parent && this.isSpentIn(parent, transaction))
      if (fits) for (const coin of transaction.spends) spent.add(coin)
      return fits
    })
    const isEvm = this.config.gateway === 'evm'
    const failed = new Set(transactions.filter(() => isEvm && this.#random.chance(0.05)).map(({ txid }) => txid))
    const height = (parent?.ref.height ?? -1) + 1
    const hash = `${isEvm ? '0x' : ''}${this.config.native.code}-${height}-${this.#made++}`
    const ref = {
      height,
      hash,
      parentHash: parent?.ref.hash ?? 'none',
      timeMs: this.#scheduler.nowMs - this.#random.between(0, 2_000),
    }
    const block: SimBlock = { ref, parent, transactions, failed }
    this.byHash.set(hash, block)
    return block
  }

  /** Whether a branch holds anything that spends the same. */
  isSpentIn(tip: SimBlock, transaction: SimTransaction): boolean {
    for (let block: SimBlock | null = tip; block && block.ref.height >= FORK_FLOOR; block = block.parent)
      if (block.transactions.some((other) => other.spends.some((coin) => transaction.spends.includes(coin)))) return true
    return false
  }

  #tellNodes(what: string, tell: (node: SimNode) => void): void {
    for (const node of this.nodes)
      this.#scheduler.after(this.#network.latencyMs() + node.lagMs, `${what} reaches ${node.label}`, () => tell(node))
  }
}

/** What one node knows: a head, which may be an old one or on a branch that lost, and a mempool of its own. */
export class SimNode {
  readonly label: string
  readonly #chain: SimChain
  head: SimBlock
  readonly mempool = new Map<string, SimTransaction>()
  isUp = true
  /** It hears everything so much later. */
  lagMs = 0

  constructor(chain: SimChain, index: number, head: SimBlock) {
    this.#chain = chain
    this.label = `${chain.config.native.code} node ${index}`
    this.head = head
  }

  accept(transaction: SimTransaction): void {
    if (!this.isUp || !this.#chain.pool.has(transaction.txid) || this.#chain.isSpentIn(this.head, transaction)) return
    for (const other of this.mempool.values()) if (contradicts(transaction, other)) this.mempool.delete(other.txid)
    this.mempool.set(transaction.txid, transaction)
  }

  follow(head: SimBlock): void {
    if (!this.isUp) return
    this.head = head
    for (const transaction of this.mempool.values())
      if (!this.#chain.pool.has(transaction.txid) || this.#chain.isSpentIn(head, transaction)) this.mempool.delete(transaction.txid)
    for (const transaction of this.#chain.pool.values()) if (!this.mempool.has(transaction.txid)) this.accept(transaction)
  }

  /** Its mempool is lost. */
  restart(): void {
    this.isUp = true
    this.mempool.clear()
    this.follow(this.#chain.best)
  }

  at(height: number): SimBlock | null {
    let block: SimBlock | null = this.head
    while (block && block.ref.height > height) block = block.parent
    return block?.ref.height === height ? block : null
  }
}

export function contradicts(one: SimTransaction, other: SimTransaction): boolean {
  return one.txid !== other.txid && one.spends.some((coin) => other.spends.includes(coin))
}

/** What a block carried out. */
export function effective({ transactions, failed }: SimBlock): SimTransaction[] {
  return transactions.filter(({ txid }) => !failed.has(txid))
}
