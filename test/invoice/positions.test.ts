import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EVM_LOCAL } from '../../config/development.ts'
import type { PaymentObservation } from '../../src/chain/rpc.ts'
import { feesOf, positionsOf } from '../../src/invoice/positions.ts'
import type { CreateInvoice } from '../../src/invoice/rpc.ts'
import { buildTerms, priceNow } from '../../src/invoice/terms.ts'
import type { Invoice } from '../../src/invoice/types.ts'
import type { FeePlan } from '../../src/money/fee.ts'
import { createRequest, feeRequest, NOW_MS, newInvoice, observation, observe, percent, RATES, registry, run } from './builders.ts'

const ETH_WHOLE = 20_000_000_000_000_000n
const PARTNER = { id: 'acme', shareBps: 2_500 }
const LATE = NOW_MS + 900_001

const final = (txid: string, changes: Partial<PaymentObservation> = {}) =>
  observation(txid, { status: 'confirmed', confirmations: 9, height: 500, blockHash: 'aa', revision: 9, ...changes })

/** 60.00 EUR (100,000 satoshi, 0.02 ETH) at one per cent, a quarter of it the partner's, and then these payments. */
function paid(
  observations: readonly PaymentObservation[],
  plan: Partial<FeePlan> = {},
  changes: Partial<CreateInvoice> = {},
): Invoice {
  const invoice = newInvoice(feeRequest({ default: percent(100), partner: PARTNER, ...plan }, changes))
  return observations.reduce((state, seen) => observe(state, seen).invoice, invoice)
}

const placesOf = (invoice: Invoice) => positionsOf(invoice).payments.map(({ place }) => place)

describe('where a payment is', () => {
  test('an invoice without payments has nothing to say', () => {
    expect(positionsOf(paid([]))).toMatchObject({ version: 1, payments: [], fees: [] })
  })

  test('names the ledger, the store and the wallet it came to', () => {
    const invoice = paid([observation('t1', { units: 40_000n })])
    expect(positionsOf(invoice)).toEqual({
      merchantId: 'mer_test',
      shard: 0,
      storeId: 'st_test',
      invoiceId: invoice.terms.id,
      version: invoice.version,
      payments: [
        {
          key: observation('t1').key,
          asset: 'BTC',
          walletId: 'wal_test',
          custody: 'platform',
          units: 40_000n,
          place: 'pending',
          late: false,
          over: 0n,
          zeroConfirmation: false,
        },
      ],
      fees: [],
    })
  })

  test('is pending until it is final by the invoice’s own policy, then available, and nowhere when it is gone', () => {
    const included = final('t1', { confirmations: 1, revision: 2 })
    expect(placesOf(paid([observation('t1')]))).toEqual(['pending'])
    expect(placesOf(paid([observation('t1'), included]))).toEqual(['pending'])
    expect(placesOf(paid([observation('t1'), final('t1')]))).toEqual(['available'])
    for (const status of ['missing', 'replaced', 'double_spent'] as const)
      expect(placesOf(paid([final('t1'), observation('t1', { status, revision: 10 })]))).toEqual(['none'])
    expect(placesOf(paid([final('t1'), observation('t1', { revision: 10 })]))).toEqual(['pending'])
  })

  test('is available at sight where no confirmation is wanted, and says so', () => {
    const invoice = paid([observation('t1')], {}, { confirmationTiers: [{ upTo: null, confirmations: 0 }] })
    expect(positionsOf(invoice).payments).toMatchObject([{ place: 'available', zeroConfirmation: true }])
    expect(positionsOf(paid([final('t1')])).payments).toMatchObject([{ zeroConfirmation: false }])
  })

  test('is held while a person is to decide, and when they said no; available when they said yes', () => {
    const late = { seenAtMs: LATE }
    const held = paid([final('t1', late)], {}, { latePolicy: 'hold' })
    expect(positionsOf(held).payments).toMatchObject([{ place: 'held', late: true }])
    expect(positionsOf(paid([observation('t1', late)], {}, { latePolicy: 'hold' })).payments).toMatchObject([{ place: 'pending' }])
    const resolved = (action: 'accept_late' | 'refuse_late') =>
      placesOf(run(held, { type: 'resolve', action, by: 'test' }, LATE).invoice)
    expect(resolved('accept_late')).toEqual(['available'])
    expect(resolved('refuse_late')).toEqual(['held'])
  })

  test('of nothing has no place, and stands in no other’s way', () => {
    const invoice = paid([final('t1', { units: 0n }), final('t2', { units: 100_000n })])
    expect(positionsOf(invoice).payments.map(({ units, place }) => [units, place])).toEqual([[100_000n, 'available']])
  })

  test('in an asset that was not offered, is held and late, in the wallet whose address was shown on that chain', () => {
    const { store } = createRequest()
    const methods = (['BTC', 'ETH', 'USDC'] as const).map((asset) => ({
      asset,
      walletId: `wal_${asset}`,
      custody: asset === 'USDC' ? ('platform' as const) : ('self' as const),
    }))
    const invoice = newInvoice({ store: { ...store, methods }, assets: ['BTC', 'ETH', 'USDC'] })
    const stranger = final('e1', { assetCode: 'TEST', chainId: EVM_LOCAL, units: 5n })
    const shown = run(invoice, { type: 'activate', activation: { asset: 'USDC', address: '0x', index: 0, atMs: NOW_MS } }).invoice
    const expected = { asset: 'TEST', units: 5n, place: 'held', late: true, over: 0n }
    expect(positionsOf(observe(shown, stranger).invoice).payments).toMatchObject([
      { ...expected, walletId: 'wal_USDC', custody: 'platform' },
    ])
    expect(positionsOf(observe(invoice, stranger).invoice).payments).toMatchObject([
      { ...expected, walletId: 'wal_ETH', custody: 'self' },
    ])
    // On another EVM chain it is the same address, of the same wallet. On a chain of other addresses it is nobody's.
    expect(positionsOf(observe(shown, { ...stranger, chainId: 'eip155:1' }).invoice).payments).toMatchObject([
      { ...expected, walletId: 'wal_USDC', custody: 'platform' },
    ])
    expect(positionsOf(observe(shown, { ...stranger, chainId: 'bip122:x' }).invoice).payments).toEqual([])
  })
})

describe('beyond the price', () => {
  test('is what final payments are over it, the later ones first', () => {
    const both = [final('t1', { units: 60_000n }), final('t2', { units: 50_000n, seenAtMs: NOW_MS + 70_000 })]
    expect(positionsOf(paid(both)).payments.map(({ over }) => over)).toEqual([0n, 10_000n])
    const more = [...both, final('t3', { units: 7n, seenAtMs: NOW_MS + 80_000 })]
    expect(positionsOf(paid(more)).payments.map(({ over }) => over)).toEqual([0n, 10_000n, 7n])
  })

  test('counts nothing that is not final', () => {
    const invoice = paid([observation('t1'), final('t2', { seenAtMs: NOW_MS + 70_000 })])
    expect(positionsOf(invoice).payments.map(({ over }) => over)).toEqual([0n, 0n])
  })

  test('is exact over two assets, rounded down', () => {
    const ether = final('e1', { assetCode: 'ETH', units: ETH_WHOLE, seenAtMs: NOW_MS + 70_000 })
    const invoice = paid([final('t1', { units: 1n }), ether])
    expect(positionsOf(invoice).payments.map(({ over }) => over)).toEqual([0n, ETH_WHOLE / 100_000n])
  })
})

describe('fees', () => {
  test('an invoice paid exactly owes exactly what it showed, and the partner gets their part', () => {
    expect(paid([]).terms.methods[0]?.fee).toEqual({ model: 'fee', whole: 1_000n, marginBps: null, partner: PARTNER })
    expect(feesOf(paid([final('t1')]))).toEqual([
      { asset: 'BTC', custody: 'platform', units: 1_000n, partner: { id: 'acme', units: 250n } },
    ])
  })

  test('nothing is owed for what is pending, held, gone or beyond the price', () => {
    expect(feesOf(paid([observation('t1')]))).toEqual([])
    expect(feesOf(paid([final('t1', { seenAtMs: LATE })], {}, { latePolicy: 'hold' }))).toEqual([])
    expect(feesOf(paid([final('t1'), observation('t1', { revision: 10, status: 'double_spent' })]))).toEqual([])
    expect(feesOf(paid([final('t1', { units: 900_000n })]))).toMatchObject([{ units: 1_000n }])
  })

  test('part payments in two assets owe their part in each', () => {
    const invoice = paid([
      final('t1', { units: 25_000n }),
      final('e1', { assetCode: 'ETH', units: (ETH_WHOLE * 3n) / 4n, seenAtMs: NOW_MS + 70_000 }),
    ])
    expect(feesOf(invoice)).toMatchObject([
      { asset: 'BTC', units: 250n },
      { asset: 'ETH', units: (ETH_WHOLE * 3n) / 400n },
    ])
  })

  test('are summed before they are rounded: a hundred dust payments are not free', () => {
    const dust = Array.from({ length: 100 }, (_, n) => final(`t${n}`, { units: 50n, seenAtMs: NOW_MS + n }))
    expect(feesOf(paid(dust))).toMatchObject([{ units: 50n, partner: { units: 12n } }])
  })

  test('a method without fee, and a partner whose part is nothing, are left out', () => {
    expect(feesOf(paid([final('t1')], { default: percent(0) }))).toEqual([])
    expect(feesOf(paid([final('t1', { units: 300n })]))).toMatchObject([{ units: 3n, partner: null }])
    expect(feesOf(paid([final('t1')], { partner: null }))).toMatchObject([{ units: 1_000n, partner: null }])
  })

  test('late money at another rate owes the same fraction of it', () => {
    const invoice = newInvoice(feeRequest({ default: percent(100) }, { latePolicy: 'accept_current_rate' }))
    const lateRates = { BTC: { whole: 200_000n, rate: RATES[0] ?? null } }
    const command = { type: 'observe', observations: [final('t1', { units: 250_000n, seenAtMs: LATE })], lateRates } as const
    const after = run(invoice, command, LATE).invoice
    expect(positionsOf(after)).toMatchObject({ payments: [{ over: 50_000n, late: true }], fees: [{ units: 2_000n }] })
  })

  test('a margin is in the rate that is shown, in what is asked, and in the rate of late money', () => {
    const invoice = newInvoice(feeRequest({ default: { model: 'margin', bps: 50 } }))
    const bitcoin = invoice.terms.methods[0]
    expect(bitcoin).toMatchObject({
      whole: 100_503n,
      rate: { value: 59_700_000_000n, scale: 6 },
      fee: { whole: 503n, marginBps: 50 },
    })
    expect(priceNow(invoice.terms, registry.asset('BTC'), registry, RATES)).toEqual({ whole: bitcoin?.whole, rate: bitcoin?.rate })
    expect(feesOf(observe(invoice, final('t1', { units: 100_503n })).invoice)).toMatchObject([{ units: 503n }])
  })

  test('a price in the asset itself has no rate to be made worse: a margin takes nothing', () => {
    const request = feeRequest({ default: { model: 'margin', bps: 50 } }, { currency: 'BTC', price: 100_000n, assets: ['BTC'] })
    expect(newInvoice(request).terms.methods).toMatchObject([{ whole: 100_000n, rate: null, fee: null }])
  })

  test('a method whose fee needs a rate that is not there is left out, and the pair is told when none is left', () => {
    const dollars = { currency: 'USD', default: percent(100, { fixed: 10n }), methods: { ETH: percent(100) } }
    const terms = buildTerms(feeRequest(dollars), registry, RATES, NOW_MS)
    expect(terms.ok && terms.value.methods.map(({ asset }) => asset)).toEqual(['ETH'])
    expect(buildTerms(feeRequest(dollars, { assets: ['BTC'] }), registry, RATES, NOW_MS)).toEqual({
      ok: false,
      error: { reason: 'rates_unavailable', pairs: ['BTC/USD'] },
    })
  })
})

/** Final payments of three assets, each somewhat under or over the price, seen at some time before or after the deadline. */
const finals = fc
  .array(
    fc.record({
      asset: fc.constantFrom('BTC', 'ETH', 'USDC'),
      permille: fc.bigInt({ min: 1n, max: 1_500n }),
      odd: fc.bigInt({ min: 0n, max: 999n }),
      seenAtMs: fc.integer({ min: NOW_MS, max: LATE + 10 }),
    }),
    { maxLength: 6 },
  )
  .map((list) =>
    list.map(({ asset, permille, odd, seenAtMs }, n) => {
      const whole = paid([]).terms.methods.find((method) => method.asset === asset)?.whole ?? 0n
      return final(`t${n}`, { assetCode: asset, units: (whole * permille) / 1_000n + odd, seenAtMs })
    }),
  )
const anyPlan = fc.record({
  default: fc.oneof(
    fc.integer({ min: 0, max: 2_000 }).map((bps): FeePlan['default'] => ({ model: 'margin', bps })),
    fc.tuple(fc.integer({ min: 0, max: 2_000 }), fc.bigInt({ min: 0n, max: 500n })).map(([bps, fixed]) => percent(bps, { fixed })),
  ),
  partner: fc.option(fc.integer({ min: 0, max: 10_000 }).map((shareBps) => ({ id: 'acme', shareBps }))),
})

describe('for any plan and any final payments', () => {
  test('the order in which they were told of makes no difference', () => {
    fc.assert(
      fc.property(
        finals.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        anyPlan,
        ([list, shuffled], plan) => {
          const told = (observations: PaymentObservation[]) => ({ ...positionsOf(paid(observations, plan)), version: 0 })
          expect(told(shuffled)).toEqual(told(list))
        },
      ),
    )
  })

  test('fees are never over what they are charged on, nor over the fraction of it that was shown', () => {
    fc.assert(
      fc.property(finals, anyPlan, (list, plan) => {
        const invoice = paid(list, plan)
        const { payments, fees } = positionsOf(invoice)
        for (const { over, units } of payments) expect(over >= 0n && over <= units).toBe(true)
        for (const { asset, units, partner } of fees) {
          const method = invoice.terms.methods.find((offered) => offered.asset === asset)
          const chargeable = payments
            .filter((payment) => payment.asset === asset)
            .reduce((sum, one) => sum + one.units - one.over, 0n)
          expect(units).toBeLessThanOrEqual(chargeable)
          expect(units).toBeLessThanOrEqual(method?.fee?.whole ?? 0n)
          expect(partner === null || partner.units <= units).toBe(true)
        }
      }),
    )
  })

  test('parts in one asset that come to the whole price owe exactly the fee', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 0n, max: 99_999n }), { maxLength: 6 }), anyPlan, (cuts, plan) => {
        const method = paid([], plan).terms.methods[0]
        const whole = method?.whole ?? 0n
        const ends = [...cuts.map((cut) => cut % whole), 0n, whole].sort((a, b) => (a < b ? -1 : 1))
        const parts = ends.slice(1).map((end, at) => end - (ends[at] ?? 0n))
        const seen = parts.filter((part) => part > 0n).map((part, n) => final(`t${n}`, { units: part, seenAtMs: NOW_MS + n }))
        const { payments, fees } = positionsOf(paid(seen, plan))
        expect(payments.every(({ over }) => over === 0n)).toBe(true)
        expect(fees[0]?.units ?? 0n).toBe(method?.fee?.whole ?? 0n)
      }),
    )
  })
})
