import { NOTHING, type Share, sumShares, unitsDue, unitsOver, unitsPaid } from '../money/share.ts'
import type { Activation, Invoice, MethodTerms, Payment } from './types.ts'

/** Whether a payment's money is there now, as far as anybody can know. */
export function isAlive(payment: Payment): boolean {
  return payment.status === 'unconfirmed' || payment.status === 'confirmed'
}

/** Whether a payment is final by the invoice's own policy. */
export function isFinal(payment: Payment): boolean {
  if (payment.finalityWanted) return payment.status === 'confirmed' && payment.final === true
  if (payment.confirmationsWanted === 0) return isAlive(payment)
  return payment.status === 'confirmed' && payment.confirmations >= payment.confirmationsWanted
}

/** When the invoice's time is over: once bank details were shown, a transfer made in time is waited for. */
export function deadlineOf({ terms, activations }: Invoice): number {
  const shown = terms.methods.filter(({ asset }) => activations.some((active) => active.asset === asset))
  return terms.expiresAtMs + Math.max(0, ...shown.map(({ transitMs = 0 }) => transitMs))
}

/** The share of the price paid by counted payments that pass `which`. */
export function shareOf(invoice: Invoice, which: (payment: Payment) => boolean): Share {
  const parts = invoice.payments
    .filter((payment) => payment.decision === 'counted' && which(payment))
    .map((payment) => ({ units: payment.units, whole: payment.whole as bigint }))
  return parts.length === 0 ? NOTHING : sumShares(parts)
}

/** The figures every face shows, derived from the invoice and kept nowhere. */
export interface InvoiceFigures {
  /** In units of the price, rounded down, of what has been seen and counted. */
  readonly paid: bigint
  /** In units of the price, of what is final. */
  readonly confirmed: bigint
  readonly facts: {
    /** Something is paid and it is not enough. */
    readonly short: boolean
    /** More came than was due: exactly so much of the asset of the newest counted payment. */
    readonly over: { readonly asset: string; readonly units: bigint } | null
    /** Something came after the deadline. */
    readonly late: boolean
    /** Late money waits for a person. */
    readonly held: boolean
  }
}

export function figuresOf(invoice: Invoice): InvoiceFigures {
  const seen = shareOf(invoice, isAlive)
  const alive = invoice.payments.filter((payment) => isAlive(payment))
  const newest = alive.filter((payment) => payment.decision === 'counted').at(-1)
  const over = newest ? unitsOver(seen, newest.whole as bigint) : 0n
  const enough = invoice.status === 'processing' || invoice.status === 'settled'
  return {
    paid: unitsPaid(seen, invoice.terms.price),
    confirmed: unitsPaid(shareOf(invoice, isFinal), invoice.terms.price),
    facts: {
      short: !enough && seen.numerator > 0n,
      over: newest && over > 0n ? { asset: newest.asset, units: over } : null,
      late: alive.some((payment) => payment.late),
      held: alive.some((payment) => payment.decision === 'held'),
    },
  }
}

/** What is still to be paid in one asset, rounded up to its base unit; 0 when nothing is. */
export function methodDue(invoice: Invoice, method: MethodTerms): bigint {
  return unitsDue(shareOf(invoice, isAlive), method.whole)
}

/** The method's address, unless it asks for another amount than is due. Null before it was activated. */
export function activationOf(invoice: Invoice, method: MethodTerms): Activation | null {
  const shown = invoice.activations.find(({ asset }) => asset === method.asset)
  const due = methodDue(invoice, method)
  return shown && (shown.units === undefined || due === 0n || shown.units === due) ? shown : null
}

/** Confirmations so far and wanted over everything that counts: the slowest payment decides. Null when none is alive. */
export function confirmationProgress(invoice: Invoice): { have: number; want: number } | null {
  // What waits for the chain's own finality has its last step still before it.
  const stepsOf = (payment: Payment) =>
    payment.finalityWanted && !isFinal(payment)
      ? Math.min(payment.confirmations, payment.confirmationsWanted - 1)
      : payment.confirmations
  const waiting = invoice.payments.filter((payment) => payment.decision === 'counted' && isAlive(payment))
  let slowest: Payment | null = null
  for (const payment of waiting) {
    if (slowest === null || payment.confirmationsWanted - stepsOf(payment) > slowest.confirmationsWanted - stepsOf(slowest))
      slowest = payment
  }
  return slowest && { have: Math.min(stepsOf(slowest), slowest.confirmationsWanted), want: slowest.confirmationsWanted }
}
