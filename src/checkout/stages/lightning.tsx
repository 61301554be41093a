import { lightningPaymentUri } from '../../gateways/lightning/uri.ts'
import type { View } from '../view.ts'
import { PayByCode } from './code.tsx'
import { DemoWallet } from './demo.tsx'
import type { PayStage } from './paying.tsx'

/** A Lightning invoice: one code that says everything, to be scanned, opened or pasted. */
export function PayByLightning({ view, stage }: { view: View; stage: PayStage }) {
  const { t } = view
  const { address } = stage.activation
  const uri = lightningPaymentUri(address)
  const request = {
    // BOLT 11: upper case, which takes a third less of a code.
    code: uri.toUpperCase(),
    caption: t.scanWithLightning,
    opens: uri,
    link: uri,
    heading: t.lightningInvoice,
    copy: t.copyInvoice,
    only: t.lightningOnce,
  }
  const whole = (
    <code class="address whole" translate="no">
      {address}
    </code>
  )
  return (
    <PayByCode view={view} stage={stage} request={request} address={whole}>
      <DemoWallet view={view} asset={stage.method.asset} />
    </PayByCode>
  )
}
