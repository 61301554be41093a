import { isLightning } from '../bank/receive.ts'
import type { PaymentRequest } from '../gateways/gateway.ts'
import { MEMO_MAX, type SendingPolicy } from '../gateways/lightning/node.ts'
import { limitFault, MAY_NOT_SEND } from '../gateways/lightning/sending.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import type { LightningRpc } from '../lightning/rpc.ts'
import { lightningFeeMax } from '../money/lightning.ts'
import type { Registry } from '../money/registry.ts'
import type { Activation, Invoice, InvoiceTerms, MethodTerms } from './types.ts'
import { activationOf } from './view.ts'

/**
 * The Lightning method that belongs to a Bitcoin one: both are offered, of one network. Who opens the one is shown both, in
 * one code (BIP 21). Null for others.
 */
export function lightningBeside({ methods }: InvoiceTerms, asset: string, registry: Registry): MethodTerms | null {
  const chain = registry.findChain(registry.findAsset(asset)?.chainId ?? '')
  if (chain?.gateway !== 'bitcoin' || (chain.coin ?? 'bitcoin') !== 'bitcoin' || chain.native.code !== asset) return null
  return (
    methods.find(({ chainId }) => registry.lightning.some(({ id, network }) => id === chainId && network === chain.network)) ?? null
  )
}

/** What a wallet is asked for: so much to this address, or by Lightning where both can be paid. */
export function paymentRequestOf(
  invoice: Invoice,
  { asset }: MethodTerms,
  { address }: Activation,
  units: bigint,
  registry: Registry,
): PaymentRequest {
  const beside = lightningBeside(invoice.terms, asset, registry)
  const lightning = beside && activationOf(invoice, beside)?.address
  return { address, assetCode: asset, units, ...(lightning && { lightning }) }
}

/** What the nodes that this invoice was paid to may be used to pay, by wallet id; null: nothing. */
export type Sendings = ReadonlyMap<string, SendingPolicy | null>

export async function sendingsOf(
  { LIGHTNINGS }: { readonly LIGHTNINGS: ObjectNamespace<Pick<LightningRpc, 'sending'>> },
  { payments }: Invoice,
): Promise<Sendings> {
  const walletIds = new Set(payments.filter(({ chainId }) => isLightning(chainId)).map(({ index }) => index))
  return new Map(await Promise.all([...walletIds].map(async (id) => [id, await LIGHTNINGS.getByName(id).sending()] as const)))
}

/** Why a node is not to pay so much, in words; null when it may. */
export function sendingFault(sending: SendingPolicy | null, units: bigint): string | null {
  return sending === null ? MAY_NOT_SEND : limitFault(sending, units + lightningFeeMax(units))
}

/** What the payer's wallet shows. Without what bech32 or a node might not take: control characters, half characters. */
export function memoOf({ storeName, orderId }: InvoiceTerms): string {
  const text = (orderId === null ? storeName : `${storeName}: ${orderId}`).toWellFormed().replaceAll(/\p{Cc}/gu, ' ')
  return text.slice(0, MEMO_MAX).replace(/[\ud800-\udbff]$/, '')
}

/**
 * Lightning methods that need another invoice, while it can be paid: the one they show asks for another amount than is due
 * now, or was let go when nothing was due.
 */
export function lightningToRenew(before: Invoice | null, after: Invoice, nowMs: number): MethodTerms[] {
  if (after.status !== 'new' || nowMs >= after.terms.expiresAtMs) return []
  return methodsShown(after).filter((method) => before?.status !== 'new' || activationOf(after, method) === null)
}

/** Where Lightning invoices may be paid though nothing is due any more, at the moment when that becomes so. */
export function lightningToRelease(before: Invoice | null, after: Invoice): MethodTerms[] {
  return before?.status === 'new' && after.status !== 'new' ? methodsShown(after) : []
}

function methodsShown({ terms, activations }: Invoice): MethodTerms[] {
  return terms.methods.filter(({ asset }) => activations.some((shown) => shown.asset === asset && shown.units !== undefined))
}
