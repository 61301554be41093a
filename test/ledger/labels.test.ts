import { describe, expect, it } from 'vitest'
import { Ledger } from '../../src/ledger/ledger.ts'
import type { InvoicePositions } from '../../src/ledger/types.ts'
import { booking, lines, log, payment, positions, reserve, WALLET } from './builders.ts'
import { openRows } from './sqlite.ts'

function told(...words: readonly InvoicePositions[]): Ledger {
  const ledger = new Ledger(openRows().sql)
  for (const word of words) expect(ledger.record(word, 1_000).ok).toBe(true)
  return ledger
}

describe('a transaction', () => {
  it('names the payment it is of, until that is gone again', () => {
    const held = payment({ late: true, place: 'held' })
    const ledger = told(
      positions(2, [{ ...held, place: 'pending' }]),
      positions(3, [held]),
      positions(4, [{ ...held, place: 'available' }]),
      positions(5, [{ ...held, place: 'none' }]),
    )
    expect(log(ledger).map(({ cause, payment }) => [cause, payment])).toEqual([
      ['payment_seen', held.key],
      ['late_payment', held.key],
      ['late_accepted', held.key],
      ['reorg', held.key],
    ])
  })

  it('of a held payment has no part beyond the price: nothing of it counts yet', () => {
    const ledger = told(positions(2, [payment({ late: true, place: 'held', over: 30_000n })]))
    expect(lines(log(ledger))).toEqual([`late_payment wallet:${WALLET}>held 100000`])
  })

  it('that pays back what is owed stands by itself', () => {
    const ledger = new Ledger(openRows().sql)
    const move = (from: string, to: string) => [{ from, to, amount: 50n, asset: 'BTC' }]
    ledger.book(booking('loan', { cause: 'adjustment', postings: move('shortfall', 'adjustments'), by: 'A', reason: 'r' }), 1)
    ledger.book(booking('back', { cause: 'bank_return', postings: move(`wallet:${WALLET}`, 'available') }), 1)
    expect(log(ledger).at(-1)).toMatchObject({ cause: 'shortfall', phase: 'single', of: null, payment: null, by: null })
  })

  it('of a reservation is pending, and what ends it posts or voids it', () => {
    const ledger = told(positions(2, [payment()]))
    ledger.reserve(reserve('a', 10n), 1)
    ledger.post({ key: 'a/post', of: 'a', amount: 4n, to: 'in_transit' }, 1)
    ledger.reserve(reserve('b', 10n), 1)
    ledger.release({ key: 'b/void', of: 'b' }, 1)
    const ends = log(ledger).slice(1)
    expect(ends.map(({ key, phase, of }) => [key, phase, of])).toEqual([
      ['a', 'pending', null],
      ['a/post', 'post', 'a'],
      ['b', 'pending', null],
      ['b/void', 'void', 'b'],
    ])
  })
})

describe('a person who corrects something', () => {
  it('has a name and a reason that are more than spaces', () => {
    const ledger = new Ledger(openRows().sql)
    const postings = [{ from: 'adjustments', to: 'available', amount: 1n, asset: 'BTC' }]
    const adjust = (by: string, reason: string) => ledger.book(booking('x', { cause: 'adjustment', postings, by, reason }), 1)
    expect(adjust('  ', 'because')).toMatchObject({ ok: false, error: { reason: 'bad_posting' } })
    expect(adjust('Ada', '\t')).toMatchObject({ ok: false, error: { reason: 'bad_posting' } })
    expect(adjust('Ada', 'because').ok).toBe(true)
  })
})
