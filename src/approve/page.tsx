import { Footer, headWith, LanguageLink, type Page, pageOf, StoreHeader } from '../page/document.tsx'
import type { Language } from '../page/language.ts'
import { Copy } from '../page/parts.tsx'
import { approverScript, approveScript, css } from './built/assets.ts'
import { Card } from './card.tsx'
import { MESSAGES } from './language.ts'
import { type ApproveView, headline, linkTo } from './view.ts'

/** Without a script, for pages that ask nothing. */
export const HEAD = headWith(css, null)
const APPROVING = headWith(css, approveScript)
const MAKING = headWith(css, approverScript)

/** The whole page of a transfer. `storeName`: null when it is not known. */
export function approvePage(view: ApproveView, storeName: string | null, rpId: string): Page {
  const { t, language } = view
  return pageOf(APPROVING(language, `${headline(view)} · ${t.approval}`), () => (
    <body
      data-rp={rpId}
      data-given={t.given}
      data-giving={t.giving}
      data-unused={t.unused}
      data-differs={t.differs}
      data-failed={t.failed}
      data-unsure={t.unsure}
    >
      <StoreHeader name={storeName ?? t.approval} />
      <main id="main">
        <Card view={view} />
      </main>
      <Footer language={language} choice={(one) => <LanguageLink {...one} to={linkTo(view, one.tag)} />} />
      <p class="lost" role="status" aria-live="polite" data-live />
    </body>
  ))
}

/** Where a person makes a passkey, and gets the line that makes it known. Nothing of it is sent anywhere. */
export function approverPage(language: Language, rpId: string): Page {
  const t = MESSAGES[language]
  return pageOf(MAKING(language, t.approverTitle), () => (
    <body
      data-rp={rpId}
      data-made={t.made}
      data-not-made={t.notMade}
      data-works={t.works}
      data-fails={t.fails}
      data-unsupported={t.unsupported}
      data-copied={t.copied}
      data-copy-failed={t.copyFailed}
    >
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
                <Copy view={{ t }} value="" label={t.copy} wide />
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
      <Footer language={language} choice={(one) => <LanguageLink {...one} to={`/approver?lang=${one.tag}`} />} />
    </body>
  ))
}
