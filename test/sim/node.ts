import type { BranchState } from './branch.ts'
import type { SimChain } from './chain.ts'
import { descendantsIn } from './packages.ts'
import { contradicts, isDearer, isForeign, makerOf, type SimBlock, type SimTransaction } from './transactions.ts'

/** From when to when a transaction waited; null: it does. */
interface Stay {
  readonly fromMs: number
  toMs: number | null
}

/** What one node knows: a head, which may be an old one or on a branch that lost, and a mempool of its own. */
export class SimNode {
  readonly label: string
  readonly #chain: SimChain
  readonly #clock: () => number
  readonly #stays = new Map<string, Stay[]>()
  head: SimBlock
  readonly #mempool = new Map<string, SimTransaction>()
  isUp = true
  /** It shows branches and payments that it made up. */
  isLiar = false
  /** It hears everything so much later. */
  lagMs = 0

  constructor(chain: SimChain, index: number, head: SimBlock, clock: () => number) {
    this.#chain = chain
    this.#clock = clock
    this.label = `${chain.config.native.code} node ${index}`
    this.head = head
  }

  get mempool(): ReadonlyMap<string, SimTransaction> {
    return this.#mempool
  }

  /** Whether it has had it in its mempool at any moment since then. */
  hadAtAll(txid: string, sinceMs: number): boolean {
    return (this.#stays.get(txid) ?? []).some(({ toMs }) => toMs === null || toMs >= sinceMs)
  }

  /** Whether it has had it in its mempool all the time since then. */
  hadAlways(txid: string, sinceMs: number): boolean {
    return (this.#stays.get(txid) ?? []).some(({ fromMs, toMs }) => fromMs <= sinceMs && toMs === null)
  }

  /** What it says to somebody who sends it a transaction of ours. */
  judge(transaction: SimTransaction): 'taken' | 'spent' | 'fee_too_low' {
    if (this.mempool.has(transaction.txid) || this.find(transaction.txid)) return 'taken'
    if (this.#chain.isSpentIn(this.head, transaction) || !this.#isKnown(transaction)) return 'spent'
    const rivals = [...this.mempool.values()].filter((other) => contradicts(transaction, other))
    const isDear = rivals.every(({ own }) => own && transaction.own && isDearer(transaction.own, own))
    return isDear ? 'taken' : 'fee_too_low'
  }

  /** The block of its branch with this transaction. */
  find(txid: string): SimBlock | null {
    for (let block: SimBlock | null = this.head; block; block = block.parent)
      if (block.transactions.some((transaction) => transaction.txid === txid)) return block
    return null
  }

  get state(): BranchState {
    return this.#chain.branches.stateOf(this.head)
  }

  /** Its coins are in the chain or wait, as far as anybody can know; of an account of ours, its number is not used up. */
  #isKnown({ own, spends }: SimTransaction): boolean {
    if (own && own.from !== null) return own.nonce >= (this.state.nonces.get(own.from) ?? 0)
    return spends.every((coin) => isForeign(coin) || this.state.coins.has(coin) || this.mempool.has(makerOf(coin)))
  }

  accept(transaction: SimTransaction): void {
    if (transaction.own ? this.judge(transaction) !== 'taken' : !this.#isKnown(transaction)) return
    if (!this.isUp || !this.#chain.pool.has(transaction.txid) || this.#chain.isSpentIn(this.head, transaction)) return
    for (const other of this.mempool.values()) if (contradicts(transaction, other)) this.drop(other.txid)
    if (this.mempool.has(transaction.txid)) return
    this.#mempool.set(transaction.txid, transaction)
    const stay = { fromMs: this.#clock(), toMs: null }
    this.#stays.set(transaction.txid, [...(this.#stays.get(transaction.txid) ?? []), stay])
  }

  /** With all that hangs on it. */
  drop(txid: string): void {
    for (const other of descendantsIn(this.mempool, txid)) this.#leave(other.txid)
    this.#leave(txid)
  }

  #leave(txid: string): void {
    if (!this.#mempool.delete(txid)) return
    const last = this.#stays.get(txid)?.at(-1)
    if (last) last.toMs = this.#clock()
  }

  follow(head: SimBlock): void {
    if (!this.isUp) return
    this.head = this.isLiar ? this.#chain.invent(head) : head
    for (const transaction of this.mempool.values()) {
      const { txid } = transaction
      if (this.#chain.pool.has(txid) && !this.#chain.isSpentIn(head, transaction) && this.#isKnown(transaction)) continue
      if (this.find(txid)) this.#leave(txid)
      else this.drop(txid)
    }
    for (const transaction of this.#chain.pool.values()) if (!this.mempool.has(transaction.txid)) this.accept(transaction)
  }

  /** Its mempool is lost. */
  restart(): void {
    this.isUp = true
    for (const txid of this.mempool.keys()) this.drop(txid)
    this.follow(this.#chain.best)
  }

  at(height: number): SimBlock | null {
    let block: SimBlock | null = this.head
    while (block && block.ref.height > height) block = block.parent
    return block?.ref.height === height ? block : null
  }
}
