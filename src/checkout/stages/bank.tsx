import { type BankAddress, readBankAddress } from '../../gateways/sepa/address.ts'
import { epcPayload } from '../../gateways/sepa/epc.ts'
import { printIban } from '../../gateways/sepa/iban.ts'
import { printReference } from '../../gateways/sepa/reference.ts'
import { isAlive } from '../../invoice/view.ts'
import { assert } from '../../lib/result.ts'
import { transferAmount } from '../../page/format.ts'
import { Copy, Only } from '../../page/parts.tsx'
import { assetOf, type View } from '../view.ts'
import { AmountLead } from './lead.tsx'
import { Aside, Lost, MethodHead, type PayStage, Qr, Waiting } from './paying.tsx'

/** What a shopper types into the form of their bank, each value with its button, and the code that fills it in. */
export function PayByBank({ view, stage }: { view: View; stage: PayStage }) {
  const { t, invoice } = view
  const { method, activation, due } = stage
  const asset = assetOf(view, method.asset)
  const account = readBankAddress(activation.address)
  assert(account, 'the address of a bank account is one that was made here')
  const amount = transferAmount(due, asset.decimals, view.language)
  const code = epcPayload({ name: account.holder, iban: account.iban, bic: account.bic, cents: due, reference: account.reference })
  const isPartPaid = invoice.payments.some((payment) => payment.asset === method.asset && isAlive(payment))
  return (
    <>
      <AmountLead view={view} />
      <div class="panel">
        <Lost view={view} />
        <MethodHead view={view} asset={asset} method={method} />
        {code && (
          <figure class="scan">
            <Qr text={code} label={t.qrLabel({ amount: `${amount} ${asset.ticker}` })} />
            <figcaption class="soft">{t.scanWithBankApp}</figcaption>
          </figure>
        )}
        <h2>{t.orTransfer}</h2>
        {isPartPaid && <p class="soft">{t.transferTheRest}</p>}
        <Order view={view} account={account} amount={amount} ticker={asset.ticker} />
        <Only>{t.exactReference}</Only>
      </div>
      <Aside view={view} method={method}>
        <Waiting view={view}>
          <span class="soft">{t.transferTakes({ store: invoice.terms.storeName })}</span>
        </Waiting>
      </Aside>
    </>
  )
}

/** In the order of a bank's form. What is copied has no gaps. */
function Order({ view, account, amount, ticker }: { view: View; account: BankAddress; amount: string; ticker: string }) {
  const { t } = view
  const rows = [
    { name: t.recipient, shown: account.holder, copied: account.holder, label: t.copyRecipient },
    { name: 'IBAN', shown: printIban(account.iban), copied: account.iban, label: t.copyIban },
    ...(account.bic ? [{ name: 'BIC', shown: account.bic, copied: account.bic, label: t.copyBic }] : []),
    { name: t.amount, shown: `${amount}\u00a0${ticker}`, copied: amount, label: t.copyAmount },
    { name: t.paymentReference, shown: printReference(account.reference), copied: account.reference, label: t.copyReference },
  ]
  return (
    <dl class="order">
      {rows.map(({ name, shown, copied, label }) => (
        <div>
          <dt>{name}</dt>
          <dd>
            <b translate="no">{shown}</b>
          </dd>
          <dd>
            <Copy view={view} value={copied} label={label} />
          </dd>
        </div>
      ))}
    </dl>
  )
}
