import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { pairName } from '../../src/exchange/pairs.ts'
import { fetchQuotes, SOURCE_BODY_MAX_BYTES } from '../../src/exchange/sources.ts'

const NOW_MS = 1_790_000_030_000
const PAIRS = [
  { base: 'BTC', quote: 'EUR' },
  { base: 'FOO', quote: 'EUR' },
]
const HOSTS = { kraken: 'api.kraken.com', coinbase: 'api.coinbase.com', bitstamp: 'www.bitstamp.net' }

const fixture = (name: string) => readFileSync(`${import.meta.dirname}/fixtures/${name}.json`, 'utf8')

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

/** A real server that stands for all three hosts and answers as they do, but for the sources named in `ways`. */
async function round(ways: Partial<Record<keyof typeof HOSTS, RequestListener>>) {
  const server = createServer((request, response) => {
    const host = request.headers['x-meant-for']
    const name = (Object.keys(HOSTS) as (keyof typeof HOSTS)[]).find((name) => HOSTS[name] === host)
    const way = name && ways[name]
    if (way) return void way(request, response)
    if (name !== 'coinbase') return void response.end(fixture(name ?? ''))
    const known = new URL(request.url ?? '', 'http://x').searchParams.get('currency') === 'BTC'
    if (known) response.end(fixture('coinbase-btc'))
    else response.writeHead(400).end('{"errors":[{"id":"invalid_request","message":"Invalid currency (FOO)"}]}')
  })
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const port = (server.address() as AddressInfo).port
  const seen: string[] = []
  const fetcher = ((input: string, init: RequestInit) => {
    const url = new URL(input)
    seen.push(input)
    expect(url.protocol).toBe('https:')
    const headers = new Headers(init.headers)
    headers.set('x-meant-for', url.host)
    return fetch(`http://127.0.0.1:${port}${url.pathname}${url.search}`, { ...init, headers })
  }) as typeof fetch
  const answer = await fetchQuotes(PAIRS, fetcher, NOW_MS)
  return { ...answer, from: answer.quotes.map((quote) => `${quote.source} ${pairName(quote)}`).sort(), seen }
}

test('all sources are asked, and an asset that none of them knows is no failure', async () => {
  const { from, failures, seen } = await round({})
  expect(from).toEqual(['bitstamp BTC/EUR', 'coinbase BTC/EUR', 'kraken BTC/EUR'])
  expect(failures).toEqual([])
  expect(seen.length).toBe(4)
})

const redirect: RequestListener = (request, response) => {
  if (request.url === '/there') response.end(fixture('kraken'))
  else response.writeHead(302, { location: '/there' }).end()
}
const endless: RequestListener = (_request, response) => {
  const chunk = ' '.repeat(64 * 1024)
  response.on('error', () => {})
  const push = () => {
    while (!response.destroyed && response.write(chunk)) {}
    if (!response.destroyed) response.once('drain', push)
  }
  push()
}

test.each<[string, RequestListener, RegExp]>([
  ['a server error', (_request, response) => response.writeHead(500).end('oops'), /http_status: HTTP 500/],
  [
    'too many requests',
    (_request, response) => response.writeHead(429).end('{"error":["EAPI:Rate limit"]}'),
    /http_status: HTTP 429/,
  ],
  ['an HTML page with HTTP 200', (_request, response) => response.end('<html>Checking your browser</html>'), /unexpected_body/],
  ['a redirect', redirect, /redirected: HTTP 302/],
  ['a body without end', endless, new RegExp(`too_large: over ${SOURCE_BODY_MAX_BYTES}`)],
  ['a connection cut short', (request) => request.socket.destroy(), /unreachable/],
  [
    'a zero price',
    (_request, response) => response.end('{"error":[],"result":{"XXBTZEUR":{"a":["0"],"b":["0"]}}}'),
    /not a positive/,
  ],
])('%s: that source is listed as failed, and the others’ quotes stand', async (_name, way, detail) => {
  const { from, failures } = await round({ kraken: way })
  expect(from).toEqual(['bitstamp BTC/EUR', 'coinbase BTC/EUR'])
  expect(failures).toEqual([{ source: 'kraken', detail: expect.stringMatching(detail) }])
})

test('a source that never answers, and one that stops in the middle, are given up in time', async () => {
  const startedAtMs = performance.now()
  const { from, failures } = await round({ kraken: () => {}, bitstamp: (_request, response) => void response.write('[{') })
  expect(from).toEqual(['coinbase BTC/EUR'])
  expect(failures.map((failure) => failure.detail)).toEqual([expect.stringMatching(/^timeout/), expect.stringMatching(/^timeout/)])
  expect(performance.now() - startedAtMs).toBeLessThan(15_000)
}, 20_000)

test('when everything is down the round is empty and says so', async () => {
  const down: RequestListener = (_request, response) => response.writeHead(503).end()
  const { from, failures } = await round({ kraken: down, coinbase: down, bitstamp: down })
  expect(from).toEqual([])
  expect([...new Set(failures.map((failure) => failure.source))]).toEqual(['kraken', 'coinbase', 'bitstamp'])
})
