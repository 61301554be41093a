import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS, EVM_LOCAL } from '../../config/development.ts'
import { look } from '../../src/chain/look.ts'
import { ask, createBitcoinRpc } from '../../src/gateways/bitcoin/rpc.ts'
import { connectNodes } from '../../src/gateways/evm/rpc.ts'
import type { NodeEndpoint } from '../../src/gateways/gateway.ts'
import { nodesOf } from '../../src/gateways/nodes.ts'
import { requestNode, withoutSecrets } from '../../src/gateways/nodes-request.ts'
import { readerOf } from '../../src/gateways/readers.ts'
import { createRegistry } from '../../src/money/registry.ts'
import { MemoryFollower } from '../chain/memory.ts'

const registry = createRegistry(DEVELOPMENT_CHAINS)
const REQUEST = { json: '[]', bytesMax: 1_000 }
const never: typeof fetch = async () => {
  throw new Error('must not be asked')
}

/** What a node would be sent. */
async function sent(node: NodeEndpoint): Promise<Record<string, string> | string> {
  let headers: Headers | undefined
  const fetcher: typeof fetch = async (_input, init) => {
    headers = new Headers(init?.headers)
    expect(init?.redirect).toBe('manual')
    return new Response('[]')
  }
  const answer = await requestNode(node, REQUEST, fetcher)
  return answer.ok ? Object.fromEntries(headers ?? []) : answer.error.detail
}

describe('credentials', () => {
  test.each<[string, Partial<NodeEndpoint>, Record<string, string>]>([
    ['none', {}, {}],
    ['basic', { user: 'me', password: 'wörd' }, { authorization: `Basic ${Buffer.from('me:wörd').toString('base64')}` }],
    ['headers', { headers: { 'X-Api-Key': 'k' } }, { 'x-api-key': 'k' }],
    [
      'a service token of Access',
      { access: { clientId: 'id.access', clientSecret: 's' } },
      { 'cf-access-client-id': 'id.access', 'cf-access-client-secret': 's' },
    ],
    ['several at once', { user: 'u', headers: { a: '1' } }, { a: '1', authorization: `Basic ${btoa('u:')}` }],
  ])('%s', async (_kind, credentials, expected) => {
    expect(await sent({ url: 'https://node.example', ...credentials })).toEqual({ 'content-type': 'application/json', ...expected })
  })

  test('that are no HTTP headers are refused without a word of what they are', async () => {
    expect(await sent({ url: 'https://node.example', headers: { 'x-key': 'secret\nline' } })).toBe(
      'node.example: its credentials are no HTTP headers',
    )
  })

  test('are in no error, whatever the engine and the node say', async () => {
    const secret = fc.string({ minLength: 10, maxLength: 30, unit: fc.constantFrom(...'abcdefghijkmnpqrstuvw23456789') })
    await fc.assert(
      fc.asyncProperty(secret, secret, secret, fc.constantFrom('refuses', 'throws'), async (one, two, three, how) => {
        const node: NodeEndpoint = {
          url: `https://node.example/v3/${one}?token=${one}`,
          user: 'me',
          password: two,
          headers: { 'x-api-key': three },
          access: { clientId: `id-${two}`, clientSecret: three },
        }
        const words = `Fetch API cannot load: ${node.url}, with ${two}, ${three} and ${one}`
        const fetcher: typeof fetch = async () => {
          if (how === 'throws') throw new TypeError(words)
          return Response.json([{ id: 0, error: { code: -32000, message: words } }])
        }
        const single: typeof fetch = async () => {
          if (how === 'throws') throw new TypeError(words)
          return Response.json({ id: 0, result: null, error: { code: -1, message: words } })
        }
        const evm = await connectNodes([node], fetcher).first((one) => one.call([{ method: 'eth_chainId', params: [] }]))
        const bitcoin = await ask(createBitcoinRpc([node], single), 'getblockcount')
        for (const told of [evm, bitcoin]) {
          expect(told.ok).toBe(false)
          const text = JSON.stringify(told)
          for (const secret of [one, two, three]) expect(text).not.toContain(secret)
          expect(text).toContain('node.example')
        }
      }),
    )
  })

  test('words of an address that are no keys stay readable', () => {
    expect(withoutSecrets({ url: 'https://node.example/v3/rpc' }, 'rpc v3 is busy')).toBe('rpc v3 is busy')
    const basic = Buffer.from(':secret').toString('base64')
    expect(withoutSecrets({ url: 'https://node.example', password: 'secret' }, `got Basic ${basic}`)).toBe('got Basic …')
  })
})

describe('where requests may go', () => {
  const via = { via: 'NODE_TUNNEL', fetcher: async () => new Response('[]') }
  test.each<[string, Partial<NodeEndpoint>, boolean]>([
    ['https://node.example', {}, true],
    ['http://localhost:8332', {}, true],
    ['http://127.0.0.1:8332', {}, true],
    ['http://[::1]:8332', {}, true],
    ['http://node.example', {}, false],
    ['http://10.0.0.7:8332', {}, false],
    ['http://127.0.0.1.example.com', {}, false],
    ['ftp://127.0.0.1', {}, false],
    ['nonsense', {}, false],
    // By a tunnel into a private network.
    ['http://10.0.0.7:8332', via, true],
    ['http://172.20.1.1:8545', via, true],
    ['http://192.168.1.5:8545', via, true],
    ['http://[fd00::7]:8545', via, true],
    ['http://bitcoind:8332', via, true],
    ['http://bitcoind.internal:8332', via, true],
    // A certificate is for a public host, and goes there encrypted or not at all.
    ['http://node.example', via, false],
    ['http://172.32.1.1', via, false],
    ['http://internal.example', via, false],
    ['https://node.example', via, true],
  ])('%s, with %o: %s', async (url, more, isAllowed) => {
    const answer = await requestNode({ url, ...more }, REQUEST, isAllowed && !more.via ? async () => new Response('[]') : never)
    expect(answer).toMatchObject(isAllowed ? { ok: true } : { ok: false, error: { reason: 'protocol' } })
  })
})

describe('the binding that leads to a node', () => {
  const nodes = [
    { url: 'https://mtls.example/', via: 'NODE_CERTIFICATE' },
    { url: 'http://geth.internal:8545/', via: 'NODE_TUNNEL' },
    { url: 'https://plain.example/' },
  ]
  const asked: string[] = []
  const binding = (name: string) => ({
    fetch: async (input: RequestInfo | URL) => {
      asked.push(`${name} ${input}`)
      return Response.json([{ id: 0, result: '0x7a69' }])
    },
  })
  const env = {
    NODES: JSON.stringify({ [EVM_LOCAL]: nodes }),
    NODE_CERTIFICATE: binding('certificate'),
    NODE_TUNNEL: binding('tunnel'),
  }

  test('is what its requests go by; others go by plain fetch', async () => {
    const plain: typeof fetch = async (input) => {
      asked.push(`plain ${input}`)
      return Response.json([{ id: 0, result: '0x7a69' }])
    }
    for (const node of nodesOf(env, registry.chain(EVM_LOCAL)))
      await connectNodes([node], plain).first((one) => one.call([{ method: 'eth_chainId', params: [] }]))
    expect(asked).toEqual([
      'certificate https://mtls.example/',
      'tunnel http://geth.internal:8545/',
      'plain https://plain.example/',
    ])
  })

  test('of more nodes than anybody runs is not looked for', () => {
    const many = { NODES: JSON.stringify({ [EVM_LOCAL]: Array.from({ length: 17 }, () => nodes[2]) }) }
    expect(() => nodesOf(many, registry.chain(EVM_LOCAL))).toThrow('16 is the most')
  })

  test.each(['NOT_THERE', 'NODES'])('that is %s is a fault of the configuration, on the health of that chain', async (name) => {
    const chain = registry.chain(BITCOIN_REGTEST)
    const wrong = { NODES: JSON.stringify({ [BITCOIN_REGTEST]: [{ url: 'https://node.example', via: name }] }) }
    vi.stubGlobal('fetch', never)
    const reader = readerOf(wrong, chain)
    const follower = new MemoryFollower(chain)
    if (!reader) throw new Error('no reader')
    expect(await look({ follower, watch: [], reader, clock: Date.now })).toBe('failed')
    expect(follower.failures).toEqual([
      { reason: 'protocol', detail: `node.example: the gateways Worker has no binding ${name} to reach it by`, nodes: undefined },
    ])
    vi.unstubAllGlobals()
  })
})
