import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { Webhook } from 'standardwebhooks'
import { afterEach, expect, test, vi } from 'vitest'
import { unstable_getMiniflareWorkerOptions } from 'wrangler'
import type { AttemptResult, DeliverMessage, DeliveryView, EndpointCreated } from '../../src/delivery/rpc.ts'

/** The courier as it is deployed (its bundle and its wrangler.toml) with real queues, against a shop on this machine. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url).href)
const ended: (() => Promise<unknown>)[] = []
/** As long as anything here may take on a machine that is busy with something else. */
const PATIENCE_MS = 60_000
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})

/** Stands in for core: puts messages on the queue and keeps what the courier reports. */
const ECHO = `
  const results = []
  export default {
    async fetch(request, env) {
      if (request.method === 'GET') return Response.json(results)
      for (const message of await request.json()) await env.DELIVER.send(message)
      return new Response()
    },
    queue(batch) { for (const message of batch.messages) results.push(message.body) },
  }`

/** The delivery object and the consumer of reports, as core has them, with a small door of its own. */
const CORE = `
  import { consumeResults } from './src/delivery/results.ts'
  export { DeliveryObject } from './src/delivery/object.ts'
  export default {
    async fetch(request, env) {
      const [method, argument] = await request.json()
      return Response.json((await env.DELIVERIES.getByName('st_1')[method](argument)) ?? null)
    },
    queue: (batch, env) => consumeResults(batch, env),
  }`

async function bundle(entry: { entryPoints: string[] } | { stdin: { contents: string; resolveDir: string; loader: 'ts' } }) {
  const result = await build({
    ...entry,
    bundle: true,
    format: 'esm',
    write: false,
    external: ['cloudflare:*', 'node:*'],
    conditions: ['workerd', 'worker', 'browser'],
    target: 'es2024',
  })
  return [{ type: 'ESModule' as const, path: 'index.mjs', contents: result.outputFiles[0]?.text ?? '' }]
}

async function start(core: string) {
  const { workerOptions, main } = unstable_getMiniflareWorkerOptions(`${ROOT}/workers/courier/wrangler.toml`)
  const { modulesRules: _rules, ...options } = workerOptions
  const courier = {
    ...options,
    name: 'paytomat-courier',
    bindings: { ENVIRONMENT: 'development' },
    modules: await bundle({ entryPoints: [main as string] }),
  }
  const coreWorker = {
    name: 'core',
    compatibilityDate: options.compatibilityDate,
    bindings: { ENVIRONMENT: 'development', WEBHOOK_SECRET: 'test-only-webhook-secret' },
    queueProducers: { DELIVER: { queueName: 'deliveries' } },
    queueConsumers: { 'delivery-results': { maxBatchSize: 50, maxBatchTimeout: 0 } },
    durableObjects: core === CORE ? { DELIVERIES: { className: 'DeliveryObject', useSQLite: true } } : {},
    modules: await bundle({ stdin: { contents: core, resolveDir: ROOT, loader: 'ts' } }),
  }
  const miniflare = new Miniflare(convertV4MiniflareOptions({ workers: [coreWorker, courier], host: '127.0.0.1', port: 0 }))
  ended.push(() => miniflare.dispose())
  return (await miniflare.ready).href
}

interface Hit {
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: string
  readonly atMs: number
}

/** A shop that answers as `answer` says; without an answer it hangs. */
async function shop(answer: (hit: Hit, response: ServerResponse) => void) {
  const hits: Hit[] = []
  const server = createServer(async (request: IncomingMessage, response) => {
    let body = ''
    for await (const part of request) body += part
    const hit = { url: request.url ?? '', headers: request.headers as Record<string, string>, body, atMs: Date.now() }
    hits.push(hit)
    answer(hit, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ended.push(async () => {
    server.closeAllConnections()
    server.close()
  })
  return { hits, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test('the courier reports what each shop answered, follows no redirect, and a shop that hangs holds up nobody', async () => {
  const { hits, origin } = await shop((hit, response) => {
    if (hit.url === '/hang') return
    if (hit.url === '/302') response.writeHead(302, { location: '/200' }).end()
    else if (hit.url === '/429') response.writeHead(429, { 'retry-after': '7' }).end()
    else if (hit.url === '/endless') response.writeHead(200).write('x'.repeat(100_000))
    else response.writeHead(Number(hit.url.slice(1))).end('thanks')
  })
  const core = await start(ECHO)
  const send = (paths: string[]) => {
    const messages = paths.map(
      (path): DeliverMessage => ({
        kind: 'webhook',
        storeId: 'st_1',
        deliveryId: path,
        attempt: 1,
        url: path.startsWith('/') ? origin + path : path,
        headers: { 'content-type': 'application/json', 'user-agent': 'Paytomat-Webhooks/1', 'webhook-id': 'evt_1' },
        body: '{"note":"€"}',
      }),
    )
    return fetch(core, { method: 'POST', body: JSON.stringify(messages) })
  }
  const results = async () => (await (await fetch(core)).json()) as AttemptResult[]
  const closed = `http://127.0.0.1:1/`
  const inside = 'http://169.254.169.254/latest/meta-data/'

  await send(['/hang', '/hang', '/hang', '/hang', '/hang', '/hang', '/hang'])
  await vi.waitFor(() => expect(hits).toHaveLength(7), PATIENCE_MS)
  await send(['/200', '/500', '/302', '/429', '/endless', closed, inside])
  await vi.waitFor(async () => expect((await results()).length).toBeGreaterThanOrEqual(7), PATIENCE_MS)
  // In the order of their arrival.
  expect((await results()).slice(0, 7).map((result) => result.deliveryId)).not.toContain('/hang')
  const byId = new Map((await results()).map((result) => [result.deliveryId, result]))
  expect(byId.get('/200')).toMatchObject({ storeId: 'st_1', attempt: 1, status: 200, retryAfterMs: null, error: null })
  expect(byId.get('/500')).toMatchObject({ status: 500, error: null })
  expect(byId.get('/302')).toMatchObject({ status: 302, error: null })
  expect(byId.get('/429')).toMatchObject({ status: 429, retryAfterMs: 7_000 })
  expect(byId.get('/endless')).toMatchObject({ status: 200 })
  expect(byId.get(closed)).toMatchObject({ status: null, error: expect.stringContaining('no connection') })
  expect(byId.get(inside)).toMatchObject({ status: null, error: expect.stringContaining('not allowed') })
  expect(hits.filter((hit) => hit.url === '/200')).toHaveLength(1)
  const hit = hits.find((candidate) => candidate.url === '/200')
  expect(hit?.body).toBe('{"note":"€"}')
  expect(hit?.headers).toMatchObject({
    'content-type': 'application/json',
    'user-agent': 'Paytomat-Webhooks/1',
    'webhook-id': 'evt_1',
  })

  await vi.waitFor(async () => expect(await results()).toHaveLength(14), { timeout: PATIENCE_MS, interval: 200 })
  const hung = (await results()).filter((result) => result.deliveryId === '/hang')
  expect(hung.map((result) => result.error)).toEqual(hung.map(() => 'no answer within 15 s'))
})

test('the whole way: a shop that fails first gets the event again after five seconds, signed so that it verifies', async () => {
  const { hits, origin } = await shop((_hit, response) => response.writeHead(hits.length === 1 ? 500 : 204).end())
  const core = await start(CORE)
  const call = async <T>(method: string, argument: unknown) =>
    (await (await fetch(core, { method: 'POST', body: JSON.stringify([method, argument]) })).json()) as T
  const made = await call<{ ok: true; value: EndpointCreated }>('createEndpoint', {
    storeId: 'st_1',
    endpointId: 'we_1',
    url: `${origin}/hook`,
    events: [],
    description: '',
    fingerprint: null,
    nowMs: Date.now(),
  })
  const body = JSON.stringify({ type: 'invoice.settled', timestamp: new Date().toISOString(), data: { note: '€' } })
  const event = { id: 'evt_1', storeId: 'st_1', invoiceId: 'inv_1', type: 'invoice.settled', atMs: Date.now(), body }
  const views = () => call<DeliveryView[]>('listDeliveries', { invoiceId: 'inv_1' })

  await call('enqueue', event)
  await vi.waitFor(() => expect(hits).toHaveLength(1), PATIENCE_MS)
  await call('enqueue', event)
  await vi.waitFor(() => expect(hits).toHaveLength(2), PATIENCE_MS)
  await vi.waitFor(
    async () => expect(await views()).toMatchObject([{ state: 'delivered', attempts: 2, lastStatus: 204 }]),
    PATIENCE_MS,
  )

  const [first, second] = hits
  if (!first || !second) throw new Error('two attempts')
  expect(second.atMs - first.atMs).toBeGreaterThanOrEqual(5_000)
  for (const hit of hits) expect(new Webhook(made.value.secret).verify(hit.body, hit.headers)).toEqual(JSON.parse(body))
  expect(new Set(hits.map((hit) => hit.headers['webhook-id']))).toEqual(new Set(['evt_1']))
})
