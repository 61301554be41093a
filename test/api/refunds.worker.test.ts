import { beforeAll, describe, expect, test } from 'vitest'
import { isClaimToken } from '../../src/auth/claim-token.ts'
import type { RefundResource } from '../../src/invoice/refund-resource.ts'
import { ADDRESS, settled } from '../invoice/refund-builders.ts'
import { testEnv } from '../storage/databases.ts'
import { apiEnv, type Merchant, newMerchant, type Reply } from './merchant.ts'
import { violations } from './schema.ts'

type Refund = RefundResource & { readonly claimUrl: string | null }

let shop: Merchant
beforeAll(async () => {
  shop = await newMerchant()
})

let keys = 0
const key = () => ({ 'idempotency-key': `refund-${keys++}` })

/** An invoice of 60.00 EUR, paid with 100,000 satoshi (and what else is given), all final. */
async function paid(...more: Parameters<typeof settled>[]): Promise<string> {
  const made = await shop.call('POST', '/v1/invoices', { amount: '60.00', currency: 'EUR' })
  const { id } = made.json
  const seen = [settled('t1'), ...more.map((one) => settled(...one))].map((one) => ({ ...one, seenAtMs: Date.now() }))
  await testEnv.INVOICES.getByName(id).observe(seen)
  return id
}

const refundOf = ({ json }: Reply) => json as unknown as Refund
const create = (id: string, body: object, headers: Record<string, string> = key()) =>
  shop.call('POST', `/v1/invoices/${id}/refunds`, body, headers)

async function created(id: string, body: object): Promise<Refund> {
  const reply = await create(id, body)
  expect(reply.status, reply.text).toBe(201)
  return refundOf(reply)
}

describe('create', () => {
  test('answers the refund, where it is, and the link for its payer', async () => {
    const id = await paid()
    const reply = await create(id, { type: 'full', reason: 'Out of stock, sorry' })
    expect(reply.status).toBe(201)
    expect(violations('Refund', reply.json)).toEqual([])
    const refund = refundOf(reply)
    expect(reply.headers.get('location')).toBe(`/v1/invoices/${id}/refunds/${refund.id}`)
    expect(refund).toMatchObject({
      object: 'refund',
      invoiceId: id,
      status: 'awaiting_address',
      asset: 'BTC',
      amount: '0.00100000',
      rule: { type: 'full', amount: null, currency: null, rate: null },
      reason: 'Out of stock, sorry',
      address: null,
      transferId: null,
    })
    const [, origin, token] = /^(.*)\/claim\/inv_\w{32}\/tr_\w{32}\/(clm_\w{32})$/.exec(refund.claimUrl ?? '') ?? []
    expect(origin).toBe('http://localhost:8787')
    expect(await isClaimToken(apiEnv.ID_SECRET, id, refund.id, token ?? '')).toBe(true)
    const invoice = await shop.call('GET', `/v1/invoices/${id}`)
    expect(violations('Invoice', invoice.json)).toEqual([])
    expect(invoice.json.refunds).toMatchObject([{ id: refund.id, status: 'awaiting_address' }])
    // The link is a secret: it is told where refunds are asked for, and nowhere else.
    expect(invoice.text).not.toContain('/claim/')
  })

  test('takes an amount of the asset, or of the invoice’s currency at the rate then or now', async () => {
    const id = await paid()
    expect(await created(id, { type: 'part', asset: 'BTC', amount: '0.0001' })).toMatchObject({
      amount: '0.00010000',
      rule: { type: 'part', amount: '0.00010000', currency: 'BTC', rate: null },
    })
    for (const rate of ['then', 'now'])
      expect(await created(id, { type: 'part', amount: '12.00', currency: 'EUR', rate })).toMatchObject({
        amount: '0.00020000',
        rule: { type: 'part', amount: '12.00', currency: 'EUR', rate },
      })
    expect(await created(id, { type: 'full' })).toMatchObject({ amount: '0.00050000' })
  })

  test('takes what was paid beyond the price', async () => {
    const id = await paid(['t2', { units: 25_000n }])
    expect(await created(id, { type: 'over' })).toMatchObject({ amount: '0.00025000', rule: { type: 'over' } })
  })

  test('needs a key; the same again is the same bytes, whatever has happened since', async () => {
    const id = await paid()
    const without = await create(id, { type: 'full' }, {})
    expect([without.status, without.json.code]).toEqual([400, 'idempotency_key_missing'])
    const headers = key()
    const first = await create(id, { type: 'part', asset: 'BTC', amount: '0.0002' }, headers)
    await testEnv.INVOICES.getByName(id).claimRefund(refundOf(first).id, ADDRESS)
    const again = await create(id, { amount: '0.0002', asset: 'BTC', type: 'part' }, headers)
    expect(again.text).toBe(first.text)
    expect(again.headers.get('idempotent-replayed')).toBe('true')
    const other = await create(id, { type: 'full' }, headers)
    expect([other.status, other.json.code]).toEqual([422, 'idempotency_key_reused'])
    // The same key of another invoice is another refund.
    expect((await create(await paid(), { type: 'full' }, headers)).status).toBe(201)
  })

  test.each([
    [{ type: 'part', asset: 'BTC', amount: '0.00100001' }, 422, 'refund_over_limit', 'at most 0.00100000 BTC'],
    [{ type: 'part', amount: '61.00', currency: 'EUR' }, 422, 'refund_over_limit', '0.00101666 BTC'],
    [{ type: 'part', asset: 'BTC', amount: '0.00000329' }, 422, 'refund_too_small', '0.00000330'],
    [{ type: 'part', asset: 'BTC', amount: '1.00', currency: 'USD' }, 422, 'refund_currency_unknown', 'USD'],
    [{ type: 'over' }, 409, 'nothing_to_refund', 'beyond its price'],
    [{ type: 'full', asset: 'ETH' }, 409, 'nothing_to_refund', 'no ETH'],
    [{ type: 'part' }, 400, 'invalid_request', 'currency'],
    [{ type: 'part', asset: 'BTC' }, 400, 'invalid_request', 'amount'],
    [{ type: 'part', asset: 'BTC', amount: '0.000000001' }, 400, 'invalid_request', 'digits'],
    [{ type: 'full', amount: '1.00' }, 400, 'invalid_request', 'amount'],
    [{ type: 'all' }, 400, 'invalid_request', 'type'],
    [{ type: 'full', asset: 'DOGE' }, 400, 'invalid_request', 'asset'],
    [{ type: 'full', address: ADDRESS }, 400, 'unknown_field', 'address'],
  ])('refuses %j', async (body, status, code, words) => {
    const reply = await create(await paid(), body)
    expect([reply.status, reply.json.code]).toEqual([status, code])
    expect(reply.text).toContain(words)
  })

  test('asks which, where several assets were paid in, and says what waits for a word', async () => {
    const id = await paid(['t2', { assetCode: 'ETH', units: 10n ** 16n }])
    const which = await create(id, { type: 'full' })
    expect([which.status, which.json.code, which.json.param]).toEqual([422, 'refund_asset_needed', 'asset'])
    const late = await shop.call('POST', '/v1/invoices', { amount: '60.00', currency: 'EUR' })
    await testEnv.INVOICES.getByName(late.json.id).observe([settled('t1', { seenAtMs: Date.now() + 10_000_000 })])
    const held = await create(late.json.id, { type: 'full' })
    expect(held.json.code).toBe('nothing_to_refund')
    expect(held.text).toContain('accept or refuse it first')
  })
})

describe('read, list and cancel', () => {
  test('show each refund with what is left to refund', async () => {
    const id = await paid()
    const first = await created(id, { type: 'part', asset: 'BTC', amount: '0.0004' })
    const list = await shop.call('GET', `/v1/invoices/${id}/refunds`)
    expect(violations('RefundList', list.json)).toEqual([])
    expect(list.json).toMatchObject({ data: [first], refundable: [{ asset: 'BTC', amount: '0.00060000' }] })
    const one = await shop.call('GET', `/v1/invoices/${id}/refunds/${first.id}`)
    expect(one.json).toEqual(first)
  })

  test('ending one frees its money, once and for good', async () => {
    const id = await paid()
    const refund = await created(id, { type: 'full' })
    const path = `/v1/invoices/${id}/refunds/${refund.id}/cancel`
    const ended = await shop.call('POST', path)
    expect(ended.status).toBe(200)
    expect(violations('Refund', ended.json)).toEqual([])
    expect(refundOf(ended)).toMatchObject({ status: 'cancelled', cancelling: false, claimUrl: null })
    expect((await shop.call('POST', path)).text).toBe(ended.text)
    await created(id, { type: 'full' })
  })

  test('ending one that is sent is too late', async () => {
    const id = await paid()
    const refund = await created(id, { type: 'full' })
    const object = testEnv.INVOICES.getByName(id)
    await object.claimRefund(refund.id, ADDRESS)
    const change = { refundId: refund.id, reason: null, challenge: null }
    await object.refundChanged({ ...change, version: 90, status: 'broadcast', txid: 'ab' })
    const reply = await shop.call('POST', `/v1/invoices/${id}/refunds/${refund.id}/cancel`)
    expect([reply.status, reply.json.code]).toEqual([409, 'refund_closed'])
    const shown = refundOf(await shop.call('GET', `/v1/invoices/${id}/refunds/${refund.id}`))
    expect(shown).toMatchObject({ status: 'broadcast', txid: 'ab', address: ADDRESS, transferId: refund.id, claimUrl: null })
  })

  test('what is another store’s, or is not there, is not found', async () => {
    const id = await paid()
    const { id: refundId } = await created(id, { type: 'full' })
    const other = await newMerchant()
    for (const path of [`${id}/refunds`, `${id}/refunds/${refundId}`])
      expect((await other.call('GET', `/v1/invoices/${path}`)).json.code).toBe('invoice_not_found')
    expect((await other.call('POST', `/v1/invoices/${id}/refunds`, { type: 'full' }, key())).status).toBe(404)
    expect((await other.call('POST', `/v1/invoices/${id}/refunds/${refundId}/cancel`)).status).toBe(404)
    const missing = await shop.call('GET', `/v1/invoices/${id}/refunds/tr_${'0'.repeat(32)}`)
    expect([missing.status, missing.json.code]).toEqual([404, 'refund_not_found'])
    expect((await shop.call('POST', `/v1/invoices/${id}/refunds/x/cancel`)).json.code).toBe('refund_not_found')
  })
})

test('the log of the invoice tells of its refunds', async () => {
  const id = await paid()
  const refund = await created(id, { type: 'full' })
  await shop.call('POST', `/v1/invoices/${id}/refunds/${refund.id}/cancel`)
  const events = await shop.call('GET', `/v1/invoices/${id}/events`)
  expect(violations('InvoiceEventList', events.json)).toEqual([])
  expect(events.json.data.map(({ type }) => type).slice(-2)).toEqual(['refund_requested', 'refund_cancelled'])
})
