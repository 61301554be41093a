import { assert } from 'vitest'
import { meaningOf } from '../../../src/gateways/evm/calls.ts'
import type { Sender } from '../../../src/gateways/send.ts'
import type { AccountPlan } from '../../../src/gateways/spend.ts'
import { err, ok } from '../../../src/lib/result.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { AccountChain } from './account-chain.ts'

/**
 * A chain of accounts that knows what calls do: a payer, and deposit addresses that have USDC. Of a payer that has paid many
 * it keeps one waiting transaction, as nodes do of accounts that have delegated (EIP-7702).
 */
export class SweepChain extends AccountChain {
  override units = 0n
  /** USDC by address, lower case. */
  readonly deposits = new Map<string, bigint>()
  readonly done: ('pay' | 'flush' | 'deploy' | 'nothing')[] = []
  isDelegateMade = false
  isDelegated = false
  /** How often a transaction was put off because another of the payer waited. */
  putOff = 0
  readonly #seen = new Set<string>()
  readonly #chain: ChainConfig
  readonly #payer: () => string

  constructor(made: ReadonlyMap<string, { txid: string; plan: AccountPlan }>, chain: ChainConfig, payer: () => string) {
    super(made)
    this.#chain = chain
    this.#payer = payer
  }

  override mine(blocks = 1): void {
    for (let n = 0; n < blocks; n++) {
      super.mine()
      for (const { txid, plan, height } of this.sent) if (height !== null && !this.#seen.has(txid)) this.#carryOut(txid, plan)
    }
  }

  #carryOut(txid: string, plan: AccountPlan): void {
    this.#seen.add(txid)
    const meaning = meaningOf(this.#chain, this.#payer(), plan)
    assert(meaning, 'a call that somebody here makes')
    this.done.push(meaning.does)
    if (meaning.does === 'deploy') {
      assert(!this.isDelegateMade, 'a second time the factory refuses')
      this.isDelegateMade = true
    }
    if (meaning.does === 'flush') {
      for (const address of meaning.accounts) {
        this.units += this.deposits.get(address) ?? 0n
        this.deposits.delete(address)
      }
    }
    if (meaning.does === 'pay' && meaning.asset.code === 'USDC')
      this.units -= meaning.outputs.reduce((sum, { units }) => sum + units, 0n)
    if (meaning.does === 'pay' && meaning.many) this.isDelegated = true
  }

  readonly node: Sender = {
    ...this.sender,
    facts: async ({ payer }) => {
      assert(payer, 'the payer is asked about')
      const waiting = this.sent.filter(({ height }) => height === null).length
      const fees = { kind: 'account', maxFeePerGas: this.gwei * 10n ** 9n, maxPriorityFeePerGas: 10n ** 9n } as const
      const units = payer.asset === 'ETH' ? this.native : this.units
      const own = { nonce: this.nonce, pendingNonce: this.nonce + waiting, units, native: this.native }
      const deposits = payer.deposits?.map((address) => {
        return { units: this.deposits.get(address.toLowerCase()) ?? 0n, native: 0n, nonce: 0, delegated: false }
      })
      const known = { ...own, gas: this.#gasOf(payer.outputs.length, payer.deposits?.length) }
      return ok({ fees, height: this.height, payer: known, ...(deposits && { deposits }) })
    },
    broadcast: async (raw) => {
      const isWaiting = this.sent.some(({ height }) => height === null)
      if (this.isDelegated && isWaiting) {
        this.putOff++
        return err({ reason: 'node_refused', detail: 'in-flight transaction limit reached for delegated accounts' })
      }
      return this.sender.broadcast(raw)
    },
  }

  #gasOf(outputs: number, deposits: number | undefined): bigint | null {
    if (deposits === 0) return this.isDelegateMade ? null : 460_000n
    if (deposits !== undefined || outputs > 1) return this.isDelegateMade ? 200_000n : null
    return 60_000n
  }
}
