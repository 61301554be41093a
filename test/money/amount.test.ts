import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { divideDown, divideUp, formatDecimal, greater, lesser, MAX_UNITS, parseDecimal } from '../../src/money/amount.ts'

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
    ['1.0000', 2, 100n],
    ['1.0500', 2, 105n],
    [`${'0'.repeat(79)}7`, 0, 7n],
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

  test('over the largest amount, the largest of 128 bits with a sign, is refused', () => {
    expect(MAX_UNITS).toBe(BigInt.asIntN(128, 2n ** 127n - 1n))
    expect(BigInt.asIntN(128, MAX_UNITS + 1n)).toBeLessThan(0n)
    expect(parseDecimal(MAX_UNITS.toString(), 0).ok).toBe(true)
    expect(parseDecimal((MAX_UNITS + 1n).toString(), 0)).toEqual({ ok: false, error: 'out_of_range' })
  })

  test('negative figures keep their sign, and nothing has none', () => {
    expect(formatDecimal(-5n, 2)).toBe('-0.05')
    expect(formatDecimal(-120n, 0)).toBe('-120')
    expect(formatDecimal(0n, 2)).toBe('0.00')
  })

  test.each([
    [1250n, 2, 0, '12.5'],
    [1200n, 2, 0, '12'],
    [1200n, 2, 1, '12.0'],
    [1200n, 2, 2, '12.00'],
    [1_0001n, 4, 0, '1.0001'],
    [1n, 8, 2, '0.00000001'],
    [100_000_000n, 8, 2, '1.00'],
    [10n, 0, 0, '10'],
  ])('%d base units with %i decimals, at least %i shown, are %s', (value, places, minFraction, text) => {
    expect(formatDecimal(value, places, minFraction)).toBe(text)
  })
})

describe('division', () => {
  test('rounds down or up to the neighbours of the exact quotient, which are one where it is whole', () => {
    fc.assert(
      fc.property(units, fc.bigInt({ min: 1n, max: MAX_UNITS }), (numerator, denominator) => {
        const [down, up] = [divideDown(numerator, denominator), divideUp(numerator, denominator)]
        expect(down * denominator).toBeLessThanOrEqual(numerator)
        expect(up * denominator).toBeGreaterThanOrEqual(numerator)
        expect(up - down).toBe(numerator % denominator === 0n ? 0n : 1n)
      }),
    )
  })
})

test('of two amounts the lesser and the greater, whichever comes first', () => {
  for (const [one, other] of [
    [1n, 2n],
    [2n, 1n],
  ] as const)
    expect([lesser(one, other), greater(one, other)]).toEqual([1n, 2n])
  expect([lesser(-1n, 0n), greater(-1n, 0n)]).toEqual([-1n, 0n])
})
