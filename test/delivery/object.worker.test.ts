import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env as bindings } from 'cloudflare:workers'
import { Webhook } from 'standardwebhooks'
import { expect, test, vi } from 'vitest'
import {
  BODY_BYTES_MAX,
  type DeliveryObject,
  ENDPOINTS_MAX,
  FLUSH_MAX,
  LEASE_MS,
  QUEUE_RETRY_MS,
  RETENTION_MS,
} from '../../src/delivery/object.ts'
import type { AttemptResult, CreateEndpoint, DeliverMessage, WebhookEvent } from '../../src/delivery/rpc.ts'
import { ATTEMPTS_MAX, DISABLE_AFTER_MS, RETRY_DELAYS_MS } from '../../src/delivery/schedule.ts'
import { insertDelivery, pruneDelivered, writeOutcome } from '../../src/delivery/store.ts'
import { randomId } from '../../src/lib/ids.ts'
import type { Sql } from '../../src/lib/outbox.ts'
import type { CoreEnv } from '../../workers/core/env.ts'

const env = bindings as unknown as CoreEnv
/** Far ahead of the real clock, so that alarms ring only when a test lets them. */
const START = Date.UTC(2040, 0, 1)
const HOUR = 3_600_000
/** No measure of speed: machines are busy. */
const PATIENCE_MS = 20_000

/** One store's object with the test's own clock, no jitter, and a queue that only writes down what it is given. */
async function store(name: string) {
  const stub = env.DELIVERIES.getByName(name)
  const raw = stub as unknown as DurableObjectStub<DeliveryObject>
  const sent: DeliverMessage[] = []
  const state = { nowMs: START, queueDown: false }
  const install = () =>
    runInDurableObject(raw, (object) => {
      const inside = object as DeliveryObject & { env: CoreEnv }
      inside.clock = () => state.nowMs
      inside.random = () => 0
      const send = async (message: DeliverMessage) => {
        if (state.queueDown) throw new Error('the queue is down')
        sent.push(message)
      }
      inside.env = { ...env, DELIVER: { send } }
    })
  await install()

  const endpoint = (id: string, more: Partial<CreateEndpoint> = {}) =>
    stub.createEndpoint({
      storeId: name,
      endpointId: id,
      url: `https://${id.replace('_', '-')}.example.com/hook`,
      events: [],
      description: '',
      fingerprint: `print of ${id}`,
      nowMs: state.nowMs,
      ...more,
    })
  const event = (id: string, more: Partial<WebhookEvent> = {}): WebhookEvent => ({
    id,
    storeId: name,
    invoiceId: 'inv_1',
    type: 'invoice.settled',
    atMs: state.nowMs,
    body: JSON.stringify({ type: 'invoice.settled', timestamp: new Date(state.nowMs).toISOString(), data: { id } }),
    ...more,
  })
  const report = (message: DeliverMessage, status: number | null, more: Partial<AttemptResult> = {}) =>
    stub.report({
      storeId: name,
      deliveryId: message.deliveryId,
      attempt: message.attempt,
      status,
      retryAfterMs: null,
      error: null,
      durationMs: 12,
      ...more,
    })
  /** Waits until so many messages have reached the queue, and answers those since the last call. */
  let told = 0
  const messages = async (count: number) => {
    await vi.waitFor(() => expect(sent.length - told).toBe(count), PATIENCE_MS)
    const news = sent.slice(told)
    told = sent.length
    return news
  }
  const one = async () => (await messages(1))[0] as DeliverMessage
  const ringAt = async (atMs: number) => {
    state.nowMs = atMs
    await runDurableObjectAlarm(raw)
  }
  const alarmAt = () => runInDurableObject(raw, (_object, ctx) => ctx.storage.getAlarm())
  const views = (eventId?: string) => stub.listDeliveries({ invoiceId: 'inv_1', eventId })
  const view = async (eventId: string) => (await views(eventId))[0]
  const kill = async () => {
    await evictDurableObject(raw)
    await install()
  }
  return { stub, raw, state, sent, endpoint, event, report, messages, one, ringAt, alarmAt, views, view, kill }
}

test('an object that was only asked, or told of events nobody wants, has written nothing', async () => {
  const s = await store('nothing')
  expect(await s.stub.listEndpoints()).toEqual([])
  expect(await s.views()).toEqual([])
  await s.stub.enqueue(s.event('evt_1'))
  await s.stub.report({ ...result, deliveryId: 'inv_1.evt_1.we_1' })
  expect(await s.endpoint('we_1', { url: 'https://127.0.0.1.:99999/' })).toMatchObject({ ok: false })
  await runInDurableObject(s.raw, (_object, ctx) => {
    expect(ctx.storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'").toArray()).toEqual([])
  })
  expect(await s.alarmAt()).toBeNull()
})

const result: AttemptResult = {
  storeId: 'st',
  deliveryId: '',
  attempt: 1,
  status: 200,
  retryAfterMs: null,
  error: null,
  durationMs: 1,
}

test('an endpoint is made once: the same again answers the same, another under its key is refused', async () => {
  const s = await store('endpoints')
  const made = await s.endpoint('we_1', { events: ['invoice.settled'], description: 'shop' })
  expect(made).toMatchObject({
    ok: true,
    value: {
      endpoint: { id: 'we_1', url: 'https://we-1.example.com/hook', status: 'enabled', createdAtMs: START },
      secret: expect.stringMatching(/^whsec_/),
    },
  })
  s.state.nowMs += 1000
  expect(await s.endpoint('we_1', { events: ['invoice.settled'], description: 'shop' })).toEqual(made)
  expect(await s.endpoint('we_1', { fingerprint: 'other' })).toMatchObject({ error: { reason: 'idempotency_key_reused' } })
  expect(await s.stub.listEndpoints()).toHaveLength(1)

  await s.stub.enqueue(s.event('evt_1'))
  await s.report(await s.one(), 410)
  expect((await s.stub.listEndpoints())[0]).toMatchObject({ status: 'disabled' })
  expect(await s.endpoint('we_1', { events: ['invoice.settled'], description: 'shop' })).toEqual(made)
})

test('bad and private addresses make no endpoint, and a store has a bounded number', async () => {
  const s = await store('bounds')
  expect(await s.endpoint('we_a', { url: 'nonsense' })).toMatchObject({ error: { reason: 'bad_url' } })
  expect(await s.endpoint('we_a', { url: 'https://0xa9fea9fe/' })).toMatchObject({ error: { reason: 'address_not_allowed' } })
  for (let i = 0; i < ENDPOINTS_MAX; i++) expect(await s.endpoint(`we_${i}`)).toMatchObject({ ok: true })
  expect(await s.endpoint('we_more')).toMatchObject({ error: { reason: 'too_many_endpoints' } })
  expect(await s.endpoint('we_0')).toMatchObject({ ok: true })
})

test('an event goes at once to each endpoint that wants its type, signed so that the official library takes it', async () => {
  const s = await store('enqueue')
  const all = await s.endpoint('we_all')
  await s.endpoint('we_settled', { events: ['invoice.settled', 'invoice.expired'] })
  await s.endpoint('we_other', { events: ['invoice.created'] })
  // The official library has no clock to give it, so this one event is signed now.
  s.state.nowMs = Date.now()
  const event = s.event('evt_1')
  await s.stub.enqueue(event)
  const messages = await s.messages(2)
  expect(messages.map((message) => message.url).sort()).toEqual([
    'https://we-all.example.com/hook',
    'https://we-settled.example.com/hook',
  ])
  const message = messages.find((candidate) => candidate.url.includes('we-all')) as DeliverMessage
  expect(message).toMatchObject({
    kind: 'webhook',
    storeId: 'enqueue',
    attempt: 1,
    body: event.body,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Paytomat-Webhooks/1',
      'webhook-id': 'evt_1',
      'webhook-timestamp': String(Math.floor(s.state.nowMs / 1000)),
    },
  })
  const secret = all.ok ? all.value.secret : ''
  expect(new Webhook(secret).verify(message.body, message.headers)).toMatchObject({ data: { id: 'evt_1' } })
  const other = messages.find((candidate) => candidate !== message) as DeliverMessage
  expect(() => new Webhook(secret).verify(other.body, other.headers)).toThrow()
})

test('the same event again changes nothing, not even for an endpoint made since', async () => {
  const s = await store('again')
  await s.endpoint('we_1')
  await s.stub.enqueue(s.event('evt_1'))
  const message = await s.one()
  await s.report(message, 200)
  await s.endpoint('we_2')
  await s.stub.enqueue(s.event('evt_1'))
  await s.stub.enqueue(s.event('evt_2'))
  expect((await s.messages(2)).map((next) => next.headers['webhook-id'])).toEqual(['evt_2', 'evt_2'])
  expect(await s.views('evt_1')).toMatchObject([{ state: 'delivered', attempts: 1, lastStatus: 200, nextAttemptAtMs: null }])
})

test('a failing endpoint is tried ten times on schedule, each attempt signed anew, and then the failure stays to be seen', async () => {
  const s = await store('schedule')
  await s.endpoint('we_1')
  await s.stub.enqueue(s.event('evt_1'))
  let message = await s.one()
  const stamps: number[] = []
  const statuses = [500, 404, 302, null]
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    expect(message).toMatchObject({ attempt, headers: { 'webhook-id': 'evt_1' } })
    stamps.push(Number(message.headers['webhook-timestamp']) * 1000 - START)
    const status = statuses[attempt % statuses.length] as number | null
    await s.report(message, status, { error: status === null ? 'no answer within 15 s' : null })
    if (attempt === ATTEMPTS_MAX) break
    const dueMs = s.state.nowMs + (RETRY_DELAYS_MS[attempt - 1] as number)
    expect(await s.view('evt_1')).toMatchObject({ state: 'pending', attempts: attempt, nextAttemptAtMs: dueMs })
    expect(await s.alarmAt()).toBeLessThanOrEqual(dueMs)
    await s.ringAt(dueMs - 1)
    expect(s.sent).toHaveLength(attempt)
    await s.kill()
    expect(await s.alarmAt()).toBe(dueMs)
    await s.ringAt(dueMs)
    message = await s.one()
  }
  expect(stamps.at(-1)).toBe(75 * HOUR + 35 * 60_000 + 5_000)
  expect(await s.view('evt_1')).toMatchObject({ state: 'failed', attempts: 10, nextAttemptAtMs: null, lastStatus: 302 })
  await s.ringAt(s.state.nowMs + 400 * 24 * HOUR)
  expect(await s.view('evt_1')).toMatchObject({ state: 'failed', lastError: 'redirects are not followed' })
  expect(s.sent).toHaveLength(ATTEMPTS_MAX)
})

test('an attempt that is never reported counts as lost when its lease ends, and says nothing about the endpoint', async () => {
  const s = await store('lease')
  await s.endpoint('we_1')
  await s.stub.enqueue(s.event('evt_1'))
  const lost = await s.one()
  expect(await s.view('evt_1')).toMatchObject({ state: 'pending', attempts: 1, nextAttemptAtMs: null })
  await s.ringAt(START + LEASE_MS - 1)
  expect(await s.view('evt_1')).toMatchObject({ nextAttemptAtMs: null })
  await s.ringAt(START + LEASE_MS)
  expect(await s.view('evt_1')).toMatchObject({ attempts: 1, nextAttemptAtMs: START + LEASE_MS + 5_000, lastStatus: null })
  await runInDurableObject(s.raw, (_object, ctx) => {
    expect(ctx.storage.sql.exec('SELECT failing_since_ms AS since FROM endpoints').one()).toEqual({ since: null })
  })
  await s.ringAt(START + LEASE_MS + 5_000)
  const second = await s.one()
  expect(second.attempt).toBe(2)
  await s.report(lost, 500)
  expect(await s.view('evt_1')).toMatchObject({ state: 'pending', attempts: 2, lastStatus: null })
  await s.report(second, 204)
  expect(await s.view('evt_1')).toMatchObject({ state: 'delivered', attempts: 2, lastStatus: 204 })
})

test('a late failure changes nothing, a late success of the newest attempt is still taken', async () => {
  const s = await store('late')
  await s.endpoint('we_1')
  await s.stub.enqueue(s.event('evt_1'))
  const message = await s.one()
  await s.ringAt(START + LEASE_MS)
  const waiting = await s.view('evt_1')
  s.state.nowMs += 1000
  await s.report(message, 500)
  expect(await s.view('evt_1')).toEqual(waiting)
  await s.report(message, 200)
  expect(await s.view('evt_1')).toMatchObject({ state: 'delivered' })
  await s.ringAt(START + HOUR)
  expect(s.sent).toHaveLength(1)
})

test('repeated, stale and foreign reports change nothing', async () => {
  const s = await store('stale')
  await s.endpoint('we_1')
  await s.stub.enqueue(s.event('evt_1'))
  const first = await s.one()
  await s.report(first, 500)
  const waiting = await s.view('evt_1')
  s.state.nowMs += 1000
  await s.report(first, 500)
  await s.report({ ...first, attempt: 2 }, 200)
  await s.report({ ...first, attempt: 0 }, 200)
  for (const deliveryId of ['', 'x', '.', 'inv_1.evt_1', 'inv_1.evt_1.we_9', 'inv_2.evt_1.we_1'])
    await s.report({ ...first, deliveryId }, 200)
  expect(await s.view('evt_1')).toEqual(waiting)
  await s.ringAt(START + 5_000)
  const second = await s.one()
  await s.report(first, 410)
  expect((await s.stub.listEndpoints())[0]).toMatchObject({ status: 'enabled' })
  await s.report(second, 200)
  await s.report(second, 500)
  await s.report(second, 410)
  expect(await s.view('evt_1')).toMatchObject({ state: 'delivered', lastStatus: 200 })
})

test('410 disables the endpoint: its waiting deliveries fail in view and new events pass it by', async () => {
  const s = await store('gone')
  await s.endpoint('we_1')
  await s.endpoint('we_2')
  await s.stub.enqueue(s.event('evt_1'))
  const [a, b] = (await s.messages(2)) as [DeliverMessage, DeliverMessage]
  await s.report(a, 500)
  await s.report(b, 200)
  await s.stub.enqueue(s.event('evt_2'))
  const goneOne = (await s.messages(2)).find((message) => message.url === a.url) as DeliverMessage
  await s.report(goneOne, 410)
  expect(await s.stub.listEndpoints()).toMatchObject([
    { status: 'disabled', disabledReason: 'it answered 410 Gone' },
    { status: 'enabled', disabledReason: null },
  ])
  await s.ringAt(START + 5_000)
  const failed = (await s.views('evt_1')).find((delivery) => delivery.id === a.deliveryId)
  expect(failed).toMatchObject({ state: 'failed', lastStatus: 500, lastError: expect.stringContaining('410 Gone') })
  await s.stub.enqueue(s.event('evt_3'))
  expect((await s.one()).url).toBe(b.url)
})

test('Retry-After of 429 and 503 makes the next attempt later, never earlier, and by a day at most', async () => {
  const s = await store('retry-after')
  await s.endpoint('we_1')
  const nextAfter = async (id: string, status: number, retryAfterMs: number) => {
    await s.stub.enqueue(s.event(id))
    await s.report(await s.one(), status, { retryAfterMs })
    return ((await s.view(id))?.nextAttemptAtMs ?? 0) - s.state.nowMs
  }
  expect(await nextAfter('evt_1', 429, 90_000)).toBe(90_000)
  expect(await nextAfter('evt_2', 503, 90_000)).toBe(90_000)
  expect(await nextAfter('evt_3', 429, 1_000)).toBe(5_000)
  expect(await nextAfter('evt_4', 429, 1_000 * HOUR)).toBe(24 * HOUR)
  expect(await nextAfter('evt_5', 500, 90_000)).toBe(5_000)
})

test('a dead endpoint delays neither another endpoint nor its own later events', async () => {
  const s = await store('dead')
  await s.endpoint('we_dead')
  await s.endpoint('we_good')
  const dead = (message: DeliverMessage) => message.url.includes('dead')
  for (let i = 0; i < 5; i++) {
    s.state.nowMs += 500
    await s.stub.enqueue(s.event(`evt_${i}`))
    const messages = await s.messages(2)
    expect(messages.map((message) => message.attempt)).toEqual([1, 1])
    for (const message of messages) if (!dead(message)) await s.report(message, 200)
    // Of the dead one nothing is ever heard.
  }
  await s.ringAt(START + 500 + LEASE_MS)
  expect((await s.views()).filter((view) => view.state === 'delivered')).toHaveLength(5)
  await s.stub.enqueue(s.event('evt_later'))
  expect((await s.messages(2)).filter(dead)).toMatchObject([{ attempt: 1, headers: { 'webhook-id': 'evt_later' } }])
  await s.ringAt(START + 500 + LEASE_MS + 5_000)
  expect((await s.messages(1)).filter(dead)).toMatchObject([{ attempt: 2, headers: { 'webhook-id': 'evt_0' } }])
})

test('an endpoint that has only failed for five days is disabled, and one success starts the count again', async () => {
  const s = await store('five-days')
  await s.endpoint('we_1')
  const failAt = async (atMs: number, id: string, status: number | null) => {
    s.state.nowMs = atMs
    await s.stub.enqueue(s.event(id))
    await s.report(await s.one(), status)
    return (await s.stub.listEndpoints())[0]?.status
  }
  const day = 24 * HOUR
  expect(await failAt(START, 'evt_0', 500)).toBe('enabled')
  for (let i = 1; i <= 4; i++) expect(await failAt(START + i * day, `evt_${i}`, null)).toBe('enabled')
  expect(await failAt(START + 4.5 * day, 'evt_ok', 200)).toBe('enabled')
  const again = START + 5 * day
  for (let i = 0; i < 5; i++) expect(await failAt(again + i * day, `evt_a${i}`, 500)).toBe('enabled')
  expect(await failAt(again + DISABLE_AFTER_MS, 'evt_last', 500)).toBe('disabled')
  expect((await s.stub.listEndpoints())[0]?.disabledReason).toContain('5 days')
})

test('while the queue refuses, no attempt is used up and the delivery is tried again soon', async () => {
  const s = await store('queue-down')
  await s.endpoint('we_1')
  s.state.queueDown = true
  await s.stub.enqueue(s.event('evt_1'))
  await vi.waitFor(
    async () => expect(await s.view('evt_1')).toMatchObject({ attempts: 0, nextAttemptAtMs: START + QUEUE_RETRY_MS }),
    PATIENCE_MS,
  )
  await s.ringAt(START + QUEUE_RETRY_MS)
  await vi.waitFor(
    async () => expect(await s.view('evt_1')).toMatchObject({ attempts: 0, nextAttemptAtMs: START + 2 * QUEUE_RETRY_MS }),
    PATIENCE_MS,
  )
  s.state.queueDown = false
  await s.ringAt(START + 2 * QUEUE_RETRY_MS)
  expect((await s.one()).attempt).toBe(1)
})

test('one alarm takes a bounded number of deliveries, and the next one comes at once for the rest', async () => {
  const s = await store('flush')
  await s.endpoint('we_1')
  const count = FLUSH_MAX + 7
  for (let i = 0; i < count; i++) await s.stub.enqueue(s.event(`evt_${i}`))
  for (const message of await s.messages(count)) await s.report(message, 500)
  const atMs = START + (RETRY_DELAYS_MS[0] as number)
  await s.ringAt(atMs)
  await s.messages(FLUSH_MAX)
  expect(await s.alarmAt()).toBeLessThanOrEqual(atMs)
  await s.ringAt(atMs)
  await s.messages(7)
  expect(new Set(s.sent.slice(count).map((message) => message.deliveryId)).size).toBe(count)
  expect(await s.alarmAt()).toBe(atMs + LEASE_MS)
})

test('a delivered row goes after its time, and then the object sleeps', async () => {
  const s = await store('prune')
  await s.endpoint('we_1')
  await s.stub.enqueue(s.event('evt_1'))
  await s.report(await s.one(), 200)
  await s.ringAt(START + LEASE_MS)
  await s.report(s.sent[0] as DeliverMessage, 200)
  expect(await s.alarmAt()).toBe(START + RETENTION_MS)
  await s.ringAt(START + RETENTION_MS - 1)
  expect(await s.views()).toHaveLength(1)
  await s.ringAt(START + RETENTION_MS)
  expect(await s.views()).toEqual([])
  expect(await s.alarmAt()).toBeNull()
})

test('more rows to delete than one alarm takes are deleted by the next, and none of them is sent again', async () => {
  const s = await store('prune-pages')
  await s.endpoint('we_1')
  await s.stub.enqueue(s.event('evt_0'))
  await s.report(await s.one(), 200)
  await runInDurableObject(s.raw, (_object, ctx) => {
    const columns = 'endpoint_id, type, body, state, attempts, due_at_ms, last_status, last_error, created_at_ms'
    for (let i = 1; i < 700; i++)
      ctx.storage.sql.exec(
        `INSERT INTO deliveries (invoice_id, event_id, ${columns}) SELECT 'inv_1', ?, ${columns} FROM deliveries WHERE event_id = 'evt_0'`,
        `evt_${i}`,
      )
  })
  const count = () => runInDurableObject(s.raw, (_o, ctx) => ctx.storage.sql.exec('SELECT COUNT(*) AS n FROM deliveries').one().n)
  await s.ringAt(START + RETENTION_MS)
  expect(await count()).toBe(200)
  expect(await s.alarmAt()).toBeLessThanOrEqual(START + RETENTION_MS)
  await s.ringAt(START + RETENTION_MS)
  expect(await count()).toBe(0)
  expect(s.sent).toHaveLength(1)
})

test('the one alarm moves earlier for what is due sooner and never later, also across an eviction', async () => {
  const s = await store('alarm')
  await s.endpoint('we_1')
  await s.stub.enqueue(s.event('evt_1'))
  const first = await s.one()
  expect(await s.alarmAt()).toBe(START + LEASE_MS)
  await s.report(first, 500)
  expect(await s.alarmAt()).toBe(START + 5_000)
  await s.stub.enqueue(s.event('evt_2'))
  await s.report(await s.one(), 200)
  expect(await s.alarmAt()).toBe(START + 5_000)
  await s.kill()
  await s.stub.enqueue(s.event('evt_3'))
  await s.report(await s.one(), 200)
  expect(await s.alarmAt()).toBe(START + 5_000)
  await s.ringAt(START + 5_000)
  await s.report(await s.one(), 200)
  await s.ringAt(START + HOUR)
  expect(await s.alarmAt()).toBe(START + RETENTION_MS)
  await s.stub.enqueue(s.event('evt_4'))
  await s.one()
  expect(await s.alarmAt()).toBe(START + HOUR + LEASE_MS)
})

test('a body over the limit is never sent and never silently lost, and one at the limit fits the real queue', async () => {
  const s = await store('large')
  await s.endpoint('we_1', { url: `https://shop.example.com/${'a'.repeat(1_970)}` })
  // Two more for the quotes around it as a JSON string.
  await s.stub.enqueue(s.event('evt_1', { body: '€'.repeat(BODY_BYTES_MAX / 3) }))
  expect(await s.view('evt_1')).toMatchObject({ state: 'failed', attempts: 0, lastError: expect.stringContaining('bytes') })
  await s.stub.enqueue(s.event('evt_2', { body: '"'.repeat(BODY_BYTES_MAX / 2 - 1) }))
  const message = await s.one()
  expect(message.headers['webhook-id']).toBe('evt_2')
  await (bindings as unknown as { DELIVER: Queue<DeliverMessage> }).DELIVER.send(message)
})

test('an event of a transfer is delivered, listed by it, and told once', async () => {
  const s = await store('transfer')
  await s.endpoint('we_1')
  const transferId = randomId('tr')
  const event = s.event('evt_1', { invoiceId: null, transferId, type: 'transfer.created' })
  await s.stub.enqueue(event)
  await s.stub.enqueue(event)
  await s.report(await s.one(), 204)
  expect(await s.stub.listDeliveries({ transferId })).toMatchObject([{ invoiceId: null, transferId, state: 'delivered' }])
  expect(await s.views()).toEqual([])
})

test('deliveries are listed by invoice and by event, newest first, a hundred at most', async () => {
  const s = await store('list')
  await s.endpoint('we_1')
  for (let i = 0; i < 105; i++) {
    s.state.nowMs = START + i
    await s.stub.enqueue(s.event(`evt_${i}`))
  }
  await s.stub.enqueue(s.event('evt_x', { invoiceId: 'inv_2' }))
  const listed = await s.views()
  expect(listed).toHaveLength(100)
  expect(listed.map((view) => view.eventId).slice(0, 2)).toEqual(['evt_104', 'evt_103'])
  expect((await s.views('evt_7')).map((view) => view.eventId)).toEqual(['evt_7'])
  expect(await s.stub.listDeliveries({ invoiceId: 'inv_2' })).toMatchObject([
    { invoiceId: 'inv_2', transferId: null, eventType: 'invoice.settled' },
  ])
})

test('a delivery that is taken at once costs few rows written in all its life', async () => {
  const s = await store('cost')
  await s.endpoint('we_1')
  await runInDurableObject(s.raw, (_object, ctx) => {
    let rows = 0
    const sql: Sql = {
      exec: (statement, ...values) => {
        const cursor = ctx.storage.sql.exec(statement, ...values)
        const answer = cursor.toArray()
        rows += cursor.rowsWritten
        return { toArray: () => answer }
      },
    }
    const key = { subject: 'inv_1', eventId: 'evt_1', endpointId: 'we_1' }
    const row = { ...key, type: 'invoice.settled', body: '{}', attempts: 1, lastStatus: null, lastError: null }
    insertDelivery(sql, { ...row, state: 'sent', dueAtMs: START + LEASE_MS }, START)
    writeOutcome(sql, key, { state: 'delivered', dueAtMs: START + RETENTION_MS, status: 200, error: null })
    pruneDelivered(sql, START + RETENTION_MS, 10)
    expect(ctx.storage.sql.exec('SELECT COUNT(*) AS n FROM deliveries').one()).toEqual({ n: 0 })
    expect(rows).toBeLessThanOrEqual(5)
  })
})
