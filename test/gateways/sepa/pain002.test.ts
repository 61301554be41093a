import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { writePain002 } from '../../../scripts/bank/status-report.ts'
import { readPain002, type StatusReport, wordOn } from '../../../src/gateways/sepa/pain002.ts'

function read(text: string): StatusReport {
  const report = readPain002(text)
  if (!report.ok) throw new Error(report.error.detail)
  return report.value
}

const word = (meaning: string, code: string, reasons: string[] = [], detail: string | null = null) => ({
  meaning,
  code,
  reasons,
  detail,
})

describe.each(['03', '10'] as const)('version .%s', (version) => {
  test('tells of the file, its block, and single transfers, each with why', () => {
    const transfers = [
      { endToEndId: 'TR1', code: 'RJCT', reason: 'AC04', detail: 'closed & gone' },
      { endToEndId: 'TR2', code: 'ACSP' },
    ]
    const report = read(writePain002({ version, fileId: 'PF1', file: { code: 'PART' }, block: { code: 'ACTC' }, transfers }))
    expect(report).toEqual({
      id: 'REPORT-1',
      fileId: 'PF1',
      file: word('pending', 'PART'),
      blocks: new Map([['PF1', word('accepted', 'ACTC')]]),
      transfers: new Map([
        ['TR1', word('rejected', 'RJCT', ['AC04'], 'closed & gone')],
        ['TR2', word('accepted', 'ACSP')],
      ]),
    })
  })
})

describe('a word', () => {
  test.each(['ACTC', 'ACCP', 'ACFC', 'ACWC', 'ACWP', 'ACSP', 'ACPD', 'ACSC', 'ACCC'])('%s accepts', (code) => {
    expect(read(writePain002({ fileId: 'PF1', file: { code } })).file).toEqual(word('accepted', code))
  })

  test.each(['RCVD', 'PDNG', 'PART', 'CANC', 'RVNC', 'XXXX', 'rjct'])('%s is waited on', (code) => {
    expect(read(writePain002({ fileId: 'PF1', file: { code } })).file).toEqual(word('pending', code))
  })

  test('RJCT is final, unless it is because the bank has the same already', () => {
    const of = (reason?: string) => read(writePain002({ fileId: 'PF1', file: { code: 'RJCT', reason } })).file?.meaning
    expect(of()).toBe('rejected')
    expect(of('FF01')).toBe('rejected')
    expect(['AM05', 'DUPL', 'DU01', 'DU02', 'DU03', 'DU04', 'DU05'].map(of)).toEqual(Array(7).fill('pending'))
  })

  test('on a transfer goes before one on its block, and that before one on the file', () => {
    const transfers = [{ endToEndId: 'TR1', code: 'ACSP' }]
    const file = { code: 'RJCT' }
    const full = read(writePain002({ fileId: 'PF1', file, block: { code: 'PDNG' }, transfers }))
    expect(wordOn(full, 'PF1', 'TR1')?.code).toBe('ACSP')
    expect(wordOn(full, 'PF1', 'tr1 ')?.code).toBe('ACSP')
    expect(wordOn(full, 'PF1', 'TR2')?.code).toBe('PDNG')
    expect(wordOn(read(writePain002({ fileId: 'PF1', file, transfers })), 'PF1', 'TR2')?.code).toBe('RJCT')
    expect(wordOn(read(writePain002({ fileId: 'PF1' })), 'PF1', 'TR2')).toBeNull()
  })
})

describe('what is no report', () => {
  const many = Array.from({ length: 10_001 }, (_, at) => ({ endToEndId: `TR${at}`, code: 'ACSP' }))

  test.each(
    [
      ['text', 'hello', 'not_xml'],
      ['a document type', '<!DOCTYPE a><a/>', 'xml_not_allowed'],
      ['an empty document', '<Document/>', 'not_a_report'],
      ['a statement', '<Document><BkToCstmrStmt/></Document>', 'not_a_report'],
      ['a report on nothing', writePain002({ fileId: '' }), 'not_a_report'],
      ['a report on too many', writePain002({ fileId: 'PF1', transfers: many }), 'too_many_entries'],
    ].map(([what = '', text = '', reason = '']) => ({ what, text, reason })),
  )('$what is refused', ({ text, reason }) => {
    const report = readPain002(text)
    expect(report.ok ? 'ok' : report.error.reason).toBe(reason)
  })

  test('nothing makes the reader throw', () => {
    const good = writePain002({
      fileId: 'PF1',
      file: { code: 'RJCT', reason: 'AC04' },
      transfers: [{ endToEndId: 'TR1', code: 'ACSP' }],
    })
    fc.assert(
      fc.property(
        fc.nat(good.length),
        fc.nat(40),
        fc.string({ unit: fc.constantFrom('<', '>', '/', '&', ';', '"', '!', '[', '\0', 'é', 'a'), maxLength: 40 }),
        (at, length, put) => {
          readPain002(good.slice(0, at) + put + good.slice(at + length))
          readPain002(put)
        },
      ),
    )
  })
})
