import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HDKey } from '@scure/bip32'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { look } from '../../../src/chain/look.ts'
import type { ChainBatch, PaymentStatus } from '../../../src/chain/rpc.ts'
import { bitcoinAddresses } from '../../../src/gateways/bitcoin/address.ts'
import { createBitcoinReader } from '../../../src/gateways/bitcoin/reader.ts'
import type { ChainReader, ReceivingAddress, Transfer } from '../../../src/gateways/gateway.ts'
import { toHex } from '../../../src/lib/bytes.ts'
import { MemoryFollower, memoryWatch } from '../../chain/memory.ts'
import { must } from '../bitcoin/spending.ts'
import { transfersTo } from '../scans.ts'
import { litecoinRegtest } from './chain.ts'
import { findLitecoind, type Litecoind, startLitecoind } from './litecoind.ts'

/** The gateway against Litecoin Core, MWEB active. One node and one chain for all tests, which run in any order. */
const program = findLitecoind()
// Some seconds on an idle machine; other tests may run beside.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })
/** The first block with MWEB, on regtest. */
const MWEB_HEIGHT = 432
/** Of ordinary coins. */
const MINER = 'miner'
/** Of coins inside the MWEB only: whatever it pays outside is a peg-out. */
const HIDDEN = 'hidden'
/** Priority, in litoshi, at which a transaction is mined for certain, or never. */
const PRIORITY = 100_000_000

const chain = litecoinRegtest
const account = HDKey.fromMasterSeed(new Uint8Array(32).fill(8), { public: 0x043587cf, private: 0x04358394 }).derive("m/84'/1'/0'")
let folder: string
let node: Litecoind
let reader: ChainReader
let nextIndex = 0

const sendFrom = (wallet: string, address: string, coins: string, options: { replaceable?: boolean } = {}) =>
  node.call('sendtoaddress', [address, coins, '', '', false, options.replaceable ?? false], wallet)
/** Each time to another address: a block mined again at the same second would be the very one that was made invalid. */
const mine = async (count = 1, address = freshAddress().address) =>
  (await node.call<string[]>('generatetoaddress', [count, address])).at(-1) as string

/** An address nobody has used. */
function freshAddress(script: 'p2wpkh' | 'p2tr' = 'p2wpkh'): ReceivingAddress {
  const derived = bitcoinAddresses.derive(chain, { xpub: account.publicExtendedKey, script }, nextIndex++)
  if (!derived.ok) throw new Error(derived.error.detail)
  return derived.value
}

async function mempool() {
  const scan = must(await reader.mempool())
  if (!scan) throw new Error('no mempool')
  return scan
}

/** Mines blocks that leave this transaction in the mempool. */
async function mineWithout(txid: string, count = 1): Promise<string> {
  await node.call('prioritisetransaction', [txid, 0, -PRIORITY])
  const hash = await mine(count)
  await node.call('prioritisetransaction', [txid, 0, PRIORITY])
  return hash
}

describe.skipIf(program === null)('Litecoin Core (skipped without litecoind on the PATH)', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'paytomat-litecoin-'))
    node = await startLitecoind(program as string, folder)
    reader = createBitcoinReader(chain, [node.endpoint], fetch)
    for (const wallet of [MINER, HIDDEN]) await node.call('createwallet', [wallet])
    await mine(MWEB_HEIGHT - 1, await node.call('getnewaddress', ['', 'bech32'], MINER))
    // Several, so that a coin is there while the change of another is unconfirmed.
    for (let coins = 0; coins < 8; coins++) await sendFrom(MINER, await node.call('getnewaddress', ['', 'mweb'], HIDDEN), '5')
    await mine()
  })

  afterAll(async () => {
    await node?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test('the chain is the one its name says, and our addresses are what the node makes of the same key', async () => {
    expect(must(await reader.hashAt(0))?.slice(0, 32)).toBe(chain.id.split(':')[1])
    const { descriptor } = await node.call<{ descriptor: string }>('getdescriptorinfo', [`wpkh(${account.publicExtendedKey}/0/*)`])
    const theirs = await node.call<string[]>('deriveaddresses', [descriptor, [0, 4]])
    const ours = theirs.map((_, index) =>
      bitcoinAddresses.derive(chain, { xpub: account.publicExtendedKey, script: 'p2wpkh' }, index),
    )
    expect(ours.map((derived) => must(derived).address)).toEqual(theirs)
    const taproot = freshAddress('p2tr')
    expect(await node.call('validateaddress', [taproot.address])).toMatchObject({
      isvalid: true,
      scriptPubKey: toHex(taproot.watchKey),
    })
  })

  test('a block with an extension block is the same by RPC and by REST, its transactions under the ids the node gives them', async () => {
    await sendFrom(MINER, await node.call('getnewaddress', ['', 'mweb'], HIDDEN), '1')
    const hash = await mine()
    const byRest = createBitcoinReader(chain, [{ ...node.endpoint, rest: true }], fetch)
    const [one, other] = [must(await reader.block(hash)), must(await byRest.block(hash))]
    expect(one.fingerprints).toEqual(other.fingerprints)
    const all = Array.from({ length: one.fingerprints.length / 8 }, (_, position) => position)
    expect(must(await one.resolve(all))).toEqual(must(await other.resolve(all)))
    const { tx } = await node.call<{ tx: string[] }>('getblock', [hash, 1])
    expect([...new Set(must(await one.resolve(all)).map(({ txid }) => txid))]).toEqual(tx)
    expect(must(await reader.head())).toMatchObject({ hash, height: one.height })
    expect(must(await reader.hashAt(one.height + 1))).toBeNull()
    expect(await reader.block('00'.repeat(32))).toMatchObject({ ok: false, error: { reason: 'node_refused' } })
  })

  test.each(['p2wpkh', 'p2tr'] as const)(
    'a payment to a %s address is seen in the mempool once, and then in its block',
    async (script) => {
      const { address, watchKey } = freshAddress(script)
      const txid = await sendFrom(MINER, address, '0.00123456')
      const scan = await mempool()
      const [transfer] = await transfersTo([watchKey], scan)
      expect(transfer).toMatchObject({ txid, units: 123_456n, assetCode: 'LTC' })
      scan.seen()
      expect(await transfersTo([watchKey], await mempool())).toEqual([])
      const block = must(await reader.block(await mine()))
      expect(await transfersTo([watchKey], block)).toEqual([transfer])
      expect(must(await (await mempool()).missing([txid], 0))).toEqual([txid])
    },
  )

  test('a fee bump is a conflict that pays the same', async () => {
    const { address, watchKey } = freshAddress()
    const first = await sendFrom(MINER, address, '0.7', { replaceable: true })
    const scan = await mempool()
    const [transfer] = await transfersTo([watchKey], scan)
    scan.seen()
    const tracked = [{ txid: first, spends: transfer?.spends ?? [] }]
    const { txid } = await node.call<{ txid: string }>('bumpfee', [first], MINER)
    const next = await mempool()
    expect(next.conflicts(tracked)).toEqual([{ txid: first, byTxid: txid }])
    expect(await transfersTo([watchKey], next)).toMatchObject([{ txid, units: 70_000_000n }])
    expect(must(await reader.block(await mine())).conflicts(tracked)).toEqual([{ txid: first, byTxid: txid }])
  })

  test('a payment whose coins go into the MWEB instead is replaced, in the mempool and for good by the block', async () => {
    // A wallet with one coin pegs it in; a payment of the same coin takes its place, and then the other way round.
    const wallet = 'one-coin'
    await node.call('createwallet', [wallet])
    const own = await node.call('getnewaddress', ['', 'bech32'], wallet)
    await sendFrom(MINER, own, '3')
    await mine()
    const coin = (await node.call<{ txid: string; vout: number }[]>('listunspent', [], wallet))[0] as { txid: string; vout: number }
    const pegIn = await sendFrom(wallet, await node.call('getnewaddress', ['', 'mweb'], wallet), '1', { replaceable: true })
    const pegInHex = await node.call('getrawtransaction', [pegIn])

    const { address, watchKey } = freshAddress()
    const unsigned = await node.call('createrawtransaction', [
      [{ ...coin, sequence: 0xfffffffd }],
      [{ [address]: '2.5' }, { [own]: '0.499' }],
    ])
    const { hex } = await node.call<{ hex: string }>('signrawtransactionwithwallet', [unsigned], wallet)
    const payment = await node.call('sendrawtransaction', [hex])
    const scan = await mempool()
    const [transfer] = await transfersTo([watchKey], scan)
    expect(transfer).toMatchObject({ txid: payment, units: 250_000_000n })
    scan.seen()

    await node.call('prioritisetransaction', [pegIn, 0, PRIORITY])
    await node.call('sendrawtransaction', [pegInHex])
    const tracked = [{ txid: payment, spends: transfer?.spends ?? [] }]
    const next = await mempool()
    expect(next.conflicts(tracked)).toEqual([{ txid: payment, byTxid: pegIn }])
    expect(must(await next.missing([payment, pegIn], 0))).toEqual([payment])
    expect(must(await reader.block(await mine())).conflicts(tracked)).toEqual([{ txid: payment, byTxid: pegIn }])
  })

  describe('a follower of the chain', () => {
    /** Follows as the chain object does, and notes after each commit how the payments stand. */
    class NotingFollower extends MemoryFollower {
      readonly notes: PaymentStatus[][] = []

      override async commit(batch: ChainBatch) {
        const committed = await super.commit(batch)
        this.notes.push([...this.payments.values()].map(({ status }) => status))
        return committed
      }
    }

    /** One watched address, and a follower that has read the chain so far. */
    async function followed() {
      const follower = new NotingFollower(chain)
      const list = memoryWatch(chain.watchShards)
      const { address, watchKey } = freshAddress()
      list.add(watchKey, 'inv')
      const ports = { follower, watch: list.watch, reader, clock: () => Date.now() }
      const step = async () => {
        expect(await look(ports)).toBe('synced')
        expect(follower.failures).toEqual([])
        return [...follower.payments.values()].map(({ txid, status, replacedBy }) => ({ txid, status, replacedBy }))
      }
      const alive = () =>
        Math.max(0, ...follower.notes.map((note) => note.filter((one) => one === 'unconfirmed' || one === 'confirmed').length))
      await step()
      return { address, watchKey, follower, step, mostAlive: alive }
    }

    /** The peg-out's transaction in the mempool, and the output of the block's HogEx that pays it. */
    async function hogExOf(blockHash: string, watchKey: Uint8Array) {
      const { tx } = await node.call<{ tx: string[] }>('getblock', [blockHash, 1])
      const [transfer] = await transfersTo([watchKey], must(await reader.block(blockHash)))
      expect(transfer?.txid).toBe(tx.at(-1))
      return transfer as Transfer
    }

    test('a peg-out waits untold under an id of its own, and is one payment when its block pays it', async () => {
      const { address, watchKey, follower, step } = await followed()
      const waiting = await sendFrom(HIDDEN, address, '1.5')
      expect(await node.call<string[]>('getrawmempool')).toContain(waiting)
      expect(await step()).toEqual([])
      const hogEx = await hogExOf(await mine(), watchKey)
      expect(hogEx).toMatchObject({ units: 150_000_000n })
      expect(hogEx.txid).not.toBe(waiting)
      expect(Number(hogEx.index)).toBeGreaterThan(0)
      expect(await step()).toEqual([{ txid: hogEx.txid, status: 'confirmed', replacedBy: null }])
      // Its outpoint is the one the coin has from now on.
      expect(await node.call('gettxout', [hogEx.txid, Number(hogEx.index)])).toMatchObject({
        confirmations: 1,
        scriptPubKey: { addresses: [address] },
      })
      await mine(2)
      expect(await step()).toMatchObject([{ status: 'confirmed' }])
      expect([...follower.told.values()].map(({ confirmations }) => confirmations)).toEqual([3])
    })

    test('two peg-outs to one address in one block are two payments, however alike', async () => {
      const { address, step } = await followed()
      for (let n = 0; n < 2; n++) await sendFrom(HIDDEN, address, '0.25')
      await mine()
      const payments = await step()
      expect(payments.map(({ status }) => status)).toEqual(['confirmed', 'confirmed'])
      expect(new Set(payments.map(({ txid }) => txid)).size).toBe(1)
    })

    test('a reorganisation pays a peg-out again in another HogEx: one payment takes the place of the other in one commit', async () => {
      const { address, watchKey, step, mostAlive } = await followed()
      await sendFrom(HIDDEN, address, '0.5')
      const lost = await mine()
      const before = await hogExOf(lost, watchKey)
      expect(await step()).toMatchObject([{ txid: before.txid, status: 'confirmed' }])

      await node.call('invalidateblock', [lost])
      // With another peg-out beside, the HogEx is another one.
      await sendFrom(HIDDEN, freshAddress().address, '0.1')
      const [won] = [await mine(), await mine()]
      const after = await hogExOf(won, watchKey)
      expect(after.txid).not.toBe(before.txid)
      expect(await step()).toEqual([
        { txid: before.txid, status: 'double_spent', replacedBy: after.txid },
        { txid: after.txid, status: 'confirmed', replacedBy: null },
      ])
      expect(mostAlive()).toBe(1)
    })

    test('a peg-out that its new branch pays later is missing meanwhile, never double spent, and never two payments', async () => {
      const { address, watchKey, step, follower, mostAlive } = await followed()
      const waiting = await sendFrom(HIDDEN, address, '0.75')
      const lost = await mine()
      const before = await hogExOf(lost, watchKey)
      await step()
      await node.call('invalidateblock', [lost])
      await mineWithout(waiting, 2)
      await step()
      expect(await step()).toEqual([{ txid: before.txid, status: 'missing', replacedBy: null }])
      expect(follower.notes.flat()).not.toContain('double_spent')

      const after = await hogExOf(await mine(), watchKey)
      expect(await step()).toEqual([
        { txid: before.txid, status: 'double_spent', replacedBy: after.txid },
        { txid: after.txid, status: 'confirmed', replacedBy: null },
      ])
      expect(mostAlive()).toBe(1)
    })

    test('a block that comes back brings its peg-out back', async () => {
      const { address, watchKey, step, mostAlive } = await followed()
      const waiting = await sendFrom(HIDDEN, address, '0.3')
      const lost = await mine()
      const { txid } = await hogExOf(lost, watchKey)
      await step()
      await node.call('invalidateblock', [lost])
      const other = await mineWithout(waiting, 2)
      await step()
      expect(await step()).toMatchObject([{ txid, status: 'missing' }])
      const { previousblockhash } = await node.call<{ previousblockhash: string }>('getblockheader', [other])
      await node.call('invalidateblock', [previousblockhash])
      await node.call('reconsiderblock', [lost])
      await mine(2)
      expect(await step()).toEqual([{ txid, status: 'confirmed', replacedBy: null }])
      expect(mostAlive()).toBe(1)
    })

    test('an ordinary payment goes back to the mempool with its block', async () => {
      const { address, step } = await followed()
      const txid = await sendFrom(MINER, address, '0.2')
      const lost = await mine()
      await step()
      await node.call('invalidateblock', [lost])
      await mineWithout(txid, 2)
      expect(await step()).toEqual([{ txid, status: 'unconfirmed', replacedBy: null }])
      await mine()
      expect(await step()).toEqual([{ txid, status: 'confirmed', replacedBy: null }])
    })
  })
})
