import { beforeAll, describe, expect, test, vi } from 'vitest'
import { createApi } from '../../src/api/app.ts'
import { BODY_BYTES_MAX } from '../../src/api/body.ts'
import { openApiDocument } from '../../src/api/openapi/document.ts'
import { ROUTES } from '../../src/api/routes.ts'
import { createApiKey } from '../../src/auth/api-keys.ts'
import { randomId } from '../../src/lib/ids.ts'
import type { EdgeEnv } from '../../workers/edge/env.ts'
import { migrateDatabases } from '../storage/databases.ts'
import { apiEnv, checkReply, type Merchant, newMerchant, readReply } from './merchant.ts'
import { violations } from './schema.ts'

let shop: Merchant
beforeAll(async () => {
  await migrateDatabases()
  shop = await newMerchant()
})

async function call(path: string, init: RequestInit = {}, env: EdgeEnv = apiEnv) {
  const reply = await readReply(await createApi().request(path, init, env))
  checkReply(reply)
  return reply
}

const concrete = (path: string) => `/v1${path.replace(':id', randomId('inv')).replace(':asset', 'BTC')}`

describe('who calls', () => {
  test.each(ROUTES.map(({ method, path }) => [method, path]))('%s %s needs a key', async (method, path) => {
    const none = await call(concrete(path), { method })
    expect({ status: none.status, code: none.json.code }).toEqual({ status: 401, code: 'api_key_missing' })
    expect(none.headers.get('www-authenticate')).toBe('Bearer realm="paytomat"')
    const wrong = await call(concrete(path), { method, headers: { authorization: `Bearer ${createApiKey('live')}` } })
    expect({ status: wrong.status, code: wrong.json.code }).toEqual({ status: 401, code: 'api_key_invalid' })
    expect(wrong.headers.get('www-authenticate')).toBe('Bearer realm="paytomat", error="invalid_token"')
  })

  test('a warm isolate asks no database who calls', async () => {
    const prepare = vi.fn((statement: string) => apiEnv.DIRECTORY.prepare(statement))
    const DIRECTORY = { withSession: () => ({ prepare }) } as unknown as D1Database
    const api = createApi()
    const merchant = await newMerchant({ ...apiEnv, DIRECTORY }, api)
    for (let calls = 0; calls < 5; calls++) expect((await merchant.call('GET', '/v1/payment_methods')).status).toBe(200)
    expect(prepare).toHaveBeenCalledTimes(1)
  })

  test('a directory that cannot be read is a reason to try again, not a bad key', async () => {
    const DIRECTORY = {
      withSession: () => {
        throw new Error('D1_ERROR: secret')
      },
    } as unknown as D1Database
    const reply = await call('/v1/invoices', { headers: { authorization: `Bearer ${shop.apiKey}` } }, { ...apiEnv, DIRECTORY })
    expect({ status: reply.status, code: reply.json.code, after: reply.headers.get('retry-after') }).toEqual({
      status: 503,
      code: 'temporarily_unavailable',
      after: '1',
    })
    expect(reply.text).not.toContain('secret')
  })
})

describe('what is called', () => {
  test('bodies and queries have the fields that the document tells of; what is no field is refused with those there are', async () => {
    interface Described {
      parameters?: { name: string; in: string }[]
      requestBody?: { content: Record<string, { schema?: { $ref?: string } }> }
    }
    const { paths, components } = openApiDocument('https://pay.example') as {
      paths: Record<string, { get?: Described; post?: Described }>
      components: { schemas: Record<string, { properties?: object }> }
    }
    const { data } = (await shop.call('GET', '/v1/wallets')).json as unknown as { data: { id: string }[] }
    const fieldsSaid = (text: string) => /nonsense is not a field here: there are ([^"]*)"/.exec(text)?.[1]?.split(', ').sort()
    let told = 0
    for (const [name, { get, post }] of Object.entries(paths)) {
      const path = name.replace('wallets/{id}', `wallets/${data[0]?.id}`)
      const schema = post?.requestBody?.content['application/json']?.schema?.$ref?.split('/').at(-1) ?? ''
      const fields = Object.keys(components.schemas[schema]?.properties ?? {})
      const inQuery = (get?.parameters ?? []).filter((parameter) => parameter.in === 'query').map((parameter) => parameter.name)
      if (fields.length > 0) {
        const { text } = await shop.call('POST', path, { nonsense: 1 }, { 'idempotency-key': 'k' })
        expect(fieldsSaid(text), `POST ${name}`).toEqual(fields.sort())
      }
      if (inQuery.length > 0) expect(fieldsSaid((await shop.call('GET', `${path}?nonsense=1`)).text), name).toEqual(inQuery.sort())
      told += fields.length + inQuery.length
    }
    expect(told).toBeGreaterThan(70)
  })

  test('an unknown path is a problem', async () => {
    for (const path of ['/v1', '/v1/', '/v1/invoice', '/v1/invoices/', `/v1/invoices/${randomId('inv')}/refund`]) {
      const { status, json } = await shop.call('GET', path)
      expect({ path, status, code: json.code }).toEqual({ path, status: 404, code: 'route_not_found' })
    }
  })

  test('another method is answered with those that are allowed', async () => {
    const allowed = async (method: string, path: string) => {
      const { status, headers } = await shop.call(method, path)
      return [status, headers.get('allow')]
    }
    expect(await allowed('DELETE', '/v1/invoices')).toEqual([405, 'GET, HEAD, POST'])
    expect(await allowed('POST', `/v1/invoices/${randomId('inv')}`)).toEqual([405, 'GET, HEAD'])
    expect(await allowed('GET', `/v1/invoices/${randomId('inv')}/resolution`)).toEqual([405, 'POST'])
    expect(await allowed('OPTIONS', '/v1/assets')).toEqual([405, 'GET, HEAD'])
    expect(await allowed('POST', '/v1/openapi.json')).toEqual([405, 'GET, HEAD'])
  })

  test('HEAD is GET without the body', async () => {
    const { status, text } = await shop.call('HEAD', '/v1/assets')
    expect({ status, text }).toEqual({ status: 200, text: '' })
  })

  test('only JSON is taken', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=latin1',
      'application/jsonp',
      '',
    ]) {
      const { status, json } = await shop.call('POST', '/v1/invoices', '{}', { 'content-type': type })
      expect({ type, status, code: json.code }).toEqual({ type, status: 415, code: 'unsupported_media_type' })
    }
    const body = { amount: '1', currency: 'EUR' }
    for (const type of ['application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"'])
      expect((await shop.call('POST', '/v1/invoices', body, { 'content-type': type })).status).toBe(201)
  })

  test('a body may have 64 KiB, said or streamed, and must be UTF-8', async () => {
    const headers = { authorization: `Bearer ${shop.apiKey}`, 'content-type': 'application/json' }
    const send = async (body: BodyInit) => (await call('/v1/invoices', { method: 'POST', headers, body })).json
    const padded = (bytes: number) => `{"amount":"1","currency":"EUR"}${' '.repeat(bytes - 31)}`
    expect((await send(padded(BODY_BYTES_MAX))).object).toBe('invoice')
    expect((await send(padded(BODY_BYTES_MAX + 1))).code).toBe('body_too_large')
    let pulled = 0
    const endless = new ReadableStream({
      pull(controller) {
        pulled++
        controller.enqueue(new Uint8Array(8_192).fill(32))
      },
    })
    expect((await send(endless)).code).toBe('body_too_large')
    expect(pulled).toBeLessThan(20)
    expect((await send(new Uint8Array([0x7b, 0xff, 0x7d]))).code).toBe('malformed_json')
  })
})

describe('webhook endpoints', () => {
  const url = 'https://shop.example/webhooks'

  test('one is made with a secret, shown once, and listed without it', async () => {
    const own = await newMerchant()
    const { status, json } = await own.call('POST', '/v1/webhook_endpoints', {
      url,
      events: ['invoice.settled'],
      description: 'orders',
    })
    expect(status).toBe(201)
    expect(violations('WebhookEndpointCreated', json)).toEqual([])
    expect(json).toMatchObject({ url, events: ['invoice.settled'], description: 'orders', status: 'enabled' })
    expect(json.secret).toMatch(/^whsec_/)
    const list = await own.call('GET', '/v1/webhook_endpoints')
    expect(violations('WebhookEndpointList', list.json)).toEqual([])
    const { secret, ...shown } = json
    expect(list.json.data).toEqual([shown])
    expect(list.text).not.toContain(secret)
    expect((await shop.call('GET', '/v1/webhook_endpoints')).json.data).toEqual([])
  })

  test('the same key and body is the same answer byte for byte; another body is refused', async () => {
    const own = await newMerchant()
    const headers = { 'idempotency-key': 'setup' }
    const first = await own.call('POST', '/v1/webhook_endpoints', { url }, headers)
    await new Promise((resolve) => setTimeout(resolve, 5))
    const again = await own.call('POST', '/v1/webhook_endpoints', { url }, headers)
    expect({ status: again.status, text: again.text, replayed: again.headers.get('idempotent-replayed') }).toEqual({
      status: 201,
      text: first.text,
      replayed: 'true',
    })
    expect(first.headers.get('idempotent-replayed')).toBeNull()
    const other = await own.call('POST', '/v1/webhook_endpoints', { url: `${url}/2` }, headers)
    expect({ status: other.status, code: other.json.code }).toEqual({ status: 422, code: 'idempotency_key_reused' })
    expect((await own.call('GET', '/v1/webhook_endpoints')).json.data).toHaveLength(1)
  })

  test.each([
    ['no address', {}, 400, 'invalid_request', 'url'],
    ['no URL', { url: 'shop' }, 400, 'invalid_request', 'url'],
    ['another scheme', { url: 'ftp://shop.example' }, 400, 'invalid_request', 'url'],
    ['a private address', { url: 'https://10.0.0.1/hook' }, 422, 'address_not_allowed', 'url'],
    ['an unknown event', { url, events: ['invoice.paid'] }, 400, 'invalid_request', 'events[0]'],
    ['an unknown field', { url, secret: 'x' }, 400, 'unknown_field', 'secret'],
  ])('%s is refused', async (_what, body, status, code, param) => {
    const reply = await shop.call('POST', '/v1/webhook_endpoints', body)
    expect({ status: reply.status, code: reply.json.code, param: reply.json.param }).toEqual({ status, code, param })
  })

  test('what was sent about an invoice can be looked up', async () => {
    const own = await newMerchant()
    await own.call('POST', '/v1/webhook_endpoints', { url })
    const { json } = await own.call('POST', '/v1/invoices', { amount: '5', currency: 'EUR' })
    await vi.waitFor(async () => {
      const deliveries = await own.call('GET', `/v1/invoices/${json.id}/deliveries`)
      expect(violations('DeliveryList', deliveries.json)).toEqual([])
      expect(deliveries.json.data).toMatchObject([
        { object: 'delivery', eventType: 'invoice.created', invoiceId: json.id, state: 'pending' },
      ])
    }, 20_000)
  })
})

test('assets and the store’s payment methods are listed', async () => {
  const assets = await shop.call('GET', '/v1/assets')
  expect(violations('AssetList', assets.json)).toEqual([])
  expect(assets.json.data.map(({ code }: { code: string }) => code)).toEqual(expect.arrayContaining(['EUR', 'BTC', 'USDC']))
  const methods = await shop.call('GET', '/v1/payment_methods')
  expect(violations('AssetList', methods.json)).toEqual([])
  expect(methods.json.data.map(({ code }: { code: string }) => code)).toEqual(['BTC', 'ETH', 'USDC'])
})

describe('when an object fails', () => {
  const failing = (failure: object, times: number) => {
    const read = vi.fn(async () => {
      if (read.mock.calls.length <= times) throw Object.assign(new Error('secret inside'), failure)
      return null
    })
    const env = { ...apiEnv, INVOICES: { getByName: () => ({ read }) } } as unknown as EdgeEnv
    return { read, ask: async () => (await newMerchant(env)).call('GET', `/v1/invoices/${randomId('inv')}`) }
  }

  test('a call that may be repeated is, with a new stub', async () => {
    const { read, ask } = failing({ retryable: true }, 2)
    expect((await ask()).json.code).toBe('invoice_not_found')
    expect(read).toHaveBeenCalledTimes(3)
  })

  test('after three tries, or at once when it is overloaded, the caller is asked to come back', async () => {
    const gone = failing({ retryable: true }, 9)
    expect((await gone.ask()).json).toMatchObject({ status: 503, code: 'temporarily_unavailable' })
    expect(gone.read).toHaveBeenCalledTimes(3)
    const overloaded = failing({ retryable: true, overloaded: true }, 9)
    expect((await overloaded.ask()).json).toMatchObject({ status: 503, code: 'temporarily_unavailable' })
    expect(overloaded.read).toHaveBeenCalledTimes(1)
  })

  test('a defect is logged under the request’s id and told to nobody', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    const { read, ask } = failing({}, 9)
    const reply = await ask()
    expect(reply.json).toMatchObject({ status: 500, code: 'internal_error' })
    expect(reply.text).not.toContain('secret')
    expect(read).toHaveBeenCalledTimes(1)
    const line = JSON.parse(String(log.mock.calls[0]?.[0]))
    expect(line).toMatchObject({ level: 'error', what: 'api_failed', requestId: reply.json.requestId, reason: 'secret inside' })
    log.mockRestore()
  })
})
