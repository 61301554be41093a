import { join } from 'node:path'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { Address, OutScript, p2wpkh, RawTx, TEST_NETWORK, Transaction } from '@scure/btc-signer'
import { ask, BATCH_MAX, createBitcoinRpc, type RpcCall } from '../../../src/gateways/bitcoin/rpc.ts'
import { equalBytes, fromHex, toHex } from '../../../src/lib/bytes.ts'
import { assert } from '../../../src/lib/result.ts'
import { parseDecimal } from '../../../src/money/amount.ts'
import { evictByAge } from './evict.ts'
import { withLock } from './lock.ts'
import type { NodeAccess } from './rpc.ts'

export interface SendRequest {
  readonly address: string
  /** Satoshi. */
  readonly units: bigint
  /** sat/vB, default 2. */
  readonly feeRate?: bigint
  /** Signals BIP 125, default true. The nodes replace either way (full RBF). */
  readonly replaceable?: boolean
}

export interface SentTransaction {
  readonly txid: string
  readonly hex: string
}

/** A development wallet with one fixed regtest key. Keeps no state in the process: several processes can use it at once. */
export interface DemoWallet {
  readonly address: string
  /** Mines until segwit is active and coins are mature. Does nothing when that is so. */
  fund(): Promise<void>
  /** Pays; the node's mempool has the transaction when this returns. */
  send(request: SendRequest): Promise<SentTransaction>
  /** Pays many in one transaction. */
  sendMany(payments: readonly Pick<SendRequest, 'address' | 'units'>[], feeRate?: bigint): Promise<SentTransaction>
  /** Replaces an unconfirmed transaction of this wallet: same inputs and outputs, higher fee taken from the change. */
  bumpFee(txid: string): Promise<SentTransaction>
  /** Replaces an unconfirmed transaction of this wallet by one that pays its inputs back to this wallet. */
  doubleSpend(txid: string): Promise<SentTransaction>
  /** Mines `count` blocks with what the mempool holds; answers their hashes. */
  mine(count: number): Promise<string[]>
  height(): Promise<number>
  /** Takes a block and its descendants out of the best chain; their transactions go back to the mempool. */
  invalidate(blockHash: string): Promise<void>
  /** Undoes `invalidate`; the branch with more work wins. */
  reconsider(blockHash: string): Promise<void>
  /**
   * Removes a transaction and its descendants from the mempool. bitcoind has no such call and drops only what is two weeks
   * old: its clock is put ahead for that, a payment of this wallet to itself stays behind, and all others are sent again.
   */
  evict(txid: string): Promise<void>
}

/** bcoin's regtest activates segwit by BIP 9 after three windows of 144 blocks. */
const SEGWIT_HEIGHT = 432
const COINBASE_MATURITY = 100
/** A node of our own may be as slow as the machine is busy with something else. */
const ANSWER_MS_MAX = 60_000
const patient: typeof fetch = (input, init) => fetch(input, { ...init, signal: AbortSignal.timeout(ANSWER_MS_MAX) })
/** Blocks in one call: more would hold up every other call. */
const MINE_AT_ONCE = 10
/** Blocks until the wallet looks again whether it can pay. */
const FUND_BLOCKS = 50
const FEE_RATE = 2n
/** Signals BIP 125. */
const SEQUENCE = 0xfffffffd
/** Coins below this are left alone, and change below it goes to the fee. */
const DUST = 1_000n
/** Coins whose state is asked in one request; the largest come first. */
const CANDIDATES = 20
/** Waiting transactions looked through for change when no confirmed coin is left. */
const MEMPOOL_MAX = 5_000
const LOCK_MS_MAX = 30_000

interface Coin {
  readonly txid: string
  readonly index: number
  readonly units: bigint
}

interface Output {
  readonly script: Uint8Array
  readonly amount: bigint
}

/** `stateDir` is the node's folder; the lock that keeps two processes from spending one coin is there. */
export function createDemoWallet(node: NodeAccess, stateDir: string): DemoWallet {
  const rpc = createBitcoinRpc([{ url: node.rpcUrl, user: node.user, password: node.password }], patient)
  const network = { ...TEST_NETWORK, bech32: 'bcrt' }
  const key = sha256(new TextEncoder().encode('paytomat demo wallet, worth nothing'))
  const own = p2wpkh(secp256k1.getPublicKey(key), network)
  assert(own.address, 'a p2wpkh output has an address')
  const ownDescriptor = `raw(${toHex(own.script)})`

  async function call(...parts: RpcCall): Promise<unknown> {
    const answer = await ask(rpc, ...parts)
    if (!answer.ok) throw new Error(`The Bitcoin node refuses ${parts[0]}: ${answer.error.detail}`)
    return answer.value
  }

  async function callAll(calls: readonly RpcCall[]): Promise<unknown[]> {
    const results: unknown[] = []
    for (let from = 0; from < calls.length; from += BATCH_MAX) {
      const answers = await rpc.batch(calls.slice(from, from + BATCH_MAX))
      if (!answers.ok) throw new Error(`The Bitcoin node does not answer: ${answers.error.detail}`)
      for (const answer of answers.value) results.push(answer.ok ? answer.value : null)
    }
    return results
  }

  const height = async () => (await call('getblockcount')) as number

  /**
   * bitcoind makes the same block of the same transactions, and refuses it when it was told that it is invalid. One that pays
   * nobody is another.
   */
  async function generate(count: number): Promise<string[]> {
    const answer = await ask(rpc, 'generatetodescriptor', count, ownDescriptor)
    if (answer.ok) return answer.value as string[]
    if (!answer.error.detail.includes('block not accepted'))
      throw new Error(`The Bitcoin node mines nothing: ${answer.error.detail}`)
    return (await call('generatetodescriptor', 1, `raw(6a10${toHex(crypto.getRandomValues(new Uint8Array(16)))})`)) as string[]
  }

  async function mine(count: number): Promise<string[]> {
    const hashes: string[] = []
    while (hashes.length < count) {
      const some = Math.min(count - hashes.length, MINE_AT_ONCE)
      hashes.push(...(await generate(some)))
    }
    // A scan makes bitcoind write its chain state to disk; else a kill -9 would cost the blocks of the last hour.
    await scanUnspent()
    return hashes
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
      const answer = await ask(rpc, 'scantxoutset', 'start', [ownDescriptor])
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
        if (equalBytes(output.script, own.script)) coins.set(`${txid}:${index}`, { txid, index, units: output.amount })
      }
    }
    for (const outpoint of spent) coins.delete(outpoint)
    return [...coins.values()].filter((coin) => coin.units >= DUST)
  }

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

  async function signAndSend(coins: readonly Coin[], outputs: readonly Output[], sequence: number): Promise<SentTransaction> {
    const tx = new Transaction()
    for (const { txid, index, units } of coins) {
      tx.addInput({ txid, index, sequence, witnessUtxo: { script: own.script, amount: units } })
    }
    for (const { script, amount } of outputs) tx.addOutput({ script, amount })
    tx.sign(key)
    tx.finalize()
    await call('sendrawtransaction', tx.hex)
    // bitcoind would otherwise write its mempool only when it ends in peace.
    await call('savemempool')
    return { txid: tx.id, hex: tx.hex }
  }

  async function sendAll(payments: readonly Pick<SendRequest, 'address' | 'units'>[], feeRate: bigint, sequence: number) {
    const paid = payments.map(({ address, units }) => ({
      script: OutScript.encode(Address(network).decode(address)),
      amount: units,
    }))
    const wanted = total(paid.map(({ amount }) => amount))
    const toSelf = { script: own.script, amount: 0n }
    const feeEach = feeRate * (sizeOf(1, []) - sizeOf(0, []))
    const feeRest = feeRate * sizeOf(0, [...paid, toSelf])
    const coins = await select(wanted + feeRest, feeEach)
    const change = total(coins.map((coin) => coin.units)) - wanted - feeRest - feeEach * BigInt(coins.length)
    return signAndSend(coins, change >= DUST ? [...paid, { ...toSelf, amount: change }] : paid, sequence)
  }

  /** A waiting transaction of ours, its coins with their amounts, and its fee. */
  async function unconfirmed(txid: string): Promise<{ coins: Coin[]; outputs: Output[]; fee: bigint; size: bigint }> {
    const hex = await call('getrawtransaction', txid)
    const raw = fromHex(String(hex))
    const { inputs, outputs } = RawTx.decode(raw)
    // A node without an index of transactions knows those that wait; of the others, outputs that nothing in a block spends.
    const parents = await callAll(inputs.map((input): RpcCall => ['getrawtransaction', toHex(input.txid)]))
    const confirmed = await callAll(inputs.map((input): RpcCall => ['gettxout', toHex(input.txid), input.index, false]))
    const coins = inputs.map((input, i) => {
      const parent = parents[i]
      const waiting = typeof parent === 'string' ? RawTx.decode(fromHex(parent)).outputs[input.index] : undefined
      const spent = waiting ?? outputOf(confirmed[i])
      if (!spent || !equalBytes(spent.script, own.script)) throw new Error(`${txid} does not spend coins of the demo wallet`)
      return { txid: toHex(input.txid), index: input.index, units: spent.amount }
    })
    return {
      coins,
      outputs,
      fee: total(coins.map((coin) => coin.units)) - total(outputs.map((one) => one.amount)),
      size: sizeOf(coins.length, outputs),
    }
  }

  return {
    address: own.address,
    height,

    async fund() {
      while ((await height()) <= SEGWIT_HEIGHT || (await confirmedCoins()).length === 0) await mine(FUND_BLOCKS)
    },

    send: ({ address, units, feeRate = FEE_RATE, replaceable = true }) =>
      locked(() => sendAll([{ address, units }], feeRate, replaceable ? SEQUENCE : 0xffffffff)),

    sendMany: (payments, feeRate = FEE_RATE) => locked(() => sendAll(payments, feeRate, SEQUENCE)),

    bumpFee: (txid) =>
      locked(async () => {
        const { coins, outputs, fee, size } = await unconfirmed(txid)
        const change = outputs.findLastIndex((output) => equalBytes(output.script, own.script))
        const extra = fee + size
        const bumped = outputs.map((output, i) => (i === change ? { ...output, amount: output.amount - extra } : output))
        if ((bumped[change]?.amount ?? 0n) < DUST) throw new Error(`${txid} has no change to take a higher fee from`)
        return signAndSend(coins, bumped, SEQUENCE)
      }),

    doubleSpend: (txid) =>
      locked(async () => {
        const { coins, fee, size } = await unconfirmed(txid)
        const amount = total(coins.map((coin) => coin.units)) - 3n * fee - size
        return signAndSend(coins, [{ script: own.script, amount }], SEQUENCE)
      }),

    mine,

    async invalidate(blockHash) {
      await call('invalidateblock', blockHash)
    },

    async reconsider(blockHash) {
      await call('reconsiderblock', blockHash)
    },

    evict: (txid) =>
      locked(async () => {
        const answer = await ask(rpc, 'evicttransaction', txid)
        if (!answer.ok)
          await evictByAge({ call, callAll }, txid, () => sendAll([{ address: own.address, units: DUST }], FEE_RATE, SEQUENCE))
      }),
  }

  function locked<T>(work: () => Promise<T>): Promise<T> {
    return withLock(join(stateDir, 'wallet-lock.sqlite'), LOCK_MS_MAX, work)
  }
}

/** Virtual bytes of a transaction of p2wpkh inputs, rounded up (BIP 141): 10.5 around, 68 an input, 9 and its script an output. */
function sizeOf(inputs: number, outputs: readonly { script: Uint8Array }[]): bigint {
  return BigInt(outputs.reduce((sum, output) => sum + 9 + output.script.length, 11 + 68 * inputs))
}

/** What `gettxout` says of one; nothing where it has none. */
function outputOf(told: unknown): Output | undefined {
  const { value, scriptPubKey } = (told ?? {}) as { value?: number; scriptPubKey?: { hex: string } }
  return value !== undefined && scriptPubKey ? { script: fromHex(scriptPubKey.hex), amount: satoshi(value) } : undefined
}

function total(amounts: readonly bigint[]): bigint {
  return amounts.reduce((sum, amount) => sum + amount, 0n)
}

/** Bitcoin Core writes amounts as decimals with eight digits, which a double holds exactly enough to write again. */
function satoshi(amount: number): bigint {
  const units = parseDecimal(amount.toFixed(8), 8)
  assert(units.ok, `an amount of ${amount}`)
  return units.value
}
