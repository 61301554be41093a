import { RawTx } from '@scure/btc-signer'
import { unitsOf } from '../../../src/gateways/bitcoin/amounts.ts'
import type { RpcCall } from '../../../src/gateways/bitcoin/rpc.ts'
import { equalBytes, fromHex, toHex } from '../../../src/lib/bytes.ts'
import { assert } from '../../../src/lib/result.ts'
import type { NodeCalls } from './rpc.ts'

export interface Coin {
  readonly txid: string
  readonly index: number
  readonly units: bigint
}

export interface Output {
  readonly script: Uint8Array
  readonly amount: bigint
}

const COINBASE_MATURITY = 100
/** Coins below this are left alone, and change below it goes to the fee. */
export const DUST = 1_000n
/** Coins whose state is asked in one request; the largest come first. */
const CANDIDATES = 20
/** Waiting transactions looked through for change when no confirmed coin is left. */
const MEMPOOL_MAX = 5_000

/** What one script has on a node, in blocks and waiting. Keeps nothing: the node is asked each time. */
export function createCoins({ ask, call, callAll }: NodeCalls, script: Uint8Array) {
  /** Coins for at least `wanted` and the fee of spending each; a coin that a waiting transaction spends counts as spent. */
  async function select(wanted: bigint, feeEach: bigint): Promise<Coin[]> {
    const chosen: Coin[] = []
    let sum = 0n
    const confirmed = await confirmedCoins()
    for (let from = 0; from < confirmed.length; from += CANDIDATES) {
      const part = confirmed.slice(from, from + CANDIDATES)
      const states = await callAll(part.map((coin): RpcCall => ['gettxout', coin.txid, coin.index, true]))
      for (const [i, coin] of part.entries()) {
        if (states[i] === null) continue
        chosen.push(coin)
        sum += coin.units - feeEach
        if (sum >= wanted) return chosen
      }
    }
    for (const coin of await waitingChange()) {
      chosen.push(coin)
      sum += coin.units - feeEach
      if (sum >= wanted) return chosen
    }
    throw new Error(`The demo wallet has ${sum} satoshi to spend and needs ${wanted}. Mine a block, or 100 for new coins.`)
  }

  /** Confirmed and mature coins, the largest first. */
  async function confirmedCoins(): Promise<Coin[]> {
    const scan = (await scanUnspent()) as {
      height: number
      unspents: { txid: string; vout: number; amount: number; height: number; coinbase?: boolean }[]
    }
    const coins = scan.unspents
      // Older nodes do not say what is a coinbase: then everything waits for maturity.
      .filter((coin) => coin.coinbase === false || scan.height - coin.height + 1 >= COINBASE_MATURITY)
      .map((coin) => ({ txid: coin.txid, index: coin.vout, units: satoshi(coin.amount) }))
      .filter((coin) => coin.units >= DUST)
    return coins.sort((a, b) => (a.units < b.units ? 1 : a.units > b.units ? -1 : 0))
  }

  /** bitcoind scans for one caller at a time and refuses the others with -8. */
  async function scanUnspent(): Promise<unknown> {
    for (let attempt = 0; ; attempt++) {
      const answer = await ask('scantxoutset', 'start', [`raw(${toHex(script)})`])
      if (answer.ok) return answer.value
      if (attempt === 50 || !answer.error.detail.includes('in progress'))
        throw new Error(`The Bitcoin node cannot list coins: ${answer.error.detail}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** Our outputs of waiting transactions that no waiting transaction spends. */
  async function waitingChange(): Promise<Coin[]> {
    const txids = ((await call('getrawmempool')) as string[]).slice(0, MEMPOOL_MAX)
    const raws = await callAll(txids.map((txid): RpcCall => ['getrawtransaction', txid]))
    const coins = new Map<string, Coin>()
    const spent: string[] = []
    for (const [i, txid] of txids.entries()) {
      const raw = raws[i]
      if (typeof raw !== 'string') continue
      const { inputs, outputs } = RawTx.decode(fromHex(raw))
      for (const input of inputs) spent.push(`${toHex(input.txid)}:${input.index}`)
      for (const [index, output] of outputs.entries()) {
        if (equalBytes(output.script, script)) coins.set(`${txid}:${index}`, { txid, index, units: output.amount })
      }
    }
    for (const outpoint of spent) coins.delete(outpoint)
    return [...coins.values()].filter((coin) => coin.units >= DUST)
  }

  /** Coins of ours that a waiting transaction spends, and what it pays. */
  async function spentBy(txid: string): Promise<{ coins: Coin[]; outputs: Output[] }> {
    const { inputs, outputs } = RawTx.decode(fromHex(String(await call('getrawtransaction', txid))))
    // A node without an index of transactions knows those that wait; of the others, outputs that nothing in a block spends.
    const parents = await callAll(inputs.map((input): RpcCall => ['getrawtransaction', toHex(input.txid)]))
    const confirmed = await callAll(inputs.map((input): RpcCall => ['gettxout', toHex(input.txid), input.index, false]))
    const coins = inputs.map((input, i) => {
      const parent = parents[i]
      const waiting = typeof parent === 'string' ? RawTx.decode(fromHex(parent)).outputs[input.index] : undefined
      const spent = waiting ?? outputOf(confirmed[i])
      if (!spent || !equalBytes(spent.script, script)) throw new Error(`${txid} does not spend coins of the demo wallet`)
      return { txid: toHex(input.txid), index: input.index, units: spent.amount }
    })
    return { coins, outputs }
  }

  return { select, confirmed: confirmedCoins, spentBy, scan: scanUnspent }
}

/** What `gettxout` says of one; nothing where it has none. */
function outputOf(told: unknown): Output | undefined {
  const { value, scriptPubKey } = (told ?? {}) as { value?: number; scriptPubKey?: { hex: string } }
  return value !== undefined && scriptPubKey ? { script: fromHex(scriptPubKey.hex), amount: satoshi(value) } : undefined
}

export function total(amounts: readonly bigint[]): bigint {
  return amounts.reduce((sum, amount) => sum + amount, 0n)
}

/** Bitcoin Core writes amounts as decimals with eight digits, which a double holds exactly enough to write again. */
function satoshi(amount: number): bigint {
  const units = unitsOf(amount, 8)
  assert(units !== null, `an amount of ${amount}`)
  return units
}
