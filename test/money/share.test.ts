import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Part, reaches, sumShares, unitsDue, unitsOver, unitsPaid } from '../../src/money/share.ts'

const whole = fc.bigInt({ min: 1n, max: 10n ** 24n })
const part = whole.chain((full) => fc.bigInt({ min: 0n, max: full * 2n }).map((paid): Part => ({ units: paid, whole: full })))
const parts = fc.array(part, { maxLength: 6 })

describe('shares of a price paid in several assets', () => {
  test('paying exactly what is due completes the whole, and one unit less does not', () => {
    fc.assert(
      fc.property(parts, whole, (paid, full) => {
        const due = unitsDue(sumShares(paid), full)
        expect(reaches(sumShares([...paid, { units: due, whole: full }]), 0)).toBe(true)
        if (due > 0n) expect(reaches(sumShares([...paid, { units: due - 1n, whole: full }]), 0)).toBe(false)
      }),
    )
  })

  test('due and over are never both there, and in one asset they are exact', () => {
    fc.assert(
      fc.property(whole, fc.bigInt({ min: 0n, max: 2n * 10n ** 24n }), (full, paid) => {
        const share = sumShares([{ units: paid, whole: full }])
        expect(unitsDue(share, full)).toBe(paid < full ? full - paid : 0n)
        expect(unitsOver(share, full)).toBe(paid > full ? paid - full : 0n)
      }),
    )
  })

  test('the order of payments does not matter', () => {
    fc.assert(
      fc.property(parts, (paid) => {
        const one = sumShares(paid)
        const other = sumShares([...paid].reverse())
        expect(one.numerator * other.denominator).toBe(other.numerator * one.denominator)
      }),
    )
  })

  test('the price is never shown as paid before it is', () => {
    fc.assert(
      fc.property(parts, whole, (paid, price) => {
        const share = sumShares(paid)
        if (!reaches(share, 0)) expect(unitsPaid(share, price)).toBeLessThan(price)
        else expect(unitsPaid(share, price)).toBeGreaterThanOrEqual(price)
      }),
    )
  })

  test('tolerance lets exactly its basis points be missing', () => {
    expect(reaches(sumShares([{ units: 9_900n, whole: 10_000n }]), 100)).toBe(true)
    expect(reaches(sumShares([{ units: 9_899n, whole: 10_000n }]), 100)).toBe(false)
  })
})
