import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Asset } from '../../src/money/asset.ts'
import {
  type FeePlan,
  type FeeRule,
  feeOn,
  feeRule,
  type MethodFee,
  methodFee,
  NO_FEES,
  partnerShare,
  withMargin,
} from '../../src/money/fee.ts'
import { quoteUnits, type Rate, worthUnits } from '../../src/money/rate.ts'

const asset = (code: string, decimals: number): Asset => ({
  code,
  id: code,
  kind: 'native',
  chainId: 'chain',
  decimals,
  name: code,
  ticker: code,
  contract: null,
})
const BTC = asset('BTC', 8)
const EUR: Asset = { ...asset('EUR', 2), kind: 'fiat', chainId: null }
/** 60,000.00 EUR a bitcoin: a cent is 16.67 satoshi. */
const RATE: Rate = { base: 'BTC', quote: 'EUR', value: 6_000_000n, scale: 2, sources: ['test'], atMs: 1, fixed: false }
const IN_EUR = { currency: EUR, rate: RATE }

const rule = (changes: Partial<Extract<FeeRule, { model: 'fee' }>> = {}): FeeRule => ({
  model: 'fee',
  bps: 0,
  fixed: 0n,
  min: null,
  max: null,
  ...changes,
})
const plan = (changes: Partial<FeePlan>): FeePlan => ({ ...NO_FEES, ...changes })
/** What the rule takes of so many satoshi. */
function feeOf(changes: Parameters<typeof rule>[0], units: bigint): bigint {
  const fee = methodFee(plan({ default: rule(changes) }), { asset: BTC, units, market: units }, IN_EUR)
  if (!fee.ok) throw new Error(fee.error)
  return fee.value?.whole ?? 0n
}

describe('the fee on a whole price', () => {
  test('is the percentage, rounded down', () => {
    expect(feeOf({ bps: 100 }, 100_000n)).toBe(1_000n)
    expect(feeOf({ bps: 100 }, 199n)).toBe(1n)
    expect(feeOf({ bps: 100 }, 99n)).toBe(0n)
    expect(feeOf({ bps: 1 }, 10_000n)).toBe(1n)
  })

  test('has a fixed part in the plan’s currency, worth so much at the invoice’s rate, rounded down', () => {
    expect(feeOf({ fixed: 10n }, 100_000n)).toBe(166n)
    expect(feeOf({ bps: 100, fixed: 10n }, 100_000n)).toBe(1_166n)
  })

  test('is at least the minimum and at most the maximum', () => {
    expect(feeOf({ bps: 100, min: 60n }, 99_900n)).toBe(1_000n)
    expect(feeOf({ bps: 100, min: 60n }, 100_100n)).toBe(1_001n)
    expect(feeOf({ bps: 100, max: 60n }, 99_900n)).toBe(999n)
    expect(feeOf({ bps: 100, max: 60n }, 1_000_000n)).toBe(1_000n)
    expect(feeOf({ bps: 100, fixed: 60n, min: 60n, max: 90n }, 100_000n)).toBe(1_500n)
  })

  test('is never more than the price', () => {
    expect(feeOf({ fixed: 100n }, 1_000n)).toBe(1_000n)
    expect(feeOf({ min: 100n }, 1_000n)).toBe(1_000n)
  })

  test('is nothing at all without a rule that takes something', () => {
    for (const nothing of [NO_FEES, plan({ default: rule({ max: 0n, bps: 50 }) }), plan({ default: { model: 'margin', bps: 9 } })])
      expect(methodFee(nothing, { asset: BTC, units: 1_000n, market: 1_000n }, IN_EUR)).toEqual({ ok: true, value: null })
  })

  test('in a plan of the asset itself needs no rate: its amounts are what they are', () => {
    const fee = methodFee(
      plan({ default: rule({ fixed: 7n, bps: 10 }) }),
      { asset: BTC, units: 1_000n, market: 1_000n },
      { currency: BTC, rate: null },
    )
    expect(fee).toEqual({ ok: true, value: { model: 'fee', whole: 8n, marginBps: null, partner: null } })
  })

  test('cannot be told when the plan has an amount and there is no rate for it', () => {
    const fee = (changes: Parameters<typeof rule>[0]) =>
      methodFee(plan({ default: rule(changes) }), { asset: BTC, units: 1_000n, market: 1_000n }, { currency: EUR, rate: undefined })
    for (const amount of [{ fixed: 1n }, { min: 1n }, { max: 1n }, { max: 0n }])
      expect(fee({ bps: 100, ...amount })).toEqual({ ok: false, error: 'no_rate' })
    for (const amount of [{}, { fixed: 0n }, { min: 0n }])
      expect(fee({ bps: 100, ...amount })).toMatchObject({ value: { whole: 10n } })
  })

  test('follows the method’s own rule before the default', () => {
    const own = plan({ default: rule({ bps: 100 }), methods: { BTC: rule({ bps: 200 }) } })
    expect(feeRule(own, 'BTC')).toMatchObject({ bps: 200 })
    expect(feeRule(own, 'ETH')).toMatchObject({ bps: 100 })
    expect(feeRule(own, 'constructor')).toMatchObject({ bps: 100 })
  })
})

describe('a margin', () => {
  test('makes the rate worse, exactly, and is what the shopper pays more', () => {
    const worse = withMargin(RATE, 50)
    expect(worse).toEqual({ ...RATE, value: 59_700_000_000n, scale: 6 })
    const units = quoteUnits(6_000n, 2, worse, 8)
    expect(units).toBe(100_503n)
    const partner = { id: 'acme', shareBps: 2_000 }
    const margin = plan({ default: rule({ bps: 500 }), methods: { BTC: { model: 'margin', bps: 50 } }, partner })
    expect(methodFee(margin, { asset: BTC, units, market: 100_000n }, { currency: EUR, rate: undefined })).toEqual({
      ok: true,
      value: { model: 'margin', whole: 503n, marginBps: 50, partner },
    })
  })

  test('of nothing leaves the rate as it is', () => {
    expect(withMargin(RATE, 0)).toBe(RATE)
  })
})

const units = fc.bigInt({ min: 1n, max: 10n ** 24n })
const amount = fc.bigInt({ min: 0n, max: 10n ** 6n })
const bps = fc.integer({ min: 0, max: 2_000 })
const anyRule = fc
  .record({ bps, fixed: amount, min: fc.option(amount), over: fc.option(amount) })
  .map(({ over, ...some }) => rule({ ...some, max: over === null ? null : (some.min ?? 0n) + over }))
const anyPartner = fc.record({ id: fc.constant('acme'), shareBps: fc.integer({ min: 0, max: 10_000 }) })
const anyFee = fc.tuple(anyRule, units, anyPartner).map(([some, whole, partner]): { fee: MethodFee; whole: bigint } => {
  const fee = methodFee(plan({ default: some, partner }), { asset: BTC, units: whole, market: whole }, IN_EUR)
  if (!fee.ok) throw new Error(fee.error)
  return { whole, fee: fee.value ?? { model: 'fee', whole: 0n, marginBps: null, partner } }
})

describe('for any plan', () => {
  test('a fee is never over the amount, and grows with it', () => {
    fc.assert(
      fc.property(anyRule, units, units, (some, one, more) => {
        const fee = (of: bigint) => {
          const found = methodFee(plan({ default: some }), { asset: BTC, units: of, market: of }, IN_EUR)
          return (found.ok ? found.value?.whole : undefined) ?? 0n
        }
        expect(fee(one)).toBeLessThanOrEqual(one)
        expect(fee(one + more)).toBeGreaterThanOrEqual(fee(one))
      }),
    )
  })

  test('it is within the limits of the plan, to the base unit', () => {
    fc.assert(
      fc.property(anyRule, units, (some, of) => {
        if (some.model !== 'fee') return
        const fee = feeOf(some, of)
        const limit = (euros: bigint) => worthUnits(euros, 2, RATE, 8)
        if (some.max !== null) expect(fee).toBeLessThanOrEqual(limit(some.max))
        if (some.min !== null && limit(some.min) <= of) expect(fee).toBeGreaterThanOrEqual(limit(some.min))
      }),
    )
  })

  test('the parts of a fee are all of it', () => {
    fc.assert(
      fc.property(units, anyPartner, (fee, partner) => {
        const share = partnerShare(fee, partner)
        expect(share).toBeGreaterThanOrEqual(0n)
        expect(share).toBeLessThanOrEqual(fee)
        expect(share * 10_000n).toBeLessThanOrEqual(fee * BigInt(partner.shareBps))
        expect((share + 1n) * 10_000n).toBeGreaterThan(fee * BigInt(partner.shareBps))
      }),
    )
  })

  test('paying in parts never costs more than paying at once, and what is paid in whole costs exactly the fee', () => {
    fc.assert(
      fc.property(anyFee, fc.array(fc.bigInt({ min: 0n, max: 10n ** 24n }), { maxLength: 8 }), ({ fee, whole }, cuts) => {
        const ends = [...cuts.map((cut) => cut % whole), 0n, whole].sort((a, b) => (a < b ? -1 : 1))
        const parts = ends.slice(1).map((end, at) => end - (ends[at] ?? 0n))
        const apart = parts.reduce((sum, part) => sum + feeOn(part, whole, fee), 0n)
        expect(apart).toBeLessThanOrEqual(fee.whole)
        expect(fee.whole - apart).toBeLessThan(BigInt(parts.length))
        expect(feeOn(whole, whole, fee)).toBe(fee.whole)
      }),
    )
  })

  test('a margin is the whole difference to the market, about its basis points', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 10n ** 12n }), fc.bigInt({ min: 1n, max: 10n ** 12n }), bps, (price, value, margin) => {
        const market = quoteUnits(price, 2, { value, scale: 2 }, 8)
        const shown = quoteUnits(price, 2, withMargin({ ...RATE, value }, margin), 8)
        const fee = methodFee(plan({ default: { model: 'margin', bps: margin } }), { asset: BTC, units: shown, market }, IN_EUR)
        const whole = (fee.ok && fee.value?.whole) || 0n
        expect(market + whole).toBe(shown)
        // shown * (1 - bps) pays the price at the market's rate, within a unit of rounding on each side
        expect(shown * BigInt(10_000 - margin)).toBeGreaterThanOrEqual((market - 1n) * 10_000n)
        expect((shown - 1n) * BigInt(10_000 - margin)).toBeLessThan(market * 10_000n)
      }),
    )
  })
})
