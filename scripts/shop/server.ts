import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { base32 } from '../../src/lib/ids.ts'
import { makeFolder, readJson, writePrivate } from '../stack/processes.ts'
import { CSS, SCRIPT } from './assets.ts'
import { type Order, type Orders, openOrders } from './orders.ts'
import { cataloguePage, type Html, ICON, messagePage, orderPage } from './pages.ts'
import { createPaytomat, type Paytomat, type PaytomatAccess } from './paytomat.ts'
import { productOf } from './products.ts'
import { receiveWebhook } from './webhook.ts'

export interface ShopOptions {
  readonly port: number
  /** As the shopper's browser calls it. */
  readonly origin: string
  readonly paytomat: PaytomatAccess
  /** Orders and the webhook secret are kept here. */
  readonly stateDir: string
  readonly log: (line: string) => void
}

const BODY_BYTES_MAX = 256 * 1024
const RECENT_ORDERS = 5

/**
 * A small merchant's shop: a catalogue, orders, and the three things a shop does with Paytomat: it creates an
 * invoice, shows the widget, and takes webhooks. Nothing in here knows Paytomat from the inside.
 */
export async function startShop(options: ShopOptions): Promise<{ stop(): Promise<void> }> {
  makeFolder(options.stateDir)
  const orders = openOrders(options.stateDir)
  const paytomat = createPaytomat(options.paytomat)
  const shop: Shop = { options, orders, paytomat, webhookSecret: await webhookSecret(options, paytomat) }
  const server = createServer((request, response) => {
    route(shop, request, response).catch((error: unknown) => {
      options.log(
        `${request.method} ${request.url} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      )
      if (!response.headersSent) {
        sendPage(shop, response, 502, messagePage('That did not work', 'Paytomat gave no answer. Please try again in a moment.'))
      }
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, '127.0.0.1', resolve)
  })
  return {
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Shop {
  readonly options: ShopOptions
  readonly orders: Orders
  readonly paytomat: Paytomat
  readonly webhookSecret: string
}

/** Registers our webhook address once per address, and keeps the secret. */
async function webhookSecret({ port, stateDir }: ShopOptions, paytomat: Paytomat): Promise<string> {
  const path = join(stateDir, 'webhook.json')
  // An address by number: a Worker's fetch and Node.js may not agree on what `localhost` is.
  const url = `http://127.0.0.1:${port}/webhooks`
  const kept = readJson<{ url: string; secret: string }>(path)
  if (kept?.url === url) return kept.secret
  const key = `demo-shop-${createHash('sha256').update(url).digest('hex').slice(0, 24)}`
  const secret = await paytomat.registerWebhook(key, url)
  writePrivate(path, JSON.stringify({ url, secret }))
  return secret
}

async function route(shop: Shop, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', shop.options.origin)
  const path = `${request.method} ${url.pathname}`
  if (path === 'GET /') return sendPage(shop, response, 200, cataloguePage(newOrderId, shop.orders.newest(RECENT_ORDERS)))
  if (path === 'GET /shop.css') return send(response, 200, 'text/css; charset=utf-8', CSS)
  if (path === 'GET /shop.js') return send(response, 200, 'text/javascript; charset=utf-8', SCRIPT)
  if (path === 'GET /icon.svg') return send(response, 200, 'image/svg+xml', ICON)
  if (path === 'POST /buy') return buy(shop, request, response)
  if (path === 'POST /webhooks') return takeWebhook(shop, request, response)
  const [, orderId, events] = /^GET \/orders\/(ord_[0-9a-z]+)(\/events)?$/.exec(path) ?? []
  const order = orderId === undefined ? null : shop.orders.get(orderId)
  if (order === null) return sendPage(shop, response, 404, messagePage('Nothing here', 'This page does not exist.'))
  if (events) return follow(shop, order, request, response)
  return sendPage(shop, response, 200, orderPage(await withInvoice(shop, order), shop.options.paytomat.origin))
}

/** The order's id is made with the catalogue page, so a form sent twice is one order. */
function newOrderId(): string {
  return `ord_${base32(crypto.getRandomValues(new Uint8Array(10)))}`
}

async function buy(shop: Shop, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const form = new URLSearchParams(await readBody(request))
  const product = productOf(form.get('product') ?? '')
  const id = form.get('order') ?? ''
  if (product === null || !/^ord_[0-9a-z]{16}$/.test(id)) {
    return sendPage(shop, response, 400, messagePage('We do not sell that', 'Please choose something from the shop.'))
  }
  if (shop.orders.get(id) === null) {
    shop.orders.put({
      id,
      productId: product.id,
      amount: product.price,
      currency: product.currency,
      createdAtMs: Date.now(),
      invoiceId: null,
      checkoutUrl: null,
      status: 'waiting',
      invoiceVersion: 0,
      paidAtMs: null,
    })
  }
  response.writeHead(303, { location: `/orders/${id}#pay` })
  response.end()
}

/**
 * Makes the order's invoice when it has none. The order's id is the idempotency key: asked again after a crash or
 * a lost answer, Paytomat gives the same invoice. An order without one shows "try again".
 */
async function withInvoice(shop: Shop, order: Order): Promise<Order> {
  if (order.invoiceId !== null) return order
  try {
    const invoice = await shop.paytomat.createInvoice(order.id, {
      amount: order.amount,
      currency: order.currency,
      orderId: order.id,
      description: productOf(order.productId)?.name ?? order.productId,
      redirectUrl: `${shop.options.origin}/orders/${order.id}`,
    })
    const now = shop.orders.get(order.id) ?? order
    shop.orders.put({ ...now, invoiceId: invoice.id, checkoutUrl: invoice.checkoutUrl })
  } catch (error) {
    shop.options.log(`order ${order.id} has no invoice: ${error instanceof Error ? error.message : String(error)}`)
  }
  return shop.orders.get(order.id) ?? order
}

async function takeWebhook(shop: Shop, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request)
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
  response.writeHead(await receiveWebhook({ body, headers }, shop.webhookSecret, shop.paytomat, shop.orders, shop.options.log))
  response.end()
}

/** Server-sent events: the order's status now and whenever it changes. */
function follow(shop: Shop, order: Order, request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  const tell = ({ status }: Order) => response.write(`data: ${status}\n\n`)
  const stop = shop.orders.watch(order.id, tell)
  request.once('close', stop)
  response.write('retry: 1000\n')
  tell(shop.orders.get(order.id) ?? order)
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > BODY_BYTES_MAX) throw new Error('the body is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

async function sendPage(shop: Shop, response: ServerResponse, status: number, page: Html): Promise<void> {
  const checkout = shop.options.paytomat.origin
  const policy = [
    "default-src 'none'",
    `script-src 'self' ${checkout}`,
    `frame-src ${checkout}`,
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ]
  response.setHeader('content-security-policy', policy.join('; '))
  response.setHeader('referrer-policy', 'strict-origin-when-cross-origin')
  send(response, status, 'text/html; charset=utf-8', String(await page))
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  response.end(body)
}
