import fc from 'fast-check'
import { expect, test } from 'vitest'
import { QUOTE_AGE_MAX_MS, usableRates } from '../../src/exchange/board.ts'
import { pairName } from '../../src/exchange/pairs.ts'
import type { Quote } from '../../src/exchange/rpc.ts'
import { formatDecimal } from '../../src/money/amount.ts'
import type { Rate } from '../../src/money/rate.ts'

const NOW_MS = 1_790_000_000_000
const PAIR = { base: 'BTC', quote: 'EUR' }

/** `source base/quote decimal`, taken now. */
function quote(text: string, ageMs = 0): Quote {
  const [source = '', pair = '', decimal = ''] = text.split(' ')
  const [base = '', against = ''] = pair.split('/')
  const [whole = '', fraction = ''] = decimal.split('.')
  return { source, base, quote: against, value: BigInt(whole + fraction), scale: fraction.length, atMs: NOW_MS - ageMs }
}

function rateOf(quotes: Quote[], pair = PAIR): Rate | undefined {
  return usableRates(quotes, [pair], NOW_MS)[0]
}

const shown = (rate: Rate | undefined) => rate && formatDecimal(rate.value, rate.scale)

test('of three sources the middle one is the rate', () => {
  const rate = rateOf([quote('kraken BTC/EUR 60000'), quote('coinbase BTC/EUR 60100.50'), quote('bitstamp BTC/EUR 60050.1')])
  expect(rate).toMatchObject({ value: 600501n, scale: 1, sources: ['bitstamp', 'coinbase', 'kraken'], fixed: false })
})

test('of two sources it is their exact mean', () => {
  expect(shown(rateOf([quote('kraken BTC/EUR 60000.01'), quote('coinbase BTC/EUR 60000.02')]))).toBe('60000.015')
})

test('one source alone is not believed, however often it is told', () => {
  expect(
    rateOf([quote('kraken BTC/EUR 60000'), quote('kraken BTC/EUR 60000', 1000), quote('kraken BTC/EUR 60001', 10)]),
  ).toBeUndefined()
})

test('two sources that do not agree make no rate, nor do two pairs of them', () => {
  expect(rateOf([quote('a BTC/EUR 60000'), quote('b BTC/EUR 66000')])).toBeUndefined()
  expect(
    rateOf(['a BTC/EUR 60000', 'b BTC/EUR 60000', 'c BTC/EUR 66000', 'd BTC/EUR 66000'].map((text) => quote(text))),
  ).toBeUndefined()
})

test('an outlier is dropped and not named among the sources', () => {
  const rate = rateOf([quote('a BTC/EUR 60000'), quote('b BTC/EUR 60002'), quote('c BTC/EUR 6000')])
  expect(rate).toMatchObject({ sources: ['a', 'b'] })
  expect(shown(rate)).toBe('60001')
})

test('the rate is as old as the oldest quote that made it', () => {
  expect(rateOf([quote('a BTC/EUR 60000', 5000), quote('b BTC/EUR 60000', 70_000), quote('c BTC/EUR 60001', 1)])?.atMs).toBe(
    NOW_MS - 70_000,
  )
})

test('a stale quote, and one from the future, have no vote', () => {
  const fresh = quote('a BTC/EUR 60000')
  expect(rateOf([fresh, quote('b BTC/EUR 60000', QUOTE_AGE_MAX_MS)])).toBeDefined()
  expect(rateOf([fresh, quote('b BTC/EUR 60000', QUOTE_AGE_MAX_MS + 1)])).toBeUndefined()
  expect(rateOf([fresh, quote('b BTC/EUR 60000', -60_000)])).toBeUndefined()
})

test('USDC is worth what it trades at', () => {
  const quotes = [quote('kraken USDC/USD 0.8701'), quote('bitstamp USDC/USD 0.8699')]
  expect(shown(rateOf(quotes, { base: 'USDC', quote: 'USD' }))).toBe('0.87')
})

const DOLLARS = [quote('kraken BTC/USD 65000'), quote('bitstamp BTC/USD 65000')]
const EURO = [quote('kraken EUR/USD 1.08'), quote('coinbase EUR/USD 1.08')]

test('with too few direct quotes the pair is crossed through the dollar, rounded down at 18 decimals', () => {
  const rate = rateOf([...DOLLARS, ...EURO, quote('coinbase BTC/EUR 1')])
  expect(shown(rate)).toBe('60185.185185185185185185')
  expect(rate?.sources).toEqual(['bitstamp', 'coinbase', 'kraken'])
})

test('a cross is as old as the oldest quote of either leg', () => {
  const old = quote('bitstamp BTC/USD 65000', 80_000)
  expect(rateOf([quote('kraken BTC/USD 65000'), old, ...EURO])?.atMs).toBe(NOW_MS - 80_000)
  expect(rateOf([...DOLLARS, quote('kraken EUR/USD 1.08', 90_000), quote('coinbase EUR/USD 1.08')])?.atMs).toBe(NOW_MS - 90_000)
})

test('a currency quoted per dollar is multiplied', () => {
  const quotes = [...DOLLARS, quote('a USD/JPY 151.015'), quote('b USD/JPY 151.015')]
  expect(shown(rateOf(quotes, { base: 'BTC', quote: 'JPY' }))).toBe('9815975')
})

test('enough direct quotes that disagree are not papered over by a cross', () => {
  expect(rateOf([...DOLLARS, ...EURO, quote('a BTC/EUR 60000'), quote('b BTC/EUR 70000')])).toBeUndefined()
})

test('each leg of a cross needs two sources of its own, and no currency is priced through a crypto asset', () => {
  expect(rateOf([...DOLLARS, quote('kraken EUR/USD 1.08')])).toBeUndefined()
  const quotes = [
    ...DOLLARS,
    quote('a BTC/PLN 258000'),
    quote('b BTC/PLN 258000'),
    quote('a ETH/USD 3250'),
    quote('b ETH/USD 3250'),
  ]
  expect(rateOf(quotes, { base: 'USD', quote: 'PLN' })).toBeUndefined()
  expect(rateOf(quotes, { base: 'ETH', quote: 'PLN' })).toBeUndefined()
})

const aQuote = fc.record({
  source: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  base: fc.constant('BTC'),
  quote: fc.constant('EUR'),
  value: fc.bigInt({ min: 0n, max: 100_000_000n }),
  scale: fc.integer({ min: 0, max: 8 }),
  atMs: fc.integer({ min: NOW_MS - 2 * QUOTE_AGE_MAX_MS, max: NOW_MS }),
})
/** Prices close enough to agree often, on mixed scales. */
const closeQuote = fc
  .record({ quote: aQuote, cents: fc.bigInt({ min: 5_900_000n, max: 6_100_000n }), more: fc.integer({ min: 0, max: 6 }) })
  .map(({ quote, cents, more }): Quote => ({ ...quote, value: cents * 10n ** BigInt(more), scale: 2 + more }))
const anyQuotes = fc.array(fc.oneof(aQuote, closeQuote, closeQuote), { maxLength: 12 })

/** Compared on one scale that holds every quote and rate. */
const onScale = (decimal: { value: bigint; scale: number }) => decimal.value * 10n ** BigInt(20 - decimal.scale)

test('property: a rate lies within its own sources’ quotes, all of them fresh, positive and at least two', () => {
  fc.assert(
    fc.property(anyQuotes, (quotes) => {
      const rate = rateOf(quotes)
      if (rate === undefined) return
      expect(new Set(rate.sources).size).toBe(rate.sources.length)
      expect(rate.sources.length).toBeGreaterThanOrEqual(2)
      expect(NOW_MS - rate.atMs).toBeLessThanOrEqual(QUOTE_AGE_MAX_MS)
      const used = quotes
        .filter((quote) => rate.sources.includes(quote.source) && quote.value > 0n && quote.atMs >= rate.atMs)
        .map(onScale)
      expect(used.some((value) => value <= onScale(rate))).toBe(true)
      expect(used.some((value) => value >= onScale(rate))).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

test('property: no single source, whatever it says, moves the rate beyond what the agreeing others say', () => {
  const honest = fc.tuple(...['a', 'b', 'c'].map((source) => closeQuote.map((quote) => ({ ...quote, source, atMs: NOW_MS }))))
  fc.assert(
    fc.property(honest, aQuote, (others, lie) => {
      const values = others.map(onScale).sort((a, b) => (a < b ? -1 : 1))
      const rate = rateOf([...others, { ...lie, source: 'liar', atMs: NOW_MS }])
      if (rate === undefined) return
      const low = values[0] ?? 0n
      const high = values.at(-1) ?? 0n
      if (!rate.sources.includes('liar')) {
        expect(onScale(rate) >= low && onScale(rate) <= high).toBe(true)
      } else {
        // It was believed because it is within 2 % of the median, so it is within 2 % of honest quotes.
        expect(onScale(rate) * 100n >= low * 98n && onScale(rate) * 100n <= high * 102n).toBe(true)
      }
    }),
    { numRuns: 2000 },
  )
})

test('property: zero and stale quotes change nothing', () => {
  fc.assert(
    fc.property(anyQuotes, aQuote, fc.boolean(), (quotes, extra, zero) => {
      const useless = zero ? { ...extra, value: 0n } : { ...extra, atMs: NOW_MS - QUOTE_AGE_MAX_MS - 1 }
      expect(rateOf([...quotes, { ...useless, source: 'f' }])).toEqual(rateOf(quotes))
    }),
  )
})

test('property: the order in which quotes come does not matter', () => {
  const shuffled = anyQuotes.chain((quotes) =>
    fc.tuple(fc.constant(quotes), fc.shuffledSubarray(quotes, { minLength: quotes.length })),
  )
  fc.assert(
    fc.property(shuffled, ([quotes, other]) => {
      const rate = rateOf(quotes)
      const otherRate = rateOf(other)
      expect(otherRate && pairName(otherRate)).toEqual(rate && pairName(rate))
      expect(otherRate).toEqual(rate)
    }),
    { numRuns: 1000 },
  )
})
