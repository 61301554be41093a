import { readIban } from '../../src/gateways/sepa/iban.ts'
import { childAt, readXml, textAt } from '../../src/gateways/sepa/xml.ts'
import { parseDecimal } from '../../src/money/amount.ts'

/** What a bank takes from a pain.001. */
export interface ReadPaymentFile {
  readonly id: string
  readonly iban: string
  readonly transfers: readonly {
    readonly endToEndId: string
    readonly cents: bigint
    readonly name: string
    readonly iban: string
    readonly bic: string | null
    readonly text: string
  }[]
}

/** Reads a payment file as its bank would, for the development system and for tests. Null when it is none, or does not add up. */
export function readPain001(text: string): ReadPaymentFile | null {
  const document = readXml(text)
  const root = document.ok ? childAt(document.value, 'CstmrCdtTrfInitn') : null
  const payment = root && childAt(root, 'PmtInf')
  if (!root || !payment) return null
  const transfers = payment.children
    .filter(({ name }) => name === 'CdtTrfTxInf')
    .map((transfer) => ({
      endToEndId: textAt(transfer, 'PmtId/EndToEndId'),
      cents: centsOf(textAt(transfer, 'Amt/InstdAmt')),
      name: textAt(transfer, 'Cdtr/Nm'),
      iban: readIban(textAt(transfer, 'CdtrAcct/Id/IBAN')) ?? '',
      bic: textAt(transfer, 'CdtrAgt/FinInstnId/BICFI') || null,
      text: textAt(transfer, 'RmtInf/Ustrd'),
    }))
  const sum = transfers.reduce((all, { cents }) => all + cents, 0n)
  const addsUp = ['GrpHdr', 'PmtInf'].every((part) => {
    return textAt(root, `${part}/NbOfTxs`) === String(transfers.length) && centsOf(textAt(root, `${part}/CtrlSum`)) === sum
  })
  return addsUp ? { id: textAt(root, 'GrpHdr/MsgId'), iban: textAt(payment, 'DbtrAcct/Id/IBAN'), transfers } : null
}

function centsOf(text: string): bigint {
  const cents = parseDecimal(text, 2)
  return cents.ok ? cents.value : -1n
}
