import type { MethodTerms } from '../../invoice/types.ts'
import { methodDue } from '../../invoice/view.ts'
import { isTestNetwork } from '../../page/facts.tsx'
import { roughAmount } from '../../page/format.ts'
import { Coin } from '../../page/parts.tsx'
import { isTest, Payments } from '../parts.tsx'
import { assetOf, linkTo, methodName, networkName, railOf, signOf, type View } from '../view.ts'
import { AmountLead } from './lead.tsx'

/** Nothing is allocated until the shopper presses a button: each is a POST, so that no crawler takes an address. */
export function Choose({ view }: { view: View }) {
  const { t } = view
  const { methods } = view.invoice.terms
  return (
    <>
      <AmountLead view={view} />
      <div class="panel">
        <h2>{t.chooseHeading}</h2>
        <p class="soft">{t.chooseHint}</p>
        <Methods view={view} methods={methods} />
        <Payments view={view} />
      </div>
    </>
  )
}

/** One button a method, with what it would cost. */
export function Methods({ view, methods }: { view: View; methods: readonly MethodTerms[] }) {
  // When everything is a test, the first column says so once.
  const mixed = !isTest(view)
  return (
    <form class="methods" method="post" action={linkTo(view, '/method', { method: null })}>
      {methods.map((method) => {
        const asset = assetOf(view, method.asset)
        const rail = railOf(view, method.chainId)
        const name = methodName(view, method)
        return (
          <button type="submit" name="asset" value={method.asset} id={`m-${method.asset}`}>
            <Coin ticker={signOf(view, method)} />
            <span class="name">
              <strong>{methods.length === 1 ? view.t.payWith({ asset: name }) : name}</strong>
              <small>
                {networkName(view, rail)} {mixed && isTestNetwork(rail) && <span class="tag">{view.t.testNetwork}</span>}
              </small>
            </span>
            <span class="cost">
              {roughAmount(asset, methodDue(view.invoice, method))} <small>{asset.ticker}</small>
            </span>
            <svg viewBox="0 0 20 20" aria-hidden="true">
              <path d="M7.5 4.5L13 10l-5.5 5.5" />
            </svg>
          </button>
        )
      })}
    </form>
  )
}
