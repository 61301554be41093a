import type { Sender, Sighting } from '../../../src/gateways/send.ts'
import type { AccountPlan } from '../../../src/gateways/spend.ts'
import { err, ok } from '../../../src/lib/result.ts'

interface Sent {
  readonly txid: string
  readonly plan: AccountPlan
  height: number | null
}

/** A chain of accounts in memory, of which only one is looked at: the payer. Blocks are final three deep. */
export class AccountChain {
  height = 100
  gwei = 10n
  native = 10n ** 18n
  units = 1_000_000_000n
  /** Null: a node says that the call would fail. */
  gas: bigint | null = 21_000n
  nonce = 0
  isDown = false
  /** These are mined and move nothing. */
  readonly reverting = new Set<string>()
  /** These are never mined. */
  readonly stuck = new Set<string>()
  /** What a node tells of who used the newest number by hand. */
  taker: { readonly byTxid: string; readonly pays: boolean; readonly byAll?: boolean } | null = null
  readonly sent: Sent[] = []
  readonly #made: ReadonlyMap<string, { txid: string; plan: AccountPlan }>

  /** `made`: by their bytes, what was signed. */
  constructor(made: ReadonlyMap<string, { txid: string; plan: AccountPlan }>) {
    this.#made = made
  }

  /** All that can be is in the next block, in the order of its numbers. */
  mine(blocks = 1): void {
    for (let n = 0; n < blocks; n++) {
      this.height++
      for (const tx of this.sent.toSorted((one, other) => one.plan.nonce - other.plan.nonce)) {
        if (tx.height !== null || tx.plan.nonce !== this.nonce || this.stuck.has(tx.txid)) continue
        tx.height = this.height
        this.nonce += 1 + (tx.plan.authorizations?.filter(({ index }) => index === tx.plan.index).length ?? 0)
        this.native -= tx.plan.value + tx.plan.fee / 2n
      }
    }
  }

  /** The seed is used elsewhere too. */
  useNonce(): void {
    for (const tx of [...this.sent])
      if (tx.height === null && tx.plan.nonce === this.nonce) this.sent.splice(this.sent.indexOf(tx), 1)
    this.nonce++
  }

  /** The first number that no transaction has. */
  get pendingNonce(): number {
    const waiting = new Set(this.sent.flatMap(({ plan, height }) => (height === null ? [plan.nonce] : [])))
    let nonce = this.nonce
    while (waiting.has(nonce)) nonce++
    return nonce
  }

  readonly sender: Sender = {
    facts: async ({ payer }) => {
      if (this.isDown) return DOWN
      const own = { nonce: this.nonce, pendingNonce: this.pendingNonce, units: this.units, native: this.native, gas: this.gas }
      const fees = { kind: 'account', maxFeePerGas: this.gwei * 10n ** 9n, maxPriorityFeePerGas: 10n ** 9n } as const
      const deposits = payer?.deposits?.map(() => ({ units: 5n, native: 0n, nonce: 0, delegated: false }))
      const units = payer?.asset === 'ETH' ? this.native : this.units
      // On Arbitrum its price on Ethereum is gas.
      if (payer?.outputs.length === 0 && !deposits)
        return ok({ fees, height: this.height, payer: { ...own, units, gas: 400_000n } })
      const isReady = payer?.deposits === undefined || (payer.deposits.length === 0) === (this.gas === null)
      const known = { ...own, units, gas: isReady ? (this.gas ?? 500_000n) : null }
      return ok({ fees, height: this.height, payer: known, ...(deposits && { deposits }) })
    },
    broadcast: async (raw) => {
      const made = this.#made.get(raw)
      if (this.isDown || !made) return DOWN
      if (this.sent.some(({ txid }) => txid === made.txid)) return ok({ answer: 'taken' })
      if (made.plan.nonce < this.nonce) return ok({ answer: 'refused', why: 'spent', detail: 'nonce too low' })
      const rival = this.sent.find(({ plan, height }) => height === null && plan.nonce === made.plan.nonce)
      if (rival && rival.plan.maxFeePerGas * 11n > made.plan.maxFeePerGas * 10n)
        return ok({ answer: 'refused', why: 'fee_too_low', detail: 'replacement transaction underpriced' })
      if (rival) this.sent.splice(this.sent.indexOf(rival), 1)
      this.sent.push({ ...made, height: null })
      return ok({ answer: 'taken' })
    },
    look: async ({ txids, plan, searchedHeight }) => {
      if (this.isDown || plan.kind !== 'account') return DOWN
      const found = this.sent.find(({ txid }) => txids.includes(txid))
      if (found) return ok(this.#sighting(found))
      if (this.nonce <= plan.nonce) return ok({ status: 'absent', searchedHeight: Math.max(searchedHeight, this.height) })
      const final = this.height - searchedHeight > 5
      return ok({ status: 'conflict', byTxid: null, final, searchedHeight, byAll: true, ...(txids.length === 0 && this.taker) })
    },
  }

  #sighting({ txid, plan, height }: Sent): Sighting {
    const behind = this.pendingNonce < plan.nonce ? { behind: this.pendingNonce } : {}
    if (height === null) return { status: 'waiting', txid, ...behind }
    const confirmations = this.height - height + 1
    const place = { txid, height, blockHash: `hash ${height}`, confirmations }
    return { status: 'included', ...place, final: confirmations >= 3, reverted: this.reverting.has(txid), fee: plan.fee / 2n }
  }
}

const DOWN = err({ reason: 'node_unreachable', detail: 'no node answers' } as const)
