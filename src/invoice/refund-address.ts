import { recipientFault } from '../gateways/recipients.ts'
import { watchKeyOf } from '../gateways/registry.ts'
import { equalBytes } from '../lib/bytes.ts'
import type { Registry } from '../money/registry.ts'
import type { Refund } from './refund.ts'
import type { AddressFault } from './refund-rpc.ts'
import type { Invoice } from './types.ts'

/**
 * Why a refund cannot go to what a payer gave as their address; null when it can. The invoice's own addresses are refused:
 * they are what a payer has in the clipboard.
 */
export function addressFault(invoice: Invoice, refund: Refund, address: string, registry: Registry): AddressFault | null {
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
