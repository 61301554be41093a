import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { connectNodes, type RpcCall } from '../../../src/gateways/evm/rpc.ts'
import { ok } from '../../../src/lib/result.ts'
import { fakeFetch } from './fake-node.ts'

const A = { url: 'https://a.example/v3/secret-key' }
const B = { url: 'https://b.example/' }
const CALL = { method: 'eth_chainId', params: [] }
const RATE = 'rate limit exceeded for batch requests'

function ask(endpoints: readonly { url: string }[], fetcher: typeof fetch, calls: readonly RpcCall[] = [CALL]) {
  return connectNodes(endpoints, fetcher).first((node) => node.call(calls))
}

test('answers come in the order of the calls, whatever order the node has', async () => {
  const calls = Array.from({ length: 250 }, (_, number) => ({ method: 'echo', params: [number] }))
  const sizes: number[] = []
  const node = fakeFetch(({ params }) => params[0])
  const counting: typeof fetch = (input, init) => {
    sizes.push(JSON.parse(String(init?.body)).length)
    return node(input, init)
  }
  expect(await connectNodes([A], counting).first((one) => one.call(calls))).toEqual(ok(calls.map(({ params }) => params[0])))
  expect(sizes).toEqual([100, 100, 50])
})

const refusing =
  (body: unknown, status = 200) =>
  () =>
    Response.json(body, { status })
test.each<[string, number, () => Response]>([
  ['geth', 50, refusing([{ jsonrpc: '2.0', id: 0, error: { code: -32600, message: 'batch too large' } }])],
  ['reth', 50, refusing({ id: null, error: { code: -32010, message: 'The batch request was too large' } })],
  ['proxyd', 10, refusing({ id: null, error: { code: -32014, message: 'maximum 10 calls in 1 batch' } }, 400)],
  ['dRPC', 3, refusing({ error: { code: 31, message: 'Batch of more than 3 requests are not allowed on free tier' } }, 500)],
  ['Besu', 30, refusing({ error: { code: -32005, message: 'Number of requests exceeds max batch size' } })],
  ['one that answers 413', 20, () => new Response('Request Entity Too Large', { status: 413 })],
  [
    'one that takes no batches',
    1,
    refusing({ error: { code: -32005, message: 'Batched requests are not supported by this server' } }),
  ],
  ['one that ends long answers', 40, () => new Response(new Uint8Array(33 * 1024 * 1024).fill(32))],
])('batches that are too long for %s (over %i calls) are asked again, shorter, and stay so', async (_name, most, refuse) => {
  const sizes: number[] = []
  const node = fakeFetch(({ params }) => params[0])
  const picky: typeof fetch = async (input, init) => {
    const size = JSON.parse(String(init?.body)).length
    sizes.push(size)
    return size > most ? refuse() : node(input, init)
  }
  const calls = Array.from({ length: 120 }, (_, number) => ({ method: 'echo', params: [number] }))
  const nodes = connectNodes([A], picky)
  expect(await nodes.first((one) => one.call(calls))).toEqual(ok(calls.map(({ params }) => params[0])))
  sizes.length = 0
  await nodes.first((one) => one.call(calls))
  expect(Math.max(...sizes)).toBeLessThanOrEqual(most)
})

test('a node that refuses even one call as a batch too long is not asked for ever', async () => {
  let asked = 0
  const never: typeof fetch = async () => {
    asked++
    return new Response('batch too large', { status: 413 })
  }
  const calls = Array.from({ length: 100 }, () => CALL)
  expect(await ask([A], never, calls)).toMatchObject({ ok: false, error: { reason: 'protocol' } })
  expect(asked).toBeLessThan(10)
})

test.each([200, 400, 503])('batches of a node that is asked too often stay as long as they were (HTTP %i)', async (status) => {
  const sizes: number[] = []
  const node = fakeFetch(() => '0x1')
  const picky: typeof fetch = async (input, init) => {
    sizes.push(JSON.parse(String(init?.body)).length)
    return sizes.length === 1 ? Response.json({ error: { code: -32005, message: RATE } }, { status }) : node(input, init)
  }
  const calls = Array.from({ length: 100 }, () => CALL)
  const nodes = connectNodes([A], picky)
  expect(await nodes.first((one) => one.call(calls))).toMatchObject({ ok: false, error: { reason: 'node_unreachable' } })
  expect(await nodes.first((one) => one.call(calls))).toMatchObject({ ok: true })
  expect(sizes).toEqual([100, 100])
})

test('the next node is asked when one is unreachable, and stays the first while it works', async () => {
  const asked: string[] = []
  let aIsUp = false
  const fetcher: typeof fetch = async (input, init) => {
    asked.push(new URL(String(input)).host)
    if (String(input) === A.url && !aIsUp) throw new TypeError('connection refused')
    return fakeFetch(() => '0x1')(input, init)
  }
  const nodes = connectNodes([A, B], fetcher)
  expect(await nodes.first((node) => node.call([CALL]))).toEqual(ok(['0x1']))
  aIsUp = true
  expect(await nodes.first((node) => node.call([CALL]))).toEqual(ok(['0x1']))
  expect(asked).toEqual(['a.example', 'b.example', 'b.example'])
})

test.each([
  ['HTTP 429', () => new Response('slow down', { status: 429 }), 'node_unreachable'],
  ['HTTP 429 for a batch', () => new Response(RATE, { status: 429 }), 'node_unreachable'],
  ['HTTP 503', () => new Response('', { status: 503 }), 'node_unreachable'],
  ['HTTP 401', () => new Response('who are you', { status: 401 }), 'protocol'],
  ['a redirect', () => new Response(null, { status: 302, headers: { location: 'https://elsewhere.example' } }), 'protocol'],
  ['a page', () => new Response('<html>'), 'protocol'],
  ['no body', () => new Response(null), 'protocol'],
  ['another kind of JSON', () => Response.json('hello'), 'protocol'],
  ['an answer to another call', () => Response.json([{ id: 7, result: '0x1' }]), 'protocol'],
  ['an answer without result', () => Response.json([{ id: 0 }]), 'protocol'],
  ['a batch refused', () => Response.json({ error: { code: -32600, message: 'batch too large' } }), 'node_refused'],
  ['an error', () => Response.json([{ id: 0, error: { code: -32000, message: 'no' } }]), 'node_refused'],
  ['a node that is busy', () => Response.json([{ id: 0, error: { code: -32000, message: 'busy' } }]), 'node_unreachable'],
  ['a batch of too many a second', () => Response.json({ error: { code: -32000, message: RATE } }), 'node_unreachable'],
  ['the same with HTTP 400', () => Response.json({ error: { message: RATE } }, { status: 400 }), 'node_unreachable'],
  ['a missing method', () => Response.json([{ id: 0, error: { code: -32601, message: 'not found' } }]), 'protocol'],
  ['an endless answer', () => endless(), 'protocol'],
])('%s is an error value without the address of the node', async (_name, answer, reason) => {
  const result = await ask([A], async () => answer())
  expect(result).toMatchObject({ ok: false, error: { reason } })
  expect(JSON.stringify(result)).not.toContain('secret-key')
})

test('credentials go into a header, never over plain HTTP off this machine', async () => {
  let header: string | null = null
  const fetcher: typeof fetch = (input, init) => {
    header = new Headers(init?.headers).get('authorization')
    return fakeFetch(() => '0x1')(input, init)
  }
  const endpoint = { url: 'http://127.0.0.1:8545', user: 'me', password: 'word' }
  expect((await ask([endpoint], fetcher)).ok).toBe(true)
  expect(header).toBe(`Basic ${btoa('me:word')}`)
  header = null
  expect(await ask([{ ...endpoint, url: 'http://10.0.0.1:8545' }], fetcher)).toMatchObject({ error: { reason: 'protocol' } })
  expect(await ask([{ ...endpoint, url: 'not an address' }], fetcher)).toMatchObject({ error: { reason: 'protocol' } })
  expect(header).toBeNull()
})

test('no node at all is for a person to see', async () => {
  expect(await ask([], fetch)).toMatchObject({ error: { reason: 'protocol' } })
})

test('a redirect is not followed: what was asked may hold credentials', async () => {
  const visited: string[] = []
  const server = createServer((request, response) => {
    visited.push(String(request.url))
    response.writeHead(307, { location: '/elsewhere' }).end()
  })
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
  const result = await ask([{ url: `http://127.0.0.1:${port}/` }], fetch)
  server.close()
  expect(result).toMatchObject({ error: { reason: 'protocol' } })
  expect(visited).toEqual(['/'])
})

function endless(): Response {
  const chunk = new Uint8Array(4 * 1024 * 1024).fill(32)
  return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(chunk) }))
}

test('a node is asked for its chain beside its first call, and never again', async () => {
  const batches: string[][] = []
  const node = fakeFetch(({ method }) => (method === 'eth_chainId' ? '0x2105' : method))
  const counting: typeof fetch = (input, init) => {
    batches.push((JSON.parse(String(init?.body)) as { method: string }[]).map(({ method }) => method))
    return node(input, init)
  }
  const nodes = connectNodes([A], counting, 'eip155:8453')
  for (let n = 0; n < 2; n++) expect(await nodes.first((one) => one.call([{ method: 'echo', params: [] }]))).toEqual(ok(['echo']))
  expect(batches).toEqual([['eth_chainId', 'echo'], ['echo']])
})

test.each(['0x1', 8453, null, 'nonsense'])('a node that says chain %j is refused, and the next one asked', async (said) => {
  const fetcher: typeof fetch = (input, init) =>
    fakeFetch(({ method }) => (method !== 'eth_chainId' ? String(input) : String(input) === A.url ? said : '0x2105'))(input, init)
  const call = [{ method: 'echo', params: [] }]
  expect(await connectNodes([A, B], fetcher, 'eip155:8453').first((one) => one.call(call))).toEqual(ok([B.url]))
  expect(await connectNodes([A], fetcher, 'eip155:8453').first((one) => one.call(call))).toMatchObject({
    error: { reason: 'protocol', detail: expect.stringContaining('the node of eip155:8453 follows chain') },
  })
})

test('a call that may be refused is answered with null, and the others stand', async () => {
  const node = fakeFetch(({ method }) => {
    if (method === 'no') throw { code: -32601, message: 'no such method' }
    return method
  })
  const calls = [
    { method: 'a', params: [] },
    { method: 'no', params: [], optional: true as const },
    { method: 'b', params: [] },
  ]
  expect(await connectNodes([A], node).first((one) => one.call(calls))).toEqual(ok(['a', null, 'b']))
})

test.each([
  [429, 'Your app has exceeded its compute units per second capacity. If you have retries enabled, you can safely ignore this.'],
  [-32005, 'daily request count exceeded, request rate limited'],
  [-32007, '50/second request limit reached - reduce calls per second or upgrade your account'],
  [-32016, 'over rate limit'],
  [-32002, 'request timed out'],
  [-32005, 'Limit exceeded'],
  [-32000, 'limit exceeded'],
  [-32000, 'daily limit reached'],
  [-32000, 'concurrency limit exceeded'],
  [-32000, 'you have exceeded your monthly quota'],
  [-32000, 'compute units exceeds capacity'],
  [-32000, 'too many concurrent requests'],
])('a node that is asked too often answers no call, be it one that may be refused (%i %s)', async (code, message) => {
  const node = fakeFetch(() => {
    throw { code, message }
  })
  const calls: readonly RpcCall[] = [{ method: 'a', params: [], optional: true }]
  for (const some of [calls, [CALL]])
    expect(await ask([A], node, some)).toMatchObject({ ok: false, error: { reason: 'node_unreachable' } })
  expect(await ask([A, B], (input, init) => (String(input) === A.url ? node : fakeFetch(() => 'b'))(input, init), calls)).toEqual(
    ok(['b']),
  )
})

test.each([
  [3, 'execution reverted: RateLimitExceeded'],
  [-32000, 'missing trie node'],
  [-32602, 'Log response size exceeded'],
  [-32004, 'debug_traceBlockByHash is not available on the Free tier'],
  // Of Besu, with the code that others have for a limit on what is asked.
  [-32005, 'Transaction gas limit exceeds block gas limit'],
  [-32000, 'Block gas limit exceeded'],
  [-32000, 'gas limit reached'],
  [-32000, 'stack limit reached 1024 (1023)'],
  [-32000, 'max call depth exceeded'],
])('a call that is refused for what it is stays refused (%i %s)', async (code, message) => {
  const node = fakeFetch(() => {
    throw { code, message }
  })
  expect(await ask([A], node, [{ method: 'a', params: [], optional: true }])).toEqual(ok([null]))
  expect(await ask([A], node)).toMatchObject({ error: { reason: 'node_refused' } })
})
