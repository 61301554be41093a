import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { PaymentObservation } from '../../src/chain/rpc.ts'
import { Teller, type TellerPorts } from '../../src/chain/teller.ts'
import type { ObserveAnswer } from '../../src/invoice/rpc.ts'
import { OUTBOX_TABLE, type Sql } from '../../src/lib/outbox.ts'

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 })
  vi.spyOn(console, 'warn').mockImplementation(() => {})
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const KNOWN: ObserveAnswer = { known: true, confirmationsWanted: 3 }

/** A teller over a real outbox, whose invoices are `observe`. */
function setting(observe: TellerPorts['observe']) {
  const database = new DatabaseSync(':memory:')
  database.exec(OUTBOX_TABLE)
  const sql: Sql = {
    exec: (statement, ...bindings) => {
      const rows = database.prepare(statement).all(...(bindings as (string | number | null)[]))
      return { toArray: () => rows }
    },
  }
  const calls: { invoiceId: string; told: readonly PaymentObservation[] }[] = []
  const done = vi.fn()
  const heed = vi.fn()
  const teller = new Teller({
    sql,
    transaction: (run) => run(),
    observe: (invoiceId, told) => {
      calls.push({ invoiceId, told })
      return observe(invoiceId, told)
    },
    heed,
    done,
  })
  const outbox = () => sql.exec('SELECT key, revision, due_at_ms, attempts FROM outbox ORDER BY key').toArray()
  return { teller, calls, done, heed, outbox, turn: () => vi.advanceTimersByTimeAsync(0) }
}

function of(txid: string, revision = 1): PaymentObservation {
  return {
    key: `sim/${txid}/0`,
    revision,
    chainId: 'sim',
    txid,
    index: '0',
    assetCode: 'BTC',
    units: 7n,
    status: 'unconfirmed',
    confirmations: 0,
    height: null,
    blockHash: null,
    seenAtMs: 5,
    replacedBy: null,
  }
}
const TOLD = (invoiceId: string, txid: string, revision = 1) => ({ invoiceId, observation: of(txid, revision) })

test('all of one invoice goes in one call, what waits in the outbox among it, the newest of each payment', async () => {
  const at = setting(async () => KNOWN)
  at.teller.keep('inv', of('a', 1), 0)
  at.teller.keep('inv', of('b', 4), 0)
  at.teller.tell([TOLD('inv', 'a', 2), TOLD('inv', 'b', 3), TOLD('inv', 'c', 3), TOLD('other', 'd', 3)])
  expect(at.teller.busy).toBe(true)
  await at.turn()
  expect(at.calls.map(({ invoiceId, told }) => `${invoiceId}: ${told.map(({ txid, revision }) => txid + revision)}`)).toEqual([
    'inv: a2,b4,c3',
    'other: d3',
  ])
  expect(at.outbox()).toEqual([])
  expect(at.heed).toHaveBeenCalledTimes(4)
  expect(at.done).toHaveBeenCalledOnce()
  expect(at.teller.busy).toBe(false)
})

test('what an invoice did not take is in the outbox, due in a second', async () => {
  const at = setting(async () => Promise.reject(new Error('no')))
  at.teller.tell([TOLD('inv', 'a'), TOLD('inv', 'b')])
  await at.turn()
  expect(at.outbox()).toMatchObject([
    { key: 'inv/a/0', due_at_ms: 1_001_000, attempts: 0 },
    { key: 'inv/b/0', due_at_ms: 1_001_000, attempts: 0 },
  ])
  at.teller.tellDue(1_000_999)
  expect(at.calls).toHaveLength(1)
  at.teller.tellDue(1_001_000)
  await at.turn()
  expect(at.calls).toHaveLength(2)
  expect(at.outbox()).toMatchObject([{ attempts: 1 }, { attempts: 1 }])
})

test('twenty invoices that do not answer are given up after ten seconds, and the others told', async () => {
  const at = setting((invoiceId) => (invoiceId.startsWith('deaf') ? new Promise(() => {}) : Promise.resolve(KNOWN)))
  const deaf = Array.from({ length: 20 }, (_, n) => TOLD(`deaf${n}`, `t${n}`))
  at.teller.tell([...deaf, TOLD('inv', 'a')])
  await vi.advanceTimersByTimeAsync(9_999)
  expect(at.calls).toHaveLength(20)
  expect(at.outbox()).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(at.calls[20]?.invoiceId).toBe('inv')
  expect(at.outbox()).toHaveLength(20)
  expect(at.done).toHaveBeenCalledOnce()
})

test('what comes for an invoice while it is being told is told after it', async () => {
  let answer = () => {}
  const at = setting(() => new Promise((resolve) => (answer = () => resolve(KNOWN))))
  const others = Array.from({ length: 20 }, (_, n) => TOLD(`inv${n}`, `t${n}`))
  at.teller.tell(others)
  at.teller.tell([TOLD('inv19', 't19', 2)])
  expect(at.calls).toHaveLength(20)
  answer()
  await at.turn()
  expect(at.calls.at(-1)).toMatchObject({ invoiceId: 'inv19', told: [{ revision: 2 }] })
})

test('a call has a hundred observations at most, and memory a thousand', async () => {
  const at = setting(async () => KNOWN)
  const many = Array.from({ length: 250 }, (_, n) => TOLD('inv', `t${n}`))
  at.teller.tell(many)
  await at.turn()
  expect(at.calls.map(({ told }) => told.length)).toEqual([100, 100, 50])
  expect(new Set(at.calls.flatMap(({ told }) => told.map(({ txid }) => txid))).size).toBe(250)
  expect(at.outbox()).toEqual([])

  const full = setting(() => new Promise(() => {}))
  full.teller.tell(Array.from({ length: 1_019 }, (_, n) => TOLD(`inv${n}`, 'a')))
  expect(full.teller.room).toBe(1)
  await vi.advanceTimersByTimeAsync(60 * 10_000)
  expect(full.teller.room).toBe(1_000)
})
