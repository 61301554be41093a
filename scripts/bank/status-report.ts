/** One word of a bank: a code of ISO 20022, and why. */
export interface WrittenWord {
  readonly code: string
  readonly reason?: string
  readonly detail?: string
}

export interface WrittenReport {
  readonly version?: '03' | '10'
  /** The payment file that it is about: its `MsgId`, which is its `PmtInfId` too. */
  readonly fileId: string
  readonly file?: WrittenWord
  readonly block?: WrittenWord
  readonly transfers?: readonly (WrittenWord & { readonly endToEndId: string })[]
}

/** A pain.002 as banks give it: for the development system and for tests. */
export function writePain002({ version = '10', fileId, file, block, transfers = [] }: WrittenReport): string {
  const words = transfers.map(({ endToEndId, ...word }) => {
    return tag('TxInfAndSts', tag('OrgnlEndToEndId', endToEndId) + written('TxSts', word))
  })
  const about = tag('OrgnlMsgId', fileId) + tag('OrgnlMsgNmId', 'pain.001')
  const header = tag('GrpHdr', tag('MsgId', 'REPORT-1') + tag('CreDtTm', '2026-11-22T06:00:00Z'))
  const group = tag('OrgnlGrpInfAndSts', about + written('GrpSts', file))
  const payment = tag('OrgnlPmtInfAndSts', tag('OrgnlPmtInfId', fileId) + written('PmtInfSts', block) + words.join(''))
  const body = tag('CstmrPmtStsRpt', header + group + (block || words.length > 0 ? payment : ''))
  const namespace = `urn:iso:std:iso:20022:tech:xsd:pain.002.001.${version}`
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="${namespace}">${body}</Document>\n`
}

function written(field: string, word: WrittenWord | undefined): string {
  if (word === undefined) return ''
  const { code, reason, detail } = word
  const why = (reason ? tag('Rsn', tag('Cd', reason)) : '') + (detail ? tag('AddtlInf', detail) : '')
  return tag(field, code) + (why ? tag('StsRsnInf', why) : '')
}

function tag(name: string, body: string): string {
  const safe = /^</.test(body) ? body : body.replace(/&/g, '&amp;').replace(/</g, '&lt;')
  return `<${name}>${safe}</${name}>`
}
