import fc from 'fast-check'
import { expect, test } from 'vitest'
import { retryDelayMs } from '../../src/checkout/client/retry.ts'
import { countdownText } from '../../src/checkout/countdown.ts'

test.each([
  [0, '0:00'],
  [-5000, '0:00'],
  [1, '0:01'],
  [60_000, '1:00'],
  [899_001, '15:00'],
  [3_600_000, '1:00:00'],
  [172_799_000, '47:59:59'],
])('%i ms left is %s', (leftMs, text) => {
  expect(countdownText(leftMs)).toBe(text)
})

test('reconnecting waits longer each time, up to half a minute, and never all at once', () => {
  fc.assert(
    fc.property(fc.nat(100), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
      const delay = retryDelayMs(attempt, random)
      const full = Math.min(500 * 2 ** attempt, 30_000)
      expect(delay).toBeGreaterThanOrEqual(full / 2)
      expect(delay).toBeLessThanOrEqual(full)
    }),
  )
})
