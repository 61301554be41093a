import { divideDown, divideUp } from './amount.ts'
import type { Share } from './share.ts'

/**
 * The price of one whole `base` in `quote`: value / 10 ** scale. Tickers, not assets: USDC has one rate on all chains.
 * It carries where it came from and is locked into the invoice as it is.
 */
export interface Rate {
  readonly base: string
  readonly quote: string
  readonly value: bigint
  readonly scale: number
  /** Names of the sources whose median this is, for example `['coinbase', 'kraken']`. */
  readonly sources: readonly string[]
  /** When the oldest of the quotes used was taken. */
  readonly atMs: number
  /** A made-up rate for development; pages and API say so. */
  readonly fixed: boolean
}

type PlainRate = Pick<Rate, 'value' | 'scale'>

/** Units of the base asset that pay `priceUnits` of the quote asset, rounded up to the payer's base unit. */
export function quoteUnits(priceUnits: bigint, priceDecimals: number, rate: PlainRate, baseDecimals: number): bigint {
  const { numerator, denominator } = unitsOf(priceUnits, priceDecimals, rate, baseDecimals)
  return divideUp(numerator, denominator)
}

/** Units of the base asset that `priceUnits` of the quote asset are worth, rounded down: what is taken is never more. */
export function worthUnits(priceUnits: bigint, priceDecimals: number, rate: PlainRate, baseDecimals: number): bigint {
  const { numerator, denominator } = unitsOf(priceUnits, priceDecimals, rate, baseDecimals)
  return divideDown(numerator, denominator)
}

/** Exactly: price / 10^priceDecimals / (value / 10^scale) * 10^baseDecimals */
function unitsOf(priceUnits: bigint, priceDecimals: number, rate: PlainRate, baseDecimals: number): Share {
  return {
    numerator: priceUnits * 10n ** BigInt(rate.scale) * 10n ** BigInt(baseDecimals),
    denominator: rate.value * 10n ** BigInt(priceDecimals),
  }
}

/** Digits of a crossed rate: enough that the cheapest token priced in the dearest keeps its figures. */
const CROSS_SCALE = 18

/**
 * base in quote over a currency both are priced in: (base/via) / (quote/via), rounded down, so that the payer's
 * units round up. Null when the result would be zero.
 */
export function crossRate(base: Rate, quote: Rate): Rate | null {
  const value = (base.value * 10n ** BigInt(quote.scale + CROSS_SCALE)) / (quote.value * 10n ** BigInt(base.scale))
  if (value === 0n) return null
  return {
    base: base.base,
    quote: quote.base,
    value,
    scale: CROSS_SCALE,
    sources: [...new Set([...base.sources, ...quote.sources])],
    atMs: Math.min(base.atMs, quote.atMs),
    fixed: base.fixed || quote.fixed,
  }
}
