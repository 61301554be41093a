import type { Child } from 'hono/jsx'
import { dayText, timeText } from '../../page/format.ts'
import { Sign, type Tone } from '../../page/parts.tsx'
import { countdownText } from '../countdown.ts'
import { isTest } from '../parts.tsx'
import { clockOf, headline, paidText, type View } from '../view.ts'

/** Characters from which a price is written smaller, so that it stays in one piece, the clock beside it. */
const LONG_PRICE = 10
const VERY_LONG_PRICE = 18

/** The first column while money is awaited: how much, for what, how long. */
export function AmountLead({ view }: { view: View }) {
  const { t, invoice, figures, nowMs } = view
  const { terms } = invoice
  const { endsAtMs, isCounted } = clockOf(view) ?? { endsAtMs: terms.expiresAtMs, isCounted: true }
  const leftMs = endsAtMs - nowMs
  return (
    <div class="lead asking">
      {/* The one h1 says it all to a screen reader; what is seen of it is the amount. */}
      <h1 tabindex={-1}>
        <span class="sr">{headline(view)}</span>
        <span aria-hidden="true">
          <small>{t.amountToPay}</small>
          <Price view={view} />
        </span>
      </h1>
      <p class="clock" data-clock>
        <svg viewBox="0 0 20 20" aria-hidden="true">
          <circle cx="10" cy="10" r="7.5" />
          <path d="M10 6v4.2l2.7 1.6" />
        </svg>
        {isCounted && (
          <span class="js">
            <span class="sr">{t.timeLeft}</span> <b data-left>{countdownText(leftMs)}</b>
          </span>
        )}
        <span class={isCounted ? 'nojs' : undefined}>
          {isCounted ? t.payBy({ time: timeText(endsAtMs, view.language) }) : t.arriveBy({ day: dayText(endsAtMs, view.language) })}
        </span>
      </p>
      {(terms.description || terms.orderId) && (
        <p class="what">
          {terms.description}
          {terms.orderId && <span class="soft">{t.order({ id: terms.orderId })}</span>}
        </p>
      )}
      <p class="low" data-low hidden={leftMs > 120_000}>
        {t.timeLow}
      </p>
      {figures.facts.short && (
        <div class="part">
          <p>
            <strong>{t.partArrived}</strong>
          </p>
          <progress value={portion(figures.paid, terms.price)} max={1000} aria-label={t.partArrived} />
          <p class="soft">{t.paidOf({ paid: paidText(view), price: view.priceText })}</p>
        </div>
      )}
      {isTest(view) && <p class="test">{t.notRealMoney}</p>}
    </div>
  )
}

/** The first column of every other stage: a sign, what has happened, and what it means. */
export function SignLead({ view, tone, children }: { view: View; tone: Tone; children: Child }) {
  return (
    <div class="lead told">
      <Sign tone={tone} />
      <h1 tabindex={-1}>{headline(view)}</h1>
      {children}
    </div>
  )
}

/** The price, large; a long one smaller. */
export function Price({ view }: { view: View }) {
  const { length } = view.priceText
  const size = length >= VERY_LONG_PRICE ? ' very long' : length >= LONG_PRICE ? ' long' : ''
  return <span class={`price${size}`}>{view.priceText}</span>
}

/** Thousandths for a progress bar; display only. */
function portion(part: bigint, whole: bigint): number {
  return Number((part * 1000n) / whole)
}
