import { err, ok, type Result } from '../../lib/result.ts'
import { childAt, readXml, textAt, textsAt, type XmlElement, type XmlRefusal } from './xml.ts'

/**
 * What the bank says of a payment file, of a block in it, or of one transfer. accepted: it has it, and nothing is said against it.
 * rejected: it will not be carried out. pending: anything else, codes that are not known here among them.
 */
export interface BankWord {
  readonly meaning: 'accepted' | 'pending' | 'rejected'
  /** As it came: `ACSP`, `RJCT`. */
  readonly code: string
  /** Codes of why (`AC04`, `AM05`), and what the bank adds in words; often neither. */
  readonly reasons: readonly string[]
  readonly detail: string | null
}

/** Each level speaks for what no lower level speaks of. */
export interface StatusReport {
  readonly id: string
  /** The payment file that it is about, in capitals as all names here. */
  readonly fileId: string
  readonly file: BankWord | null
  readonly blocks: ReadonlyMap<string, BankWord>
  /** By end-to-end id. */
  readonly transfers: ReadonlyMap<string, BankWord>
}

export type ReportRefusal = XmlRefusal | { readonly reason: 'not_a_report' | 'too_many_entries'; readonly detail: string }

/** Transfers and blocks in one report. */
export const WORDS_MAX = 10_000
const ID_MAX = 35
const DETAIL_MAX = 300
const REASONS_MAX = 10

/** ISO 20022 external code sets, payment group, information and transaction status. */
const ACCEPTED = ['ACTC', 'ACCP', 'ACFC', 'ACWC', 'ACWP', 'ACSP', 'ACPD', 'ACSC', 'ACCC']
const REJECTED = 'RJCT'

/**
 * A bank refuses so what it has already, for example a file that was brought twice: the first is carried out all the same.
 * (ISO 20022, external status reason codes.)
 */
const DUPLICATE = ['AM05', 'DUPL', 'DU01', 'DU02', 'DU03', 'DU04', 'DU05']

/** Reads pain.002 of every version since .03, whatever prefix its names have. Pure; no text makes it throw. */
export function readPain002(text: string): Result<StatusReport, ReportRefusal> {
  const document = readXml(text)
  if (!document.ok) return document
  const root = document.value.name === 'Document' ? document.value.children[0] : document.value
  const group = root?.name === 'CstmrPmtStsRpt' ? childAt(root, 'OrgnlGrpInfAndSts') : null
  const fileId = group ? plain(textAt(group, 'OrgnlMsgId')).slice(0, ID_MAX) : ''
  if (!root || !group || fileId === '')
    return err({ reason: 'not_a_report', detail: 'the file is no pain.002 about a payment file' })
  const blocks = new Map<string, BankWord>()
  const transfers = new Map<string, BankWord>()
  for (const block of root.children.filter(({ name }) => name === 'OrgnlPmtInfAndSts')) {
    put(blocks, textAt(block, 'OrgnlPmtInfId'), readWord(block, 'PmtInfSts'))
    for (const transfer of block.children.filter(({ name }) => name === 'TxInfAndSts'))
      put(transfers, textAt(transfer, 'OrgnlEndToEndId'), readWord(transfer, 'TxSts'))
    if (blocks.size + transfers.size > WORDS_MAX)
      return err({ reason: 'too_many_entries', detail: `more than ${WORDS_MAX} transfers` })
  }
  return ok({ id: textAt(root, 'GrpHdr/MsgId').slice(0, ID_MAX), fileId, file: readWord(group, 'GrpSts'), blocks, transfers })
}

/** What a report says of one transfer of a file: of itself, else of its block, else of the whole. Null when nothing. */
export function wordOn(report: StatusReport, blockId: string, endToEndId: string): BankWord | null {
  return report.transfers.get(plain(endToEndId)) ?? report.blocks.get(plain(blockId)) ?? report.file
}

/** Banks change case and spaces. */
function plain(id: string): string {
  return id.replace(/\s/g, '').toUpperCase()
}

/** What is not named or not spoken of says nothing; of two words on one thing the later counts. */
function put(words: Map<string, BankWord>, id: string, word: BankWord | null): void {
  if (plain(id) !== '' && word !== null) words.set(plain(id), word)
}

function readWord(element: XmlElement, field: string): BankWord | null {
  const code = textAt(element, field).slice(0, ID_MAX)
  if (code === '') return null
  const why = element.children.filter(({ name }) => name === 'StsRsnInf').slice(0, REASONS_MAX)
  const reasons = why.map((one) => (textAt(one, 'Rsn/Cd') || textAt(one, 'Rsn/Prtry')).slice(0, ID_MAX)).filter(Boolean)
  const detail = why
    .flatMap((one) => textsAt(one, 'AddtlInf'))
    .join(' ')
    .slice(0, DETAIL_MAX)
    .trim()
  const isFinal = code === REJECTED && !reasons.some((reason) => DUPLICATE.includes(reason))
  const meaning = isFinal ? 'rejected' : ACCEPTED.includes(code) ? 'accepted' : 'pending'
  return { meaning, code, reasons, detail: detail || null }
}
