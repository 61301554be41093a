import { assert } from '../lib/result.ts'
import { lesser } from '../money/amount.ts'
import { type PaymentAccounts, paymentAccounts } from './accounts.ts'
import { applyPostings, balanceOf } from './balances.ts'
import type { Balances, Cause, Custody, Draft, FeePosition, InvoicePositions, PaymentPosition, Phase, Posting } from './types.ts'

/** What has been posted for one invoice: kept with the commit that posted it. */
export interface InvoiceBook {
  readonly positions: InvoicePositions
  /** By payment: key of the transaction that holds it as pending. */
  readonly pendingKeys: Readonly<Record<string, string>>
}

/**
 * What must be posted to bring an invoice's books from what was posted before to what it says now. Pure. Nothing is ever
 * edited: what the chain took back is posted back. Empty when nothing changed.
 */
export function positionDrafts(
  before: InvoiceBook | null,
  now: InvoicePositions,
  balances: Balances,
): { drafts: Draft[]; book: InvoiceBook } {
  const writer = new Writer(now, balances, before?.pendingKeys ?? {})
  // Fees that are no longer owed come back first: they help to cover what the payments take away.
  const fees = feeChanges(before?.positions.fees ?? [], now.fees)
  const lossCause = lossCauseOf(before?.positions.payments ?? [], now.payments)
  for (const change of fees) writer.feeBack(change, lossCause)

  const known = new Map(before?.positions.payments.map((payment) => [payment.key, payment]))
  for (const payment of now.payments) {
    writer.payment(known.get(payment.key) ?? null, payment)
    known.delete(payment.key)
  }
  for (const gone of known.values()) writer.payment(gone, { ...gone, place: 'none' })

  for (const change of fees) writer.feeOwed(change)
  return { drafts: writer.drafts, book: { positions: now, pendingKeys: writer.pendingKeys } }
}

/** Collects the drafts of one message, and keeps count of the balances they leave. */
class Writer {
  readonly drafts: Draft[] = []
  readonly pendingKeys: Record<string, string>
  readonly #invoice: InvoicePositions
  #balances: Balances

  constructor(invoice: InvoicePositions, balances: Balances, pendingKeys: Readonly<Record<string, string>>) {
    this.#invoice = invoice
    this.#balances = balances
    this.pendingKeys = { ...pendingKeys }
  }

  payment(before: PaymentPosition | null, now: PaymentPosition): void {
    const from = before?.place ?? 'none'
    if (before && from !== 'none' && !sameMoney(before, now)) {
      // Another chain's truth about the same output: the old money goes, the new one comes.
      this.#leave(before)
      this.#enter(now)
      return
    }
    if (from === now.place) return
    if (from === 'pending' && now.place !== 'none') this.#enter(now)
    else if (from === 'held' && now.place === 'available') this.#accept(now)
    else {
      if (before) this.#leave(before)
      this.#enter(now)
    }
  }

  feeOwed({ asset, custody, units, partner, partnerUnits }: FeeChange): void {
    if (units > 0n) {
      const postings: Posting[] =
        custody === 'self' ? [{ from: 'fees_due', to: 'fees', amount: units, asset }] : this.#take('fees', units, asset, [])
      this.#write('processing_fee', postings, {})
    }
    if (partnerUnits > 0n && partner !== null)
      this.#write('partner_share', [{ from: 'fees', to: `partner:${partner}`, amount: partnerUnits, asset }], {})
  }

  feeBack({ asset, custody, units, partner, partnerUnits }: FeeChange, cause: Cause): void {
    const postings: Posting[] = []
    if (partnerUnits < 0n) postings.push({ from: `partner:${partner}`, to: 'fees', amount: -partnerUnits, asset })
    if (units < 0n) postings.push({ from: 'fees', to: custody === 'self' ? 'fees_due' : 'available', amount: -units, asset })
    if (postings.length > 0) this.#write(cause, postings, {})
  }

  /** Into its place, out of pending if it was there. */
  #enter(now: PaymentPosition): void {
    const { key, place, units, asset } = now
    const accounts = paymentAccounts(now.custody, now.walletId)
    if (place === 'none') return
    if (place === 'pending') {
      this.pendingKeys[key] = this.#nextKey()
      this.#write('payment_seen', [{ from: accounts.incoming, to: accounts.pending, amount: units, asset }], {
        now,
        phase: 'pending',
      })
      return
    }
    const over = place === 'available' ? now.over : 0n
    const of = this.pendingKeys[key] ?? null
    delete this.pendingKeys[key]
    const parts: [Cause, bigint][] = [
      [now.late ? 'late_payment' : 'payment_settled', units - over],
      ['over_payment', over],
    ]
    for (const [cause, amount] of parts) {
      if (amount === 0n) continue
      const arrival: Posting = { from: accounts.wallet, to: accounts[place], amount, asset }
      const postings = of === null ? [arrival] : [{ from: accounts.pending, to: accounts.incoming, amount, asset }, arrival]
      this.#write(cause, postings, { now, phase: of === null ? 'single' : 'post', of })
    }
  }

  /** Out of its place, as if it had never come. */
  #leave(before: PaymentPosition): void {
    const { key, place, units, asset } = before
    const accounts = paymentAccounts(before.custody, before.walletId)
    if (place === 'none') return
    if (place === 'pending') {
      const of = this.pendingKeys[key] ?? null
      delete this.pendingKeys[key]
      const postings = [{ from: accounts.pending, to: accounts.incoming, amount: units, asset }]
      this.#write('payment_lost', postings, { now: before, phase: 'void', of })
      return
    }
    this.#write(causeOfLoss(before), this.#outOf(accounts, before), { now: before })
  }

  #outOf(accounts: PaymentAccounts, { place, units, asset, custody }: PaymentPosition): Posting[] {
    if (custody === 'self')
      return [{ from: place === 'held' ? accounts.held : accounts.available, to: accounts.wallet, amount: units, asset }]
    // A person may have moved held money by an adjustment since.
    return this.#take(accounts.wallet, units, asset, place === 'held' ? ['held'] : [])
  }

  #accept(now: PaymentPosition): void {
    const { held, available } = paymentAccounts(now.custody, now.walletId)
    // Less is there when a person has moved some of it by an adjustment: that part has gone where they said.
    const amount = lesser(now.units, balanceOf(this.#balances, held, now.asset))
    if (amount > 0n) this.#write('late_accepted', [{ from: held, to: available, amount, asset: now.asset }], { now })
  }

  /** From these accounts as far as they go, then from what is available, and the rest as what the merchant owes. */
  #take(to: string, units: bigint, asset: string, first: readonly string[]): Posting[] {
    const postings: Posting[] = []
    let rest = units
    for (const from of [...first, 'available', 'shortfall']) {
      const amount = from === 'shortfall' ? rest : lesser(rest, balanceOf(this.#balances, from, asset))
      if (amount > 0n) postings.push({ from, to, amount, asset })
      rest -= amount
    }
    assert(rest === 0n, 'what is taken is taken from somewhere')
    return postings
  }

  #write(cause: Cause, postings: readonly Posting[], about: { now?: PaymentPosition; phase?: Phase; of?: string | null }): void {
    const { storeId, invoiceId } = this.#invoice
    this.drafts.push({
      key: this.#nextKey(),
      storeId,
      cause,
      phase: about.phase ?? 'single',
      of: about.of ?? null,
      postings,
      invoiceId,
      payment: about.now?.key ?? null,
      transferId: null,
      by: null,
      reason: null,
    })
    this.#balances = applyPostings(this.#balances, postings)
  }

  #nextKey(): string {
    return `${this.#invoice.invoiceId}/${this.#invoice.version}/${this.drafts.length + 1}`
  }
}

interface FeeChange {
  readonly asset: string
  readonly custody: Custody
  readonly units: bigint
  readonly partner: string | null
  readonly partnerUnits: bigint
}

/** By asset and custody; those that did not change are left out. */
function feeChanges(before: readonly FeePosition[], now: readonly FeePosition[]): FeeChange[] {
  const places = [...before, ...now].filter((fee, at, all) => all.findIndex((other) => sameFee(fee, other)) === at)
  return places
    .map((fee) => {
      const was = before.find((other) => sameFee(fee, other))
      const is = now.find((other) => sameFee(fee, other))
      return {
        asset: fee.asset,
        custody: fee.custody,
        units: (is?.units ?? 0n) - (was?.units ?? 0n),
        partner: is?.partner?.id ?? was?.partner?.id ?? null,
        partnerUnits: (is?.partner?.units ?? 0n) - (was?.partner?.units ?? 0n),
      }
    })
    .filter(({ units, partnerUnits }) => units !== 0n || partnerUnits !== 0n)
}

function sameFee(one: FeePosition, other: FeePosition): boolean {
  return one.asset === other.asset && one.custody === other.custody
}

function sameMoney(one: PaymentPosition, other: PaymentPosition): boolean {
  return one.asset === other.asset && one.units === other.units && one.walletId === other.walletId && one.custody === other.custody
}

/** Why final money is gone again. */
function causeOfLoss({ bank, zeroConfirmation }: PaymentPosition): Cause {
  if (bank) return 'bank_return'
  return zeroConfirmation ? 'payment_lost' : 'reorg'
}

/** Why fees come back: why what went away did; a reorganisation when there is more than one reason. */
function lossCauseOf(before: readonly PaymentPosition[], now: readonly PaymentPosition[]): Cause {
  const isLess = (was: PaymentPosition, is: PaymentPosition | undefined) => is?.place !== 'available' || is.units < was.units
  const left = before.filter(
    (was) =>
      was.place === 'available' &&
      isLess(
        was,
        now.find(({ key }) => key === was.key),
      ),
  )
  const causes = new Set(left.map(causeOfLoss))
  const [only = 'reorg'] = causes
  return causes.size > 1 ? 'reorg' : only
}
