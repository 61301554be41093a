import { Note } from '../../page/parts.tsx'
import { OrderFacts, Payments, ReferenceFact, ReturnLink } from '../parts.tsx'
import type { Stage } from '../stage.ts'
import { paidText, type View } from '../view.ts'
import { SignLead } from './lead.tsx'

/** The deadline has passed and it is not yet known whether a payment made it. */
export function Closing({ view }: { view: View }) {
  const { t } = view
  return (
    <>
      <SignLead view={view} tone="busy">
        <p>{t.closingText}</p>
        <p class="soft">{t.ifAlreadySent}</p>
      </SignLead>
      <Rest view={view} />
    </>
  )
}

type Expiry = Extract<Stage, { kind: 'expired' }>['because']

/** Never a dead end: each way an invoice can run out says what the shopper does next. */
export function Expired({ view, because }: { view: View; because: Expiry }) {
  const { t, invoice } = view
  const store = invoice.terms.storeName
  const part = { paid: paidText(view), price: view.priceText }
  const told: Record<Expiry, string> = {
    unpaid: t.expiredText,
    part: t.expiredPartText(part),
    held: t.heldText({ store }),
    refused: t.refusedText({ store }),
  }
  const next: Record<Expiry, string> = {
    unpaid: view.returnUrl ? t.startAgain({ store }) : t.askForNew({ store }),
    part: t.expiredPartNext({ store }),
    held: t.heldNext,
    refused: t.refusedNext({ store }),
  }
  return (
    <>
      <SignLead view={view} tone={because === 'held' ? 'busy' : 'warn'}>
        <p>{told[because]}</p>
        {because === 'unpaid' && <p class="soft">{next.unpaid}</p>}
        <ReturnLink view={view} quiet={because !== 'unpaid'} />
      </SignLead>
      <Rest view={view}>
        {because === 'unpaid' ? (
          <Note tone="info" title={t.alreadySent}>
            <p>{invoice.terms.latePolicy === 'hold' ? t.lateHeld({ store }) : t.lateCounts}</p>
            <p>{t.dontSendNow}</p>
          </Note>
        ) : (
          <Note tone="info" title={t.whatNow}>
            <p>{next[because]}</p>
            {because === 'part' && <p>{t.dontSendNow}</p>}
          </Note>
        )}
      </Rest>
    </>
  )
}

type Loss = Extract<Stage, { kind: 'invalid' }>['because']

/** What had been seen is gone, or a person closed the invoice. */
export function Invalid({ view, because }: { view: View; because: Loss }) {
  const { t, invoice } = view
  const store = invoice.terms.storeName
  const told: Record<Loss, string> = {
    replaced: t.replacedText,
    double_spent: t.doubleSpentText,
    returned: t.returnedText,
    missing: t.missingText,
    marked: t.markedText({ store }),
  }
  return (
    <>
      <SignLead view={view} tone="bad">
        <p>{told[because]}</p>
        <ReturnLink view={view} />
      </SignLead>
      <Rest view={view}>
        <Note tone="info" title={t.whatNow}>
          <p>{t.invalidNext({ store })}</p>
          {because !== 'marked' && <p>{t.dontSendNow}</p>}
        </Note>
      </Rest>
    </>
  )
}

function Rest({ view, children }: { view: View; children?: unknown }) {
  return (
    <div class="panel">
      {children}
      <Payments view={view} />
      <dl>
        <OrderFacts view={view} />
        <ReferenceFact view={view} />
      </dl>
    </div>
  )
}
