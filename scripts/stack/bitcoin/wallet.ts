import { join } from 'node:path'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { Address, OutScript, p2wpkh, TEST_NETWORK, Transaction } from '@scure/btc-signer'
import { equalBytes, toHex } from '../../../src/lib/bytes.ts'
import { assert } from '../../../src/lib/result.ts'
import { type Coin, createCoins, DUST, type Output, total } from './coins.ts'
import { evictByAge } from './evict.ts'
import { withLock } from './lock.ts'
import { createCalls, type NodeAccess } from './rpc.ts'

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
/** Blocks in one call: more would hold up every other call. */
const MINE_AT_ONCE = 10
/** Blocks until the wallet looks again whether it can pay. */
const FUND_BLOCKS = 50
const FEE_RATE = 2n
/** Signals BIP 125. */
const SEQUENCE = 0xfffffffd
const LOCK_MS_MAX = 30_000

/** `stateDir` is the node's folder; the lock that keeps two processes from spending one coin is there. */
export function createDemoWallet(node: NodeAccess, stateDir: string): DemoWallet {
  const calls = createCalls(node)
  const { ask, call } = calls
  const network = { ...TEST_NETWORK, bech32: 'bcrt' }
  const key = sha256(new TextEncoder().encode('paytomat demo wallet, worth nothing'))
  const own = p2wpkh(secp256k1.getPublicKey(key), network)
  assert(own.address, 'a p2wpkh output has an address')
  const funds = createCoins(calls, own.script)
  const ownDescriptor = `raw(${toHex(own.script)})`

  const height = async () => (await call('getblockcount')) as number

  /**
   * bitcoind makes the same block of the same transactions, and refuses it when it was told that it is invalid. One that pays
   * nobody is another.
   */
  async function generate(count: number): Promise<string[]> {
    const answer = await ask('generatetodescriptor', count, ownDescriptor)
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
    await funds.scan()
    return hashes
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
    const coins = await funds.select(wanted + feeRest, feeEach)
    const change = total(coins.map((coin) => coin.units)) - wanted - feeRest - feeEach * BigInt(coins.length)
    return signAndSend(coins, change >= DUST ? [...paid, { ...toSelf, amount: change }] : paid, sequence)
  }

  /** A waiting transaction of ours, its coins, its fee and its size. */
  async function unconfirmed(txid: string) {
    const { coins, outputs } = await funds.spentBy(txid)
    const fee = total(coins.map(({ units }) => units)) - total(outputs.map(({ amount }) => amount))
    return { coins, outputs, fee, size: sizeOf(coins.length, outputs) }
  }

  return {
    address: own.address,
    height,

    async fund() {
      while ((await height()) <= SEGWIT_HEIGHT || (await funds.confirmed()).length === 0) await mine(FUND_BLOCKS)
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
        const answer = await ask('evicttransaction', txid)
        if (answer.ok) return
        if (!answer.error.detail.includes('Method not found'))
          throw new Error(`The Bitcoin node refuses evicttransaction: ${answer.error.detail}`)
        await evictByAge(calls, txid, () => sendAll([{ address: own.address, units: DUST }], FEE_RATE, SEQUENCE))
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
