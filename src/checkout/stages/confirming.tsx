import { isAlive, isFinal } from '../../invoice/view.ts'
import { OrderFacts, Payments, ReferenceFact, ReturnLink } from '../parts.tsx'
import type { Stage } from '../stage.ts'
import { railOf, type View } from '../view.ts'
import { SignLead } from './lead.tsx'

/** Enough has been seen: what has happened, what happens next, and that the shopper may leave. */
export function Confirming({ view, stage }: { view: View; stage: Extract<Stage, { kind: 'confirming' }> }) {
  const { t, invoice } = view
  const store = invoice.terms.storeName
  const waiting = invoice.payments.filter((payment) => isAlive(payment) && !isFinal(payment))
  const byBank = waiting.length > 0 && waiting.every(({ chainId }) => railOf(view, chainId).gateway === 'sepa')
  return (
    <>
      <SignLead view={view} tone="busy">
        <p>{t.confirmingText}</p>
        <p class="soft">{t.mayClose({ store })}</p>
        <ReturnLink view={view} quiet />
      </SignLead>
      <div class="panel">
        <ol class="steps">
          <li class="done">{byBank ? t.stepAnnounced : t.stepSeen}</li>
          <li class="now" aria-current="step">
            {byBank ? t.stepBooked : t.stepConfirming}
            {!byBank && (
              <div class="count">
                <progress value={stage.have} max={Math.max(stage.want, 1)} aria-label={t.confirmations} />
                <span class="soft">
                  {t.confirmations}: <b>{t.countOf(stage)}</b>
                </span>
              </div>
            )}
          </li>
          <li>{t.stepDone({ store })}</li>
        </ol>
        <Payments view={view} />
        <dl>
          <OrderFacts view={view} />
          <ReferenceFact view={view} />
        </dl>
      </div>
    </>
  )
}
