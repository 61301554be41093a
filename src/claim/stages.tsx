import type { Child } from 'hono/jsx'
import { isLightning } from '../bank/receive.ts'
import { Fact, IdFact, isTestNetwork, NetworkFact, TransactionFact } from '../page/facts.tsx'
import { Address, Coin, Note, Only, Sign, Steps } from '../page/parts.tsx'
import { AskForm, ConfirmForm } from './forms.tsx'
import { type ClaimView, headline, linkTo, type Stage } from './view.ts'

/** Two columns: what this is about, and what there is to do or to know. */
export function CardOf({ view }: { view: ClaimView }) {
  const { stage, t, invoice } = view
  const store = invoice.terms.storeName
  switch (stage.kind) {
    case 'ask':
      return (
        <>
          <Offer view={view}>
            {view.refund.transfers.length > 0 && view.refund.address === null && <p>{t.notPaid}</p>}
            <p>{t.askText}</p>
          </Offer>
          <div class="panel">
            <AskForm view={view} stage={stage} />
            <p class="soft">{t.keepSecret}</p>
          </div>
        </>
      )
    case 'confirm':
      return (
        <>
          <Offer view={view}>
            <p>{t.confirmText}</p>
          </Offer>
          <div class="panel">
            <Address address={stage.address} large />
            <Only>{t.onlyThis({ asset: view.asset.name, network: view.chain.name })}</Only>
            <ConfirmForm view={view} address={stage.address} />
          </div>
        </>
      )
    case 'waiting':
      return (
        <Progress view={view} tone="busy" text={t.waitingText({ store })}>
          {stage.changeable && (
            <Note tone="info">
              <p>{t.changeText}</p>
              <p>
                <a href={linkTo(view, { change: true })}>{t.changeAddress}</a>
              </p>
            </Note>
          )}
        </Progress>
      )
    case 'sending':
      return <Progress view={view} tone="busy" text={t.waitingText({ store })} />
    case 'sent':
      return <Progress view={view} tone="busy" text={t.sentText} />
    case 'done':
      return <Progress view={view} tone="good" text={t.doneText} />
    case 'failed':
    case 'cancelled':
      return (
        <>
          <Told view={view} tone="bad">
            <p>{stage.kind === 'failed' ? t.failedText({ store }) : t.cancelledText({ store })}</p>
          </Told>
          <div class="panel">
            <Facts view={view} />
          </div>
        </>
      )
  }
}

/** Who pays what: the amount is what is seen first. */
function Offer({ view, children }: { view: ClaimView; children: Child }) {
  const { t, asset, chain, refund, invoice, stage } = view
  const store = invoice.terms.storeName
  return (
    <div class="lead told">
      <Coin ticker={isLightning(chain.id) ? 'LN' : asset.ticker} />
      <h1>{headline(view)}</h1>
      {stage.kind === 'confirm' && <p>{t.askTitle({ amount: view.amountText, store })}</p>}
      {children}
      {refund.reason && (
        <Note tone="info" title={t.messageFrom({ store })}>
          <p class="words">{refund.reason}</p>
        </Note>
      )}
      {isTestNetwork(chain) && <p class="test">{view.t.notRealMoney}</p>}
    </div>
  )
}

function Told({ view, tone, children }: { view: ClaimView; tone: 'good' | 'busy' | 'bad'; children: Child }) {
  return (
    <div class="lead told">
      <Sign tone={tone} />
      <h1>{headline(view)}</h1>
      <p class="price long">{view.amountText}</p>
      {children}
      {isTestNetwork(view.chain) && <p class="test">{view.t.notRealMoney}</p>}
    </div>
  )
}

/** How many of the steps are behind it. */
const STEPS_DONE: Partial<Record<Stage['kind'], number>> = { waiting: 1, sending: 2, sent: 3, done: 4 }

/** The way a refund goes, and how far it is. */
function Progress({ view, tone, text, children }: { view: ClaimView; tone: 'good' | 'busy'; text: string; children?: Child }) {
  const { t, stage, refund, invoice } = view
  const steps = [t.stepGiven, t.stepApproved({ store: invoice.terms.storeName }), t.stepSent, t.stepConfirmed]
  return (
    <>
      <Told view={view} tone={tone}>
        <p>{text}</p>
        {stage.kind !== 'done' && (
          <a class="button quiet" href={linkTo(view)}>
            {t.checkAgain}
          </a>
        )}
      </Told>
      <div class="panel">
        <Steps names={steps} now={STEPS_DONE[stage.kind] ?? 0} />
        {refund.address && (
          <div class="sent-to">
            <h2>{t.toAddress}</h2>
            <Address address={shortened(refund.address)} large />
          </div>
        )}
        {children}
        <Facts view={view} />
      </div>
    </>
  )
}

function Facts({ view }: { view: ClaimView }) {
  const { t, chain, refund, invoice, stage } = view
  const { orderId, storeName, description } = invoice.terms
  const isEnded = stage.kind === 'failed' || stage.kind === 'cancelled'
  return (
    <dl>
      {!isEnded && <Fact name={t.youGet}>{view.amountText}</Fact>}
      <NetworkFact view={view} rail={chain} />
      {refund.txid && <TransactionFact view={view} rail={chain} txid={refund.txid} />}
      {refund.reason && (
        <Fact name={t.messageFrom({ store: storeName })}>
          <span class="words">{refund.reason}</span>
        </Fact>
      )}
      {description && <Fact name={t.description}>{description}</Fact>}
      {orderId && <Fact name={t.order}>{orderId}</Fact>}
      <IdFact name={t.reference} id={refund.id} />
    </dl>
  )
}

/** A Lightning invoice is hundreds of letters that nobody compares: its ends, in whole groups of four. */
function shortened(address: string): string {
  return address.length <= SHOWN_MAX ? address : `${address.slice(0, 15)}…${address.slice(-8)}`
}

/** Longer than any address of a chain. */
const SHOWN_MAX = 120
