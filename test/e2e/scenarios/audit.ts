import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import type { InvoiceResource, PaymentResource } from '../../../src/invoice/resource.ts'
import type { InvoiceStatus } from '../../../src/invoice/types.ts'
import { waitFor } from '../harness.ts'
import type { Received } from '../receiver.ts'
import { balanceOf } from './nodes.ts'
import type { Scene } from './scene.ts'

/** One line of `GET /v1/invoices/:id/events`. */
export interface EventLine {
  readonly version: number
  readonly type: string
  readonly data: {
    readonly change?: string
    readonly payment?: PaymentResource
    readonly from?: InvoiceStatus
    readonly to?: InvoiceStatus
    readonly cause?: string
  }
}

export interface Audited {
  readonly invoice: InvoiceResource
  readonly events: readonly EventLine[]
  /** Every status the invoice has had, in order, `new` first. */
  readonly statuses: readonly InvoiceStatus[]
  /** What happened to a payment, in order, without the mere progress of confirmations. */
  changesOf(txid: string): string[]
  readonly webhooks: readonly Received[]
}

/**
 * Checks of one invoice what must hold at the end of every scenario, whatever happened in it:
 *
 * - its log has no gap, and told again from the start it ends in the invoice as it is;
 * - each payment is in it once, and what it says is confirmed is what the chain holds at its addresses;
 * - each webhook that follows from the log arrived, signed, once (with `repeats`: or more often, always the same), no
 *   other did, and the newest tells the state as it is;
 * - the list from D1 says the same as the invoice.
 */
export async function audit(scene: Scene, invoiceId: string, options: { repeats?: boolean } = {}): Promise<Audited> {
  const { invoice, events } = await readBoth(scene, invoiceId)
  checkLog(invoice, events)
  await checkMoney(scene, invoice)
  const webhooks = await checkWebhooks(scene, invoice, events, options.repeats ?? false)
  await checkList(scene, invoice)
  return {
    invoice,
    events,
    statuses: ['new', ...events.flatMap(({ data }) => data.to ?? [])],
    changesOf: (txid) =>
      events.flatMap(({ data }) => (data.payment?.txid === txid && data.change !== 'progressed' ? (data.change ?? []) : [])),
    webhooks,
  }
}

/** Both at one version: what is read one after the other may have changed in between. */
function readBoth(scene: Scene, invoiceId: string): Promise<{ invoice: InvoiceResource; events: EventLine[] }> {
  return waitFor(async () => {
    const invoice = await scene.stack.readInvoice(invoiceId)
    const events = await readEvents(scene, invoiceId)
    return events.at(-1)?.version === invoice.version && { invoice, events }
  })
}

export async function readEvents({ stack }: Scene, invoiceId: string): Promise<EventLine[]> {
  const lines: EventLine[] = []
  for (let cursor: string | null = '0'; cursor !== null; ) {
    const path: string = `/v1/invoices/${invoiceId}/events?cursor=${cursor}`
    const answer = await stack.api<{ data: EventLine[]; nextCursor: string | null }>('GET', path)
    expect(answer.status, answer.text).toBe(200)
    lines.push(...answer.body.data)
    cursor = answer.body.nextCursor
  }
  return lines
}

function checkLog(invoice: InvoiceResource, events: readonly EventLine[]): void {
  expect(events.map(({ version }) => version)).toEqual(Array.from({ length: invoice.version }, (_, at) => at + 1))
  expect(events[0]?.type).toBe('created')
  expect(events.filter(({ type }) => type === 'created')).toHaveLength(1)
  let status: InvoiceStatus = 'new'
  const payments = new Map<string, PaymentResource>()
  for (const { data } of events) {
    if (data.payment) payments.set(data.payment.id, data.payment)
    if (data.to === undefined) continue
    expect(data.from).toBe(status)
    expect(data.to).not.toBe(status)
    status = data.to
  }
  expect(invoice.status).toBe(status)
  expect(invoice.payments).toEqual([...payments.values()])
}

/** What is confirmed is on the chain, to the last unit: nothing is credited that isn't there, nothing there is missed. */
async function checkMoney(scene: Scene, invoice: InvoiceResource): Promise<void> {
  for (const { asset, address } of invoice.paymentMethods) {
    if (address === null) continue
    const confirmed = invoice.payments.filter((payment) => payment.asset === asset && payment.status === 'confirmed')
    const sum = confirmed.reduce((total, { amount }) => total + BigInt(amount.replace('.', '')), 0n)
    expect(await balanceOf(scene.stack, asset, address), `${asset} at ${address}`).toBe(sum)
  }
}

async function checkWebhooks(
  { receiver }: Scene,
  invoice: InvoiceResource,
  events: readonly EventLine[],
  repeats: boolean,
): Promise<readonly Received[]> {
  const wanted = new Map(
    events.flatMap((event) => {
      const type = webhookType(event)
      return type === null ? [] : [[`evt_${invoice.id.slice(4)}_${event.version}`, type] as const]
    }),
  )
  const byId = () => new Map(receiver.of(invoice.id).map((webhook) => [webhook.id, webhook]))
  await waitFor(
    () => byId().size >= wanted.size,
    // A webhook that a killed Worker took with it is sent again when its lease has run out: 60 s, then 5 s or more.
    repeats ? 100_000 : undefined,
    () => `webhooks missing: ${[...wanted].filter(([id]) => !byId().has(id)).join(' ')}`,
  )
  const received = receiver.of(invoice.id)
  expect(Object.fromEntries([...byId()].map(([id, { type }]) => [id, type]))).toEqual(Object.fromEntries(wanted))
  if (!repeats) expect(received).toHaveLength(wanted.size)
  for (const webhook of received) {
    expect(webhook.verified).toBe(true)
    expect(webhook.data).toEqual(byId().get(webhook.id)?.data)
  }
  const newest = byId().get([...wanted.keys()].at(-1) ?? '')
  expect(newest?.data.invoice).toMatchObject(outcomeOf(invoice))
  return received
}

/** The type of the webhook that an event of the log brings about: what a merchant is promised, written down once more. */
function webhookType({ type, data }: EventLine): string | null {
  if (type === 'created') return 'invoice.created'
  if (type === 'payment_changed') {
    if (data.change === 'progressed') return null
    return data.change === 'seen' || data.change === 'included' ? 'invoice.payment_detected' : 'invoice.payment_changed'
  }
  if (type !== 'status_changed') return null
  return data.to === 'new' ? 'invoice.reopened' : `invoice.${data.to}`
}

async function checkList({ stack }: Scene, invoice: InvoiceResource): Promise<void> {
  if (invoice.orderId === null) throw new Error('an invoice of a scenario has an order id')
  const path = `/v1/invoices?orderId=${encodeURIComponent(invoice.orderId)}`
  let listed: readonly InvoiceResource[] = []
  await waitFor(
    async () => {
      listed = (await stack.api<{ data: InvoiceResource[] }>('GET', path)).body.data
      return isDeepStrictEqual(listed.map(outcomeOf), [outcomeOf(invoice)])
    },
    undefined,
    () => `the list says ${JSON.stringify(listed)}`,
  )
}

/** All that does not change by the mere progress of confirmations, which is told to nobody but who looks. */
function outcomeOf(invoice: Partial<InvoiceResource>) {
  const { id, status, amountPaid, amountConfirmed, settledAt, facts, payments } = invoice
  const money = payments?.map((payment) => ({
    id: payment.id,
    amount: payment.amount,
    status: payment.status,
    decision: payment.decision,
    late: payment.late,
    replacedBy: payment.replacedBy,
  }))
  return { id, status, amountPaid, amountConfirmed, settledAt, facts, payments: money }
}
