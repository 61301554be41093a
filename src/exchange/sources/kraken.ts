import { err, ok } from '../../lib/result.ts'
import { midPrice, readPrice } from '../decimal.ts'
import type { Pair } from '../pairs.ts'
import { answerOf, asRecord, type RateSource, readJson } from './source.ts'

/**
 * Kraken's public ticker: `{"error":[],"result":{"XXBTZUSD":{"a":["ask","lots","volume"],"b":["bid",…],…},…}}`.
 * https://docs.kraken.com/api/docs/rest-api/get-ticker-information
 * Asked for all pairs at once: a list that names one pair it does not trade is refused whole.
 */
export const kraken: RateSource = {
  name: 'kraken',
  requests: (pairs) => [{ url: 'https://api.kraken.com/0/public/Ticker', pairs, absentStatuses: [] }],
  read(body, pairs, nowMs) {
    const answer = asRecord(readJson(body))
    // Errors come with HTTP 200: `{"error":["EGeneral:Too many requests"]}`.
    const errors = answer?.error
    if (!Array.isArray(errors)) return err({ reason: 'unexpected_body', detail: 'no error list' })
    if (errors.length > 0) return err({ reason: 'refused', detail: errors.join(', ').slice(0, 200) })
    const tickers = asRecord(answer?.result)
    if (tickers === null) return err({ reason: 'unexpected_body', detail: 'no result' })
    return ok(
      answerOf('kraken', pairs, (pair) => {
        const key = keysOf(pair).find((candidate) => Object.hasOwn(tickers, candidate))
        if (key === undefined) return null
        const ticker = asRecord(tickers[key])
        return { price: midPrice(first(ticker?.b), first(ticker?.a)), atMs: nowMs }
      }),
    )
  },
}

/** Its own names of two old assets. */
const NAMES: Record<string, string> = { BTC: 'XBT', DOGE: 'XDG' }

/** Assets that may stand with a prefix in a pair's key: X for crypto, Z for fiat, of the first years only. */
const PREFIXES: Record<string, string> = {
  ...Object.fromEntries(['XBT', 'XDG', 'ETH', 'ETC', 'LTC', 'XRP', 'XLM', 'XMR', 'ZEC'].map((name) => [name, 'X'])),
  ...Object.fromEntries(['USD', 'EUR', 'GBP', 'CAD', 'JPY', 'AUD'].map((name) => [name, 'Z'])),
}

/** The keys a pair may have in the result: `XXBTZUSD`, `USDTZUSD`, `USDCUSD` are all in use. */
function keysOf(pair: Pair): string[] {
  const bases = spellings(pair.base)
  return spellings(pair.quote).flatMap((quote) => bases.map((base) => base + quote))
}

function spellings(ticker: string): string[] {
  const name = NAMES[ticker] ?? ticker
  const prefix = PREFIXES[name]
  return prefix === undefined ? [name] : [name, prefix + name]
}

function first(list: unknown) {
  return readPrice(Array.isArray(list) ? list[0] : undefined)
}
