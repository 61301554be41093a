import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env as testEnv } from 'cloudflare:workers'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { DEVELOPMENT_CHAINS } from '../../config/development.ts'
import { look } from '../../src/chain/look.ts'
import { LOOK_LEASE_MS } from '../../src/chain/object.ts'
import type { ChainBatch, LookMessage, MatchedTransfer, PaymentObservation } from '../../src/chain/rpc.ts'
import type { BlockRef } from '../../src/gateways/gateway.ts'
import type { ObserveAnswer } from '../../src/invoice/rpc.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import type { CoreEnv } from '../../workers/core/env.ts'
import { memoryWatch } from './memory.ts'
import { carryOut, factsOf, type Step, steps, TRANSACTION_LIST, truthOf, WATCHED_KEYS } from './scenario.ts'
import { keyOf, SimNode, type SimTransaction, simReader } from './simulator.ts'

const env = testEnv as unknown as CoreEnv
const raw = (name: string) => (testEnv as unknown as { CHAINS_FOLLOWED: DurableObjectNamespace }).CHAINS_FOLLOWED.getByName(name)

/** Polls so rare that no alarm rings by itself within a test. */
const POLL_MS = 100_000
const CHAIN = { ...(DEVELOPMENT_CHAINS[0] as ChainConfig), pollMs: POLL_MS, confirmations: 3, reorgDepthMax: 30 }

/** A follower of a chain of this name, whose invoices and queue are the test's. */
async function follower(name: string) {
  const told: PaymentObservation[][] = []
  const sent: LookMessage[] = []
  const answers = {
    observe: async (_invoiceId: string, _observations: readonly PaymentObservation[]): Promise<ObserveAnswer> => ({
      known: true,
      confirmationsWanted: 3,
    }),
    send: async (_message: LookMessage): Promise<void> => {},
  }
  const observe = (invoiceId: string) => async (observations: readonly PaymentObservation[]) => {
    const answer = await answers.observe(invoiceId, observations)
    told.push([...observations])
    return answer
  }
  const send = async (message: LookMessage) => {
    await answers.send(message)
    sent.push(message)
  }
  const ports = {
    CHAINS: JSON.stringify([{ ...CHAIN, id: name }]),
    INVOICES: { getByName: (invoiceId: string) => ({ observe: observe(invoiceId) }) },
    GATEWAY_BITCOIN: { send },
  }
  /** Called again after an eviction: a new instance starts with the real bindings. */
  const connect = () => runInDurableObject(raw(name), (object) => void Object.assign(object, { env: { ...env, ...ports } }))
  await connect()
  const rpc = env.CHAINS_FOLLOWED.getByName(name)
  return {
    rpc,
    told,
    sent,
    answers,
    connect,
    alarm: () => runDurableObjectAlarm(raw(name)),
    evict: () => evictDurableObject(raw(name)),
    sql: (statement: string) => runInDurableObject(raw(name), (_object, state) => state.storage.sql.exec(statement).toArray()),
    alarmInMs: () => runInDurableObject(raw(name), async (_object, state) => ((await state.storage.getAlarm()) ?? 0) - Date.now()),
    /** What the invoices know at last: the newest revision of each payment. */
    known: () => {
      const newest = new Map<string, PaymentObservation>()
      for (const observation of told.flat())
        if (observation.revision >= (newest.get(observation.key)?.revision ?? 0)) newest.set(observation.key, observation)
      return newest
    },
  }
}

const REF = (height: number): BlockRef => ({ height, hash: `h${height}`, parentHash: `h${height - 1}`, timeMs: height * 1_000 })
const TX = (txid: string, invoiceId = 'inv_1', units = 5n): MatchedTransfer => ({
  transfer: { txid, index: '0', assetCode: 'BTC', units, spends: [`coin-${txid}`] },
  invoiceId,
})
const MEMPOOL = { payments: [], conflicts: [], waiting: [], missing: [] }

/** Blocks `from` to `to` on top of `from - 1`, with payments in the last. */
function batch(from: number, to: number, changes: Partial<ChainBatch> = {}, payments: MatchedTransfer[] = []): ChainBatch {
  const blocks = Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => ({
    ref: REF(from + i),
    payments: from + i === to ? payments : [],
    conflicts: [],
  }))
  return {
    base: from === 1 ? null : { height: from - 1, hash: `h${from - 1}` },
    rollbackTo: null,
    blocks,
    mempool: null,
    more: false,
    head: { height: to, hash: `h${to}` },
    startedAtMs: Date.now(),
    ...changes,
  }
}

async function settled(check: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(check()).toBe(true), { timeout: 3_000, interval: 5 })
}

test('a payment is taken once however often its block is told, and its invoice hears each confirmation wanted', async () => {
  const at = await follower('sim:once')
  const first = batch(1, 5, {}, [TX('a')])
  expect(await at.rpc.commit(first)).toMatchObject({ ok: true, value: { recent: { length: 5 } } })
  expect(await at.rpc.commit(first)).toMatchObject({ ok: false, error: { reason: 'stale_cursor' } })
  expect(await at.rpc.commit(batch(7, 7))).toMatchObject({ error: { reason: 'stale_cursor' } })
  expect(await at.rpc.commit(batch(6, 6, { blocks: [{ ref: REF(8), payments: [], conflicts: [] }] }))).toMatchObject({
    error: { reason: 'not_a_chain' },
  })
  expect(await at.rpc.commit(batch(6, 6, {}, [TX('a')]))).toMatchObject({ ok: true })
  for (let height = 7; height <= 12; height++) expect((await at.rpc.commit(batch(height, height))).ok).toBe(true)
  await settled(() => at.told.length >= 3)
  expect(at.told.flat().map(({ confirmations }) => confirmations)).toEqual([1, 2, 3])
  expect(await at.sql('SELECT txid, height FROM payments')).toEqual([{ txid: 'a', height: 5 }])
  expect(await at.sql('SELECT * FROM outbox')).toEqual([])
})

test('what an invoice could not be told survives the end of the process, and the alarm tells it', async () => {
  const at = await follower('sim:outbox')
  at.answers.observe = () => Promise.reject(new Error('no such luck'))
  expect((await at.rpc.commit(batch(1, 2, {}, [TX('a'), TX('b', 'inv_2')]))).ok).toBe(true)
  await settled(() => true)
  expect(await at.sql('SELECT key FROM outbox')).toHaveLength(2)
  expect(await at.alarmInMs()).toBeLessThan(1_500)

  await at.evict()
  await at.connect()
  at.answers.observe = async () => ({ known: true, confirmationsWanted: 3 })
  // The newer truth takes the place of what waited.
  expect((await at.rpc.commit(batch(3, 3))).ok).toBe(true)
  await at.alarm()
  await settled(() => at.told.length >= 2)
  expect([...at.known().values()].map(({ txid, confirmations }) => `${txid} ${confirmations}`).sort()).toEqual(['a 2', 'b 2'])
  expect(await at.sql('SELECT * FROM outbox')).toEqual([])
})

test('a slow invoice holds up neither the commit nor other invoices', async () => {
  const at = await follower('sim:slow')
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  at.answers.observe = async (invoiceId) => {
    if (invoiceId === 'inv_slow') await held
    return { known: true, confirmationsWanted: 3 }
  }
  const payments = [TX('s', 'inv_slow'), ...Array.from({ length: 50 }, (_, n) => TX(`t${n}`, `inv_${n}`))]
  expect((await at.rpc.commit(batch(1, 1, {}, payments))).ok).toBe(true)
  await settled(() => at.told.length >= 50)
  release()
  await settled(() => at.told.length >= 51)
})

test('a payment and the one that replaced it reach the invoice in one call', async () => {
  const at = await follower('sim:together')
  await at.rpc.commit(batch(1, 1))
  await at.rpc.commit(batch(2, 1, { mempool: { ...MEMPOOL, payments: [TX('a')] } }))
  const replaced = { ...MEMPOOL, payments: [TX('b')], conflicts: [{ txid: 'a', byTxid: 'b' }] }
  const answer = await at.rpc.commit(batch(2, 1, { mempool: replaced }))
  expect(answer).toMatchObject({ value: { replacements: ['b'] } })
  await settled(() => at.told.length >= 2)
  expect(at.told[1]?.map(({ txid, status }) => `${txid} ${status}`)).toEqual(['a replaced', 'b unconfirmed'])
})

test('an invoice that wants more confirmations than were told by the time it says so, is told again', async () => {
  const at = await follower('sim:wants')
  at.answers.observe = () => Promise.reject(new Error('down'))
  await at.rpc.commit(batch(1, 1, {}, [TX('a')]))
  await at.rpc.commit(batch(2, 10))
  at.answers.observe = async () => ({ known: true, confirmationsWanted: 6 })
  await runInDurableObject(raw('sim:wants'), (_object, state) =>
    state.storage.sql.exec('UPDATE outbox SET due_at_ms = 1').toArray(),
  )
  // As if what waits had been put at the first confirmation, before the blocks that followed.
  await runInDurableObject(raw('sim:wants'), (_object, state) => {
    state.storage.sql.exec(`UPDATE outbox SET body = replace(body, '"confirmations":10', '"confirmations":1')`)
  })
  await at.alarm()
  await settled(() => at.told.flat().length >= 2)
  expect(at.told.flat().map(({ confirmations }) => confirmations)).toEqual([1, 10])
  expect(await at.sql('SELECT notify_until FROM payments')).toEqual([{ notify_until: 6 }])
})

test('an invoice that does not know the payment is not told for ever', async () => {
  const at = await follower('sim:unknown')
  at.answers.observe = async () => ({ known: false })
  await at.rpc.commit(batch(1, 1, {}, [TX('a')]))
  await settled(() => at.told.length === 1)
  expect(await at.sql('SELECT * FROM outbox')).toEqual([])
})

test('a reorganisation deeper than is kept is refused, one within is followed', async () => {
  const at = await follower('sim:deep')
  await at.rpc.commit(batch(1, 50, {}, [TX('a')]))
  expect(await at.sql('SELECT COUNT(*) AS n, MIN(height) AS low FROM blocks')).toEqual([{ n: 30, low: 21 }])
  const other = (height: number, parentHash: string) => ({
    ref: { ...REF(height), hash: `x${height}`, parentHash },
    payments: [],
    conflicts: [],
  })
  const base = { height: 50, hash: 'h50' }
  const deep = { base, rollbackTo: { height: 20, hash: 'h20' }, blocks: [other(21, 'h20')] }
  expect(await at.rpc.commit(batch(51, 50, deep))).toMatchObject({ error: { reason: 'reorg_too_deep' } })
  expect(await at.rpc.trackedAbove(49)).toEqual([{ txid: 'a', spends: ['coin-a'] }])
  expect(await at.rpc.trackedAbove(50)).toEqual([])
  const within = { base, rollbackTo: { height: 49, hash: 'h49' }, blocks: [other(50, 'h49'), other(51, 'x50')] }
  expect(await at.rpc.commit(batch(51, 50, within))).toMatchObject({
    value: { unconfirmed: [{ txid: 'a' }], recent: { 0: { hash: 'x51' }, 1: { hash: 'x50' }, 2: { hash: 'h49' } } },
  })
})

test('an older sight of the mempool is refused once a newer one is known', async () => {
  const at = await follower('sim:older')
  await at.rpc.commit(batch(1, 1, { mempool: MEMPOOL, startedAtMs: 5_000 }))
  expect(await at.rpc.commit(batch(2, 1, { mempool: MEMPOOL, startedAtMs: 4_000 }))).toMatchObject({
    error: { reason: 'stale_cursor' },
  })
  expect((await at.rpc.health()).syncedAtMs).toBe(5_000)
})

test('the alarm sends one look at a time, and the next when it is done, lost or refused', async () => {
  const at = await follower('sim:alarm')
  await at.rpc.wake('sim:alarm')
  await settled(() => at.sent.length === 1)
  expect(at.sent).toMatchObject([{ kind: 'look', chainId: 'sim:alarm' }])
  // Waking a follower that runs changes nothing; an alarm within the lease sends nothing.
  await at.rpc.wake('sim:alarm')
  const lease = await at.alarmInMs()
  expect(lease).toBeGreaterThan(LOOK_LEASE_MS - 3_000)
  expect(lease).toBeLessThanOrEqual(LOOK_LEASE_MS)
  await at.alarm()
  expect(at.sent).toHaveLength(1)

  await at.rpc.commit(batch(1, 1, { mempool: MEMPOOL }))
  expect(await at.alarmInMs()).toBeGreaterThan(POLL_MS - 5_000)
  // While a look goes on, its lease is renewed.
  await at.rpc.commit(batch(2, 2, { more: true }))
  expect(await at.alarmInMs()).toBeLessThanOrEqual(LOOK_LEASE_MS)
  // One that ended before the head is followed by the next at once.
  await at.rpc.commit(batch(3, 3, { head: { height: 90, hash: 'h90' } }))
  await settled(() => at.sent.length === 2)

  at.answers.send = () => Promise.reject(new Error('Queue is overloaded. Please back off.'))
  await runInDurableObject(raw('sim:alarm'), (_object, state) =>
    state.storage.sql.exec('UPDATE follower SET next_look_at_ms = 1').toArray(),
  )
  await at.alarm()
  expect(at.sent).toHaveLength(2)
  expect(await at.alarmInMs()).toBeLessThanOrEqual(1_000)
  at.answers.send = async () => {}
  await settled(() => at.sent.length === 3)
})

test('after a restart the lease of a look holds, until the follower is woken: then the look counts as lost', async () => {
  const at = await follower('sim:lease')
  await at.rpc.wake('sim:lease')
  await settled(() => at.sent.length === 1)
  await at.evict()
  await at.connect()
  await at.alarm()
  expect(at.sent).toHaveLength(1)
  await at.rpc.wake('sim:lease')
  await settled(() => at.sent.length === 2)
  await at.rpc.wake('sim:lease')
  await at.alarm()
  expect(at.sent).toHaveLength(2)
})

test('failures are shown, and slow the looks down to one in ten seconds at most', async () => {
  const name = 'sim:fails'
  const at = await follower(name)
  await runInDurableObject(raw(name), (object) => {
    const bound = object as unknown as { env: { CHAINS: string } }
    bound.env.CHAINS = JSON.stringify([{ ...CHAIN, id: name, pollMs: 2_000 }])
  })
  await at.rpc.wake(name)
  await at.rpc.commit(batch(1, 1, { mempool: MEMPOOL }))
  expect(await at.rpc.health()).toMatchObject({ status: 'ok', error: null })
  const pauses: number[] = []
  for (let i = 0; i < 5; i++) {
    await at.rpc.fail({ reason: 'node_unreachable', detail: 'connection refused' })
    pauses.push(Math.round((await at.alarmInMs()) / 1_000))
  }
  expect(pauses).toEqual([2, 4, 8, 10, 10])
  expect(await at.rpc.health()).toMatchObject({ status: 'down', error: 'node_unreachable: connection refused', height: 1 })
  await at.rpc.commit(batch(2, 2, { mempool: MEMPOOL }))
  expect(await at.rpc.health()).toMatchObject({ status: 'ok', error: null, height: 2 })
})

test('a look that finds nothing new writes one row, and the alarm', async () => {
  const name = 'sim:idle'
  const at = await follower(name)
  await at.rpc.commit(batch(1, 1, { mempool: { ...MEMPOOL, payments: [TX('a')] } }))
  await settled(() => at.told.length === 1)
  const idle = batch(2, 1, { mempool: { ...MEMPOOL, payments: [TX('a')], waiting: ['a'] } })
  const written = await runInDurableObject(raw(name), async (object, state) => {
    const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = []
    const exec = state.storage.sql.exec.bind(state.storage.sql)
    const sql = {
      exec: (statement: string, ...bindings: unknown[]) => {
        const cursor = exec(statement, ...bindings)
        cursors.push(cursor)
        return cursor
      },
    }
    const storage = {
      sql,
      transactionSync: (run: () => unknown) => state.storage.transactionSync(run),
      setAlarm: (atMs: number) => state.storage.setAlarm(atMs),
    }
    const bound = object as unknown as { ctx: unknown; commit(batch: ChainBatch): Promise<{ ok: boolean }> }
    const ctx = bound.ctx
    bound.ctx = { storage, id: state.id }
    const answer = await bound.commit(idle)
    bound.ctx = ctx
    expect(answer.ok).toBe(true)
    return cursors.reduce((sum, cursor) => sum + cursor.rowsWritten, 0)
  })
  expect(written).toBe(1)
  expect(at.told).toHaveLength(1)
})

test('health tells a standing head, blocks to catch up, silence, and a follower that was never woken', async () => {
  const at = await follower('sim:health')
  expect(await at.rpc.health()).toMatchObject({ status: 'down', height: null, error: expect.stringContaining('not_started') })
  await at.rpc.wake('sim:health')
  expect(await at.rpc.health()).toMatchObject({ status: 'catching_up', height: null, syncedAtMs: null })
  await at.rpc.commit(batch(1, 3, { head: { height: 9, hash: 'h9' }, more: true }))
  expect(await at.rpc.health()).toMatchObject({ status: 'catching_up', height: 3, headHeight: 9, lagBlocks: 6, syncedAtMs: null })
  const startedAtMs = Date.now()
  await at.rpc.commit(batch(4, 9, { mempool: MEMPOOL, startedAtMs }))
  expect(await at.rpc.health()).toMatchObject({ status: 'ok', lagBlocks: 0, syncedAtMs: startedAtMs })
  await at.sql(`UPDATE follower SET head_advanced_at_ms = ${startedAtMs - CHAIN.headAgeMaxMs - 1_000}`)
  expect((await at.rpc.health()).status).toBe('lagging')
  await at.rpc.commit(batch(10, 10, { mempool: MEMPOOL, startedAtMs: startedAtMs + 1 }))
  expect((await at.rpc.health()).status).toBe('ok')
  await at.sql(`UPDATE follower SET heard_at_ms = ${startedAtMs - 10 * POLL_MS - 1_000}`)
  expect((await at.rpc.health()).status).toBe('down')
})

test('what the object keeps and tells is what chain and mempool say, whatever happened', { timeout: 60_000 }, async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  let world = 0
  await fc.assert(
    fc.asyncProperty(steps, async (scenario: Step[]) => {
      const at = await follower(`sim:world-${world++}`)
      const node = new SimNode(5)
      const list = memoryWatch(2)
      for (let n = 0; n < WATCHED_KEYS; n++) list.add(keyOf(n), `inv_${n}`)
      let nowMs = 5_000_000
      const lookOnce = () => look({ follower: at.rpc, watch: list.watch, reader: simReader(() => node), clock: () => nowMs++ })
      await lookOnce()
      for (const step of scenario) {
        if (step.type !== 'look') carryOut(node, step)
        else await lookOnce()
      }
      while (node.head.ref.height < ((await at.rpc.health()).height ?? 0)) node.mine([])
      expect(await lookOnce()).toBe('synced')
      expect(await lookOnce()).toBe('synced')
      while ((await at.sql('SELECT key FROM outbox')).length > 0) await scheduler.wait(5)
      const known = [...at.known().values()]
      for (const observation of known) {
        const transaction = TRANSACTION_LIST.find(({ txid }) => txid === observation.txid) as SimTransaction
        const truth = truthOf(node, transaction)
        const upTo = (confirmations: number) => Math.min(confirmations, CHAIN.confirmations)
        const facts = factsOf(observation)
        expect({ ...facts, confirmations: upTo(facts.confirmations) }).toEqual({
          ...truth,
          confirmations: upTo(truth.confirmations),
        })
      }
      const rows = await at.sql('SELECT COUNT(*) AS n FROM payments')
      expect(rows).toEqual([{ n: known.length }])
    }),
    { numRuns: 25 },
  )
  vi.restoreAllMocks()
})
