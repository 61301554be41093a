import { raw } from 'hono/html'
import { unreachable } from '../lib/result.ts'
import { css, script } from './built/assets.ts'
import { LANGUAGES, type Language } from './language.ts'
import { Sign } from './parts.tsx'
import { PayByBank } from './stages/bank.tsx'
import { Choose } from './stages/choose.tsx'
import { Confirming } from './stages/confirming.tsx'
import { PayByLightning } from './stages/lightning.tsx'
import { Closing, Expired, Invalid } from './stages/over.tsx'
import { Paid } from './stages/paid.tsx'
import { Pay } from './stages/pay.tsx'
import { clockOf, headline, linkTo, railOf, type View } from './view.ts'

const MARK = 'M11.5 25V8.5h5.8a5 5 0 0 1 0 10h-2.6'
export const ICON = `data:image/svg+xml,${encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="9" fill="#0b6b5c"/><path d="${MARK}" fill="none" stroke="#fff" stroke-width="3.4" stroke-linecap="round" stroke-linejoin="round"/></svg>`,
)}`

export const MARK_SIGN = raw(
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="9" />
    <path d={MARK} />
  </svg>,
)

/** The same in every page, so drawn once. The content policy names the style by its hash. */
const PLAIN = String(
  <>
    <meta name="viewport" content="width=device-width,initial-scale=1" />
    <meta name="robots" content="noindex" />
    <meta name="color-scheme" content="light dark" />
    <meta name="format-detection" content="telephone=no" />
    <link rel="icon" href={ICON} />
    <style dangerouslySetInnerHTML={{ __html: css }} />
  </>,
)
const SCRIPTED = PLAIN + String(<script type="module" src={script} />)

/** A page in two parts: the first can be on its way to the browser while the second is drawn. */
export interface Page {
  /** Everything before the body, the style among it. */
  readonly head: string
  readonly body: () => string
}

/** The whole page of an invoice. */
export function checkoutPage(view: View): Page {
  const title = `${headline(view)} · ${view.invoice.terms.storeName}`
  return { head: documentHead(view.language, title, true), body: () => `${<CheckoutBody view={view} />}</html>` }
}

/** A page without an invoice: there is none, or something failed. */
export function messagePage(language: Language, title: string, text: string): Page {
  return {
    head: documentHead(language, title, false),
    body: () => `${<MessageBody language={language} title={title} text={text} />}</html>`,
  }
}

function documentHead(language: Language, title: string, isScripted: boolean): string {
  return `<!doctype html><html lang="${language}"><head><meta charset="utf-8"/>${<title>{title}</title>}${isScripted ? SCRIPTED : PLAIN}</head>`
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
      <header>
        <span class="initial" aria-hidden="true">
          {initial(storeName)}
        </span>
        <span class="store">{storeName}</span>
      </header>
      <main id="main">
        <Card view={view} />
      </main>
      <footer>
        <span class="by">
          {MARK_SIGN} {t.paymentsBy} <b>Paytomat</b>
        </span>
        <nav aria-label={t.language}>
          {Object.entries(LANGUAGES).map(([tag, { languageName }]) => (
            <a
              href={linkTo(view, '', { lang: tag })}
              lang={tag}
              hreflang={tag}
              aria-current={tag === view.language ? 'true' : undefined}
            >
              {languageName}
            </a>
          ))}
        </nav>
      </footer>
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
      {view.problem && (
        <p class="problem" role="alert">
          {view.problem}
        </p>
      )}
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

function MessageBody({ language, title, text }: { language: Language; title: string; text: string }) {
  return (
    <body>
      <main id="main">
        <div class="card message">
          <div class="lead told">
            <Sign tone="warn" />
            <h1>{title}</h1>
            <p>{text}</p>
          </div>
        </div>
      </main>
      <footer>
        <span class="by">
          {MARK_SIGN} {LANGUAGES[language].paymentsBy} <b>Paytomat</b>
        </span>
      </footer>
    </body>
  )
}

export function initial(name: string): string {
  return [...name.trim()][0]?.toUpperCase() ?? ''
}
