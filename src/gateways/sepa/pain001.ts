import { assert } from '../../lib/result.ts'
import { formatDecimal } from '../../money/amount.ts'
import type { BankAccount } from './address.ts'
import { CENTS_MAX } from './epc.ts'
import { isBic, readIban } from './iban.ts'
import { sepaText } from './text.ts'

/** One SEPA credit transfer. Texts may have any characters: they are written as `sepaText` does. */
export interface CreditTransfer {
  /** Unique for ever, 1 to 35 characters of the SEPA set: it comes back in status reports and statements. */
  readonly endToEndId: string
  readonly cents: bigint
  readonly name: string
  /** Electronic form. */
  readonly iban: string
  /** Needed by some banks outside of the European Economic Area. */
  readonly bic: string | null
  /** For the recipient to read; '' for none. */
  readonly text: string
}

/** What the account's bank is asked to do. */
export interface PaymentFile {
  /** Unique for ever, 1 to 35 characters of the SEPA set: banks refuse a second message of the same name. */
  readonly id: string
  readonly createdAtMs: number
  /** Whose money it is. */
  readonly account: BankAccount
  /** 1 to `FILE_TRANSFERS_MAX`. */
  readonly transfers: readonly CreditTransfer[]
}

export const FILE_TRANSFERS_MAX = 1_000
export const NAME_MAX = 70
export const TEXT_MAX = 140
const NAMESPACE = 'urn:iso:std:iso:20022:tech:xsd:pain.001.001.09'

/**
 * The name that a transfer (`tr_`) or a payment file (`pf_`) has at banks: `tr_9ps8…` is `TR9PS8…`, 34 characters. Banks
 * may change the case of what they hand on, and an underscore is not in their set.
 */
export function nameAtBanks(id: string): string {
  return id.replace('_', '').toUpperCase()
}

/** The other way; null for what is no name of ours. */
export function idOfName(prefix: 'tr' | 'pf', name: string): string | null {
  const id = name.replace(/\s/g, '').toLowerCase()
  return id.startsWith(prefix) && /^[0-9a-hjkmnp-tv-z]{32}$/.test(id.slice(2)) ? `${prefix}_${id.slice(2)}` : null
}

/**
 * A customer credit transfer initiation (ISO 20022, pain.001.001.09) as the EPC's guidelines to banks' customers have it
 * (EPC132-08): one payment block, each transfer booked by itself, so that each has an entry with its own name. Pure: the same
 * file is the same bytes. Throws on a file that its maker should not have let through.
 */
export function writePain001({ id, createdAtMs, account, transfers }: PaymentFile): string {
  assert(transfers.length >= 1 && transfers.length <= FILE_TRANSFERS_MAX, `a file has 1 to ${FILE_TRANSFERS_MAX} transfers`)
  const cents = transfers.reduce((sum, transfer) => sum + transfer.cents, 0n)
  const totals = element('NbOfTxs', String(transfers.length)) + element('CtrlSum', formatDecimal(cents, 2))
  const holder = element('Nm', textOf(account.holder, NAME_MAX))
  const header = group(
    'GrpHdr',
    element('MsgId', id),
    element('CreDtTm', `${new Date(createdAtMs).toISOString().slice(0, 19)}Z`),
    totals,
    group('InitgPty', holder),
  )
  const payment = group(
    'PmtInf',
    element('PmtInfId', id),
    element('PmtMtd', 'TRF'),
    element('BtchBookg', 'false'),
    totals,
    group('PmtTpInf', group('SvcLvl', element('Cd', 'SEPA'))),
    group('ReqdExctnDt', element('Dt', bankDayOf(createdAtMs))),
    group('Dbtr', holder),
    group('DbtrAcct', group('Id', element('IBAN', account.iban))),
    // The form asks for a bank even where the IBAN names it.
    group(
      'DbtrAgt',
      group('FinInstnId', account.bic ? element('BICFI', account.bic) : group('Othr', element('Id', 'NOTPROVIDED'))),
    ),
    element('ChrgBr', 'SLEV'),
    ...transfers.map(writeTransfer),
  )
  const document = `<Document xmlns="${NAMESPACE}">${group('CstmrCdtTrfInitn', header, payment)}</Document>`
  return `<?xml version="1.0" encoding="UTF-8"?>\n${document}\n`
}

function writeTransfer({ endToEndId, cents, name, iban, bic, text }: CreditTransfer): string {
  assert(cents >= 1n && cents <= CENTS_MAX, 'an amount is within the scheme’s limits')
  assert(readIban(iban) === iban && (bic === null || isBic(bic)), 'an account is named in electronic form')
  const line = text === '' ? null : sepaText(text, TEXT_MAX)
  return group(
    'CdtTrfTxInf',
    group('PmtId', element('EndToEndId', endToEndId)),
    group('Amt', `<InstdAmt Ccy="EUR">${formatDecimal(cents, 2)}</InstdAmt>`),
    bic === null ? '' : group('CdtrAgt', group('FinInstnId', element('BICFI', bic))),
    group('Cdtr', element('Nm', textOf(name, NAME_MAX))),
    group('CdtrAcct', group('Id', element('IBAN', iban))),
    line === null ? '' : group('RmtInf', element('Ustrd', line)),
  )
}

/** Today where the banks are: a file of yesterday is refused by some. */
function bankDayOf(atMs: number): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Brussels' }).format(atMs)
}

function textOf(text: string, max: number): string {
  const written = sepaText(text, max)
  assert(written !== null, 'a name has a letter that banks can write')
  return written
}

function group(name: string, ...children: readonly string[]): string {
  return `<${name}>${children.join('')}</${name}>`
}

/** `text` is of the SEPA set, which has no markup; what is not (the name of a file) must not become some. */
function element(name: string, text: string): string {
  return `<${name}>${text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')}</${name}>`
}
