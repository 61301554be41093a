import type { Child } from 'hono/jsx'
import { ICON, initial, MARK_SIGN } from '../checkout/document.tsx'
import { LANGUAGES, type Language } from '../checkout/language.ts'
import { Sign } from '../checkout/parts.tsx'
import { approverScript, approveScript, css } from './built/assets.ts'
import { Card } from './card.tsx'
import { APPROVE_MESSAGES } from './language.ts'
import { type ApproveView, headline, linkTo } from './view.ts'

/** The whole page of a transfer. `storeName`: null when it is not known. */
export function approvePage(view: ApproveView, storeName: string | null, rpId: string): string {
  const { t, language } = view
  return document({
    language,
    title: `${headline(view)} · ${t.approval}`,
    script: approveScript,
    data: {
      'data-rp': rpId,
      'data-given': t.given,
      'data-giving': t.giving,
      'data-unused': t.unused,
      'data-differs': t.differs,
      'data-failed': t.failed,
    },
    body: (
      <>
        <header>
          <span class="initial" aria-hidden="true">
            {initial(storeName ?? t.approval)}
          </span>
          <span class="store">{storeName ?? t.approval}</span>
        </header>
        <main id="main">
          <Card view={view} />
        </main>
        <Footer language={language} linkOf={(lang) => linkTo(view, lang)} />
        <Live />
      </>
    ),
  })
}

/** Where a person makes a passkey, and gets the line that makes it known. Nothing of it is sent anywhere. */
export function approverPage(language: Language, rpId: string): string {
  const t = APPROVE_MESSAGES[language]
  const { copy, copied, copyFailed } = LANGUAGES[language]
  return document({
    language,
    title: t.approverTitle,
    script: approverScript,
    data: {
      'data-rp': rpId,
      'data-made': t.made,
      'data-not-made': t.notMade,
      'data-works': t.works,
      'data-fails': t.fails,
      'data-unsupported': t.unsupported,
      'data-copied': copied,
      'data-copy-failed': copyFailed,
    },
    body: (
      <>
        <main id="main" class="approver">
          <div class="card">
            <div class="lead told">
              <h1>{t.approverTitle}</h1>
              <p>{t.approverText}</p>
            </div>
            <div class="panel">
              <form class="js">
                <div class="field">
                  <label for="name">{t.name}</label>
                  <input id="name" name="name" type="text" required maxlength={100} autocomplete="name" />
                </div>
                <button class="button" type="submit">
                  {t.make}
                </button>
              </form>
              <p class="soft nojs">{t.needsScript}</p>
              <p class="said" role="status" aria-live="polite" data-live />
              <section hidden data-result>
                <h2>{t.handOver}</h2>
                <code class="json" translate="no" data-line />
                <div class="actions">
                  <button type="button" class="copy wide" data-copy="">
                    <span>{copy}</span>
                  </button>
                  <button type="button" class="button quiet" data-try>
                    {t.tryOut}
                  </button>
                </div>
                <p class="soft small">{t.handOverText}</p>
                <code class="json" translate="no">
                  npm run signer -- approver add &lt;wal_…&gt; &lt;file&gt; --by &lt;operator&gt;
                </code>
              </section>
            </div>
          </div>
        </main>
        <Footer language={language} linkOf={(lang) => `/approver?lang=${lang}`} />
      </>
    ),
  })
}

/** A page without a transfer: there is none, or something failed. */
export function messagePage(language: Language, title: string, text: string): string {
  return document({
    language,
    title,
    script: null,
    data: {},
    body: (
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
        <Footer language={language} linkOf={null} />
      </>
    ),
  })
}

interface Page {
  readonly language: Language
  readonly title: string
  readonly script: string | null
  /** What the script says, in the reader's language. */
  readonly data: Readonly<Record<string, string>>
  readonly body: Child
}

function document({ language, title, script, data, body }: Page): string {
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
        {script && <script type="module" src={script} />}
      </head>
      <body {...data}>{body}</body>
    </html>
  )
  return `<!doctype html>${page}`
}

function Live() {
  return <p class="lost" role="status" aria-live="polite" data-live />
}

function Footer({ language, linkOf }: { language: Language; linkOf: ((tag: string) => string) | null }) {
  const { paymentsBy, language: label } = LANGUAGES[language]
  return (
    <footer>
      <span class="by">
        {MARK_SIGN} {paymentsBy} <b>Paytomat</b>
      </span>
      {linkOf && (
        <nav aria-label={label}>
          {Object.entries(LANGUAGES).map(([tag, { languageName }]) => (
            <a href={linkOf(tag)} lang={tag} hreflang={tag} aria-current={tag === language ? 'true' : undefined}>
              {languageName}
            </a>
          ))}
        </nav>
      )}
    </footer>
  )
}
