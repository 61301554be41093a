import type { Activation, Invoice, MethodTerms, Payment } from '../invoice/types.ts'
import { activationOf, confirmationProgress, isAlive, methodDue } from '../invoice/view.ts'

/** What the shopper is to see, decided from the invoice alone (and the method asked for, and the time). */
export type Stage =
  | { readonly kind: 'choose' }
  /** The address is watched: show where to send, and how much is still due. */
  | { readonly kind: 'pay'; readonly method: MethodTerms; readonly activation: Activation; readonly due: bigint }
  /** The time is over, and the chains are still being read up to it. */
  | { readonly kind: 'closing' }
  | { readonly kind: 'confirming'; readonly have: number; readonly want: number }
  | { readonly kind: 'paid' }
  | { readonly kind: 'expired'; readonly because: 'unpaid' | 'part' | 'held' | 'refused' }
  | { readonly kind: 'invalid'; readonly because: LostStatus | 'marked' }

/** How a payment that had been seen can be gone. */
export type LostStatus = 'replaced' | 'double_spent' | 'returned' | 'missing'

export function stageOf(invoice: Invoice, asset: string | null, nowMs: number): Stage {
  switch (invoice.status) {
    case 'new':
      return openStage(invoice, asset, nowMs)
    case 'processing': {
      const progress = confirmationProgress(invoice)
      return { kind: 'confirming', have: progress?.have ?? 0, want: progress?.want ?? 1 }
    }
    case 'settled':
      return { kind: 'paid' }
    case 'expired':
      return { kind: 'expired', because: expiredBecause(invoice) }
    case 'invalid':
      return { kind: 'invalid', because: invoice.markedInvalid ? 'marked' : (lostPayment(invoice)?.status ?? 'missing') }
  }
}

/** The method asked for when it is offered; else the one activated last; else the only one; else none. */
export function selectedMethod(invoice: Invoice, asset: string | null): MethodTerms | null {
  const { methods } = invoice.terms
  const byAsset = (code: string | undefined) => methods.find((method) => method.asset === code) ?? null
  const only = methods.length === 1 ? (methods[0] ?? null) : null
  return byAsset(asset ?? undefined) ?? byAsset(invoice.activations.at(-1)?.asset) ?? only
}

/** The newest payment that had been seen and is gone, with nothing of this invoice in its place (a fee bump is no loss). */
export function lostPayment(invoice: Invoice): (Payment & { readonly status: LostStatus }) | null {
  const alive = new Set(invoice.payments.filter(isAlive).map((payment) => payment.txid))
  const lost = invoice.payments.findLast((payment) => !isAlive(payment) && !alive.has(payment.replacedBy ?? ''))
  return (lost as ReturnType<typeof lostPayment> | undefined) ?? null
}

function openStage(invoice: Invoice, asset: string | null, nowMs: number): Stage {
  const isLate = nowMs >= invoice.terms.expiresAtMs
  const method = isLate ? lastMethod(invoice, nowMs) : selectedMethod(invoice, asset)
  if (isLate && !method) return { kind: 'closing' }
  const activation = method && activationOf(invoice, method)
  if (!method || !activation) return { kind: 'choose' }
  return { kind: 'pay', method, activation, due: methodDue(invoice, method) }
}

function expiredBecause(invoice: Invoice): 'unpaid' | 'part' | 'held' | 'refused' {
  const alive = invoice.payments.filter(isAlive)
  if (alive.some((payment) => payment.decision === 'held')) return 'held'
  if (alive.some((payment) => payment.decision === 'refused')) return 'refused'
  return alive.some((payment) => payment.decision === 'counted') ? 'part' : 'unpaid'
}

/** What can still be paid to when the invoice's own time is over: the bank details that were shown before. */
function lastMethod({ terms, activations }: Invoice, nowMs: number): MethodTerms | null {
  const open = terms.methods.filter(({ transitMs = 0 }) => nowMs < terms.expiresAtMs + transitMs)
  // What asks for an amount itself (a Lightning invoice) ends with the invoice.
  return open.find(({ asset }) => activations.some((shown) => shown.asset === asset && shown.units === undefined)) ?? null
}
