import { err, ok } from '../../lib/result.ts'
import { midPrice, readPrice } from '../decimal.ts'
import { pairName } from '../pairs.ts'
import { answerOf, asRecord, type RateSource, readJson } from './source.ts'

/**
 * Bitstamp's ticker of all pairs: `[{"pair":"BTC/USD","bid":"…","ask":"…","timestamp":"1686068944",…},…]`.
 * https://www.bitstamp.net/api/#tag/Tickers/operation/GetCurrencyPairTickers
 */
export const bitstamp: RateSource = {
  name: 'bitstamp',
  requests: (pairs) => [{ url: 'https://www.bitstamp.net/api/v2/ticker/', pairs, absentStatuses: [] }],
  read(body, pairs, nowMs) {
    const list = readJson(body)
    if (!Array.isArray(list)) return err({ reason: 'unexpected_body', detail: 'not a list of tickers' })
    const tickers = new Map(list.map((entry) => [asRecord(entry)?.pair, asRecord(entry)]))
    return ok(
      answerOf('bitstamp', pairs, (pair) => {
        const ticker = tickers.get(pairName(pair))
        if (!ticker) return null
        return { price: midPrice(readPrice(ticker.bid), readPrice(ticker.ask)), atMs: timeOf(ticker.timestamp, nowMs) }
      }),
    )
  },
}

/** Unix seconds in a string; a quote without a time is of now, and none is younger than now. */
function timeOf(timestamp: unknown, nowMs: number): number {
  if (typeof timestamp !== 'string' || !/^\d{1,12}$/.test(timestamp)) return nowMs
  return Math.min(Number(timestamp) * 1000, nowMs)
}
