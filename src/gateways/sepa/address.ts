import { formatDecimal } from '../../money/amount.ts'
import { isBic, readIban } from './iban.ts'
import { readReference } from './reference.ts'

/** A merchant's bank account. */
export interface BankAccount {
  /** Electronic form. */
  readonly iban: string
  readonly bic: string | null
  /** Whose account it is, as the bank knows them: payers' banks compare the name. 1 to 70 characters. */
  readonly holder: string
}

/** Where an invoice is paid by bank transfer. */
export interface BankAddress extends BankAccount {
  /** Creditor reference of the invoice. */
  readonly reference: string
}

/** As one text: a payto URI (RFC 8905) without an amount. What the bank is to hand on is its `instruction`. */
export function formatBankAddress({ iban, bic, holder, reference }: BankAddress): string {
  return `payto://iban/${bic ? `${bic}/` : ''}${iban}?receiver-name=${encodeURIComponent(holder)}&instruction=${reference}`
}

/** Null for anything that `formatBankAddress` does not make. */
export function readBankAddress(address: string): BankAddress | null {
  if (!address.startsWith('payto://iban/') || !URL.canParse(address)) return null
  const { pathname, searchParams } = new URL(address)
  const [bic, iban] = pathname.split('/').slice(-2) as [string, string]
  const holder = searchParams.get('receiver-name') ?? ''
  const reference = searchParams.get('instruction') ?? ''
  const read = { iban, bic: bic === '' ? null : bic, holder, reference }
  const isWhole = readIban(iban) === iban && (bic === '' || isBic(bic)) && holder !== '' && readReference(reference) === reference
  return isWhole && formatBankAddress(read) === address ? read : null
}

/** The same with what is to be paid, in cents. */
export function bankPaymentUri(address: string, cents: bigint): string {
  return `${address}&amount=EUR:${formatDecimal(cents, 2)}`
}
