import { beforeAll, describe, expect, test, vi } from 'vitest'
import { BITCOIN_REGTEST } from '../../config/development.ts'
import { randomId } from '../../src/lib/ids.ts'
import type { EdgeEnv } from '../../workers/edge/env.ts'
import { observation } from '../invoice/builders.ts'
import { testEnv } from '../storage/databases.ts'
import { apiEnv, type Merchant, newMerchant } from './merchant.ts'
import { violations } from './schema.ts'

let shop: Merchant
beforeAll(async () => {
  shop = await newMerchant()
})

const ORDER = { amount: '60.00', currency: 'EUR', orderId: 'A-1' }

async function created(changes: object = {}, merchant = shop) {
  const reply = await merchant.call('POST', '/v1/invoices', { ...ORDER, ...changes })
  expect(reply.status, reply.text).toBe(201)
  return reply.json
}

describe('create', () => {
  test('answers the invoice with every asset’s locked amount, and where it is', async () => {
    const metadata = { cart: '77', note: 'ß ✓' }
    const { status, headers, json } = await shop.call('POST', '/v1/invoices', {
      ...ORDER,
      metadata,
      description: 'Two cups',
      redirectUrl: 'https://shop.example/thanks?order=A-1',
      expiresInSeconds: 3600,
    })
    expect(status).toBe(201)
    expect(headers.get('location')).toBe(`/v1/invoices/${json.id}`)
    expect(violations('Invoice', json)).toEqual([])
    expect(json).toMatchObject({
      object: 'invoice',
      storeId: shop.storeId,
      status: 'new',
      amount: '60.00',
      currency: 'EUR',
      orderId: 'A-1',
      description: 'Two cups',
      metadata,
      redirectUrl: 'https://shop.example/thanks?order=A-1',
      checkoutUrl: `http://localhost:8787/i/${json.id}`,
      version: 1,
      amountPaid: '0.00',
      amountConfirmed: '0.00',
      facts: { short: false, over: null, late: false, held: false },
      latePolicy: 'hold',
      payments: [],
    })
    expect(Date.parse(json.expiresAt) - Date.parse(json.createdAt)).toBe(3_600_000)
    expect(json.paymentMethods.map((method: { asset: string }) => method.asset)).toEqual(['BTC', 'ETH', 'USDC'])
    expect(json.paymentMethods[0]).toMatchObject({
      chain: BITCOIN_REGTEST,
      name: 'Bitcoin',
      amount: '0.00100000',
      amountDue: '0.00100000',
      rate: { pair: 'BTC/EUR', value: '60000', fixed: true },
      confirmationsRequired: 2,
      address: null,
      uri: null,
    })
    expect((await shop.call('GET', `/v1/invoices/${json.id}`)).json).toEqual(json)
  })

  test('takes a price in crypto, chosen methods, tolerance, late policy and confirmations by price', async () => {
    const confirmations = [{ upTo: '0.0005', confirmations: 0 }, { upTo: '0.01', confirmations: 1 }, { confirmations: 6 }]
    const json = await created({
      amount: '0.002',
      currency: 'BTC',
      paymentMethods: ['BTC'],
      toleranceBps: 100,
      latePolicy: 'accept_current_rate',
      confirmations,
    })
    expect(json).toMatchObject({ amount: '0.00200000', currency: 'BTC', toleranceBps: 100, latePolicy: 'accept_current_rate' })
    expect(json.paymentMethods).toMatchObject([{ asset: 'BTC', amount: '0.00200000', rate: null, confirmationsRequired: 1 }])
    expect((await created({ confirmations: 0 })).paymentMethods[0]?.confirmationsRequired).toBe(0)
  })

  test.each([
    ['no amount', { amount: undefined }, 'invalid_request', 'amount'],
    ['an amount that is a number', { amount: 12.5 }, 'invalid_request', 'amount'],
    ['an amount with too many digits', { amount: '12.505' }, 'invalid_request', 'amount'],
    ['an amount of nothing', { amount: '0.00' }, 'invalid_request', 'amount'],
    ['a negative amount', { amount: '-1' }, 'invalid_request', 'amount'],
    ['an amount over any supply', { amount: '9'.repeat(60) }, 'invalid_request', 'amount'],
    ['an unknown currency', { currency: 'XXX' }, 'invalid_request', 'currency'],
    ['a field nobody knows', { ammount: '1' }, 'unknown_field', 'ammount'],
    ['an order id that is too long', { orderId: 'x'.repeat(101) }, 'invalid_request', 'orderId'],
    ['NUL in a text', { orderId: 'a\u0000b' }, 'invalid_request', 'orderId'],
    ['half a character', { description: '\ud800' }, 'invalid_request', 'description'],
    ['metadata that is not text', { metadata: { a: 1 } }, 'invalid_request', 'metadata.a'],
    [
      'too much metadata',
      { metadata: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`k${n}`, ''])) },
      'invalid_request',
      'metadata',
    ],
    ['a redirect over plain HTTP', { redirectUrl: 'http://shop.example/' }, 'invalid_request', 'redirectUrl'],
    ['a redirect to a script', { redirectUrl: 'javascript:alert(1)' }, 'invalid_request', 'redirectUrl'],
    ['a redirect with credentials', { redirectUrl: 'https://a:b@shop.example/' }, 'invalid_request', 'redirectUrl'],
    ['an expiry that is too short', { expiresInSeconds: 59 }, 'invalid_request', 'expiresInSeconds'],
    ['an expiry that is not whole', { expiresInSeconds: 60.5 }, 'invalid_request', 'expiresInSeconds'],
    ['too many confirmations', { confirmations: 101 }, 'invalid_request', 'confirmations'],
    [
      'tiers that fall',
      {
        confirmations: [
          { upTo: '2', confirmations: 1 },
          { upTo: '1', confirmations: 1 },
        ],
      },
      'invalid_request',
      'confirmations',
    ],
    [
      'a tier after the last',
      { confirmations: [{ confirmations: 1 }, { upTo: '1', confirmations: 1 }] },
      'invalid_request',
      'confirmations',
    ],
    ['an unknown field in a tier', { confirmations: [{ confirmations: 1, up: '1' }] }, 'unknown_field', 'confirmations[0].up'],
    ['too much tolerance', { toleranceBps: 1001 }, 'invalid_request', 'toleranceBps'],
    ['an unknown late policy', { latePolicy: 'keep' }, 'invalid_request', 'latePolicy'],
    ['a payment method twice', { paymentMethods: ['BTC', 'BTC'] }, 'invalid_request', 'paymentMethods'],
  ])('%s is refused by name', async (_what, changes, code, param) => {
    const { status, json } = await shop.call('POST', '/v1/invoices', { ...ORDER, ...changes })
    expect({ status, code: json.code, param: json.param }).toEqual({ status: 400, code, param })
  })

  test.each([
    ['__proto__ as a field', `{"amount":"1","currency":"EUR","__proto__":{"a":"b"}}`, 'unknown_field', '__proto__'],
    ['__proto__ in metadata', `{"amount":"1","currency":"EUR","metadata":{"__proto__":"b"}}`, 'invalid_request', 'metadata'],
    ['a list', '[]', 'malformed_json', undefined],
    ['half an object', '{"amount":', 'malformed_json', undefined],
    ['nothing', '', 'malformed_json', undefined],
    ['deep nesting', `{"currency":"EUR","amount":${'['.repeat(30_000)}${']'.repeat(30_000)}}`, 'invalid_request', 'amount'],
  ])('%s is refused', async (_what, body, code, param) => {
    const { status, json } = await shop.call('POST', '/v1/invoices', body)
    expect({ status, code: json.code, param: json.param }).toEqual({ status: 400, code, param })
  })

  test('what no payment could do is refused as such', async () => {
    const refusal = async (changes: object) => {
      const { status, json } = await shop.call('POST', '/v1/invoices', { ...ORDER, ...changes })
      return [status, json.code, json.param]
    }
    expect(await refusal({ paymentMethods: ['EUR'] })).toEqual([422, 'asset_not_accepted', 'paymentMethods'])
    expect(await refusal({ amount: '0.01', paymentMethods: ['BTC'] })).toEqual([422, 'amount_too_small', 'amount'])
  })

  test('without a trusted rate it says so, and when to try again', async () => {
    const { status, headers, json } = await shop.call('POST', '/v1/invoices', { ...ORDER, currency: 'JPY', amount: '900' })
    expect({ status, code: json.code }).toEqual({ status: 503, code: 'rates_unavailable' })
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
  })

  test('plain HTTP to this machine is a redirect in development only', async () => {
    const redirectUrl = 'http://localhost:3000/done'
    expect((await created({ redirectUrl })).redirectUrl).toBe(redirectUrl)
    const live = await newMerchant({ ...apiEnv, ENVIRONMENT: 'production' })
    expect((await live.call('POST', '/v1/invoices', { ...ORDER, redirectUrl })).json.param).toBe('redirectUrl')
  })
})

describe('Idempotency-Key', () => {
  const keyed = (key: string, body: unknown, merchant = shop) =>
    merchant.call('POST', '/v1/invoices', body, { 'idempotency-key': key })

  test('the same key and body is the same answer byte for byte, whatever happened since', async () => {
    const key = randomId('req')
    const first = await keyed(key, { ...ORDER, metadata: { b: '1', a: '2', 10: 'x' } })
    expect(first.headers.get('idempotent-replayed')).toBeNull()
    await shop.call('POST', `/v1/invoices/${first.json.id}/payment_methods/BTC`)
    await testEnv.INVOICES.getByName(first.json.id).observe([observation('aa', { seenAtMs: Date.now() })])
    const sorted = { metadata: { 10: 'x', a: '2', b: '1' }, currency: 'EUR', orderId: 'A-1', amount: '60.00' }
    for (const body of [{ ...ORDER, metadata: { b: '1', a: '2', 10: 'x' } }, sorted]) {
      const again = await keyed(key, body)
      expect({ status: again.status, text: again.text, location: again.headers.get('location') }).toEqual({
        status: 201,
        text: first.text,
        location: first.headers.get('location'),
      })
      expect(again.headers.get('idempotent-replayed')).toBe('true')
    }
    expect((await shop.call('GET', `/v1/invoices/${first.json.id}`)).json.status).toBe('processing')
  })

  test('twenty at once with one key make one invoice', async () => {
    const key = randomId('req')
    const replies = await Promise.all(Array.from({ length: 20 }, () => keyed(key, ORDER)))
    expect(new Set(replies.map((reply) => reply.text)).size).toBe(1)
    expect(replies.filter((reply) => reply.headers.get('idempotent-replayed') === null)).toHaveLength(1)
  })

  test('the same key with another body is refused', async () => {
    const key = randomId('req')
    await keyed(key, ORDER)
    const { status, json } = await keyed(key, { ...ORDER, amount: '60.01' })
    expect({ status, code: json.code }).toEqual({ status: 422, code: 'idempotency_key_reused' })
  })

  test('a key is the store’s own, and the quoted form is the same key', async () => {
    const key = randomId('req')
    const { json } = await keyed(key, ORDER)
    expect((await keyed(`"${key}"`, ORDER)).json.id).toBe(json.id)
    const other = await newMerchant()
    const reply = await keyed(key, ORDER, other)
    expect(reply.status).toBe(201)
    expect(reply.json.id).not.toBe(json.id)
  })

  test('a malformed key is refused', async () => {
    for (const key of ['', '""', '"open', 'two words', 'x'.repeat(256), '"a\\b"']) {
      const { status, json } = await keyed(key, ORDER)
      expect({ key, status, code: json.code }).toEqual({ key, status: 400, code: 'idempotency_key_malformed' })
    }
    expect((await keyed('x'.repeat(255), ORDER)).status).toBe(201)
  })

  test('without a key every call makes a new invoice', async () => {
    expect((await created()).id).not.toBe((await created()).id)
  })
})

describe('payment methods', () => {
  test('activating gives an address and what to send, and again the same', async () => {
    const { id } = await created()
    const first = await shop.call('POST', `/v1/invoices/${id}/payment_methods/BTC`)
    expect(first.status).toBe(200)
    expect(violations('Invoice', first.json)).toEqual([])
    const [bitcoin, ether] = first.json.paymentMethods
    expect(bitcoin?.address).toMatch(/^bcrt1q/)
    expect(bitcoin?.uri).toMatch(new RegExp(`^bitcoin:${bitcoin?.address}\\?.*amount=0.001`, 'i'))
    expect(ether?.address).toBeNull()
    expect((await shop.call('POST', `/v1/invoices/${id}/payment_methods/BTC`, {})).text).toBe(first.text)
  })

  test('part of the price leaves the rest due on the same address', async () => {
    const { id } = await created()
    await shop.call('POST', `/v1/invoices/${id}/payment_methods/BTC`)
    await testEnv.INVOICES.getByName(id).observe([observation('part', { units: 40_000n, seenAtMs: Date.now() })])
    const { json } = await shop.call('GET', `/v1/invoices/${id}`)
    expect(violations('Invoice', json)).toEqual([])
    expect(json).toMatchObject({ status: 'new', amountPaid: '24.00', amountConfirmed: '0.00', facts: { short: true } })
    expect(json.paymentMethods[0]).toMatchObject({ amountDue: '0.00060000' })
    expect(json.paymentMethods[0]?.uri).toContain('amount=0.0006')
    expect(json.payments).toMatchObject([
      { id: `${BITCOIN_REGTEST}/part/0`, amount: '0.00040000', status: 'unconfirmed', decision: 'counted' },
    ])
  })

  test('nothing is asked for any more when enough has been seen', async () => {
    const { id } = await created({ toleranceBps: 100 })
    await shop.call('POST', `/v1/invoices/${id}/payment_methods/BTC`)
    await testEnv.INVOICES.getByName(id).observe([observation('enough', { units: 99_500n, seenAtMs: Date.now() })])
    const { json } = await shop.call('GET', `/v1/invoices/${id}`)
    expect(json).toMatchObject({ status: 'processing', facts: { short: false } })
    expect(json.paymentMethods[0]).toMatchObject({ amountDue: '0.00000000', uri: null })
  })

  test('an asset that is not offered is not there', async () => {
    const { id } = await created({ paymentMethods: ['BTC'] })
    const reply = await shop.call('POST', `/v1/invoices/${id}/payment_methods/ETH`)
    expect({ status: reply.status, code: reply.json.code }).toEqual({ status: 404, code: 'asset_not_offered' })
  })
})

describe('a person’s word', () => {
  test('closes and reopens an invoice, under the name of the key', async () => {
    const { id } = await created()
    const closed = await shop.call('POST', `/v1/invoices/${id}/resolution`, { action: 'mark_invalid' })
    expect({ status: closed.status, invoice: closed.json.status }).toEqual({ status: 200, invoice: 'invalid' })
    const late = await shop.call('POST', `/v1/invoices/${id}/payment_methods/BTC`)
    expect({ status: late.status, code: late.json.code }).toEqual({ status: 409, code: 'invoice_closed' })
    const events = await shop.call('GET', `/v1/invoices/${id}/events`)
    expect(violations('InvoiceEventList', events.json)).toEqual([])
    expect(events.json.data.map((event: { version: number }) => event.version)).toEqual(
      events.json.data.map((_: unknown, at: number) => at + 1),
    )
    const marked = events.json.data.find((event: { type: string }) => event.type === 'marked')
    expect(marked?.data).toMatchObject({ as: 'invalid', by: expect.stringMatching(/^api_key:key_/) })
    const rest = await shop.call('GET', `/v1/invoices/${id}/events?cursor=${marked?.version}`)
    expect(rest.json.data.every((event: { version: number }) => event.version > Number(marked?.version))).toBe(true)
    expect((await shop.call('POST', `/v1/invoices/${id}/resolution`, { action: 'reopen' })).json.status).toBe('new')
    const nothing = await shop.call('POST', `/v1/invoices/${id}/resolution`, { action: 'accept_late' })
    expect({ status: nothing.status, code: nothing.json.code }).toEqual({ status: 409, code: 'nothing_to_resolve' })
  })
})

test('another store’s invoice, an unknown one and a wrong id are the same 404 in every call', async () => {
  const other = await newMerchant()
  const foreign = (await created({}, other)).id
  const untouched = (await other.call('GET', `/v1/invoices/${foreign}`)).text
  for (const [method, path, body] of [
    ['GET', '', undefined],
    ['GET', '/events', undefined],
    ['GET', '/deliveries', undefined],
    ['POST', '/payment_methods/BTC', undefined],
    ['POST', '/resolution', { action: 'mark_invalid' }],
  ] as const) {
    const answers = await Promise.all(
      [foreign, randomId('inv'), 'inv_1', foreign.toUpperCase(), '%00', '..%2f..'].map(async (id) => {
        const { status, json } = await shop.call(method, `/v1/invoices/${id}${path}`, body)
        return { ...json, status, requestId: null }
      }),
    )
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect(answers[0]).toMatchObject({ status: 404, code: 'invoice_not_found' })
  }
  expect((await other.call('GET', `/v1/invoices/${foreign}`)).text).toBe(untouched)
})

describe('list', () => {
  test('shows the store’s own invoices as they are read singly, in pages, by status and order id', async () => {
    const own = await newMerchant()
    await created({ orderId: 'theirs' })
    const made = []
    for (const orderId of ['a', 'b', 'a', 'c', 'b']) made.push((await created({ orderId }, own)).id)
    await own.call('POST', `/v1/invoices/${made[1]}/resolution`, { action: 'mark_invalid' })
    // The list is a projection: it comes by the queue.
    await vi.waitFor(async () => expect((await own.call('GET', '/v1/invoices?status=invalid')).json.data).toHaveLength(1), 15_000)
    await vi.waitFor(async () => expect((await own.call('GET', '/v1/invoices')).json.data).toHaveLength(5), 15_000)

    const first = await own.call('GET', '/v1/invoices?limit=3')
    expect(violations('InvoiceList', first.json)).toEqual([])
    const second = await own.call('GET', `/v1/invoices?limit=3&cursor=${first.json.nextCursor}`)
    expect(second.json.nextCursor).toBeNull()
    const listed = [...first.json.data, ...second.json.data]
    expect(listed.map(({ id }) => id).sort()).toEqual([...made].sort())
    for (const invoice of listed) expect((await own.call('GET', `/v1/invoices/${invoice.id}`)).json).toEqual(invoice)
    const ids = async (query: string) =>
      (await own.call('GET', `/v1/invoices?${query}`)).json.data.map(({ id }: { id: string }) => id)
    expect((await ids('orderId=a')).sort()).toEqual([made[0], made[2]].sort())
    expect(await ids('status=invalid')).toEqual([made[1]])
    expect(await ids('status=new&orderId=b')).toEqual([made[4]])
    expect(await ids('orderId=theirs')).toEqual([])
  }, 40_000)

  test.each([
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=1e1', 'limit'],
    ['status=paid', 'status'],
    ['cursor=abc', 'cursor'],
    ['cursor=%00', 'cursor'],
    ['status=new&status=new', 'status'],
  ])('?%s is refused', async (query, param) => {
    const { status, json } = await shop.call('GET', `/v1/invoices?${query}`)
    expect({ status, param: json.param }).toEqual({ status: 400, param })
    expect((await shop.call('GET', '/v1/invoices?page=2')).json).toMatchObject({ code: 'unknown_field', param: 'page' })
  })

  test('a shard that fails is a reason to try again, and tells nothing of the inside', async () => {
    const broken = {
      withSession: () => ({
        prepare: () => {
          throw new Error('D1_ERROR: secret detail')
        },
      }),
    }
    const merchant = await newMerchant({ ...apiEnv, SHARD_0: broken, SHARD_1: broken } as unknown as EdgeEnv)
    const { status, headers, text, json } = await merchant.call('GET', '/v1/invoices')
    expect({ status, code: json.code, retry: headers.get('retry-after') }).toEqual({
      status: 503,
      code: 'temporarily_unavailable',
      retry: '1',
    })
    expect(text).not.toContain('secret')
  })
})
