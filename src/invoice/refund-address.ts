import { isLightning } from '../bank/receive.ts'
import { decodeBolt11 } from '../gateways/lightning/bolt11.ts'
import { bareInvoice, readDestination } from '../gateways/lightning/destination.ts'
import { recipientFault } from '../gateways/recipients.ts'
import { watchKeyOf } from '../gateways/registry.ts'
import { equalBytes } from '../lib/bytes.ts'
import { lightningRailOf, type Registry } from '../money/registry.ts'
import type { Refund } from './refund.ts'
import type { AddressFault } from './refund-rpc.ts'
import type { Invoice } from './types.ts'

/**
 * Why a refund cannot go to what a payer gave as their address; null when it can. The invoice's own addresses are refused:
 * they are what a payer has in the clipboard.
 */
export function addressFault(
  invoice: Invoice,
  refund: Refund,
  address: string,
  registry: Registry,
  nowMs: number,
): AddressFault | null {
  if (isLightning(refund.chainId)) return invoiceFault(invoice, refund, address, registry, nowMs)
  const chain = registry.chain(refund.chainId)
  const key = watchKeyOf(chain, address)
  if (key === null) return { reason: 'not_an_address' }
  const isOwn = invoice.activations.some((shown) => {
    const own = watchKeyOf(chain, shown.address)
    return own !== null && equalBytes(own, key)
  })
  if (isOwn) return { reason: 'own_address' }
  return recipientFault(chain, { address, units: refund.units }) === null ? null : { reason: 'not_payable' }
}

/** By Lightning the payer gives an invoice of theirs, for what is refunded or for any amount. */
function invoiceFault(
  { activations }: Invoice,
  { chainId, units }: Refund,
  text: string,
  registry: Registry,
  nowMs: number,
): AddressFault | null {
  const read = readDestination(text, { rail: lightningRailOf(registry, chainId), units, nowMs })
  const payee = (address: string) => {
    const decoded = decodeBolt11(address)
    return decoded.ok ? decoded.value.payee : null
  }
  // Of the shop's own node: most often the one that was paid.
  const given = read.ok ? read.value.payee : payee(bareInvoice(text))
  if (given !== null && activations.some(({ address }) => payee(address) === given)) return { reason: 'own_address' }
  return read.ok ? null : { reason: read.error.reason }
}
