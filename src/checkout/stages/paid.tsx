import { isLive } from '../../invoice/refund.ts'
import { isAlive } from '../../invoice/view.ts'
import { Fact } from '../../page/facts.tsx'
import { timeText } from '../../page/format.ts'
import { Note } from '../../page/parts.tsx'
import { OrderFacts, Payments, ReferenceFact, ReturnLink } from '../parts.tsx'
import { showMoney, type View } from '../view.ts'
import { Price, SignLead } from './lead.tsx'

/** Paid: the way back to the shop first, then the receipt. */
export function Paid({ view }: { view: View }) {
  const { t, invoice, figures } = view
  const store = invoice.terms.storeName
  const paidAtMs = invoice.settledAtMs ?? invoice.updatedAtMs
  const counted = invoice.payments.filter((payment) => payment.decision === 'counted' && isAlive(payment))
  const { over, late } = figures.facts
  const goesBack = (invoice.refunds ?? []).some(isLive)
  return (
    <>
      <SignLead view={view} tone="good">
        <p>
          <Price view={view} />
        </p>
        <p>{t.paidText({ store })}</p>
        {late && counted.some((payment) => payment.late) && <p class="soft">{t.lateAccepted}</p>}
        <ReturnLink view={view} />
        <p class="returning" data-returning={t.returning({ seconds: '{s}' })} hidden>
          <span />
          <button type="button" class="link" data-stay>
            {t.stayHere}
          </button>
        </p>
      </SignLead>
      <div class="panel">
        {over && !goesBack && (
          <Note tone="info" title={t.overTitle}>
            <p>{t.overText({ amount: showMoney(view, over.asset, over.units), store })}</p>
          </Note>
        )}
        <section class="receipt">
          <h2>{t.receipt}</h2>
          <dl>
            <OrderFacts view={view} />
            <Fact name={t.paidOn}>
              <time datetime={new Date(paidAtMs).toISOString()}>{timeText(paidAtMs, view.language)}</time>
            </Fact>
            <ReferenceFact view={view} />
          </dl>
        </section>
        <Payments view={view} />
        <button type="button" class="link print js" data-print>
          {t.print}
        </button>
      </div>
    </>
  )
}
