import { ICON, initial, MARK_SIGN } from '../checkout/document.tsx'
import { LANGUAGES, type Language } from '../checkout/language.ts'
import { Sign } from '../checkout/parts.tsx'
import { css } from './built/assets.ts'
import { FORM_ID } from './forms.tsx'
import { CardOf } from './stages.tsx'
import { type ClaimView, headline, linkTo } from './view.ts'

/** The whole page of a refund. */
export function claimPage(view: ClaimView): string {
  const { storeName } = view.invoice.terms
  return document(
    view.language,
    `${headline(view)} · ${storeName}`,
    <>
      <header>
        <span class="initial" aria-hidden="true">
          {initial(storeName)}
        </span>
        <span class="store">{storeName}</span>
      </header>
      <main id="main">
        <div class="card">
          {view.problem && (
            <p class="problem" role="alert">
              {view.problem}
            </p>
          )}
          <div class="columns">
            <CardOf view={view} />
          </div>
        </div>
      </main>
      <Footer language={view.language} view={view} />
    </>,
  )
}

/** A page without a refund: there is none, or something failed. */
export function messagePage(language: Language, title: string, text: string): string {
  return document(
    language,
    title,
    <>
      <main id="main">
        <div class="card message">
          <div class="lead told">
            <Sign tone="warn" />
            <h1>{title}</h1>
            <p>{text}</p>
          </div>
        </div>
      </main>
      <Footer language={language} view={null} />
    </>,
  )
}

function document(language: Language, title: string, body: unknown): string {
  const page = (
    <html lang={language}>
      <head>
        <meta charset="utf-8" />
        <title>{title}</title>
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <meta name="robots" content="noindex" />
        <meta name="color-scheme" content="light dark" />
        <meta name="format-detection" content="telephone=no" />
        <link rel="icon" href={ICON} />
        <style dangerouslySetInnerHTML={{ __html: css }} />
      </head>
      <body>{body}</body>
    </html>
  )
  return `<!doctype html>${page}`
}

function Footer({ language, view }: { language: Language; view: ClaimView | null }) {
  const { paymentsBy, language: label } = LANGUAGES[language]
  return (
    <footer>
      <span class="by">
        {MARK_SIGN} {paymentsBy} <b>Paytomat</b>
      </span>
      {view && (
        <nav aria-label={label}>
          {Object.entries(LANGUAGES).map(([tag, { languageName }]) => (
            <LanguageLink view={view} tag={tag} name={languageName} current={tag === language ? 'true' : undefined} />
          ))}
        </nav>
      )}
    </footer>
  )
}

/** While there is a form, another language takes along what is in it: the form is sent, to be shown again. */
function LanguageLink({ view, tag, name, current }: { view: ClaimView; tag: string; name: string; current?: 'true' | undefined }) {
  const { kind } = view.stage
  const to = linkTo(view, { lang: tag })
  if (kind !== 'ask' && kind !== 'confirm')
    return (
      <a href={to} lang={tag} hreflang={tag} aria-current={current}>
        {name}
      </a>
    )
  const step = kind === 'ask' ? 'edit' : 'check'
  return (
    <button type="submit" form={FORM_ID} formaction={to} name="step" value={step} lang={tag} aria-current={current}>
      {name}
    </button>
  )
}
