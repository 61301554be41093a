import { describe, expect, it } from 'vitest'
import { Ledger } from '../../src/ledger/ledger.ts'
import type { FeePosition, InvoicePositions } from '../../src/ledger/types.ts'
import { audit, lines, log, payment, positions } from './builders.ts'
import { openRows } from './sqlite.ts'

/** A fee, and the partner's share of it. */
const fee = (units: bigint, share: bigint, custody: FeePosition['custody'] = 'platform'): FeePosition => ({
  asset: 'BTC',
  custody,
  units,
  partner: { id: 'par_1', units: share },
})

/** What the last of an invoice's words posts. */
function posted(...words: readonly InvoicePositions[]): string[] {
  const ledger = new Ledger(openRows().sql)
  let before = 0
  for (const word of words) {
    before = log(ledger).length
    expect(ledger.record(word, 1_000)).toEqual({ ok: true, value: null })
    audit(ledger)
  }
  return lines(log(ledger).slice(before))
}

describe.each(['platform', 'self'] as const)('a fee in %s custody', (custody) => {
  const paid = [payment({ custody })]
  const [from, back] = custody === 'self' ? ['fees_due', 'fees_due'] : ['available', 'available']
  const changed = (was: FeePosition, is: FeePosition) =>
    posted(positions(3, paid, { fees: [was] }), positions(4, paid, { fees: [is] }))

  it('that grows while the share of it stays is posted alone', () => {
    expect(changed(fee(1_000n, 200n, custody), fee(1_100n, 200n, custody))).toEqual([`processing_fee ${from}>fees 100`])
  })

  it('of which the partner gets more, or less, moves the share alone', () => {
    expect(changed(fee(1_000n, 200n, custody), fee(1_000n, 300n, custody))).toEqual(['partner_share fees>partner:par_1 100'])
    expect(changed(fee(1_000n, 200n, custody), fee(1_000n, 150n, custody))).toEqual(['reorg partner:par_1>fees 50'])
  })

  it('that shrinks while the share of it stays comes back alone', () => {
    expect(changed(fee(1_000n, 200n, custody), fee(900n, 200n, custody))).toEqual([`reorg fees>${back} 100`])
  })

  it('that stays is not posted again', () => {
    expect(changed(fee(1_000n, 200n, custody), fee(1_000n, 200n, custody))).toEqual([])
  })
})

describe('a fee that comes back', () => {
  const zero = payment({ zeroConfirmation: true })
  const other = payment({ key: 'b/2/0' })
  const back = (before: Parameters<typeof positions>[1], now: Parameters<typeof positions>[1]) =>
    posted(positions(3, before, { fees: [fee(1_000n, 0n)] }), positions(4, now, { fees: [] }))[0]

  it('was lost when all that went away had never been in a block, whatever stays or was not final', () => {
    expect(back([zero, other], [other])).toBe('payment_lost fees>available 1000')
    expect(back([zero, { ...other, place: 'pending' }], [])).toBe('payment_lost fees>available 1000')
    expect(back([zero, { ...other, place: 'held' }], [zero, { ...other, place: 'held' }])).toBe('reorg fees>available 1000')
  })

  it('was taken back by a reorganisation when anything else went away', () => {
    expect(back([zero, other], [zero])).toBe('reorg fees>available 1000')
    expect(back([zero, other], [])).toBe('reorg fees>available 1000')
    expect(back([zero, other], [zero, { ...other, place: 'pending' }])).toBe('reorg fees>available 1000')
  })
})
