import type { BankAccount } from '../../gateways/sepa/address.ts'
import { CENTS_MAX } from '../../gateways/sepa/epc.ts'
import { isBic, isSepaCountry, readIban } from '../../gateways/sepa/iban.ts'
import { NAME_MAX, TEXT_MAX } from '../../gateways/sepa/pain001.ts'
import { sepaText } from '../../gateways/sepa/text.ts'
import { isId } from '../../lib/ids.ts'
import { canonicalJson } from '../../lib/json.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import { formatDecimal } from '../../money/amount.ts'
import { SEPA } from '../../money/bank.ts'
import type { TransferRefusal } from '../../wallet/transfers/rpc.ts'
import type { Wish } from './state.ts'
import type { CreateBankTransfer } from './types.ts'

/** As long as banks write names into statements; in a file it is cut shorter. */
const NAME_KEPT_MAX = 140

/** What the account knows of the invoice that a refund is of. */
export interface Received {
  /** Accounts that paid, as far as the bank named them. */
  readonly debtors: readonly DebtorAccount[]
  /** Creditor reference of the invoice; null when it never had one here. */
  readonly reference: string | null
}

export interface DebtorAccount {
  readonly iban: string
  readonly name: string | null
  /** What came from it and is booked, less what was taken back and less what refunds to it take; cents. */
  readonly left: bigint
}

/**
 * What is asked for, made whole, or why it can't be. Pure. `received` is of the invoice of a refund, null for a payout.
 */
export function readWish(
  request: CreateBankTransfer,
  account: BankAccount & { readonly merchantId: string },
  received: Received | null,
): Result<Wish, TransferRefusal> {
  const { outputs, recipientName, recipientBic = null, text, ...rest } = request
  const [output, ...more] = outputs
  if (!isId('tr', rest.id)) return bad('its id is not of the form tr_…')
  if (rest.merchantId !== account.merchantId) return err({ reason: 'wallet_not_configured', detail: 'there is no such account' })
  if (rest.kind === 'sweep') return bad('a bank account is not swept')
  if (rest.chainId !== SEPA.id || rest.asset !== SEPA.assetCode || rest.custody !== 'self')
    return bad('a bank account sends euro, and its owner brings the file to the bank')
  if (!output || more.length > 0) return bad('a bank transfer has one recipient')
  const iban = readIban(output.address)
  if (iban === null) return bad(`${output.address.slice(0, 60)} is no IBAN`)
  if (!isSepaCountry(iban)) return bad(`accounts in ${iban.slice(0, 2)} are not reached by SEPA`)
  if (iban === account.iban) return bad('it would go to the account it comes from')
  if (output.units < 1n || output.units > CENTS_MAX) return bad(`a transfer is of 0.01 to ${formatDecimal(CENTS_MAX, 2)} EUR`)
  if (recipientBic !== null && !isBic(recipientBic)) return bad(`${recipientBic.slice(0, 20)} is no BIC`)

  const debtor = received?.debtors.find((one) => one.iban === iban)
  if (received && !debtor) {
    const isNamed = received.debtors.length > 0
    return bad(isNamed ? 'a refund goes to the account that paid' : 'the bank’s statements do not say who paid')
  }
  if (debtor && output.units > debtor.left)
    return err({ reason: 'insufficient_funds', asset: SEPA.assetCode, available: debtor.left < 0n ? 0n : debtor.left })
  const name = recipientName ?? debtor?.name ?? ''
  if (sepaText(name, NAME_MAX) === null) return bad('the recipient’s name is missing, or has no letter that banks can write')
  if (sepaText(account.holder, NAME_MAX) === null) return bad('the account holder’s name has no letter that banks can write')
  const words = text ?? (received?.reference ? `Refund ${received.reference}` : '')
  return ok({
    ...rest,
    iban,
    units: output.units,
    recipientName: name.slice(0, NAME_KEPT_MAX),
    recipientBic,
    text: sepaText(words, TEXT_MAX) ?? '',
  })
}

/** What makes two requests of one id the same, as text. */
export function askedFor(request: CreateBankTransfer): string {
  const { id, kind, merchantId, storeId, chainId, asset, outputs, invoiceId, reference } = request
  const { recipientName = null, recipientBic = null, text = null } = request
  const whole = { id, kind, merchantId, storeId, chainId, asset, outputs, invoiceId, reference, recipientName, recipientBic, text }
  return canonicalJson(whole)
}

function bad(detail: string): Result<never, TransferRefusal> {
  return err({ reason: 'bad_transfer', detail })
}
