import { paymentUri } from '../../gateways/registry.ts'
import type { MethodTerms } from '../../invoice/types.ts'
import { isAlive } from '../../invoice/view.ts'
import type { Asset } from '../../money/asset.ts'
import type { Rate } from '../../money/rate.ts'
import { addressGroups, plainAmount, rateText } from '../format.ts'
import { Coin, Copy, Note, Payments } from '../parts.tsx'
import { qrPath } from '../qr.ts'
import { type LostStatus, lostPayment, type Stage } from '../stage.ts'
import { assetOf, isTestNetwork, linkTo, methodName, networkName, railOf, type View } from '../view.ts'
import { Methods } from './choose.tsx'
import { AmountLead } from './lead.tsx'

export type PayStage = Extract<Stage, { kind: 'pay' }>

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
  const request = { address: activation.address, assetCode: method.asset, units: due }
  const uri = paymentUri(rail, request)
  const walletUri = paymentUri(rail, { ...request, label: invoice.terms.storeName })
  const amount = plainAmount(asset, due)
  const lost = lostPayment(invoice)
  // To the same address: said only where the part came in the same asset.
  const isPartPaid =
    view.figures.facts.short && invoice.payments.some((payment) => payment.asset === method.asset && isAlive(payment))
  return (
    <>
      <AmountLead view={view} />
      <div class="panel">
        {lost && (
          <Note tone="warn" title={lostTitle(view, lost)}>
            <p>{t.stillDue}</p>
          </Note>
        )}
        <MethodHead view={view} asset={asset} method={method} />
        <AmountDue view={view} amount={amount} ticker={asset.ticker} />
        {isPartPaid && <p class="soft">{t.sendTheRest}</p>}
        <Qr text={uri} label={t.qrLabel({ amount: `${amount} ${asset.ticker}` })} />
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
        <p class="only">
          <svg viewBox="0 0 20 20" aria-hidden="true">
            <path d="M10 3l7.8 13.5H2.2zM10 8v4m0 2.2v.1" />
          </svg>
          <span>{t.sendOnly({ asset: asset.name, network: rail.name })}</span>
        </p>
      </div>
      <div class="panel aside">
        <Payments view={view} />
        {method.rate && <RateLine view={view} rate={method.rate} />}
        <p class="waiting">
          <span class="pulse" />
          <span>
            <strong>{t.waiting}</strong>
            <span class="soft js">{t.updatesItself}</span>
            <span class="soft nojs">{t.reloadAfterPaying}</span>
          </span>
        </p>
        {view.demoWallet && <DemoWallet view={view} asset={method.asset} />}
      </div>
    </>
  )
}

export function lostTitle({ t }: View, { status }: { readonly status: LostStatus }): string {
  const titles = { replaced: t.replacedTitle, double_spent: t.doubleSpentTitle, returned: t.returnedTitle, missing: t.missingTitle }
  return titles[status]
}

/** What is being paid with, and a way to choose again that needs no script. */
export function MethodHead({ view, asset, method }: { view: View; asset: Asset; method: MethodTerms }) {
  const { t } = view
  const rail = railOf(view, method.chainId)
  const others = view.invoice.terms.methods.filter((other) => other.asset !== asset.code)
  const head = (
    <>
      <Coin ticker={asset.ticker} />
      <span class="name">
        <strong>{methodName(view, method)}</strong>
        <small>
          {networkName(view, rail)} {isTestNetwork(rail) && <span class="tag">{t.testNetwork}</span>}
        </small>
      </span>
    </>
  )
  // After the invoice's own time nothing new is begun.
  if (others.length === 0 || view.nowMs >= view.invoice.terms.expiresAtMs) return <div class="method">{head}</div>
  return (
    <details class="method">
      <summary id="change">
        {head}
        <span class="change">{t.change}</span>
      </summary>
      <Methods view={view} methods={others} />
    </details>
  )
}

/** A long amount gets the whole width: a number that is broken in two is read wrong. */
function AmountDue({ view, amount, ticker }: { view: View; amount: string; ticker: string }) {
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

export function Qr({ text, label }: { text: string; label: string }) {
  const { size, path } = qrPath(text)
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label}>
      <path fill-rule="evenodd" d={path} />
    </svg>
  )
}

export function RateLine({ view, rate }: { view: View; rate: Rate }) {
  const { t } = view
  const quote = assetOf(view, view.invoice.terms.currency)
  return (
    <p class="rate">
      <span>
        {rateText(rate, quote, view.language)} {rate.fixed && <span class="tag">{t.testRate}</span>}
      </span>
      <span class="soft">{rate.fixed ? t.rateTest : t.rateLocked({ sources: rate.sources.map(capital).join(', ') })}</span>
    </p>
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

function capital(name: string): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1)
}
