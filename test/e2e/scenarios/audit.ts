import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import type { InvoiceResource, PaymentResource } from '../../../src/invoice/resource.ts'
import type { InvoiceStatus } from '../../../src/invoice/types.ts'
import { waitFor } from '../harness.ts'
import type { Received } from '../receiver.ts'
import { checkBooks } from './books.ts'
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
    /** Of a refund: its id, and what it came to. */
    readonly refund?: string
    readonly status?: string
    readonly detail?: string | null
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
  /** Why money moved, in order: the causes of the ledger's transactions about it. */
  readonly causes: readonly string[]
}

/**
 * Checks of one invoice what must hold at the end of every scenario, whatever happened in it:
 *
 * - its log has no gap, and told again from the start it ends in the invoice as it is;
 * - each payment is in it once, and what it says is confirmed is what the chain holds at its addresses (with `spent`: held
 *   there once, and may have gone out of the wallet since; `checkCoins` compares the wallet then);
 * - webhooks tell of everything in the log that matters, signed, each once (with `repeats`: or more often, always the
 *   same), of the right type, with the invoice as it was at that moment, and of nothing else;
 * - the list from D1 says the same as the invoice;
 * - the ledger's transactions about it come to where its payments are, and D1 has them too.
 */
export async function audit(
  scene: Scene,
  invoiceId: string,
  options: { repeats?: boolean; spent?: boolean } = {},
): Promise<Audited> {
  const { invoice, events } = await readBoth(scene, invoiceId)
  checkLog(invoice, events)
  if (!options.spent) await checkMoney(scene, invoice)
  const webhooks = await checkWebhooks(scene, invoice, events, options.repeats ?? false)
  await checkList(scene, invoice)
  const transactions = await checkBooks(scene, invoice)
  return {
    invoice,
    events,
    statuses: ['new', ...events.flatMap(({ data }) => data.to ?? [])],
    changesOf: (txid) =>
      events.flatMap(({ data }) => (data.payment?.txid === txid && data.change !== 'progressed' ? (data.change ?? []) : [])),
    webhooks,
    causes: transactions.map(({ cause }) => cause),
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

async function readEvents({ stack }: Scene, invoiceId: string): Promise<EventLine[]> {
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
  expect(events.filter(({ type }) => type === 'created')).toEqual([events[0]])
  expect(invoice).toMatchObject(replay(events))
}

/** The state that a log leads to. */
function replay(events: readonly EventLine[]): Pick<InvoiceResource, 'status' | 'payments'> {
  let status: InvoiceStatus = 'new'
  const payments = new Map<string, PaymentResource>()
  for (const { data } of events) {
    if (data.payment) payments.set(data.payment.id, data.payment)
    if (data.to === undefined) continue
    expect(data.from).toBe(status)
    expect(data.to).not.toBe(status)
    status = data.to
  }
  return { status, payments: [...payments.values()] }
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

/** What a webhook of an invoice carries, and the version that its id names. */
interface Told {
  readonly webhook: Received
  readonly version: number
  readonly invoice: InvoiceResource
  readonly changes: readonly { readonly payment?: string; readonly refund?: string; readonly change: string }[]
}

async function checkWebhooks(
  { receiver }: Scene,
  invoice: InvoiceResource,
  events: readonly EventLine[],
  repeats: boolean,
): Promise<readonly Received[]> {
  // What has happened since the log was read is not in question.
  const receivedSoFar = () => receiver.of(invoice.id).filter(({ id }) => versionOf(id) <= invoice.version)
  const untold = () => {
    const told = new Set(toldOf(receivedSoFar()).flatMap((one) => eventsOf(one, events)))
    return events.filter((event) => matters(event, events) && !told.has(event))
  }
  await waitFor(
    () => untold().length === 0,
    // A webhook that a killed Worker took with it is sent again when its lease has run out: 60 s, then 5 s or more.
    repeats ? 100_000 : undefined,
    () => `no webhook tells of ${JSON.stringify(untold())}`,
  )
  const received = receivedSoFar()
  expect(received.map(({ verified }) => verified)).not.toContain(false)
  const told = toldOf(received)
  if (!repeats) expect(received).toHaveLength(told.length)
  for (const again of received) expect(again.data).toEqual(told.find(({ webhook }) => webhook.id === again.id)?.webhook.data)
  for (const one of told) {
    const its = eventsOf(one, events)
    expect(its.some((event) => matters(event, events))).toBe(true)
    expect(one.webhook.type).toBe(typeOf(its, events))
    // The invoice as it was right after the last of these events.
    const before = events.filter(({ version }) => version <= one.version)
    expect(one.invoice).toMatchObject({ id: invoice.id, version: one.version, ...replay(before) })
  }
  return received
}

/** Each webhook once, in the order of versions. */
function toldOf(received: readonly Received[]): Told[] {
  const byId = new Map(received.map((webhook) => [webhook.id, webhook]))
  return [...byId.values()]
    .map((webhook) => {
      const { invoice, changes } = webhook.data as unknown as Pick<Told, 'invoice' | 'changes'>
      return { webhook, version: versionOf(webhook.id), invoice, changes }
    })
    .sort((a, b) => a.version - b.version)
}

/** A webhook's id ends in the version of its last event. */
function versionOf(webhookId: string): number {
  return Number(/^evt_.+_(\d+)$/.exec(webhookId)?.[1])
}

/** The events of the log that a webhook tells of: its changes, and what happened with them or alone. */
function eventsOf({ version, changes }: Told, events: readonly EventLine[]): EventLine[] {
  const isChange = ({ data }: EventLine) => data.payment !== undefined || data.refund !== undefined
  const its = changes.length > 0 ? events.filter((event) => event.version <= version && isChange(event)).slice(-changes.length) : []
  const told = ({ data }: EventLine) =>
    data.refund === undefined ? { payment: data.payment?.id, change: data.change } : { refund: data.refund, change: data.status }
  expect(its.map(told)).toEqual(changes)
  return events.filter((event) => its.includes(event) || (event.version === version && !isChange(event)))
}

/** What a merchant can act on: everything but an address that was shown, confirmations, and that the signer is being asked. */
function matters({ type, data, version }: EventLine, events: readonly EventLine[]): boolean {
  if (type === 'created' || type === 'status_changed') return true
  if (type === 'refund_changed') {
    const before = events.findLast((event) => event.version < version && event.data.refund === data.refund)?.data
    return data.status !== 'signing' && (data.status !== before?.status || data.detail !== before?.detail)
  }
  if (type.startsWith('refund_')) return true
  if (type !== 'payment_changed') return false
  return (data.change !== 'included' && data.change !== 'progressed') || isFirst({ data, version }, events)
}

/** Whether a payment had not been seen before. */
function isFirst({ data, version }: Pick<EventLine, 'data' | 'version'>, events: readonly EventLine[]): boolean {
  return !events.some((event) => event.version < version && event.data.payment?.id === data.payment?.id)
}

/** What happens at one moment is one webhook, of the type that matters most: the documented rule, written down once more. */
function typeOf(its: readonly EventLine[], events: readonly EventLine[]): string {
  const to = its.find(({ type }) => type === 'status_changed')?.data.to
  if (to !== undefined) return to === 'new' ? 'invoice.reopened' : `invoice.${to}`
  if (its.some(({ type }) => type === 'created')) return 'invoice.created'
  const refund = its.findLast(({ type }) => type.startsWith('refund_'))
  if (refund) return `invoice.${refund.type}`
  const payments = its.filter(({ type }) => type === 'payment_changed')
  return payments.some((event) => isFirst(event, events)) ? 'invoice.payment_detected' : 'invoice.payment_changed'
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
