import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { type Order, type Orders, openOrders } from '../../scripts/shop/orders.ts'
import type { Paytomat, ShopInvoice } from '../../scripts/shop/paytomat.ts'
import { receiveWebhook } from '../../scripts/shop/webhook.ts'

const folder = mkdtempSync(join(tmpdir(), 'paytomat-orders-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const SECRET = `whsec_${Buffer.from('a'.repeat(32)).toString('base64')}`
const ORDER: Order = {
  id: 'ord_1',
  productId: 'mug',
  amount: '18.00',
  currency: 'EUR',
  createdAtMs: 0,
  invoiceId: 'inv_1',
  checkoutUrl: 'https://pay.example/i/inv_1',
  status: 'waiting',
  invoiceVersion: 0,
  paidAtMs: null,
}

let orders: Orders
/** What Paytomat answers when the shop reads the invoice again; null: it does not answer. */
let truth: ShopInvoice | null
const paytomat: Paytomat = {
  createInvoice: () => Promise.reject(new Error('not in this test')),
  registerWebhook: () => Promise.reject(new Error('not in this test')),
  readInvoice: () => (truth ? Promise.resolve(truth) : Promise.reject(new Error('no answer'))),
}

beforeEach(() => {
  orders = openOrders(folder)
  orders.put(ORDER)
})

function invoice(status: ShopInvoice['status'], version: number, more: Partial<ShopInvoice> = {}): ShopInvoice {
  return { id: 'inv_1', status, version, amount: '18.00', currency: 'EUR', orderId: 'ord_1', checkoutUrl: '', ...more }
}

function deliver(type: string, secret = SECRET): Promise<number> {
  const body = JSON.stringify({ type, data: { invoice: { id: 'inv_1' } } })
  const now = new Date()
  const headers = {
    'webhook-id': 'evt_1',
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign('evt_1', now, body),
  }
  return receiveWebhook({ body, headers }, SECRET, paytomat, orders, () => {})
}

const order = () => orders.get('ord_1')

test('an order is paid by what Paytomat says when asked again, not by what the message says', async () => {
  truth = invoice('processing', 3)
  expect(await deliver('invoice.settled')).toBe(204)
  expect(order()).toMatchObject({ status: 'seen', paidAtMs: null })
  truth = invoice('settled', 5)
  expect(await deliver('invoice.settled')).toBe(204)
  expect(order()?.status).toBe('paid')
})

test('the same webhook again, and an older one late, change nothing', async () => {
  truth = invoice('settled', 5)
  await deliver('invoice.settled')
  const paid = order()
  await deliver('invoice.settled')
  truth = invoice('processing', 3)
  expect(await deliver('invoice.processing')).toBe(204)
  expect(order()).toEqual(paid)
})

test('a wrong signature is refused and nothing is read', async () => {
  truth = invoice('settled', 5)
  expect(await deliver('invoice.settled', `whsec_${Buffer.from('b'.repeat(32)).toString('base64')}`)).toBe(401)
  expect(order()?.status).toBe('waiting')
})

test('when Paytomat does not answer, the webhook is asked for again', async () => {
  truth = null
  expect(await deliver('invoice.settled')).toBe(503)
  truth = invoice('settled', 5)
  expect(await deliver('invoice.settled')).toBe(204)
  expect(order()?.status).toBe('paid')
})

test.each([{ amount: '0.01' }, { currency: 'USD' }, { orderId: 'ord_2' }, { id: 'inv_2' }])(
  'an invoice that is not what the order asked for pays nothing: %o',
  async (wrong) => {
    truth = invoice('settled', 5, wrong)
    expect(await deliver('invoice.settled')).toBe(503)
    expect(order()?.status).toBe('waiting')
  },
)

test('money that goes away after the order was paid is for a person to look at, and the order is not paid twice', async () => {
  truth = invoice('settled', 5)
  await deliver('invoice.settled')
  const paidAtMs = order()?.paidAtMs
  truth = invoice('processing', 6)
  await deliver('invoice.reopened')
  expect(order()).toMatchObject({ status: 'trouble', paidAtMs })
  truth = invoice('settled', 7)
  await deliver('invoice.settled')
  expect(order()).toMatchObject({ status: 'paid', paidAtMs })
})

test('orders are on disk when the change is told', () => {
  expect(openOrders(folder).get('ord_1')).toEqual(order())
})
