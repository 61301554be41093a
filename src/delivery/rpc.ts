import type { Result } from '../lib/result.ts'

/** Webhooks of one store: endpoints and every delivery to them, each on its own schedule. Named by the store id. */
export interface DeliveryRpc {
  createEndpoint(request: CreateEndpoint): Promise<Result<EndpointCreated, EndpointRefusal>>
  listEndpoints(): Promise<Endpoint[]>
  /** Owns the event from here on: returns once it is durable for each endpoint that wants it. Same event id again: no change. */
  enqueue(event: WebhookEvent): Promise<void>
  /** The courier's report of one attempt; late and repeated ones change nothing, but that a late 2xx of the newest attempt counts. */
  report(result: AttemptResult): Promise<void>
  /** Deliveries of an invoice, of one of its events, or of a transfer, newest first, at most 100. */
  listDeliveries(filter: { invoiceId: string; eventId?: string } | { transferId: string }): Promise<DeliveryView[]>
}

export interface CreateEndpoint {
  readonly storeId: string
  /** Made by the API from the idempotency key, else random. */
  readonly endpointId: string
  readonly url: string
  /** Event types wanted; empty for all. */
  readonly events: readonly string[]
  readonly description: string
  /** SHA-256 of the request body under its idempotency key, null without one. */
  readonly fingerprint: string | null
  readonly nowMs: number
}

export interface Endpoint {
  readonly id: string
  readonly url: string
  readonly events: readonly string[]
  readonly description: string
  readonly status: 'enabled' | 'disabled'
  readonly disabledReason: string | null
  readonly createdAtMs: number
}

export interface EndpointCreated {
  readonly endpoint: Endpoint
  /** `whsec_…`, shown at creation only. A replay under the same idempotency key answers it again. */
  readonly secret: string
}

export type EndpointRefusal = {
  readonly reason: 'idempotency_key_reused' | 'too_many_endpoints' | 'address_not_allowed' | 'bad_url'
  readonly detail: string
}

/** One thing that happened to an invoice or to a transfer. The body sent is `{ type, timestamp, data }` (Standard Webhooks 1.0.0). */
export interface WebhookEvent {
  /** `evt_…`; the `webhook-id` of every attempt. */
  readonly id: string
  readonly storeId: string
  /** What it is about; null when that is a transfer. */
  readonly invoiceId: string | null
  /** Absent when it is about an invoice. */
  readonly transferId?: string
  readonly type: string
  readonly atMs: number
  /** The JSON body, ready to sign and send. */
  readonly body: string
}

/** One attempt, signed by the delivery object, carried out by the courier. */
export interface DeliverMessage {
  readonly kind: 'webhook'
  readonly storeId: string
  readonly deliveryId: string
  readonly attempt: number
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: string
}

export interface AttemptResult {
  readonly storeId: string
  readonly deliveryId: string
  readonly attempt: number
  /** HTTP status, or null when there was no answer. */
  readonly status: number | null
  readonly retryAfterMs: number | null
  /** Why there was no answer, in words for the merchant. */
  readonly error: string | null
  readonly durationMs: number
}

export interface DeliveryView {
  readonly id: string
  readonly eventId: string
  readonly eventType: string
  readonly invoiceId: string | null
  readonly transferId: string | null
  readonly endpointId: string
  readonly state: 'pending' | 'delivered' | 'failed'
  readonly attempts: number
  readonly nextAttemptAtMs: number | null
  readonly lastStatus: number | null
  readonly lastError: string | null
}
