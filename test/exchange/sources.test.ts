import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { DEVELOPMENT_CHAINS } from '../../config/development.ts'
import { type Pair, pairName, wantedPairs } from '../../src/exchange/pairs.ts'
import type { Quote } from '../../src/exchange/rpc.ts'
import { bitstamp } from '../../src/exchange/sources/bitstamp.ts'
import { coinbase } from '../../src/exchange/sources/coinbase.ts'
import { kraken } from '../../src/exchange/sources/kraken.ts'
import type { RateSource, SourceAnswer } from '../../src/exchange/sources/source.ts'
import { formatDecimal } from '../../src/money/amount.ts'
import { createRegistry } from '../../src/money/registry.ts'

const NOW_MS = 1_790_000_030_000

const fixture = (name: string) => readFileSync(`${import.meta.dirname}/fixtures/${name}.json`, 'utf8')
const pairs = (...names: string[]): Pair[] =>
  names.map((name) => ({ base: name.split('/')[0] ?? '', quote: name.split('/')[1] ?? '' }))
const decimals = (quotes: readonly Quote[]) =>
  Object.fromEntries(quotes.map((quote) => [pairName(quote), formatDecimal(quote.value, quote.scale)]))

function read(source: RateSource, body: string, ...names: string[]): SourceAnswer {
  const answer = source.read(body, pairs(...names), NOW_MS)
  if (!answer.ok) throw new Error(answer.error.detail)
  return answer.value
}

test('kraken: the exact middle of bid and ask, found under each of its spellings', () => {
  const answer = read(kraken, fixture('kraken'), 'BTC/USD', 'BTC/EUR', 'USDC/USD', 'USDT/USD', 'EUR/USD', 'USD/CHF', 'USD/JPY')
  expect(decimals(answer.quotes)).toEqual({
    'BTC/USD': '65005.05',
    'BTC/EUR': '60010.15',
    'USDC/USD': '0.99905',
    'USDT/USD': '1.000205',
    'EUR/USD': '1.08305',
    'USD/CHF': '0.90015',
    'USD/JPY': '151.015',
  })
  expect(answer.quotes.every((quote) => quote.source === 'kraken' && quote.atMs === NOW_MS)).toBe(true)
})

test('kraken: an error that comes with HTTP 200 is a refusal', () => {
  expect(kraken.read('{"error":["EGeneral:Too many requests"]}', pairs('BTC/USD'), NOW_MS)).toEqual({
    ok: false,
    error: { reason: 'refused', detail: 'EGeneral:Too many requests' },
  })
})

test('coinbase: one request a base, none for USDC, whose dollar there is a decree', () => {
  const wanted = wantedPairs(createRegistry(DEVELOPMENT_CHAINS))
  const urls = coinbase.requests(wanted).map((request) => request.url)
  expect(urls.map((url) => new URL(url).searchParams.get('currency')).sort()).toEqual(['BTC', 'ETH', 'EUR', 'GBP', 'USD'])
  expect(coinbase.requests(wanted).flatMap((request) => request.pairs)).not.toContainEqual({ base: 'USDC', quote: 'USD' })
})

test('coinbase: rates are read digit by digit', () => {
  const answer = read(coinbase, fixture('coinbase-btc'), 'BTC/EUR', 'BTC/JPY', 'BTC/UAH')
  expect(decimals(answer.quotes)).toEqual({ 'BTC/EUR': '60020.125', 'BTC/JPY': '9816000.5', 'BTC/UAH': '2680000.7' })
})

test('coinbase: rates of another currency than asked are refused', () => {
  expect(coinbase.read(fixture('coinbase-btc'), pairs('ETH/EUR'), NOW_MS)).toMatchObject({ ok: false })
})

test('bitstamp: the time is the exchange’s own, so that a frozen ticker grows old', () => {
  const answer = read(bitstamp, fixture('bitstamp'), 'BTC/USD', 'BTC/EUR', 'USDC/USD', 'EUR/USD')
  expect(decimals(answer.quotes)).toEqual({
    'BTC/USD': '65002.5',
    'BTC/EUR': '60005.5',
    'USDC/USD': '0.99905',
    'EUR/USD': '1.08305',
  })
  expect(answer.quotes.every((quote) => quote.atMs === 1_790_000_000_000)).toBe(true)
})

test('an unknown pair is absent and no failure', () => {
  for (const [source, name] of [
    [kraken, 'kraken'],
    [coinbase, 'coinbase-btc'],
    [bitstamp, 'bitstamp'],
  ] as const) {
    expect(read(source, fixture(name), 'BTC/USD', 'BTC/XYZ')).toMatchObject({
      quotes: [{ base: 'BTC', quote: 'USD' }],
      refused: [],
    })
  }
})

const bodies: Record<string, (price: unknown) => [RateSource, string]> = {
  kraken: (price) => [kraken, JSON.stringify({ error: [], result: { XXBTZEUR: { a: [price, '1'], b: [price, '1'] } } })],
  coinbase: (price) => [coinbase, JSON.stringify({ data: { currency: 'BTC', rates: { EUR: price } } })],
  bitstamp: (price) => [bitstamp, JSON.stringify([{ pair: 'BTC/EUR', bid: price, ask: price, timestamp: '1790000000' }])],
}

const NO_PRICES = [
  '0',
  '0.000',
  '-60000',
  '6e4',
  'NaN',
  '',
  ' 60000',
  '60,000',
  '60000.',
  '.5',
  'Infinity',
  60000,
  null,
  true,
  ['1'],
]

test.each(Object.keys(bodies))('%s: zero, negative and anything that is no decimal string is refused, pair by pair', (name) => {
  for (const price of NO_PRICES) {
    const [source, body] = bodies[name]?.(price) ?? [kraken, '']
    expect(read(source, body, 'BTC/EUR'), String(price)).toEqual({ quotes: [], refused: ['BTC/EUR is not a positive decimal'] })
  }
  const [source, body] = bodies[name]?.('60000.10') ?? [kraken, '']
  expect(decimals(read(source, body, 'BTC/EUR').quotes)).toEqual({ 'BTC/EUR': '60000.1' })
})

test('a bid over the ask is no price', () => {
  const body = JSON.stringify([{ pair: 'BTC/EUR', bid: '60001', ask: '60000', timestamp: '1790000000' }])
  expect(read(bitstamp, body, 'BTC/EUR')).toMatchObject({ quotes: [], refused: [expect.any(String)] })
})

test.each([kraken, coinbase, bitstamp])('$name: a body of another shape is refused whole', (source) => {
  for (const body of [
    '',
    '<html>blocked</html>',
    'null',
    '42',
    '"x"',
    '{}',
    '{"error":[]}',
    '{"data":{"rates":[]}}',
    '{"result":{}',
  ]) {
    expect(source.read(body, pairs('BTC/EUR'), NOW_MS), body).toMatchObject({ ok: false, error: { reason: 'unexpected_body' } })
  }
})
