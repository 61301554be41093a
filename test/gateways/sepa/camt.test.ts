import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type WrittenStatement, writeCamt } from '../../../scripts/bank/statement.ts'
import { readCamt, type Statement } from '../../../src/gateways/sepa/camt.ts'
import { printReference, referenceOf } from '../../../src/gateways/sepa/reference.ts'

const IBAN = 'DE89370400440532013000'
const PAYER = 'NL91ABNA0417164300'
const REFERENCE = referenceOf('inv_1', 0)
const DAY = '2026-11-20'

const full: WrittenStatement = {
  id: 'STMT-7',
  iban: IBAN,
  sequence: 7,
  opening: { cents: 100_00n, date: '2026-11-19' },
  closing: { cents: 149_78n, date: DAY },
  entries: [
    { cents: 49_78n, date: DAY, bankReference: 'BR1', endToEndId: 'E2E-1', reference: REFERENCE, name: 'A & B', iban: PAYER },
  ],
}

function read(...statements: WrittenStatement[]): readonly Statement[] {
  const result = readCamt(writeCamt(...statements))
  if (!result.ok) throw new Error(result.error.detail)
  return result.value
}

function only(statement: WrittenStatement) {
  const [movement, ...more] = read(statement)[0]?.movements ?? []
  if (!movement || more.length > 0) throw new Error('one movement was expected')
  return movement
}

describe.each(['02', '08'] as const)('version .%s', (version) => {
  test.each(['camt.052', 'camt.053', 'camt.054'] as const)('%s is read whole', (kind) => {
    expect(read({ ...full, kind, version })).toEqual([
      {
        kind,
        id: 'STMT-7',
        iban: IBAN,
        sequence: 7n,
        opening: { cents: 100_00n, date: '2026-11-19' },
        closing: { cents: 149_78n, date: DAY },
        announced: 0,
        movements: [
          {
            direction: 'credit',
            status: 'booked',
            cents: 49_78n,
            date: DAY,
            atMs: Date.parse(DAY),
            bankReference: 'BR1',
            endToEndId: 'E2E-1',
            transactionId: null,
            reference: REFERENCE,
            text: '',
            counterparty: { name: 'A & B', iban: PAYER },
            batch: null,
            bare: false,
            takesBack: false,
            returnReason: null,
          },
        ],
      },
    ])
  })

  test('a batch is taken apart', () => {
    const parts = [
      { cents: 10_00n, endToEndId: 'one', reference: REFERENCE },
      { cents: 39_78n, endToEndId: 'two', bankReference: 'own' },
    ]
    const [statement] = read({ ...full, version, entries: [{ cents: 49_78n, date: DAY, bankReference: 'BATCH', parts }] })
    const batch = { direction: 'credit', bankReference: 'BATCH', cents: 49_78n }
    expect(statement?.movements).toMatchObject([
      { cents: 10_00n, endToEndId: 'one', bankReference: null, batch },
      { cents: 39_78n, endToEndId: 'two', bankReference: 'own', batch },
    ])
  })
})

test('a batch whose parts are not the whole stays whole, for a person', () => {
  const parts = [{ cents: 10_00n }, { cents: 30_00n }]
  expect(only({ ...full, entries: [{ cents: 49_78n, date: DAY, bankReference: 'B', parts }] })).toMatchObject({
    cents: 49_78n,
    bare: true,
  })
})

test.each([
  ['structured', { reference: printReference(REFERENCE) }, REFERENCE],
  ['in free text', { text: `Order 1, ${printReference(REFERENCE)}, thanks` }, REFERENCE],
  ['structured and another in the text', { reference: REFERENCE, text: referenceOf('inv_2', 0) }, REFERENCE],
  ['structured, not ours to judge', { reference: 'RF18539007547034' }, 'RF18539007547034'],
  ['structured and no creditor reference', { reference: '4711' }, null],
  ['nowhere', { text: 'thanks' }, null],
] as const)('the reference %s', (_where, change, reference) => {
  expect(only({ ...full, entries: [{ cents: 1n, date: DAY, ...change }] }).reference).toBe(reference)
})

test.each(['NONREF', 'NOTPROVIDED', 'not-provided'])('%s is no reference of a bank', (word) => {
  expect(only({ ...full, entries: [{ cents: 1n, date: DAY, bankReference: word, endToEndId: word }] })).toMatchObject({
    bankReference: null,
    endToEndId: null,
  })
})

test('a reversal and a return say that they take something back, and whose account it goes to', () => {
  const entry = { cents: 1n, date: DAY, direction: 'DBIT', iban: PAYER } as const
  expect(only({ ...full, entries: [{ ...entry, reversal: true }] })).toMatchObject({
    takesBack: true,
    counterparty: { iban: PAYER },
  })
  expect(only({ ...full, entries: [{ ...entry, returnReason: 'AC04' }] })).toMatchObject({ takesBack: true, returnReason: 'AC04' })
  expect(only({ ...full, entries: [entry] }).takesBack).toBe(false)
})

test('what is announced is counted and moves nothing; what is pending is told apart', () => {
  const [statement] = read({
    ...full,
    entries: [
      { cents: 1n, date: DAY, status: 'INFO' },
      { cents: 0n, date: DAY },
      { cents: 2n, date: DAY, status: 'PDNG' },
    ],
  })
  expect(statement).toMatchObject({ announced: 2, movements: [{ cents: 2n, status: 'pending' }] })
})

test('prefixes, times and the ways XML writes decimals', () => {
  const text = writeCamt(full)
    .replace('>49.78</Amt>', '>+49.780</Amt>')
    .replace('<BookgDt><Dt>2026-11-20</Dt>', '<BookgDt><DtTm>2026-11-20T09:30:00+01:00</DtTm>')
    .replace(/<(\/?)([A-Z])/g, '<$1c:$2')
    .replace('xmlns=', 'xmlns:c=')
  const read = readCamt(text)
  expect(read.ok && read.value[0]?.movements[0]).toMatchObject({ cents: 49_78n, date: DAY, atMs: Date.UTC(2026, 10, 20, 8, 30) })
})

test('the pages of one statement are one', () => {
  const { opening, closing, ...page } = full
  const read3 = read({ ...page, opening }, page, { ...page, closing }, full)
  expect(read3.map(({ movements, ...rest }) => [rest.opening, rest.closing, movements.length])).toEqual([
    [opening, closing, 3],
    [opening, closing, 1],
  ])
  // Notifications have no balances, and are what they are.
  expect(read({ ...page, kind: 'camt.054' }, { ...page, kind: 'camt.054', id: 'other' })).toHaveLength(2)
})

test('a batch of a hundred thousand parts is refused at once', () => {
  const parts = '<TxDtls><Amt Ccy="EUR">1</Amt></TxDtls>'.repeat(90_000)
  const text = writeCamt({ ...full, entries: [{ cents: 90_000_00n, date: DAY, bare: true }] })
  const startedMs = performance.now()
  const result = readCamt(text.replace('</Ntry>', `<NtryDtls>${parts}</NtryDtls></Ntry>`))
  expect(result).toMatchObject({ ok: false, error: { reason: 'too_many_entries' } })
  expect(performance.now() - startedMs).toBeLessThan(5_000)
})

test('a balance without a side, or of a day that there is not, is refused', () => {
  const text = writeCamt(full)
  const withoutSide = text.replace('<CdtDbtInd>CRDT</CdtDbtInd><Dt>', '<Dt>')
  expect(withoutSide).not.toBe(text)
  for (const broken of [withoutSide, text.replaceAll('2026-11-19', '2026-02-30')])
    expect(readCamt(broken)).toMatchObject({ ok: false, error: { reason: 'not_a_statement' } })
})

test('a debit balance is below zero', () => {
  expect(read({ ...full, opening: { cents: -5n, date: DAY } })[0]?.opening).toEqual({ cents: -5n, date: DAY })
})

test.each([
  ['another currency', writeCamt(full).replace('Ccy="EUR">49', 'Ccy="CHF">49'), 'other_currency'],
  ['a third digit of a cent', writeCamt(full).replace('49.78<', '49.785<'), 'not_a_statement'],
  ['an amount that is none', writeCamt(full).replace('49.78<', '4e3<'), 'not_a_statement'],
  ['an amount of more digits than there may be', writeCamt(full).replace('49.78<', `${'9'.repeat(17)}.00<`), 'not_a_statement'],
  ['an amount below zero', writeCamt(full).replace('49.78<', '-49.78<'), 'not_a_statement'],
  ['no direction', writeCamt(full).replaceAll('CRDT', 'XXXX'), 'not_a_statement'],
  ['no date', writeCamt(full).replaceAll(/<(BookgDt|ValDt)>.*?<\/\1>/g, ''), 'not_a_statement'],
  ['another message', '<Document><CstmrCdtTrfInitn/></Document>', 'not_a_statement'],
  ['no statement in it', '<Document><BkToCstmrStmt/></Document>', 'not_a_statement'],
  ['no XML', 'hello', 'not_xml'],
  [
    'too many',
    writeCamt({ ...full, entries: Array.from({ length: 10_001 }, () => ({ cents: 1n, date: DAY, bare: true })) }),
    'too_many_entries',
  ],
])('%s is refused', (_what, text, reason) => {
  const read = readCamt(text)
  expect(read.ok ? 'ok' : read.error.reason).toBe(reason)
})

test('no damage to a file makes it throw, and no amount is ever below zero', () => {
  const good = writeCamt({ ...full, entries: [...full.entries, { cents: 3n, date: DAY, parts: [{ cents: 1n }, { cents: 2n }] }] })
  fc.assert(
    fc.property(fc.nat(good.length), fc.nat(40), fc.string({ maxLength: 10 }), (at, cut, piece) => {
      const read = readCamt(good.slice(0, at) + piece + good.slice(at + cut))
      if (read.ok) for (const { movements } of read.value) for (const { cents } of movements) expect(cents).toBeGreaterThan(0n)
    }),
    { numRuns: 1_000 },
  )
})
