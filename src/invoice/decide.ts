import type { PaymentObservation } from '../chain/rpc.ts'
import { err, ok, type Result, unreachable } from '../lib/result.ts'
import type { Rate } from '../money/rate.ts'
import { reaches } from '../money/share.ts'
import { evolve } from './evolve.ts'
import type { ResolveAction, ResolveRefusal } from './rpc.ts'
import type {
  Activation,
  Invoice,
  InvoiceEvent,
  InvoiceEventBody,
  InvoiceStatus,
  Payment,
  PaymentChange,
  PaymentDecision,
  StatusCause,
} from './types.ts'
import { deadlineOf, isAlive, isFinal, shareOf } from './view.ts'

/**
 * What an invoice does with what it is told. Pure: (invoice, command, now) -> events. The status follows from the
 * payments alone, so whatever is told twice, late or in another order ends in the same place.
 */
export type Command =
  | { readonly type: 'activate'; readonly activation: Activation }
  /** All at once, so that what replaces a payment and what it replaces change together. */
  | {
      readonly type: 'observe'
      readonly observations: readonly PaymentObservation[]
      readonly lateRates: LateRates
      /** The chains have been read up to the deadline: money that goes away now leaves nothing to wait for. */
      readonly deadlineRead?: boolean
    }
  /** Every chain an address was shown on has been read up to the deadline. */
  | { readonly type: 'deadline' }
  | { readonly type: 'resolve'; readonly action: ResolveAction; readonly by: string }

/** By asset: the whole price at the rate now. Needed only by the policy `accept_current_rate`. */
export type LateRates = Readonly<Record<string, LateRate>>

export interface LateRate {
  readonly whole: bigint
  readonly rate: Rate | null
}

export type Refusal = { readonly reason: 'payment_limit' } | { readonly reason: 'nothing_to_resolve'; readonly status: string }

/** Payments kept in one invoice; a queue message holds them all. More stay known to the chain's follower only. */
export const MAX_PAYMENTS = 100

export function decide(invoice: Invoice, command: Command, nowMs: number): Result<InvoiceEvent[], Refusal> {
  const events: InvoiceEvent[] = []
  let state = invoice
  const apply = (body: InvoiceEventBody) => {
    const event = { ...body, version: state.version + 1, atMs: nowMs } as InvoiceEvent
    state = evolve(state, event)
    events.push(event)
  }
  if (command.type === 'observe') {
    for (const observation of command.observations) {
      const bodies = observe(state, observation, command.lateRates, nowMs)
      if (!bodies.ok) return bodies
      bodies.value.forEach(apply)
    }
    inheritedTimes(state).forEach(apply)
    const isOver = command.deadlineRead === true && nowMs >= deadlineOf(invoice) && !state.deadlinePassed
    if (isOver && statusOf(state) === 'new') apply({ type: 'deadline_passed' })
  } else {
    const bodies = bodiesOf(state, command, nowMs)
    if (!bodies.ok) return bodies
    bodies.value.forEach(apply)
  }
  const to = statusOf(state)
  if (to !== state.status) apply({ type: 'status_changed', from: state.status, to, cause: causeOf(invoice, state, to, command) })
  return ok(events)
}

/** The status that the facts make. */
export function statusOf(invoice: Invoice): InvoiceStatus {
  if (invoice.markedInvalid) return 'invalid'
  const { toleranceBps } = invoice.terms
  if (reaches(shareOf(invoice, isFinal), toleranceBps)) return 'settled'
  if (reaches(shareOf(invoice, isAlive), toleranceBps)) return 'processing'
  if (!invoice.deadlinePassed) return 'new'
  return invoice.wasProcessing ? 'invalid' : 'expired'
}

function bodiesOf(
  invoice: Invoice,
  command: Exclude<Command, { type: 'observe' }>,
  nowMs: number,
): Result<InvoiceEventBody[], Refusal> {
  switch (command.type) {
    case 'activate':
      return ok(isActive(invoice, command.activation) ? [] : [{ type: 'method_activated', activation: command.activation }])
    case 'deadline':
      return ok(invoice.deadlinePassed || nowMs < deadlineOf(invoice) ? [] : [{ type: 'deadline_passed' }])
    case 'resolve':
      return resolve(invoice, command.action, command.by)
    default:
      return unreachable(command)
  }
}

/** An address is for ever, but for one that asks for an amount: another amount makes it another. */
function isActive({ activations }: Invoice, { asset, units, address }: Activation): boolean {
  const known = activations.find((activation) => activation.asset === asset)
  return known !== undefined && (units === undefined || known.address === address)
}

function observe(
  invoice: Invoice,
  seen: PaymentObservation,
  lateRates: LateRates,
  nowMs: number,
): Result<InvoiceEventBody[], Refusal> {
  const known = invoice.payments.find(({ key }) => key === seen.key) ?? null
  if (known && seen.revision <= known.revision) return ok([])
  if (!known && invoice.payments.length >= MAX_PAYMENTS) return err({ reason: 'payment_limit' })
  const standing = known ?? firstStanding(invoice, seen, lateRates, nowMs)
  const payment: Payment = {
    key: seen.key,
    revision: seen.revision,
    chainId: seen.chainId,
    txid: seen.txid,
    index: seen.index,
    asset: seen.assetCode,
    units: seen.units,
    status: seen.status,
    confirmations: seen.confirmations,
    confirmationsWanted: standing.confirmationsWanted,
    ...(standing.finalityWanted && { finalityWanted: true }),
    ...(seen.final !== undefined && { final: seen.final }),
    height: seen.height,
    blockHash: seen.blockHash,
    seenAtMs: known?.seenAtMs ?? seen.seenAtMs,
    replacedBy: seen.replacedBy,
    late: standing.late,
    decision: standing.decision,
    whole: standing.whole,
    rate: standing.rate,
    ...(known?.released && { released: true }),
  }
  return ok([{ type: 'payment_changed', change: changeOf(known, payment), payment }])
}

/**
 * A fee bump sent after the deadline pays on behalf of a payment that was in time, so it is in time too, at the
 * locked rate. Found from both sides, since either may be told first.
 */
function inheritedTimes(invoice: Invoice): InvoiceEventBody[] {
  const { payments, terms } = invoice
  return payments.flatMap((payment): InvoiceEventBody[] => {
    const original = payments.find((old) => old.replacedBy === payment.txid && old.asset === payment.asset && !old.late)
    const method = terms.methods.find(({ asset }) => asset === payment.asset)
    if (!payment.late || !original || !method || payment.decision === 'refused') return []
    const inTime: Payment = {
      ...payment,
      seenAtMs: original.seenAtMs,
      late: false,
      decision: 'counted',
      whole: method.whole,
      rate: null,
    }
    return [{ type: 'payment_changed', change: 'accepted', payment: inTime }]
  })
}

type Standing = Pick<Payment, 'confirmationsWanted' | 'finalityWanted' | 'late' | 'decision' | 'whole' | 'rate'>

/** How a payment stands to the invoice when it is first seen; kept from then on, so that no later rate changes it. */
function firstStanding(invoice: Invoice, seen: PaymentObservation, lateRates: LateRates, nowMs: number): Standing {
  const { terms } = invoice
  const method = terms.methods.find(({ asset }) => asset === seen.assetCode)
  const late = seen.seenAtMs > terms.expiresAtMs + (method?.transitMs ?? 0)
  if (!method) return { confirmationsWanted: 1, late, decision: 'unexpected', whole: null, rate: null }
  const { whole } = method
  const wanted = { confirmationsWanted: method.confirmationsWanted, finalityWanted: method.finalityWanted }
  if (!late) return { ...wanted, late, decision: 'counted', whole, rate: null }
  let decision: PaymentDecision = 'counted'
  if (terms.latePolicy === 'hold' || nowMs > terms.watchUntilMs) decision = 'held'
  if (terms.latePolicy === 'accept_current_rate') {
    const lateRate = lateRates[seen.assetCode]
    // Without a usable rate right now nobody's money is guessed at: a person decides.
    if (!lateRate) decision = 'held'
    else return { ...wanted, late, decision, whole: lateRate.whole, rate: lateRate.rate }
  }
  return { ...wanted, late, decision, whole, rate: null }
}

function changeOf(before: Payment | null, after: Payment): PaymentChange {
  const wasIn = before?.status === 'confirmed'
  switch (after.status) {
    case 'unconfirmed':
      if (wasIn) return 'reorged'
      return before ? 'reappeared' : 'seen'
    case 'confirmed':
      if (before && after.units < before.units) return 'returned'
      if (isFinal(after) && !(before && isFinal(before))) return 'confirmed'
      if (!wasIn) return 'included'
      return after.confirmations < (before?.confirmations ?? 0) ? 'reorged' : 'progressed'
    case 'missing':
      return wasIn ? 'reorged' : 'missing'
    case 'replaced':
    case 'double_spent':
    case 'returned':
      return after.status
    default:
      return unreachable(after.status)
  }
}

function resolve(invoice: Invoice, action: ResolveAction, by: string): Result<InvoiceEventBody[], Refusal & ResolveRefusal> {
  const nothing = err({ reason: 'nothing_to_resolve' as const, status: invoice.status })
  switch (action) {
    case 'accept_late':
    case 'refuse_late': {
      const held = invoice.payments.filter((payment) => payment.decision === 'held')
      if (held.length === 0) return nothing
      const decision = action === 'accept_late' ? 'counted' : 'refused'
      const change = action === 'accept_late' ? 'accepted' : 'refused'
      return ok(held.map((payment) => ({ type: 'payment_changed', change, payment: { ...payment, decision } })))
    }
    case 'mark_invalid':
      return invoice.markedInvalid ? nothing : ok([{ type: 'marked', as: 'invalid', by }])
    case 'reopen':
      return invoice.markedInvalid ? ok([{ type: 'marked', as: 'open', by }]) : nothing
    default:
      return unreachable(action)
  }
}

function causeOf(before: Invoice, after: Invoice, to: InvoiceStatus, command: Command): StatusCause {
  if (command.type === 'resolve') return 'person'
  if (command.type === 'deadline') return 'deadline'
  if (to === 'settled') return 'enough_confirmed'
  // Where no confirmation was wanted, a payment can be lost after settlement without any block having left the chain.
  if (before.status === 'settled' && hasReturned(before, after)) return 'bank_return'
  if (before.status === 'settled') return hasLeftBlock(before, after) ? 'reorg' : 'payment_lost'
  return to === 'processing' ? 'enough_seen' : 'payment_lost'
}

/** Whether a payment is no longer in a block, or less deep than it was. */
function hasLeftBlock(before: Invoice, after: Invoice): boolean {
  const included = before.payments.filter(({ status }) => status === 'confirmed')
  return included.some(({ key, confirmations }) =>
    after.payments.some((now) => now.key === key && (now.status !== 'confirmed' || now.confirmations < confirmations)),
  )
}

/** Whether a bank has taken a payment back, or a part of one. */
function hasReturned(before: Invoice, after: Invoice): boolean {
  return before.payments.some(({ key, units }) => {
    const now = after.payments.find((payment) => payment.key === key)
    return now?.status === 'returned' || (now !== undefined && now.units < units)
  })
}
