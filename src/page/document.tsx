import { raw } from 'hono/html'
import type { Child } from 'hono/jsx'
import { LANGUAGES, type Language } from './language.ts'
import { Sign } from './parts.tsx'

const MARK = 'M11.5 25V8.5h5.8a5 5 0 0 1 0 10h-2.6'
const ICON = `data:image/svg+xml,${encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="9" fill="#0b6b5c"/><path d="${MARK}" fill="none" stroke="#fff" stroke-width="3.4" stroke-linecap="round" stroke-linejoin="round"/></svg>`,
)}`

const MARK_SIGN = raw(
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="9" />
    <path d={MARK} />
  </svg>,
)

/** A page in two parts: the first can be on its way to the browser while the second is drawn. */
export interface Page {
  /** Everything before the body, the style among it. */
  readonly head: string
  readonly body: () => string
}

/** Begins a page. */
export type Head = (language: Language, title: string) => string

/** What is the same in every page of a face is drawn once. The content policy names the style by its hash. */
export function headWith(css: string, script: string | null): Head {
  const same = String(
    <>
      <meta name="viewport" content="width=device-width,initial-scale=1" />
      <meta name="robots" content="noindex" />
      <meta name="color-scheme" content="light dark" />
      <meta name="format-detection" content="telephone=no" />
      <link rel="icon" href={ICON} />
      <style dangerouslySetInnerHTML={{ __html: css }} />
      {script && <script type="module" src={script} />}
    </>,
  )
  return (language, title) =>
    `<!doctype html><html lang="${language}"><head><meta charset="utf-8"/>${<title>{title}</title>}${same}</head>`
}

/** `draw` makes the `body` element. */
export function pageOf(head: string, draw: () => Child): Page {
  return { head, body: () => `${draw()}</html>` }
}

/** The whole of it, for who waits for nothing. */
export function textOf({ head, body }: Page): string {
  return head + body()
}

/** A page about nothing that is there, or that something failed. */
export function messagePage(head: Head, language: Language, title: string, text: string): Page {
  return pageOf(head(language, title), () => (
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
      <Footer language={language} />
    </body>
  ))
}

/** Whose page it is. */
export function StoreHeader({ name }: { name: string }) {
  return (
    <header>
      <span class="initial" aria-hidden="true">
        {initial(name)}
      </span>
      <span class="store">{name}</span>
    </header>
  )
}

/** One language in the footer, and whether the page is in it. */
export interface Choice {
  readonly tag: Language
  readonly name: string
  readonly current: 'true' | undefined
}

/** Who carries the payment out, and the page in the other languages, each by what `choice` makes for it. */
export function Footer({ language, choice }: { language: Language; choice?: (one: Choice) => Child }) {
  const { paymentsBy, language: label } = LANGUAGES[language]
  const tags = Object.keys(LANGUAGES) as Language[]
  return (
    <footer>
      <span class="by">
        {MARK_SIGN} {paymentsBy} <b>Paytomat</b>
      </span>
      {choice && (
        <nav aria-label={label}>
          {tags.map((tag) => choice({ tag, name: LANGUAGES[tag].languageName, current: tag === language ? 'true' : undefined }))}
        </nav>
      )}
    </footer>
  )
}

export function LanguageLink({ tag, name, current, to }: Choice & { to: string }) {
  return (
    <a href={to} lang={tag} hreflang={tag} aria-current={current}>
      {name}
    </a>
  )
}

function initial(name: string): string {
  return [...name.trim()][0]?.toUpperCase() ?? ''
}
