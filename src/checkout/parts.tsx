import { raw } from 'hono/html'
import type { Child } from 'hono/jsx'
import type { Refund } from '../invoice/refund.ts'
import type { Payment } from '../invoice/types.ts'
import { isAlive, isFinal } from '../invoice/view.ts'
import { unreachable } from '../lib/result.ts'
import { shortId } from './format.ts'
import { isTestNetwork, railOf, showMoney, signOf, type View } from './view.ts'

type Tone = 'good' | 'busy' | 'warn' | 'bad'

const ICONS: Record<Tone, string> = {
  good: 'M9 16.5l5 5 9.5-10.5',
  busy: 'M16 9v7l4.5 2.8',
  warn: 'M16 9.5v8m0 4.4v.1',
  bad: 'M11 11l10 10m0-10L11 21',
}

/** The large round sign of a stage. Decoration: the headline beside it says the same. */
export function Sign({ tone }: { tone: Tone }) {
  return (
    <svg class={`sign ${tone}`} viewBox="0 0 32 32" aria-hidden="true">
      <circle cx="16" cy="16" r="16" />
      {tone === 'busy' && <circle class="turn" cx="16" cy="16" r="14.5" pathLength="100" />}
      <path d={ICONS[tone]} />
    </svg>
  )
}

/** Several times in a page, so drawn once. */
const COPY_SIGN = raw(
  <svg viewBox="0 0 20 20" aria-hidden="true">
    <rect x="7" y="7" width="9.5" height="9.5" rx="2" />
    <path d="M13 4.5a1 1 0 0 0-1-1H5a1.5 1.5 0 0 0-1.5 1.5v7a1 1 0 0 0 1 1" />
    <path class="tick" d="M5 10.5l3.5 3.5 7-8" />
  </svg>,
)

/** A value to take along. The button is for scripts only: without one the text can still be selected. */
export function Copy({ view, value, label, wide = false }: { view: View; value: string; label: string; wide?: boolean }) {
  return (
    <button type="button" class={wide ? 'copy wide js' : 'copy js'} data-copy={value} aria-label={wide ? undefined : label}>
      {COPY_SIGN}
      <span>{wide ? label : view.t.copy}</span>
    </button>
  )
}

/** Strokes and shapes of our own for the best-known coins; a letter for the others. */
export function Coin({ ticker }: { ticker: string }) {
  return (
    <svg class={`coin ${ticker.toLowerCase()}`} viewBox="0 0 32 32" aria-hidden="true">
      <circle cx="16" cy="16" r="16" />
      {coinShape(ticker)}
    </svg>
  )
}

function coinShape(ticker: string) {
  switch (ticker) {
    case 'BTC':
      return (
        <path d="M12.5 9.5v13m0-13h4.6a3.1 3.1 0 0 1 0 6.2h-4.6m0 0h5.4a3.4 3.4 0 0 1 0 6.8h-5.4m1.6-15v2m3-2v2m-3 13v2m3-2v2m-6.6-15H11m1.5 13H11" />
      )
    case 'ETH':
      return <path class="fill" d="M16 5.5l6.3 10.6L16 19.8l-6.3-3.7zM9.7 18.1l6.3 3.7 6.3-3.7L16 26.5z" />
    case 'USDC':
      return (
        <path d="M19.3 13c-.5-1.3-1.7-2-3.3-2-1.9 0-3.2 1-3.2 2.5 0 3.5 6.6 1.6 6.6 5 0 1.6-1.4 2.5-3.4 2.5-1.8 0-3.1-.8-3.5-2.1M16 9v2m0 10v2M12.2 7.3a9.5 9.5 0 0 0 0 17.4m7.6-17.4a9.5 9.5 0 0 1 0 17.4" />
      )
    case 'LN':
      return <path class="fill" d="M17.8 5.5L8.8 18h5.9l-1.5 8.5L23.2 13h-6.4z" />
    case 'EUR':
      return <path d="M21 11.2a6 6 0 1 0 0 9.6M9 14.6h8.4M9 17.4h8.4" />
    default:
      return (
        <text x="16" y="21.5" text-anchor="middle">
          {ticker.slice(0, 1)}
        </text>
      )
  }
}

export function Note({ tone, title, children }: { tone: 'info' | 'warn' | 'bad'; title?: string; children: Child }) {
  return (
    <div class={`note ${tone}`}>
      {title && <h2>{title}</h2>}
      {children}
    </div>
  )
}

/** One row of a list of facts. */
export function Fact({ name, children }: { name: string; children: Child }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

export function ReferenceFact({ view }: { view: View }) {
  const { id } = view.invoice.terms
  return (
    <div class="ref">
      <dt>{view.t.reference}</dt>
      <dd class="id">
        <code translate="no">{id}</code>
        <Copy view={view} value={id} label={view.t.copyReference} />
      </dd>
    </div>
  )
}

/** What was bought: the facts a shopper knows this payment by. */
export function OrderFacts({ view }: { view: View }) {
  const { terms } = view.invoice
  return (
    <>
      <Fact name={view.t.amount}>{view.priceText}</Fact>
      <Fact name={view.t.paidTo}>{terms.storeName}</Fact>
      {terms.description && <Fact name={view.t.description}>{terms.description}</Fact>}
      {terms.orderId && <Fact name={view.t.orderNumber}>{terms.orderId}</Fact>}
    </>
  )
}

/** Every payment that was ever seen, with what became of it, and what goes back. */
export function Payments({ view }: { view: View }) {
  const { payments } = view.invoice
  if (payments.length === 0) return null
  return (
    <>
      <section class="payments">
        <h2>{view.t.payments}</h2>
        <ul>
          {payments.map((payment) => (
            <PaymentRow view={view} payment={payment} />
          ))}
        </ul>
      </section>
      <Refunds view={view} />
    </>
  )
}

/** How far each refund is. Where it goes, and the link by which its payer says so, are nobody else's business. */
function Refunds({ view }: { view: View }) {
  const refunds = (view.invoice.refunds ?? []).filter(({ status }) => status !== 'cancelled')
  if (refunds.length === 0) return null
  return (
    <section class="payments">
      <h2>{view.t.refunds}</h2>
      <ul>
        {refunds.map((refund) => (
          <li>
            <Coin ticker={view.registry.asset(refund.asset).ticker} />
            <div>
              <p>
                <strong>{showMoney(view, refund.asset, refund.units)}</strong>
              </p>
              <p class="soft">{refundState(view, refund)}</p>
            </div>
          </li>
        ))}
      </ul>
    </section>
  )
}

function refundState({ t, invoice }: View, { status }: Refund): string {
  const { storeName: store } = invoice.terms
  switch (status) {
    case 'awaiting_address':
      return t.refundAwaiting({ store })
    case 'broadcast':
    case 'unknown':
      return t.refundSent
    case 'confirmed':
      return t.refundDone
    case 'failed':
    case 'cancelled':
      return t.refundFailed({ store })
    case 'queued':
    case 'needs_approval':
    case 'signing':
      return t.refundPrepared
    default:
      return unreachable(status)
  }
}

function PaymentRow({ view, payment }: { view: View; payment: Payment }) {
  const asset = view.registry.findAsset(payment.asset)
  const rail = railOf(view, payment.chainId)
  const short = <code translate="no">{shortId(payment.txid)}</code>
  return (
    <li class={isAlive(payment) ? undefined : 'gone'}>
      {asset && <Coin ticker={signOf(view, payment)} />}
      <div>
        <p>
          <strong>{asset ? showMoney(view, payment.asset, payment.units) : payment.asset}</strong>{' '}
          {isTestNetwork(rail) && <small class="tag">{view.t.testNetwork}</small>}
        </p>
        <p class="soft">{paymentState(view, payment)}</p>
        {/* What a bank calls a transfer means nothing to who sent it. */}
        {rail.gateway !== 'sepa' && (
          <p class="id">
            {rail.explorer ? (
              <a href={rail.explorer.replace('{txid}', payment.txid)} target="_blank" rel="noreferrer">
                {short}
              </a>
            ) : (
              short
            )}
            <Copy view={view} value={payment.txid} label={view.t.copyTransaction} />
          </p>
        )}
      </div>
    </li>
  )
}

function paymentState({ t }: View, payment: Payment): string {
  switch (payment.status) {
    case 'missing':
      return t.statusMissing
    case 'replaced':
      return t.statusReplaced
    case 'double_spent':
      return t.statusDoubleSpent
    case 'returned':
      return t.statusReturned
    case 'unconfirmed':
    case 'confirmed':
      if (payment.decision === 'held') return t.statusHeld
      if (payment.decision === 'refused') return t.statusRefused
      if (payment.decision === 'unexpected') return t.statusUnexpected
      if (isFinal(payment)) return t.statusFinal
      if (payment.status === 'unconfirmed') return t.statusUnconfirmed
      return `${t.confirmations}: ${t.countOf({ have: payment.confirmations, want: payment.confirmationsWanted })}`
    default:
      return unreachable(payment.status)
  }
}

/**
 * Back to the shop. In a frame the script has the page around it close the checkout, so there it is offered without an
 * address too; without a script it is the shop's page that goes to the address, never the frame.
 */
export function ReturnLink({ view, quiet = false }: { view: View; quiet?: boolean }) {
  const look = quiet ? 'button quiet' : 'button'
  const text = view.t.returnTo({ store: view.invoice.terms.storeName })
  if (view.returnUrl !== null) {
    return (
      <a class={look} href={view.returnUrl} target={view.parentOrigin ? '_top' : undefined} data-return>
        {text}
      </a>
    )
  }
  if (view.parentOrigin === null) return null
  return (
    <button type="button" class={`${look} js`} data-return>
      {text}
    </button>
  )
}

export function isTest(view: View): boolean {
  return view.invoice.terms.methods.every((method) => isTestNetwork(railOf(view, method.chainId)) || method.rate?.fixed === true)
}
