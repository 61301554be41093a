import { beforeEach, describe, expect, test, vi } from 'vitest'
import { type WrittenStatement, writeCamt } from '../../scripts/bank/statement.ts'
import { clearDifference, DIFFERENCES_MAX, openDifferences } from '../../src/bank/differences.ts'
import { takeFile } from '../../src/bank/statements.ts'
import { accountSums } from '../../src/bank/sums.ts'
import { migrate, openBook, referenceFor, writeAccount } from '../../src/bank/tables.ts'
import { createTransfer } from '../../src/bank/transfers/create.ts'
import { makePaymentFile } from '../../src/bank/transfers/files.ts'
import { readCamt } from '../../src/gateways/sepa/camt.ts'
import type { Sql } from '../../src/lib/outbox.ts'
import { openRows } from '../ledger/sqlite.ts'
import { bankWish } from './wish.ts'

const IBAN = 'DE89370400440532013000'
const ACCOUNT = { iban: IBAN, bic: null, holder: 'Northwind Coffee GmbH', merchantId: 'mer_1' }

let sql: Sql
let nowMs: number

let alarms: number

beforeEach(() => {
  alarms = 0
  vi.spyOn(console, 'error').mockImplementation(() => void alarms++)
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  sql = openRows().sql
  nowMs = Date.UTC(2026, 10, 22)
  migrate(sql)
  writeAccount(sql, ACCOUNT)
})

function take(...statements: Omit<WrittenStatement, 'iban'>[]) {
  const text = writeCamt(...statements.map((statement) => ({ ...statement, iban: IBAN })))
  const read = readCamt(text)
  if (!read.ok) throw new Error(read.error.detail)
  nowMs++
  const taken = takeFile(
    sql,
    'wal_1',
    { hash: text, statements: read.value },
    openBook(sql, () => {}),
    nowMs,
  )
  return taken.ok ? taken.value : taken.error.reason
}

/** A statement of one day, in cents. */
function day(date: string, opening: bigint, closing: bigint, entries: WrittenStatement['entries'], more: object = {}) {
  return { id: `S ${date}`, opening: { cents: opening, date }, closing: { cents: closing, date }, entries, ...more }
}

const details = () => openDifferences(sql).map(({ detail }) => detail)

/** Whether a payment file is made; else why not. */
function sending(): string {
  createTransfer(sql, ACCOUNT, bankWish(), nowMs)
  const made = makePaymentFile(sql, ACCOUNT, nowMs)
  return made.ok ? 'made' : made.error.reason
}

test('while the bank’s files agree, payment files are made', () => {
  take(day('2026-11-18', 0n, 10n, [{ cents: 10n, date: '2026-11-18' }]))
  take(day('2026-11-19', 10n, 7n, [{ cents: 3n, direction: 'DBIT', date: '2026-11-19' }]))
  expect(details()).toEqual([])
  expect(sending()).toBe('made')
})

describe('a difference stops payment files and says both figures', () => {
  test('a statement that does not add up, until a whole copy of it has come', () => {
    expect(take(day('2026-11-18', 0n, 11n, [{ cents: 10n, date: '2026-11-18' }]))).toBe('balance_mismatch')
    expect(details()).toEqual([
      'statement S 2026-11-18: its booked entries are 0.01 EUR less than its closing balance less its opening balance',
    ])
    expect(sending()).toBe('sending_frozen')
    expect(take(day('2026-11-18', 0n, 11n, [{ cents: 11n, date: '2026-11-18' }]))).toMatchObject({
      statements: [{ balance: 'ok' }],
    })
    expect(details()).toEqual([])
    expect(sending()).toBe('made')
    // Or the same copy again.
    take(day('2026-11-18', 0n, 11n, [{ cents: 10n, date: '2026-11-18' }]))
    expect(sending()).toBe('sending_frozen')
    take(day('2026-11-18', 0n, 11n, [{ cents: 11n, date: '2026-11-18' }]))
    expect(details()).toEqual([])
  })

  test('a statement that opens with another balance than the one before closed with, until they join', () => {
    take(day('2026-11-18', 0n, 10n, [{ cents: 10n, date: '2026-11-18' }]))
    take(day('2026-11-20', 30n, 35n, [{ cents: 5n, date: '2026-11-20' }]))
    expect(details()).toEqual(['2026-11-18 closed with 0.10 EUR and the next statement, of 2026-11-20, opens with 0.30 EUR'])
    expect(sending()).toBe('sending_frozen')
    expect(accountSums(sql)).toMatchObject({ confirmed: 10n })
    take(day('2026-11-19', 10n, 30n, [{ cents: 20n, date: '2026-11-19' }]))
    expect(details()).toEqual([])
    expect(sending()).toBe('made')
    expect(accountSums(sql)).toMatchObject({ confirmed: 35n })
  })

  test('a number that is missing while the balances join is a gap, and no difference', () => {
    take(day('2026-11-18', 5n, 5n, [], { sequence: 1 }))
    take(day('2026-11-20', 5n, 5n, [], { sequence: 3 }))
    expect(details()).toEqual([])
    expect(sending()).toBe('made')
  })

  test('a statement that comes again with other balances', () => {
    take(day('2026-11-18', 0n, 10n, [{ cents: 10n, date: '2026-11-18' }]))
    take(day('2026-11-18', 0n, 25n, [{ cents: 25n, date: '2026-11-18' }]))
    expect(details()).toEqual([
      'statement S 2026-11-18 of 2026-11-18 was from 0.00 to 0.10 EUR, and has come again from 0.00 to 0.25',
    ])
    expect(sending()).toBe('sending_frozen')
  })

  test('what was booked by notice, and statements of its day do not have', () => {
    const { reference } = referenceFor(sql, 'inv_1')
    take(day('2026-11-17', 0n, 0n, []))
    take({ kind: 'camt.054', id: 'N', entries: [{ cents: 60n, date: '2026-11-18', reference }] })
    take(day('2026-11-18', 0n, 0n, []))
    // Another statement of the day may come.
    expect(details()).toEqual([])
    take(day('2026-11-19', 0n, 0n, []))
    expect(details()).toEqual([
      `a credit of 0.60 EUR (${reference}) was booked on 2026-11-18 by the bank’s notice, and no statement of that day has it`,
    ])
    expect(sending()).toBe('sending_frozen')
    take(
      day(
        '2026-11-18',
        0n,
        0n,
        [
          { cents: 60n, date: '2026-11-18', reference },
          { cents: 60n, direction: 'DBIT', date: '2026-11-18' },
        ],
        { id: 'late' },
      ),
    )
    expect(details()).toEqual([])
  })
})

test('a statement of a far future is refused: it would say that all until then is known', () => {
  const refused = take(day('2062-11-18', 0n, 10n, [{ cents: 10n, date: '2026-11-18' }]))
  expect(refused).toBe('date_in_future')
  expect(accountSums(sql).confirmed).toBeNull()
})

test('two statements of one id and day are told apart by their numbers', () => {
  take(day('2026-11-18', 0n, 10n, [{ cents: 10n, date: '2026-11-18', text: 'a' }], { sequence: 1 }))
  take(day('2026-11-18', 10n, 30n, [{ cents: 20n, date: '2026-11-18', text: 'b' }], { sequence: 2 }))
  expect(details()).toEqual([])
  expect(accountSums(sql).confirmed).toBe(30n)
})

test('what statements have is never missed in them: alone, taken apart, booked after it was pending, or sent back', () => {
  const { reference } = referenceFor(sql, 'inv_1')
  const one = { cents: 60n, date: '2026-11-18', reference, bankReference: 'A' }
  const parts = {
    cents: 30n,
    date: '2026-11-18',
    bankReference: 'B',
    parts: [
      { cents: 10n, endToEndId: 'x' },
      { cents: 20n, endToEndId: 'y' },
    ],
  }
  const whole = { cents: 30n, date: '2026-11-18', bankReference: 'B', bare: true }
  const late = { cents: 7n, date: '2026-11-18', reference, bankReference: 'C' }
  const back = { ...one, direction: 'DBIT', bankReference: 'D', returnReason: 'MS03' } as const
  take(day('2026-11-17', 0n, 0n, []))
  take({ kind: 'camt.052', id: 'R', entries: [{ ...late, status: 'PDNG' }] })
  take({ kind: 'camt.054', id: 'N', entries: [one, parts, back] })
  take(day('2026-11-18', 0n, 37n, [one, whole, late, back]))
  take(day('2026-11-19', 37n, 37n, []))
  take(day('2026-11-20', 37n, 37n, []))
  expect(details()).toEqual([])
  expect(accountSums(sql)).toMatchObject({ confirmed: 37n, pending: 0n, leaving: 0n })
})

test('statements that are brought backwards are one alarm, and history that is missing is none', () => {
  const { reference } = referenceFor(sql, 'inv_1')
  take(day('2026-01-05', 0n, 0n, []))
  take({ kind: 'camt.054', id: 'N', entries: [{ cents: 60n, date: '2026-03-05', reference }] })
  for (const date of ['20', '19', '18', '17'])
    take(day(`2026-11-${date}`, BigInt(date), BigInt(date) + 1n, [{ cents: 1n, date: `2026-11-${date}` }]))
  expect(details()).toEqual([])
  for (const date of ['06', '05', '04', '03'])
    take(day(`2026-11-${date}`, BigInt(date), BigInt(date) + 1n, [{ cents: 1n, date: `2026-11-${date}` }]))
  expect(details()).toHaveLength(1)
  expect(alarms).toBe(1)
  // What was booked by notice before there were statements is in none, and waits for none.
  expect(accountSums(sql)).toMatchObject({ confirmed: 7n, pending: 0n })
})

test('parts of an entry without a reference are not missed: nobody could find them again', () => {
  const parts = {
    cents: 30n,
    date: '2026-11-18',
    parts: [
      { cents: 10n, text: 'x' },
      { cents: 20n, text: 'y' },
    ],
  }
  take(day('2026-11-17', 0n, 0n, []))
  take({ kind: 'camt.054', id: 'N', entries: [parts] })
  take(day('2026-11-18', 0n, 30n, [{ cents: 30n, date: '2026-11-18', bare: true }]))
  take(day('2026-11-19', 30n, 30n, []))
  expect(details()).toEqual([])
})

test('a person’s word lasts: sending goes on, the same is not raised again, and something else is', () => {
  const { reference } = referenceFor(sql, 'inv_1')
  take(day('2026-11-16', 0n, 0n, []))
  take({ kind: 'camt.054', id: 'N', entries: [{ cents: 60n, date: '2026-11-17', reference }] })
  take(day('2026-11-18', 0n, 10n, [{ cents: 10n, date: '2026-11-18' }]))
  take(day('2026-11-20', 30n, 30n, []))
  const [first, second, ...more] = openDifferences(sql)
  expect(more).toEqual([])
  expect(alarms).toBe(2)
  expect(clearDifference(sql, first?.id ?? '')).toBe(true)
  expect(sending()).toBe('sending_frozen')
  expect(clearDifference(sql, second?.id ?? '')).toBe(true)
  expect(clearDifference(sql, second?.id ?? '')).toBe(false)
  expect(clearDifference(sql, 'nothing of the kind')).toBe(false)
  expect(sending()).toBe('made')
  take({ kind: 'camt.054', id: 'N2', entries: [{ cents: 1n, date: '2026-11-18' }] })
  expect(details()).toEqual([])
  take(day('2026-11-18', 0n, 11n, [{ cents: 11n, date: '2026-11-18' }]))
  expect(details()).toHaveLength(2)
})

test('sending stays stopped however many there are', () => {
  for (let n = 0; n < DIFFERENCES_MAX + 5; n++) take(day('2026-11-18', 0n, 11n, [], { id: `S${n}` }))
  expect(details()).toHaveLength(DIFFERENCES_MAX)
  expect(sending()).toBe('sending_frozen')
})

test('sums: what is announced, what the bank carries out, and what waits for it', () => {
  expect(accountSums(sql)).toEqual({ confirmed: null, pending: 0n, leaving: 0n, reserved: 0n })
  take(day('2026-11-18', 0n, 1_000n, [{ cents: 1_000n, date: '2026-11-18' }]))
  take({ kind: 'camt.052', id: 'R', entries: [{ cents: 7n, date: '2026-11-19', status: 'PDNG', text: 'a' }] })
  take({ kind: 'camt.054', id: 'N', entries: [{ cents: 20n, date: '2026-11-19', text: 'b' }] })
  const made = createTransfer(sql, ACCOUNT, bankWish(), nowMs)
  if (!made.ok) throw new Error(made.error.reason)
  const { units } = made.value.wish
  expect(accountSums(sql)).toEqual({ confirmed: 1_000n, pending: 27n, leaving: 0n, reserved: units })
  makePaymentFile(sql, ACCOUNT, nowMs)
  expect(accountSums(sql)).toMatchObject({ leaving: 0n, reserved: units })
})
