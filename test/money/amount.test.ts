import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDecimal, MAX_UNITS, parseDecimal } from '../../src/money/amount.ts'

const units = fc.bigInt({ min: 0n, max: MAX_UNITS })
const decimals = fc.integer({ min: 0, max: 18 })

describe('decimals', () => {
  test('what is written is read back to the unit', () => {
    fc.assert(
      fc.property(units, decimals, fc.integer({ min: 0, max: 18 }), (value, places, minFraction) => {
        const text = formatDecimal(value, places, Math.min(minFraction, places))
        expect(parseDecimal(text, places)).toEqual({ ok: true, value })
      }),
    )
  })

  test.each([
    ['12.50', 2, 1250n],
    ['12.5', 2, 1250n],
    ['0.00000001', 8, 1n],
    ['1.000', 2, 100n],
    ['007', 0, 7n],
    ['5', 0, 5n],
  ])('%s with %i decimals', (text, places, value) => {
    expect(parseDecimal(text, places)).toEqual({ ok: true, value })
  })

  test.each(['', ' 1', '1 ', '-1', '+1', '1e3', '.5', '5.', '1,5', '0x10', 'NaN', '１２', '1_000', '1.2.3', `${'9'.repeat(81)}`])(
    '%j is not a decimal',
    (text) => {
      expect(parseDecimal(text, 2)).toEqual({ ok: false, error: 'not_a_decimal' })
    },
  )

  test('more digits than the asset has are refused, never rounded', () => {
    expect(parseDecimal('0.005', 2)).toEqual({ ok: false, error: 'too_many_digits' })
    expect(parseDecimal('1.5', 0)).toEqual({ ok: false, error: 'too_many_digits' })
  })

  test('over the largest amount is refused', () => {
    expect(parseDecimal(MAX_UNITS.toString(), 0).ok).toBe(true)
    expect(parseDecimal((MAX_UNITS + 1n).toString(), 0)).toEqual({ ok: false, error: 'out_of_range' })
  })

  test('negative figures keep their sign', () => {
    expect(formatDecimal(-5n, 2)).toBe('-0.05')
  })
})
