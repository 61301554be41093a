import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DEVELOPMENT_CHAINS } from '../../../config/development.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { expandChains } from '../../../src/money/presets.ts'
import { houseFeeMax, sweepFeeMax } from '../../../src/wallet/transfers/limits.ts'

const MILLI = 10n ** 15n
const chainOf = (preset: object): ChainConfig => expandChains([preset])[0] as ChainConfig

describe('the most that a fee may be when nobody has said', () => {
  test('goes by the price of gas of the chain, whatever its coin is worth', () => {
    const ethereum = chainOf({ preset: 'ethereum' })
    expect(houseFeeMax(ethereum, 1)).toBe(30n * MILLI)
    expect(houseFeeMax(chainOf({ preset: 'base' }), 1)).toBe(2n * MILLI)
    expect(houseFeeMax(chainOf({ preset: 'polygon' }), 1)).toBe(500n * MILLI)
    expect(houseFeeMax(chainOf({ preset: 'ethereum', gasPriceMaxGwei: 100 }), 1)).toBe(10n * MILLI)
    expect(houseFeeMax(chainOf({ preset: 'base', gasPriceMaxGwei: 0.25 }), 1)).toBe(25n * 10n ** 12n)
    const { gasPriceMaxGwei: _, ...unpriced } = ethereum
    expect(houseFeeMax(unpriced, 1)).toBe(50n * MILLI)
  })

  test('leaves room for as much as one transaction may do, at a third of the price', () => {
    // Measured on anvil, as limits are planned: a fifth over, and 25,000 for each authorization.
    const ethereum = chainOf({ preset: 'ethereum' })
    const third = 100n * 10n ** 9n
    const hundred = (2_957_097n * 6n) / 5n + 100n * 25_000n
    expect(hundred * third).toBeLessThan(houseFeeMax(ethereum, 0, 100))
    expect(((460_972n * 6n) / 5n) * third).toBeLessThan(houseFeeMax(ethereum, 0, 0))
    expect(((53_006n * 6n) / 5n + 25_000n) * third).toBeLessThan(houseFeeMax(ethereum, 0, 1))
    expect(((580_928n * 6n) / 5n + 25_000n) * third).toBeLessThan(houseFeeMax(ethereum, 20))
    // Alone, an address takes no more than a payment.
    expect(houseFeeMax(ethereum, 0)).toBe(houseFeeMax(ethereum, 1))
  })

  test('is in coins where there is no gas', () => {
    const [bitcoin] = DEVELOPMENT_CHAINS
    expect(bitcoin && houseFeeMax(bitcoin, 2)).toBe(110_000n)
  })
})

describe('the most that a sweep may cost', () => {
  const ethereum = chainOf({ preset: 'ethereum' })

  test('is a quarter of what it brings, in the chain’s own asset or by what that is taken for at most', () => {
    expect(sweepFeeMax(ethereum, 'ETH', 8n * MILLI)).toBe(2n * MILLI)
    // 100 dollars are a hundredth of ether taken for 10,000.
    expect(sweepFeeMax(ethereum, 'USDC', 100_000_000n)).toBe((10n * MILLI) / 4n)
    expect(sweepFeeMax(chainOf({ preset: 'polygon' }), 'USDT-POLYGON', 1_000_000n)).toBe(50n * MILLI)
    const [usdc] = ethereum.tokens
    const half = { ...ethereum, tokens: usdc ? [{ ...usdc, perNativeMax: 0.5 }] : [] }
    expect(sweepFeeMax(half, 'USDC', 1_000_000n)).toBe(500n * MILLI)
    expect(sweepFeeMax(ethereum, 'USDC', 0n)).toBe(0n)
  })

  test('is nobody’s to say of what has no worth in the configuration', () => {
    expect(sweepFeeMax(chainOf({ preset: 'sepolia' }), 'USDC-SEPOLIA', 1_000_000n)).toBeNull()
    expect(sweepFeeMax(ethereum, 'BTC', 1_000_000n)).toBeNull()
  })

  test('never lets the fee pass a quarter, whatever comes', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 15n), fc.integer({ min: 1, max: 10 ** 9 }), (units, perNativeMax) => {
        const tokens = ethereum.tokens.map((token) => ({ ...token, perNativeMax }))
        const feeMax = sweepFeeMax({ ...ethereum, tokens }, 'USDC', units) ?? 0n
        expect(feeMax * 4n * BigInt(perNativeMax)).toBeLessThanOrEqual(units * 10n ** 12n)
      }),
    )
  })
})
