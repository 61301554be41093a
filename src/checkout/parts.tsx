import type { Refund } from '../invoice/refund.ts'
import type { Payment } from '../invoice/types.ts'
import { isAlive, isFinal } from '../invoice/view.ts'
import { unreachable } from '../lib/result.ts'
import { explorerUrl, Fact, IdFact, isTestNetwork } from '../page/facts.tsx'
import { shortId } from '../page/format.ts'
import { Coin, Copy } from '../page/parts.tsx'
import { railOf, showMoney, signOf, type View } from './view.ts'

export function ReferenceFact({ view }: { view: View }) {
  const { id } = view.invoice.terms
  return (
    <IdFact name={view.t.reference} id={id}>
      <Copy view={view} value={id} label={view.t.copyReference} />
    </IdFact>
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
  const explorer = explorerUrl(rail, payment.txid)
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
            {explorer ? (
              <a href={explorer} target="_blank" rel="noreferrer">
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
