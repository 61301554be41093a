import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  ATTEMPTS_MAX,
  afterAttempt,
  DISABLE_AFTER_MS,
  healthAfter,
  type Outage,
  type Outcome,
  QUIET_MS,
  RETRY_AFTER_MAX_MS,
  RETRY_DELAYS_MS,
} from '../../src/delivery/schedule.ts'

const HOUR = 3_600_000

const outcomes: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({
    kind: fc.constant('answered' as const),
    status: fc.integer({ min: 200, max: 599 }),
    retryAfterMs: fc.option(fc.integer({ min: -HOUR, max: 100 * HOUR })),
  }),
  fc.constant({ kind: 'no_answer' as const }),
  fc.constant({ kind: 'no_report' as const }),
)
const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const times = fc.integer({ min: 0, max: 4e12 })

test('the schedule is that of Standard Webhooks: ten attempts over 75 h 35 min', () => {
  expect(ATTEMPTS_MAX).toBe(10)
  expect(RETRY_DELAYS_MS.reduce((sum, delay) => sum + delay, 0)).toBe(75 * HOUR + 35 * 60_000 + 5_000)
})

test('only 2xx is delivered, and what is delivered needs nothing more', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: ATTEMPTS_MAX }), outcomes, times, randoms, (attempts, outcome, nowMs, random) => {
      const good = outcome.kind === 'answered' && outcome.status >= 200 && outcome.status < 300
      expect(afterAttempt(attempts, outcome, nowMs, random).state === 'delivered').toBe(good)
    }),
  )
})

test('a failure waits at least its delay and at most a tenth more, or what Retry-After asks up to a day and a tenth', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: ATTEMPTS_MAX }), outcomes, times, randoms, (attempts, outcome, nowMs, random) => {
      const next = afterAttempt(attempts, outcome, nowMs, random)
      if (next.state !== 'waiting') return
      const delay = RETRY_DELAYS_MS[attempts - 1] as number
      const polite = outcome.kind === 'answered' && (outcome.status === 429 || outcome.status === 503)
      const asked = polite ? Math.min(outcome.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS) : 0
      const wait = next.atMs - nowMs
      expect(wait).toBeGreaterThanOrEqual(Math.max(delay, asked))
      expect(wait).toBeLessThanOrEqual(Math.max(delay, asked) * 1.1)
    }),
  )
})

test('a delivery is never dropped early: it fails only at the tenth failure or at 410', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: ATTEMPTS_MAX }), outcomes, times, randoms, (attempts, outcome, nowMs, random) => {
      const gone = outcome.kind === 'answered' && outcome.status === 410
      const good = outcome.kind === 'answered' && outcome.status < 300
      const failed = afterAttempt(attempts, outcome, nowMs, random).state === 'failed'
      expect(failed).toBe(gone || (!good && attempts === ATTEMPTS_MAX))
    }),
  )
})

test('an endpoint is disabled by 410, or by failures alone over five days with no pause of two', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(outcomes, fc.integer({ min: 0, max: 3 * 24 * HOUR })), { maxLength: 60 }),
      times,
      (steps, startMs) => {
        let outage: Outage | null = null
        let nowMs = startMs
        let failures: number[] = []
        for (const [outcome, pauseMs] of steps) {
          nowMs += pauseMs
          const health = healthAfter(outage, outcome, nowMs)
          outage = health.outage
          if (outcome.kind === 'no_report') {
            expect(health.disable).toBeNull()
            continue
          }
          if (outcome.kind === 'answered' && outcome.status < 300) failures = []
          else {
            const last = failures.at(-1)
            failures = last !== undefined && nowMs - last > QUIET_MS ? [nowMs] : [...failures, nowMs]
          }
          const gone = outcome.kind === 'answered' && outcome.status === 410
          const first = failures[0]
          expect(health.disable !== null).toBe(gone || (first !== undefined && nowMs - first >= DISABLE_AFTER_MS))
        }
      },
    ),
  )
})

test('one event that fails on schedule to an endpoint with no other traffic never looks like two outages', () => {
  const longest = Math.max(...RETRY_DELAYS_MS, RETRY_AFTER_MAX_MS) * 1.1
  expect(longest).toBeLessThan(QUIET_MS)
})
