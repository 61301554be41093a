import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crossRate, quoteUnits, type Rate } from '../../src/money/rate.ts'

const rate = (base: string, quote: string, value: bigint, scale: number): Rate => ({
  base,
  quote,
  value,
  scale,
  sources: ['test'],
  atMs: 1,
  fixed: false,
})

describe('quotes', () => {
  test('12.50 EUR at 60,000.00 EUR a bitcoin is 20,834 satoshi, rounded up', () => {
    expect(quoteUnits(1250n, 2, rate('BTC', 'EUR', 6_000_000n, 2), 8)).toBe(20_834n)
  })

  test('what is quoted covers the price, and one unit less does not', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 10n ** 12n }),
        fc.bigInt({ min: 1n, max: 10n ** 12n }),
        fc.constantFrom(0, 2, 6),
        fc.constantFrom(6, 8, 18),
        (price, value, scale, decimals) => {
          const units = quoteUnits(price, 2, { value, scale }, decimals)
          // units * value / 10^scale / 10^decimals >= price / 10^2, in whole numbers
          const worth = (of: bigint) => of * value * 100n
          const wanted = price * 10n ** BigInt(scale) * 10n ** BigInt(decimals)
          expect(worth(units)).toBeGreaterThanOrEqual(wanted)
          expect(worth(units - 1n)).toBeLessThan(wanted)
        },
      ),
    )
  })

  test('a cross names all sources and the older time, and never favours the payer', () => {
    const eth = { ...rate('ETH', 'EUR', 3_000n, 0), sources: ['kraken'], atMs: 5 }
    const btc = { ...rate('BTC', 'EUR', 70_000n, 0), sources: ['kraken', 'bitstamp'], atMs: 3 }
    const crossed = crossRate(eth, btc)
    expect(crossed).toMatchObject({ base: 'ETH', quote: 'BTC', scale: 18, atMs: 3, sources: ['kraken', 'bitstamp'] })
    expect(crossed?.value).toBe(42_857_142_857_142_857n)
  })

  test('a cross is made up as soon as one of its rates is', () => {
    const [real, madeUp] = [rate('A', 'EUR', 3n, 0), { ...rate('B', 'EUR', 2n, 0), fixed: true }]
    expect(crossRate(real, real)?.fixed).toBe(false)
    expect(crossRate(real, madeUp)?.fixed).toBe(true)
    expect(crossRate(madeUp, real)?.fixed).toBe(true)
  })

  test('a cross that rounds to nothing is no rate', () => {
    expect(crossRate(rate('A', 'EUR', 1n, 18), rate('B', 'EUR', 10n ** 12n, 0))).toBeNull()
  })
})
