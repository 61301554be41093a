import { assert, unreachable } from '../lib/result.ts'
import type { Refund } from './refund.ts'
import type { Activation, Invoice, InvoiceEvent, InvoiceEventBody, Payment } from './types.ts'

/** Applies one event. Pure; the invoice is nothing but its events, in order. */
export function evolve(invoice: Invoice | null, event: InvoiceEvent): Invoice {
  if (event.type === 'created') {
    assert(invoice === null && event.version === 1, 'an invoice is created once, first')
    return {
      terms: event.terms,
      status: 'new',
      version: 1,
      activations: [],
      payments: [],
      settledAtMs: null,
      wasProcessing: false,
      deadlinePassed: false,
      markedInvalid: false,
      updatedAtMs: event.atMs,
    }
  }
  assert(invoice !== null, 'the first event creates the invoice')
  assert(event.version === invoice.version + 1, `event ${event.version} follows version ${invoice.version}`)
  const next = { ...invoice, version: event.version, updatedAtMs: event.atMs }
  switch (event.type) {
    case 'method_activated':
      return { ...next, activations: putActivation(invoice.activations, event.activation) }
    case 'payment_changed':
      return { ...next, payments: putPayment(invoice.payments, event.payment) }
    case 'deadline_passed':
      return { ...next, deadlinePassed: true }
    case 'refund_requested':
    case 'refund_claimed':
    case 'refund_changed':
    case 'refund_cancelled':
      return { ...next, refunds: putRefund(invoice.refunds ?? [], event.refund) }
    case 'marked':
      return { ...next, markedInvalid: event.as === 'invalid' }
    case 'status_changed':
      return {
        ...next,
        status: event.to,
        settledAtMs: event.to === 'settled' ? event.atMs : null,
        wasProcessing: invoice.wasProcessing || event.to === 'processing' || event.to === 'settled',
      }
    default:
      return unreachable(event)
  }
}

/** Events as they follow an invoice's newest one. */
export function numbered(invoice: Invoice, bodies: readonly InvoiceEventBody[], atMs: number): InvoiceEvent[] {
  return bodies.map((body, at) => ({ ...body, version: invoice.version + 1 + at, atMs }))
}

/** In the order of the payer's choices: what was made beside one of them is before them all. */
function putActivation(activations: readonly Activation[], activation: Activation): Activation[] {
  const known = activations.some(({ asset }) => asset === activation.asset)
  if (known)
    return activations.map((old) => (old.asset === activation.asset ? { ...activation, ...(old.beside && { beside: true }) } : old))
  return activation.beside ? [activation, ...activations] : [...activations, activation]
}

function putPayment(payments: readonly Payment[], payment: Payment): Payment[] {
  const known = payments.some(({ key }) => key === payment.key)
  return known ? payments.map((old) => (old.key === payment.key ? payment : old)) : [...payments, payment]
}

function putRefund(refunds: readonly Refund[], refund: Refund): Refund[] {
  const known = refunds.some(({ id }) => id === refund.id)
  return known ? refunds.map((old) => (old.id === refund.id ? refund : old)) : [...refunds, refund]
}
