import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Output } from '../../src/gateways/spend.ts'
import { SignerBook } from '../../src/signer/book.ts'
import { destinationsOf, unitsOf } from '../../src/signer/intent.ts'
import { DAY_MS, HOUR_MS } from '../../src/signer/limits.ts'
import type { AssetPolicy } from '../../src/signer/policy.ts'
import type { Intent } from '../../src/signer/rpc.ts'
import { openRows } from '../ledger/sqlite.ts'
import { ask, COVERED, chain, ENVELOPE, intent, NOW, plan, policy, registry, SHOPPERS } from './builders.ts'

/** A signer over rows, a clock that tests turn, and a record of its own of what it gave out. */
function signer(changes: Partial<AssetPolicy>) {
  const rows = openRows()
  let book = new SignerBook(rows.sql, registry)
  rows.step(() => book.importSeed(ENVELOPE, 'tpub', 'Ada', NOW))
  rows.step(() => book.setPolicy(policy(changes), 'Ada', NOW))
  /** First signatures, at the time the log says. */
  const given: { atMs: number; intent: Intent }[] = []
  const fees: { atMs: number; fee: bigint }[] = []
  const highest = new Map<string, bigint>()
  return {
    given,
    fees,
    restart() {
      book = new SignerBook(rows.sql, registry)
    },
    /** As object.ts does it, without keys. */
    sign(wanted: Intent, fee: bigint, clockMs: number) {
      const asked = ask(wanted, plan([wanted.id], { fee }))
      const hash = `${wanted.id}/${fee}`
      return rows.step(() => {
        const kept = book.find(wanted, hash)
        if (!kept.ok) return kept.error
        if (kept.value) return 'again'
        const facts = book.isSigned(wanted.id) ? null : COVERED
        const verdict = book.decide(asked, facts, clockMs)
        if (!verdict.ok) {
          book.refuse(wanted, verdict.error, clockMs)
          return verdict.error
        }
        book.keep(asked, hash, { txid: hash, raw: '00' }, verdict.value, [], clockMs)
        const { atMs } = book.head()
        const before = highest.get(wanted.id)
        if (before === undefined) given.push({ atMs, intent: wanted })
        if (fee > (before ?? 0n)) {
          fees.push({ atMs, fee: fee - (before ?? 0n) })
          highest.set(wanted.id, fee)
        }
        return 'signed'
      })
    },
  }
}

/** The most that any window of this length holds: every window that is fullest ends at one of the pieces. */
function fullest(pieces: readonly { atMs: number; units: bigint }[], lengthMs: number): bigint {
  const sums = pieces.map(({ atMs: end }) =>
    pieces.filter(({ atMs }) => atMs <= end && atMs > end - lengthMs).reduce((sum, { units }) => sum + units, 0n),
  )
  return sums.sort((one, other) => (one < other ? -1 : 1)).at(-1) ?? 0n
}

const LIMITS = {
  perTransfer: 60n,
  perHour: 100n,
  perDay: 150n,
  perDestinationPerDay: 80n,
  perStorePerDay: 120n,
  autoApproveUpTo: { refund: 60n, payout: 60n },
  fee: { max: 40n, bps: null, floor: 0n, perDay: 90n },
} as const

const output = fc.record({ address: fc.constantFrom(...SHOPPERS), units: fc.bigInt({ min: 1n, max: 35n }) })
const request = fc.record({
  do: fc.constant('sign' as const),
  /** Few ids, so that many come again: the same, with another fee, or for something else. */
  id: fc.integer({ min: 0, max: 25 }),
  storeId: fc.constantFrom('st_1', 'st_2'),
  outputs: fc.array(output, { minLength: 1, maxLength: 2 }),
  fee: fc.bigInt({ min: 1n, max: 45n }),
})
const step = fc.oneof(
  { weight: 6, arbitrary: request },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('again' as const),
      id: fc.integer({ min: 0, max: 25 }),
      fee: fc.bigInt({ min: 1n, max: 45n }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('clock' as const), byMs: fc.integer({ min: -DAY_MS, max: 2 * HOUR_MS }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('clock' as const), byMs: fc.integer({ min: 0, max: DAY_MS }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
)

describe('limits', () => {
  test('no window’s outflow passes its limit: any requests, repeats, bumps, restarts, and a clock that runs as it likes', () => {
    let signatures = 0
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }), (steps) => {
        const at = signer(LIMITS)
        const asked = new Map<number, { storeId: string; outputs: Output[] }>()
        let nowMs = NOW
        for (const turn of steps) {
          if (turn.do === 'restart') at.restart()
          if (turn.do === 'clock') nowMs += turn.byMs
          if (turn.do === 'sign') {
            asked.set(turn.id, turn)
            at.sign(intent(String(turn.id), { storeId: turn.storeId, outputs: turn.outputs }), turn.fee, nowMs)
          }
          const before = turn.do === 'again' ? asked.get(turn.id) : undefined
          if (turn.do === 'again' && before) {
            at.sign(intent(String(turn.id), { storeId: before.storeId, outputs: before.outputs }), turn.fee, nowMs)
          }
        }
        signatures += at.given.length
        const all = at.given.map(({ atMs, intent: one }) => ({ atMs, units: unitsOf(one), one }))
        for (const { units } of all) expect(units <= LIMITS.perTransfer).toBe(true)
        expect(fullest(all, HOUR_MS) <= LIMITS.perHour).toBe(true)
        expect(fullest(all, DAY_MS) <= LIMITS.perDay).toBe(true)
        for (const storeId of ['st_1', 'st_2']) {
          const ofStore = all.filter(({ one }) => one.storeId === storeId)
          expect(fullest(ofStore, DAY_MS) <= LIMITS.perStorePerDay).toBe(true)
        }
        const destinations = all.flatMap(({ atMs, one }) =>
          Object.entries(destinationsOf(one, chain)).map(([to, units]) => ({ atMs, to, units })),
        )
        for (const to of new Set(destinations.map((piece) => piece.to))) {
          const there = destinations.filter((piece) => piece.to === to)
          expect(fullest(there, DAY_MS) <= LIMITS.perDestinationPerDay).toBe(true)
        }
        const fees = at.fees.map(({ atMs, fee }) => ({ atMs, units: fee }))
        expect(fullest(fees, DAY_MS) <= LIMITS.fee.perDay).toBe(true)
        expect(at.given.map(({ intent: { id } }) => id)).toEqual([...new Set(at.given.map(({ intent: { id } }) => id))])
      }),
      { numRuns: 200 },
    )
    // Nothing would pass a limit where nothing is signed.
    expect(signatures).toBeGreaterThan(500)
  }, 30_000)

  test('a clock that goes back frees no room, and what was used comes free a window later', () => {
    const at = signer(LIMITS)
    const pay = (id: string, units: bigint, atMs: number) =>
      at.sign(intent(id, { outputs: [{ address: SHOPPERS[0], units }] }), 1n, atMs)
    expect(pay('a', 50n, NOW)).toBe('signed')
    expect(pay('b', 31n, NOW - 10 * DAY_MS)).toMatchObject({ limit: 'per_destination_per_day', retryAtMs: NOW + DAY_MS })
    expect(pay('b', 31n, NOW + DAY_MS - 1)).toMatchObject({ reason: 'limit_reached' })
    expect(pay('b', 31n, NOW + DAY_MS)).toBe('signed')
    // Refused requests at a later time are remembered too.
    expect(pay('c', 61n, NOW + 5 * DAY_MS)).toMatchObject({ limit: 'per_transfer', retryAtMs: null })
    expect(pay('d', 50n, NOW + DAY_MS)).toBe('signed')
  })

  test('says which limit and when there is room', () => {
    const at = signer({ ...LIMITS, perDestinationPerDay: 1_000n, perStorePerDay: 1_000n })
    const pay = (id: string, units: bigint, atMs: number) =>
      at.sign(intent(id, { outputs: [{ address: SHOPPERS[0], units }] }), 1n, atMs)
    expect(pay('a', 60n, NOW)).toBe('signed')
    expect(pay('b', 40n, NOW + 1_000)).toBe('signed')
    expect(pay('c', 1n, NOW + 2_000)).toMatchObject({ limit: 'per_hour', retryAtMs: NOW + HOUR_MS })
    expect(pay('c', 50n, NOW + HOUR_MS)).toBe('signed')
    expect(pay('d', 10n, NOW + 2 * HOUR_MS)).toMatchObject({ limit: 'per_day', retryAtMs: NOW + DAY_MS })
  })

  test('fees are limited by the day, and a bump counts by what it adds', () => {
    const at = signer(LIMITS)
    const sweep = (id: string, fee: bigint) => at.sign(intent(id, { kind: 'sweep', outputs: [] }), fee, NOW)
    expect(sweep('a', 40n)).toBe('signed')
    expect(sweep('b', 30n)).toBe('signed')
    expect(sweep('b', 40n)).toBe('signed')
    expect(sweep('c', 11n)).toMatchObject({ limit: 'fees_per_day', retryAtMs: NOW + DAY_MS })
    expect(sweep('d', 10n)).toBe('signed')
    expect(sweep('e', 41n)).toMatchObject({ reason: 'fee_over_limit' })
  })
})
