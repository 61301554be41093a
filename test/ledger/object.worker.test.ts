import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env as testEnv } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import { type LedgerObject, PROJECT_RETRY_MS } from '../../src/ledger/object.ts'
import type { LedgerRpc } from '../../src/ledger/rpc.ts'
import { randomId } from '../../src/lib/ids.ts'
import type { CoreEnv } from '../../workers/core/env.ts'
import { payment, positions, reserve, STORE, WALLET } from './builders.ts'

const env = testEnv as unknown as CoreEnv
/** Ahead of the real time, so that alarms ring only when a test says so. */
const NOW = 2_100_000_000_000

/** A shard that no consumer knows: what is asked for stays unprojected, so tests see to it themselves. */
const NOWHERE = 999

function ledgerOf(merchantId = randomId('mer')) {
  const owner = { merchantId, shard: NOWHERE }
  const stub = (testEnv as unknown as { LEDGERS: DurableObjectNamespace<LedgerObject> }).LEDGERS.getByName(merchantId)
  return {
    rpc: env.LEDGERS.getByName(merchantId) as LedgerRpc,
    stub,
    owner,
    word: (version: number, place: 'pending' | 'available' | 'none' = 'available') =>
      positions(version, [payment({ place })], { ...owner }),
    out: (key: string, amount: bigint, expiresAtMs: number | null = null) => reserve(key, amount, { ...owner, expiresAtMs }),
    alarmAtMs: () => runInDurableObject(stub, (_object, state) => state.storage.getAlarm()),
    at: (nowMs: number) =>
      runInDurableObject(stub, (object) => {
        object.clock = () => nowMs
      }),
    tables: () =>
      runInDurableObject(stub, (_object, state) =>
        state.storage.sql
          .exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\' ORDER BY name")
          .toArray()
          .map(({ name }) => name),
      ),
  }
}

const available = async (rpc: LedgerRpc) => (await rpc.balances(STORE)).balances.available?.BTC ?? 0n

describe('a merchant’s ledger', () => {
  test('keeps what it answered through a restart', async () => {
    const { rpc, stub, word } = ledgerOf()
    expect(await rpc.record(word(2))).toEqual({ ok: true, value: null })
    const before = await rpc.standing()
    await evictDurableObject(stub)
    expect(await rpc.standing()).toEqual(before)
    expect(await rpc.verify(0)).toMatchObject({ transactions: 1, isLast: true, fault: null })
    expect(await available(rpc)).toBe(100_000n)
  })

  test('says for ever what a key of a store was first claimed for, and has no books for it', async () => {
    const { rpc, stub, tables, alarmAtMs } = ledgerOf()
    const claim = (purpose: string, storeId = 'st_a') => rpc.claimKey({ storeId, key: 'rent', purpose })
    expect(new Set(await Promise.all(['wal_1', 'wal_2', 'po_3'].map((purpose) => claim(purpose)))).size).toBe(1)
    const first = await claim('wal_4')
    expect(await claim('wal_5', 'st_b')).toBe('wal_5')
    await evictDurableObject(stub)
    expect([await claim('wal_6'), await claim('wal_7', 'st_b')]).toEqual([first, 'wal_5'])
    expect([await tables(), await alarmAtMs()]).toEqual([['transfer_keys'], null])
    expect(await rpc.standing()).toMatchObject({ no: 0 })
  })

  test('that is only asked about writes nothing', async () => {
    const { rpc, tables, alarmAtMs } = ledgerOf()
    await rpc.balances(STORE)
    await rpc.ofInvoice(STORE, 'inv_1', 0)
    expect(await rpc.reservation('x')).toBeNull()
    await rpc.standing()
    await rpc.verify(0)
    await rpc.page(0, 10)
    await rpc.unprojected()
    await rpc.projected(7)
    expect(await rpc.release({ key: 'x', of: 'y' })).toEqual({ ok: false, error: { reason: 'reservation_not_found' } })
    expect(await tables()).toEqual([])
    expect(await alarmAtMs()).toBeNull()
  })

  test('gives out what is available once, to a hundred who ask at once', async () => {
    const { rpc, word, out } = ledgerOf()
    await rpc.record(word(2))
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => rpc.reserve(out(`p${n}`, 9_000n))))
    expect(answers.filter(({ ok }) => ok)).toHaveLength(11)
    expect(answers.filter((answer) => !answer.ok && answer.error.reason === 'insufficient_funds')).toHaveLength(89)
    expect(await available(rpc)).toBe(1_000n)
    expect((await rpc.verify(0)).fault).toBeNull()
  })

  test('makes one reservation of a hundred with one key', async () => {
    const { rpc, word, out } = ledgerOf()
    await rpc.record(word(2))
    const answers = await Promise.all(Array.from({ length: 100 }, () => rpc.reserve(out('p', 9_000n))))
    expect(new Set(answers.map((answer) => (answer.ok ? answer.value.hash : answer.error.reason))).size).toBe(1)
    expect(await available(rpc)).toBe(91_000n)
  })

  test('gives a reservation back by its alarm when the time is over', async () => {
    const { rpc, stub, word, out, at, alarmAtMs } = ledgerOf()
    await at(NOW)
    await rpc.record(word(2))
    await rpc.projected(99)
    await rpc.reserve(out('p1', 60_000n, NOW + 3_000))
    expect(await available(rpc)).toBe(40_000n)
    expect(await alarmAtMs()).toBe(NOW + 3_000)
    await at(NOW + 3_000)
    await runDurableObjectAlarm(stub)
    expect(await available(rpc)).toBe(100_000n)
  })

  test('does all of a step or nothing, when a statement fails in the middle of it', async () => {
    const { rpc, stub, word, out } = ledgerOf()
    await rpc.record(word(2))
    await runInDurableObject(stub, (_object, state) => {
      state.storage.sql.exec("CREATE TRIGGER broken BEFORE INSERT ON reservations BEGIN SELECT RAISE(ABORT, 'no more'); END")
    })
    const before = await rpc.standing()
    const failure = await runInDurableObject(stub, (object) =>
      object.reserve(out('p1', 1n)).catch((thrown: Error) => thrown.message),
    )
    expect(failure).toContain('no more')
    expect(await rpc.standing()).toEqual(before)
    await runInDurableObject(stub, (_object, state) => {
      state.storage.sql.exec('DROP TRIGGER broken')
    })
    expect(await rpc.reserve(out('p1', 1n))).toMatchObject({ ok: true, value: { no: 2 } })
    expect((await rpc.verify(0)).fault).toBeNull()
  })
})

describe('what D1 has not confirmed', () => {
  test('is asked for at once, and again by the alarm until it is confirmed', async () => {
    const { rpc, stub, word, at, alarmAtMs } = ledgerOf()
    await at(NOW)
    await rpc.record(word(2, 'pending'))
    expect(await alarmAtMs()).toBe(NOW + PROJECT_RETRY_MS)
    await at(NOW + PROJECT_RETRY_MS)
    await runDurableObjectAlarm(stub)
    expect(await alarmAtMs()).toBe(NOW + 3 * PROJECT_RETRY_MS)
    await rpc.projected(1)
    await at(NOW + 3 * PROJECT_RETRY_MS)
    await runDurableObjectAlarm(stub)
    expect(await alarmAtMs()).toBeNull()
    expect(await rpc.unprojected()).toEqual([])
  })

  test('needs one word for many transactions: the consumer comes until nothing is left', async () => {
    const { rpc, stub, word, owner } = ledgerOf()
    const asked: unknown[] = []
    await runInDurableObject(stub, (object) => {
      const withEnv = object as unknown as { env: CoreEnv }
      withEnv.env = { ...withEnv.env, PROJECTIONS: { send: async (message) => asked.push(message) } }
    })
    await rpc.record(word(2, 'pending'))
    await rpc.record(word(3))
    expect(asked).toEqual([{ kind: 'ledger', ...owner }])
    const entries = await rpc.unprojected()
    expect(entries.map(({ transaction }) => transaction.no)).toEqual([1, 2])
    await rpc.projected(2)
    expect(await rpc.unprojected()).toEqual([])
    await rpc.record(word(4, 'none'))
    expect(asked).toHaveLength(2)
  })

  test('is asked for again after a restart, from what was known at the last transaction', async () => {
    const { rpc, stub, word, out, at, alarmAtMs } = ledgerOf()
    await at(NOW)
    await rpc.record(word(2))
    await rpc.projected(1)
    await rpc.reserve(out('p1', 1n))
    await evictDurableObject(stub)
    expect((await rpc.unprojected()).map(({ transaction }) => transaction.no)).toEqual([2])
    expect(await alarmAtMs()).not.toBeNull()
    await rpc.projected(2)
    await rpc.release({ key: 'p1/void', of: 'p1' })
    expect((await rpc.unprojected()).map(({ transaction }) => transaction.no)).toEqual([3])
  })
})

test('a difference is kept, told, and cleared by a person', async () => {
  const { rpc, word, out } = ledgerOf()
  await rpc.record(word(2))
  await rpc.raise([{ id: 'shard/x', kind: 'shard', storeId: STORE, detail: 'D1 has other figures', sinceMs: NOW }])
  expect(await rpc.reserve(out('p', 1n))).toMatchObject({ error: { reason: 'ledger_frozen' } })
  expect((await rpc.balances(STORE)).differences).toHaveLength(1)
  expect(await rpc.clear({ id: 'shard/x', by: 'Ada', reason: 'rebuilt' })).toEqual({ ok: true, value: null })
  // The same question has had its answer; who wants it anew says so by its time.
  expect(await rpc.reserve(out('p', 1n))).toMatchObject({ error: { reason: 'ledger_frozen' } })
  expect(await rpc.reserve({ ...out('p', 1n), wantedAtMs: 2 })).toMatchObject({ ok: true })
  expect(await rpc.post({ key: 'p/sent', of: 'p', amount: 1n, to: `wallet:${WALLET}` })).toMatchObject({ ok: true })
})
