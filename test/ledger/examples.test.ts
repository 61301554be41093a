import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Ledger } from '../../src/ledger/ledger.ts'
import type { FeePosition, PaymentPosition, Posting } from '../../src/ledger/types.ts'
import { audit, booking, log, payment, positions, reserve } from './builders.ts'
import { openRows } from './sqlite.ts'

/** The worked examples of docs/ledger.md, run. Each begins with what the example takes for granted, which is not shown. */
const FEE: FeePosition = { asset: 'BTC', custody: 'platform', units: 1_000n, partner: { id: 'par_1', units: 200n } }
const FEE_ALONE: FeePosition = { ...FEE, partner: null }
const NOW = 1_000

class Story {
  readonly ledger = new Ledger(openRows().sql)
  #version = 1
  #hidden = 0

  /** What happened before the example begins. */
  given(steps: (story: Story) => void): this {
    steps(this)
    this.#hidden = log(this.ledger).length
    return this
  }

  says(payments: readonly PaymentPosition[], fees: readonly FeePosition[] = [], invoiceId = 'inv_1'): this {
    expect(this.ledger.record(positions(++this.#version, payments, { fees, invoiceId }), NOW).ok).toBe(true)
    return this
  }

  reserves(cause: 'payout' | 'refund' | 'conversion', amount: bigint, asset = 'BTC'): this {
    expect(this.ledger.reserve(reserve('r', amount, { cause, asset }), NOW).ok).toBe(true)
    return this
  }

  posts(amount: bigint, to: string): this {
    expect(this.ledger.post({ key: 'r/post', of: 'r', amount, to }, NOW).ok).toBe(true)
    return this
  }

  books(cause: 'payout' | 'network_fee' | 'conversion' | 'bank_return' | 'treasury' | 'adjustment', posting: Posting): this {
    const [by, reason] = cause === 'adjustment' ? ['Ada', 'counted wrongly'] : [null, null]
    const made = this.ledger.book(booking(`b${log(this.ledger).length}`, { cause, postings: [posting], by, reason }), NOW)
    expect(made.ok).toBe(true)
    return this
  }

  get lines(): string[] {
    audit(this.ledger)
    return log(this.ledger)
      .slice(this.#hidden)
      .flatMap(({ cause, postings }) =>
        postings.map(({ from, to, amount, asset }) => `${cause}: ${from} > ${to} ${amount} ${asset}`),
      )
  }
}

const own = payment({ custody: 'self' })
const late = payment({ late: true })
const funded = (story: Story) => story.says([payment()])

const transfer = payment({
  key: 'sepa:eur/tx/wal_bank',
  custody: 'self',
  asset: 'EUR',
  walletId: 'wal_bank',
  units: 6_000n,
  bank: true,
})
const transferFee: FeePosition = { asset: 'EUR', custody: 'self', units: 60n, partner: null }

const STORIES: Readonly<Record<string, (story: Story) => Story>> = {
  'A payment, platform custody': (story) => story.says([payment({ place: 'pending' })]).says([payment()]),
  'The same with a fee of 1 % and a partner who gets a fifth of it': (story) => story.says([payment()], [FEE]),
  "The same in the merchant's own wallet": (story) => story.says([own], [{ ...FEE, custody: 'self' }]),
  'Fee bump: the first payment is replaced': (story) =>
    story
      .says([payment({ place: 'pending' })])
      .says([payment({ place: 'none' }), payment({ key: 'bip122:0/tx2/0', place: 'pending' })]),
  'Too much: 130000 where 100000 was due': (story) => story.says([payment({ units: 130_000n, over: 30_000n })]),
  'Late, held, accepted by a person': (story) => story.says([{ ...late, place: 'held' }]).says([late]),
  'A reorganisation after settlement': (story) => story.says([payment()], [FEE_ALONE]).says([payment({ place: 'pending' })]),
  'A reorganisation after the money was paid out': (story) =>
    story
      .says([payment()])
      .reserves('payout', 100_000n)
      .posts(100_000n, 'wallet:wal_hot')
      .says([payment({ place: 'none' })])
      .says([payment({ key: 'bip122:0/tx3/0', units: 150_000n })], [], 'inv_2'),
  'A payout with its network fee, sent and then final': (story) =>
    story
      .given(funded)
      .reserves('payout', 60_500n)
      .posts(60_500n, 'in_transit')
      .books('network_fee', { from: 'in_transit', to: 'wallet:wal_hot', amount: 500n, asset: 'BTC' })
      .books('payout', { from: 'in_transit', to: 'wallet:wal_hot', amount: 60_000n, asset: 'BTC' }),
  'A refund that cost less than was set aside': (story) =>
    story.given(funded).reserves('refund', 20_000n).posts(18_000n, 'wallet:wal_hot'),
  'A conversion': (story) =>
    story
      .given(funded)
      .reserves('conversion', 50_000n)
      .posts(50_000n, 'exchange')
      .books('conversion', { from: 'exchange', to: 'available', amount: 3_000n, asset: 'EUR' }),
  'A bank sends a payout back': (story) =>
    story
      .given((before) => before.says([payment({ asset: 'EUR', walletId: 'wal_bank', units: 9_000n })]))
      .reserves('payout', 5_000n, 'EUR')
      .posts(5_000n, 'wallet:wal_bank')
      .books('bank_return', { from: 'wallet:wal_bank', to: 'available', amount: 5_000n, asset: 'EUR' }),
  'A bank takes a payment back after settlement': (story) =>
    story.says([transfer], [transferFee]).says([{ ...transfer, place: 'none' }]),
  'The platform takes its fees over, and pays a network fee itself': (story) =>
    story
      .given((before) => before.says([payment()], [FEE]))
      .books('treasury', { from: 'fees', to: 'treasury', amount: 800n, asset: 'BTC' })
      .books('network_fee', { from: 'treasury', to: 'wallet:wal_hot', amount: 300n, asset: 'BTC' }),
  'A person corrects something': (story) =>
    story.books('adjustment', { from: 'adjustments', to: 'available', amount: 700n, asset: 'BTC' }),
}

const page = readFileSync('docs/ledger.md', 'utf8')
const documented = new Map(
  [...page.matchAll(/^### (.+)\n[^#]*?```ledger\n([^`]+)```/gm)].map(([, title, block]) => [title, block?.trim().split('\n')]),
)

describe('the worked examples of docs/ledger.md', () => {
  it('are all run', () => {
    expect([...documented.keys()]).toEqual(Object.keys(STORIES))
  })

  it.each(Object.keys(STORIES))('%s', (title) => {
    expect(STORIES[title]?.(new Story()).lines).toEqual(documented.get(title))
  })
})
