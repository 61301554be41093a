import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BITCOIN_REGTEST } from '../../config/development.ts'
import { decide } from '../../src/invoice/decide.ts'
import { refundOf } from '../../src/invoice/decide-refund.ts'
import { positionsOf } from '../../src/invoice/positions.ts'
import { REFUNDS_MAX } from '../../src/invoice/refund.ts'
import { nextStep } from '../../src/invoice/refund-progress.ts'
import { overUnits, refundableAssets, refundableUnits, refundFault } from '../../src/invoice/refundable.ts'
import type { Invoice } from '../../src/invoice/types.ts'
import { NOW_MS, newInvoice, observation, observe, run } from './builders.ts'
import { ADDRESS, accepted, apply, btc, cancelled, claimed, refundId, request, requested, settled } from './refund-builders.ts'

/** 60.00 EUR are 100,000 satoshi or 0.02 ETH. */
const paid = () => observe(newInvoice(), settled('t1')).invoice
const unitsOf = (invoice: Invoice) => (invoice.refunds ?? []).map(({ units }) => units)
const late = { seenAtMs: NOW_MS + 900_001 }
const held = (...more: Parameters<typeof settled>[]) =>
  observe(newInvoice({ latePolicy: 'hold' }), ...more.map((one) => settled(...one))).invoice
const resolved = (invoice: Invoice, action: 'accept_late' | 'refuse_late') =>
  run(invoice, { type: 'resolve', action, by: 'test' }).invoice

describe('what was paid beyond the price, once some of what came in is taken away again', () => {
  const first = [settled('t1'), settled('t2', { seenAtMs: NOW_MS + 1 })] as const
  const twice = () => observe(newInvoice({ latePolicy: 'accept_current_rate' }), ...first).invoice
  const gone = (invoice: Invoice, txid: string) => observe(invoice, settled(txid, { revision: 6, status: 'double_spent' })).invoice
  const back = (invoice: Invoice, txid: string) => observe(invoice, settled(txid, { revision: 7 })).invoice
  const wanted = (invoice: Invoice, name = 'a') => {
    const refund = refundOf(invoice, refundId(name))
    return refund && nextStep(invoice, refund)?.do
  }

  test.each(['t1', 't2'])('is not sent while %s is away, though the other would cover it', (txid) => {
    const asked = claimed(requested(twice(), 'a', { type: 'over' }), 'a')
    expect(wanted(asked)).toBe('create')
    expect(wanted(gone(asked, txid))).toBeUndefined()
    expect(wanted(back(gone(asked, txid), txid))).toBe('create')
    const transfer = { id: refundId('a'), chainId: BITCOIN_REGTEST, asset: 'BTC', outputs: [{ address: ADDRESS, units: 100_000n }] }
    expect(refundFault(asked, transfer)).toBeNull()
    expect(refundFault(gone(asked, txid), transfer)).toMatch(/cover/)
  })

  test('is sent whatever else is refunded beside it, in whatever asset and at whatever rate more comes in', () => {
    const asked = claimed(requested(twice(), 'a', { type: 'over' }), 'a')
    expect(wanted(requested(asked, 'b', { type: 'full' }))).toBe('create')
    expect(wanted(observe(asked, settled('t3', { assetCode: 'ETH', units: 5n })).invoice)).toBe('create')
    // A bitcoin is worth twice as much by then, and half of it.
    for (const whole of [50_000n, 200_000n]) {
      const lateRates = { BTC: { whole, rate: null } }
      const more = run(asked, { type: 'observe', observations: [settled('t4', late)], lateRates }, NOW_MS + 900_001).invoice
      expect(more.payments.at(-1)).toMatchObject({ decision: 'counted', whole })
      expect(wanted(more)).toBe('create')
    }
  })
})

describe('full', () => {
  test('is all that is final of the asset, and then nothing', () => {
    const invoice = requested(paid(), 'a', { type: 'full' })
    expect(unitsOf(invoice)).toEqual([100_000n])
    expect(request(invoice, 'b', { type: 'full' })).toEqual({
      ok: false,
      error: { reason: 'nothing_to_refund', asset: null, held: false },
    })
  })

  test('is what is left after a part', () => {
    const invoice = requested(requested(paid(), 'a', btc(30_000n)), 'b', { type: 'full' })
    expect(unitsOf(invoice)).toEqual([30_000n, 70_000n])
  })

  test('takes nothing that is not final, nor what was replaced', () => {
    const seen = observe(newInvoice(), observation('t1')).invoice
    expect(request(seen, 'a', { type: 'full' })).toMatchObject({ error: { reason: 'nothing_to_refund' } })
    const lost = observe(paid(), settled('t1', { revision: 6, status: 'double_spent' })).invoice
    expect(request(lost, 'a', { type: 'full' })).toMatchObject({ error: { reason: 'nothing_to_refund' } })
  })

  test('takes nothing that is in no block, also where the invoice wants no confirmation', () => {
    const invoice = observe(newInvoice({ confirmationTiers: [{ upTo: null, confirmations: 0 }] }), observation('t1')).invoice
    expect(invoice.status).toBe('settled')
    expect(request(invoice, 'a', { type: 'full' })).toMatchObject({ error: { reason: 'nothing_to_refund' } })
    const included = observe(invoice, settled('t1', { confirmations: 1 })).invoice
    expect(unitsOf(requested(included, 'a', { type: 'full' }))).toEqual([100_000n])
  })

  test('asks which asset where several were paid in, and returns each in its own', () => {
    const invoice = observe(newInvoice(), settled('t1'), settled('t2', { assetCode: 'ETH', units: 5n })).invoice
    expect(request(invoice, 'a', { type: 'full' })).toEqual({
      ok: false,
      error: { reason: 'refund_asset_needed', assets: ['BTC', 'ETH'] },
    })
    const refund = requested(invoice, 'a', { type: 'full' }, { asset: 'ETH' }).refunds?.[0]
    expect(refund).toMatchObject({ asset: 'ETH', units: 5n, chainId: invoice.payments[1]?.chainId })
  })
})

describe('part', () => {
  test('is exact in the asset, up to what is there and not a unit more', () => {
    expect(unitsOf(requested(paid(), 'a', btc(100_000n)))).toEqual([100_000n])
    expect(request(paid(), 'a', btc(100_001n))).toEqual({
      ok: false,
      error: { reason: 'refund_over_limit', asset: 'BTC', wanted: 100_001n, refundable: 100_000n },
    })
  })

  test('in the invoice’s currency is worth it at the locked rate, rounded down', () => {
    const at = 'then' as const
    const eur = (units: bigint) => ({ type: 'part', amount: { asset: 'EUR', units }, at }) as const
    // 10.01 EUR of 60.00 are 16,683.33 of 100,000 satoshi.
    expect(unitsOf(requested(paid(), 'a', eur(1_001n)))).toEqual([16_683n])
    expect(unitsOf(requested(paid(), 'a', eur(6_000n)))).toEqual([100_000n])
  })

  test('at the rate now is worth it on the market, without the margin of the quote', () => {
    const now = { type: 'part', amount: { asset: 'EUR', units: 1_001n }, at: 'now' } as const
    // 10.01 EUR at 60,000.00 are 16,683.33 satoshi.
    expect(requested(paid(), 'a', now).refunds?.[0]).toMatchObject({ units: 16_683n, rule: { at: 'now', rate: { base: 'BTC' } } })
  })

  test('is refused in any other currency, without a rate, and when it cannot be sent', () => {
    const usd = { type: 'part', amount: { asset: 'USD', units: 1n }, at: 'now' } as const
    expect(request(paid(), 'a', usd)).toMatchObject({ error: { reason: 'refund_currency_unknown' } })
    expect(request(paid(), 'a', btc(329n))).toMatchObject({ error: { reason: 'refund_too_small', least: 330n } })
  })
})

describe('over', () => {
  const twice = () => observe(newInvoice(), settled('t1'), settled('t2', { units: 25_000n })).invoice

  test('is what came beyond the price, once', () => {
    const invoice = requested(twice(), 'a', { type: 'over' })
    expect(unitsOf(invoice)).toEqual([25_000n])
    expect(request(invoice, 'b', { type: 'over' })).toMatchObject({ error: { reason: 'nothing_to_refund' } })
    expect(refundableUnits(invoice, 'BTC')).toBe(100_000n)
  })

  test('is less after a part was returned, in whatever asset', () => {
    expect(overUnits(requested(twice(), 'a', btc(10_000n)), 'BTC')).toBe(15_000n)
    const eth = observe(twice(), settled('t3', { assetCode: 'ETH', units: 20_000_000_000_000_000n })).invoice
    // 125 % in bitcoin and 100 % in ether: half of the bitcoin back leaves 62.5 % beyond the price.
    expect(overUnits(eth, 'ETH')).toBe(20_000_000_000_000_000n)
    expect(overUnits(requested(eth, 'a', btc(62_500n), { asset: 'BTC' }), 'ETH')).toBe(12_500_000_000_000_000n)
  })

  test('is nothing where the price was just paid, or less', () => {
    expect(request(paid(), 'a', { type: 'over' })).toMatchObject({ error: { reason: 'nothing_to_refund' } })
  })

  test('comes back when such a refund is ended', () => {
    const ended = cancelled(requested(twice(), 'a', { type: 'over' }), 'a')
    expect(unitsOf(requested(ended, 'b', { type: 'over' }))).toEqual([25_000n, 25_000n])
  })
})

describe('late money', () => {
  test('that is held waits for a person’s word', () => {
    expect(request(held(['t1', late]), 'a', { type: 'full' })).toEqual({
      ok: false,
      error: { reason: 'nothing_to_refund', asset: null, held: true },
    })
  })

  test('that was refused goes back, and leaves what is held in the books for it', () => {
    const refused = resolved(held(['t1', late], ['t2', { ...late, units: 7_000n }]), 'refuse_late')
    expect(positionsOf(refused).payments.map(({ place }) => place)).toEqual(['held', 'held'])
    const part = requested(refused, 'a', btc(50_000n))
    expect(positionsOf(part).payments.map(({ place }) => place)).toEqual(['available', 'held'])
    const all = requested(part, 'b', { type: 'full' })
    expect(unitsOf(all)).toEqual([50_000n, 57_000n])
    expect(positionsOf(all).payments.map(({ place }) => place)).toEqual(['available', 'available'])
  })

  test('stays released, whatever the chain tells of it afterwards', () => {
    const released = requested(resolved(held(['t1', late]), 'refuse_late'), 'a', { type: 'full' })
    const { invoice } = observe(released, settled('t1', { ...late, revision: 6, confirmations: 13 }))
    expect(positionsOf(invoice).payments[0]?.place).toBe('available')
  })

  test('does not count as overpaid', () => {
    const refused = resolved(held(['t0'], ['t1', late]), 'refuse_late')
    expect(request(refused, 'a', { type: 'over' })).toMatchObject({ error: { reason: 'nothing_to_refund' } })
    const over = resolved(held(['t0', { units: 120_000n }], ['t1', late]), 'refuse_late')
    const once = requested(over, 'a', { type: 'over' })
    expect(unitsOf(once)).toEqual([20_000n])
    expect(request(once, 'b', { type: 'over' })).toMatchObject({ error: { reason: 'nothing_to_refund' } })
    // What was refused goes first, so the overpaid part is still there after it.
    expect(overUnits(requested(over, 'a', btc(100_000n)), 'BTC')).toBe(20_000n)
  })
})

test('an asset that was not offered goes back in itself', () => {
  const only = newInvoice({ assets: ['ETH'] })
  const invoice = observe(only, settled('t1', { assetCode: 'USDC', units: 5_000_000n })).invoice
  expect(requested(invoice, 'a', { type: 'full' }).refunds?.[0]).toMatchObject({ asset: 'USDC', units: 5_000_000n })
  const then = { type: 'part', amount: { asset: 'EUR', units: 100n }, at: 'then' } as const
  expect(request(invoice, 'a', then)).toMatchObject({ error: { reason: 'refund_rate_unknown' } })
})

test('an invoice keeps so many refunds and no more', () => {
  let invoice = paid()
  for (let at = 0; at < REFUNDS_MAX; at++) invoice = requested(invoice, `${at}`, btc(330n))
  expect(request(invoice, 'x', btc(330n))).toEqual({ ok: false, error: { reason: 'too_many_refunds' } })
})

test('the amounts never depend on the order in which the payments were told of', () => {
  const payments = [settled('t1'), settled('t2', { units: 25_000n }), settled('t3', { assetCode: 'ETH', units: 7n })]
  fc.assert(
    fc.property(fc.shuffledSubarray(payments, { minLength: 3 }), (shuffled) => {
      const { invoice } = observe(newInvoice(), ...shuffled)
      return refundableAssets(invoice).every((asset) => refundableUnits(invoice, asset) === (asset === 'BTC' ? 125_000n : 7n))
    }),
  )
})

test('the status of an invoice never depends on its refunds', () => {
  const invoice = requested(paid(), 'a', { type: 'full' })
  expect(invoice.status).toBe('settled')
  const events = accepted(decide(invoice, { type: 'deadline' }, NOW_MS + 900_001))
  expect(apply(invoice, events).status).toBe('settled')
})
