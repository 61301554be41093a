import { Webhook } from 'standardwebhooks'
import type { Order, OrderStatus, Orders } from './orders.ts'
import type { Paytomat, ShopInvoice } from './paytomat.ts'

export interface WebhookRequest {
  readonly body: string
  readonly headers: Record<string, string>
}

/**
 * Takes a webhook as every shop should: check the signature, read the invoice again (the message may be old),
 * check that it is ours, and only then believe it. Answers the HTTP status: 2xx is "never tell me again", anything
 * else makes Paytomat try again later.
 */
export async function receiveWebhook(
  request: WebhookRequest,
  secret: string,
  paytomat: Paytomat,
  orders: Orders,
  log: (line: string) => void,
): Promise<number> {
  let event: { type?: unknown; data?: { invoice?: { id?: unknown } } }
  try {
    event = new Webhook(secret).verify(request.body, request.headers) as typeof event
  } catch (error) {
    log(`webhook refused: ${error instanceof Error ? error.message : String(error)}`)
    return 401
  }
  const invoiceId = event.data?.invoice?.id
  const order = typeof invoiceId === 'string' ? orders.byInvoice(invoiceId) : null
  // Not an order of this shop (or one it has forgotten): telling us again would not help.
  if (typeof invoiceId !== 'string' || order === null) return 204
  try {
    applyInvoice(orders, order, await paytomat.readInvoice(invoiceId))
  } catch (error) {
    log(`order ${order.id}: the invoice could not be read again: ${error instanceof Error ? error.message : String(error)}`)
    return 503
  }
  log(`order ${order.id}: ${String(event.type)}, now ${orders.get(order.id)?.status}`)
  return 204
}

const STATUS_OF: Record<ShopInvoice['status'], OrderStatus> = {
  new: 'waiting',
  processing: 'seen',
  settled: 'paid',
  expired: 'expired',
  invalid: 'trouble',
}

/** Brings an order up to the invoice as it is now. Applied twice, or with an older invoice, it changes nothing. */
export function applyInvoice(orders: Orders, known: Order, invoice: ShopInvoice): void {
  const order = orders.get(known.id) ?? known
  const isOurs =
    invoice.id === order.invoiceId &&
    invoice.orderId === order.id &&
    invoice.amount === order.amount &&
    invoice.currency === order.currency
  if (!isOurs) throw new Error(`invoice ${invoice.id} is not what order ${order.id} asked for`)
  if (invoice.version <= order.invoiceVersion) return
  const status = STATUS_OF[invoice.status]
  const paidAtMs = order.paidAtMs ?? (status === 'paid' ? Date.now() : null)
  orders.put({
    ...order,
    status: paidAtMs !== null && status !== 'paid' ? 'trouble' : status,
    paidAtMs,
    invoiceVersion: invoice.version,
  })
}
