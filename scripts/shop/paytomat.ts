/** The part of the merchant API that a shop needs. */
export interface PaytomatAccess {
  readonly origin: string
  readonly apiKey: string
}

/** The fields of an invoice that this shop reads. */
export interface ShopInvoice {
  readonly id: string
  readonly status: 'new' | 'processing' | 'settled' | 'expired' | 'invalid'
  readonly version: number
  readonly amount: string
  readonly currency: string
  readonly orderId: string | null
  readonly checkoutUrl: string
}

const TIMEOUT_MS = 10_000

export interface Paytomat {
  createInvoice(idempotencyKey: string, terms: Record<string, unknown>): Promise<ShopInvoice>
  readInvoice(id: string): Promise<ShopInvoice>
  /** Answers the endpoint's signing secret (`whsec_…`). */
  registerWebhook(idempotencyKey: string, url: string): Promise<string>
}

/** Only what can change an order: `invoice.created` and single payments are not a shop's business. */
export const ORDER_EVENTS = ['invoice.processing', 'invoice.settled', 'invoice.expired', 'invoice.invalid', 'invoice.reopened']

/** Throws with the API's own words when it refuses or cannot be reached; every call may be made again. */
export function createPaytomat({ origin, apiKey }: PaytomatAccess): Paytomat {
  async function call<T>(method: string, path: string, body?: unknown, idempotencyKey?: string): Promise<T> {
    const response = await fetch(new URL(path, origin), {
      method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${(await response.text()).slice(0, 300)}`)
    return (await response.json()) as T
  }
  return {
    createInvoice: (key, terms) => call('POST', '/v1/invoices', terms, key),
    readInvoice: (id) => call('GET', `/v1/invoices/${encodeURIComponent(id)}`),
    async registerWebhook(key, url) {
      const created = await call<{ secret: string }>(
        'POST',
        '/v1/webhook_endpoints',
        { url, events: ORDER_EVENTS, description: 'Demo shop' },
        key,
      )
      return created.secret
    },
  }
}
