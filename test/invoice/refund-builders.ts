import type { PaymentObservation } from '../../src/chain/rpc.ts'
import { cancelRefund, claimRefund, requestRefund } from '../../src/invoice/decide-refund.ts'
import { evolve, numbered } from '../../src/invoice/evolve.ts'
import { transferGone, transferRefused, transferTold } from '../../src/invoice/refund-progress.ts'
import type { RefundChange, RefundWish, RequestRefund } from '../../src/invoice/refund-rpc.ts'
import type { Invoice, InvoiceEventBody } from '../../src/invoice/types.ts'
import type { Result } from '../../src/lib/result.ts'
import type { TransferRefusal } from '../../src/wallet/transfers/rpc.ts'
import { NOW_MS, observation, RATES, registry } from './builders.ts'

export const LATER_MS = NOW_MS + 3_600_000
/** Addresses on regtest that no invoice of these tests was paid to. */
export const ADDRESS = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080'
export const OTHER_ADDRESS = 'bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry'

/** Final by the builders' terms. */
export function settled(txid: string, changes: Partial<PaymentObservation> = {}): PaymentObservation {
  const block = { status: 'confirmed', confirmations: 12, height: 500, blockHash: 'aa', final: true } as const
  return observation(txid, { ...block, revision: 5, ...changes })
}

export function refundId(name: string): string {
  return `tr_${name.padEnd(32, 'z')}`
}

export function wishOf(name: string, rule: RefundWish, changes: Partial<RequestRefund> = {}): RequestRefund {
  return { id: refundId(name), fingerprint: 'f', asset: null, rule, reason: null, by: 'test', ...changes }
}

export function btc(units: bigint): RefundWish {
  return { type: 'part', amount: { asset: 'BTC', units }, at: 'then' }
}

export function apply(invoice: Invoice, bodies: readonly InvoiceEventBody[], nowMs = LATER_MS): Invoice {
  return numbered(invoice, bodies, nowMs).reduce<Invoice>(evolve, invoice)
}

export function request(invoice: Invoice, name: string, rule: RefundWish, changes: Partial<RequestRefund> = {}) {
  return requestRefund(invoice, wishOf(name, rule, changes), registry, RATES, LATER_MS)
}

export function requested(invoice: Invoice, name: string, rule: RefundWish, changes: Partial<RequestRefund> = {}): Invoice {
  return apply(invoice, accepted(request(invoice, name, rule, changes)))
}

export function claimed(invoice: Invoice, name: string, address = ADDRESS): Invoice {
  return apply(invoice, accepted(claimRefund(invoice, refundId(name), address, registry, LATER_MS)))
}

export function cancelled(invoice: Invoice, name: string): Invoice {
  return apply(invoice, accepted(cancelRefund(invoice, refundId(name), 'somebody', LATER_MS)))
}

export function told(invoice: Invoice, change: Partial<RefundChange> & Pick<RefundChange, 'refundId' | 'status'>): Invoice {
  const whole = { version: 1, reason: null, txid: null, challenge: null, ...change }
  return apply(invoice, transferTold(invoice, whole, LATER_MS))
}

export function refused(invoice: Invoice, transferId: string, refusal: TransferRefusal, nowMs = LATER_MS): Invoice {
  return apply(invoice, transferRefused(invoice, transferId, refusal, nowMs), nowMs)
}

export function gone(invoice: Invoice, transferId: string): Invoice {
  return apply(invoice, transferGone(invoice, transferId, LATER_MS))
}

export function accepted<T>(result: Result<T, { readonly reason: string }>): T {
  if (!result.ok) throw new Error(`refused: ${result.error.reason}`)
  return result.value
}
