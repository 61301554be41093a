import { Fact, IdFact, isTestNetwork, NetworkFact, TransactionFact } from '../page/facts.tsx'
import { money } from '../page/format.ts'
import { Address, Coin, Note, Only, Problem, Sign, Steps, type Tone } from '../page/parts.tsx'
import { approvalsGiven } from '../wallet/transfers/approvals.ts'
import { type ApproveView, headline, isOver, linkTo, type Stage } from './view.ts'

/**
 * What changes with the transfer: the inside of `main`, which the page's script swaps in whole. The script reads what is to
 * be signed out of it, and compares that with what is shown: `data-intent`, `data-output`, `data-amount`, `data-sum`. `data-problem`: what to tell of the
 * last click.
 */
export function Card({ view }: { view: ApproveView }) {
  const { t, stage, transfer, problem, asset } = view
  const isAsked = stage === 'ask'
  return (
    <div
      class="card"
      data-challenge={isAsked ? transfer.challenge : undefined}
      data-decimals={asset.decimals}
      data-problem={problem ?? undefined}
      data-over={isOver(view) ? '' : undefined}
      data-title={headline(view)}
    >
      {stage === 'differs' && <Problem text={t.differs} />}
      <div class="columns">
        <Lead view={view} />
        <div class="panel">
          {!isAsked && stage !== 'failed' && stage !== 'differs' && (
            <Steps names={[t.stepApproved, t.stepSigned, t.stepSent, t.stepConfirmed]} now={STEPS_DONE[stage] ?? 0} />
          )}
          <Outputs view={view} />
          {APPROVED_IN.includes(stage) && transfer.approvalsWanted > 0 && <Approvals view={view} />}
          {isAsked && (
            <>
              <Only>{t.askText}</Only>
              <div class="actions js">
                <button class="button" type="button" data-approve>
                  {t.approve}
                </button>
              </div>
              <p class="soft nojs">{t.needsScript}</p>
            </>
          )}
          <Exact view={view} />
        </div>
      </div>
    </div>
  )
}

/** How many of the steps are behind it. */
const STEPS_DONE: Partial<Record<Stage, number>> = { signing: 1, sent: 3, unknown: 3, done: 4 }

/** Once it is signed, who approved is in the signer's log. */
const APPROVED_IN: readonly Stage[] = ['ask', 'differs', 'queued', 'signing']

/** What it is about: the amount is what is seen first. */
function Lead({ view }: { view: ApproveView }) {
  const { t, stage, amountText, asset, chain } = view
  const isAsked = stage === 'ask' || stage === 'differs'
  return (
    <div class="lead told">
      {isAsked ? <Coin ticker={asset.ticker} /> : <Sign tone={toneOf(view)} />}
      <h1 tabindex={-1}>{headline(view)}</h1>
      {!isAsked && <p class="price long">{amountText}</p>}
      {!isAsked && <p>{textOf(view)}</p>}
      {isTestNetwork(chain) && <p class="test">{t.notRealMoney}</p>}
      <Facts view={view} />
      {!isOver(view) && (
        <a class="button quiet nojs" href={linkTo(view)}>
          {t.checkAgain}
        </a>
      )}
    </div>
  )
}

function Facts({ view }: { view: ApproveView }) {
  const { t, transfer, chain, stage } = view
  const txid = transfer.included?.txid ?? transfer.signed.at(-1)?.txid ?? null
  return (
    <dl>
      <NetworkFact view={view} rail={chain} />
      {txid && <TransactionFact view={view} rail={chain} txid={txid} />}
      {transfer.invoiceId && <IdFact name={t.invoice} id={transfer.invoiceId} />}
      {transfer.reference && (
        <Fact name={t.reference}>
          <span class="words">{transfer.reference}</span>
        </Fact>
      )}
      <IdFact name={t.wallet} id={transfer.walletId} />
      <IdFact name={t.store} id={transfer.storeId} />
      <IdFact name={t.transfer} id={transfer.id} />
      {transfer.reason && stage !== 'ask' && (
        <div class="ref">
          <dt>{t.reason}</dt>
          <dd class="words" lang="en">
            {transfer.reason}
          </dd>
        </div>
      )}
    </dl>
  )
}

/** Every destination, in the order in which it is signed. */
function Outputs({ view }: { view: ApproveView }) {
  const { t, transfer, asset, language, amountText } = view
  const { outputs, batch } = transfer
  const isMany = outputs.length > 1
  const heading = isMany ? t.toMany({ count: String(outputs.length) }) : t.toOne
  const hasReferences = transfer.reference !== null || (batch?.references.some((reference) => reference !== null) ?? false)
  return (
    <section>
      <h2 id="outputs">{heading}</h2>
      <ol class={isMany ? 'outputs many' : 'outputs'} tabindex={isMany ? 0 : undefined} aria-labelledby="outputs">
        {outputs.map(({ address, units }, at) => (
          <li data-output>
            <b data-amount>{money(asset, units, language)}</b>
            {isMany && batch?.references[at] && <small class="words">{batch.references[at]}</small>}
            <Address address={address} large />
          </li>
        ))}
      </ol>
      <p class={isMany ? 'sum' : 'sum sr'}>
        {t.together} <b data-sum>{amountText}</b>
      </p>
      {hasReferences && <p class="soft small">{t.references}</p>}
    </section>
  )
}

/** Who has said yes so far. */
function Approvals({ view }: { view: ApproveView }) {
  const { t, transfer } = view
  const { approvals, approvalsWanted } = transfer
  const shown = new Map(approvals.flatMap(({ member, signature }) => (member === null ? [] : [[member ?? signature, member]])))
  return (
    <section class="given">
      <h2>{t.approvals({ given: String(approvalsGiven(approvals)), wanted: String(approvalsWanted) })}</h2>
      {shown.size === 0 && <p class="soft">{t.nobody}</p>}
      {shown.size > 0 && (
        <ul>
          {[...shown.values()].map((member) => (
            <li class={member === undefined ? 'soft' : undefined}>{member ?? t.notLookedAt}</li>
          ))}
        </ul>
      )}
      {approvals.some(({ member }) => member === null) && (
        <Note tone="bad">
          <p role="alert">{t.refused}</p>
        </Note>
      )}
    </section>
  )
}

/** The words themselves, for whoever wants to compare them by other means. */
function Exact({ view }: { view: ApproveView }) {
  const { t, words, challenge } = view
  return (
    <details class="exact">
      <summary id="exact">{t.exact}</summary>
      <p class="soft small">{t.exactText}</p>
      <p>
        <code translate="no">{challenge}</code>
      </p>
      <p>
        <code class="json" translate="no" data-intent>
          {words}
        </code>
      </p>
    </details>
  )
}

function toneOf({ stage }: ApproveView): Tone {
  if (stage === 'done') return 'good'
  if (stage === 'failed') return 'bad'
  return stage === 'unknown' ? 'warn' : 'busy'
}

function textOf({ stage, t }: ApproveView): string {
  switch (stage) {
    case 'ask':
    case 'differs':
      return t.askText
    case 'queued':
      return t.queuedText
    case 'signing':
      return t.signingText
    case 'sent':
      return t.sentText
    case 'unknown':
      return t.unknownText
    case 'done':
      return t.doneText
    case 'failed':
      return t.failedText
  }
}
