import { describe, expect, test } from 'vitest'
import { balanceFault, endOfDay, linkOf, type StatementLink, standingOf } from '../../src/bank/balances.ts'
import type { Movement, Statement } from '../../src/gateways/sepa/camt.ts'

const movement = (direction: 'credit' | 'debit', cents: bigint, status: 'booked' | 'pending' = 'booked') =>
  ({ direction, cents, status }) as Movement
const statement = (changes: Partial<Statement>): Statement => ({
  kind: 'camt.053',
  id: 'S',
  iban: null,
  sequence: null,
  opening: { cents: 100n, date: '2026-11-19' },
  closing: { cents: 130n, date: '2026-11-20' },
  movements: [movement('credit', 50n), movement('debit', 20n), movement('credit', 999n, 'pending')],
  announced: 0,
  ...changes,
})

test('opening balance and what is booked are the closing balance', () => {
  expect(balanceFault(statement({}))).toBe(0n)
  expect(balanceFault(statement({ closing: { cents: 129n, date: '' } }))).toBe(1n)
  expect(balanceFault(statement({ movements: [] }))).toBe(-30n)
  expect(balanceFault(statement({ opening: null }))).toBeNull()
  expect(linkOf(statement({ closing: null }))).toBeNull()
  expect(linkOf(statement({ kind: 'camt.052' }))).toBeNull()
})

const link = (date: string, openingCents: bigint, closingCents: bigint, sequence: bigint | null = null): StatementLink => ({
  id: `${date}/${openingCents}`,
  sequence,
  openingCents,
  closingCents,
  date,
})
const one = link('2026-11-18', 0n, 10n, 1n)
const two = link('2026-11-19', 10n, 30n, 2n)
const three = link('2026-11-20', 30n, 5n, 3n)

describe('how far statements join', () => {
  test('whatever order they came in', () => {
    expect(standingOf([three, one, two])).toEqual({ last: three, gap: null })
    expect(standingOf([])).toEqual({ last: null, gap: null })
  })

  test('up to a gap, which is told, and on when it is filled', () => {
    expect(standingOf([one, three])).toEqual({
      last: one,
      gap: {
        before: three,
        detail: '2026-11-18 closed with 0.10 EUR and the next statement, of 2026-11-20, opens with 0.30 EUR (numbers 1 and 3)',
      },
    })
    expect(standingOf([one, three, two]).last).toBe(three)
  })

  test('a missing one is found by its number though the balances are the same', () => {
    expect(standingOf([link('2026-11-18', 5n, 5n, 1n), link('2026-11-20', 5n, 5n, 3n)]).gap).not.toBeNull()
  })

  test('several of one day, in the order in which they join', () => {
    const second = link('2026-11-18', 10n, 7n)
    const third = link('2026-11-18', 7n, 3n)
    expect(standingOf([third, second, link('2026-11-18', 7n, 10n), link('2026-11-17', 1n, 7n)]).gap).not.toBeNull()
    expect(standingOf([third, second, link('2026-11-17', 1n, 10n)])).toEqual({ last: third, gap: null })
    expect(standingOf([third, second])).toEqual({ last: third, gap: null })
  })

  test('a year begins with number 1', () => {
    const last = link('2026-12-31', 0n, 10n, 250n)
    expect(standingOf([last, link('2027-01-02', 10n, 11n, 1n)]).gap).toBeNull()
    expect(standingOf([last, link('2027-01-02', 10n, 11n, 2n)]).gap).not.toBeNull()
  })

  test('a gap of long ago stops nobody any more', () => {
    const old = link('2026-01-01', 0n, 1n)
    expect(standingOf([old, two, three])).toEqual({ last: three, gap: null })
  })
})

test('a day is over at its end', () => {
  expect(endOfDay('2026-11-20')).toBe(Date.UTC(2026, 10, 21))
})
