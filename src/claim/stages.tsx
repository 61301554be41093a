import type { Child } from 'hono/jsx'
import { addressGroups, shortId } from '../checkout/format.ts'
import { Coin, Fact, Note, Sign } from '../checkout/parts.tsx'
import { Only } from '../checkout/stages/paying.tsx'
import { isTestNetwork } from '../checkout/view.ts'
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
            <Groups address={stage.address} />
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
      <Coin ticker={asset.ticker} />
      <h1>{headline(view)}</h1>
      {stage.kind === 'confirm' && <p>{t.askTitle({ amount: view.amountText, store })}</p>}
      {children}
      {refund.reason && (
        <Note tone="info" title={t.messageFrom({ store })}>
          <p class="words">{refund.reason}</p>
        </Note>
      )}
      {isTestNetwork(chain) && <p class="test">{view.common.notRealMoney}</p>}
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
      {isTestNetwork(view.chain) && <p class="test">{view.common.notRealMoney}</p>}
    </div>
  )
}

/** The way a refund goes, and how far it is. */
function Progress({ view, tone, text, children }: { view: ClaimView; tone: 'good' | 'busy'; text: string; children?: Child }) {
  const { t, stage, refund } = view
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
        <Steps view={view} stage={stage} />
        {refund.address && (
          <div class="sent-to">
            <h2>{t.toAddress}</h2>
            <Groups address={refund.address} />
          </div>
        )}
        {children}
        <Facts view={view} />
      </div>
    </>
  )
}

function Steps({ view, stage }: { view: ClaimView; stage: Stage }) {
  const { t, invoice } = view
  const names = [t.stepGiven, t.stepApproved({ store: invoice.terms.storeName }), t.stepSent, t.stepConfirmed]
  const now = { waiting: 1, sending: 2, sent: 3, done: 4 }[stage.kind as 'waiting' | 'sending' | 'sent' | 'done']
  return (
    <ol class="steps">
      {names.map((name, at) => (
        <li class={at < now ? 'done' : at === now ? 'now' : undefined} aria-current={at === now ? 'step' : undefined}>
          {name}
        </li>
      ))}
    </ol>
  )
}

function Facts({ view }: { view: ClaimView }) {
  const { t, common, chain, refund, invoice, stage } = view
  const { orderId, storeName, description } = invoice.terms
  const isEnded = stage.kind === 'failed' || stage.kind === 'cancelled'
  return (
    <dl>
      {!isEnded && <Fact name={t.youGet}>{view.amountText}</Fact>}
      <Fact name={t.network}>
        {chain.name} {isTestNetwork(chain) && <span class="tag">{common.testNetwork}</span>}
      </Fact>
      {refund.txid && (
        <Fact name={t.transaction}>
          <code translate="no">{shortId(refund.txid)}</code>{' '}
          {chain.explorer && (
            <a href={chain.explorer.replace('{txid}', refund.txid)} target="_blank" rel="noreferrer">
              {t.lookUp}
            </a>
          )}
        </Fact>
      )}
      {refund.reason && (
        <Fact name={t.messageFrom({ store: storeName })}>
          <span class="words">{refund.reason}</span>
        </Fact>
      )}
      {description && <Fact name={common.description}>{description}</Fact>}
      {orderId && <Fact name={t.order}>{orderId}</Fact>}
      <div class="ref">
        <dt>{t.reference}</dt>
        <dd class="id">
          <code translate="no">{refund.id}</code>
        </dd>
      </div>
    </dl>
  )
}

/** Groups of four with the ends stressed: what people compare. Selected by hand it is copied without gaps. */
function Groups({ address }: { address: string }) {
  const groups = addressGroups(address)
  return (
    <code class="address groups" translate="no">
      {groups.map((group, at) => (at < 2 || at >= groups.length - 2 ? <b>{group}</b> : <i>{group}</i>))}
    </code>
  )
}
