import { err, ok } from '../../lib/result.ts'
import { readPrice, trim } from '../decimal.ts'
import { answerOf, asRecord, type RateSource, readJson } from './source.ts'

/** Assets asked for in one round at most, one request each. */
const BASES_MAX = 20

/** Coinbase redeems USDC at one dollar by decree; that is not a market price, and USDC must be able to lose its peg here. */
const PEGGED = ['USDC']

/**
 * Coinbase's exchange rates, one request per base: `{"data":{"currency":"BTC","rates":{"EUR":"56789.12",…}}}`.
 * https://docs.cdp.coinbase.com/coinbase-app/docs/api-exchange-rates
 * Its rates are middle prices already. An unknown currency is answered with 400 (or 404).
 */
export const coinbase: RateSource = {
  name: 'coinbase',
  requests(pairs) {
    const bases = [...new Set(pairs.map((pair) => pair.base))].filter((base) => !PEGGED.includes(base)).slice(0, BASES_MAX)
    return bases.map((base) => ({
      url: `https://api.coinbase.com/v2/exchange-rates?currency=${encodeURIComponent(base)}`,
      pairs: pairs.filter((pair) => pair.base === base),
      absentStatuses: [400, 404],
    }))
  },
  read(body, pairs, nowMs) {
    const data = asRecord(asRecord(readJson(body))?.data)
    const rates = asRecord(data?.rates)
    if (rates === null) return err({ reason: 'unexpected_body', detail: 'no data.rates' })
    const answered = pairs.filter((pair) => pair.base === data?.currency)
    if (answered.length === 0) return err({ reason: 'unexpected_body', detail: 'rates of another currency than asked' })
    return ok(
      answerOf('coinbase', answered, (pair) => {
        if (!Object.hasOwn(rates, pair.quote)) return null
        const price = readPrice(rates[pair.quote])
        return { price: price && trim(price), atMs: nowMs }
      }),
    )
  },
}
