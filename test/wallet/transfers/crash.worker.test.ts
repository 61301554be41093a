import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { Reserve } from '../../../src/ledger/rpc.ts'
import { decodeJson } from '../../../src/lib/json.ts'
import { nextCall } from '../../../src/wallet/transfers/books.ts'
import { World } from './world.ts'

beforeEach(() => {
  for (const level of ['error', 'warn', 'log'] as const) vi.spyOn(console, level).mockImplementation(() => {})
})

type Crash = 'before' | 'after' | 'after, and the wallet object too'

/** Pays once, and dies at the `at`-th call of a carrier or of the ledger. Answers how many calls there were. */
async function payAndDie(at: number, how: Crash): Promise<{ calls: string[]; world: World }> {
  const world = await new World().open([60_000n, 50_000n])
  const calls: string[] = []
  world.around = async (name, call) => {
    calls.push(name)
    if (calls.length !== at) return call()
    if (how !== 'before') await call()
    if (how === 'after, and the wallet object too' && !name.startsWith('ledger')) await world.kill()
    throw new Error('killed')
  }
  const request = world.request(40_000n)
  // Whoever asks and hears nothing asks again.
  for (let tries = 0; tries < 3; tries++) {
    const made = await world.wallet.createTransfer(request).catch(() => null)
    if (made) break
  }
  await world.work()
  const [done] = await world.untilOver([request.id])
  expect(done).toMatchObject({ status: 'confirmed' })
  expect(world.received).toBe(40_000n)
  const fee = done?.fee ?? 0n
  expect(await world.books()).toEqual({ available: 70_000n - fee, wallet: -(70_000n - fee) })
  // The same plan every time it was asked: one transaction, whatever was lost.
  expect(new Set(world.signed.map(({ plan }) => JSON.stringify(plan, (_key, value) => String(value)))).size).toBe(1)
  expect(done?.signed).toHaveLength(1)
  expect(world.chain.seen).toHaveLength(1)
  expect(await world.sql('SELECT id FROM transfers WHERE live_height IS NOT NULL')).toEqual([])
  return { calls, world }
}

describe('whatever is killed in the middle, money moves once and the books are right in the end', () => {
  test.each<Crash>(['before', 'after', 'after, and the wallet object too'])(
    '%s each call',
    async (how) => {
      const { calls } = await payAndDie(0, how)
      expect(calls).toEqual(
        expect.arrayContaining(['ledger.reserve', 'wallet.takeFacts', 'signer.sign', 'sender.broadcast', 'ledger.book']),
      )
      for (let at = 1; at <= calls.length; at++) await payAndDie(at, how)
    },
    120_000,
  )
})

test('what is called back comes back once, whatever is killed meanwhile', async () => {
  const callBackAndDie = async (at: number): Promise<number> => {
    const world = await new World().open([60_000n, 50_000n])
    const { id } = await world.pay(40_000n)
    await world.work()
    let calls = 0
    world.around = async (name, call) => {
      if (++calls !== at) return call()
      await call()
      if (!name.startsWith('ledger')) await world.kill()
      throw new Error('killed')
    }
    expect(await world.wallet.callBackTransfer(id, 'Ada')).toMatchObject({ ok: true })
    await world.work()
    for (let rings = 0; rings < 4; rings++) await world.later(61_000)
    const [done] = await world.untilOver([id])
    expect(done).toMatchObject({ status: 'failed', reason: 'called back by Ada', signed: { length: 2 } })
    expect(world.received).toBe(0n)
    const left = 110_000n - (done?.fee ?? 0n)
    expect(await world.books()).toEqual({ available: left, wallet: -left })
    expect(await world.sql('SELECT id FROM transfers WHERE live_height IS NOT NULL')).toEqual([])
    return calls
  }
  // Up to when it is in a block: further on it goes as any other.
  const calls = Math.min(await callBackAndDie(0), 14)
  for (let at = 1; at <= calls; at++) await callBackAndDie(at)
}, 120_000)

test('a question to the books that is still on its way when the wallet object dies, and refused when asked again, reserves nothing', async () => {
  const world = await new World().open([60_000n], 0n)
  const request = world.request(40_000n)
  world.around = () => Promise.reject(new Error('no answer so far'))
  expect(await world.wallet.createTransfer(request).catch(() => null)).toBeNull()
  const [row] = await world.sql('SELECT body FROM transfers')
  const late = nextCall(decodeJson(String(row?.body)))?.request as Reserve
  world.around = (_name, call) => call()
  await world.kill()
  const refused = { ok: false, error: { reason: 'insufficient_funds' } }
  expect(await world.wallet.createTransfer(request)).toMatchObject(refused)
  await world.earn(60_000n)
  expect(await world.ledger.reserve(late)).toMatchObject(refused)
  expect(await world.books()).toEqual({ available: 60_000n, wallet: -60_000n })
  // And it is made when it is asked for once more.
  world.nowMs += 1
  expect(await world.wallet.createTransfer(request)).toMatchObject({ ok: true, value: { status: 'queued' } })
  expect(await world.books()).toMatchObject({ reserved: 40_000n })
})

test('messages that come twice and carriers that work at once change nothing', async () => {
  const world = await new World().open([60_000n, 50_000n, 40_000n])
  const made = await Promise.all([20_000n, 30_000n, 25_000n].map((units) => world.pay(units)))
  const messages = world.sent.flatMap((message) => [message, message, message])
  world.sent.splice(0)
  const works = messages.map(async (message) => {
    world.sent.push(message)
    await world.work()
  })
  await Promise.all(works)
  const ids = made.map(({ id }) => id)
  const done = await world.untilOver(ids)
  expect(done.map(({ status }) => status)).toEqual(['confirmed', 'confirmed', 'confirmed'])
  expect(world.received).toBe(75_000n)
  expect(done.map(({ signed }) => signed.length)).toEqual([1, 1, 1])
  const fees = done.reduce((sum, { fee }) => sum + (fee ?? 0n), 0n)
  expect(await world.books()).toEqual({ available: 75_000n - fees, wallet: -(75_000n - fees) })
})

test('of 1,000 payouts at once over the balance, exactly what is there is paid', async () => {
  const coins = Array.from({ length: 50 }, () => 12_000n)
  const world = await new World().open(coins, 500_000n)
  const requests = Array.from({ length: 1_000 }, () => world.request(10_000n))
  const made = await Promise.all(requests.map((request) => world.wallet.createTransfer(request)))
  const accepted = made.flatMap((answer) => (answer.ok ? [answer.value.id] : []))
  expect(accepted).toHaveLength(50)
  expect(made.filter((answer) => !answer.ok).every((answer) => !answer.ok && answer.error.reason === 'insufficient_funds')).toBe(
    true,
  )
  expect(await world.books()).toMatchObject({ reserved: 500_000n })
  expect(await world.sql('SELECT COUNT(*) AS n FROM transfers')).toEqual([{ n: 50 }])
  // Nothing is left for fees: the first ones find that out, and what they give back pays for others.
  await world.work()
  const done = await world.untilOver(accepted)
  const paid = done.filter(({ status }) => status === 'confirmed')
  expect(done.every(({ status }) => status === 'confirmed' || status === 'failed')).toBe(true)
  const fees = paid.reduce((sum, { fee }) => sum + (fee ?? 0n), 0n)
  const left = 500_000n - BigInt(paid.length) * 10_000n - fees
  expect(world.received).toBe(BigInt(paid.length) * 10_000n)
  expect(await world.books()).toEqual({ ...(left === 0n ? {} : { available: left }), wallet: -left })
  expect(paid.length).toBeGreaterThan(40)
}, 120_000)

describe('an acceleration', () => {
  /** Hurries a payment of 60,000 that waits all the time, and dies at the `at`-th call. */
  async function hurryAndDie(at: number, how: Crash): Promise<string[]> {
    const world = await new World().open([50_000n])
    world.chain.satsPerKvb = 10_000n
    const given = await world.wallet.allocate(world.chainId, 'inv_stuck')
    const parentTxid = world.chain.receive(given.ok ? given.value.watchKey : null, 60_000n)
    const calls: string[] = []
    world.around = async (name, call) => {
      calls.push(name)
      if (calls.length !== at) return call()
      if (how !== 'before') await call()
      if (how === 'after, and the wallet object too' && !name.startsWith('ledger')) await world.kill()
      throw new Error('killed')
    }
    const { id } = await world.pay(0n, { kind: 'sweep', outputs: [], parentTxid })
    await world.work()
    // A question to the signer that was lost is asked again once it is certain that nobody answers it.
    for (let round = 0; round < 2; round++) await world.later(21 * 60_000)
    const [done] = await world.untilOver([id])
    expect(done).toMatchObject({ status: 'confirmed', fee: 2_450n, signed: [{}] })
    expect(await world.books()).toEqual({ available: 47_550n, wallet: -47_550n })
    expect(world.chain.seen).toHaveLength(2)
    return calls
  }

  test.each<Crash>(['before', 'after, and the wallet object too'])(
    'is one child and one fee, whatever call it is killed at: %s',
    async (how) => {
      const { length } = await hurryAndDie(0, how)
      for (let at = 1; at <= length; at++) await hurryAndDie(at, how)
    },
    240_000,
  )
})
