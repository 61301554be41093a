import { describe, expect, it } from 'vitest'
import { Ledger } from '../../src/ledger/ledger.ts'
import { audit, booking, figures, lines, log, payment, positions, reserve, STORE, WALLET } from './builders.ts'
import { openRows } from './sqlite.ts'

const NOW = 1_000_000

/** A ledger with 100,000 available. */
function funded(): Ledger {
  const ledger = new Ledger(openRows().sql)
  ledger.record(positions(2, [payment()]), NOW)
  return ledger
}

describe('a reservation', () => {
  it('takes money out of what is available', () => {
    const ledger = funded()
    const made = ledger.reserve(reserve('p1', 60_000n), NOW)
    expect(made).toMatchObject({ ok: true, value: { no: 2, cause: 'payout', phase: 'pending', key: 'p1', transferId: 'tr_p1' } })
    expect(figures(ledger)).toMatchObject({ available: 40_000n, reserved: 60_000n })
    audit(ledger)
  })

  it('is made once, however often it is asked for', () => {
    const ledger = funded()
    const made = ledger.reserve(reserve('p1', 60_000n), NOW)
    expect(ledger.reserve(reserve('p1', 60_000n), NOW + 5)).toEqual(made)
    expect(figures(ledger).reserved).toBe(60_000n)
    expect(ledger.reserve(reserve('p1', 50_000n), NOW)).toMatchObject({ ok: false, error: { reason: 'ledger_key_reused' } })
    expect(ledger.reserve(reserve('p1', 60_000n, { invoiceId: 'inv_9' }), NOW)).toMatchObject({
      error: { reason: 'ledger_key_reused', detail: 'the key p1 was used for another reservation' },
    })
  })

  it('of more than there is, is refused with what there is', () => {
    const ledger = funded()
    expect(ledger.reserve(reserve('p1', 100_001n), NOW)).toEqual({
      ok: false,
      error: { reason: 'insufficient_funds', account: 'available', asset: 'BTC', available: 100_000n },
    })
    expect(ledger.reserve(reserve('p1', 100_000n, { wantedAtMs: 2 }), NOW)).toMatchObject({ ok: true })
    expect(ledger.reserve(reserve('p2', 1n), NOW)).toMatchObject({ error: { reason: 'insufficient_funds', available: 0n } })
    expect(ledger.reserve(reserve('p3', 0n), NOW)).toMatchObject({ error: { reason: 'bad_posting' } })
    expect(ledger.reserve(reserve('p4', -5n), NOW)).toMatchObject({ error: { reason: 'bad_posting' } })
  })

  it('is posted, all of it', () => {
    const ledger = funded()
    ledger.reserve(reserve('p1', 60_000n), NOW)
    const posted = ledger.post({ key: 'p1/sent', of: 'p1', amount: 60_000n, to: 'in_transit' }, NOW)
    expect(posted).toMatchObject({ ok: true, value: { phase: 'post', of: 'p1', cause: 'payout', transferId: 'tr_p1' } })
    expect(ledger.post({ key: 'p1/sent', of: 'p1', amount: 60_000n, to: 'in_transit' }, NOW)).toEqual(posted)
    expect(figures(ledger)).toMatchObject({ available: 40_000n, in_transit: 60_000n })
    expect(figures(ledger).reserved).toBeUndefined()
    const arrived = [{ from: 'in_transit', to: `wallet:${WALLET}`, amount: 60_000n, asset: 'BTC' }]
    expect(ledger.book(booking('p1/final', { cause: 'payout', postings: arrived }), NOW)).toMatchObject({ ok: true })
    expect(figures(ledger)).toEqual({ available: 40_000n, [`wallet:${WALLET}`]: -40_000n })
    audit(ledger)
  })

  it('is posted in part: the rest is available again', () => {
    const ledger = funded()
    ledger.reserve(reserve('p1', 60_000n), NOW)
    ledger.post({ key: 'p1/sent', of: 'p1', amount: 45_000n, to: `wallet:${WALLET}` }, NOW)
    expect(lines(log(ledger)).slice(2)).toEqual([`payout reserved>wallet:${WALLET} 45000`, 'payout reserved>available 15000'])
    expect(figures(ledger)).toEqual({ available: 55_000n, [`wallet:${WALLET}`]: -55_000n })
  })

  it('cannot be posted over its amount, nor to where money does not leave', () => {
    const ledger = funded()
    ledger.reserve(reserve('p1', 60_000n), NOW)
    const post = (amount: bigint, to: string) => ledger.post({ key: 'x', of: 'p1', amount, to }, NOW)
    expect(post(60_001n, 'in_transit')).toEqual({
      ok: false,
      error: { reason: 'bad_posting', detail: '60001 of 60000 reserved BTC cannot be posted' },
    })
    expect(post(0n, 'in_transit')).toMatchObject({ error: { reason: 'bad_posting' } })
    for (const to of ['available', 'reserved', 'held', 'fees', 'nowhere', 'exchange', 'wallet:', 'in_transit:x'])
      expect(post(1n, to)).toMatchObject({ ok: false, error: { reason: 'bad_posting' } })
    expect(figures(ledger).reserved).toBe(60_000n)
  })

  it('of a conversion goes over the exchange account, each asset in balance', () => {
    const ledger = funded()
    ledger.reserve(reserve('c1', 50_000n, { cause: 'conversion' }), NOW)
    expect(ledger.post({ key: 'c1/sold', of: 'c1', amount: 50_000n, to: 'exchange' }, NOW)).toMatchObject({ ok: true })
    const bought = [{ from: 'exchange', to: 'available', amount: 3_000n, asset: 'EUR' }]
    expect(ledger.book(booking('c1/bought', { cause: 'conversion', postings: bought }), NOW)).toMatchObject({ ok: true })
    expect(figures(ledger)).toMatchObject({ available: 50_000n, exchange: 50_000n })
    expect(figures(ledger, 'EUR')).toEqual({ available: 3_000n, exchange: -3_000n })
    audit(ledger)
  })

  it('that is released gives everything back, once', () => {
    const ledger = funded()
    ledger.reserve(reserve('p1', 60_000n), NOW)
    const released = ledger.release({ key: 'p1/void', of: 'p1' }, NOW)
    expect(released).toMatchObject({ ok: true, value: { phase: 'void', of: 'p1' } })
    expect(ledger.release({ key: 'p1/void', of: 'p1' }, NOW)).toEqual(released)
    expect(figures(ledger)).toEqual({ available: 100_000n, [`wallet:${WALLET}`]: -100_000n })
    expect(ledger.post({ key: 'p1/sent', of: 'p1', amount: 1n, to: 'in_transit' }, NOW)).toEqual({
      ok: false,
      error: { reason: 'reservation_closed', state: 'released' },
    })
    ledger.reserve(reserve('p2', 1n), NOW)
    ledger.post({ key: 'p2/sent', of: 'p2', amount: 1n, to: 'in_transit' }, NOW)
    expect(ledger.release({ key: 'p2/void', of: 'p2' }, NOW)).toMatchObject({
      error: { reason: 'reservation_closed', state: 'posted' },
    })
  })

  it('that nobody made is not found', () => {
    const missing = { ok: false, error: { reason: 'reservation_not_found' } }
    expect(funded().release({ key: 'x', of: 'p1' }, NOW)).toEqual(missing)
    expect(new Ledger(openRows().sql).release({ key: 'x', of: 'p1' }, NOW)).toEqual(missing)
  })

  it('gives itself back when its time is over', () => {
    const ledger = funded()
    ledger.reserve(reserve('p1', 10_000n, { expiresAtMs: NOW + 500 }), NOW)
    ledger.reserve(reserve('p2', 20_000n, { expiresAtMs: NOW + 300 }), NOW)
    ledger.reserve(reserve('p3', 30_000n), NOW)
    expect(ledger.nextExpiryMs()).toBe(NOW + 300)
    expect(ledger.expire(NOW + 299)).toBe(false)
    expect(ledger.expire(NOW + 300)).toBe(true)
    expect(ledger.nextExpiryMs()).toBe(NOW + 500)
    expect(figures(ledger)).toMatchObject({ available: 60_000n, reserved: 40_000n })
    expect(log(ledger).at(-1)).toMatchObject({ key: 'p2/expired', phase: 'void', of: 'p2' })
    expect(ledger.expire(NOW + 300)).toBe(false)
  })

  it('whose time is over is not posted, nor is what it held lent to another', () => {
    const ledger = funded()
    ledger.reserve(reserve('p1', 100_000n, { expiresAtMs: NOW + 500 }), NOW)
    expect(ledger.reserve(reserve('p2', 100_000n), NOW + 499)).toMatchObject({ error: { reason: 'insufficient_funds' } })
    expect(ledger.reserve(reserve('p2', 100_000n, { wantedAtMs: 2 }), NOW + 500)).toMatchObject({ ok: true })
    expect(ledger.post({ key: 'p1/sent', of: 'p1', amount: 1n, to: 'in_transit' }, NOW + 500)).toMatchObject({
      error: { reason: 'reservation_closed', state: 'released' },
    })
    audit(ledger)
  })

  it('of an invoice is shown with it', () => {
    const ledger = funded()
    ledger.reserve(reserve('r1', 10_000n, { cause: 'refund', invoiceId: 'inv_1', transferId: 're_1' }), NOW)
    ledger.post({ key: 'r1/sent', of: 'r1', amount: 10_000n, to: 'in_transit' }, NOW)
    expect(ledger.ofInvoice(STORE, 'inv_1', 0).map(({ transaction }) => [transaction.no, transaction.cause])).toEqual([
      [1, 'payment_settled'],
      [2, 'refund'],
      [3, 'refund'],
    ])
  })
})

describe('a booking', () => {
  const move = (from: string, to: string, amount = 10n, asset = 'BTC') => [{ from, to, amount, asset }]

  it('is made once under its key', () => {
    const ledger = funded()
    const fees = booking('t1', { postings: move(`wallet:${WALLET}`, 'treasury') })
    const made = ledger.book(fees, NOW)
    expect(made).toMatchObject({ ok: true, value: { cause: 'treasury', phase: 'single', key: 't1' } })
    expect(ledger.book(fees, NOW + 9)).toEqual(made)
    expect(ledger.book({ ...fees, postings: move(`wallet:${WALLET}`, 'treasury', 11n) }, NOW)).toEqual({
      ok: false,
      error: { reason: 'ledger_key_reused', detail: 'the key t1 was used for another transaction' },
    })
    expect(figures(ledger).treasury).toBe(10n)
  })

  it('touches only the accounts of its cause', () => {
    const ledger = funded()
    const refused = (cause: 'treasury' | 'network_fee' | 'payout', from: string, to: string) =>
      ledger.book(booking('x', { cause, postings: move(from, to) }), NOW)
    expect(refused('treasury', 'fees', 'available')).toEqual({
      ok: false,
      error: { reason: 'bad_posting', detail: 'treasury does not touch available' },
    })
    expect(refused('treasury', 'fees', 'nobody')).toEqual({
      ok: false,
      error: { reason: 'bad_posting', detail: 'there is no account nobody' },
    })
    expect(refused('payout', 'in_transit', 'in_transit')).toEqual({
      ok: false,
      error: { reason: 'bad_posting', detail: 'a posting goes from one account to another, not from in_transit to itself' },
    })
    expect(refused('network_fee', 'treasury', `wallet:${WALLET}`)).toMatchObject({ ok: true })
  })

  it('moves an amount that can be', () => {
    const ledger = funded()
    for (const amount of [0n, -1n, 2n ** 127n]) {
      expect(ledger.book(booking('x', { postings: move('fees', 'treasury', amount) }), NOW)).toEqual({
        ok: false,
        error: { reason: 'bad_posting', detail: `${amount} BTC is no amount to post` },
      })
    }
    expect(ledger.book(booking('x', { postings: move('fees', 'treasury', 2n ** 127n - 1n) }), NOW)).toMatchObject({ ok: true })
    expect(ledger.book(booking('y', { postings: [] }), NOW)).toEqual({
      ok: false,
      error: { reason: 'bad_posting', detail: 'a transaction has at least one posting' },
    })
  })

  it('is refused whole when one of its postings is', () => {
    const ledger = funded()
    const postings = [...move('available', 'in_transit', 100_000n), ...move('available', 'in_transit', 1n)]
    const before = ledger.standing()
    expect(ledger.book(booking('x', { cause: 'adjustment', postings, by: 'Ada', reason: 'test' }), NOW)).toMatchObject({
      error: { reason: 'insufficient_funds', account: 'available', available: 100_000n },
    })
    expect(ledger.standing()).toEqual(before)
  })

  it.each(['available', 'reserved', 'held', 'shortfall', 'self.available'])('takes nothing out of %s, frozen or not', (from) => {
    const ledger = funded()
    ledger.reserve(reserve('r', 10n), NOW)
    const before = ledger.standing().stores
    for (const frozen of [false, true]) {
      if (frozen) ledger.raise([{ id: 'book', kind: 'book', storeId: null, detail: 'test', sinceMs: NOW }])
      for (const cause of ['refund', 'payout', 'conversion', 'network_fee', 'bank_return', 'treasury'] as const)
        expect(ledger.book(booking('x', { cause, postings: move(from, `wallet:${WALLET}`) }), NOW)).toMatchObject({
          error: { reason: 'bad_posting', detail: expect.stringContaining(`takes nothing out of ${from}`) },
        })
    }
    expect(ledger.standing().stores).toEqual(before)
  })

  it('keeps the sign of every account', () => {
    const ledger = funded()
    const book = (from: string, to: string) =>
      ledger.book(booking(`${from}>${to}`, { cause: 'adjustment', postings: move(from, to), by: 'Ada', reason: 'test' }), NOW)
    expect(book('adjustments', 'shortfall')).toEqual({
      ok: false,
      error: { reason: 'bad_posting', detail: 'shortfall would stand at 10 BTC: it is never above zero' },
    })
    expect(book('in_transit', 'available')).toMatchObject({ error: { reason: 'insufficient_funds', account: 'in_transit' } })
    expect(book('shortfall', 'adjustments')).toMatchObject({ ok: true })
    for (const account of ['rounding', 'pending', 'reserved', 'self.available', `incoming:${WALLET}`])
      expect(book('adjustments', account)).toMatchObject({ error: { reason: 'bad_posting' } })
  })

  it('by a person says who and why', () => {
    const ledger = funded()
    const adjust = (by: string | null, reason: string | null) =>
      ledger.book(booking('adj', { cause: 'adjustment', postings: move('adjustments', 'available'), by, reason }), NOW)
    for (const [by, reason] of [
      [null, 'because'],
      ['Ada', null],
      ['Ada', '  '],
      ['', 'because'],
    ] as const)
      expect(adjust(by, reason)).toEqual({
        ok: false,
        error: { reason: 'bad_posting', detail: 'an adjustment says who made it and why' },
      })
    expect(adjust('Ada', 'a bank error')).toMatchObject({ ok: true, value: { by: 'Ada', reason: 'a bank error' } })
    expect(adjust('Eve', 'a bank error')).toMatchObject({ error: { reason: 'ledger_key_reused' } })
  })

  it('pays back what is owed out of what it brings', () => {
    const ledger = new Ledger(openRows().sql)
    ledger.book(
      booking('loan', { cause: 'adjustment', postings: move('shortfall', 'adjustments', 50n), by: 'A', reason: 'r' }),
      NOW,
    )
    ledger.book(booking('back', { cause: 'bank_return', postings: move(`wallet:${WALLET}`, 'available', 30n) }), NOW)
    expect(lines(log(ledger)).at(-1)).toBe('shortfall available>shortfall 30')
    expect(figures(ledger)).toEqual({ shortfall: -20n, adjustments: 50n, [`wallet:${WALLET}`]: -30n })
    audit(ledger)
  })
})

describe('a difference', () => {
  const difference = { id: 'chain/x', kind: 'chain' as const, storeId: STORE, detail: 'the chain has 1, the books 2', sinceMs: 5 }

  it('freezes money out until a person has looked, and nothing else', () => {
    const ledger = funded()
    ledger.reserve(reserve('old', 1n), NOW)
    ledger.raise([difference])
    expect(ledger.reserve(reserve('p1', 1n), NOW)).toEqual({
      ok: false,
      error: { reason: 'ledger_frozen', differences: ['chain/x'] },
    })
    expect(ledger.reserve(reserve('old', 1n), NOW)).toMatchObject({ ok: true })
    expect(ledger.record(positions(3, [payment({ place: 'pending' })]), NOW)).toMatchObject({ ok: true })
    expect(ledger.clear({ id: 'chain/x', by: 'Ada', reason: 'looked' }, NOW)).toEqual({ ok: true, value: null })
    expect(ledger.reserve(reserve('p1', 1n, { wantedAtMs: 2 }), NOW)).toMatchObject({ error: { reason: 'insufficient_funds' } })
  })

  it('is kept once, and not again after it was cleared, unless it says something new', () => {
    const ledger = funded()
    ledger.raise([difference, difference])
    ledger.raise([{ ...difference, sinceMs: 9 }])
    expect(ledger.standing().differences).toEqual([difference])
    ledger.clear({ id: 'chain/x', by: 'Ada', reason: 'looked' }, NOW)
    ledger.raise([difference])
    expect(ledger.standing().differences).toEqual([])
    expect(ledger.clear({ id: 'chain/x', by: 'Ada', reason: 'again' }, NOW)).toEqual({
      ok: false,
      error: { reason: 'difference_not_found' },
    })
    ledger.raise([{ ...difference, detail: 'the chain has 1, the books 3' }])
    expect(ledger.standing().differences).toHaveLength(1)
  })

  it('is shown to the store it concerns', () => {
    const ledger = funded()
    ledger.raise([difference, { ...difference, id: 'book', kind: 'book', storeId: null }])
    expect(ledger.balances(STORE).differences.map(({ id }) => id)).toEqual(['book', 'chain/x'])
    expect(ledger.balances('st_2').differences.map(({ id }) => id)).toEqual(['book'])
  })

  it('can be raised where nothing was ever posted', () => {
    const ledger = new Ledger(openRows().sql)
    expect(ledger.clear({ id: 'x', by: 'A', reason: 'r' }, NOW)).toMatchObject({ ok: false })
    ledger.raise([difference])
    expect(ledger.standing()).toMatchObject({ no: 0, shard: null, stores: [], differences: [difference] })
    expect(ledger.reserve(reserve('p', 1n), NOW)).toMatchObject({ error: { reason: 'ledger_frozen' } })
  })
})
