import { paymentUri } from '../../gateways/registry.ts'
import { lightningBeside, paymentRequestOf } from '../../invoice/lightning.ts'
import { isAlive } from '../../invoice/view.ts'
import { Address } from '../../page/parts.tsx'
import { assetOf, railOf, type View } from '../view.ts'
import { PayByCode } from './code.tsx'
import { DemoWallet } from './demo.tsx'
import type { PayStage } from './paying.tsx'

/** Where to send how much, on a chain. */
export function Pay({ view, stage }: { view: View; stage: PayStage }) {
  const { t, invoice } = view
  const { method, activation, due } = stage
  const asset = assetOf(view, method.asset)
  const rail = railOf(view, method.chainId)
  const request = paymentRequestOf(invoice, method, activation, due, view.registry)
  const uri = paymentUri(rail, request)
  const beside = request.lightning ? lightningBeside(invoice.terms, method.asset, view.registry) : null
  // To the same address: said only where the part came in the same asset.
  const isPartPaid =
    view.figures.facts.short && invoice.payments.some((payment) => payment.asset === method.asset && isAlive(payment))
  const shown = {
    code: uri,
    caption: request.lightning ? t.orLightning : null,
    opens: paymentUri(rail, { ...request, label: invoice.terms.storeName }),
    link: uri,
    heading: t.toThisAddress,
    copy: t.copyAddress,
    only: t.sendOnly({ asset: asset.name, network: rail.name }),
    rest: isPartPaid ? t.sendTheRest : null,
  }
  return (
    <PayByCode view={view} stage={stage} request={shown} address={<Address address={activation.address} />}>
      <DemoWallet view={view} asset={method.asset} lightning={beside?.asset} />
    </PayByCode>
  )
}
