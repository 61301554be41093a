import type { FeePosition, InvoicePositions, PaymentPosition, Place } from '../ledger/types.ts'
import { lesser } from '../money/amount.ts'
import { shareAddresses } from '../money/chain.ts'
import { feeOn, partnerShare } from '../money/fee.ts'
import { type Part, sumShares, unitsOver } from '../money/share.ts'
import type { Invoice, MethodTerms, Payment } from './types.ts'
import { isAlive, isFinal } from './view.ts'

/**
 * All an invoice has to say to its merchant's ledger: where each payment's money is, and what is owed in fees. Pure, and
 * made from what the payments are now, so the order in which they were told of makes no difference.
 */
export function positionsOf(invoice: Invoice): InvoicePositions {
  const { merchantId, shard, storeId, id: invoiceId } = invoice.terms
  const over = overPayments(invoice)
  const payments = inOrder(invoice.payments).flatMap((payment) => positionOf(invoice, payment, over.get(payment.key) ?? 0n))
  return { merchantId, shard, storeId, invoiceId, version: invoice.version, payments, fees: feesOf(invoice) }
}

/**
 * What the invoice owes so far, by asset: of all final money in it that is not beyond the price, the same fraction that
 * the method's fee is of its whole price. Summed first and rounded down once, so an invoice that is paid exactly owes
 * exactly the fee it showed. At a later rate the fraction stays. Assets without a fee are left out.
 */
export function feesOf(invoice: Invoice): FeePosition[] {
  const over = overPayments(invoice)
  return invoice.terms.methods.flatMap((method): FeePosition[] => {
    if (!method.fee) return []
    const paid = invoice.payments.filter((payment) => payment.asset === method.asset && over.has(payment.key))
    const chargeable = paid.reduce((sum, { units, key }) => sum + units - (over.get(key) ?? 0n), 0n)
    const units = feeOn(chargeable, method.whole, method.fee)
    if (units === 0n) return []
    const { partner } = method.fee
    const share = partner ? partnerShare(units, partner) : 0n
    return [
      {
        asset: method.asset,
        custody: method.custody,
        units,
        partner: partner && share > 0n ? { id: partner.id, units: share } : null,
      },
    ]
  })
}

/** By key of each payment that counts and is final: how many of its units are beyond the price, rounded down. */
function overPayments(invoice: Invoice): Map<string, bigint> {
  const over = new Map<string, bigint>()
  const parts: Part[] = []
  for (const payment of inOrder(invoice.payments)) {
    if (payment.decision !== 'counted' || !isFinal(payment)) continue
    const { units, whole } = payment as Payment & { readonly whole: bigint }
    parts.push({ units, whole })
    over.set(payment.key, lesser(unitsOver(sumShares(parts), whole), units))
  }
  return over
}

function positionOf(invoice: Invoice, payment: Payment, over: bigint): PaymentPosition[] {
  // Somebody's output of nothing is seen and moves nothing.
  if (payment.units === 0n) return []
  const method = methodOf(invoice, payment)
  // Only addresses of methods are watched: money elsewhere came to no wallet of this invoice.
  if (!method) return []
  const { key, asset, units, confirmationsWanted } = payment
  return [
    {
      key,
      asset,
      walletId: method.walletId,
      custody: method.custody,
      units,
      place: placeOf(payment),
      late: payment.late || payment.decision === 'unexpected',
      over,
      zeroConfirmation: confirmationsWanted === 0,
      ...(method.transitMs === undefined ? {} : { bank: true as const }),
    },
  ]
}

function placeOf(payment: Payment): Place {
  if (!isAlive(payment)) return 'none'
  if (!isFinal(payment)) return 'pending'
  return payment.decision === 'counted' || payment.released ? 'available' : 'held'
}

/** The method that was paid by; for an asset that was not offered, the first whose address was shown and is one of its chain. */
export function methodOf(
  { terms, activations }: Invoice,
  { asset, chainId }: Pick<Payment, 'asset' | 'chainId'>,
): MethodTerms | undefined {
  const own = terms.methods.find((method) => method.asset === asset)
  if (own) return own
  const onChain = terms.methods.filter((method) => shareAddresses(method.chainId, chainId))
  const shown = activations.find((activation) => onChain.some((method) => method.asset === activation.asset))
  return onChain.find((method) => method.asset === shown?.asset) ?? onChain[0]
}

/** As they were first seen on their chains; those of one moment by their names. */
function inOrder(payments: readonly Payment[]): Payment[] {
  return [...payments].sort((a, b) => a.seenAtMs - b.seenAtMs || (a.key < b.key ? -1 : 1))
}
