import { type Choice, Footer, headWith, LanguageLink, type Page, pageOf, StoreHeader } from '../page/document.tsx'
import { Problem } from '../page/parts.tsx'
import { css } from './built/assets.ts'
import { FORM_ID } from './forms.tsx'
import { CardOf } from './stages.tsx'
import { type ClaimView, headline, linkTo } from './view.ts'

export const HEAD = headWith(css, null)

/** The whole page of a refund. */
export function claimPage(view: ClaimView): Page {
  const { storeName } = view.invoice.terms
  return pageOf(HEAD(view.language, `${headline(view)} · ${storeName}`), () => (
    <body>
      <StoreHeader name={storeName} />
      <main id="main">
        <div class="card">
          {view.problem && <Problem text={view.problem} />}
          <div class="columns">
            <CardOf view={view} />
          </div>
        </div>
      </main>
      <Footer language={view.language} choice={(one) => <LanguageChoice view={view} {...one} />} />
    </body>
  ))
}

/** While there is a form, another language takes along what is in it: the form is sent, to be shown again. */
function LanguageChoice({ view, ...choice }: { view: ClaimView } & Choice) {
  const { tag, name, current } = choice
  const { kind } = view.stage
  const to = linkTo(view, { lang: tag })
  if (kind !== 'ask' && kind !== 'confirm') return <LanguageLink {...choice} to={to} />
  const step = kind === 'ask' ? 'edit' : 'check'
  return (
    <button type="submit" form={FORM_ID} formaction={to} name="step" value={step} lang={tag} aria-current={current}>
      {name}
    </button>
  )
}
