import { DurableObject } from 'cloudflare:workers'
import type { CoreEnv } from '../../workers/core/env.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import { assert, err, ok, type Result } from '../lib/result.ts'
import { checkAddress } from './address.ts'
import type {
  AttemptResult,
  CreateEndpoint,
  DeliveryRpc,
  DeliveryView,
  Endpoint,
  EndpointCreated,
  EndpointRefusal,
  WebhookEvent,
} from './rpc.ts'
import { afterAttempt, healthAfter, isDelivered, type Outcome } from './schedule.ts'
import { endpointSecret, signedHeaders } from './sign.ts'
import {
  createTables,
  type DeliveryRow,
  deliveriesOf,
  deliveryId,
  disableEndpoint,
  dueDeliveries,
  type EndpointRow,
  endpointView,
  findDelivery,
  hasEvent,
  hasTables,
  insertDelivery,
  insertEndpoint,
  nextDueMs,
  pruneDelivered,
  readDeliveryId,
  readEndpoints,
  subjectOf,
  takeBack,
  writeHealth,
  writeOutcome,
  writeSent,
} from './store.ts'

export const ENDPOINTS_MAX = 20

/**
 * The largest body, as the JSON string it is inside a queue message: those may have 128,000 bytes, and the address and
 * headers need their part. Bodies are usually of 2 to 4 kB; Standard Webhooks advises under 20 kB.
 */
export const BODY_BYTES_MAX = 120_000

/** How long the courier has to report before an attempt counts as lost: its own timeout and the way there and back. */
export const LEASE_MS = 60_000

/** Deliveries dealt with in one alarm; more follow in the next, at once. */
export const FLUSH_MAX = 50

/** Delivered rows stay this long, failed ones for good. */
export const RETENTION_MS = 60 * 24 * 60 * 60_000
const PRUNE_MAX = 500

/** Wait after the queue refused a message, or the alarm itself failed. */
export const QUEUE_RETRY_MS = 10_000

const LISTED_MAX = 100
const SECRET_VERSION = 1

/** An attempt that is on its row as sent, and still has to be signed and handed to the queue. */
interface Sending {
  readonly endpoint: EndpointRow
  readonly delivery: DeliveryRow
}

/** Webhooks of one store, named by the store id. Each delivery has its own schedule and waits for no other. */
export class DeliveryObject extends DurableObject<CoreEnv> implements DeliveryRpc {
  /** Ports, replaced in tests. */
  clock: Clock = systemClock
  random: () => number = Math.random

  #hasTables: boolean
  #alarmAtMs: number | null = null

  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(ctx, env)
    this.#hasTables = hasTables(ctx.storage.sql)
    ctx.blockConcurrencyWhile(async () => {
      this.#alarmAtMs = await ctx.storage.getAlarm()
    })
  }

  async createEndpoint(request: CreateEndpoint): Promise<Result<EndpointCreated, EndpointRefusal>> {
    const secret = await endpointSecret(this.env.WEBHOOK_SECRET, request.endpointId, SECRET_VERSION)

    const sql = this.ctx.storage.sql
    const endpoints = this.#endpoints()
    const before = endpoints.find((endpoint) => endpoint.id === request.endpointId)
    if (before !== undefined) {
      if (before.fingerprint !== request.fingerprint)
        return err({ reason: 'idempotency_key_reused', detail: 'this idempotency key was used for another endpoint' })
      // Told again as it was made, whatever has become of it since.
      return ok({ endpoint: endpointView({ ...before, disabledReason: null }), secret })
    }
    const address = checkAddress(request.url, this.env.ENVIRONMENT === 'development')
    if (!address.ok) return address
    if (endpoints.length >= ENDPOINTS_MAX)
      return err({ reason: 'too_many_endpoints', detail: `a store has at most ${ENDPOINTS_MAX} webhook endpoints` })

    const endpoint: EndpointRow = {
      id: request.endpointId,
      storeId: request.storeId,
      url: address.value,
      events: request.events,
      description: request.description,
      fingerprint: request.fingerprint,
      secretVersion: SECRET_VERSION,
      disabledReason: null,
      outage: null,
      createdAtMs: request.nowMs,
    }
    createTables(sql)
    this.#hasTables = true
    insertEndpoint(sql, endpoint)
    return ok({ endpoint: endpointView(endpoint), secret })
  }

  async listEndpoints(): Promise<Endpoint[]> {
    return this.#endpoints().map(endpointView)
  }

  /** One delivery for each enabled endpoint that wants the type, its first attempt on the way when this is durable. */
  async enqueue(event: WebhookEvent): Promise<void> {
    const nowMs = this.clock()
    const sql = this.ctx.storage.sql
    const wanting = this.#endpoints().filter((endpoint) => endpoint.disabledReason === null && wants(endpoint, event.type))
    if (wanting.length === 0 || hasEvent(sql, subjectOf(event), event.id)) return

    const sending: Sending[] = []
    for (const endpoint of wanting) {
      const delivery = firstAttempt(event, endpoint.id, nowMs)
      insertDelivery(sql, delivery, nowMs)
      if (delivery.state === 'sent') sending.push({ endpoint, delivery })
    }
    this.#arm(nowMs + LEASE_MS)
    this.ctx.waitUntil(this.#send(sending))
  }

  async report(result: AttemptResult): Promise<void> {
    const key = readDeliveryId(result.deliveryId)
    const delivery = key === null || !this.#hasTables ? null : findDelivery(this.ctx.storage.sql, key)
    if (delivery === null || delivery.state === 'delivered' || delivery.attempts !== result.attempt) return
    const outcome: Outcome =
      result.status === null
        ? { kind: 'no_answer' }
        : { kind: 'answered', status: result.status, retryAfterMs: result.retryAfterMs }
    // Its lease ran out and it was counted as lost: a failure is told already, but that it arrived is still worth knowing.
    if (delivery.state !== 'sent' && !isDelivered(outcome)) return
    this.#settle(delivery, outcome, result.error, this.clock())
  }

  async listDeliveries(filter: { invoiceId: string; eventId?: string } | { transferId: string }): Promise<DeliveryView[]> {
    if (!this.#hasTables) return []
    const sql = this.ctx.storage.sql
    if ('transferId' in filter) return deliveriesOf(sql, filter.transferId, null, LISTED_MAX)
    return deliveriesOf(sql, filter.invoiceId, filter.eventId ?? null, LISTED_MAX)
  }

  override async alarm(): Promise<void> {
    this.#alarmAtMs = null
    if (!this.#hasTables) return
    try {
      const nowMs = this.clock()
      pruneDelivered(this.ctx.storage.sql, nowMs, PRUNE_MAX)
      const sending = this.#takeDue(nowMs)
      const dueMs = nextDueMs(this.ctx.storage.sql)
      if (dueMs !== null) this.#arm(dueMs)
      await this.#send(sending)
    } catch (thrown) {
      logEvent('error', 'delivery_alarm_failed', { reason: reasonOf(thrown) })
      this.#arm(this.clock() + QUEUE_RETRY_MS)
    }
  }

  /** Moves what is due: lost attempts on along their schedule, waiting ones to sent. Answers those to be sent now. */
  #takeDue(nowMs: number): Sending[] {
    const sql = this.ctx.storage.sql
    const endpoints = new Map(this.#endpoints().map((endpoint) => [endpoint.id, endpoint]))
    const sending: Sending[] = []
    for (const delivery of dueDeliveries(sql, nowMs, FLUSH_MAX)) {
      if (delivery.state === 'sent') {
        this.#settle(delivery, { kind: 'no_report' }, 'the attempt was lost on our side', nowMs)
        continue
      }
      const endpoint = endpoints.get(delivery.endpointId)
      assert(endpoint !== undefined, 'a delivery belongs to an endpoint')
      if (endpoint.disabledReason !== null) {
        const error = `the endpoint is disabled: ${endpoint.disabledReason}`
        writeOutcome(sql, delivery, { state: 'failed', dueAtMs: null, status: delivery.lastStatus, error })
        continue
      }
      const attempts = delivery.attempts + 1
      writeSent(sql, delivery, attempts, nowMs + LEASE_MS)
      sending.push({ endpoint, delivery: { ...delivery, attempts } })
    }
    return sending
  }

  /** What one outcome does to its delivery and to its endpoint. */
  #settle(delivery: DeliveryRow, outcome: Outcome, error: string | null, nowMs: number): void {
    const sql = this.ctx.storage.sql
    const next = afterAttempt(delivery.attempts, outcome, nowMs, this.random())
    const dueAtMs = next.state === 'waiting' ? next.atMs : next.state === 'delivered' ? nowMs + RETENTION_MS : null
    const status = outcome.kind === 'answered' ? outcome.status : null
    writeOutcome(sql, delivery, { state: next.state, dueAtMs, status, error: error ?? wordsFor(status) })
    if (dueAtMs !== null) this.#arm(dueAtMs)
    if (next.state === 'failed')
      logEvent('warn', 'delivery_failed', { delivery: deliveryId(delivery), attempts: delivery.attempts })

    const endpoint = this.#endpoints().find((candidate) => candidate.id === delivery.endpointId)
    assert(endpoint !== undefined, 'a delivery belongs to an endpoint')
    const health = healthAfter(endpoint.outage, outcome, nowMs)
    if (health.outage !== endpoint.outage) writeHealth(sql, endpoint.id, health.outage)
    if (health.disable !== null && endpoint.disabledReason === null) {
      disableEndpoint(sql, endpoint.id, health.disable)
      logEvent('warn', 'delivery_endpoint_disabled', { endpoint: endpoint.id, store: endpoint.storeId, reason: health.disable })
    }
  }

  /** Never throws: an attempt that did not leave is taken back, and due again soon. */
  async #send(sending: readonly Sending[]): Promise<void> {
    const reasons = await Promise.all(
      sending.map((one) =>
        this.#sendOne(one).then(
          () => null,
          (thrown: unknown) => {
            const dueAtMs = this.clock() + QUEUE_RETRY_MS
            takeBack(this.ctx.storage.sql, one.delivery, one.delivery.attempts, dueAtMs)
            this.#arm(dueAtMs)
            return reasonOf(thrown)
          },
        ),
      ),
    )
    const failed = reasons.filter((reason) => reason !== null)
    if (failed.length > 0) logEvent('warn', 'delivery_not_sent', { count: failed.length, reason: failed[0] })
  }

  /** Signs at the time of the attempt and hands it to the courier's queue. */
  async #sendOne({ endpoint, delivery }: Sending): Promise<void> {
    const secret = await endpointSecret(this.env.WEBHOOK_SECRET, endpoint.id, endpoint.secretVersion)
    const signed = await signedHeaders(secret, delivery.eventId, this.clock(), delivery.body)
    await this.env.DELIVER.send({
      kind: 'webhook',
      storeId: endpoint.storeId,
      deliveryId: deliveryId(delivery),
      attempt: delivery.attempts,
      url: endpoint.url,
      headers: { 'content-type': 'application/json', 'user-agent': 'Paytomat-Webhooks/1', ...signed },
      body: delivery.body,
    })
  }

  #endpoints(): EndpointRow[] {
    return this.#hasTables ? readEndpoints(this.ctx.storage.sql) : []
  }

  /** One alarm serves every row, so it only ever moves earlier; when it rings it finds the next time itself. */
  #arm(atMs: number): void {
    if (this.#alarmAtMs !== null && this.#alarmAtMs <= atMs) return
    this.#alarmAtMs = atMs
    this.ctx.storage.setAlarm(atMs)
  }
}

function wants(endpoint: EndpointRow, type: string): boolean {
  return endpoint.events.length === 0 || endpoint.events.includes(type)
}

/** Already sent, so that the usual delivery is written twice: now, and with its answer. A body over the limit fails in view. */
function firstAttempt(event: WebhookEvent, endpointId: string, nowMs: number): DeliveryRow {
  const bytes = new TextEncoder().encode(JSON.stringify(event.body)).length
  const common = { subject: subjectOf(event), eventId: event.id, endpointId, type: event.type, lastStatus: null }
  if (bytes > BODY_BYTES_MAX) {
    const lastError = `the body has ${bytes} bytes, the limit is ${BODY_BYTES_MAX}`
    return { ...common, body: '', state: 'failed', attempts: 0, dueAtMs: null, lastError }
  }
  return { ...common, body: event.body, state: 'sent', attempts: 1, dueAtMs: nowMs + LEASE_MS, lastError: null }
}

/** What a status says that a merchant may not expect; null when it speaks for itself. */
function wordsFor(status: number | null): string | null {
  return status !== null && status >= 300 && status <= 399 ? 'redirects are not followed' : null
}
