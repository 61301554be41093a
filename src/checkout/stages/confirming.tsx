import { OrderFacts, Payments, ReferenceFact, ReturnLink } from '../parts.tsx'
import type { Stage } from '../stage.ts'
import type { View } from '../view.ts'
import { SignLead } from './lead.tsx'

/** Enough has been seen: what has happened, what happens next, and that the shopper may leave. */
export function Confirming({ view, stage }: { view: View; stage: Extract<Stage, { kind: 'confirming' }> }) {
  const { t, invoice } = view
  const store = invoice.terms.storeName
  return (
    <>
      <SignLead view={view} tone="busy">
        <p>{t.confirmingText}</p>
        <p class="soft">{t.mayClose({ store })}</p>
        <ReturnLink view={view} quiet />
      </SignLead>
      <div class="panel">
        <ol class="steps">
          <li class="done">{t.stepSeen}</li>
          <li class="now" aria-current="step">
            {t.stepConfirming}
            <div class="count">
              <progress value={stage.have} max={Math.max(stage.want, 1)} aria-label={t.confirmations} />
              <span class="soft">
                {t.confirmations}: <b>{t.countOf(stage)}</b>
              </span>
            </div>
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
