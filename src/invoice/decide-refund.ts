import { isBankRail, isLightning } from '../bank/receive.ts'
import { bareInvoice } from '../gateways/lightning/destination.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { divideDown } from '../money/amount.ts'
import { type Rate, worthUnits } from '../money/rate.ts'
import type { Registry } from '../money/registry.ts'
import { type Sendings, sendingFault } from './lightning.ts'
import { methodOf } from './positions.ts'
import { ADDRESSES_MAX, isOpen, REFUNDS_MAX, type Refund, type RefundRule } from './refund.ts'
import { addressFault } from './refund-address.ts'
import { type Debtors, debtorFor } from './refund-debtor.ts'
import { changed, settle } from './refund-progress.ts'
import type { CancelRefusal, ClaimRefusal, RefundWish, RequestRefund, RequestRefusal } from './refund-rpc.ts'
import { overUnits, paymentsToRelease, refundableAssets, refundableUnits } from './refundable.ts'
import { rateOf, smallestPayment } from './terms.ts'
import type { Invoice, InvoiceEventBody } from './types.ts'

/**
 * What merchants and payers ask of refunds. Pure: (invoice, what is asked, now) -> events. The status of an invoice never
 * depends on them. `rates` are those of now, for an amount at the rate now; who asks again under one id is answered before.
 */
export function requestRefund(
  invoice: Invoice,
  { id, fingerprint, asset: asked, rule: wish, reason, by }: RequestRefund,
  registry: Registry,
  rates: readonly Rate[],
  nowMs: number,
  debtors: Debtors = new Map(),
  sendings: Sendings = new Map(),
): Result<InvoiceEventBody[], RequestRefusal> {
  const { refunds = [] } = invoice
  if (refunds.length >= REFUNDS_MAX) return err({ reason: 'too_many_refunds' })
  const found = asked === null ? onlyAsset(invoice) : ok(asked)
  if (!found.ok) return found
  const asset = found.value
  const refundable = refundableUnits(invoice, asset)
  const paid = invoice.payments.find((payment) => payment.asset === asset)
  const method = paid && methodOf(invoice, paid)
  if (!method || refundable === 0n) return err(nothing(invoice, asset))
  const rail = registry.rail(paid.chainId)
  const amount = amountOf(invoice, asset, wish, registry, rates)
  if (!amount.ok) return amount
  const { units, rule } = amount.value
  if (units > refundable) return err({ reason: 'refund_over_limit', asset, wanted: units, refundable })
  if (rule.type === 'over' && units === 0n) return err(nothing(invoice, asset))
  const unsendable = isLightning(rail.id) ? sendingFault(sendings.get(method.walletId) ?? null, units) : null
  if (unsendable !== null) return err({ reason: 'rail_cannot_refund', rail: rail.name, detail: unsendable })
  const least = smallestPayment(rail)
  if (units < least) return err({ reason: 'refund_too_small', asset, least })
  const address = isBankRail(rail.id) ? debtorFor(invoice, asset, units, debtors) : null
  if (isBankRail(rail.id) && address === null) return err({ reason: 'rail_cannot_refund', rail: rail.name })

  const wanted: Refund = {
    id,
    asset,
    chainId: rail.id,
    walletId: method.walletId,
    custody: method.custody,
    units,
    rule,
    reason,
    by,
    status: 'awaiting_address',
    detail: null,
    address,
    claims: 0,
    cancelledBy: null,
    transfers: [],
    txid: null,
    challenge: null,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  }
  const refund = address === null ? wanted : settle(wanted, nowMs)
  const released = paymentsToRelease({ ...invoice, refunds: [...refunds, refund] }, asset)
  return ok([
    ...released.map((payment): InvoiceEventBody => {
      return { type: 'payment_changed', change: 'released', payment: { ...payment, released: true } }
    }),
    { type: 'refund_requested', refund, fingerprint },
  ])
}

/** The payer says where to. A transfer to an address given before must have ended first: the new one waits for that. */
export function claimRefund(
  invoice: Invoice,
  id: string,
  given: string,
  registry: Registry,
  nowMs: number,
): Result<InvoiceEventBody[], Exclude<ClaimRefusal, { reason: 'invoice_not_found' }>> {
  const refund = refundOf(invoice, id)
  if (!refund) return err({ reason: 'refund_not_found' })
  const address = isLightning(refund.chainId) ? bareInvoice(given) : given
  if (refund.address === address) return ok([])
  const isClosed = !isOpen(refund) || refund.cancelledBy !== null
  // The bank has said who paid: nobody else is sent the money.
  if (isClosed || isBankRail(refund.chainId)) return err({ reason: 'refund_closed', status: refund.status })
  if (refund.claims >= ADDRESSES_MAX) return err({ reason: 'too_many_addresses' })
  const fault = addressFault(invoice, refund, address, registry, nowMs)
  if (fault) return err(fault)
  const transfers = refund.transfers.map((transfer, at, all) => {
    return at === all.length - 1 ? { ...transfer, replaced: true } : transfer
  })
  return ok([{ type: 'refund_claimed', refund: settle({ ...refund, address, claims: refund.claims + 1, transfers }, nowMs) }])
}

export function cancelRefund(
  invoice: Invoice,
  id: string,
  by: string,
  nowMs: number,
): Result<InvoiceEventBody[], Exclude<CancelRefusal, { reason: 'invoice_not_found' }>> {
  const refund = refundOf(invoice, id)
  if (!refund) return err({ reason: 'refund_not_found' })
  if (refund.status === 'cancelled' || refund.cancelledBy !== null) return ok([])
  // A merchant's own wallet may take days to sign; a file is with the bank, for all that anybody knows.
  const isSigning = refund.status === 'signing' && !isBankRail(refund.chainId)
  if (!isOpen(refund) && !isSigning) return err({ reason: 'refund_closed', status: refund.status })
  return ok(changed(refund, { ...refund, cancelledBy: by }, nowMs))
}

export function refundOf({ refunds = [] }: Invoice, id: string): Refund | null {
  return refunds.find((refund) => refund.id === id) ?? null
}

function onlyAsset(invoice: Invoice): Result<string, RequestRefusal> {
  const assets = refundableAssets(invoice)
  const [only] = assets
  if (only === undefined) return err(nothing(invoice, null))
  return assets.length === 1 ? ok(only) : err({ reason: 'refund_asset_needed', assets })
}

function nothing({ payments }: Invoice, asset: string | null): RequestRefusal {
  const held = payments.some((payment) => payment.decision === 'held' && (asset === null || payment.asset === asset))
  return { reason: 'nothing_to_refund', asset, held }
}

/** Base units to be returned. A conversion rounds down: what was received is never passed by a rounding. */
function amountOf(
  invoice: Invoice,
  asset: string,
  wish: RefundWish,
  registry: Registry,
  rates: readonly Rate[],
): Result<{ units: bigint; rule: RefundRule }, RequestRefusal> {
  const { terms } = invoice
  if (wish.type === 'full') return ok({ units: refundableUnits(invoice, asset), rule: { type: 'full' } })
  if (wish.type === 'over') return ok({ units: overUnits(invoice, asset), rule: { type: 'over' } })
  const { amount, at } = wish
  if (amount.asset === asset) return ok({ units: amount.units, rule: { type: 'part', amount, at: null, rate: null } })
  if (amount.asset !== terms.currency) return err({ reason: 'refund_currency_unknown', currency: amount.asset })
  if (at === 'then') {
    const method = terms.methods.find((offered) => offered.asset === asset)
    if (!method) return err({ reason: 'refund_rate_unknown', asset })
    const units = divideDown(amount.units * method.whole, terms.price)
    return ok({ units, rule: { type: 'part', amount, at, rate: method.rate } })
  }
  const [base, currency] = [registry.asset(asset), registry.asset(terms.currency)]
  const rate = rateOf(rates, base, currency)
  if (rate === undefined) return err({ reason: 'rates_unavailable', pairs: [`${base.ticker}/${currency.ticker}`] })
  const units = worthUnits(amount.units, currency.decimals, rate ?? { value: 1n, scale: 0 }, base.decimals)
  return ok({ units, rule: { type: 'part', amount, at, rate } })
}
