import { expect, test } from 'vitest'
import { LOOK_BUDGET_MS, look } from '../../src/chain/look.ts'
import { err, ok } from '../../src/lib/result.ts'
import { MemoryFollower, memoryWatch } from './memory.ts'
import { keyOf, SimNode, type SimOptions, type SimTransaction, simReader } from './simulator.ts'

const STALE = err({ reason: 'stale_cursor', detail: 'overtaken' })
const unused = () => Promise.reject(new Error('not called'))
const CHAIN = { confirmations: 2, reorgDepthMax: 20 }

function pay(txid: string, key: number, units = 100n, spends = [`coin-of-${txid}`]): SimTransaction {
  return {
    txid,
    spends,
    outputs: [
      { key: keyOf(9_999), units: 1n },
      { key: keyOf(key), units },
    ],
  }
}

/** A node, a follower and a watch list with keys 0 to 9 on it. */
function setting(options: SimOptions & { blocks?: number; shards?: number } = {}) {
  let node = new SimNode(options.blocks ?? 3)
  const reader = simReader(() => node, options)
  const follower = new MemoryFollower(CHAIN)
  const list = memoryWatch(options.shards ?? 3)
  for (let n = 0; n < 10; n++) list.add(keyOf(n), `inv-${n}`)
  const clock = { nowMs: 2_000_000 }
  const ports = { follower, watch: list.watch, reader, clock: () => clock.nowMs }
  return {
    follower,
    reader,
    list,
    clock,
    ports,
    get node() {
      return node
    },
    set node(other: SimNode) {
      node = other
    },
    look: () => look(ports),
    row: (txid: string) => follower.payments.get(`${txid}/1`),
  }
}

test('an output of nothing is no payment, waiting or in a block', async () => {
  const at = setting()
  const nothing = pay('a', 4, 0n)
  at.node.broadcast(nothing)
  await at.look()
  at.node.mine([nothing])
  await at.look()
  expect(at.follower.payments.size).toBe(0)
})

test('a payment is seen in the mempool, then confirmed by its block, once', async () => {
  const at = setting()
  expect(await at.look()).toBe('synced')
  const tx = pay('a', 4, 777n)
  at.node.broadcast(tx)
  expect(await at.look()).toBe('synced')
  expect(at.row('a')).toMatchObject({ status: 'unconfirmed', invoiceId: 'inv-4', units: 777n, seenAtMs: at.clock.nowMs })
  at.node.mine([tx])
  await at.look()
  await at.look()
  expect(at.row('a')).toMatchObject({ status: 'confirmed', height: 3, units: 777n })
  expect(at.follower.payments.size).toBe(1)
})

test('the first look starts a few blocks below the head, and a reorganisation of those is survived', async () => {
  const at = setting({ blocks: 50 })
  await at.look()
  expect(at.follower.blocks.map(({ height }) => height)).toEqual([44, 45, 46, 47, 48, 49])
  at.node.disconnect(3, () => false)
  for (let i = 0; i < 4; i++) at.node.mine([])
  expect(await at.look()).toBe('synced')
  expect(at.follower.tip?.hash).toBe(at.node.head.ref.hash)
})

test.each([1, 4, 7])(
  '500 blocks are caught up without a gap, each read once, and all payments found, %i at a time',
  async (ahead) => {
    const at = setting({ ahead })
    await at.look()
    for (let i = 0; i < 500; i++) at.node.mine(i % 50 === 0 ? [pay(`t${i}`, (i / 50) % 10)] : [])
    at.reader.calls.length = 0
    expect(await at.look()).toBe('synced')
    expect(at.reader.calls.filter((call) => call === 'block')).toHaveLength(500)
    expect(at.follower.tip?.hash).toBe(at.node.head.ref.hash)
    expect(at.follower.payments.size).toBe(10)
    const heights = at.follower.batches.flatMap(({ blocks }) => blocks.map(({ ref }) => ref.height))
    expect(heights).toEqual(Array.from({ length: 503 }, (_, height) => height))
    expect(Math.max(...at.follower.batches.map(({ blocks }) => blocks.length))).toBe(20)
  },
)

test('blocks that are read beside one another are taken in one after the other, up to where the node changes branches', async () => {
  const at = setting({ ahead: 4 })
  await at.look()
  for (let i = 0; i < 8; i++) at.node.mine([pay(`t${i}`, i)])
  let blocks = 0
  at.reader.failing = (call) => {
    if (call !== 'block' || ++blocks !== 2) return false
    at.node.disconnect(6, () => true)
    for (let i = 0; i < 9; i++) at.node.mine([])
    return false
  }
  for (let looks = 0; looks < 3; looks++) await at.look()
  expect(at.follower.tip?.hash).toBe(at.node.head.ref.hash)
  for (const { blocks: taken } of at.follower.batches)
    for (const [n, { ref }] of taken.entries()) if (n > 0) expect(ref.parentHash).toBe(taken[n - 1]?.ref.hash)
  expect(['t0', 't1', 't2'].map((txid) => at.row(txid)?.status)).toEqual(['confirmed', 'confirmed', 'unconfirmed'])
})

test('no block is added to a thousand payments, though more were read with it', async () => {
  const at = setting({ ahead: 4 })
  await at.look()
  at.node.mine(Array.from({ length: 1_000 }, (_, n) => pay(`t${n}`, n % 10)))
  for (let i = 0; i < 5; i++) at.node.mine([])
  await at.look()
  expect(at.follower.batches.slice(2).map(({ blocks }) => blocks.length)).toEqual([1, 5, 0])
})

test('a look stops when its time is up, says so, and the next goes on from there', async () => {
  const at = setting()
  await at.look()
  for (let i = 0; i < 100; i++) at.node.mine([])
  at.reader.failing = (call) => {
    if (call === 'block') at.clock.nowMs += LOOK_BUDGET_MS / 30
    return false
  }
  expect(await at.look()).toBe('behind')
  expect(at.follower.tip?.height).toBe(42)
  expect(at.follower.batches.at(-1)).toMatchObject({ more: false, mempool: null, head: { height: 102 } })
  expect(await at.look()).toBe('behind')
  expect(await at.look()).toBe('synced')
  expect(at.follower.tip?.height).toBe(102)
})

test('a node that fails midway leaves what was committed, and the rest follows when it is back', async () => {
  const at = setting()
  await at.look()
  for (let i = 0; i < 60; i++) at.node.mine([pay(`t${i}`, i % 10)])
  let blocks = 0
  at.reader.failing = (call) => call === 'block' && ++blocks > 30
  expect(await at.look()).toBe('failed')
  expect(at.follower.failures).toEqual([{ reason: 'node_unreachable', detail: 'the simulated node is down' }])
  expect(at.follower.tip?.height).toBe(32)
  expect(at.follower.payments.size).toBe(30)
  // Whoever takes these in hears more of this look: how it ended.
  expect(at.follower.batches.at(-1)?.more).toBe(true)
  at.reader.failing = () => false
  expect(await at.look()).toBe('synced')
  expect(at.follower.payments.size).toBe(60)
})

test('a node that fails when the time is up has failed, and what it gave is taken in', async () => {
  const at = setting()
  await at.look()
  for (let i = 0; i < 60; i++) at.node.mine([])
  let blocks = 0
  at.reader.failing = (call) => {
    if (call !== 'block') return false
    at.clock.nowMs += LOOK_BUDGET_MS / 10
    return ++blocks > 15
  }
  expect(await at.look()).toBe('failed')
  expect(at.follower.batches.at(-1)).toMatchObject({ more: true })
  expect(at.follower.tip?.height).toBe(17)
})

test('a mempool that cannot be read does not keep blocks from being taken in', async () => {
  const at = setting()
  await at.look()
  at.node.mine([pay('a', 1)])
  at.reader.failing = (call) => call === 'mempool'
  expect(await at.look()).toBe('failed')
  expect(at.row('a')?.status).toBe('confirmed')
})

test('a node that lags behind our cursor is waited out, and is no reorganisation', async () => {
  const at = setting({ blocks: 10 })
  at.node.mine([pay('a', 1)])
  await at.look()
  const ahead = at.node
  const behind = new SimNode(0)
  behind.best.push(...ahead.best.slice(0, 9))
  at.node = behind
  expect(await at.look()).toBe('failed')
  expect(at.follower.failures.at(-1)?.reason).toBe('node_behind')
  expect(at.row('a')?.status).toBe('confirmed')
  at.node = ahead
  expect(await at.look()).toBe('synced')
})

test('a branch shorter than ours is waited out; one as high replaces it', async () => {
  const at = setting({ blocks: 10 })
  await at.look()
  const before = at.follower.tip?.hash
  at.node.disconnect(3, () => false)
  at.node.mine([])
  at.node.mine([])
  expect(await at.look()).toBe('failed')
  expect(at.follower.tip?.hash).toBe(before)
  at.node.mine([])
  expect(await at.look()).toBe('synced')
  expect(at.follower.tip?.hash).toBe(at.node.head.ref.hash)
})

test('a reorganisation deeper than what is remembered stops the follower for a person to look', async () => {
  const at = setting({ blocks: 40 })
  await at.look()
  at.node = new SimNode(0)
  for (let i = 0; i < 60; i++) at.node.mine([])
  for (const block of at.node.best) Object.assign(block.ref, { hash: `other-${block.ref.hash}` })
  expect(await at.look()).toBe('failed')
  expect(at.follower.failures.at(-1)?.reason).toBe('reorg_too_deep')
})

test('a payment whose block leaves the chain and which waits again is unconfirmed, and confirmed by its next block', async () => {
  const at = setting({ blocks: 10 })
  const tx = pay('a', 1)
  at.node.mine([tx])
  await at.look()
  at.node.disconnect(1, () => true)
  at.node.mine([])
  await at.look()
  await at.look()
  expect(at.row('a')).toMatchObject({ status: 'unconfirmed', height: null, blockHash: null })
  const block = at.node.mine([tx])
  await at.look()
  expect(at.row('a')).toMatchObject({ status: 'confirmed', height: 11, blockHash: block.ref.hash })
})

test('a double spend carried out by a reorganisation is seen in the same commit, and undone by the next reorganisation', async () => {
  const at = setting({ blocks: 10 })
  const mine = pay('mine', 1, 5n, ['coin'])
  const theirs = pay('theirs', 9_000, 5n, ['coin'])
  at.node.mine([mine])
  await at.look()
  at.node.disconnect(1, () => false)
  at.node.mine([theirs])
  await at.look()
  expect(at.row('mine')).toMatchObject({ status: 'double_spent', replacedBy: 'theirs', conflictHeight: 10 })
  at.node.disconnect(1, () => false)
  at.node.mine([])
  at.node.mine([mine])
  await at.look()
  expect(at.row('mine')).toMatchObject({ status: 'confirmed', height: 11, replacedBy: null, conflictHeight: null })
})

test('a replaced payment is missing when its replacement goes too, and unconfirmed when it is seen again', async () => {
  const at = setting()
  const [a, b] = [pay('a', 1, 5n, ['coin']), pay('b', 9_000, 5n, ['coin'])]
  await at.look()
  at.node.broadcast(a)
  await at.look()
  at.node.broadcast(b)
  await at.look()
  expect(at.row('a')).toMatchObject({ status: 'replaced', replacedBy: 'b' })
  at.node.mempool.delete('b')
  await at.look()
  expect(at.row('a')).toMatchObject({ status: 'missing', replacedBy: null })
  at.node.broadcast(a)
  await at.look()
  expect(at.row('a')?.status).toBe('unconfirmed')
})

test('what is mined while we look is never taken for missing', async () => {
  const at = setting()
  await at.look()
  const tx = pay('a', 1)
  at.node.broadcast(tx)
  await at.look()
  // Between any two calls of the look the block may come.
  for (const moment of ['mempool', 'missing', 'head', 'hashAt', 'block']) {
    at.reader.failing = () => false
    at.node.disconnect(1, () => true)
    at.node.mine([])
    await at.look()
    await at.look()
    expect(at.row('a')?.status).toBe('unconfirmed')
    let done = false
    at.reader.failing = (call) => {
      if (call === moment && !done) {
        done = true
        at.node.mine([tx])
      }
      return false
    }
    await at.look()
    expect(at.row('a')?.status, moment).not.toBe('missing')
    await at.look()
    expect(at.row('a')?.status, moment).toBe(at.node.head.transactions.length > 0 ? 'confirmed' : 'unconfirmed')
  }
})

test('what is mined while more and more of a mempool is read is not missing from it: its block is above the head', async () => {
  const at = setting({ mempoolMax: 1 })
  await at.look()
  const tx = pay('a', 1)
  at.node.broadcast(tx)
  await at.look()
  for (const txid of ['b', 'c', 'd']) at.node.broadcast(pay(txid, 2))
  let reads = 0
  at.reader.failing = (call) => {
    if (call === 'mempool' && ++reads === 2) at.node.mine([tx])
    return false
  }
  await at.look()
  expect(reads).toBeGreaterThan(2)
  expect(at.row('a')?.status).toBe('unconfirmed')
  await at.look()
  expect(at.row('a')?.status).toBe('confirmed')
})

test.each([1, 4])(
  'a node that gives no more than some blocks at a time is followed to its head all the same (%i ahead)',
  async (ahead) => {
    const at = setting({ blocks: 3, ahead })
    await at.look()
    for (let n = 0; n < 60; n++) at.node.mine(n === 30 ? [pay('a', 1)] : [])
    const heights: (number | undefined)[] = []
    for (let looks = 0; looks < 40 && at.follower.tip?.height !== at.node.head.ref.height; looks++) {
      let blocks = 0
      at.reader.failing = (call) => call === 'block' && ++blocks > 4
      await at.look()
      expect(blocks, 'not asked again at once').toBeLessThanOrEqual(4 + ahead)
      heights.push(at.follower.tip?.height)
    }
    expect(heights.slice(0, 3)).toEqual([6, 10, 14])
    expect(at.follower.tip?.height).toBe(at.node.head.ref.height)
    expect(at.row('a')?.status).toBe('confirmed')
  },
)

test('a node is not asked what has become of payments that the next block brings, only of what that leaves open', async () => {
  const at = setting()
  await at.look()
  const [mined, left] = [pay('a', 1), pay('b', 2)]
  for (const tx of [mined, left]) at.node.broadcast(tx)
  await at.look()
  const asked: string[] = []
  const { mempool } = at.reader
  at.reader.mempool = async () => {
    const scan = await mempool()
    if (!scan.ok) return scan
    const { missing } = scan.value
    const noted: typeof missing = (txids, height) => {
      asked.push(...txids)
      return missing(txids, height)
    }
    return ok({ ...scan.value, missing: noted })
  }
  at.node.mine([mined])
  await at.look()
  expect(at.row('a')?.status).toBe('confirmed')
  expect(asked).toEqual(['b'])
})

test('what a reorganisation sets loose while we look is not missing from a mempool that was read before', async () => {
  const at = setting()
  const tx = pay('a', 1)
  at.node.mine([tx])
  await at.look()
  at.reader.failing = (call) => {
    if (call === 'head' && at.node.best.at(-1)?.transactions.includes(tx)) {
      at.node.disconnect(1, () => true)
      at.node.mine([])
      at.node.mine([])
    }
    return false
  }
  await at.look()
  expect(at.row('a')?.status).toBe('unconfirmed')
})

test('an address watched while the node was answering is matched: the list is asked after the data is there', async () => {
  const at = setting()
  await at.look()
  at.node.mine([pay('in-block', 50)])
  at.node.broadcast(pay('waiting', 51))
  at.reader.failing = (call) => {
    if (call === 'block') at.list.add(keyOf(50), 'inv-50')
    if (call === 'mempool') at.list.add(keyOf(51), 'inv-51')
    return false
  }
  await at.look()
  expect(at.row('in-block')?.invoiceId).toBe('inv-50')
  expect(at.row('waiting')?.invoiceId).toBe('inv-51')
})

test('a mempool larger than one scan is taken in whole before the chain counts as synced', async () => {
  const at = setting({ mempoolMax: 3 })
  await at.look()
  for (let i = 0; i < 8; i++) at.node.broadcast(pay(`t${i}`, i))
  expect(await at.look()).toBe('synced')
  expect(at.follower.payments.size).toBe(8)
  expect(at.follower.batches.slice(-3).map(({ more }) => more)).toEqual([true, true, false])
})

test('a chain without a mempool to read is synced by its blocks', async () => {
  const at = setting({ hasMempool: false })
  at.node.mine([pay('a', 1)])
  expect(await at.look()).toBe('synced')
  expect(at.row('a')?.status).toBe('confirmed')
  expect(at.follower.syncedAtMs).toBe(at.clock.nowMs)
})

test('where nothing that waits is shown, what a reorganisation took out for good is found missing all the same', async () => {
  const at = setting({ hasMempool: false })
  const tx = pay('a', 1)
  at.node.mine([tx])
  await at.look()
  at.node.disconnect(1, () => true)
  at.node.mine([])
  at.node.mine([])
  await at.look()
  expect(at.row('a')?.status).toBe('unconfirmed')
  at.node.mempool.delete('a')
  await at.look()
  expect(at.row('a')?.status).toBe('missing')
})

test('a look that was overtaken stops without a word', async () => {
  const at = setting()
  await at.look()
  at.node.mine([])
  const begun = await at.follower.begin()
  await at.look()
  const { follower } = at
  const slow = {
    begin: async () => begun,
    commit: follower.commit.bind(follower),
    fail: follower.fail.bind(follower),
    trackedAbove: follower.trackedAbove.bind(follower),
  }
  expect(await look({ ...at.ports, follower: slow })).toBe('stale')
  expect(follower.failures).toEqual([])
  expect(follower.blocks).toHaveLength(4)
})

test('what a refused commit held is told by the next look', async () => {
  const at = setting()
  await at.look()
  at.node.broadcast(pay('a', 1))
  const refused = { begin: () => at.follower.begin(), commit: async () => STALE, fail: unused, trackedAbove: unused }
  expect(await look({ ...at.ports, follower: refused })).toBe('stale')
  await at.look()
  expect(at.row('a')?.status).toBe('unconfirmed')
})

test('a payment that waits again is known to, even if its absence was never looked at', async () => {
  const at = setting()
  const [a, b] = [pay('a', 1, 5n, ['coin']), pay('b', 9_000, 5n, ['coin'])]
  await at.look()
  at.node.broadcast(a)
  await at.look()
  at.node.mine([b])
  at.reader.failing = (call) => call === 'mempool'
  await at.look()
  expect(at.row('a')?.status).toBe('double_spent')
  at.reader.failing = () => false
  at.node.disconnect(1, () => false)
  at.node.mine([])
  at.node.broadcast(a)
  await at.look()
  await at.look()
  expect(at.row('a')?.status).toBe('unconfirmed')
})

test('an idle look costs two calls to the node', async () => {
  const at = setting()
  await at.look()
  at.reader.calls.length = 0
  await at.look()
  expect(at.reader.calls).toEqual(['mempool', 'head'])
})
