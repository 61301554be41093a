import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { ask, createBitcoinRpc } from '../../../src/gateways/bitcoin/rpc.ts'

type Answer = (request: IncomingMessage, body: string, response: ServerResponse) => void

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** A node that answers as told; its address. */
async function nodeThat(answer: Answer): Promise<string> {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => answer(request, body, response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const json =
  (status: number, value: unknown): Answer =>
  (_request, _body, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  }
const result = (value: unknown) => json(200, { id: 0, result: value, error: null })

test('a call carries basic credentials, and its result comes back', async () => {
  let seen = {}
  const url = await nodeThat((request, body, response) => {
    seen = { authorization: request.headers.authorization, ...JSON.parse(body) }
    result('00ff')(request, body, response)
  })
  const rpc = createBitcoinRpc([{ url, user: 'paytomat', password: 'pass:ö' }], fetch)
  expect(await ask(rpc, 'getblock', 'aa', 0)).toEqual({ ok: true, value: '00ff' })
  const authorization = `Basic ${Buffer.from('paytomat:pass:ö').toString('base64')}`
  expect(seen).toMatchObject({ authorization, method: 'getblock', params: ['aa', 0] })
})

test.each([
  ['Bitcoin Core (status 500)', 500],
  ['bcoin (status 200)', 200],
])("a refusal by %s is a value with the node's code", async (_kind, status) => {
  const url = await nodeThat(json(status, { id: 0, result: null, error: { code: -8, message: 'Block height out of range' } }))
  const answer = await createBitcoinRpc([{ url }], fetch).call('getblockhash', 9)
  expect(answer).toEqual({ ok: true, value: { ok: false, error: { code: -8, message: 'Block height out of range' } } })
})

test('answers of a batch are matched by id, whatever their order', async () => {
  const url = await nodeThat((_request, body, response) => {
    const calls = JSON.parse(body) as { id: number; params: string[] }[]
    response.end(JSON.stringify(calls.map(({ id, params }) => ({ id, result: params[0], error: null })).reverse()))
  })
  const answers = await createBitcoinRpc([{ url }], fetch).batch([
    ['getrawtransaction', 'a'],
    ['getrawtransaction', 'b'],
    ['getrawtransaction', 'c'],
  ])
  expect(answers).toEqual({ ok: true, value: ['a', 'b', 'c'].map((value) => ({ ok: true, value })) })
})

test('a batch with a call unanswered is a fault of the protocol', async () => {
  const url = await nodeThat(json(200, [{ id: 1, result: 'b', error: null }]))
  const answers = await createBitcoinRpc([{ url }], fetch).batch([
    ['getrawtransaction', 'a'],
    ['getrawtransaction', 'b'],
  ])
  expect(answers).toMatchObject({ ok: false, error: { reason: 'protocol' } })
})

const hangUp: Answer = (request) => request.socket.destroy()
test.each<[string, string, Answer]>([
  ['hangs up', 'node_unreachable', hangUp],
  ['refuses our credentials', 'node_refused', (_request, _body, response) => response.writeHead(401).end()],
  ['is overloaded', 'node_unreachable', (_request, _body, response) => response.writeHead(503).end('busy')],
  [
    'is still starting',
    'node_unreachable',
    json(500, { id: 0, result: null, error: { code: -28, message: 'Loading block index…' } }),
  ],
  ['is no node', 'protocol', (_request, _body, response) => response.end('<html>')],
  [
    'sends us elsewhere',
    'protocol',
    (_request, _body, response) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
  ],
])('a node that %s is %s, and the next one is asked', async (_what, reason, answer) => {
  const bad = await nodeThat(answer)
  const good = await nodeThat(result(7))
  expect(await ask(createBitcoinRpc([{ url: bad }], fetch), 'getblockcount')).toMatchObject({ ok: false, error: { reason } })
  expect(await ask(createBitcoinRpc([{ url: bad }, { url: good }], fetch), 'getblockcount')).toEqual({ ok: true, value: 7 })
})

test('an answer over the bound is not read to its end', async () => {
  let sent = 0
  const url = await nodeThat((_request, _body, response) => {
    const chunk = Buffer.alloc(1024 * 1024, 'a')
    const more = () => {
      // Without a length in the header, 200 MB if anybody takes them.
      if (sent++ < 200 && !response.destroyed) response.write(chunk, more)
    }
    more()
  })
  const answer = await createBitcoinRpc([{ url }], fetch).call('getrawmempool')
  expect(answer).toMatchObject({ ok: false, error: { reason: 'too_large' } })
  expect(sent).toBeLessThan(100)
})

test('plain HTTP goes to loopback alone: the credentials are never sent', async () => {
  let asked = 0
  const counting: typeof fetch = async () => {
    asked++
    return new Response()
  }
  for (const url of ['http://node.example.com:8332', 'http://10.0.0.7:8332', 'http://127.0.0.1.example.com']) {
    const answer = await ask(createBitcoinRpc([{ url, user: 'u', password: 'p' }], counting), 'getblockcount')
    expect(answer).toMatchObject({ ok: false, error: { reason: 'protocol' } })
  }
  expect(asked).toBe(0)
})

test('every request has a time limit', async () => {
  let signal: AbortSignal | null | undefined
  const hanging: typeof fetch = (_url, init) => {
    signal = init?.signal
    return Promise.reject(new DOMException('The operation was aborted due to timeout', 'TimeoutError'))
  }
  const answer = await ask(createBitcoinRpc([{ url: 'https://node.example.com' }], hanging), 'getblockcount')
  expect(answer).toMatchObject({ ok: false, error: { reason: 'node_unreachable' } })
  expect(signal).toBeInstanceOf(AbortSignal)
})

test('a block comes as bytes by REST where the node has it, else as hexadecimal', async () => {
  const paths: string[] = []
  const url = await nodeThat((request, body, response) => {
    paths.push(`${request.method} ${request.url}`)
    if (request.method === 'POST') result('0102ff')(request, body, response)
    else if (request.url?.includes('cc')) response.writeHead(404).end('cc not found')
    else response.end(Buffer.from([1, 2, 255]))
  })
  const bytes = { ok: true, value: { ok: true, value: Uint8Array.of(1, 2, 255) } }
  expect(await createBitcoinRpc([{ url: `${url}/`, rest: true }], fetch).block('aa')).toEqual(bytes)
  expect(await createBitcoinRpc([{ url, rest: false }], fetch).block('bb')).toEqual(bytes)
  expect(await createBitcoinRpc([{ url, rest: true }], fetch).block('cc')).toMatchObject({
    value: { ok: false, error: { code: -5, message: 'cc not found' } },
  })
  expect(paths).toEqual(['GET /rest/block/aa.bin', 'POST /', 'GET /rest/block/cc.bin'])
})

test('what stands before a node and knows no REST tells no key, whole or cut off', async () => {
  const page = `Cannot GET ${'/'.repeat(150)}`
  const url = await nodeThat((request, _body, response) => response.writeHead(404).end(page + request.url))
  const key = 'a-key-that-nobody-may-read-'.repeat(3)
  const answer = await createBitcoinRpc([{ url: `${url}/${key}`, rest: true }], fetch).block('cc')
  expect(answer).toMatchObject({ value: { ok: false, error: { code: -5 } } })
  expect(JSON.stringify(answer)).not.toContain('nobody')
})

test('no node configured is told as what it is', async () => {
  expect(await ask(createBitcoinRpc([], fetch), 'getblockcount')).toMatchObject({ ok: false, error: { reason: 'protocol' } })
})
