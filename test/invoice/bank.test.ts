import { describe, expect, test } from 'vitest'
import type { PaymentObservation } from '../../src/chain/rpc.ts'
import { deadlineLookAtMs } from '../../src/invoice/deadline.ts'
import { decide } from '../../src/invoice/decide.ts'
import { effectsOf } from '../../src/invoice/effects.ts'
import { positionsOf } from '../../src/invoice/positions.ts'
import { invoiceResource } from '../../src/invoice/resource.ts'
import { buildTerms } from '../../src/invoice/terms.ts'
import type { Invoice } from '../../src/invoice/types.ts'
import { deadlineOf } from '../../src/invoice/view.ts'
import { SEPA } from '../../src/money/bank.ts'
import { createRequest, NOW_MS, newInvoice, observation, observe, RATES, registry, run } from './builders.ts'

const BANK = { asset: 'EUR', walletId: 'wal_bank', custody: 'self' } as const
const { store } = createRequest()
const offered = { store: { ...store, methods: [BANK, ...store.methods] } }
const ADDRESS = 'payto://iban/DE89370400440532013000?receiver-name=Shop&instruction=RF83539007547034'

/** 60.00 EUR, bank details shown. */
function shown(changes: Parameters<typeof newInvoice>[0] = {}): Invoice {
  const activation = { asset: 'EUR', address: ADDRESS, index: 0, atMs: NOW_MS }
  return run(newInvoice({ ...offered, ...changes }), { type: 'activate', activation }, NOW_MS).invoice
}

/** What a bank account tells. */
function transfer(id: string, changes: Partial<PaymentObservation> = {}): PaymentObservation {
  const place = { chainId: SEPA.id, txid: id, index: 'wal_bank', key: `${SEPA.id}/${id}/wal_bank`, assetCode: 'EUR' }
  return observation(id, { units: 6_000n, status: 'confirmed', confirmations: 1, ...place, ...changes })
}

describe('terms', () => {
  test('the price is what is transferred, whatever fee or policy coins have', () => {
    const terms = buildTerms(
      createRequest({ ...offered, confirmationTiers: [{ upTo: null, confirmations: 6 }] }),
      registry,
      RATES,
      NOW_MS,
    )
    expect(
      terms.ok &&
        terms.value.methods.map(({ asset, whole, rate, confirmationsWanted, transitMs }) => [
          asset,
          whole,
          rate === null,
          confirmationsWanted,
          transitMs,
        ]),
    ).toEqual([
      ['EUR', 6_000n, true, 1, SEPA.transitMs],
      ['BTC', 100_000n, false, 6, undefined],
      ['ETH', 20_000_000_000_000_000n, false, 6, undefined],
      ['USDC', 65_217_392n, false, 6, undefined],
    ])
  })

  test('a price in another currency needs a rate between the two', () => {
    const inDollars = createRequest({ ...offered, currency: 'USD', assets: ['EUR'] })
    expect(buildTerms(inDollars, registry, RATES, NOW_MS)).toEqual({
      ok: false,
      error: { reason: 'rates_unavailable', pairs: ['EUR/USD'] },
    })
    const [btc] = RATES
    if (!btc) throw new Error('there are rates')
    const terms = buildTerms(inDollars, registry, [{ ...btc, base: 'EUR', quote: 'USD', value: 120n }], NOW_MS)
    expect(terms.ok && terms.value.methods[0]?.whole).toBe(5_000n)
  })

  test('the API shows a payto URI with what is due', () => {
    const { paymentMethods } = invoiceResource(shown(), registry, 'https://pay.example')
    expect(paymentMethods[0]).toMatchObject({
      asset: 'EUR',
      chain: 'sepa:eur',
      address: ADDRESS,
      uri: `${ADDRESS}&amount=EUR:60.00`,
    })
  })
})

describe('time', () => {
  const end = NOW_MS + 900_000

  test('while statements are late the deadline is looked at ever more seldom, also by an object that slept in between', () => {
    const invoice = shown()
    const deadlineAtMs = deadlineOf(invoice)
    expect(deadlineLookAtMs(invoice, deadlineAtMs - 1)).toBe(deadlineAtMs)
    let looks = 0
    for (let nowMs = deadlineAtMs; nowMs < deadlineAtMs + 30 * 86_400_000; looks++) {
      const next = deadlineLookAtMs(invoice, nowMs) ?? 0
      // What has come since is not left lying for long: a minute, or a tenth of the time that it took to come.
      expect(next - nowMs).toBeLessThanOrEqual(Math.max(60_000, (nowMs - deadlineAtMs) / 10))
      expect(next - nowMs).toBeGreaterThanOrEqual(2_000)
      nowMs = next
    }
    expect(looks).toBeLessThan(120)
    expect(deadlineLookAtMs({ ...invoice, deadlinePassed: true }, deadlineAtMs)).toBeNull()
  })

  test('a deadline of days holds once bank details were shown, and not before', () => {
    expect(deadlineOf(newInvoice(offered))).toBe(end)
    expect(deadlineOf(shown())).toBe(end + SEPA.transitMs)
    expect(run(shown(), { type: 'deadline' }, end + SEPA.transitMs - 1).events).toEqual([])
    expect(run(shown(), { type: 'deadline' }, end + SEPA.transitMs).invoice.status).toBe('expired')
  })

  test.each([
    ['a transfer booked in that time is not late', transfer('a', { seenAtMs: end + SEPA.transitMs }), false],
    ['one booked after it is', transfer('a', { seenAtMs: end + SEPA.transitMs + 1 }), true],
    ['a coin after the invoice’s own deadline is', observation('b', { seenAtMs: end + 1 }), true],
  ])('%s', (_what, seen, late) => {
    expect(observe(shown(), seen).invoice.payments[0]?.late).toBe(late)
  })
})

describe('a return', () => {
  const settled = observe(shown(), transfer('a')).invoice

  test('takes a settled invoice back, and says that a bank did it', () => {
    const { invoice, events } = observe(settled, transfer('a', { status: 'returned', confirmations: 0, revision: 2 }))
    expect(events).toMatchObject([
      { type: 'payment_changed', change: 'returned' },
      { type: 'status_changed', from: 'settled', to: 'new', cause: 'bank_return' },
    ])
    expect(effectsOf(settled, invoice, events)).toEqual({ webhook: 'invoice.reopened', project: true, book: true })
    expect(positionsOf(invoice).payments).toMatchObject([{ place: 'none', bank: true }])
  })

  test('of a part leaves the rest, and is told though the status may stay', () => {
    const over = observe(shown(), transfer('a', { units: 9_000n })).invoice
    const { invoice, events } = observe(over, transfer('a', { units: 7_000n, revision: 2 }))
    expect(events).toMatchObject([{ type: 'payment_changed', change: 'returned' }])
    expect(effectsOf(over, invoice, events)).toMatchObject({ webhook: 'invoice.payment_changed', book: true })
    expect(invoice.status).toBe('settled')
    expect(observe(over, transfer('a', { units: 1n, revision: 2 })).events.at(-1)).toMatchObject({
      cause: 'bank_return',
      to: 'new',
    })
  })

  test('after its time is over leaves an invalid invoice', () => {
    const past = NOW_MS + 900_000 + SEPA.transitMs
    const gone = transfer('a', { status: 'returned', confirmations: 0, revision: 2, seenAtMs: past })
    const events = decide(settled, { type: 'observe', observations: [gone], lateRates: {}, deadlineRead: true }, past)
    expect(events.ok && events.value.map(({ type }) => type)).toEqual(['payment_changed', 'deadline_passed', 'status_changed'])
    expect(events.ok && events.value.at(-1)).toMatchObject({ to: 'invalid', cause: 'bank_return' })
  })

  test('a reorganisation is still called one', () => {
    const coins = observe(shown(), observation('b', { status: 'confirmed', confirmations: 2, height: 5 })).invoice
    const { events } = observe(coins, observation('b', { status: 'unconfirmed', revision: 2 }))
    expect(events.at(-1)).toMatchObject({ cause: 'reorg' })
  })
})
