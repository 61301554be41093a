import { assert } from 'vitest'
import { meaningOf, OWN_MARK } from '../../../src/gateways/evm/calls.ts'
import type { AccountKey, AddressBalance } from '../../../src/gateways/gateway.ts'
import type { Sender, Sighting } from '../../../src/gateways/send.ts'
import type { AccountPlan } from '../../../src/gateways/spend.ts'
import { toHex } from '../../../src/lib/bytes.ts'
import { err, ok } from '../../../src/lib/result.ts'
import { lesser } from '../../../src/money/amount.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { addressAt } from '../../../src/wallet/addresses.ts'

interface Sent {
  readonly txid: string
  readonly plan: AccountPlan
  readonly from: string
  height: number | null
  reverted: boolean
  /** What its block took. */
  fee: bigint
}

interface Account {
  nonce: number
  ETH: bigint
  USDC: bigint
}

const GWEI = 10n ** 9n
const TIP = GWEI
/** With the words that it is no payment (EIP-7623). */
const NATIVE_GAS = 21_480n
const DOWN = err({ reason: 'node_unreachable', detail: 'no node answers' } as const)

/** A chain without delegates, in memory: each account has its number, ether and USDC, and pays its gas. Final three deep. */
export class PlainChain {
  height = 100
  baseFee = 10n * GWEI
  /** By address, lower case. */
  readonly accounts = new Map<string, Account>()
  /** In the order of their blocks: from whom, and what of. */
  readonly done: { readonly from: string; readonly to: string; readonly asset: string; readonly units: bigint }[] = []
  /** Taken by miners, from all accounts. */
  burnt = 0n
  readonly #sent: Sent[] = []
  readonly #made: ReadonlyMap<string, { txid: string; plan: AccountPlan }>
  readonly #on: { readonly chain: ChainConfig; readonly account: AccountKey }

  constructor(made: ReadonlyMap<string, { txid: string; plan: AccountPlan }>, chain: ChainConfig, account: AccountKey) {
    this.#made = made
    this.#on = { chain, account }
  }

  /** What a follower would take for a payment of an invoice. */
  get payments(): string[] {
    return this.#sent.flatMap(({ plan, height }) => (height !== null && plan.data === '0x' ? [plan.to] : []))
  }

  at(address: string): Account {
    const key = address.toLowerCase()
    const account = this.accounts.get(key) ?? { nonce: 0, ETH: 0n, USDC: 0n }
    this.accounts.set(key, account)
    return account
  }

  balancesOf(key: Uint8Array): Omit<AddressBalance, 'position'>[] {
    const account = this.at(`0x${toHex(key)}`)
    const held = (['ETH', 'USDC'] as const).map((assetCode) => ({
      assetCode,
      confirmed: account[assetCode],
      leaving: 0n,
      coins: [],
    }))
    return held.filter(({ confirmed }) => confirmed > 0n)
  }

  mine(): void {
    this.height++
    for (const tx of this.#sent.toSorted((one, other) => one.plan.nonce - other.plan.nonce))
      if (tx.height === null) this.#include(tx)
  }

  #include(tx: Sent): void {
    const { plan, from } = tx
    const account = this.at(from)
    if (plan.nonce !== account.nonce || plan.maxFeePerGas < this.baseFee || account.ETH < plan.value + plan.fee) return
    tx.height = this.height
    account.nonce++
    tx.fee = gasOf(plan) * lesser(this.baseFee + TIP, plan.maxFeePerGas)
    account.ETH -= tx.fee
    this.burnt += tx.fee
    const meaning = meaningOf(this.#on.chain, from, plan)
    assert(meaning?.does === 'pay', 'a payment')
    const [output] = meaning.outputs
    const asset = meaning.asset.code === 'ETH' ? 'ETH' : 'USDC'
    if (!output || account[asset] < output.units) {
      tx.reverted = true
      return
    }
    account[asset] -= output.units
    this.at(output.address)[asset] += output.units
    this.done.push({ from, to: output.address, asset, units: output.units })
  }

  readonly sender: Sender = {
    facts: async ({ payer }) => {
      assert(payer, 'the payer is asked about')
      const { nonce, ETH, USDC } = this.at(payer.address)
      const waiting = this.#sent.filter(({ height, from }) => height === null && from === payer.address.toLowerCase()).length
      const units = payer.asset === 'ETH' ? ETH : USDC
      const wanted = payer.outputs.reduce((sum, output) => sum + output.units, 0n)
      const isPlan = payer.outputs.length > 0 && units >= wanted
      const gas = isPlan ? (payer.asset === 'ETH' ? NATIVE_GAS : 50_000n) : null
      const fees = { kind: 'account', maxFeePerGas: 2n * this.baseFee + TIP, maxPriorityFeePerGas: TIP } as const
      const deposits = payer.deposits && { deposits: [] }
      return ok({
        fees,
        height: this.height,
        payer: { nonce, pendingNonce: nonce + waiting, units, native: ETH, gas },
        ...deposits,
      })
    },
    broadcast: async (raw) => {
      const made = this.#made.get(raw)
      if (!made) return DOWN
      if (this.#sent.some(({ txid }) => txid === made.txid)) return ok({ answer: 'taken' })
      const from = addressAt(this.#on.chain, this.#on.account, made.plan.index).address.toLowerCase()
      if (made.plan.nonce < this.at(from).nonce) return ok({ answer: 'refused', why: 'spent', detail: 'nonce too low' })
      const rival = this.#sent.find((one) => one.height === null && one.from === from && one.plan.nonce === made.plan.nonce)
      if (rival) this.#sent.splice(this.#sent.indexOf(rival), 1)
      this.#sent.push({ ...made, from, height: null, reverted: false, fee: 0n })
      return ok({ answer: 'taken' })
    },
    look: async ({ txids, plan, payer, searchedHeight }) => {
      if (plan.kind !== 'account') return DOWN
      const found = this.#sent.find(({ txid }) => txids.includes(txid))
      if (found) return ok(this.#sighting(found))
      if (this.at(payer).nonce <= plan.nonce) return ok({ status: 'absent', searchedHeight: Math.max(searchedHeight, this.height) })
      return ok({ status: 'conflict', byTxid: null, final: false, searchedHeight })
    },
  }

  #sighting({ txid, height, reverted, fee }: Sent): Sighting {
    if (height === null) return { status: 'waiting', txid }
    const confirmations = this.height - height + 1
    const place = { txid, height, blockHash: `hash ${height}`, confirmations }
    return { status: 'included', ...place, final: confirmations >= 3, reverted, fee }
  }
}

function gasOf({ data }: AccountPlan): bigint {
  return data === OWN_MARK ? NATIVE_GAS : data === '0x' ? 21_000n : 45_000n
}
