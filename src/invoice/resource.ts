import { paymentUri } from '../gateways/registry.ts'
import type { Custody } from '../ledger/types.ts'
import { rfc3339 } from '../lib/clock.ts'
import { formatDecimal } from '../money/amount.ts'
import type { Asset } from '../money/asset.ts'
import { type MethodFee, partnerShare } from '../money/fee.ts'
import type { Rate } from '../money/rate.ts'
import type { Registry } from '../money/registry.ts'
import { paymentRequestOf } from './lightning.ts'
import { feesOf } from './positions.ts'
import { type RefundResource, refundResource } from './refund-resource.ts'
import type { Invoice, InvoiceStatus, LatePolicy, MethodTerms, Payment, PaymentDecision } from './types.ts'
import { activationOf, figuresOf, isFinal, methodDue } from './view.ts'

/**
 * An invoice as merchants see it, in the API and in webhooks. Amounts are decimals with all digits of their asset,
 * times RFC 3339 in UTC. Pure: the same invoice gives the same text, key by key in this order.
 */
export interface InvoiceResource {
  readonly id: string
  readonly object: 'invoice'
  readonly storeId: string
  readonly status: InvoiceStatus
  readonly amount: string
  readonly currency: string
  readonly orderId: string | null
  readonly description: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly redirectUrl: string | null
  readonly checkoutUrl: string
  readonly createdAt: string
  readonly expiresAt: string
  /** Payments up to here are followed as this invoice's. */
  readonly watchedUntil: string
  readonly settledAt: string | null
  readonly updatedAt: string
  readonly version: number
  readonly amountPaid: string
  readonly amountConfirmed: string
  readonly facts: {
    readonly short: boolean
    readonly over: { readonly asset: string; readonly amount: string } | null
    readonly late: boolean
    readonly held: boolean
  }
  readonly toleranceBps: number
  readonly latePolicy: LatePolicy
  readonly paymentMethods: readonly PaymentMethodResource[]
  readonly payments: readonly PaymentResource[]
  /** In the order they were asked for. */
  readonly refunds: readonly RefundResource[]
  /** Owed by the merchant for what is final so far, by asset. */
  readonly fees: readonly FeeResource[]
}

export interface FeeResource {
  readonly asset: string
  /** All of it, the partner's share included. */
  readonly amount: string
  readonly partner: { readonly id: string; readonly amount: string } | null
}

export interface PaymentMethodResource {
  readonly asset: string
  /** CAIP-2 */
  readonly chain: string
  readonly name: string
  /** What pays the whole price in this asset. */
  readonly amount: string
  /** What is still to be paid in this asset; zero once enough has been seen. */
  readonly amountDue: string
  /** What the shopper gets, a margin included. */
  readonly rate: RateResource | null
  /** What paying the whole price in this asset costs the merchant; null when nothing. */
  readonly fee: MethodFeeResource | null
  /** Who holds the wallet's key: the merchant, or the platform. */
  readonly custody: Custody
  readonly confirmationsRequired: number
  /**
   * Null until the method is activated. At a bank a payto URI (RFC 8905) without an amount; of Lightning a BOLT 11 invoice,
   * null again when another amount is due: activate the method anew.
   */
  readonly address: string | null
  /** BIP 21, EIP-681, RFC 8905 or `lightning:`, for what is due; null when there is no address or nothing should be sent to it any more. */
  readonly uri: string | null
}

export interface MethodFeeResource {
  readonly model: MethodFee['model']
  readonly amount: string
  /** By how many basis points the rate was made worse; null for the model `fee`. */
  readonly marginBps: number | null
  readonly partner: { readonly id: string; readonly amount: string } | null
}

export interface RateResource {
  readonly pair: string
  readonly value: string
  readonly sources: readonly string[]
  readonly at: string
  /** Made up for development. */
  readonly fixed: boolean
}

export interface PaymentResource {
  readonly id: string
  readonly chain: string
  readonly txid: string
  readonly index: string
  readonly asset: string
  readonly amount: string
  readonly status: Payment['status']
  readonly confirmations: number
  readonly confirmationsRequired: number
  /** By the invoice's own policy: enough confirmations, or the chain's finality tag where that is waited for. */
  readonly final: boolean
  readonly height: number | null
  readonly seenAt: string
  readonly late: boolean
  readonly decision: PaymentDecision
  readonly replacedBy: string | null
}

/** `origin` is the public one of this installation (`ORIGIN`). Throws when an asset of the invoice is not configured. */
export function invoiceResource(invoice: Invoice, registry: Registry, origin: string): InvoiceResource {
  const { terms } = invoice
  const { paid, confirmed, facts } = figuresOf(invoice)
  const amount = (code: string, units: bigint) => formatDecimal(units, registry.asset(code).decimals)
  return {
    id: terms.id,
    object: 'invoice',
    storeId: terms.storeId,
    status: invoice.status,
    amount: amount(terms.currency, terms.price),
    currency: terms.currency,
    orderId: terms.orderId,
    description: terms.description,
    metadata: terms.metadata,
    redirectUrl: terms.redirectUrl,
    checkoutUrl: `${origin}/i/${terms.id}`,
    createdAt: rfc3339(terms.createdAtMs),
    expiresAt: rfc3339(terms.expiresAtMs),
    watchedUntil: rfc3339(terms.watchUntilMs),
    settledAt: invoice.settledAtMs === null ? null : rfc3339(invoice.settledAtMs),
    updatedAt: rfc3339(invoice.updatedAtMs),
    version: invoice.version,
    amountPaid: amount(terms.currency, paid),
    amountConfirmed: amount(terms.currency, confirmed),
    facts: {
      short: facts.short,
      over: facts.over && { asset: facts.over.asset, amount: amount(facts.over.asset, facts.over.units) },
      late: facts.late,
      held: facts.held,
    },
    toleranceBps: terms.toleranceBps,
    latePolicy: terms.latePolicy,
    paymentMethods: terms.methods.map((method) => methodResource(invoice, method, registry)),
    payments: invoice.payments.map((payment) => paymentResource(payment, registry)),
    refunds: (invoice.refunds ?? []).map((refund) => refundResource(invoice, refund, registry)),
    fees: feesOf(invoice).map(({ asset, units, partner }) => ({
      asset,
      amount: amount(asset, units),
      partner: partner && { id: partner.id, amount: amount(asset, partner.units) },
    })),
  }
}

export function paymentResource(payment: Payment, registry: Registry): PaymentResource {
  return {
    id: payment.key,
    chain: payment.chainId,
    txid: payment.txid,
    index: payment.index,
    asset: payment.asset,
    amount: formatDecimal(payment.units, registry.asset(payment.asset).decimals),
    status: payment.status,
    confirmations: payment.confirmations,
    confirmationsRequired: payment.confirmationsWanted,
    final: isFinal(payment),
    height: payment.height,
    seenAt: rfc3339(payment.seenAtMs),
    late: payment.late,
    decision: payment.decision,
    replacedBy: payment.replacedBy,
  }
}

function methodResource(invoice: Invoice, method: MethodTerms, registry: Registry): PaymentMethodResource {
  const asset = registry.asset(method.asset)
  const rail = registry.rail(method.chainId)
  const activation = activationOf(invoice, method)
  // Within the tolerance something may be missing for ever; nobody owes it.
  const enough = invoice.status === 'processing' || invoice.status === 'settled'
  const due = enough ? 0n : methodDue(invoice, method)
  const payable = activation !== null && due > 0n && invoice.status === 'new'
  return {
    asset: method.asset,
    chain: method.chainId,
    name: asset.name,
    amount: formatDecimal(method.whole, asset.decimals),
    amountDue: formatDecimal(due, asset.decimals),
    rate: method.rate && rateResource(method.rate),
    fee: method.fee && methodFeeResource(method.fee, asset),
    custody: method.custody,
    confirmationsRequired: method.confirmationsWanted,
    address: activation?.address ?? null,
    uri: payable ? paymentUri(rail, paymentRequestOf(invoice, method, activation, due, registry)) : null,
  }
}

function methodFeeResource({ model, whole, marginBps, partner }: MethodFee, { decimals }: Asset): MethodFeeResource {
  const share = partner ? partnerShare(whole, partner) : 0n
  return {
    model,
    amount: formatDecimal(whole, decimals),
    marginBps,
    partner: partner && share > 0n ? { id: partner.id, amount: formatDecimal(share, decimals) } : null,
  }
}

function rateResource(rate: Rate): RateResource {
  return {
    pair: `${rate.base}/${rate.quote}`,
    value: formatDecimal(rate.value, rate.scale, Math.min(rate.scale, 2)),
    sources: rate.sources,
    at: rfc3339(rate.atMs),
    fixed: rate.fixed,
  }
}
