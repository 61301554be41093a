import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { type WrittenEntry, type WrittenStatement, writeCamt } from '../../scripts/bank/statement.ts'
import { type Entry, observationOf } from '../../src/bank/entries.ts'
import { entriesUnmatched, migrate, openBook, referenceFor } from '../../src/bank/tables.ts'
import { assignEntry, type Counts, takeStatement } from '../../src/bank/take.ts'
import { readCamt, type Statement } from '../../src/gateways/sepa/camt.ts'
import { referenceOf as hashedReference } from '../../src/gateways/sepa/reference.ts'
import type { Sql } from '../../src/lib/outbox.ts'
import { openRows, PowerCut } from '../ledger/sqlite.ts'

const IBAN = 'DE89370400440532013000'
const DAY = '2026-11-20'
const NEXT = '2026-11-23'

let sql: Sql
/** The newest state of each entry of an invoice, as it was told. */
let told: Map<string, Entry>

beforeEach(() => {
  sql = openRows().sql
  migrate(sql)
  told = new Map()
})

const referenceOf = (invoiceId: string) => referenceFor(sql, invoiceId).reference
const book = () => openBook(sql, (entry) => entry.invoiceId !== null && told.set(entry.id, entry))

function take(kind: WrittenStatement['kind'], entries: readonly WrittenEntry[], more: Partial<WrittenStatement> = {}): Counts {
  const read = readCamt(writeCamt({ kind, id: 'S', iban: IBAN, entries, ...more }))
  if (!read.ok) throw new Error(read.error.detail)
  const [statement] = read.value
  if (!statement) throw new Error('no statement')
  return takeStatement(statement, book())
}

/** What an invoice has by what it was told, in cents, and in which states. */
function has(invoiceId: string): { cents: bigint; states: string[] } {
  const observations = [...told.values()].flatMap((entry) =>
    entry.invoiceId === invoiceId ? [observationOf({ ...entry, invoiceId }, 'wal_1')] : [],
  )
  const alive = observations.filter(({ status }) => status === 'confirmed' || status === 'unconfirmed')
  return { cents: alive.reduce((sum, { units }) => sum + units, 0n), states: observations.map(({ status }) => status).sort() }
}

const NOTHING: Counts = { entries: 0, matched: 0, unmatched: 0, returned: 0, transfers: 0, duplicates: 0, other: 0 }
const counted = (changes: Partial<Counts>): Counts => ({ ...NOTHING, ...changes })

test('two invoices never have one reference, even where their hashes agree', () => {
  const taken = hashedReference('inv_1', 0)
  sql.exec('INSERT INTO refs (idx, reference, invoice_id) VALUES (0, ?, ?)', taken, 'inv_0')
  expect(referenceFor(sql, 'inv_1')).toEqual({ reference: hashedReference('inv_1', 1), index: 1 })
  expect(referenceFor(sql, 'inv_1')).toEqual({ reference: hashedReference('inv_1', 1), index: 1 })
  expect(referenceFor(sql, 'inv_0')).toEqual({ reference: taken, index: 0 })
})

describe('which invoice a credit is for', () => {
  test('the one whose reference it bears; what bears none is listed for a person', () => {
    const reference = referenceOf('inv_1')
    const entries = [
      { cents: 10n, date: DAY, reference },
      { cents: 20n, date: DAY, text: `paid ${reference}` },
      { cents: 30n, date: DAY, text: 'thanks' },
      { cents: 40n, date: DAY, reference: 'RF18539007547034' },
    ]
    expect(take('camt.053', entries)).toEqual(counted({ entries: 4, matched: 2, unmatched: 2 }))
    expect(has('inv_1')).toEqual({ cents: 30n, states: ['confirmed', 'confirmed'] })
    expect(
      entriesUnmatched(sql, null, 10)
        .map(({ cents }) => cents)
        .sort(),
    ).toEqual([30n, 40n])
  })

  test('money out and announcements are nothing of ours', () => {
    const entries: WrittenEntry[] = [
      { cents: 10n, date: DAY, direction: 'DBIT' },
      { cents: 10n, date: DAY, status: 'INFO', reference: referenceOf('inv_1') },
    ]
    expect(take('camt.053', entries)).toEqual(counted({ entries: 2, other: 2 }))
  })

  test('a person’s word is kept, and whatever file comes again does not change it', () => {
    take('camt.053', [{ cents: 30n, date: DAY, text: 'thanks' }])
    const [entry] = entriesUnmatched(sql, null, 10) as [Entry]
    assignEntry(entry, 'inv_1', 'someone', book())
    expect(entriesUnmatched(sql, null, 10)).toEqual([])
    expect(take('camt.054', [{ cents: 30n, date: DAY, text: 'thanks' }])).toEqual(counted({ entries: 1, duplicates: 1 }))
    expect(has('inv_1').cents).toBe(30n)
  })
})

describe('an entry counts once', () => {
  test.each([
    ['with the bank’s reference', { bankReference: 'BR-1' }, { bankReference: 'BR-1' }],
    ['without one', {}, {}],
    ['with one in one message only', {}, { bankReference: 'BR-1' }],
    ['with a reference that is none', { bankReference: 'NONREF' }, { bankReference: 'NONREF' }],
  ])('in camt.052, .054 and .053, %s', (_how, first, later) => {
    const entry = { cents: 10n, date: DAY, reference: referenceOf('inv_1') }
    expect(take('camt.054', [{ ...entry, ...first }])).toEqual(counted({ entries: 1, matched: 1 }))
    expect(take('camt.052', [{ ...entry, ...first }])).toEqual(counted({ entries: 1, duplicates: 1 }))
    expect(take('camt.053', [{ ...entry, ...later }])).toEqual(counted({ entries: 1, duplicates: 1 }))
    expect(has('inv_1')).toEqual({ cents: 10n, states: ['confirmed'] })
  })

  test('pending first, then booked on a later day', () => {
    const entry = { cents: 10n, reference: referenceOf('inv_1') }
    take('camt.052', [{ ...entry, date: DAY, status: 'PDNG' }])
    expect(has('inv_1')).toEqual({ cents: 10n, states: ['unconfirmed'] })
    take('camt.053', [{ ...entry, date: NEXT }])
    expect(has('inv_1')).toEqual({ cents: 10n, states: ['confirmed'] })
    // Word of it that comes late says nothing new.
    take('camt.052', [{ ...entry, date: DAY, status: 'PDNG' }])
    expect(has('inv_1')).toEqual({ cents: 10n, states: ['confirmed'] })
  })

  test('told by its value day first, and by its booking day in the statement', () => {
    const entry = { cents: 10n, reference: referenceOf('inv_1'), bankReference: 'BR' }
    const bare = (date: string) => {
      const text = writeCamt({ kind: 'camt.054', id: 'N', iban: IBAN, entries: [{ ...entry, date }] })
      const read = readCamt(text.replace(/<BookgDt>.*?<\/BookgDt>/, ''))
      if (!read.ok) throw new Error(read.error.detail)
      return takeStatement(read.value[0] as Statement, book())
    }
    expect(bare(NEXT)).toEqual(counted({ entries: 1, matched: 1 }))
    expect(take('camt.053', [{ ...entry, date: DAY }])).toEqual(counted({ entries: 1, duplicates: 1 }))
    expect(has('inv_1').cents).toBe(10n)
    // With booking days, a bank may use its references again.
    expect(take('camt.053', [{ ...entry, date: '2026-11-25' }])).toEqual(counted({ entries: 1, matched: 1 }))
  })

  test('a thousand equal ones are taken by reading few rows for each', () => {
    const count = 1_000
    const { sql: rows } = openRows()
    migrate(rows)
    let read = 0
    sql = {
      exec(statement, ...bindings) {
        const answer = rows.exec(statement, ...bindings).toArray()
        read += answer.length
        return { toArray: () => answer }
      },
    }
    const equal = Array.from({ length: count }, (_, at) => ({ cents: 5n, date: DAY, text: 'donation', bankReference: `D${at}` }))
    expect(take('camt.053', equal)).toEqual(counted({ entries: count, unmatched: count }))
    expect(take('camt.054', equal)).toEqual(counted({ entries: count, duplicates: count }))
    expect(read).toBeLessThan(20 * count)
  })

  test('two equal ones in one statement are two; on another day it is another', () => {
    const entry = { cents: 10n, reference: referenceOf('inv_1') }
    take('camt.053', [
      { ...entry, date: DAY },
      { ...entry, date: DAY },
    ])
    expect(has('inv_1').cents).toBe(20n)
    take('camt.053', [
      { ...entry, date: DAY },
      { ...entry, date: DAY },
    ])
    expect(has('inv_1').cents).toBe(20n)
    take('camt.053', [{ ...entry, date: NEXT }])
    expect(has('inv_1').cents).toBe(30n)
  })

  test('two equal ones told one by one are two once the statement shows both', () => {
    const entry = { cents: 10n, date: DAY, reference: referenceOf('inv_1') }
    take('camt.054', [entry])
    take('camt.054', [entry])
    expect(has('inv_1').cents).toBe(10n)
    take('camt.053', [entry, entry])
    expect(has('inv_1').cents).toBe(20n)
  })

  test('two with references of their own are two, however equal', () => {
    const entry = { cents: 10n, date: DAY, reference: referenceOf('inv_1') }
    take('camt.054', [{ ...entry, bankReference: 'one' }])
    take('camt.054', [{ ...entry, bankReference: 'two' }])
    take('camt.053', [
      { ...entry, bankReference: 'two' },
      { ...entry, bankReference: 'one' },
    ])
    expect(has('inv_1').cents).toBe(20n)
  })

  test('a batch told as one and taken apart elsewhere, in either order', () => {
    const parts = [
      { cents: 10n, reference: referenceOf('inv_1') },
      { cents: 20n, reference: referenceOf('inv_2') },
    ]
    const whole = { cents: 30n, date: DAY, bankReference: 'BATCH' }
    expect(take('camt.053', [{ ...whole, bare: true }])).toEqual(counted({ entries: 1, unmatched: 1 }))
    expect(take('camt.054', [{ ...whole, parts }])).toEqual(counted({ entries: 2, matched: 2 }))
    expect(entriesUnmatched(sql, null, 10)).toEqual([])
    expect(take('camt.053', [{ ...whole, bare: true }])).toEqual(counted({ entries: 1, duplicates: 1 }))
    expect(entriesUnmatched(sql, null, 10)).toEqual([])
    const other = { ...whole, bankReference: 'OTHER' }
    take('camt.054', [{ ...other, parts }])
    expect(take('camt.053', [{ ...other, bare: true }])).toEqual(counted({ entries: 1, duplicates: 1 }))
    expect([has('inv_1').cents, has('inv_2').cents]).toEqual([20n, 40n])
  })

  test('a message that says more finds the invoice that the one before did not', () => {
    take('camt.053', [{ cents: 10n, date: DAY, bankReference: 'BR', bare: true }])
    expect(take('camt.054', [{ cents: 10n, date: DAY, bankReference: 'BR', reference: referenceOf('inv_1') }])).toEqual(
      counted({ entries: 1, matched: 1 }),
    )
    expect(has('inv_1').cents).toBe(10n)
    expect(entriesUnmatched(sql, null, 10)).toEqual([])
  })

  test('what was pending and never booked is gone, and comes back when it is booked after all', () => {
    const entry = { cents: 10n, reference: referenceOf('inv_1') }
    take('camt.052', [{ ...entry, date: '2026-11-02', status: 'PDNG' }])
    take('camt.053', [], { closing: { cents: 0n, date: '2026-11-12' } })
    expect(has('inv_1').states).toEqual(['unconfirmed'])
    take('camt.053', [], { closing: { cents: 0n, date: '2026-11-13' } })
    expect(has('inv_1').states).toEqual(['missing'])
    take('camt.053', [{ ...entry, date: '2026-11-11' }])
    expect(has('inv_1')).toEqual({ cents: 10n, states: ['confirmed'] })
  })
})

describe('what is taken back', () => {
  const paid = (more: object = {}) => ({ cents: 10n, date: DAY, reference: referenceOf('inv_1'), ...more })

  test.each([
    ['the reference', (reference: string) => ({ reference })],
    ['the end-to-end id', () => ({ endToEndId: 'E2E' })],
    ['the bank’s reference', () => ({ bankReference: 'BR' })],
  ])('is found by %s', (_what, clue) => {
    take('camt.053', [paid({ endToEndId: 'E2E', bankReference: 'BR' })])
    const back = { cents: 10n, date: NEXT, direction: 'DBIT', reversal: true, ...clue(referenceOf('inv_1')) } as const
    expect(take('camt.053', [back])).toEqual(counted({ entries: 1, returned: 1 }))
    expect(has('inv_1')).toEqual({ cents: 0n, states: ['returned'] })
    expect(take('camt.054', [back])).toEqual(counted({ entries: 1, duplicates: 1 }))
  })

  test('in part, then the rest', () => {
    take('camt.053', [paid()])
    const back = { cents: 4n, date: NEXT, direction: 'DBIT', returnReason: 'MS03', reference: referenceOf('inv_1') } as const
    take('camt.053', [back])
    expect(has('inv_1')).toEqual({ cents: 6n, states: ['confirmed'] })
    take('camt.053', [{ ...back, cents: 6n }])
    expect(has('inv_1')).toEqual({ cents: 0n, states: ['returned'] })
  })

  test('in the same file as it came', () => {
    const reference = referenceOf('inv_1')
    take('camt.053', [paid(), { cents: 10n, date: DAY, direction: 'DBIT', reversal: true, reference }])
    expect(has('inv_1').states).toEqual(['returned'])
  })

  test('before it came, in the file or in one that is brought later', () => {
    const [one, two] = ['inv_1', 'inv_2'].map((invoice) => ({ cents: 10n, date: DAY, reference: referenceOf(invoice) }))
    const back = { direction: 'DBIT', reversal: true } as const
    expect(take('camt.053', [{ ...one, ...back } as WrittenEntry, one as WrittenEntry])).toMatchObject({
      matched: 1,
      returned: 1,
      unmatched: 0,
    })
    expect(has('inv_1')).toEqual({ cents: 0n, states: ['returned'] })
    expect(take('camt.054', [{ ...two, ...back } as WrittenEntry])).toMatchObject({ unmatched: 1 })
    take('camt.052', [{ ...two, status: 'PDNG' } as WrittenEntry])
    expect(has('inv_2')).toEqual({ cents: 10n, states: ['unconfirmed'] })
    expect(take('camt.053', [two as WrittenEntry])).toMatchObject({ returned: 1 })
    expect(has('inv_2')).toEqual({ cents: 0n, states: ['returned'] })
    expect(entriesUnmatched(sql, null, 10)).toEqual([])
    expect(take('camt.053', [one, two, { ...one, ...back }, { ...two, ...back }] as WrittenEntry[])).toMatchObject({
      duplicates: 4,
    })
    expect([has('inv_1').cents, has('inv_2').cents]).toEqual([0n, 0n])
  })

  test('of a credit that a person assigns afterwards', () => {
    take('camt.053', [{ cents: 10n, date: DAY, text: 'thanks', endToEndId: 'E2E' }])
    take('camt.053', [{ cents: 10n, date: NEXT, endToEndId: 'E2E', direction: 'DBIT', reversal: true }])
    const [credit] = entriesUnmatched(sql, null, 10)
    if (!credit) throw new Error('the credit is listed')
    assignEntry(credit, 'inv_1', 'ada', book())
    expect(has('inv_1')).toEqual({ cents: 0n, states: ['returned'] })
  })

  test('more than there was, or of two invoices at once, is for a person', () => {
    take('camt.053', [paid({ endToEndId: 'E2E' }), { cents: 10n, date: DAY, reference: referenceOf('inv_2'), endToEndId: 'E2E' }])
    const back = { date: NEXT, direction: 'DBIT', reversal: true } as const
    expect(take('camt.053', [{ ...back, cents: 10n, endToEndId: 'E2E' }])).toEqual(counted({ entries: 1, unmatched: 1 }))
    expect(take('camt.053', [{ ...back, cents: 11n, reference: referenceOf('inv_1') }])).toEqual(
      counted({ entries: 1, unmatched: 1 }),
    )
    expect([has('inv_1').cents, has('inv_2').cents]).toEqual([10n, 10n])
    expect(entriesUnmatched(sql, null, 10)).toHaveLength(2)
  })

  test('is found among hundreds of an invoice, and among hundreds of one name of several invoices is for a person', () => {
    const count = 450
    const many = Array.from({ length: count }, (_, at) => paid({ cents: BigInt(1_000 + at), endToEndId: `E${at}` }))
    take('camt.053', many)
    const back = { date: NEXT, direction: 'DBIT', reversal: true, reference: referenceOf('inv_1') } as const
    const returns = [0, 100, 200, 300, count - 1].map((at) => ({ ...back, cents: BigInt(1_000 + at) }))
    expect(take('camt.053', returns)).toEqual(counted({ entries: 5, returned: 5 }))
    const total = many.reduce((sum, { cents }) => sum + cents, 0n) - returns.reduce((sum, { cents }) => sum + cents, 0n)
    expect(has('inv_1').cents).toBe(total)
    // A part, of many that it could be of.
    expect(take('camt.053', [{ ...back, cents: 7n }])).toEqual(counted({ entries: 1, unmatched: 1 }))

    const named = Array.from({ length: count }, (_, at) => ({
      ...paid({ cents: 10n, bankReference: `B${at}`, endToEndId: 'ORDER' }),
      reference: referenceOf(at === 222 ? 'inv_3' : 'inv_2'),
    }))
    take('camt.053', named)
    const { reference: _reference, ...unsaid } = back
    expect(take('camt.053', [{ ...unsaid, cents: 10n, endToEndId: 'ORDER' }])).toEqual(counted({ entries: 1, unmatched: 1 }))
  })

  test('only once it is booked', () => {
    take('camt.053', [paid()])
    const back = { cents: 10n, direction: 'DBIT', reversal: true, reference: referenceOf('inv_1') } as const
    take('camt.052', [{ ...back, date: NEXT, status: 'PDNG' }])
    expect(has('inv_1').states).toEqual(['confirmed'])
    expect(take('camt.053', [{ ...back, date: NEXT }])).toEqual(counted({ entries: 1, returned: 1 }))
    expect(has('inv_1').states).toEqual(['returned'])
  })

  test('one that came back of our own is no payment', () => {
    expect(take('camt.053', [paid({ returnReason: 'AC04' })])).toEqual(counted({ entries: 1, other: 1 }))
    expect(has('inv_1').cents).toBe(0n)
  })
})

test('a file is taken whole or not at all, wherever the power goes', () => {
  const rows = openRows()
  sql = rows.sql
  migrate(sql)
  const first = { cents: 10n, date: DAY, reference: referenceOf('inv_1'), bankReference: 'one' }
  const entries: WrittenEntry[] = [
    first,
    { cents: 20n, date: DAY, text: 'thanks' },
    { ...first, direction: 'DBIT', reversal: true },
    { cents: 5n, date: DAY, reference: referenceOf('inv_2'), status: 'PDNG' },
  ]
  const dump = () => JSON.stringify(sql.exec('SELECT * FROM entries ORDER BY id').toArray())
  const empty = dump()
  let cuts = 0
  for (; ; cuts++) {
    try {
      expect(rows.step(() => take('camt.053', entries), cuts)).toMatchObject({ matched: 2, unmatched: 1, returned: 1 })
      break
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(PowerCut)
      expect(dump()).toBe(empty)
    }
  }
  expect(cuts).toBeGreaterThan(10)
  const whole = dump()
  expect(take('camt.053', entries)).toMatchObject({ duplicates: 4 })
  expect(dump()).toBe(whole)
})

test('whatever a day’s messages are and in which order they come, all of it counts exactly once', () => {
  const transfer = fc.record({ invoice: fc.nat(2), cents: fc.constantFrom(10n, 20n), referenced: fc.boolean() })
  fc.assert(
    fc.property(
      fc.array(transfer, { maxLength: 6 }),
      fc.array(
        fc.record({ kind: fc.constantFrom('camt.052', 'camt.054'), of: fc.subarray([0, 1, 2, 3, 4, 5]), pending: fc.boolean() }),
        {
          maxLength: 4,
        },
      ),
      fc.nat(4),
      (transfers, notes, at) => {
        sql = openRows().sql
        migrate(sql)
        told = new Map()
        const entries = transfers.map(({ invoice, cents, referenced }, index): WrittenEntry => {
          const bank = referenced ? { bankReference: `BR-${index}` } : {}
          return { cents, date: DAY, reference: referenceOf(`inv_${invoice}`), ...bank }
        })
        const statement = () => take('camt.053', entries)
        for (const [index, { kind, of, pending }] of notes.entries()) {
          if (index === at) statement()
          const status = pending && kind === 'camt.052' ? 'PDNG' : 'BOOK'
          take(
            kind as 'camt.052',
            of.flatMap((place) => (entries[place] ? [{ ...entries[place], status }] : [])),
          )
        }
        statement()
        for (const invoice of [0, 1, 2]) {
          const sum = transfers.filter((one) => one.invoice === invoice).reduce((total, { cents }) => total + cents, 0n)
          expect(has(`inv_${invoice}`).cents).toBe(sum)
        }
      },
    ),
    {
      numRuns: 500,
      examples: [
        // A transfer without a reference must not stand in for one that has one.
        [
          [
            { invoice: 1, cents: 20n, referenced: false },
            { invoice: 1, cents: 20n, referenced: true },
            { invoice: 1, cents: 20n, referenced: true },
          ],
          [
            { kind: 'camt.052', of: [1], pending: false },
            { kind: 'camt.052', of: [], pending: false },
          ],
          1,
        ],
      ],
    },
  )
}, 30_000)
