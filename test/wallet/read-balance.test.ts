import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { err, ok } from '../../src/lib/result.ts'
import { READING_LEASE_MS } from '../../src/wallet/balances.ts'
import { type BalancePorts, readBalance } from '../../src/wallet/read-balance.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

type Read = BalancePorts['reader']['read']

/** A wallet that notes when it hears of its reading, and a node that answers as the test says. */
function carrier(read: Read) {
  const startedAtMs = Date.now()
  const heardAtMs: number[] = []
  const ended: string[] = []
  const wallet = {
    readingPage: async () => ({ from: 0, keys: new Uint8Array(22), keyLength: 22, block: null }),
    stillReading: async () => {
      heardAtMs.push(Date.now() - startedAtMs)
      // A wallet that is away for a moment changes nothing.
      if (heardAtMs.length % 2 === 0) throw new Error('away')
    },
    takeReading: async () => {
      ended.push('taken')
      return ok(null)
    },
    failReading: async () => void ended.push('failed'),
  }
  const follower = {
    health: async () => ({ height: null, hash: null }),
    paymentsPage: async () => ({ payments: [], next: null }),
  } as unknown as BalancePorts['follower']
  const done = readBalance({ wallet, follower, reader: { keysMax: 1_000, read } }, { chainId: 'c', walletId: 'w', readingId: 'r' })
  return { heardAtMs, ended, done }
}

const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
const seen = ok({ block: { height: 1, hash: 'h', timeMs: 0 }, balances: [] })

test('the wallet hears of a long scan well within its lease, until it ends', async () => {
  const { heardAtMs, ended, done } = carrier(async () => {
    await after(8 * 60_000)
    return seen
  })
  await vi.advanceTimersByTimeAsync(8 * 60_000)
  await done
  expect(ended).toEqual(['taken'])
  const gaps = heardAtMs.map((atMs, at) => atMs - (heardAtMs[at - 1] ?? 0))
  // One that is not heard by a wallet that is away does not make the next too late.
  expect(Math.max(...gaps) * 2).toBeLessThan(READING_LEASE_MS)
  const heard = heardAtMs.length
  await vi.advanceTimersByTimeAsync(10 * 60_000)
  expect(heardAtMs).toHaveLength(heard)
})

test('a scan that fails, or throws, is told of no longer', async () => {
  for (const outcome of ['refused', 'thrown']) {
    const { heardAtMs, done } = carrier(async () => {
      await after(12_000)
      if (outcome === 'thrown') throw new Error('a defect')
      return err({ reason: 'node_refused', detail: 'busy' })
    })
    const settled = done.catch(() => {})
    await vi.advanceTimersByTimeAsync(12_000)
    await settled
    expect(heardAtMs).toEqual([5_000, 10_000])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(heardAtMs).toHaveLength(2)
  }
})

test('a scan that never ends is given up: its wallet may have another', async () => {
  const { heardAtMs } = carrier(() => new Promise(() => {}))
  await vi.advanceTimersByTimeAsync(60 * 60_000)
  expect(heardAtMs.at(-1)).toBe(12 * 60_000)
})
