import { rfc3339 } from '../lib/clock.ts'
import { formatDecimal } from '../money/amount.ts'
import type { Registry } from '../money/registry.ts'
import type { Refund, RefundRule, RefundStatus } from './refund.ts'
import { isCovered } from './refundable.ts'
import type { Invoice } from './types.ts'

/** A refund as merchants see it. The link its payer claims it by is made where the API answers: it is a secret. */
export interface RefundResource {
  readonly id: string
  readonly object: 'refund'
  readonly invoiceId: string
  readonly status: RefundStatus
  /** Why it waits or failed. */
  readonly detail: string | null
  readonly asset: string
  /** CAIP-2 */
  readonly chain: string
  readonly amount: string
  readonly rule: RefundRuleResource
  readonly reason: string | null
  /** Where the payer wants it. */
  readonly address: string | null
  /** It ends as soon as its wallet says that it is not signed. */
  readonly cancelling: boolean
  /** The newest transfer that carries it out. */
  readonly transferId: string | null
  readonly txid: string | null
  readonly createdAt: string
  readonly updatedAt: string
}

export interface RefundRuleResource {
  readonly type: RefundRule['type']
  /** What was asked for, where that was an amount: in the asset, or in the invoice's currency at the rate then or now. */
  readonly amount: string | null
  readonly currency: string | null
  readonly rate: 'then' | 'now' | null
}

export function refundResource(invoice: Invoice, refund: Refund, registry: Registry): RefundResource {
  const { id, status, asset, chainId, units, rule, reason, address, cancelledBy, transfers, txid } = refund
  const uncovered = status === 'queued' && !isCovered(invoice, refund)
  return {
    id,
    object: 'refund',
    invoiceId: invoice.terms.id,
    status,
    detail: uncovered ? 'a payment that it returns is not final any more; it waits until it is again' : refund.detail,
    asset,
    chain: chainId,
    amount: formatDecimal(units, registry.asset(asset).decimals),
    rule: ruleResource(rule, registry),
    reason,
    address,
    cancelling: cancelledBy !== null && status !== 'cancelled',
    transferId: transfers.at(-1)?.id ?? null,
    txid,
    createdAt: rfc3339(refund.createdAtMs),
    updatedAt: rfc3339(refund.updatedAtMs),
  }
}

function ruleResource(rule: RefundRule, registry: Registry): RefundRuleResource {
  if (rule.type !== 'part') return { type: rule.type, amount: null, currency: null, rate: null }
  const { amount, at } = rule
  const { decimals } = registry.asset(amount.asset)
  return { type: 'part', amount: formatDecimal(amount.units, decimals), currency: amount.asset, rate: at }
}
