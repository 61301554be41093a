import { lightningPaymentUri } from '../../gateways/lightning/uri.ts'
import { plainAmount } from '../format.ts'
import { Copy, Payments } from '../parts.tsx'
import { assetOf, type View } from '../view.ts'
import { AmountLead } from './lead.tsx'
import { AmountDue } from './pay.tsx'
import { Lost, MethodHead, Only, type PayStage, Qr, RateLine, Waiting } from './paying.tsx'

/** A Lightning invoice: one code that says everything, to be scanned, opened or pasted. */
export function PayByLightning({ view, stage }: { view: View; stage: PayStage }) {
  const { t } = view
  const { method, activation, due } = stage
  const asset = assetOf(view, method.asset)
  const amount = plainAmount(asset, due)
  const uri = lightningPaymentUri(activation.address)
  return (
    <>
      <AmountLead view={view} />
      <div class="panel">
        <Lost view={view} />
        <MethodHead view={view} asset={asset} method={method} />
        <AmountDue view={view} amount={amount} ticker={asset.ticker} />
        <figure class="scan">
          {/* BOLT 11: upper case, which takes a third less of a code. */}
          <Qr text={uri.toUpperCase()} label={t.qrLabel({ amount: `${amount} ${asset.ticker}` })} />
          <figcaption class="soft">{t.scanWithLightning}</figcaption>
        </figure>
        <div class="actions">
          <a class="button" href={uri}>
            {t.openInWallet}
          </a>
          <Copy view={view} value={uri} label={t.copyLink} wide />
        </div>
        <div class="row">
          <h2>{t.lightningInvoice}</h2>
          <Copy view={view} value={activation.address} label={t.copyInvoice} />
        </div>
        <code class="address whole" translate="no" data-address>
          {activation.address}
        </code>
        <Only>{t.lightningOnce}</Only>
      </div>
      <div class="panel aside">
        <Payments view={view} />
        {method.rate && <RateLine view={view} rate={method.rate} />}
        <Waiting view={view}>
          <span class="soft js">{t.updatesItself}</span>
        </Waiting>
      </div>
    </>
  )
}
