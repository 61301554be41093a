import { URL_LENGTH_MAX } from '../delivery/address.ts'
import type { Endpoint } from '../delivery/rpc.ts'
import { rfc3339 } from '../lib/clock.ts'
import type { Fields } from '../lib/fields.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { TRANSFER_EVENT_TYPES } from '../wallet/transfers/events.ts'
import { readBody } from './body.ts'
import { type Answer, type Call, steadily } from './call.ts'
import { showDelivery } from './delivery-resource.ts'
import { madeHeaders, nameRequest } from './idempotency.ts'
import { ownInvoice } from './invoice-access.ts'
import type { Problem } from './problems.ts'

/** Every type of event a webhook can carry. */
export const EVENT_TYPES = [
  'invoice.created',
  'invoice.payment_detected',
  'invoice.payment_changed',
  'invoice.processing',
  'invoice.settled',
  'invoice.expired',
  'invoice.invalid',
  'invoice.reopened',
  'invoice.refund_requested',
  'invoice.refund_claimed',
  'invoice.refund_changed',
  'invoice.refund_cancelled',
  ...TRANSFER_EVENT_TYPES,
] as const

/** `POST /v1/webhook_endpoints`. The secret is in this answer only, and in its replays under the same key. */
export async function createEndpoint(call: Call): Promise<Result<Answer, Problem>> {
  const { env, request, identity, nowMs } = call
  const body = await readBody(request, ['url', 'events', 'description'], (fields) => ({
    // Which addresses may be called is the delivery object's to say.
    url: fields.text('url', { max: URL_LENGTH_MAX }),
    events: fields.optional('events', (name) => readEventTypes(fields, name)) ?? [],
    description: fields.optional('description', (name) => fields.text(name, { min: 0, max: 200 })) ?? '',
  }))
  if (!body.ok) return body
  const name = await nameRequest(call, 'we', body.value.json)
  if (!name.ok) return name
  const { id: endpointId, fingerprint, keyed } = name.value
  const { storeId } = identity.store

  const wish = { ...body.value.value, storeId, endpointId, fingerprint, nowMs }
  const created = await steadily(() => env.DELIVERIES.getByName(storeId).createEndpoint(wish))
  if (!created.ok) {
    const { reason, detail } = created.error
    return err({ reason, detail, param: reason === 'idempotency_key_reused' ? 'Idempotency-Key' : 'url' })
  }
  const { endpoint, secret } = created.value
  // As it was made, even if it has been disabled since: a replay is the same bytes.
  const asMade = { ...showEndpoint(endpoint), status: 'enabled', disabledReason: null, secret }
  const replayed = keyed && endpoint.createdAtMs !== nowMs
  return ok({ status: 201, body: asMade, headers: madeHeaders(null, replayed) })
}

export async function listEndpoints(call: Call): Promise<Result<Answer, Problem>> {
  const endpoints = await steadily(() => call.env.DELIVERIES.getByName(call.identity.store.storeId).listEndpoints())
  return ok({ status: 200, body: { data: endpoints.map(showEndpoint) } })
}

/** Newest first, at most 100. */
export async function listDeliveries(call: Call): Promise<Result<Answer, Problem>> {
  const invoice = await ownInvoice(call)
  if (!invoice.ok) return invoice
  const { id: invoiceId, storeId } = invoice.value.terms
  const deliveries = await steadily(() => call.env.DELIVERIES.getByName(storeId).listDeliveries({ invoiceId }))
  return ok({ status: 200, body: { data: deliveries.map(showDelivery) } })
}

function readEventTypes(fields: Fields, name: string): string[] {
  return fields.texts(name, 0, EVENT_TYPES.length, {
    max: 50,
    pattern: new RegExp(`^(${EVENT_TYPES.join('|').replaceAll('.', '\\.')})$`),
    form: `one of ${EVENT_TYPES.join(', ')}`,
  })
}

function showEndpoint({ id, url, events, description, status, disabledReason, createdAtMs }: Endpoint) {
  return { id, object: 'webhook_endpoint', url, events, description, status, disabledReason, createdAt: rfc3339(createdAtMs) }
}
