import { FIAT_ASSETS } from '../money/asset.ts'
import { assetsOf } from '../money/chain.ts'
import type { Registry } from '../money/registry.ts'

export interface Pair {
  readonly base: string
  readonly quote: string
}

/** More than any installation of ours asks for; a longer list is cut, so that one message stays far under 128 KB. */
export const PAIRS_MAX = 500

/** Currencies the market quotes in dollars (EUR/USD); every other one is quoted per dollar (USD/JPY). */
const QUOTED_IN_DOLLARS = ['EUR', 'GBP']

/** The pair under which a fiat currency trades against the dollar, as the market writes it; null for the dollar itself. */
export function dollarPair(fiat: string): Pair | null {
  if (fiat === 'USD') return null
  return QUOTED_IN_DOLLARS.includes(fiat) ? { base: fiat, quote: 'USD' } : { base: 'USD', quote: fiat }
}

/** Every ticker of the installation in every fiat currency, then the fiat pairs that crosses through the dollar need. */
export function wantedPairs(registry: Registry): Pair[] {
  const tickers = new Set(registry.chains.flatMap(assetsOf).map((asset) => asset.ticker))
  const direct = [...tickers].flatMap((base) => FIAT_ASSETS.map((fiat) => ({ base, quote: fiat.ticker })))
  const fiat = FIAT_ASSETS.flatMap((currency) => dollarPair(currency.ticker) ?? [])
  return [...fiat, ...direct].slice(0, PAIRS_MAX)
}

export function pairName(pair: Pair): string {
  return `${pair.base}/${pair.quote}`
}
