import type { WebhookEvent } from '../delivery/rpc.ts'
import { rfc3339 } from '../lib/clock.ts'
import { encodeJson } from '../lib/json.ts'
import type { Registry } from '../money/registry.ts'
import { positionsOf } from './positions.ts'
import type { Refund } from './refund.ts'
import { invoiceResource } from './resource.ts'
import type { Commit } from './store.ts'
import type { Invoice, InvoiceEvent, PaymentChange } from './types.ts'

/** What others are to hear of a commit. */
export interface Effects {
  /** The type of the one webhook, or null: what a merchant can act on, told once. */
  readonly webhook: string | null
  /** Whether D1's copy is to follow. */
  readonly project: boolean
  /** Whether the merchant's ledger has something to post. */
  readonly book: boolean
}

/** Steps on the way to being confirmed: shown to who looks, but they change no list, no sum, and nobody's mind. */
const STEPS: readonly PaymentChange[] = ['included', 'progressed']

export function effectsOf(before: Invoice | null, after: Invoice, events: readonly InvoiceEvent[]): Effects {
  return { ...tellingOf(before, events), book: booksOf(before) !== booksOf(after) }
}

function tellingOf(before: Invoice | null, events: readonly InvoiceEvent[]): Pick<Effects, 'webhook' | 'project'> {
  const status = events.find((event) => event.type === 'status_changed')
  if (status) return { webhook: status.to === 'new' ? 'invoice.reopened' : `invoice.${status.to}`, project: true }
  if (events.some((event) => event.type === 'created')) return { webhook: 'invoice.created', project: true }
  const refund = events.findLast(isRefundEvent)
  if (refund) {
    const tells = tellsMerchant(before, refund)
    return { webhook: tells ? `invoice.${refund.type}` : null, project: tells }
  }
  const payments = events.filter((event) => event.type === 'payment_changed')
  const isNew = (key: string) => !before?.payments.some((payment) => payment.key === key)
  if (payments.some((event) => isNew(event.payment.key))) return { webhook: 'invoice.payment_detected', project: true }
  const changed = payments.some((event) => !STEPS.includes(event.change))
  return { webhook: changed ? 'invoice.payment_changed' : null, project: changed }
}

type RefundEvent = Extract<InvoiceEvent, { refund: Refund }>

function isRefundEvent(event: InvoiceEvent): event is RefundEvent {
  return 'refund' in event
}

/** Whether a refund has come to something a merchant can act on. That the signer is being asked is a step on the way. */
function tellsMerchant(before: Invoice | null, { type, refund }: RefundEvent): boolean {
  if (type !== 'refund_changed') return true
  const was = before?.refunds?.find(({ id }) => id === refund.id)
  const isStep = refund.status === 'signing' && refund.custody === 'platform'
  return !isStep && (was?.status !== refund.status || was.detail !== refund.detail || was.cancelledBy !== refund.cancelledBy)
}

/** All that the ledger is to know, but for the version: an invoice without payments has nothing to say. */
function booksOf(invoice: Invoice | null): string {
  return invoice === null || invoice.payments.length === 0 ? '' : encodeJson({ ...positionsOf(invoice), version: 0 })
}

/** The webhook of a commit. Its id follows from invoice and version, so that one told twice is one event. */
export function webhookOf(invoice: Invoice, commit: Commit, type: string, registry: Registry, origin: string): WebhookEvent {
  const { id: invoiceId, storeId } = invoice.terms
  const atMs = commit.events[0]?.atMs ?? invoice.updatedAtMs
  const changes = commit.events.flatMap((event): object[] => {
    if (isRefundEvent(event)) return [{ refund: event.refund.id, change: event.refund.status }]
    return event.type === 'payment_changed' ? [{ payment: event.payment.key, change: event.change }] : []
  })
  const data = { invoice: invoiceResource(invoice, registry, origin), changes }
  return {
    id: `evt_${invoiceId.slice(4)}_${commit.version}`,
    storeId,
    invoiceId,
    type,
    atMs,
    body: JSON.stringify({ type, timestamp: rfc3339(atMs), data }),
  }
}
