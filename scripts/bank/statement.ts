import { formatDecimal } from '../../src/money/amount.ts'

/** One entry as a bank would write it. What is left out, the bank does not say. */
export interface WrittenEntry {
  readonly cents: bigint
  readonly direction?: 'CRDT' | 'DBIT'
  readonly status?: 'BOOK' | 'PDNG' | 'INFO'
  /** `YYYY-MM-DD` */
  readonly date: string
  readonly bankReference?: string
  readonly endToEndId?: string
  /** Structured creditor reference. */
  readonly reference?: string
  readonly text?: string
  readonly name?: string
  readonly iban?: string
  readonly reversal?: boolean
  readonly returnReason?: string
  /** Without any details of the transaction. */
  readonly bare?: boolean
  /** A batch: the entry is the sum of these. */
  readonly parts?: readonly Omit<WrittenEntry, 'date' | 'status' | 'parts'>[]
}

export interface WrittenStatement {
  readonly kind?: 'camt.052' | 'camt.053' | 'camt.054'
  /** The older form has parties and amounts in other places. */
  readonly version?: '02' | '08'
  readonly id: string
  readonly iban: string
  readonly sequence?: number
  readonly opening?: { readonly cents: bigint; readonly date: string }
  readonly closing?: { readonly cents: bigint; readonly date: string }
  readonly entries: readonly WrittenEntry[]
}

const FORMS = {
  'camt.052': { message: 'BkToCstmrAcctRpt', item: 'Rpt' },
  'camt.053': { message: 'BkToCstmrStmt', item: 'Stmt' },
  'camt.054': { message: 'BkToCstmrDbtCdtNtfctn', item: 'Ntfctn' },
} as const

/** The text of a file as banks give it: for the development system and for tests. */
export function writeCamt(...statements: readonly WrittenStatement[]): string {
  const { kind = 'camt.053', version = '08' } = statements[0] ?? {}
  const { message, item } = FORMS[kind]
  const items = statements.map((statement) => tag(item, statementBody(statement))).join('')
  const header = tag('GrpHdr', `${tag('MsgId', 'MSG-1')}${tag('CreDtTm', '2026-11-22T06:00:00Z')}`)
  const namespace = `urn:iso:std:iso:20022:tech:xsd:${kind}.001.${version}`
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="${namespace}">${tag(message, header + items)}</Document>\n`
}

function statementBody({ version = '08', id, iban, sequence, opening, closing, entries }: WrittenStatement): string {
  return (
    tag('Id', id) +
    (sequence === undefined ? '' : tag('ElctrncSeqNb', String(sequence))) +
    tag('CreDtTm', '2026-11-22T06:00:00Z') +
    tag('Acct', tag('Id', tag('IBAN', iban)) + tag('Ccy', 'EUR')) +
    (opening ? balance('OPBD', opening) : '') +
    (closing ? balance('CLBD', closing) : '') +
    entries.map((entry) => tag('Ntry', entryBody(entry, version))).join('')
  )
}

function balance(code: string, { cents, date }: { cents: bigint; date: string }): string {
  const sign = tag('CdtDbtInd', cents < 0n ? 'DBIT' : 'CRDT')
  return tag(
    'Bal',
    tag('Tp', tag('CdOrPrtry', tag('Cd', code))) + amount(cents < 0n ? -cents : cents) + sign + tag('Dt', tag('Dt', date)),
  )
}

function entryBody(entry: WrittenEntry, version: '02' | '08'): string {
  const { cents, direction = 'CRDT', status = 'BOOK', date, bankReference, reversal, bare, parts } = entry
  const details = parts ?? (bare ? [] : [entry])
  return (
    amount(cents) +
    tag('CdtDbtInd', direction) +
    (reversal ? tag('RvslInd', 'true') : '') +
    tag('Sts', version === '02' ? status : tag('Cd', status)) +
    tag('BookgDt', tag('Dt', date)) +
    tag('ValDt', tag('Dt', date)) +
    (bankReference ? tag('AcctSvcrRef', bankReference) : '') +
    (details.length > 0
      ? tag('NtryDtls', details.map((part) => tag('TxDtls', transactionBody(part, version, parts !== undefined))).join(''))
      : '')
  )
}

function transactionBody(part: Omit<WrittenEntry, 'date' | 'status' | 'parts'>, version: '02' | '08', isPart: boolean): string {
  const { cents, direction = 'CRDT', bankReference, endToEndId, reference, text, name, iban, returnReason } = part
  const other = direction === 'CRDT' ? 'Dbtr' : 'Cdtr'
  const party = name ? tag(other, version === '02' ? tag('Nm', name) : tag('Pty', tag('Nm', name))) : ''
  const account = iban ? tag(`${other}Acct`, tag('Id', tag('IBAN', iban))) : ''
  const remittance = `${text ? tag('Ustrd', text) : ''}${reference ? tag('Strd', tag('CdtrRefInf', tag('Ref', reference))) : ''}`
  return (
    tag(
      'Refs',
      (isPart && bankReference ? tag('AcctSvcrRef', bankReference) : '') + tag('EndToEndId', endToEndId ?? 'NOTPROVIDED'),
    ) +
    (version === '02' ? tag('AmtDtls', tag('TxAmt', amount(cents))) : amount(cents)) +
    tag('CdtDbtInd', direction) +
    (party || account ? tag('RltdPties', party + account) : '') +
    (remittance ? tag('RmtInf', remittance) : '') +
    (returnReason ? tag('RtrInf', tag('Rsn', tag('Cd', returnReason))) : '')
  )
}

function amount(cents: bigint): string {
  return `<Amt Ccy="EUR">${formatDecimal(cents, 2)}</Amt>`
}

/** `body` is markup, or text that is escaped when it holds any. */
function tag(name: string, body: string): string {
  const safe = /^</.test(body) ? body : body.replace(/&/g, '&amp;').replace(/</g, '&lt;')
  return `<${name}>${safe}</${name}>`
}
