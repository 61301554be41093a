import { beforeEach, expect, test, vi } from 'vitest'
import type { RateSnapshot, RatesRpc } from '../../src/exchange/rpc.ts'

const RATE = { base: 'BTC', quote: 'EUR', value: 60000n, scale: 0, sources: ['a', 'b'], atMs: 0, fixed: false }
let { ratesSnapshot } = await import('../../src/exchange/cache.ts')

beforeEach(async () => {
  vi.resetModules()
  ratesSnapshot = (await import('../../src/exchange/cache.ts')).ratesSnapshot
})

function board(answers: (RateSnapshot | Error)[]) {
  const asked: string[] = []
  const current = async (): Promise<RateSnapshot> => {
    const answer = answers.shift()
    if (answer instanceof Error || answer === undefined) throw answer ?? new Error('asked too often')
    return answer
  }
  const getByName = (name: string) => {
    asked.push(name)
    return { current } as unknown as RatesRpc
  }
  return { env: { RATES: { getByName } }, asked }
}

const snapshot = (atMs: number, rates = [RATE]): RateSnapshot => ({ rates, atMs, failures: [] })

test('a burst asks the board once, and five seconds later again', async () => {
  const { env, asked } = board([snapshot(1), snapshot(2)])
  expect((await ratesSnapshot(env, 1_000)).atMs).toBe(1)
  expect((await ratesSnapshot(env, 5_999)).atMs).toBe(1)
  expect((await ratesSnapshot(env, 6_000)).atMs).toBe(2)
  expect(asked).toEqual(['board', 'board'])
})

test('when the board cannot be reached, the copy serves up to ten seconds, and then there are no rates', async () => {
  const { env } = board([snapshot(1), new Error('object reset'), new Error('object reset')])
  await ratesSnapshot(env, 0)
  expect((await ratesSnapshot(env, 9_999)).rates).toEqual([RATE])
  expect(await ratesSnapshot(env, 10_000)).toMatchObject({ rates: [], failures: [{ source: 'board', detail: 'object reset' }] })
})

test('an answer without rates is asked for again at once', async () => {
  const { env } = board([snapshot(1, []), snapshot(2)])
  expect((await ratesSnapshot(env, 0)).rates).toEqual([])
  expect((await ratesSnapshot(env, 1)).rates).toEqual([RATE])
})
