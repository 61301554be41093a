import type { Rate } from '../money/rate.ts'
import { align, type Decimal, mean, trim } from './decimal.ts'
import { dollarPair, type Pair, pairName } from './pairs.ts'
import type { Quote } from './rpc.ts'

/** Older quotes are of no use: twice missed at the usual pace, and a fast market moves about as much as the outlier limit in it. */
export const QUOTE_AGE_MAX_MS = 2 * 60_000
/** How far ahead of ours another machine's clock may be. */
const CLOCK_SKEW_MAX_MS = 5_000
/** A quote further from the median than this, in basis points, is an outlier. */
export const OUTLIER_BPS = 200n
/** One source alone is never believed. */
export const SOURCES_MIN = 2
/** Fraction digits of a cross rate. */
const CROSS_SCALE = 18

/**
 * Decides which rates can be used now. For each pair: the median of the quotes that are fresh and within 2 % of the
 * median of all fresh ones, if at least two sources are left. Where fewer than two sources quote a pair at all,
 * it is crossed through the dollar, each leg a usable rate of its own. The order of `quotes` does not matter.
 */
export function usableRates(quotes: readonly Quote[], pairs: readonly Pair[], nowMs: number): Rate[] {
  const byPair = new Map<string, Quote[]>()
  for (const quote of newestOfEach(quotes.filter((quote) => isLive(quote, nowMs)))) {
    const name = pairName(quote)
    byPair.set(name, [...(byPair.get(name) ?? []), quote])
  }
  const direct = (pair: Pair) => agreedRate(pair, byPair.get(pairName(pair)) ?? [])
  return pairs.flatMap((pair) => {
    const quoted = (byPair.get(pairName(pair)) ?? []).length
    return (quoted >= SOURCES_MIN ? direct(pair) : crossRate(pair, direct)) ?? []
  })
}

function isLive(quote: Quote, nowMs: number): boolean {
  const ageMs = nowMs - quote.atMs
  return quote.value > 0n && ageMs <= QUOTE_AGE_MAX_MS && ageMs >= -CLOCK_SKEW_MAX_MS
}

/** One quote per source and pair: a source has one vote however often it is told. Of two at one time the lower stays. */
export function newestOfEach(quotes: readonly Quote[]): Quote[] {
  const newest = new Map<string, Quote>()
  for (const quote of quotes) {
    const key = `${quote.source} ${pairName(quote)}`
    const kept = newest.get(key)
    if (kept === undefined || quote.atMs > kept.atMs || (quote.atMs === kept.atMs && isLower(quote, kept))) newest.set(key, quote)
  }
  return [...newest.values()]
}

function agreedRate(pair: Pair, live: readonly Quote[]): Rate | null {
  if (live.length < SOURCES_MIN) return null
  const centre = median(live)
  const agreeing = live.filter((quote) => isNear(quote, centre))
  if (agreeing.length < SOURCES_MIN) return null
  return {
    base: pair.base,
    quote: pair.quote,
    ...median(agreeing),
    sources: agreeing.map((quote) => quote.source).sort(),
    atMs: Math.min(...agreeing.map((quote) => quote.atMs)),
    fixed: false,
  }
}

/**
 * base/quote = base/USD × USD/quote, or base/USD ÷ quote/USD, as the market quotes that currency. Rounded down at
 * 18 decimals: a lower price asks for more of the asset, so the rounding is never at the merchant's cost.
 * Only between an asset and a currency: no currency is ever priced through a crypto asset.
 */
function crossRate(pair: Pair, direct: (pair: Pair) => Rate | null): Rate | null {
  const fiatPair = dollarPair(pair.quote)
  if (fiatPair === null || pair.base === 'USD' || pair.quote === 'USD') return null
  const inDollars = direct({ base: pair.base, quote: 'USD' })
  const fiat = direct(fiatPair)
  if (inDollars === null || fiat === null) return null
  const value =
    fiatPair.base === 'USD'
      ? product(inDollars, fiat) / 10n ** BigInt(inDollars.scale + fiat.scale)
      : (inDollars.value * 10n ** BigInt(CROSS_SCALE + fiat.scale)) / (fiat.value * 10n ** BigInt(inDollars.scale))
  if (value === 0n) return null
  return {
    base: pair.base,
    quote: pair.quote,
    ...trim({ value, scale: CROSS_SCALE }),
    sources: [...new Set([...inDollars.sources, ...fiat.sources])].sort(),
    atMs: Math.min(inDollars.atMs, fiat.atMs),
    fixed: false,
  }
}

function product(a: Decimal, b: Decimal): bigint {
  return a.value * b.value * 10n ** BigInt(CROSS_SCALE)
}

/** The middle one; of an even count the exact mean of the two in the middle. */
function median(quotes: readonly Decimal[]): Decimal {
  const sorted = align(quotes).sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0))
  const upper = sorted[Math.floor(sorted.length / 2)] as Decimal
  return sorted.length % 2 === 1 ? trim(upper) : mean(sorted[sorted.length / 2 - 1] as Decimal, upper)
}

function isNear(quote: Decimal, centre: Decimal): boolean {
  const [a, b] = align([quote, centre]) as [Decimal, Decimal]
  const distance = a.value > b.value ? a.value - b.value : b.value - a.value
  return distance * 10_000n <= b.value * OUTLIER_BPS
}

function isLower(quote: Decimal, other: Decimal): boolean {
  const [a, b] = align([quote, other]) as [Decimal, Decimal]
  return a.value < b.value
}
