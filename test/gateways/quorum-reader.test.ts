import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { look } from '../../src/chain/look.ts'
import type { ChainReader } from '../../src/gateways/gateway.ts'
import { createQuorumReader } from '../../src/gateways/quorum-reader.ts'
import { err, ok } from '../../src/lib/result.ts'
import { MemoryFollower, memoryWatch } from '../chain/memory.ts'
import { keyOf, type SimTransaction } from '../chain/simulator.ts'
import { BLOCK_MS, type Chain, extend, type FakeNode, fakeNode, grow } from './quorum-nodes.ts'

const CHAIN = { confirmations: 2, reorgDepthMax: 40 }
const QUORUM = { headAgeMaxMs: 60_000 }
const START = grow([], 'main', 20)

function pay(txid: string, key: number, units = 100n): SimTransaction {
  return {
    txid,
    spends: [`coin-of-${txid}`],
    outputs: [
      { key: keyOf(9_999), units: 1n },
      { key: keyOf(key), units },
    ],
  }
}

/** Nodes, all at the start of one chain, and a follower that looks at them. The clock is that of the newest honest block. */
function setting(count: number, options: { isEvm?: boolean; ahead?: number } = {}) {
  const nodes = Array.from({ length: count }, (_, n) => fakeNode(`node-${n}`, START, options))
  const clock = { nowMs: (START.at(-1)?.ref.timeMs ?? 0) + 1_000 }
  const follower = new MemoryFollower(CHAIN)
  const list = memoryWatch(1)
  for (let n = 0; n < 10; n++) list.add(keyOf(n), `inv-${n}`)
  const reader: ChainReader = { ...createQuorumReader(nodes, QUORUM, () => clock.nowMs), ahead: options.ahead ?? 1 }
  return {
    nodes,
    clock,
    follower,
    reader,
    all(chain: Chain) {
      for (const node of nodes) node.chain = chain
      clock.nowMs = (chain.at(-1)?.ref.timeMs ?? 0) + 1_000
    },
    look: () => look({ follower, watch: list.watch, reader, clock: () => clock.nowMs }),
    tip: () => follower.tip?.hash,
    status: (txid: string) => follower.payments.get(`${txid}/1`)?.status,
    told: () =>
      reader
        .nodes?.()
        .map(({ status }) => status)
        .join(' '),
    take() {
      const calls = nodes.map((node) => node.calls.splice(0).join(' '))
      return calls
    },
  }
}

const node = (at: ReturnType<typeof setting>, n: number): FakeNode => at.nodes[n] as FakeNode
const tipOf = (chain: Chain) => chain.at(-1)?.ref.hash

test('an idle look asks each node for its head and one for what waits, nothing more', async () => {
  const at = setting(3)
  await at.look()
  at.take()
  expect(await at.look()).toBe('synced')
  expect(at.take()).toEqual(['mempool head', 'head', 'head'])
  expect(at.told()).toBe('ok ok ok')
})

test('a block that all have is read from the first; its hash is the one they agreed on', async () => {
  const at = setting(3)
  await at.look()
  at.all(extend(START, 'main', [pay('a', 1)]))
  at.take()
  expect(await at.look()).toBe('synced')
  expect(at.take()).toEqual(['mempool head block', 'head confirm', 'head'])
  expect(at.status('a')).toBe('confirmed')
})

describe('a node that is away', () => {
  test('is passed over, and read again when it is back', async () => {
    const at = setting(3)
    await at.look()
    node(at, 0).isUp = false
    at.all(grow(START, 'main', 1))
    expect(await at.look()).toBe('synced')
    expect(at.tip()).toBe(tipOf(node(at, 1).chain))
    expect(at.told()).toBe('away ok ok')
    node(at, 0).isUp = true
    at.clock.nowMs += 31_000
    at.take()
    expect(await at.look()).toBe('synced')
    expect(at.told()).toBe('ok ok ok')
    // Once more from the beginning: what waits and the head are of one node.
    expect(at.take()).toEqual(['head mempool head', 'mempool head head', 'head head'])
  })

  test('of two, the other is followed alone; of three, nobody is', async () => {
    const two = setting(2)
    await two.look()
    node(two, 0).isUp = false
    two.all(grow(START, 'main', 2))
    expect(await two.look()).toBe('synced')
    expect(two.tip()).toBe(tipOf(node(two, 1).chain))
    const three = setting(3)
    await three.look()
    node(three, 0).isUp = false
    node(three, 2).isUp = false
    three.all(grow(START, 'main', 2))
    expect(await three.look()).toBe('failed')
    expect(three.follower.failures.at(-1)).toMatchObject({
      reason: 'node_unreachable',
      detail: expect.stringContaining('of 3 nodes one alone answers'),
    })
    expect(three.tip()).toBe(tipOf(START))
  })

  test('that gives its head and not its blocks is replaced within the look', async () => {
    const at = setting(2)
    await at.look()
    at.all(extend(START, 'main', [pay('a', 1)]))
    node(at, 0).block = async () => ({ ok: false, error: { reason: 'node_refused', detail: 'pruned' } })
    expect(await at.look()).toBe('synced')
    expect(at.status('a')).toBe('confirmed')
  })

  describe('without ever answering', () => {
    beforeEach(() => void vi.useFakeTimers({ shouldAdvanceTime: false }))
    afterEach(() => void vi.useRealTimers())

    test('is waited for once, and then hardly at all', async () => {
      const at = setting(3)
      node(at, 2).head = () => new Promise(() => {})
      const first = at.look()
      await vi.advanceTimersByTimeAsync(1_900)
      expect(at.follower.batches).toHaveLength(0)
      await vi.advanceTimersByTimeAsync(200)
      expect(await first).toBe('synced')
      const second = at.look()
      await vi.advanceTimersByTimeAsync(300)
      expect(await second).toBe('synced')
      expect(at.told()).toBe('ok ok away')
    })
  })
})

test('a lagging node is never gone back to, and no reorganisation', async () => {
  const at = setting(3)
  at.all(extend(START, 'main', [pay('a', 1)]))
  await at.look()
  node(at, 0).chain = START.slice(0, 15)
  expect(await at.look()).toBe('synced')
  expect(at.told()).toBe('lagging ok ok')
  expect(at.status('a')).toBe('confirmed')
  expect(at.follower.batches.every(({ rollbackTo }) => rollbackTo === null)).toBe(true)
})

test('a branch of one node is not followed however long it is; when most have it, it is', async () => {
  const at = setting(3)
  at.all(extend(START, 'main', [pay('a', 1)]))
  await at.look()
  const branch = grow(extend(START, 'fork', [pay('b', 2)]), 'fork', 30)
  node(at, 0).chain = branch
  await at.look()
  expect(at.status('b')).toBeUndefined()
  expect(at.status('a')).toBe('confirmed')
  node(at, 1).chain = branch
  at.clock.nowMs = (branch.at(-1)?.ref.timeMs ?? 0) + 1_000
  expect(await at.look()).toBe('synced')
  expect(at.status('b')).toBe('confirmed')
  expect(at.status('a')).not.toBe('confirmed')
})

test('two that disagree: nothing is taken in, the disagreement has a name, and ends with them agreeing', async () => {
  const at = setting(2)
  await at.look()
  node(at, 0).chain = grow(START, 'main', 6)
  node(at, 1).chain = grow(extend(START, 'fork', [pay('b', 2)]), 'fork', 8)
  at.clock.nowMs += 8 * BLOCK_MS
  expect(await at.look()).toBe('failed')
  expect(at.follower.failures.at(-1)).toMatchObject({
    reason: 'nodes_disagree',
    detail: expect.stringContaining('node-0 is at block 25'),
  })
  expect(at.told()).toBe('disagrees disagrees')
  expect(at.tip()).toBe(tipOf(START))
  node(at, 0).chain = node(at, 1).chain
  expect(await at.look()).toBe('synced')
  expect(at.status('b')).toBe('confirmed')
})

test('where a node is ahead of what is followed, what its mempool no longer shows is not missing, and not all is known', async () => {
  const at = setting(2)
  const waiting = pay('a', 1)
  node(at, 0).waiting = [waiting]
  const reader = createQuorumReader([node(at, 0), { ...node(at, 1), showsMempool: false }], QUORUM, () => at.clock.nowMs)
  const lookOnce = () => look({ follower: at.follower, watch: [{ match: async () => [] }], reader, clock: () => at.clock.nowMs })
  expect(await lookOnce()).toBe('synced')
  const state = { ...(await at.follower.begin()), unconfirmed: [{ txid: 'a', spends: [] }] }
  const follower = { ...bound(at.follower), begin: async () => state }
  at.clock.nowMs += 1_000
  node(at, 0).waiting = []
  node(at, 0).chain = extend(START, 'main', [waiting])
  await look({ follower, watch: [{ match: async () => [] }], reader, clock: () => at.clock.nowMs })
  expect(at.follower.batches.at(-1)?.mempool).toMatchObject({ missing: [], asOfMs: START.at(-1)?.ref.timeMs })
  expect(at.tip()).toBe(tipOf(START))
})

function bound(follower: MemoryFollower) {
  return {
    begin: follower.begin.bind(follower),
    commit: follower.commit.bind(follower),
    fail: follower.fail.bind(follower),
    trackedAbove: follower.trackedAbove.bind(follower),
  }
}

describe('a node that agrees on the hash and lies about what is in the block', () => {
  const forged = (chain: Chain) => (block: Chain[number]) =>
    block.ref.hash === tipOf(chain) ? { ...block, transactions: [pay('never', 3)] } : block

  test('of two: nobody knows, and nothing is credited', async () => {
    const at = setting(2)
    await at.look()
    at.all(extend(START, 'main', [pay('a', 1)]))
    node(at, 0).forge = forged(node(at, 0).chain)
    expect(await at.look()).toBe('failed')
    expect(at.follower.failures.at(-1)?.reason).toBe('nodes_disagree')
    expect(at.follower.payments.size).toBe(0)
  })

  test('of three: the other two are believed, and it is shown as what it is', async () => {
    const at = setting(3)
    await at.look()
    at.all(extend(START, 'main', [pay('a', 1)]))
    node(at, 0).forge = forged(node(at, 0).chain)
    expect(await at.look()).toBe('failed')
    expect(await at.look()).toBe('synced')
    expect(at.told()).toBe('disagrees ok ok')
    expect([...at.follower.payments.keys()]).toEqual(['a/1'])
  })
})

test('hashes on the way are those of most nodes, not of the one that is read', async () => {
  const at = setting(3)
  await at.look()
  const truth = grow(extend(START, 'main', [pay('a', 1)]), 'main', 3)
  at.all(truth)
  const lie = extend(START, 'lie', [pay('never', 3)])
  const liar = node(at, 0)
  const honest = { hashAt: liar.hashAt, block: liar.block }
  liar.hashAt = async (height) => (height === 20 ? ok(lie[20]?.ref.hash ?? null) : honest.hashAt(height))
  expect(await at.look()).toBe('synced')
  expect(at.tip()).toBe(tipOf(truth))
  expect(at.status('a')).toBe('confirmed')
  expect(at.told()).toBe('ok ok ok')
  expect(await at.look()).toBe('synced')
  expect(at.told()).toBe('disagrees ok ok')
})

test('of three, what one tells while the second fails is compared with the third', async () => {
  const at = setting(3)
  await at.look()
  const truth = grow(extend(START, 'main', [pay('a', 1)]), 'main', 2)
  at.all(truth)
  const lie = extend(START, 'lie')
  const [liar, failing] = [node(at, 0), node(at, 1)]
  const honest = { hashAt: liar.hashAt, block: liar.block }
  liar.hashAt = async (height) => (height === 20 ? ok(lie[20]?.ref.hash ?? null) : honest.hashAt(height))
  liar.block = (hash) => (hash === lie[20]?.ref.hash ? fakeNode('liar', lie).block(hash) : honest.block(hash))
  const away = failing.hashAt
  failing.hashAt = async (height) => {
    return height === 20 ? err({ reason: 'node_unreachable', detail: 'node-1: connection refused' }) : away(height)
  }
  expect(await at.look()).not.toBe('synced')
  expect(at.tip()).toBe(tipOf(START))
  failing.hashAt = away
  expect(await at.look()).toBe('synced')
  expect([at.tip(), at.status('a')]).toEqual([tipOf(truth), 'confirmed'])
})

test('of three, a hash that only one can tell is not taken', async () => {
  const at = setting(3)
  await at.look()
  const longer = grow(START, 'main', 3)
  at.all(longer)
  const others = [node(at, 1), node(at, 2)]
  const honest = others.map(({ hashAt }) => hashAt)
  for (const other of others) other.hashAt = async () => err({ reason: 'node_unreachable', detail: 'connection refused' })
  expect(await at.look()).not.toBe('synced')
  expect(at.tip()).toBe(tipOf(START))
  for (const [n, other] of others.entries()) other.hashAt = honest[n] as typeof other.hashAt
  expect(await at.look()).toBe('synced')
  expect(at.tip()).toBe(tipOf(longer))
})

test('final is what most of those with the chain hold final', async () => {
  const at = setting(3)
  node(at, 0).final = 19
  node(at, 1).final = 12
  node(at, 2).final = 10
  expect(await at.reader.head([])).toMatchObject({ value: { height: 19, final: { height: 12 } } })
})

test('of chains of work two nodes are enough: the heavier branch is followed, whoever has it', async () => {
  const at = setting(2, { isEvm: false })
  const work = async (base: { height: number }, head: { height: number }) => ok(BigInt(head.height - base.height) * 10n)
  for (const one of at.nodes) one.work = work
  await at.look()
  node(at, 0).chain = grow(START, 'main', 5)
  node(at, 1).chain = grow(extend(START, 'fork', [pay('b', 2)]), 'fork', 6)
  expect(await at.look()).toBe('synced')
  expect(at.tip()).toBe(tipOf(node(at, 1).chain))
  expect(at.told()).toBe('disagrees ok')
  // Blocks that prove next to nothing are no branch, and a tie is none to change to.
  node(at, 0).work = async () => ok(1_000_000n)
  node(at, 1).work = async () => ok(1_000_000n)
  node(at, 0).chain = grow(START, 'main', 50)
  expect(await at.look()).toBe('failed')
  expect(at.follower.failures.at(-1)?.reason).toBe('nodes_disagree')
  expect(at.tip()).toBe(tipOf(node(at, 1).chain))
})

/** What one of a minority does in each look. */
const trick = fc.oneof(
  fc.record({ kind: fc.constant('away' as const) }),
  fc.record({ kind: fc.constant('lags' as const), by: fc.integer({ min: 1, max: 15 }) }),
  fc.record({ kind: fc.constant('forks' as const), from: fc.integer({ min: 1, max: 8 }), blocks: fc.integer({ min: 1, max: 25 }) }),
  fc.record({ kind: fc.constant('runs ahead' as const), blocks: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant('misleads' as const), from: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ kind: fc.constant('forges' as const) }),
  fc.record({ kind: fc.constant('honest' as const) }),
)

test('whatever a minority does, the follower never rolls back because of it, and credits only what the others have', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 2 }).chain((minority) =>
        fc.record({
          minority: fc.constant(minority),
          isEvm: fc.boolean(),
          ahead: fc.integer({ min: 1, max: 5 }),
          first: fc.nat(),
          rounds: fc.array(
            fc.record({
              grows: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 4, max: 12 })),
              // Of an honest one: it tires within the look.
              patience: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 1, max: 20 })),
              tricks: fc.array(trick, { minLength: minority, maxLength: minority }),
            }),
            { minLength: 1, maxLength: 8 },
          ),
        }),
      ),
      async ({ minority, isEvm, ahead, first, rounds }) => {
        const count = 2 * minority + 1
        const at = setting(count, { isEvm, ahead })
        const few = Array.from({ length: minority }, (_, n) => node(at, (first + n) % count))
        let truth = START
        let paid = 0
        for (const { grows, patience, tricks } of rounds) {
          for (let n = 0; n < grows; n++) truth = extend(truth, 'main', [pay(`paid-${paid++}`, paid % 10)])
          at.all(truth)
          node(at, (first + minority) % count).patience = patience
          for (const [n, one] of few.entries()) {
            const does = tricks[n] as (typeof tricks)[number]
            one.isUp = does.kind !== 'away'
            one.forge = null
            one.misleads = null
            const fake = (): SimTransaction[] => [pay(`fake-${paid++}`, paid % 10)]
            if (does.kind === 'lags') one.chain = truth.slice(0, -does.by)
            if (does.kind === 'runs ahead')
              for (let more = 0; more < does.blocks; more++) one.chain = extend(one.chain, 'lie', fake())
            if (does.kind === 'forks') {
              one.chain = truth.slice(0, -does.from)
              for (let more = 0; more < does.blocks; more++) one.chain = extend(one.chain, 'lie', fake())
            }
            if (does.kind === 'misleads') {
              one.misleads = truth.slice(0, -does.from)
              while (one.misleads.length < truth.length) one.misleads = extend(one.misleads, 'lie', fake())
            }
            // Blocks of chains of work prove what is in them, so forging is for the others.
            if (does.kind === 'forges' && isEvm)
              one.forge = (block) => ({ ...block, transactions: [...block.transactions, ...fake()] })
          }
          await at.look()
        }
        for (const one of at.nodes) one.patience = Number.POSITIVE_INFINITY
        for (const one of few) {
          one.isUp = true
          one.forge = null
          one.misleads = null
          one.chain = truth
        }
        // What was set aside in between costs a look or two, never the truth.
        for (let n = 0; n < count + 1 && at.tip() !== tipOf(truth); n++) await at.look()
        expect(at.tip()).toBe(tipOf(truth))
        expect(at.follower.batches.filter(({ rollbackTo }) => rollbackTo !== null)).toEqual([])
        for (const batch of at.follower.batches)
          for (const { payments } of batch.blocks) for (const { transfer } of payments) expect(transfer.txid).toMatch(/^paid-/)
      },
    ),
    { numRuns: 400 },
  )
})
