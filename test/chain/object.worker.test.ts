import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env as testEnv } from 'cloudflare:workers'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { DEVELOPMENT_CHAINS } from '../../config/development.ts'
import { look } from '../../src/chain/look.ts'
import { LOOK_LEASE_MS } from '../../src/chain/object.ts'
import type { ChainBatch, LookMessage, MatchedTransfer, PaymentObservation } from '../../src/chain/rpc.ts'
import { HELD_MAX } from '../../src/chain/teller.ts'
import type { BlockRef } from '../../src/gateways/gateway.ts'
import type { ObserveAnswer } from '../../src/invoice/rpc.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import type { CoreEnv } from '../../workers/core/env.ts'
import { memoryWatch } from './memory.ts'
import { check } from './property.ts'
import { carryOut, FOUND, factsOf, type Step, steps, TRANSACTION_LIST, truthOf, WATCHED_KEYS } from './scenario.ts'
import { keyOf, SimNode, type SimTransaction, simReader } from './simulator.ts'

const env = testEnv as unknown as CoreEnv
const raw = (name: string) => (testEnv as unknown as { CHAINS_FOLLOWED: DurableObjectNamespace }).CHAINS_FOLLOWED.getByName(name)

/** Polls so rare that no alarm rings by itself within a test. */
const POLL_MS = 100_000
const CHAIN = { ...(DEVELOPMENT_CHAINS[0] as ChainConfig), pollMs: POLL_MS, confirmations: 3, reorgDepthMax: 30 }

/** A follower of a chain of this name, whose invoices and queue are the test's. */
async function follower(name: string, pollMs = POLL_MS) {
  const told: PaymentObservation[][] = []
  const sent: LookMessage[] = []
  const answers = {
    observe: async (_invoiceId: string, _observations: readonly PaymentObservation[]): Promise<ObserveAnswer> => ({
      known: true,
      confirmationsWanted: 3,
    }),
    send: async (_message: LookMessage): Promise<void> => {},
  }
  const calls = { open: 0, openMax: 0 }
  const observe = (invoiceId: string) => async (observations: readonly PaymentObservation[]) => {
    calls.openMax = Math.max(calls.openMax, ++calls.open)
    try {
      const answer = await answers.observe(invoiceId, observations)
      told.push([...observations])
      return answer
    } finally {
      calls.open--
    }
  }
  const send = async (message: LookMessage) => {
    await answers.send(message)
    sent.push(message)
  }
  const ports = {
    CHAINS: JSON.stringify([{ ...CHAIN, id: name, pollMs }]),
    INVOICES: { getByName: (invoiceId: string) => ({ observe: observe(invoiceId) }) },
    GATEWAY_BITCOIN: { send },
  }
  /** Called again after an eviction: a new instance starts with the real bindings. */
  const connect = () => runInDurableObject(raw(name), (object) => void Object.assign(object, { env: { ...env, ...ports } }))
  await connect()
  return {
    /** Anew each time: a stub ends with the instance it spoke to. */
    get rpc() {
      return env.CHAINS_FOLLOWED.getByName(name)
    },
    told,
    sent,
    answers,
    calls,
    connect,
    alarm: () => runDurableObjectAlarm(raw(name)),
    evict: () => evictDurableObject(raw(name)),
    /** The instance ends between two lines, and the next one has the same ports. */
    kill: async () => {
      await abortAllDurableObjects()
      calls.open = 0
      await connect()
    },
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

type Bound = { alarm(): Promise<void>; begin(): Promise<unknown>; commit(batch: ChainBatch): Promise<unknown> }

/** Rows that `run` writes, by table, and alarms it sets. */
async function rowsWritten(name: string, run: (object: Bound) => Promise<void>): Promise<Record<string, number>> {
  return await runInDurableObject(raw(name), async (object, { storage }) => {
    const written: Record<string, number> = {}
    const note = (what: string, rows: number) => {
      if (rows > 0) written[what] = (written[what] ?? 0) + rows
    }
    const { exec } = storage.sql
    const { setAlarm } = storage
    storage.sql.exec = ((statement: string, ...bindings: unknown[]) => {
      const cursor = exec.call(storage.sql, statement, ...bindings)
      const table = /(?:INTO|UPDATE|FROM) (\w+)/.exec(statement)?.[1] ?? statement
      // Every caller reads its cursor to the end at once; then it knows its rows.
      queueMicrotask(() => note(table, cursor.rowsWritten))
      return cursor
    }) as typeof exec
    storage.setAlarm = (...args) => {
      note('alarms', 1)
      return setAlarm.call(storage, ...args)
    }
    await run(object as unknown as Bound)
    storage.sql.exec = exec
    storage.setAlarm = setAlarm
    return written
  })
}

/** Something to wait at. It looks again and again: an object's promise must not be kept by what is not the object. */
function closedGate() {
  const gate = {
    open: false,
    passed: async () => {
      while (!gate.open) await scheduler.wait(2)
    },
  }
  return gate
}

async function settled(check: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(check()).toBe(true), { timeout: 20_000, interval: 5 })
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
  const gate = closedGate()
  at.answers.observe = async (invoiceId) => {
    if (invoiceId === 'inv_slow') await gate.passed()
    return { known: true, confirmationsWanted: 3 }
  }
  const payments = [TX('s', 'inv_slow'), ...Array.from({ length: 50 }, (_, n) => TX(`t${n}`, `inv_${n}`))]
  expect((await at.rpc.commit(batch(1, 1, {}, payments))).ok).toBe(true)
  await settled(() => at.told.length >= 50)
  gate.open = true
  await settled(() => at.told.length >= 51)
})

test('an invoice that never answers holds up no look', async () => {
  const at = await follower('sim:deaf', 10_000)
  await at.rpc.wake('sim:deaf')
  await settled(() => at.sent.length === 1)
  at.answers.observe = () => new Promise(() => {})
  await at.rpc.commit(batch(1, 1, { mempool: { ...MEMPOOL, payments: [TX('a')] } }))
  await at.sql('UPDATE follower SET next_look_at_ms = 1')
  await at.alarm()
  expect(at.sent).toHaveLength(2)
})

test('of very many payments in a commit, what cannot be held in memory waits in the outbox, and all are told', async () => {
  const at = await follower('sim:many', 10_000)
  const payments = Array.from({ length: HELD_MAX + 250 }, (_, n) => TX(`t${n}`, `inv_${n}`))
  const gate = closedGate()
  at.answers.observe = async () => {
    await gate.passed()
    return { known: true, confirmationsWanted: 3 }
  }
  await at.rpc.commit(batch(1, 1, {}, payments))
  expect(await at.sql('SELECT COUNT(*) AS n FROM outbox')).toEqual([{ n: 250 }])
  gate.open = true
  await settled(() => at.told.length >= payments.length)
  expect(at.known().size).toBe(payments.length)
  expect(at.calls.openMax).toBe(20)
  expect(await at.sql('SELECT COUNT(*) AS n FROM outbox')).toEqual([{ n: 0 }])
})

test('what an instance did not live to tell, the next one tells, as of the commits it is from', async () => {
  const at = await follower('sim:heir')
  await at.rpc.commit(batch(1, 1, { mempool: MEMPOOL }))
  await at.rpc.commit(batch(2, 2, {}, [TX('old', 'inv_old')]))
  await at.rpc.commit(batch(3, 3, { mempool: { ...MEMPOOL, payments: [TX('waits', 'inv_waits')] } }))
  await settled(() => at.told.length === 3)
  await at.rpc.commit(batch(4, 3, { mempool: MEMPOOL }))
  const before = at.told.length

  at.answers.observe = () => new Promise(() => {})
  await at.rpc.commit(batch(4, 4, {}, [TX('new', 'inv_new')]))
  await at.rpc.commit(batch(5, 4, { mempool: { ...MEMPOOL, missing: ['waits'] } }))
  await at.rpc.commit(batch(5, 4, { mempool: { ...MEMPOOL, payments: [TX('seen', 'inv_seen')] } }))
  expect(at.told).toHaveLength(before)
  expect(await at.sql('SELECT * FROM outbox')).toEqual([])
  const [{ revision } = {}] = await at.sql('SELECT revision FROM follower')
  const last = revision as number

  await at.kill()
  at.answers.observe = async () => ({ known: true, confirmationsWanted: 3 })
  await at.alarm()
  await settled(() => at.told.length === before + 4)
  const told = at.told.slice(before).flat()
  const summary = told.map((one) => `${one.txid} ${one.status} ${one.confirmations} ${one.revision - last}`).sort()
  expect(summary).toEqual(['new confirmed 1 -2', 'old confirmed 3 -2', 'seen unconfirmed 0 0', 'waits missing 0 -1'])
  // Heard by all, it is not told a third time.
  await at.rpc.commit(batch(5, 4, { mempool: MEMPOOL }))
  await at.evict()
  await at.connect()
  await at.alarm()
  expect(await at.rpc.commit(batch(5, 4, { mempool: MEMPOOL }))).toMatchObject({ ok: true })
  expect(at.told).toHaveLength(before + 4)
})

test('how far all have heard is known, though somebody is always being told', async () => {
  const at = await follower('sim:heard')
  const gates = [closedGate(), closedGate(), closedGate()]
  at.answers.observe = async (invoiceId) => {
    await gates['abc'.indexOf(invoiceId.slice(-1))]?.passed()
    return { known: true, confirmationsWanted: 3 }
  }
  const open = (n: number) => Object.assign(gates[n] ?? {}, { open: true })
  const toldRevision = async () => (await at.sql('SELECT told_revision AS n FROM follower'))[0]?.n
  for (const [n, txid] of ['a', 'b', 'c'].entries()) {
    await at.rpc.commit(batch(n + 1, n + 1, { mempool: { ...MEMPOOL, payments: [TX(txid, `inv_${txid}`)] } }))
    // The one before it has heard.
    if (n > 0) open(n - 1)
    await settled(() => at.told.length === n)
  }
  expect(await toldRevision()).toBe(1)
  await at.rpc.commit(batch(4, 3, { mempool: MEMPOOL }))
  expect(await toldRevision()).toBe(2)
  open(2)
  await settled(() => at.told.length === 3)
  await at.rpc.commit(batch(4, 3, { mempool: MEMPOOL }))
  expect(await toldRevision()).toBe(5)
})

test('a lost payment is followed for 30 days after it was lost, however long ago it was first seen', async () => {
  const DAY_MS = 24 * 3_600_000
  const at = await follower('sim:lost')
  const tracked = async () => (await at.rpc.begin()).unconfirmed.map(({ txid }) => txid)
  const look = (from: number, to: number, day: number, mempool: Partial<NonNullable<ChainBatch['mempool']>>) =>
    at.rpc.commit(batch(from, to, { mempool: { ...MEMPOOL, ...mempool }, startedAtMs: day * DAY_MS + 1 }))
  await look(1, 1, 1, { payments: [TX('a')] })
  await look(2, 2, 60, { missing: ['a'] })
  await look(3, 3, 89, {})
  expect(await tracked()).toEqual(['a'])
  // Replaced after it was missing, it has been lost all the time.
  await look(4, 4, 89, { conflicts: [{ txid: 'a', byTxid: 'b' }] })
  await look(5, 5, 91, {})
  expect(await tracked()).toEqual([])
  await look(6, 6, 92, { payments: [TX('a')] })
  expect(await tracked()).toEqual(['a'])
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
  await at.rpc.commit(batch(4, 4, { head: { height: 90, hash: 'h90' } }))
  await at.alarm()
  expect(at.sent).toHaveLength(2)
  expect(await at.alarmInMs()).toBeLessThanOrEqual(1_000)
  at.answers.send = async () => {}
  await settled(() => at.sent.length === 3)
})

test('looks begin a poll apart, and one that takes longer is followed by a whole pause', async () => {
  const nextLookAtMs = async () => (await at.sql('SELECT next_look_at_ms AS n FROM follower'))[0]?.n as number
  const at = await follower('sim:pace', 10_000)
  await at.rpc.wake('sim:pace')
  await settled(() => at.sent.length === 1)
  await scheduler.wait(30)
  await at.rpc.commit(batch(1, 1, { mempool: MEMPOOL }))
  expect(await nextLookAtMs()).toBe((at.sent[0]?.sentAtMs ?? 0) + 10_000)

  const slow = await follower('sim:slow-look', 50)
  await slow.rpc.wake('sim:slow-look')
  await settled(() => slow.sent.length === 1)
  await scheduler.wait(100)
  const committedAtMs = Date.now()
  await slow.rpc.commit(batch(1, 1, { mempool: MEMPOOL }))
  const [facts] = await slow.sql('SELECT next_look_at_ms AS n FROM follower')
  expect(facts?.n).toBeGreaterThanOrEqual(committedAtMs + 50)
  expect(slow.sent).toHaveLength(1)
})

test('after a restart no look is waited for that the instance before sent', async () => {
  const at = await follower('sim:lease')
  await at.rpc.wake('sim:lease')
  await settled(() => at.sent.length === 1)
  await at.alarm()
  expect(at.sent).toHaveLength(1)
  await at.evict()
  await at.connect()
  await at.alarm()
  expect(at.sent).toHaveLength(2)
  await at.evict()
  await at.connect()
  await at.rpc.wake('sim:lease')
  await settled(() => at.sent.length === 3)
  await at.rpc.wake('sim:lease')
  await at.alarm()
  expect(at.sent).toHaveLength(3)
})

test('failures are shown, and slow the looks down to one in ten seconds at most', async () => {
  const name = 'sim:fails'
  const at = await follower(name, 2_000)
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

test('a node that gives some blocks and then fails, look after look, is one outage: asked ever less often, said once', async () => {
  const name = 'sim:tires'
  const at = await follower(name, 2_000)
  await at.rpc.wake(name)
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const head = { height: 9, hash: 'h9' }
  const pauses: number[] = []
  for (let height = 1; height <= 4; height++) {
    await at.rpc.commit(batch(height, height, { head, more: true }))
    await at.rpc.fail({ reason: 'node_unreachable', detail: 'too many requests' })
    pauses.push(Math.round((await at.alarmInMs()) / 1_000))
  }
  expect(pauses).toEqual([2, 4, 8, 10])
  expect(warn.mock.calls.filter(([line]) => String(line).includes('look_failed'))).toHaveLength(1)
  expect(await at.rpc.health()).toMatchObject({ status: 'down', height: 4, error: 'node_unreachable: too many requests' })
  // A look that ends without a failure ends the outage, whether it has come to the head or not.
  await at.rpc.commit(batch(5, 5, { head }))
  expect(await at.rpc.health()).toMatchObject({ status: 'catching_up', error: null })
  await at.rpc.fail({ reason: 'node_unreachable', detail: 'again' })
  expect(warn.mock.calls.filter(([line]) => String(line).includes('look_failed'))).toHaveLength(2)
})

test('a look that finds nothing new writes one row and sets one alarm, from its sending to its commit', async () => {
  const name = 'sim:idle'
  const at = await follower(name, 10_000)
  await at.rpc.wake(name)
  await settled(() => at.sent.length === 1)
  await at.rpc.commit(batch(1, 1, { mempool: { ...MEMPOOL, payments: [TX('a')] } }))
  await settled(() => at.told.length === 1)
  await at.rpc.commit(batch(2, 1, { mempool: MEMPOOL }))
  await at.sql('UPDATE follower SET next_look_at_ms = 1')
  const written = await rowsWritten(name, async (object) => {
    await object.alarm()
    await object.begin()
    await object.commit(batch(2, 1, { mempool: { ...MEMPOOL, payments: [TX('a')], waiting: ['a'] } }))
  })
  expect(written).toEqual({ follower: 1, alarms: 1 })
  expect(at.sent).toHaveLength(2)
  expect(at.told).toHaveLength(1)
})

test('telling an invoice of its payment writes no row beside the payment', async () => {
  const name = 'sim:rows'
  const at = await follower(name)
  await at.rpc.commit(batch(1, 1, { mempool: MEMPOOL }))
  const seen = await rowsWritten(name, async (object) => {
    await object.commit(batch(2, 1, { mempool: { ...MEMPOOL, payments: [TX('a')] } }))
    await settled(() => at.told.length === 1)
  })
  const confirmed = await rowsWritten(name, async (object) => {
    await object.commit(batch(2, 2, { more: true }, [TX('a')]))
    await settled(() => at.told.length === 2)
  })
  const again = await rowsWritten(name, async (object) => {
    await object.commit(batch(3, 3, { more: true }))
    await settled(() => at.told.length === 3)
  })
  expect({ seen, confirmed, again }).toMatchObject({
    seen: { payments: 2, follower: 1 },
    confirmed: { payments: 2, follower: 1, blocks: 1 },
    again: { follower: 1, blocks: 1 },
  })
  expect(seen.outbox ?? confirmed.outbox ?? again.outbox ?? again.payments).toBeUndefined()
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

/** What befalls a look: its invoices fail to answer, or the object ends before they do. */
type Fault = 'none' | 'refused' | 'killed'
const faults = fc.array(fc.constantFrom<Fault>('none', 'none', 'none', 'none', 'refused', 'killed'), { maxLength: 20 })

test('what the object keeps and tells is what chain and mempool say, whatever happened', { timeout: 60_000 }, async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  let world = 0
  const holds = async (scenario: Step[], befalls: Fault[]) => {
    const at = await follower(`sim:world-${world++}`)
    const node = new SimNode(5)
    const list = memoryWatch(2)
    for (let n = 0; n < WATCHED_KEYS; n++) list.add(keyOf(n), `inv_${n}`)
    let nowMs = 5_000_000
    const lookOnce = () => look({ follower: at.rpc, watch: list.watch, reader: simReader(() => node), clock: () => nowMs++ })
    const answering = at.answers.observe
    const left = [...befalls]
    await lookOnce()
    for (const step of scenario) {
      if (step.type !== 'look') {
        carryOut(node, step)
        continue
      }
      const fault = left.shift() ?? 'none'
      if (fault === 'refused') at.answers.observe = () => Promise.reject(new Error('refused'))
      if (fault === 'killed') at.answers.observe = () => new Promise(() => {})
      await lookOnce()
      at.answers.observe = answering
      if (fault === 'killed') await at.kill()
    }
    while (node.head.ref.height < ((await at.rpc.health()).height ?? 0)) node.mine([])
    expect(await lookOnce()).toBe('synced')
    expect(await lookOnce()).toBe('synced')
    await at.sql('UPDATE outbox SET due_at_ms = 1')
    await at.alarm()
    await vi.waitFor(async () => expect([at.calls.open, await at.sql('SELECT key FROM outbox')]).toEqual([0, []]), 20_000)

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
    expect(await at.sql('SELECT COUNT(*) AS n FROM payments')).toEqual([{ n: known.length }])
  }
  const examples = FOUND.map((scenario): [Step[], Fault[]] => [scenario, []])
  await check(fc.asyncProperty(steps, faults, holds), 25, examples)
  vi.restoreAllMocks()
})
