import type { Output } from '../gateways/spend.ts'
import { greater, lesser } from '../money/amount.ts'
import { type Part, reaches, sumShares, unitsOver } from '../money/share.ts'
import { isLive, type Refund } from './refund.ts'
import type { Invoice, Payment } from './types.ts'
import { isFinal } from './view.ts'

/**
 * Final payments of an asset whose money can be sent back: those that count, and those that never will. Late money that
 * is held waits for a person's word first. Where goods are given for payments in no block, money is not: whoever spends such
 * a payment elsewhere would be paid for it.
 */
function returnable({ payments }: Invoice, asset: string): Payment[] {
  return payments.filter(
    (payment) => payment.asset === asset && payment.decision !== 'held' && isFinal(payment) && payment.status === 'confirmed',
  )
}

/** Base units of the asset that came in for good, and those that were sent back or are about to be. */
function totalsOf(invoice: Invoice, asset: string): { readonly received: bigint; readonly refunded: bigint } {
  return { received: sumUnits(returnable(invoice, asset)), refunded: sumUnits(liveRefunds(invoice, asset)) }
}

/** What can still be asked to be returned in an asset, in base units: never more than came in. */
export function refundableUnits(invoice: Invoice, asset: string): bigint {
  const { received, refunded } = totalsOf(invoice, asset)
  return received > refunded ? received - refunded : 0n
}

/** Every asset in which something can be returned. */
export function refundableAssets(invoice: Invoice): string[] {
  const assets = new Set(invoice.payments.map(({ asset }) => asset))
  return [...assets].filter((asset) => refundableUnits(invoice, asset) > 0n)
}

/**
 * Whether what came in still covers what is to be returned: a reorganisation can take it away. What was overpaid is returned
 * only while so much is there beyond the price, or the price itself would be.
 */
export function isCovered(invoice: Invoice, { asset, rule }: Pick<Refund, 'asset' | 'rule'>): boolean {
  const { received, refunded } = totalsOf(invoice, asset)
  return refunded <= received && (rule.type !== 'over' || isPaidBesideOver(invoice))
}

/** Whether the price is paid without what is returned of overpayments, each at the rate that makes the least of it. */
function isPaidBesideOver(invoice: Invoice): boolean {
  const counted = countedPayments(invoice)
  const parts: Part[] = [...counted]
  for (const asset of new Set(invoice.refunds?.map((refund) => refund.asset))) {
    const { over } = byRule(invoice, asset)
    if (over === 0n) continue
    const wholes = counted.filter((payment) => payment.asset === asset).map(({ whole }) => whole)
    if (wholes.length === 0) return false
    parts.push({ units: -over, whole: wholes.reduce(greater) })
  }
  return reaches(sumShares(parts), 0)
}

/**
 * What is beyond the price after the refunds so far, in one asset, rounded down to its base unit and never more than can be
 * returned in it. Refunds by another rule take first what never counted, then what did.
 */
export function overUnits(invoice: Invoice, asset: string): bigint {
  const counted = countedPayments(invoice)
  const whole = wholeOf(counted, asset)
  if (whole === null) return 0n
  const parts: Part[] = [...counted]
  for (const refunded of new Set(counted.map((payment) => payment.asset))) {
    const units = refundedOfCounted(invoice, refunded)
    if (units > 0n) parts.push({ units: -units, whole: wholeOf(counted, refunded) as bigint })
  }
  return lesser(unitsOver(sumShares(parts), whole), refundableUnits(invoice, asset))
}

type Counted = Payment & { readonly whole: bigint }

/** Final payments that count towards the price, each with the units of its asset that pay it whole. */
function countedPayments({ payments }: Invoice): Counted[] {
  return payments.filter((payment): payment is Counted => payment.decision === 'counted' && isFinal(payment))
}

/** The whole price in an asset as its newest counted payment has it; null without one. */
function wholeOf(counted: readonly Counted[], asset: string): bigint | null {
  return counted.findLast((payment) => payment.asset === asset)?.whole ?? null
}

/** The part of the refunds of an asset that returns money which counted. */
function refundedOfCounted(invoice: Invoice, asset: string): bigint {
  const { over, other } = byRule(invoice, asset)
  const declined = sumUnits(declinedPayments(invoice, asset))
  return over + (other > declined ? other - declined : 0n)
}

/** Payments that never count: a person refused them, or the asset was not offered. The books hold their money. */
function declinedPayments(invoice: Invoice, asset: string): Payment[] {
  return returnable(invoice, asset).filter(({ decision }) => decision !== 'counted')
}

/** Payments whose money must leave `held` in the books, so that the refunds of this asset find it. Each is released whole. */
export function paymentsToRelease(invoice: Invoice, asset: string): Payment[] {
  const declined = declinedPayments(invoice, asset)
  let missing = byRule(invoice, asset).other - sumUnits(declined.filter(({ released }) => released))
  return declined.filter((payment) => {
    if (payment.released || missing <= 0n) return false
    missing -= payment.units
    return true
  })
}

function byRule(invoice: Invoice, asset: string): { readonly over: bigint; readonly other: bigint } {
  const live = liveRefunds(invoice, asset)
  return {
    over: sumUnits(live.filter(({ rule }) => rule.type === 'over')),
    other: sumUnits(live.filter(({ rule }) => rule.type !== 'over')),
  }
}

/**
 * Why a transfer is not one that this invoice wants now, in words; null when it is. What the signer asks for itself: only the
 * newest transfer of a refund, to the address its payer gave, and only while the invoice's receipts cover it.
 */
export function refundFault(
  invoice: Invoice,
  transfer: { readonly id: string; readonly chainId: string; readonly asset: string; readonly outputs: readonly Output[] },
): string | null {
  const refund = (invoice.refunds ?? []).find(({ transfers }) => transfers.at(-1)?.id === transfer.id)
  if (!refund || !isLive(refund)) return 'the invoice has no such refund, or it has ended'
  if (refund.cancelledBy !== null || refund.transfers.at(-1)?.replaced) return 'it is being ended'
  const [output] = transfer.outputs
  const asWanted =
    transfer.outputs.length === 1 &&
    output?.address === refund.address &&
    output?.units === refund.units &&
    transfer.asset === refund.asset &&
    transfer.chainId === refund.chainId
  if (!asWanted) return 'the refund is of another amount, or to another address'
  return isCovered(invoice, refund) ? null : 'what the invoice received does not cover it any more'
}

function liveRefunds({ refunds = [] }: Invoice, asset: string): Refund[] {
  return refunds.filter((refund) => refund.asset === asset && isLive(refund))
}

function sumUnits(amounts: readonly { readonly units: bigint }[]): bigint {
  return amounts.reduce((sum, { units }) => sum + units, 0n)
}
