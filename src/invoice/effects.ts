import type { WebhookEvent } from '../delivery/rpc.ts'
import { rfc3339 } from '../lib/clock.ts'
import type { Registry } from '../money/registry.ts'
import { invoiceResource } from './resource.ts'
import type { Invoice, InvoiceEvent } from './types.ts'

/** A row for the outbox: what must happen because of a commit. */
export interface Effect {
  readonly key: string
  readonly revision: number
  readonly body: string
}

/** The outbox key of the projection: one row, the newest version wins. Webhooks have a key each. */
export const PROJECT_KEY = 'project'

/** Everything that follows from these events: one projection, and a webhook for each thing a merchant acts on. */
export function effectsOf(invoice: Invoice, events: readonly InvoiceEvent[], registry: Registry, origin: string): Effect[] {
  const webhooks = events.flatMap((event): Effect[] => {
    const type = webhookType(event)
    if (type === null) return []
    return [
      {
        key: `webhook:${event.version}`,
        revision: event.version,
        body: JSON.stringify(webhookOf(invoice, event, type, registry, origin)),
      },
    ]
  })
  // Each further confirmation is told to who looks at the invoice, not written to D1: it changes no list and no sum.
  const onlyProgress = events.every((event) => event.type === 'payment_changed' && event.change === 'progressed')
  return onlyProgress ? webhooks : [{ key: PROJECT_KEY, revision: invoice.version, body: '' }, ...webhooks]
}

function webhookType(event: InvoiceEvent): string | null {
  switch (event.type) {
    case 'created':
      return 'invoice.created'
    case 'payment_changed':
      if (event.change === 'progressed') return null
      return event.change === 'seen' || event.change === 'included' ? 'invoice.payment_detected' : 'invoice.payment_changed'
    case 'status_changed':
      return event.to === 'new' ? 'invoice.reopened' : `invoice.${event.to}`
    default:
      return null
  }
}

/** The id follows from invoice and version, so that an event told twice is one event. */
function webhookOf(invoice: Invoice, event: InvoiceEvent, type: string, registry: Registry, origin: string): WebhookEvent {
  const { id: invoiceId, storeId } = invoice.terms
  const payment = event.type === 'payment_changed' ? { payment: { id: event.payment.key, change: event.change } } : {}
  const data = { invoice: invoiceResource(invoice, registry, origin), ...payment }
  return {
    id: `evt_${invoiceId.slice(4)}_${event.version}`,
    storeId,
    invoiceId,
    type,
    atMs: event.atMs,
    body: JSON.stringify({ type, timestamp: rfc3339(event.atMs), data }),
  }
}
