import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { follow, type PaymentRow, type Place, placeOf, touchHeight } from '../../src/chain/follow.ts'
import { look } from '../../src/chain/look.ts'
import type { ChainBatch } from '../../src/chain/rpc.ts'
import { MemoryFollower, memoryWatch } from './memory.ts'
import { check } from './property.ts'
import { carryOut, FOUND, factsOf, type Step, steps, TRANSACTION_LIST, truthOf, WATCHED_KEYS } from './scenario.ts'
import { keyOf, SimNode, type SimTransaction, simReader } from './simulator.ts'

const CHAIN = { confirmations: 3, reorgDepthMax: 30 }

function world(ahead = 1) {
  const node = new SimNode(5)
  const reader = simReader(() => node, { ahead })
  const follower = new MemoryFollower(CHAIN)
  const list = memoryWatch(2)
  for (let n = 0; n < WATCHED_KEYS; n++) list.add(keyOf(n), `inv-${n}`)
  let nowMs = 5_000_000
  return { node, reader, follower, lookOnce: () => look({ follower, watch: list.watch, reader, clock: () => nowMs++ }) }
}

/** Everything known of every payment is what the node's chain and mempool say. */
function expectTruth({ node, follower }: Pick<ReturnType<typeof world>, 'node' | 'follower'>, lost = (status: string) => status) {
  for (const row of follower.payments.values()) {
    const transaction = TRANSACTION_LIST.find(({ txid }) => txid === row.txid) as SimTransaction
    const truth = truthOf(node, transaction)
    const told = follower.told.get(`${row.txid}/${row.index}`)
    expect(told).toBeDefined()
    if (!told) return
    const facts = factsOf(told)
    expect(told.units).toBe(transaction.outputs[Number(row.index)]?.units)
    expect(lost(facts.status)).toBe(lost(truth.status))
    if (lost(truth.status) !== 'lost') expect(facts.replacedBy).toBe(truth.replacedBy)
    expect({ height: facts.height, blockHash: facts.blockHash }).toEqual({ height: truth.height, blockHash: truth.blockHash })
    // An invoice is told each confirmation it wants, and need not hear of more.
    const wanted = Math.min(truth.confirmations, row.notifyUntil)
    expect(Math.min(facts.confirmations, row.notifyUntil)).toBe(wanted)
  }
  const paid = node.best.flatMap(({ transactions }) => transactions).concat([...node.mempool.values()])
  for (const { txid, outputs } of paid)
    for (const [index] of outputs.entries())
      if (index > 0) expect(follower.payments.has(`${txid}/${index}`), `payment ${txid}/${index} is known`).toBe(true)
}

test('after any blocks, reorganisations, replacements and evictions every payment is what chain and mempool say', async () => {
  await check(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 4 }), async (scenario: Step[], ahead) => {
      const here = world(ahead)
      await here.lookOnce()
      for (const step of scenario) {
        if (step.type !== 'look') carryOut(here.node, step)
        else await here.lookOnce()
      }
      // Our branch is waited on while the node's is shorter. A payment set loose is asked after by the next look.
      while (here.node.head.ref.height < (here.follower.tip?.height ?? 0)) here.node.mine([])
      expect(await here.lookOnce()).toBe('synced')
      expect(await here.lookOnce()).toBe('synced')
      expectTruth(here)
    }),
    400,
    FOUND.map((scenario) => [scenario, 1]),
  )
})

test('the same holds when the node fails at any call and looks are cut off anywhere', async () => {
  await check(
    fc.asyncProperty(steps, fc.array(fc.nat(9), { maxLength: 30 }), async (scenario: Step[], cuts) => {
      const here = world()
      await here.lookOnce()
      const left = [...cuts]
      let until = left.shift() ?? Number.POSITIVE_INFINITY
      here.reader.failing = () => {
        if (until-- > 0) return false
        until = left.shift() ?? Number.POSITIVE_INFINITY
        return true
      }
      for (const step of scenario) {
        if (step.type !== 'look') carryOut(here.node, step)
        else await here.lookOnce()
      }
      here.reader.failing = () => false
      while (here.node.head.ref.height < (here.follower.tip?.height ?? 0)) here.node.mine([])
      await here.lookOnce()
      await here.lookOnce()
      // A conflict that only an interrupted look saw is told as missing: the money is gone either way.
      expectTruth(here, (status) => (status === 'missing' || status === 'replaced' ? 'lost' : status))
    }),
    400,
  )
})

const REF = (height: number, parent = `h${height - 1}`) => ({
  height,
  hash: `h${height}`,
  parentHash: parent,
  timeMs: 1_000 * height,
})
const BLOCK = (height: number, parent?: string) => ({ ref: REF(height, parent), payments: [], conflicts: [] })
const RECENT = [
  { height: 9, hash: 'h9' },
  { height: 8, hash: 'h8' },
  { height: 7, hash: 'h7' },
]

describe('where a batch may stand', () => {
  const at = (base: number | null, rollbackTo: number | null, blocks: ChainBatch['blocks']) =>
    placeOf(RECENT, {
      base: base === null ? null : { height: base, hash: `h${base}` },
      rollbackTo: rollbackTo === null ? null : { height: rollbackTo, hash: `h${rollbackTo}` },
      blocks,
    })
  const reason = (result: ReturnType<typeof at>) => (result.ok ? 'taken' : result.error.reason)

  test('at the tip, with blocks that follow each other', () => {
    expect(at(9, null, [BLOCK(10), BLOCK(11)])).toMatchObject({ value: { tip: { height: 11 }, floor: 9, tipBefore: 9 } })
    expect(at(9, null, [])).toMatchObject({ value: { tip: { height: 9 }, rolledBack: false } })
    expect(at(9, 7, [BLOCK(8)])).toMatchObject({ value: { tip: { height: 8 }, floor: 7, rolledBack: true } })
  })

  test('anywhere else is refused', () => {
    expect(reason(at(8, null, []))).toBe('stale_cursor')
    expect(reason(at(null, null, [BLOCK(10)]))).toBe('stale_cursor')
    expect(reason(at(9, null, [BLOCK(11)]))).toBe('not_a_chain')
    expect(reason(at(9, null, [BLOCK(10, 'other')]))).toBe('not_a_chain')
    expect(reason(at(9, null, [BLOCK(10), BLOCK(12, 'h10')]))).toBe('not_a_chain')
    expect(reason(at(9, 7, [BLOCK(9)]))).toBe('not_a_chain')
    expect(reason(at(9, 7, []))).toBe('not_a_chain')
    expect(reason(at(9, 6, [BLOCK(7)]))).toBe('reorg_too_deep')
  })
})

describe('what a batch makes of payments', () => {
  const TX = (txid: string, units = 5n, index = '0') => ({
    transfer: { txid, index, assetCode: 'BTC', units, spends: [`coin-${txid}`] },
    invoiceId: 'inv',
  })
  const ROW = (changes: Partial<PaymentRow> = {}): PaymentRow => ({
    ...TX('a').transfer,
    invoiceId: 'inv',
    status: 'unconfirmed',
    height: null,
    blockHash: null,
    seenAtMs: 1,
    replacedBy: null,
    conflictHeight: null,
    notifyUntil: 3,
    ...changes,
  })
  const CONFIRMED = ROW({ status: 'confirmed', height: 8, blockHash: 'h8' })
  const PLACE: Place = { tip: { height: 10, hash: 'h10' }, tipBefore: 9, floor: 9, rolledBack: false }
  const MEMPOOL = { payments: [], conflicts: [], waiting: [], missing: [] }
  const run = (batch: Partial<ChainBatch>, payments: PaymentRow[], place = PLACE, syncedAtMs: number | null = 49_000) =>
    follow(CHAIN, place, { blocks: [], mempool: null, startedAtMs: 50_000, ...batch }, payments, syncedAtMs)

  test('amount and asset are those of the block', () => {
    const { changed } = run({ blocks: [{ ...BLOCK(10), payments: [TX('a', 4n)] }] }, [ROW()])
    expect(changed).toMatchObject([{ status: 'confirmed', height: 10, units: 4n, seenAtMs: 1 }])
  })

  test('what a block holds or contradicts, an older sight of the mempool does not change', () => {
    const mempool = { payments: [TX('a')], conflicts: [{ txid: 'a', byTxid: 'b' }], waiting: ['a'], missing: ['a'] }
    expect(run({ mempool }, [CONFIRMED], { ...PLACE, tipBefore: 10 })).toEqual({ changed: [], told: [] })
    const spent = ROW({ status: 'double_spent', replacedBy: 'c', conflictHeight: 8 })
    expect(run({ mempool }, [spent], { ...PLACE, tipBefore: 10 })).toEqual({ changed: [], told: [] })
  })

  test('a payment double spent comes back with a block that holds it', () => {
    const spent = ROW({ status: 'double_spent', replacedBy: 'c', conflictHeight: 8 })
    const { changed } = run({ blocks: [{ ...BLOCK(10), payments: [TX('a')] }] }, [spent])
    expect(changed).toMatchObject([{ status: 'confirmed', replacedBy: null, conflictHeight: null }])
  })

  test('confirmations are told up to those wanted, and no further', () => {
    const old = ROW({ txid: 'old', status: 'confirmed', height: 7, blockHash: 'h7' })
    const { changed, told } = run({ blocks: [BLOCK(10)] }, [CONFIRMED, old])
    expect(changed).toEqual([])
    expect(told).toEqual([CONFIRMED])
  })

  test('blocks that come many at once do not jump over the confirmation wanted', () => {
    const place = { ...PLACE, tip: { height: 30, hash: 'h30' } }
    expect(run({ blocks: [BLOCK(10)] }, [CONFIRMED], place).told).toEqual([CONFIRMED])
  })

  test('a transfer that its transaction no longer makes when carried out again is missing', () => {
    const second = ROW({ index: 'token:1', status: 'unconfirmed' })
    const { changed } = run({ blocks: [{ ...BLOCK(10), payments: [TX('a')] }] }, [ROW(), second])
    expect(changed).toMatchObject([{ status: 'confirmed' }, { index: 'token:1', status: 'missing' }])
  })

  test('a payment found while catching up was seen when its block was made, and never before all was last known', () => {
    const seen = (timeMs: number, syncedAtMs: number | null) =>
      run({ blocks: [{ ref: { ...REF(10), timeMs }, payments: [TX('x')], conflicts: [] }] }, [], PLACE, syncedAtMs).changed[0]
        ?.seenAtMs
    expect(seen(20_000, 10_000)).toBe(20_000)
    expect(seen(20_000, 49_000)).toBe(49_000)
    expect(seen(90_000, 10_000)).toBe(50_000)
    expect(seen(20_000, null)).toBe(20_000)
  })

  test('of a transaction with very many inputs a bounded part is kept', () => {
    const many = { ...TX('big').transfer, spends: Array.from({ length: 20_000 }, (_, n) => `coin:${n}`) }
    const { changed } = run({ mempool: { ...MEMPOOL, payments: [{ transfer: many, invoiceId: 'inv' }] } }, [])
    expect(changed[0]?.spends).toHaveLength(1_000)
  })

  test('a row is touched while a confirmation of it is wanted or its block may be rolled back', () => {
    expect(touchHeight(CONFIRMED)).toBe(10)
    expect(touchHeight(ROW({ status: 'double_spent', conflictHeight: 4 }))).toBe(4)
    expect(touchHeight(ROW())).toBeNull()
  })
})
