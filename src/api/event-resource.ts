import { paymentResource } from '../invoice/resource.ts'
import type { InvoiceEvent } from '../invoice/types.ts'
import { rfc3339 } from '../lib/clock.ts'
import { unreachable } from '../lib/result.ts'
import { formatDecimal } from '../money/amount.ts'
import type { Registry } from '../money/registry.ts'

/** One line of an invoice's log, as the API shows it. Lines are numbered by `version` without gaps and never change. */
export function eventResource(event: InvoiceEvent, registry: Registry) {
  return {
    object: 'invoice_event',
    version: event.version,
    type: event.type,
    at: rfc3339(event.atMs),
    data: dataOf(event, registry),
  }
}

function dataOf(event: InvoiceEvent, registry: Registry): object {
  switch (event.type) {
    case 'created': {
      const { price, currency, expiresAtMs } = event.terms
      return { amount: formatDecimal(price, registry.asset(currency).decimals), currency, expiresAt: rfc3339(expiresAtMs) }
    }
    case 'method_activated':
      return { asset: event.activation.asset, address: event.activation.address }
    case 'payment_changed':
      return { change: event.change, payment: paymentResource(event.payment, registry) }
    case 'refund_requested':
    case 'refund_claimed':
    case 'refund_changed':
    case 'refund_cancelled': {
      const { id, status, detail, address, txid } = event.refund
      return { refund: id, status, detail, address, txid }
    }
    case 'deadline_passed':
      return {}
    case 'status_changed':
      return { from: event.from, to: event.to, cause: event.cause }
    case 'marked':
      return { as: event.as, by: event.by }
    default:
      return unreachable(event)
  }
}
