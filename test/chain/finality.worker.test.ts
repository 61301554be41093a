import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env as testEnv } from 'cloudflare:workers'
import { afterEach, expect, test, vi } from 'vitest'
import { DEVELOPMENT_CHAINS } from '../../config/development.ts'
import type { ChainBatch, MatchedTransfer, PaymentObservation } from '../../src/chain/rpc.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import type { CoreEnv } from '../../workers/core/env.ts'

const env = testEnv as unknown as CoreEnv
const raw = (name: string) => (testEnv as unknown as { CHAINS_FOLLOWED: DurableObjectNamespace }).CHAINS_FOLLOWED.getByName(name)
/** Polls so rare that no alarm rings by itself within a test. One confirmation is told on the way. */
const CHAIN = { ...(DEVELOPMENT_CHAINS[1] as ChainConfig), pollMs: 100_000, confirmations: 1, reorgDepthMax: 30, finality: 'safe' }
/** No measure of speed: machines are busy. */
const PATIENCE_MS = 20_000

afterEach(() => {
  vi.restoreAllMocks()
})

/** The follower of a chain with a finality tag, whose invoices are the test's. */
async function follower(name: string) {
  const told: PaymentObservation[] = []
  const ports = {
    CHAINS: JSON.stringify([{ ...CHAIN, id: name }]),
    INVOICES: {
      getByName: () => ({
        observe: async (observations: readonly PaymentObservation[]) => {
          told.push(...observations)
          return { known: true, confirmationsWanted: 1 }
        },
      }),
    },
    GATEWAY_EVM: { send: async () => {} },
  }
  const connect = () => runInDurableObject(raw(name), (object) => void Object.assign(object, { env: { ...env, ...ports } }))
  await connect()
  let tip = 0
  const commit = (changes: Partial<ChainBatch>) => env.CHAINS_FOLLOWED.getByName(name).commit({ ...batchTo(tip), ...changes })
  return {
    told,
    connect,
    get rpc() {
      return env.CHAINS_FOLLOWED.getByName(name)
    },
    /** Rings until nothing is left to be told. */
    alarm: async () => {
      await runDurableObjectAlarm(raw(name))
      await vi.waitFor(async () => expect(await waiting(name)).toBe(0), PATIENCE_MS)
    },
    waiting: () => waiting(name),
    /** Blocks up to this one, with payments in it. */
    mine: async (to: number, payments: MatchedTransfer[] = []) => {
      const blocks = Array.from({ length: to - tip }, (_, at) => ({
        ref: REF(tip + at + 1),
        payments: tip + at + 1 === to ? payments : [],
        conflicts: [],
      }))
      expect(await commit({ blocks, head: { height: to, hash: `h${to}` } })).toMatchObject({ ok: true })
      tip = to
    },
    /** The end of a look, at which the node names the final block. */
    final: async (height: number, hash = `h${height}`) =>
      expect(await commit({ mempool: MEMPOOL, final: { height, hash } })).toMatchObject({ ok: true }),
    commit,
    reorgTo: (height: number) => {
      tip = height
    },
    finalOf: (txid: string) => told.filter((observation) => observation.txid === txid).map(({ final }) => final),
  }
}

const waiting = (name: string) =>
  runInDurableObject(raw(name), (_object, { storage }) => Number(storage.sql.exec('SELECT COUNT(*) AS n FROM outbox').one().n))

const MEMPOOL = { payments: [], conflicts: [], waiting: [], missing: [] }
const REF = (height: number, parent = `h${height - 1}`) => ({
  height,
  hash: `h${height}`,
  parentHash: parent,
  timeMs: 1_000 * height,
})
const TX = (txid: string): MatchedTransfer => ({
  transfer: { txid, index: 'native', assetCode: 'ETH', units: 5n, spends: [`coin-${txid}`] },
  invoiceId: `inv-${txid}`,
})
const batchTo = (tip: number): ChainBatch => ({
  base: tip === 0 ? null : { height: tip, hash: `h${tip}` },
  rollbackTo: null,
  blocks: [],
  mempool: null,
  more: false,
  head: { height: tip, hash: `h${tip}` },
  startedAtMs: Date.now(),
})

test('a payment is told as final once, when its block comes under the tag, however many blocks that takes', async () => {
  const at = await follower('tag:once')
  await at.mine(2, [TX('a')])
  await at.mine(3, [TX('b')])
  await at.mine(12)
  await vi.waitFor(() => expect(at.told).toHaveLength(2), PATIENCE_MS)
  expect(at.told.map(({ final }) => final)).toEqual([false, false])
  await at.final(2)
  await at.alarm()
  expect(at.finalOf('a')).toEqual([false, true])
  expect(at.finalOf('b')).toEqual([false])
  expect(at.told.at(-1)).toMatchObject({ txid: 'a', confirmations: 11, status: 'confirmed' })
  await at.mine(13)
  await at.final(2)
  await at.final(13)
  await at.alarm()
  expect(at.finalOf('a')).toEqual([false, true])
  expect(at.finalOf('b')).toEqual([false, true])
  expect(await at.rpc.health()).toMatchObject({ finalHeight: 13 })
  const facts = await at.rpc.paymentsAt(['tag:once/a/native'])
  expect(facts).toMatchObject([{ final: true }])
})

test('what has come under the tag is told though everything is killed right after the commit', async () => {
  const at = await follower('tag:killed')
  await at.mine(2, [TX('a')])
  await vi.waitFor(() => expect(at.told).toHaveLength(1), PATIENCE_MS)
  await at.final(2)
  await abortAllDurableObjects()
  await at.connect()
  await at.alarm()
  expect(at.finalOf('a').at(-1)).toBe(true)
})

test('a payment in a block that leaves the chain is final no more, and again only when the tag says so', async () => {
  const at = await follower('tag:reorg')
  const error = vi.spyOn(console, 'error').mockImplementation(() => {})
  await at.mine(4)
  await at.mine(5, [TX('a')])
  await at.mine(6)
  await at.final(5)
  await at.alarm()
  expect(at.finalOf('a').at(-1)).toBe(true)
  const other = { height: 5, hash: 'other', parentHash: 'h4', timeMs: 0 }
  const taken = await at.commit({
    rollbackTo: { height: 4, hash: 'h4' },
    blocks: [
      { ref: other, payments: [TX('a')], conflicts: [] },
      { ref: { ...REF(6), parentHash: 'other' }, payments: [], conflicts: [] },
    ],
  })
  expect(taken).toMatchObject({ ok: true })
  await vi.waitFor(() => expect(at.told.at(-1)).toMatchObject({ blockHash: 'other', final: false }), PATIENCE_MS)
  expect(error.mock.calls.flat().join()).toContain('final_blocks_left')
  const finalLeft = { finalHeight: 5, rolledBackTo: 4, atMs: expect.any(Number) }
  expect(await at.rpc.health()).toMatchObject({ finalLeft })
  await abortAllDurableObjects()
  await at.connect()
  expect(await at.rpc.health()).toMatchObject({ finalLeft })
  // The node that still names the old block is not believed.
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  await at.final(5, 'h5')
  expect(warn.mock.calls.flat().join()).toContain('final_block_unknown')
  expect(await at.waiting()).toBe(0)
  await at.final(5, 'other')
  await at.alarm()
  expect(at.told.at(-1)).toMatchObject({ blockHash: 'other', final: true })
})

test('very many payments that come under the tag at once are told over several looks, none left out', async () => {
  const at = await follower('tag:many')
  const txids = Array.from({ length: 2_500 }, (_, n) => `t${n}`)
  for (let height = 1; height <= 5; height++) await at.mine(height, txids.slice((height - 1) * 500, height * 500).map(TX))
  await vi.waitFor(() => expect(new Set(at.told.map(({ txid }) => txid)).size).toBe(2_500), PATIENCE_MS)
  const heights: (number | null)[] = []
  for (let n = 0; n < 4; n++) {
    await at.final(5)
    heights.push((await at.rpc.health()).finalHeight)
  }
  expect(heights).toEqual([2, 4, 5, 5])
  for (let n = 0; n < 3; n++) await runDurableObjectAlarm(raw('tag:many'))
  await vi.waitFor(async () => expect(await at.waiting()).toBe(0), PATIENCE_MS)
  expect(new Set(at.told.filter(({ final }) => final).map(({ txid }) => txid)).size).toBe(2_500)
}, 60_000)

test('a chain without a tag writes no row more for it, and is final by its confirmations', async () => {
  const name = 'tag:none'
  const at = await follower(name)
  const { finality: _tag, ...plain } = CHAIN
  await runInDurableObject(raw(name), (object) => {
    const ports = (object as unknown as { env: { CHAINS: string } }).env
    ports.CHAINS = JSON.stringify([{ ...plain, id: name, confirmations: 2 }])
  })
  await at.mine(2, [TX('a')])
  await at.mine(3)
  await at.final(3)
  expect(await at.rpc.health()).toMatchObject({ finalHeight: 2 })
  expect(await at.rpc.paymentsAt(['tag:none/a/native'])).toMatchObject([{ final: true }])
  const tagged = await runInDurableObject(raw(name), (_object, { storage }) =>
    storage.sql.exec('SELECT tag_height FROM payments UNION ALL SELECT tag_height FROM follower').toArray(),
  )
  expect(tagged).toEqual([{ tag_height: null }, { tag_height: null }])
})
