import type { ChainConfig } from '../../src/money/chain.ts'
import { Branches } from './branch.ts'
import type { Network } from './network.ts'
import { SimNode } from './node.ts'
import { descendantsIn, worths } from './packages.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import { contradicts, isForeign, makerOf, type OwnTransaction, type SimBlock, type SimTransaction } from './transactions.ts'

/** Blocks that are there before anything begins, and that no fork goes under: a follower starts six from the head. */
export const FIRST_BLOCKS = 10
const FORK_FLOOR = 8
const FORK_DEPTH_MAX = 6
/** How a lying node's branch leaves the one it hears of, and how far it goes beyond. */
const LIE_DEPTH_MAX = 5
const LIE_BLOCKS_MAX = 4
const MADE_UP_MAX = 3
/** Of what pays less than a place costs, so much less often one is given away. */
const CHEAPLY = 30
/** Prices that a place in a block goes for: satoshi for 1,000 virtual bytes, wei for one gas. */
export const MARKET = {
  bitcoin: [1_000n, 3_000n, 9_000n, 25_000n],
  evm: [10n ** 9n, 3n * 10n ** 9n, 9n * 10n ** 9n, 30n * 10n ** 9n],
}

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
  /** All that anybody was ever told of, by id. */
  readonly known = new Map<string, SimTransaction>()
  readonly #random: Random
  readonly #scheduler: Scheduler
  readonly #network: Network
  readonly branches: Branches
  /** What a place in the next blocks costs. */
  market: bigint
  #made = 0
  forks = 0

  /** `paysMarket`: whether what people pay for a place in a block decides when theirs comes. */
  constructor(config: ChainConfig, scheduler: Scheduler, random: Random, network: Network, paysMarket: boolean) {
    this.config = config
    this.branches = new Branches(config.gateway === 'evm', config.native.code)
    this.market = paysMarket ? random.pick(MARKET[config.gateway]) : (MARKET[config.gateway][0] as bigint)
    this.hasMempool = config.gateway === 'bitcoin' || random.chance(0.4)
    this.#scheduler = scheduler
    this.#random = random
    this.#network = network
    this.best = this.#grow(null, [])
    for (let i = 1; i < FIRST_BLOCKS; i++) this.best = this.#grow(this.best, [])
    this.nodes = Array.from(
      { length: random.between(1, 3) },
      (_, index) => new SimNode(this, index, this.best, () => scheduler.nowMs),
    )
    // Of three nodes one may lie from beginning to end: the other two are what the system is to believe.
    if (this.nodes.length === 3 && random.chance(0.5)) random.pick(this.nodes).isLiar = true
  }

  /** A branch that nobody mined, in which payments to addresses that payments were sent to are made up. */
  invent(from: SimBlock): SimBlock {
    let tip = from
    for (let depth = this.#random.between(0, LIE_DEPTH_MAX); depth > 0 && tip.parent; depth--) tip = tip.parent
    const blocks = from.ref.height - tip.ref.height + this.#random.between(0, LIE_BLOCKS_MAX)
    for (let n = 0; n < blocks; n++) tip = this.#grow(tip, n === 0 ? this.madeUp() : [])
    return tip
  }

  /** What was never signed. */
  madeUp(): SimTransaction[] {
    return [...this.pool.values()].slice(0, MADE_UP_MAX).map((transaction) => {
      const txid = `made-up-${this.#made++}`
      return { ...transaction, txid, spends: [`coin-of-${txid}`] }
    })
  }

  /** Told to every node in its own time; what contradicts it leaves, as fee bumps do. */
  broadcast(transaction: SimTransaction): void {
    this.known.set(transaction.txid, transaction)
    if (this.placeOf(transaction.txid) || this.isSpentIn(this.best, transaction)) return
    for (const other of this.pool.values()) if (contradicts(transaction, other)) this.#forget(other.txid)
    this.pool.set(transaction.txid, transaction)
    this.#tellNodes('transaction', (node) => node.accept(transaction))
  }

  /** Some node has taken it. Miners may have heard of the one it replaces alone. */
  spread(transaction: SimTransaction): void {
    this.known.set(transaction.txid, transaction)
    if (this.placeOf(transaction.txid) || this.isSpentIn(this.best, transaction)) return
    for (const other of this.pool.values())
      if (contradicts(transaction, other) && this.#random.chance(0.6)) this.#forget(other.txid)
    this.pool.set(transaction.txid, transaction)
    this.#tellNodes('transaction', (node) => node.accept(transaction))
  }

  /** What a coin was worth when it was made, whatever has become of its maker. */
  worthOf(coin: string): bigint {
    const txid = makerOf(coin)
    const endowed = this.branches.endowments.find((one) => one.txid === txid)
    if (endowed) return endowed.output.units
    return this.known.get(txid)?.outputs.find(({ index }) => coin === `${txid}:${index}`)?.units ?? 0n
  }

  moveMarket(isJump = false): void {
    const prices = MARKET[this.config.gateway]
    this.market = isJump ? (prices.at(-2) ?? this.market) : this.#random.pick(prices)
  }

  /** Gone from every mempool with all that hangs on it, as if fees had risen. It may be told again. */
  evict(txid: string): void {
    this.#forget(txid)
    for (const node of this.nodes) node.drop(txid)
  }

  /** A block on the best branch with some of what waits. */
  mine(share: number): void {
    const worth = share < 1 ? worths(this.pool) : null
    const waiting = [...this.pool.values()].filter(({ txid }) =>
      this.#random.chance((worth?.get(txid) ?? this.market) < this.market ? share / CHEAPLY : share),
    )
    this.#adopt(this.#grow(this.best, waiting))
  }

  /** A block with one transaction that no mempool has seen. */
  mineDirectly(transaction: SimTransaction): void {
    this.known.set(transaction.txid, transaction)
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
    const returning = loose.filter(({ own }) => this.#random.chance(0.85) || own !== undefined)
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
      if (this.placeOf(transaction.txid)) this.pool.delete(transaction.txid)
      else if (this.isSpentIn(tip, transaction)) this.#forget(transaction.txid)
    this.#tellNodes('block', (node) => node.follow(this.best))
  }

  /** It can be in no block any more, or nobody has it: so with what hangs on it. */
  #forget(txid: string): void {
    for (const other of descendantsIn(this.pool, txid)) this.pool.delete(other.txid)
    this.pool.delete(txid)
  }

  #grow(parent: SimBlock | null, wanted: readonly SimTransaction[]): SimBlock {
    const isEvm = this.config.gateway === 'evm'
    const height = (parent?.ref.height ?? -1) + 1
    const { transactions, fees, broke } = this.#choose(parent, wanted, height)
    const failed = new Set(
      transactions.filter(({ txid }) => isEvm && (this.#random.chance(0.05) || broke.has(txid))).map(({ txid }) => txid),
    )
    const hash = `${isEvm ? '0x' : ''}${this.config.native.code}-${height}-${this.#made++}`
    const ref = {
      height,
      hash,
      parentHash: parent?.ref.hash ?? 'none',
      timeMs: this.#scheduler.nowMs - this.#random.between(0, 2_000),
    }
    const block: SimBlock = { ref, parent, transactions, failed, fees }
    this.byHash.set(hash, block)
    return block
  }

  /** What of all this can be in one block: nothing spends the same, and ours come after what they spend. */
  #choose(parent: SimBlock | null, wanted: readonly SimTransaction[], height: number) {
    const spent = new Set<string>()
    const transactions: SimTransaction[] = []
    const fees = new Map<string, bigint>()
    const broke = new Set<string>()
    const isReckoned = ({ own, spends }: SimTransaction) => own !== undefined || !spends.every(isForeign)
    const state = parent && wanted.some(isReckoned) ? this.branches.scratch(parent) : null
    const fits = (transaction: SimTransaction): boolean => {
      if (transaction.spends.some((coin) => spent.has(coin)) || (parent && this.isSpentIn(parent, transaction))) return false
      return !isReckoned(transaction) || (state !== null && this.branches.isReady(state, transaction))
    }
    let rest = wanted
    for (let isMore = true; isMore; ) {
      const left = rest.filter((transaction) => {
        if (!fits(transaction)) return true
        const { txid, own, spends } = transaction
        for (const coin of spends) spent.add(coin)
        transactions.push(transaction)
        const fee = own ? this.#feeOf(own) : 0n
        if (own) fees.set(txid, fee)
        if (!state) return false
        const hasFailed = this.branches.isBroke(state, transaction)
        if (hasFailed) broke.add(txid)
        this.branches.apply(state, transaction, { height, hasFailed, fee })
        return false
      })
      isMore = state !== null && left.length < rest.length
      rest = left
    }
    return { transactions, fees, broke }
  }

  #feeOf({ from, fee, price, gas }: OwnTransaction): bigint {
    if (from === null) return fee
    return gas * (price < this.market ? price : this.market)
  }

  /** Whether a branch holds anything that spends the same. */
  isSpentIn(tip: SimBlock, transaction: Pick<SimTransaction, 'spends'>): boolean {
    for (let block: SimBlock | null = tip; block && block.ref.height >= FORK_FLOOR; block = block.parent)
      if (block.transactions.some((other) => other.spends.some((coin) => transaction.spends.includes(coin)))) return true
    return false
  }

  #tellNodes(what: string, tell: (node: SimNode) => void): void {
    for (const node of this.nodes)
      this.#scheduler.after(this.#network.latencyMs() + node.lagMs, `${what} reaches ${node.label}`, () => tell(node))
  }
}
