import { readXml, type XmlElement } from '../../../src/gateways/sepa/xml.ts'

/**
 * The part of the schema of pain.001.001.09 (ISO 20022 message definition report "Payments Initiation", 2019;
 * CustomerCreditTransferInitiationV09) that a SEPA credit transfer uses: elements in their order, how often each may come
 * (`''` once, `?` at most once, `+` at least once), and what a text must look like. What the schema has and the EPC's
 * guidelines do not allow is left out: it must not be written.
 */
type Form = RegExp | readonly (readonly [name: string, often: '' | '?' | '+', form: Form])[]

const SET = "[A-Za-z0-9/\\-?:().,'+ ]"
/** `Max35Text` in the SEPA set; names of things may not begin or end with `/` or have `//` (EPC230-15). */
const ID = /^(?!\/)(?!.*\/\/)[A-Za-z0-9/\-?:().,'+ ]{1,35}(?<!\/)$/
const NAME = new RegExp(`^${SET}{1,70}$`)
const IBAN = /^[A-Z]{2}[0-9]{2}[a-zA-Z0-9]{1,30}$/
const BIC = /^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$/
const DECIMAL = /^\d{1,16}\.\d{2}$/
const COUNT = /^\d{1,15}$/
const ACCOUNT: Form = [['Id', '', [['IBAN', '', IBAN]]]]
const PARTY: Form = [['Nm', '', NAME]]

const TRANSFER: Form = [
  [
    'PmtId',
    '',
    [
      ['InstrId', '?', ID],
      ['EndToEndId', '', ID],
    ],
  ],
  ['Amt', '', [['InstdAmt', '', /^\d{1,9}\.\d{2}$/]]],
  ['CdtrAgt', '?', [['FinInstnId', '', [['BICFI', '', BIC]]]]],
  ['Cdtr', '', PARTY],
  ['CdtrAcct', '', ACCOUNT],
  ['RmtInf', '?', [['Ustrd', '', new RegExp(`^${SET}{1,140}$`)]]],
]

const BLOCK: Form = [
  ['PmtInfId', '', ID],
  ['PmtMtd', '', /^TRF$/],
  ['BtchBookg', '?', /^(true|false)$/],
  ['NbOfTxs', '?', COUNT],
  ['CtrlSum', '?', DECIMAL],
  ['PmtTpInf', '?', [['SvcLvl', '', [['Cd', '', /^SEPA$/]]]]],
  ['ReqdExctnDt', '', [['Dt', '', /^\d{4}-\d{2}-\d{2}$/]]],
  ['Dbtr', '', PARTY],
  ['DbtrAcct', '', ACCOUNT],
  [
    'DbtrAgt',
    '',
    [
      [
        'FinInstnId',
        '',
        [
          ['BICFI', '?', BIC],
          ['Othr', '?', [['Id', '', /^NOTPROVIDED$/]]],
        ],
      ],
    ],
  ],
  ['ChrgBr', '?', /^SLEV$/],
  ['CdtTrfTxInf', '+', TRANSFER],
]

const MESSAGE: Form = [
  [
    'CstmrCdtTrfInitn',
    '',
    [
      [
        'GrpHdr',
        '',
        [
          ['MsgId', '', ID],
          ['CreDtTm', '', /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/],
          ['NbOfTxs', '', COUNT],
          ['CtrlSum', '?', DECIMAL],
          ['InitgPty', '', PARTY],
        ],
      ],
      ['PmtInf', '+', BLOCK],
    ],
  ],
]

/** What is wrong with a message, or nothing. */
export function faultsOf(text: string): string[] {
  const read = readXml(text)
  if (!read.ok) return [read.error.detail]
  const { name, attributes } = read.value
  const isNamed = name === 'Document' && attributes.xmlns === 'urn:iso:std:iso:20022:tech:xsd:pain.001.001.09'
  return isNamed ? check(read.value, MESSAGE, 'Document') : ['it is no pain.001.001.09']
}

function check(element: XmlElement, form: Form, at: string): string[] {
  const isAmount = element.name === 'InstdAmt'
  if (JSON.stringify(element.attributes) !== (isAmount ? '{"Ccy":"EUR"}' : '{}') && element.name !== 'Document')
    return [`${at} has other attributes`]
  if (form instanceof RegExp) return element.children.length === 0 && form.test(element.text) ? [] : [`${at} is ${element.text}`]
  const faults: string[] = []
  let next = 0
  for (const [name, often, inner] of form) {
    const from = next
    while (element.children[next]?.name === name) {
      faults.push(...check(element.children[next] as XmlElement, inner, `${at}/${name}`))
      next++
    }
    const count = next - from
    if ((count === 0 && often !== '?') || (count > 1 && often !== '+')) faults.push(`${at} has ${count} of ${name}`)
  }
  if (next < element.children.length) faults.push(`${at} has ${element.children[next]?.name} out of place`)
  return faults
}
