import { Only } from '../page/parts.tsx'
import { type AskFault, type ClaimView, linkTo, type Stage } from './view.ts'

/** The page has one form at most. */
export const FORM_ID = 'claim'
/** Longer than any address with its gaps, and than Lightning invoices of wallets, which have some routing hints. */
export const TYPED_MAX = 2_000

/** Where the payer says where to. Works without a script; what is wrong is said at the field. */
export function AskForm({ view, stage }: { view: ClaimView; stage: Extract<Stage, { kind: 'ask' }> }) {
  const { t, asset, chain, askedText } = view
  const names = { asset: asset.name, network: chain.name, amount: askedText }
  const { fault, typed, again } = stage
  return (
    <form id={FORM_ID} method="post" action={linkTo(view)} autocomplete="off" novalidate>
      <div class="field">
        <label for="address">{t.addressLabel(names)}</label>
        <textarea
          id="address"
          name="address"
          rows={2}
          maxlength={TYPED_MAX}
          required
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          translate="no"
          autofocus={fault !== null}
          aria-invalid={fault ? 'true' : undefined}
          aria-describedby={fault ? 'address-error address-hint' : 'address-hint'}
        >
          {typed}
        </textarea>
        {fault && (
          <p class="error" id="address-error" role="alert">
            {faultText(view, fault)}
          </p>
        )}
        <p class="soft" id="address-hint">
          {t.addressHint}
        </p>
      </div>
      <Only>{t.onlyThis(names)}</Only>
      <div class="actions">
        <button class="button" type="submit" name="step" value="check">
          {t.check}
        </button>
        {again && (
          <a class="button quiet" href={linkTo(view)}>
            {t.back}
          </a>
        )}
      </div>
    </form>
  )
}

export function ConfirmForm({ view, address }: { view: ClaimView; address: string }) {
  const { t } = view
  return (
    <form id={FORM_ID} method="post" action={linkTo(view)}>
      <input type="hidden" name="address" value={address} />
      <div class="actions">
        <button class="button" type="submit" name="step" value="confirm">
          {t.confirm({ amount: view.amountText })}
        </button>
        <button class="button quiet" type="submit" name="step" value="edit">
          {t.edit}
        </button>
      </div>
    </form>
  )
}

function faultText({ t, chain, askedText }: ClaimView, fault: AskFault): string {
  switch (fault) {
    case 'missing':
      return t.missing
    case 'not_an_address':
      return t.notAnAddress({ network: chain.name })
    case 'own_address':
      return t.ownAddress
    case 'not_payable':
      return t.notPayable
    case 'wrong_amount':
      return t.wrongAmount({ amount: askedText })
    case 'expired':
      return t.expired
  }
}
