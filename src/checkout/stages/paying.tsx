import type { Child } from 'hono/jsx'
import type { MethodTerms } from '../../invoice/types.ts'
import type { Asset } from '../../money/asset.ts'
import type { Rate } from '../../money/rate.ts'
import { isTestNetwork } from '../../page/facts.tsx'
import { rateText } from '../../page/format.ts'
import { Coin, Note } from '../../page/parts.tsx'
import { Payments } from '../parts.tsx'
import { qrPath } from '../qr.ts'
import { type LostStatus, lostPayment, type Stage } from '../stage.ts'
import { assetOf, methodName, networkName, railOf, signOf, type View } from '../view.ts'
import { Methods } from './choose.tsx'

export type PayStage = Extract<Stage, { kind: 'pay' }>

/** A payment that was seen and is gone: said where the next one is asked for. */
export function Lost({ view }: { view: View }) {
  const lost = lostPayment(view.invoice)
  return (
    lost && (
      <Note tone="warn" title={lostTitle(view, lost)}>
        <p>{view.t.stillDue}</p>
      </Note>
    )
  )
}

function lostTitle({ t }: View, { status }: { readonly status: LostStatus }): string {
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
      <Coin ticker={signOf(view, method)} />
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

/** The second panel while money is awaited: what has come so far, at which rate, and that it is looked for. */
export function Aside({ view, method, children }: { view: View; method: MethodTerms; children: Child }) {
  return (
    <div class="panel aside">
      <Payments view={view} />
      {method.rate && <RateLine view={view} rate={method.rate} />}
      {children}
    </div>
  )
}

export function Waiting({ view, children }: { view: View; children: Child }) {
  const { t } = view
  return (
    <p class="waiting">
      <span class="pulse" />
      <span>
        <strong>{t.waiting}</strong>
        {children}
        <span class="soft nojs">{t.reloadAfterPaying}</span>
      </span>
    </p>
  )
}

/** Modules across, quiet zone included: a code with a Lightning invoice has more. */
const FINE_SIZE = 60

export function Qr({ text, label }: { text: string; label: string }) {
  const { size, path } = qrPath(text)
  return (
    <svg class={size > FINE_SIZE ? 'qr fine' : 'qr'} viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label}>
      <path fill-rule="evenodd" d={path} />
    </svg>
  )
}

function RateLine({ view, rate }: { view: View; rate: Rate }) {
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

function capital(name: string): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1)
}
