import { paymentUri } from '../../gateways/registry.ts'
import { paymentRequestOf } from '../../invoice/lightning.ts'
import { isAlive } from '../../invoice/view.ts'
import { addressGroups, plainAmount } from '../format.ts'
import { Copy, Payments } from '../parts.tsx'
import { assetOf, linkTo, railOf, type View } from '../view.ts'
import { AmountLead } from './lead.tsx'
import { Lost, MethodHead, Only, type PayStage, Qr, RateLine, Waiting } from './paying.tsx'

/** Digits after the point that are shown large; the rest is exact all the same, and smaller. */
const LARGE_DIGITS = 8
/** Characters of an amount that has room beside the copy button of a phone. */
const BESIDE_COPY = 12

/** Where to send how much: the amount, the code, the address, in the order a shopper needs them. */
export function Pay({ view, stage }: { view: View; stage: PayStage }) {
  const { t, invoice } = view
  const { method, activation, due } = stage
  const asset = assetOf(view, method.asset)
  const rail = railOf(view, method.chainId)
  const request = paymentRequestOf(invoice, method, activation, due, view.registry)
  const uri = paymentUri(rail, request)
  const walletUri = paymentUri(rail, { ...request, label: invoice.terms.storeName })
  const amount = plainAmount(asset, due)
  // To the same address: said only where the part came in the same asset.
  const isPartPaid =
    view.figures.facts.short && invoice.payments.some((payment) => payment.asset === method.asset && isAlive(payment))
  return (
    <>
      <AmountLead view={view} />
      <div class="panel">
        <Lost view={view} />
        <MethodHead view={view} asset={asset} method={method} />
        <AmountDue view={view} amount={amount} ticker={asset.ticker} />
        {isPartPaid && <p class="soft">{t.sendTheRest}</p>}
        <figure class="scan">
          <Qr text={uri} label={t.qrLabel({ amount: `${amount} ${asset.ticker}` })} />
          {request.lightning && <figcaption class="soft">{t.orLightning}</figcaption>}
        </figure>
        <div class="actions">
          <a class="button" href={walletUri}>
            {t.openInWallet}
          </a>
          <Copy view={view} value={uri} label={t.copyLink} wide />
        </div>
        <div class="row">
          <h2>{t.toThisAddress}</h2>
          <Copy view={view} value={activation.address} label={t.copyAddress} />
        </div>
        <Address address={activation.address} />
        <Only>{t.sendOnly({ asset: asset.name, network: rail.name })}</Only>
      </div>
      <div class="panel aside">
        <Payments view={view} />
        {method.rate && <RateLine view={view} rate={method.rate} />}
        <Waiting view={view}>
          <span class="soft js">{t.updatesItself}</span>
        </Waiting>
        {view.demoWallet && <DemoWallet view={view} asset={method.asset} />}
      </div>
    </>
  )
}

/** A long amount gets the whole width: a number that is broken in two is read wrong. */
export function AmountDue({ view, amount, ticker }: { view: View; amount: string; ticker: string }) {
  const { t } = view
  return (
    <div class={amount.length > BESIDE_COPY ? 'row long' : 'row'}>
      <div>
        <h2>{view.figures.facts.short ? t.stillToPay : t.sendExactly}</h2>
        <Amount amount={amount} ticker={ticker} />
      </div>
      <Copy view={view} value={amount} label={t.copyAmount} />
    </div>
  )
}

function Amount({ amount, ticker }: { amount: string; ticker: string }) {
  const end = amount.includes('.') ? amount.indexOf('.') + 1 + LARGE_DIGITS : amount.length
  return (
    <p class="amount" translate="no">
      <b>
        {amount.slice(0, end)}
        {amount.length > end && <small>{amount.slice(end)}</small>}
      </b>{' '}
      <span>{ticker}</span>
    </p>
  )
}

/** Groups of four with the ends stressed: what people compare. Selected by hand it is copied without gaps. */
function Address({ address }: { address: string }) {
  const groups = addressGroups(address)
  return (
    <code class="address" translate="no" data-address>
      {groups.map((group, index) => (index < 2 || index >= groups.length - 2 ? <b>{group}</b> : <i>{group}</i>))}
    </code>
  )
}

/** Development only: sends a real transaction on the local chain. */
function DemoWallet({ view, asset }: { view: View; asset: string }) {
  return (
    <form class="demo" method="post" action={linkTo(view, '/demo-pay')}>
      <p>{view.t.developmentOnly}</p>
      <button type="submit" name="asset" value={asset} id="demo">
        {view.t.demoPay}
      </button>
    </form>
  )
}
