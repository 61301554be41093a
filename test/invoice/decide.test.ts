import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PaymentObservation, PaymentStatus } from '../../src/chain/rpc.ts'
import { decide, MAX_PAYMENTS } from '../../src/invoice/decide.ts'
import { buildTerms } from '../../src/invoice/terms.ts'
import type { Invoice } from '../../src/invoice/types.ts'
import { confirmationProgress, figuresOf, methodDue } from '../../src/invoice/view.ts'
import { createRequest, NOW_MS, newInvoice, observation, observe, RATES, registry, run } from './builders.ts'

const AFTER = NOW_MS + 900_001
const confirmed = (txid: string, confirmations: number, changes: Partial<PaymentObservation> = {}) =>
  observation(txid, { status: 'confirmed', confirmations, height: 500, blockHash: 'aa', revision: 10 + confirmations, ...changes })
const method = (invoice: Invoice, asset: string) => {
  const found = invoice.terms.methods.find((offered) => offered.asset === asset)
  if (!found) throw new Error(`${asset} is not offered`)
  return found
}

describe('an exact payment', () => {
  test('goes through seen, confirming and settled, telling each step once', () => {
    const seen = observe(newInvoice(), observation('t1'))
    expect(seen.invoice.status).toBe('processing')
    expect(seen.events.map((event) => event.type)).toEqual(['payment_changed', 'status_changed'])
    const once = observe(seen.invoice, confirmed('t1', 1))
    expect(once.invoice.status).toBe('processing')
    expect(confirmationProgress(once.invoice)).toEqual({ have: 1, want: 2 })
    const twice = observe(once.invoice, confirmed('t1', 2))
    expect(twice.invoice.status).toBe('settled')
    expect(twice.invoice.settledAtMs).not.toBeNull()
    expect(figuresOf(twice.invoice)).toEqual({
      paid: 6_000n,
      confirmed: 6_000n,
      facts: { short: false, over: null, late: false, held: false },
    })
    expect(twice.events.at(-1)).toMatchObject({
      type: 'status_changed',
      from: 'processing',
      to: 'settled',
      cause: 'enough_confirmed',
    })
  })

  test('found in a block first, settles without having been processing', () => {
    const { invoice, events } = observe(newInvoice(), confirmed('t1', 2))
    expect(invoice.status).toBe('settled')
    expect(events).toHaveLength(2)
  })

  test('is settled at sight when the policy wants no confirmation', () => {
    const invoice = newInvoice({ confirmationTiers: [{ upTo: 10_000n, confirmations: 0 }] })
    expect(observe(invoice, observation('t1')).invoice.status).toBe('settled')
  })
})

describe('part payment', () => {
  test('leaves the invoice new with the rest due, in any asset', () => {
    const { invoice } = observe(newInvoice(), observation('t1', { units: 40_000n }))
    expect(invoice.status).toBe('new')
    expect(figuresOf(invoice).facts.short).toBe(true)
    expect(methodDue(invoice, method(invoice, 'BTC'))).toBe(60_000n)
    expect(methodDue(invoice, method(invoice, 'ETH'))).toBe(12_000_000_000_000_000n)
    const rest = observe(invoice, observation('e1', { assetCode: 'ETH', units: 12_000_000_000_000_000n }))
    expect(rest.invoice.status).toBe('processing')
    expect(figuresOf(rest.invoice).facts).toEqual({ short: false, over: null, late: false, held: false })
  })

  test('within the tolerance is enough', () => {
    const invoice = newInvoice({ toleranceBps: 50 })
    expect(observe(invoice, observation('t1', { units: 99_500n })).invoice.status).toBe('processing')
    expect(observe(invoice, observation('t1', { units: 99_499n })).invoice.status).toBe('new')
  })
})

test('an over-payment is recorded to the unit', () => {
  const { invoice } = observe(newInvoice(), confirmed('t1', 2, { units: 123_456n }))
  expect(invoice.status).toBe('settled')
  expect(figuresOf(invoice).facts.over).toEqual({ asset: 'BTC', units: 23_456n })
})

test('an asset without a rate here is recorded and counts for nothing', () => {
  const { invoice } = observe(newInvoice({ assets: ['BTC'] }), observation('e1', { assetCode: 'USDC', units: 10n ** 12n }))
  expect(invoice.status).toBe('new')
  expect(invoice.payments[0]).toMatchObject({ decision: 'unexpected', whole: null })
})

describe('the deadline', () => {
  test('expires an unpaid invoice, never before its time, once', () => {
    expect(run(newInvoice(), { type: 'deadline' }, AFTER - 10_000).events).toEqual([])
    const expired = run(newInvoice(), { type: 'deadline' }, AFTER)
    expect(expired.invoice.status).toBe('expired')
    expect(run(expired.invoice, { type: 'deadline' }, AFTER + 1).events).toEqual([])
  })

  test('does not touch an invoice that is being paid', () => {
    const { invoice } = observe(newInvoice(), observation('t1'))
    expect(run(invoice, { type: 'deadline' }, AFTER).invoice.status).toBe('processing')
  })

  test('a payment made in time but found after an outage counts as in time', () => {
    const expired = run(newInvoice(), { type: 'deadline' }, AFTER).invoice
    const { invoice } = run(
      expired,
      { type: 'observe', observations: [confirmed('t1', 2, { seenAtMs: NOW_MS + 800_000 })], lateRates: {} },
      AFTER + 60_000,
    )
    expect(invoice.status).toBe('settled')
    expect(figuresOf(invoice).facts.late).toBe(false)
  })
})

describe('late payment', () => {
  const late = (latePolicy: 'accept_locked_rate' | 'accept_current_rate' | 'hold', lateRates = {}, nowMs = AFTER + 1_000) => {
    const expired = run(newInvoice({ latePolicy }), { type: 'deadline' }, AFTER).invoice
    return run(expired, { type: 'observe', observations: [observation('t1', { seenAtMs: nowMs })], lateRates }, nowMs).invoice
  }

  test('is accepted at the locked rate', () => {
    const invoice = late('accept_locked_rate')
    expect(invoice.status).toBe('processing')
    expect(figuresOf(invoice).facts.late).toBe(true)
  })

  test('is counted at the current rate: short when the coin fell', () => {
    const fallen = late('accept_current_rate', { BTC: { whole: 120_000n, rate: RATES[0] } })
    expect(fallen.status).toBe('expired')
    expect(figuresOf(fallen).paid).toBe(5_000n)
    expect(late('accept_current_rate', { BTC: { whole: 90_000n, rate: RATES[0] } }).status).toBe('processing')
  })

  test('is held when there is no current rate, or the policy says so, or the watch window is over', () => {
    for (const invoice of [late('accept_current_rate'), late('hold'), late('accept_locked_rate', {}, AFTER + 25 * 3_600_000)]) {
      expect(invoice.status).toBe('expired')
      expect(figuresOf(invoice).facts.held).toBe(true)
      const accepted = run(invoice, { type: 'resolve', action: 'accept_late', by: 'key_1' }).invoice
      expect(accepted.status).toBe('processing')
      const refused = run(invoice, { type: 'resolve', action: 'refuse_late', by: 'key_1' }).invoice
      expect(refused.status).toBe('expired')
      expect(refused.payments[0]?.decision).toBe('refused')
    }
  })

  test('a fee bump after the deadline pays for the payment that was in time, whichever is told first', () => {
    const paid = observe(newInvoice({ latePolicy: 'hold' }), observation('t1')).invoice
    const over = run(paid, { type: 'deadline' }, AFTER).invoice
    const replaced = observation('t1', { status: 'replaced', replacedBy: 't2', revision: 2 })
    const bump = observation('t2', { seenAtMs: AFTER + 5_000 })
    const orders = [[[replaced, bump]], [[bump, replaced]], [[replaced], [bump]], [[bump], [replaced]]]
    for (const calls of orders) {
      const invoice = calls.reduce(
        (state, observations) => run(state, { type: 'observe', observations, lateRates: {} }, AFTER + 5_000).invoice,
        over,
      )
      expect(invoice.status).toBe('processing')
      expect(invoice.payments.find(({ txid }) => txid === 't2')).toMatchObject({ late: false, decision: 'counted' })
      expect(figuresOf(invoice).facts.over).toBeNull()
    }
  })
})

describe('payments that go away', () => {
  test.each(['missing', 'replaced', 'double_spent'] as const)(
    '%s takes a processing invoice back to new before the deadline, to invalid after it',
    (status) => {
      const paid = observe(newInvoice(), observation('t1')).invoice
      const gone = observation('t1', { status, revision: 2, replacedBy: status === 'missing' ? null : 't2' })
      const before = observe(paid, gone)
      expect(before.invoice.status).toBe('new')
      expect(before.events.at(-1)).toMatchObject({ cause: 'payment_lost' })
      const after = observe(run(paid, { type: 'deadline' }, AFTER).invoice, gone)
      expect(after.invoice.status).toBe('invalid')
      const back = observe(after.invoice, confirmed('t1', 2))
      expect(back.invoice.status).toBe('settled')
    },
  )

  test('a payment lost after a deadline that has been read closes the invoice at once, without opening it between', () => {
    const paid = observe(newInvoice(), observation('t1')).invoice
    const gone = observation('t1', { status: 'double_spent', revision: 2, replacedBy: 't2' })
    const lost = (deadlineRead: boolean, nowMs: number) =>
      run(paid, { type: 'observe', observations: [gone], lateRates: {}, deadlineRead }, nowMs)
    expect(lost(true, AFTER).events.map(({ type }) => type)).toEqual(['payment_changed', 'deadline_passed', 'status_changed'])
    expect(lost(true, AFTER).events.at(-1)).toMatchObject({ from: 'processing', to: 'invalid', cause: 'payment_lost' })
    expect(lost(false, AFTER).invoice.status).toBe('new')
    expect(lost(true, AFTER - 10_000).invoice.status).toBe('new')
  })

  test('without confirmations a payment can be lost after settlement, and no reorganisation is blamed for it', () => {
    const invoice = newInvoice({ confirmationTiers: [{ upTo: null, confirmations: 0 }] })
    const settled = observe(invoice, observation('t1')).invoice
    expect(settled.status).toBe('settled')
    const lost = observe(settled, observation('t1', { revision: 2, status: 'replaced', replacedBy: 't2' }))
    expect(lost.events).toMatchObject([{ change: 'replaced' }, { from: 'settled', to: 'new', cause: 'payment_lost' }])
  })

  test('a payment that is double-spent by another branch was lost to a reorganisation', () => {
    const confirmed = observation('t1', { revision: 2, status: 'confirmed', confirmations: 2, height: 10, blockHash: 'a' })
    const settled = observe(newInvoice(), confirmed).invoice
    const lost = observe(settled, observation('t1', { revision: 3, status: 'double_spent', replacedBy: 't2' }))
    expect(lost.events).toMatchObject([{ change: 'double_spent' }, { from: 'settled', to: 'new', cause: 'reorg' }])
  })

  test('a reorganisation after settlement unsettles, and says so', () => {
    const settled = observe(newInvoice(), confirmed('t1', 2)).invoice
    const reorged = observe(settled, observation('t1', { revision: 20 }))
    expect(reorged.invoice.status).toBe('processing')
    expect(reorged.invoice.settledAtMs).toBeNull()
    expect(reorged.events).toMatchObject([{ change: 'reorged' }, { from: 'settled', to: 'processing', cause: 'reorg' }])
  })
})

describe('a person', () => {
  test('marks an invoice invalid, and opens it again to what its payments make it', () => {
    const settled = observe(newInvoice(), confirmed('t1', 2)).invoice
    const marked = run(settled, { type: 'resolve', action: 'mark_invalid', by: 'key_1' }).invoice
    expect(marked.status).toBe('invalid')
    expect(decide(marked, { type: 'resolve', action: 'mark_invalid', by: 'key_1' }, NOW_MS)).toMatchObject({ ok: false })
    expect(observe(marked, confirmed('t9', 2)).invoice.status).toBe('invalid')
    expect(run(marked, { type: 'resolve', action: 'reopen', by: 'key_1' }).invoice.status).toBe('settled')
  })
})

test('payments beyond the limit are refused as a whole, and change nothing', () => {
  let invoice = newInvoice()
  for (let i = 0; i < MAX_PAYMENTS; i++) invoice = observe(invoice, observation(`t${i}`, { units: 1n })).invoice
  expect(decide(invoice, { type: 'observe', observations: [observation('over')], lateRates: {} }, NOW_MS)).toEqual({
    ok: false,
    error: { reason: 'payment_limit' },
  })
})

describe('any order, any repetition', () => {
  const statuses: PaymentStatus[] = ['unconfirmed', 'confirmed', 'missing', 'replaced', 'double_spent']
  const history = fc.array(
    fc.record({
      txid: fc.constantFrom('a', 'b', 'c'),
      units: fc.bigInt({ min: 1n, max: 150_000n }),
      status: fc.constantFrom(...statuses),
      confirmations: fc.integer({ min: 1, max: 4 }),
    }),
    { minLength: 1, maxLength: 12 },
  )

  test('what is told twice or late leads to the same payments and status, and every version is one event', () => {
    fc.assert(
      fc.property(history, fc.infiniteStream(fc.nat()), (steps, choices) => {
        const told = steps.map(({ txid, units, status, confirmations }, i) =>
          observation(txid, { units, status, revision: i + 1, confirmations: status === 'confirmed' ? confirmations : 0 }),
        )
        const inOrder = told.reduce((state, seen) => observe(state, seen).invoice, newInvoice())
        const shuffled = [...told, ...told]
          .map((seen) => ({ seen, at: choices.next().value as number }))
          .sort((a, b) => a.at - b.at)
        let state = newInvoice()
        for (const { seen } of shuffled) {
          const { invoice, events } = observe(state, seen)
          expect(invoice.version).toBe(state.version + events.length)
          state = invoice
        }
        const byKey = (invoice: Invoice) => [...invoice.payments].sort((a, b) => a.key.localeCompare(b.key))
        expect(byKey(state)).toEqual(byKey(inOrder))
        expect(state.status).toBe(inOrder.status)
        expect(figuresOf(state).paid).toBe(figuresOf(inOrder).paid)
      }),
    )
  })
})

describe('terms', () => {
  test('confirmations follow the tiers of the amount', () => {
    const tiers = [
      { upTo: 5_000n, confirmations: 0 },
      { upTo: 10_000n, confirmations: 1 },
      { upTo: null, confirmations: 6 },
    ]
    const wanted = (price: bigint) => newInvoice({ price, confirmationTiers: tiers }).terms.methods[0]?.confirmationsWanted
    expect([5_000n, 5_001n, 10_001n].map(wanted)).toEqual([0, 1, 6])
    expect(newInvoice().terms.methods.map(({ confirmationsWanted }) => confirmationsWanted)).toEqual([2, 3, 3])
  })

  test('a price in crypto needs no rate for itself and a cross for the others', () => {
    const { methods } = newInvoice({ currency: 'BTC', price: 100_000n }).terms
    expect(methods[0]).toMatchObject({ asset: 'BTC', whole: 100_000n, rate: null })
    expect(methods[1]).toMatchObject({ asset: 'ETH', rate: { base: 'ETH', quote: 'BTC' } })
    expect(methods[1]?.whole).toBe(20_000_000_000_000_000n)
  })

  test('assets without a rate are left out; with none left the pairs are told', () => {
    const some = buildTerms(createRequest(), registry, RATES.slice(0, 1), NOW_MS)
    expect(some.ok && some.value.methods.map(({ asset }) => asset)).toEqual(['BTC'])
    expect(buildTerms(createRequest(), registry, [], NOW_MS)).toEqual({
      ok: false,
      error: { reason: 'rates_unavailable', pairs: ['BTC/EUR', 'ETH/EUR', 'USDC/EUR'] },
    })
  })

  test('what the network would not carry is not offered', () => {
    const cent = buildTerms(createRequest({ price: 1n, assets: ['BTC'] }), registry, RATES, NOW_MS)
    expect(cent).toEqual({ ok: false, error: { reason: 'amount_too_small' } })
    expect(buildTerms(createRequest({ assets: ['DOGE'] }), registry, RATES, NOW_MS)).toEqual({
      ok: false,
      error: { reason: 'asset_not_accepted', asset: 'DOGE' },
    })
  })
})
