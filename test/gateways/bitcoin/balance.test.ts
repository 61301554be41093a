import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS } from '../../../config/development.ts'
import { createBitcoinBalances } from '../../../src/gateways/bitcoin/balance.ts'
import { fromHex } from '../../../src/lib/bytes.ts'
import { createRegistry } from '../../../src/money/registry.ts'

/** The real nodes are in test/gateways/contract; here are answers that no honest node gives, or only now and then. */
const chain = createRegistry(DEVELOPMENT_CHAINS).chain(BITCOIN_REGTEST)
const KEYS = [`0014${'11'.repeat(20)}`, `0014${'22'.repeat(20)}`]
/** The genesis block of regtest: header and hash. */
const HEADER =
  '0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f2002000000'
const HASH = '0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206'
const TXID = 'ab'.repeat(32)

interface Call {
  readonly method: string
  readonly params: readonly unknown[]
}

/** A node whose answers are texts of JSON, so that amounts can be written in any way. */
function node(answer: (call: Call) => string): typeof fetch {
  return async (_url, init) => {
    const body = JSON.parse(String(init?.body)) as (Call & { id: number }) | (Call & { id: number })[]
    const one = (call: Call & { id: number }) => `{"id":${call.id},${answer(call)}}`
    return new Response(Array.isArray(body) ? `[${body.map(one).join(',')}]` : one(body))
  }
}

const coin = (amount: string, changes: Record<string, unknown> = {}) =>
  JSON.stringify({ txid: TXID, vout: 0, scriptPubKey: KEYS[0], amount: 'AMOUNT', coinbase: false, height: 0, ...changes }).replace(
    '"AMOUNT"',
    amount,
  )

const set = (...coins: string[]) => `"result":{"success":true,"height":0,"bestblock":"${HASH}","unspents":[${coins.join(',')}]}`

const heightOf = (unspents: string) => /"height":(\d+),"bestblock"/.exec(unspents)?.[1] ?? 0

/** A node that has these coins, none of which a waiting transaction spends. */
const holding = (unspents: string, spent: readonly string[] = []) =>
  node(({ method, params }) => {
    if (method === 'scantxoutset') return unspents
    if (method === 'getblockheader') return `"result":${params[1] ? `{"height":${heightOf(unspents)}}` : `"${HEADER}"`}`
    return `"result":${spent.includes(`${params[0]}:${params[1]}`) ? 'null' : '{"value":1}'}`
  })

const read = (fetcher: typeof fetch, nodes = 1) =>
  createBitcoinBalances(
    chain,
    Array.from({ length: nodes }, (_, at) => ({ url: `http://127.0.0.1:${at + 1}` })),
    fetcher,
  ).read(KEYS.map(fromHex), null)

test.each([
  ['0.00000001', 1n],
  ['1e-8', 1n],
  ['1.5e-7', 15n],
  ['21000000.00000000', 2_100_000_000_000_000n],
  ['20999999.97690000', 2_099_999_997_690_000n],
  // A double between two satoshi: read as a number it would be off.
  ['90071992.54740993', 9_007_199_254_740_993n],
  ['5', 500_000_000n],
])('an amount is what its digits say: %s', async (amount, units) => {
  const answer = await read(holding(set(coin(amount))))
  expect(answer).toMatchObject({
    ok: true,
    value: {
      block: { height: 0, hash: HASH, timeMs: 1_296_688_602_000 },
      balances: [
        {
          position: 0,
          assetCode: 'BTC',
          confirmed: units,
          leaving: 0n,
          coins: [{ txid: TXID, vout: 0, units, height: 0, coinbase: false, leaving: false }],
        },
      ],
    },
  })
})

test('coins that a waiting transaction spends are told, and counted in both figures', async () => {
  const unspents = set(
    coin('0.5'),
    coin('0.25', { vout: 1 }),
    coin('0.125', { vout: 2, scriptPubKey: KEYS[1], coinbase: undefined }),
  )
  const answer = await read(holding(unspents, [`${TXID}:1`]))
  expect(answer.ok && answer.value.balances.map(({ position, confirmed, leaving }) => [position, confirmed, leaving])).toEqual([
    [0, 75_000_000n, 25_000_000n],
    [1, 12_500_000n, 0n],
  ])
  expect(answer.ok && answer.value.balances[1]?.coins[0]?.coinbase).toBeNull()
})

test('a node that has yet to load its mempool does not know what is leaving', async () => {
  const loaded = holding(set(coin('1')))
  const loading = node(({ method }) => (method === 'getmempoolinfo' ? '"result":{"loaded":false}' : '"result":null'))
  const fetcher = (async (url, init) => {
    const calls = [JSON.parse(String(init?.body))].flat() as { method: string }[]
    return (calls.some(({ method }) => method === 'getmempoolinfo') ? loading : loaded)(url, init)
  }) as typeof fetch
  expect(await read(fetcher)).toMatchObject({ error: { reason: 'node_unreachable' } })
})

test.each([
  ['another script', set(coin('1', { scriptPubKey: '00'.repeat(22) })), 'node_lied'],
  ['one coin twice', set(coin('1'), coin('1')), 'node_lied'],
  ['an amount that is none', set(coin('"much"')), 'protocol'],
  ['an amount below zero', set(coin('-1')), 'protocol'],
  ['more digits than there are', set(coin('0.000000001')), 'protocol'],
  ['no set', '"result":null', 'protocol'],
  ['a scan that was stopped', '"result":{"success":false}', 'node_refused'],
  ['a refusal', '"error":{"code":-1,"message":"no"}', 'node_refused'],
])('an answer with %s is refused, whole', async (_name, unspents, reason) => {
  expect(await read(holding(unspents))).toMatchObject({ ok: false, error: { reason } })
})

test('a header that is not the block’s is a lie', async () => {
  const other = (verbose: unknown) => (verbose ? '{"height":0}' : `"${HEADER.replace('01', '02')}"`)
  const lying = node(({ method, params }) => (method === 'scantxoutset' ? set() : `"result":${other(params[1])}`))
  expect(await read(lying)).toMatchObject({ error: { reason: 'node_lied' } })
})

test('a node that scans for somebody else is asked again, then the next one, and is a refusal that passes', async () => {
  // It waits between two tries; not here.
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void) => run()) as typeof setTimeout)
  let scans = 0
  const busy = '"error":{"code":-8,"message":"Scan already in progress, use action \\"abort\\" or \\"status\\""}'
  const after = (free: number) => {
    const honest = holding(set(coin('1')))
    const refusing = node(() => busy)
    return (async (url, init) => {
      const isScan = String(init?.body).includes('scantxoutset')
      return isScan && scans++ < free ? refusing(url, init) : honest(url, init)
    }) as typeof fetch
  }
  expect(await read(after(3))).toMatchObject({ ok: true })
  expect(scans).toBe(4)
  scans = 0
  expect(await read(after(10), 2)).toMatchObject({ ok: true })
  expect(scans).toBe(11)
  scans = 0
  expect(await read(after(100))).toMatchObject({
    error: { reason: 'node_refused', detail: expect.stringContaining('in progress') },
  })
  expect(scans).toBe(10)
})

test('a node that is behind what is known is passed over for the next one', async () => {
  const behind = holding(set(coin('1')))
  const ahead = holding(set(coin('2')).replace('"height":0,"bestblock"', '"height":5,"bestblock"'))
  const endpoints = [{ url: 'http://127.0.0.1:1' }, { url: 'http://127.0.0.1:2' }]
  const both = ((url, init) => (String(url).endsWith(':1') ? behind : ahead)(url, init)) as typeof fetch
  const reader = (count: number) => createBitcoinBalances(chain, endpoints.slice(0, count), both)
  const at = { height: 5, hash: HASH }
  expect(await reader(2).read(KEYS.map(fromHex), at)).toMatchObject({ value: { balances: [{ confirmed: 200_000_000n }] } })
  expect(await reader(1).read(KEYS.map(fromHex), at)).toMatchObject({ error: { reason: 'node_refused' } })
})

test('nothing a node says makes it throw', async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), fc.jsonValue(), async (one, other) => {
      const texts = [one, other].map((value) => `"result":${JSON.stringify(value)}`)
      expect(await read(node(({ method }) => (method === 'scantxoutset' ? texts[0] : texts[1]) ?? ''))).toHaveProperty('ok')
      const strange = `"result":{"success":true,"height":1,"bestblock":"${HASH}","unspents":${JSON.stringify(one)}}`
      expect(await read(holding(strange))).toHaveProperty('ok')
    }),
    { numRuns: 200 },
  )
})
