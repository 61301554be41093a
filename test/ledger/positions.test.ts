import { describe, expect, it } from 'vitest'
import { Ledger } from '../../src/ledger/ledger.ts'
import type { FeePosition, InvoicePositions } from '../../src/ledger/types.ts'
import { audit, booking, figures, lines, log, payment, positions, reserve, WALLET } from './builders.ts'
import { openRows } from './sqlite.ts'

function newLedger(): Ledger {
  return new Ledger(openRows().sql)
}

function say(ledger: Ledger, ...words: InvoicePositions[]): Ledger {
  for (const word of words) expect(ledger.record(word, 1_000)).toEqual({ ok: true, value: null })
  audit(ledger)
  return ledger
}

const fee = (units: bigint, partner = 0n): FeePosition => ({
  asset: 'BTC',
  custody: 'platform',
  units,
  partner: partner === 0n ? null : { id: 'par_1', units: partner },
})

describe('a payment in the books', () => {
  it('is pending when it is seen', () => {
    const ledger = say(newLedger(), positions(2, [payment({ place: 'pending' })]))
    expect(figures(ledger)).toEqual({ pending: 100_000n, [`incoming:${WALLET}`]: -100_000n })
    expect(log(ledger)).toMatchObject([
      { no: 1, cause: 'payment_seen', phase: 'pending', of: null, key: 'inv_1/2/1', payment: 'bip122:0/tx1/0', invoiceId: 'inv_1' },
    ])
  })

  it('is available once it settles, and no longer pending', () => {
    const ledger = say(newLedger(), positions(2, [payment({ place: 'pending' })]), positions(3, [payment()]))
    expect(figures(ledger)).toEqual({ available: 100_000n, [`wallet:${WALLET}`]: -100_000n })
    expect(log(ledger)[1]).toMatchObject({ cause: 'payment_settled', phase: 'post', of: 'inv_1/2/1', key: 'inv_1/3/1' })
  })

  it('settles without having been seen before', () => {
    const ledger = say(newLedger(), positions(3, [payment()]))
    expect(figures(ledger)).toEqual({ available: 100_000n, [`wallet:${WALLET}`]: -100_000n })
    expect(log(ledger)).toMatchObject([{ cause: 'payment_settled', phase: 'single', of: null }])
  })

  it('leaves nothing behind when it was replaced before it was final', () => {
    const ledger = say(newLedger(), positions(2, [payment({ place: 'pending' })]), positions(3, [payment({ place: 'none' })]))
    expect(figures(ledger)).toEqual({})
    expect(log(ledger)[1]).toMatchObject({ cause: 'payment_lost', phase: 'void', of: 'inv_1/2/1' })
  })

  it('is taken back by a reorganisation, by an entry of its own, and is pending again', () => {
    const ledger = say(
      newLedger(),
      positions(2, [payment({ place: 'pending' })]),
      positions(3, [payment()]),
      positions(4, [payment({ place: 'pending' })]),
      positions(5, [payment()]),
    )
    expect(lines(log(ledger)).slice(3)).toEqual([
      `reorg available>wallet:${WALLET} 100000`,
      `payment_seen incoming:${WALLET}>pending 100000`,
      `payment_settled pending>incoming:${WALLET} 100000`,
      `payment_settled wallet:${WALLET}>available 100000`,
    ])
    expect(log(ledger)[4]).toMatchObject({ phase: 'post', of: 'inv_1/4/2' })
  })

  it('is called lost, not reorganised, when it counted before any block', () => {
    const zero = payment({ zeroConfirmation: true })
    const ledger = say(newLedger(), positions(2, [zero]), positions(3, [{ ...zero, place: 'none' }]))
    expect(log(ledger)[1]).toMatchObject({ cause: 'payment_lost', phase: 'single' })
    expect(figures(ledger)).toEqual({})
  })

  it('shows what is beyond the price as a line of its own', () => {
    const ledger = say(newLedger(), positions(2, [payment({ place: 'pending' })]), positions(3, [payment({ over: 30_000n })]))
    expect(lines(log(ledger)).slice(1)).toEqual([
      `payment_settled pending>incoming:${WALLET} 70000`,
      `payment_settled wallet:${WALLET}>available 70000`,
      `over_payment pending>incoming:${WALLET} 30000`,
      `over_payment wallet:${WALLET}>available 30000`,
    ])
    expect(figures(ledger)).toEqual({ available: 100_000n, [`wallet:${WALLET}`]: -100_000n })
  })

  it('is all over-payment when the price was paid before', () => {
    const ledger = say(newLedger(), positions(3, [payment({ over: 100_000n })]))
    expect(log(ledger).map(({ cause }) => cause)).toEqual(['over_payment'])
  })

  it('is held when it came late and a person is to say, and available when they accept', () => {
    const late = payment({ late: true })
    const ledger = say(newLedger(), positions(2, [{ ...late, place: 'held' }]))
    expect(figures(ledger)).toEqual({ held: 100_000n, [`wallet:${WALLET}`]: -100_000n })
    say(ledger, positions(3, [late]))
    expect(figures(ledger)).toEqual({ available: 100_000n, [`wallet:${WALLET}`]: -100_000n })
    expect(log(ledger).map(({ cause }) => cause)).toEqual(['late_payment', 'late_accepted'])
  })

  it('that was held is taken back from what is held', () => {
    const held = payment({ late: true, place: 'held' })
    const ledger = say(newLedger(), positions(2, [held]), positions(3, [{ ...held, place: 'pending' }]))
    expect(figures(ledger)).toEqual({ pending: 100_000n, [`incoming:${WALLET}`]: -100_000n })
    expect(lines(log(ledger))[1]).toBe(`reorg held>wallet:${WALLET} 100000`)
  })

  it('that turns out to be of another amount goes and comes again', () => {
    const ledger = say(newLedger(), positions(2, [payment()]), positions(3, [payment({ units: 90_000n })]))
    expect(lines(log(ledger)).slice(1)).toEqual([
      `reorg available>wallet:${WALLET} 100000`,
      `payment_settled wallet:${WALLET}>available 90000`,
    ])
    for (const other of [{ asset: 'ETH' }, { walletId: 'wal_other' }, { custody: 'self' as const }]) {
      const changed = say(newLedger(), positions(2, [payment()]), positions(3, [payment(other)]))
      expect(figures(changed).available ?? 0n).toBe(other.walletId ? 100_000n : 0n)
      expect(log(changed)).toHaveLength(3 - 1 + 1)
    }
  })

  it('that the invoice no longer knows leaves the books', () => {
    const ledger = say(newLedger(), positions(2, [payment()]), positions(3, []))
    expect(figures(ledger)).toEqual({})
  })

  it('in the merchant’s own wallet is mirrored, never owed', () => {
    const own = payment({ custody: 'self' })
    const ledger = say(newLedger(), positions(2, [{ ...own, place: 'pending' }]))
    expect(figures(ledger)).toEqual({ 'self.pending': 100_000n, [`self.incoming:${WALLET}`]: -100_000n })
    say(ledger, positions(3, [own]))
    expect(figures(ledger)).toEqual({ 'self.available': 100_000n, [`self.wallet:${WALLET}`]: -100_000n })
    say(ledger, positions(4, [{ ...own, place: 'none' }]))
    expect(figures(ledger)).toEqual({})
    const held = say(newLedger(), positions(2, [{ ...own, place: 'held' }]), positions(3, [{ ...own, place: 'none' }]))
    expect(figures(held)).toEqual({})
    expect(lines(log(held))[1]).toBe(`reorg self.held>self.wallet:${WALLET} 100000`)
  })
})

describe('a message from an invoice', () => {
  it('that comes twice, or late, changes nothing', () => {
    const ledger = say(newLedger(), positions(3, [payment()]))
    const before = ledger.standing()
    say(ledger, positions(3, [payment()]), positions(2, [payment({ place: 'pending' })]))
    expect(ledger.standing()).toEqual(before)
  })

  it('with nothing new in it writes nothing', () => {
    const ledger = say(newLedger(), positions(3, [payment()]))
    const before = ledger.standing()
    say(ledger, positions(4, [payment()]))
    expect(ledger.standing()).toEqual(before)
  })

  it('counts as the newest word also when it had nothing to post', () => {
    const pending = payment({ place: 'pending' })
    const first = say(newLedger(), positions(3, [payment({ place: 'none' })]), positions(2, [pending]))
    expect(log(first)).toEqual([])
    const ledger = say(newLedger(), positions(2, [pending]), positions(4, [pending]), positions(3, [payment()]))
    expect(figures(ledger)).toMatchObject({ pending: 100_000n })
    say(ledger, positions(5, [payment()]), positions(4, [pending]))
    expect(figures(ledger)).toMatchObject({ available: 100_000n })
  })

  it('is told apart from those of other invoices whose ids begin alike', () => {
    const ledger = say(newLedger(), positions(9, [payment()], { invoiceId: 'inv_1' }))
    say(ledger, positions(2, [payment({ key: 'b/tx/0' })], { invoiceId: 'inv_10' }))
    expect(figures(ledger).available).toBe(200_000n)
    expect(ledger.ofInvoice('st_1', 'inv_1', 0)).toHaveLength(1)
    expect(ledger.ofInvoice('st_2', 'inv_1', 0)).toEqual([])
  })
})

describe('fees', () => {
  it('are taken out of what is available, the partner’s share out of the fee', () => {
    const ledger = say(newLedger(), positions(3, [payment()], { fees: [fee(1_000n, 200n)] }))
    expect(lines(log(ledger)).slice(1)).toEqual(['processing_fee available>fees 1000', 'partner_share fees>partner:par_1 200'])
    expect(figures(ledger)).toEqual({
      available: 99_000n,
      fees: 800n,
      'partner:par_1': 200n,
      [`wallet:${WALLET}`]: -100_000n,
    })
  })

  it('of a merchant with a wallet of their own are owed', () => {
    const own = payment({ custody: 'self' })
    const owed: FeePosition = { ...fee(1_000n, 200n), custody: 'self' }
    const ledger = say(newLedger(), positions(3, [own], { fees: [owed] }))
    expect(figures(ledger)).toMatchObject({ fees_due: -1_000n, fees: 800n, 'partner:par_1': 200n, 'self.available': 100_000n })
    say(ledger, positions(4, [{ ...own, place: 'none' }], { fees: [] }))
    expect(figures(ledger)).toEqual({})
  })

  it('grow by what is new, and come back with the payment that a reorganisation took', () => {
    const second = payment({ key: 'b/tx2/0', units: 50_000n })
    const ledger = say(
      newLedger(),
      positions(3, [payment()], { fees: [fee(1_000n, 200n)] }),
      positions(4, [payment(), second], { fees: [fee(1_500n, 300n)] }),
    )
    expect(lines(log(ledger)).slice(4)).toEqual(['processing_fee available>fees 500', 'partner_share fees>partner:par_1 100'])
    say(ledger, positions(5, [payment(), { ...second, place: 'none' }], { fees: [fee(1_000n, 200n)] }))
    expect(lines(log(ledger)).slice(6)).toEqual([
      'reorg partner:par_1>fees 100',
      'reorg fees>available 500',
      `reorg available>wallet:${WALLET} 50000`,
    ])
    say(ledger, positions(6, [], { fees: [] }))
    expect(figures(ledger)).toEqual({})
  })

  it('come back as lost when the payment counted before any block', () => {
    const zero = payment({ zeroConfirmation: true })
    const ledger = say(
      newLedger(),
      positions(3, [zero], { fees: [fee(1_000n)] }),
      positions(4, [{ ...zero, place: 'none' }], { fees: [] }),
    )
    expect(log(ledger).map(({ cause }) => cause)).toEqual(['payment_settled', 'processing_fee', 'payment_lost', 'payment_lost'])
    const both = say(
      newLedger(),
      positions(3, [zero, payment({ key: 'b/2/0' })], { fees: [fee(1_000n)] }),
      positions(4, [], { fees: [] }),
    )
    expect(lines(log(both))[3]).toBe('reorg fees>available 1000')
  })
})

describe('what the merchant owes after a reorganisation', () => {
  function paidOut(): Ledger {
    const ledger = say(newLedger(), positions(3, [payment()], { fees: [fee(1_000n)] }))
    expect(ledger.reserve(reserve('p1', 99_000n), 1_000)).toMatchObject({ ok: true })
    expect(ledger.post({ key: 'p1/sent', of: 'p1', amount: 99_000n, to: `wallet:${WALLET}` }, 1_000)).toMatchObject({ ok: true })
    return ledger
  }

  it('is the part that is no longer available', () => {
    const ledger = say(paidOut(), positions(4, [payment({ place: 'none' })], { fees: [] }))
    expect(figures(ledger)).toEqual({ shortfall: -99_000n, [`wallet:${WALLET}`]: 99_000n })
    expect(lines(log(ledger)).slice(4)).toEqual([
      'reorg fees>available 1000',
      `reorg available>wallet:${WALLET} 1000`,
      `reorg shortfall>wallet:${WALLET} 99000`,
    ])
  })

  it('is paid back out of what comes in next, before anything is available', () => {
    const ledger = say(paidOut(), positions(4, [payment({ place: 'none' })], { fees: [] }))
    say(ledger, positions(2, [payment({ key: 'b/2/0', units: 60_000n })], { invoiceId: 'inv_2' }))
    expect(figures(ledger)).toMatchObject({ shortfall: -39_000n })
    expect(figures(ledger).available).toBeUndefined()
    say(ledger, positions(2, [payment({ key: 'b/3/0', units: 60_000n })], { invoiceId: 'inv_3' }))
    expect(figures(ledger)).toMatchObject({ available: 21_000n })
    expect(lines(log(ledger)).at(-1)).toBe('shortfall available>shortfall 39000')
    expect(log(ledger).at(-1)).toMatchObject({ key: 'inv_3/2/1/shortfall/BTC', invoiceId: null })
  })

  it('covers fees that fall due when nothing is there', () => {
    const ledger = say(paidOut(), positions(4, [payment()], { fees: [fee(3_000n)] }))
    expect(lines(log(ledger)).at(-1)).toBe('processing_fee shortfall>fees 2000')
  })
})

describe('held money that a person has moved', () => {
  const held = payment({ late: true, place: 'held' })
  function moved(amount: bigint): Ledger {
    const ledger = say(newLedger(), positions(2, [held]))
    const postings = [{ from: 'held', to: 'available', amount, asset: 'BTC' }]
    expect(ledger.book(booking('a', { cause: 'adjustment', postings, by: 'Ada', reason: 'agreed' }), 1)).toMatchObject({ ok: true })
    return ledger
  }

  it('is accepted as far as it is still held', () => {
    const ledger = say(moved(40_000n), positions(3, [payment({ late: true })]))
    expect(figures(ledger)).toEqual({ available: 100_000n, [`wallet:${WALLET}`]: -100_000n })
    const none = say(moved(100_000n), positions(3, [payment({ late: true })]))
    expect(figures(none).available).toBe(100_000n)
    expect(log(none)).toHaveLength(2)
  })

  it('is taken back from where it is now', () => {
    const ledger = say(moved(40_000n), positions(3, [{ ...held, place: 'none' }]))
    expect(lines(log(ledger)).slice(2)).toEqual([`reorg held>wallet:${WALLET} 60000`, `reorg available>wallet:${WALLET} 40000`])
  })
})
