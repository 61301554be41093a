import { unreachable } from '../lib/result.ts'
import { Footer, headWith, LanguageLink, type Page, pageOf, StoreHeader } from '../page/document.tsx'
import { Problem } from '../page/parts.tsx'
import { css, script } from './built/assets.ts'
import { PayByBank } from './stages/bank.tsx'
import { Choose } from './stages/choose.tsx'
import { Confirming } from './stages/confirming.tsx'
import { PayByLightning } from './stages/lightning.tsx'
import { Closing, Expired, Invalid } from './stages/over.tsx'
import { Paid } from './stages/paid.tsx'
import { Pay } from './stages/pay.tsx'
import { clockOf, headline, linkTo, railOf, type View } from './view.ts'

/** Without a script, for pages that follow nothing. */
export const HEAD = headWith(css, null)
const SCRIPTED = headWith(css, script)

/** The whole page of an invoice. */
export function checkoutPage(view: View): Page {
  const title = `${headline(view)} · ${view.invoice.terms.storeName}`
  return pageOf(SCRIPTED(view.language, title), () => <CheckoutBody view={view} />)
}

function CheckoutBody({ view }: { view: View }) {
  const { t, invoice, parentOrigin } = view
  const { id, storeName } = invoice.terms
  return (
    <body
      class={parentOrigin ? 'framed' : undefined}
      data-invoice={id}
      data-parent={parentOrigin ?? undefined}
      data-copied={t.copied}
      data-copy-failed={t.copyFailed}
      data-minutes={t.minutesLeft({ minutes: '{m}' })}
    >
      <StoreHeader name={storeName} />
      <main id="main">
        <Card view={view} />
      </main>
      <Footer language={view.language} choice={(one) => <LanguageLink {...one} to={linkTo(view, '', { lang: one.tag })} />} />
      <p class="lost" role="alert" data-lost={t.connectionLost} />
      <p class="sr" role="status" aria-live="polite" data-live />
    </body>
  )
}

/** What changes with the invoice: the inside of `main`, which the page's script swaps in whole. */
export function Card({ view }: { view: View }) {
  const { invoice, stage } = view
  return (
    <div
      class={`card ${stage.kind}`}
      data-version={invoice.version}
      data-status={invoice.status}
      data-stage={stage.kind}
      data-now={view.nowMs}
      data-expires={clockOf(view)?.isCounted ? invoice.terms.expiresAtMs : undefined}
      data-title={headline(view)}
    >
      {view.problem && <Problem text={view.problem} />}
      <div class="columns">
        <StageOf view={view} />
      </div>
    </div>
  )
}

function StageOf({ view }: { view: View }) {
  const { stage } = view
  switch (stage.kind) {
    case 'choose':
      return <Choose view={view} />
    case 'pay':
      switch (railOf(view, stage.method.chainId).gateway) {
        case 'sepa':
          return <PayByBank view={view} stage={stage} />
        case 'lightning':
          return <PayByLightning view={view} stage={stage} />
        default:
          return <Pay view={view} stage={stage} />
      }
    case 'closing':
      return <Closing view={view} />
    case 'confirming':
      return <Confirming view={view} stage={stage} />
    case 'paid':
      return <Paid view={view} />
    case 'expired':
      return <Expired view={view} because={stage.because} />
    case 'invalid':
      return <Invalid view={view} because={stage.because} />
    default:
      return unreachable(stage)
  }
}
