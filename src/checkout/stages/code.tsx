import type { Child } from 'hono/jsx'
import { plainAmount } from '../../page/format.ts'
import { Copy, Only } from '../../page/parts.tsx'
import { assetOf, type View } from '../view.ts'
import { AmountLead } from './lead.tsx'
import { Aside, Lost, MethodHead, type PayStage, Qr, Waiting } from './paying.tsx'

/** Digits after the point that are shown large; the rest is exact all the same, and smaller. */
const LARGE_DIGITS = 8
/** Characters of an amount that has room beside the copy button of a phone. */
const BESIDE_COPY = 12

/** What a wallet is given, and what is told of it. */
interface Request {
  /** In the code. */
  readonly code: string
  readonly caption: string | null
  /** What the button opens, and what the one beside it copies. */
  readonly opens: string
  readonly link: string
  /** Over the address or invoice, and on its button. */
  readonly heading: string
  readonly copy: string
  /** The one thing that must not be done otherwise. */
  readonly only: string
  /** Beside the amount, when some has come already. */
  readonly rest?: string | null
}

/** The amount, the code, the address, in the order a shopper needs them; `address` draws it, `children` come last. */
export function PayByCode(props: { view: View; stage: PayStage; request: Request; address: Child; children?: Child }) {
  const { view, stage, request, address, children } = props
  const { t } = view
  const { method, activation, due } = stage
  const asset = assetOf(view, method.asset)
  const amount = plainAmount(asset, due)
  return (
    <>
      <AmountLead view={view} />
      <div class="panel">
        <Lost view={view} />
        <MethodHead view={view} asset={asset} method={method} />
        <AmountDue view={view} amount={amount} ticker={asset.ticker} />
        {request.rest && <p class="soft">{request.rest}</p>}
        <figure class="scan">
          <Qr text={request.code} label={t.qrLabel({ amount: `${amount} ${asset.ticker}` })} />
          {request.caption && <figcaption class="soft">{request.caption}</figcaption>}
        </figure>
        <div class="actions">
          <a class="button" href={request.opens}>
            {t.openInWallet}
          </a>
          <Copy view={view} value={request.link} label={t.copyLink} wide />
        </div>
        <div class="row">
          <h2>{request.heading}</h2>
          <Copy view={view} value={activation.address} label={request.copy} />
        </div>
        {address}
        <Only>{request.only}</Only>
      </div>
      <Aside view={view} method={method}>
        <Waiting view={view}>
          <span class="soft js">{t.updatesItself}</span>
        </Waiting>
        {children}
      </Aside>
    </>
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
