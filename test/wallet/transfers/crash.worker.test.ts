import { beforeEach, describe, expect, test, vi } from 'vitest'
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
