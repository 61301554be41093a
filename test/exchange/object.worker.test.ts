import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, test } from 'vitest'
import { DEVELOPMENT_CHAINS } from '../../config/development.ts'
import { ASKED_WINDOW_MS, type RatesObject, ROUND_MAX_MS, ROUND_MS } from '../../src/exchange/object.ts'
import { pairName } from '../../src/exchange/pairs.ts'
import type { Quote, QuoteRound, RatesMessage } from '../../src/exchange/rpc.ts'
import { formatDecimal } from '../../src/money/amount.ts'
import type { CoreEnv } from '../../workers/core/env.ts'

const stubOf = (name: string) => (env as unknown as { RATES: DurableObjectNamespace<RatesObject> }).RATES.getByName(name)
type Stub = ReturnType<typeof stubOf>

/** Takes the fixed rates away and puts a queue in place that remembers, and refuses while `down`. */
async function live(stub: Stub, vars: Partial<CoreEnv> = { FIXED_RATES: '' }) {
  const queue = { sent: [] as RatesMessage[], down: false }
  const send = async (message: RatesMessage) => {
    if (queue.down) throw new Error('Queue is overloaded. Please back off.')
    queue.sent.push(message)
  }
  await runInDurableObject(stub, (object) => {
    const held = object as unknown as { env: CoreEnv }
    held.env = { ...held.env, ...vars, GATEWAY_RATES: { send } }
  })
  return queue
}

const alarmOf = (stub: Stub) => runInDurableObject(stub, (_object, state) => state.storage.getAlarm())

function quote(source: string, pair: string, value: bigint, atMs = Date.now()): Quote {
  const [base = '', against = ''] = pair.split('/')
  return { source, base, quote: against, value, scale: 0, atMs }
}

const roundOf = (...quotes: Quote[]): QuoteRound => ({ quotes, failures: [] })
const BITCOIN = () => roundOf(quote('kraken', 'BTC/EUR', 60_000n), quote('coinbase', 'BTC/EUR', 60_010n))

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !condition(); i++) await scheduler.wait(10)
  expect(condition()).toBe(true)
}

test('the first question sends for quotes, waits for them and is answered with rates', async () => {
  const stub = stubOf('first')
  const queue = await live(stub)
  const asked = stub.current()
  await until(() => queue.sent.length > 0)
  await stub.publish(BITCOIN())
  const snapshot = await asked
  expect(snapshot.rates.map((rate) => `${pairName(rate)} ${formatDecimal(rate.value, rate.scale)}`)).toEqual(['BTC/EUR 60005'])
  expect(snapshot.rates[0]).toMatchObject({ sources: ['coinbase', 'kraken'], fixed: false })

  const pairs = queue.sent[0]?.pairs.map(pairName) ?? []
  expect(pairs).toEqual(expect.arrayContaining(['BTC/EUR', 'ETH/USD', 'USDC/JPY', 'EUR/USD', 'USD/CHF']))
  expect(new Set(pairs).size).toBe(pairs.length)
  expect(pairs.length).toBe(3 * 7 + 6)
})

test('further questions start no further rounds: one each half minute', async () => {
  const stub = stubOf('pace')
  const queue = await live(stub)
  const asked = stub.current()
  await until(() => queue.sent.length > 0)
  await stub.publish(BITCOIN())
  await asked
  for (let i = 0; i < 20; i++) await stub.current()
  expect(queue.sent.length).toBe(1)
  const inMs = ((await alarmOf(stub)) ?? 0) - Date.now()
  expect(inMs).toBeGreaterThan(ROUND_MS - 5_000)
  expect(inMs).toBeLessThanOrEqual(ROUND_MS)
  expect(await runDurableObjectAlarm(stub)).toBe(true)
  expect(queue.sent.length).toBe(2)
})

test('when nobody has asked for ten minutes the rounds stop, and a question starts them again', async () => {
  const stub = stubOf('stop')
  const queue = await live(stub)
  await stub.publish(BITCOIN())
  await stub.current()
  await until(() => queue.sent.length === 1)
  await runInDurableObject(stub, (_object, state) => {
    state.storage.sql.exec('UPDATE asked SET at_ms = at_ms - ?', ASKED_WINDOW_MS + 1)
  })
  await evictDurableObject(stub)
  const after = await live(stub)
  expect(await runDurableObjectAlarm(stub)).toBe(true)
  expect(after.sent.length).toBe(0)
  expect(await alarmOf(stub)).toBeNull()
  await stub.current()
  await until(() => after.sent.length === 1)
})

test('a refusing queue and rounds that bring nothing slow it down to the limit and never end it', async () => {
  const stub = stubOf('backoff')
  const queue = await live(stub)
  await stub.publish(BITCOIN())
  await stub.current()
  await until(() => queue.sent.length === 1)
  const waits: number[] = []
  for (let i = 0; i < 5; i++) {
    queue.down = i < 2
    expect(await runDurableObjectAlarm(stub)).toBe(true)
    waits.push(Math.round((((await alarmOf(stub)) ?? 0) - Date.now()) / 10_000) * 10_000)
  }
  expect(waits).toEqual([2 * ROUND_MS, ROUND_MAX_MS, ROUND_MAX_MS, ROUND_MAX_MS, ROUND_MAX_MS])
  await stub.publish(BITCOIN())
  await runDurableObjectAlarm(stub)
  expect(((await alarmOf(stub)) ?? 0) - Date.now()).toBeLessThanOrEqual(ROUND_MS)
})

test('quotes outlive the object: after an eviction the same rates are answered, with their own age', async () => {
  const stub = stubOf('evicted')
  await live(stub)
  const atMs = Date.now() - 60_000
  await stub.publish(roundOf(quote('kraken', 'BTC/EUR', 60_000n, atMs), quote('bitstamp', 'BTC/EUR', 60_010n)))
  await evictDurableObject(stub)
  await live(stub)
  expect((await stub.current()).rates).toMatchObject([{ base: 'BTC', value: 60_005n, atMs }])
})

test('an older round told late, or twice, changes nothing', async () => {
  const stub = stubOf('late')
  await live(stub)
  await stub.publish(BITCOIN())
  await stub.publish(roundOf(quote('kraken', 'BTC/EUR', 59_500n, Date.now() - 30_000)))
  await stub.publish(BITCOIN())
  expect((await stub.current()).rates).toMatchObject([{ value: 60_005n }])
})

test('pairs that nobody wants are not kept, and failing sources are shown', async () => {
  const stub = stubOf('failures')
  await live(stub)
  const failures = [{ source: 'bitstamp', detail: 'http_status: HTTP 503' }]
  await stub.publish({ quotes: [quote('kraken', 'DOGE/EUR', 1n), quote('coinbase', 'DOGE/EUR', 1n)], failures })
  await stub.publish({ quotes: BITCOIN().quotes, failures })
  const snapshot = await stub.current()
  expect(snapshot.failures).toEqual(failures)
  expect(snapshot.rates.map(pairName)).toEqual(['BTC/EUR'])
  const kept = await runInDurableObject(stub, (_object, state) => state.storage.sql.exec('SELECT quotes FROM sources').toArray())
  expect(JSON.stringify(kept)).not.toContain('DOGE')
})

test('with fixed rates nothing is ever sent, and each rate says that it is fixed', async () => {
  const stub = stubOf('fixed')
  const queue = await live(stub, {})
  await stub.publish(BITCOIN())
  const beforeMs = Date.now()
  const snapshot = await stub.current()
  expect(snapshot.rates).toContainEqual({
    ...{ base: 'USDC', quote: 'EUR', value: 92n, scale: 2, sources: ['fixed'], fixed: true },
    atMs: snapshot.atMs,
  })
  expect(snapshot.atMs).toBeGreaterThanOrEqual(beforeMs)
  expect(snapshot.rates.every((rate) => rate.fixed)).toBe(true)
  expect(await alarmOf(stub)).toBeNull()
  expect(queue.sent).toEqual([])
})

test('outside development fixed rates are not believed', async () => {
  const stub = stubOf('production')
  await live(stub, { ENVIRONMENT: 'production', CHAINS: JSON.stringify(DEVELOPMENT_CHAINS) })
  await stub.publish(BITCOIN())
  expect((await stub.current()).rates).toMatchObject([{ value: 60_005n, fixed: false }])
})
