import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ACCOUNT_KINDS, accountKind, CAUSES, signOf } from '../../src/ledger/accounts.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import type { Booking } from '../../src/ledger/rpc.ts'
import { booking } from './builders.ts'
import { openRows } from './sqlite.ts'

/** The table of docs/ledger.md: each account, an id where it takes one, with its sign. */
const documented = [...readFileSync('docs/ledger.md', 'utf8').matchAll(/^\| (`.+`) \| (claim|backing|open|zero) \|/gm)].flatMap(
  ([, names = '', sign]) =>
    [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => ({ name: name.replace(/<.+>/, 'x-1_Z'), sign })),
)

describe('the chart of accounts', () => {
  it('is the one of docs/ledger.md', () => {
    expect(documented.map(({ name }) => accountKind(name)).sort()).toEqual([...ACCOUNT_KINDS].sort())
  })

  it.each(documented)('has $name as $sign', ({ name, sign }) => {
    expect(signOf(name)).toBe(sign)
  })

  it.each([
    'nothing',
    '',
    ':',
    ':wal_hot',
    'Available',
    'available ',
    'available:wal_hot',
    'self',
    'wallet',
    'wallet:',
    'wallet:a b',
    'wallet: a',
    'wallet:a ',
    'wallet:a:b',
    `wallet:${'a'.repeat(65)}`,
    'partner',
    'toString',
    '__proto__',
  ])('has no %j', (name) => {
    expect(signOf(name)).toBeNull()
  })

  it('takes ids of up to 64 characters', () => {
    expect(signOf(`wallet:${'a'.repeat(64)}`)).toBe('open')
    expect(accountKind('wallet:wal_hot')).toBe('wallet')
  })

  it('has all accounts that causes speak of', () => {
    for (const kinds of Object.values(CAUSES)) expect(ACCOUNT_KINDS).toEqual(expect.arrayContaining([...kinds]))
  })
})

describe('a booking', () => {
  type Movement = [cause: Booking['cause'], from: string, to: string]

  function accepts([cause, from, to]: Movement): boolean {
    const postings = [{ from, to, amount: 5n, asset: 'BTC' }]
    const ledger = new Ledger(openRows().sql)
    return ledger.book(booking('b', { cause, postings, by: 'Ada', reason: 'counted wrongly' }), 1).ok
  }

  it.each<Movement>([
    ['adjustment', 'adjustments', 'available'],
    ['adjustment', 'adjustments', 'held'],
    ['adjustment', 'adjustments', 'in_transit'],
    ['adjustment', 'adjustments', 'fees'],
    ['adjustment', 'adjustments', 'partner:par_1'],
    ['adjustment', 'adjustments', 'treasury'],
    ['adjustment', 'adjustments', 'exchange'],
    ['adjustment', 'adjustments', 'wallet:wal_hot'],
    ['adjustment', 'shortfall', 'adjustments'],
    ['adjustment', 'fees_due', 'adjustments'],
    ['treasury', 'fees', 'treasury'],
    ['treasury', 'treasury', 'wallet:wal_hot'],
    ['network_fee', 'treasury', 'wallet:wal_hot'],
    ['network_fee', 'fees', 'wallet:wal_hot'],
    ['bank_return', 'wallet:wal_bank', 'available'],
    ['conversion', 'exchange', 'available'],
  ])('of the cause %s moves money from %s to %s', (...movement) => {
    expect(accepts(movement)).toBe(true)
  })

  it.each<Movement>([
    // What follows the chain alone, and what a reservation gives back, is nobody's to correct.
    ['adjustment', 'adjustments', 'pending'],
    ['adjustment', 'adjustments', 'reserved'],
    ['adjustment', 'adjustments', 'self.available'],
    ['adjustment', 'adjustments', 'rounding'],
    ['adjustment', 'incoming:wal_hot', 'adjustments'],
    ['treasury', 'wallet:wal_hot', 'available'],
    ['refund', 'wallet:wal_hot', 'treasury'],
    ['payout', 'wallet:wal_hot', 'fees'],
    ['network_fee', 'wallet:wal_hot', 'exchange'],
    ['conversion', 'exchange', 'wallet:wal_hot'],
    ['bank_return', 'wallet:wal_bank', 'treasury'],
    // What merchants have leaves by a reservation, which a frozen ledger refuses, or by a person's adjustment.
    ['payout', 'available', 'in_transit'],
    ['payout', 'reserved', 'wallet:wal_hot'],
    ['refund', 'available', 'wallet:wal_hot'],
    ['network_fee', 'available', 'wallet:wal_hot'],
    ['conversion', 'available', 'exchange'],
    ['bank_return', 'held', 'wallet:wal_bank'],
    ['bank_return', 'shortfall', 'wallet:wal_bank'],
    ['bank_return', 'self.available', 'self.wallet:wal_bank'],
  ])('of the cause %s moves none from %s to %s', (...movement) => {
    expect(accepts(movement)).toBe(false)
  })
})
