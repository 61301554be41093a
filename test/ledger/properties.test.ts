import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { balanceOf } from '../../src/ledger/balances.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import type { FeePosition, InvoicePositions, PaymentPosition, Place } from '../../src/ledger/types.ts'
import { audit, booking, figures, MERCHANT, reserve, WALLET } from './builders.ts'
import { openRows, PowerCut } from './sqlite.ts'

const RUNS = 100
const ASSETS = ['BTC', 'ETH'] as const
const STORES = ['st_1', 'st_2'] as const
const INVOICES = ['inv_1', 'inv_2', 'inv_3'] as const

/** An invoice's fee follows from what is final of it, as the invoice room has it: 1 %, a fifth of it the partner's. */
function feesOf(payments: readonly PaymentPosition[]): FeePosition[] {
  return ASSETS.flatMap((asset) =>
    (['platform', 'self'] as const).flatMap((custody): FeePosition[] => {
      const final = payments.filter((one) => one.place === 'available' && one.asset === asset && one.custody === custody)
      const units = final.reduce((sum, one) => sum + one.units, 0n) / 100n
      return units === 0n ? [] : [{ asset, custody, units, partner: { id: 'par_1', units: units / 5n } }]
    }),
  )
}

const place = fc.constantFrom<Place>('none', 'pending', 'available', 'held')

/** What one invoice says at one version: up to three payments, wherever they may be. */
const word: fc.Arbitrary<InvoicePositions> = fc
  .record({
    invoiceId: fc.constantFrom(...INVOICES),
    version: fc.integer({ min: 1, max: 12 }),
    places: fc.array(fc.record({ place, units: fc.constantFrom(700n, 100_000n), late: fc.boolean() }), { maxLength: 3 }),
  })
  .map(({ invoiceId, version, places }) => {
    const store = STORES[INVOICES.indexOf(invoiceId) % 2] as string
    const payments = places.map(
      ({ place, units, late }, n): PaymentPosition => ({
        key: `chain/${invoiceId}/${n}`,
        asset: ASSETS[n % 2] as string,
        walletId: WALLET,
        custody: n === 2 ? 'self' : 'platform',
        units,
        place,
        late,
        over: n === 1 ? units / 2n : 0n,
        zeroConfirmation: n === 1,
      }),
    )
    return { ...MERCHANT, storeId: store, invoiceId, version, payments, fees: feesOf(payments) }
  })

type Step = (ledger: Ledger, nowMs: number) => unknown

const recording: fc.Arbitrary<Step> = word.map((said) => (ledger, nowMs) => ledger.record(said, nowMs))
const key = fc.constantFrom('a', 'b', 'c')
const amount = fc.bigInt({ min: -1n, max: 120_000n })
const asset = fc.constantFrom(...ASSETS)
const storeId = fc.constantFrom(...STORES)

const moneyOut: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ key, amount, asset, storeId, expiresInMs: fc.option(fc.integer({ min: 0, max: 50 })) }).map(
    ({ key, amount, expiresInMs, ...where }): Step =>
      (ledger, nowMs) =>
        ledger.reserve(reserve(key, amount, { ...where, expiresAtMs: expiresInMs === null ? null : nowMs + expiresInMs }), nowMs),
  ),
  fc.record({ key, amount, to: fc.constantFrom('in_transit', `wallet:${WALLET}`, 'exchange') }).map(
    ({ key, amount, to }): Step =>
      (ledger, nowMs) =>
        ledger.post({ key: `${key}/sent`, of: key, amount, to }, nowMs),
  ),
  key.map(
    (key): Step =>
      (ledger, nowMs) =>
        ledger.release({ key: `${key}/void`, of: key }, nowMs),
  ),
  fc
    .record({
      key,
      amount,
      asset,
      storeId,
      from: fc.constantFrom('in_transit', 'held', 'available', 'fees', 'adjustments'),
      to: fc.constantFrom('available', 'shortfall', 'adjustments', `wallet:${WALLET}`),
    })
    .map(
      ({ key, amount, asset, storeId, from, to }): Step =>
        (ledger, nowMs) =>
          ledger.book(
            booking(`adj ${key}`, {
              storeId,
              cause: 'adjustment',
              postings: [{ from, to, amount, asset }],
              by: 'Ada',
              reason: 'r',
            }),
            nowMs,
          ),
    ),
)

const anySteps = fc.array(fc.oneof({ weight: 2, arbitrary: recording }, { weight: 1, arbitrary: moneyOut }), { maxLength: 30 })

describe('any sequence of commands', () => {
  it('keeps every sum at zero, every sign, every hash, and nothing available below zero', () => {
    fc.assert(
      fc.property(anySteps, (steps) => {
        const ledger = new Ledger(openRows().sql)
        for (const [at, step] of steps.entries()) {
          step(ledger, 1_000 + at * 10)
          audit(ledger)
        }
      }),
      { numRuns: RUNS },
    )
  })

  it('told again changes nothing', () => {
    fc.assert(
      fc.property(anySteps, (steps) => {
        const ledger = new Ledger(openRows().sql)
        for (const step of steps) {
          step(ledger, 1_000)
          const before = ledger.standing()
          step(ledger, 1_000)
          expect(ledger.standing()).toEqual(before)
        }
      }),
      { numRuns: RUNS },
    )
  })

  it('survives a power cut after any statement: what was answered is kept, what was not is asked again', () => {
    fc.assert(
      fc.property(anySteps, fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 30 }), (steps, cuts) => {
        const rows = openRows()
        const calm = openRows()
        let ledger = new Ledger(rows.sql)
        const undisturbed = new Ledger(calm.sql)
        for (const [at, step] of steps.entries()) {
          const nowMs = 1_000 + at * 10
          try {
            rows.step(() => step(ledger, nowMs), cuts[at % cuts.length])
          } catch (thrown) {
            if (!(thrown instanceof PowerCut)) throw thrown
            ledger = new Ledger(rows.sql)
            rows.step(() => step(ledger, nowMs))
          }
          calm.step(() => step(undisturbed, nowMs))
          expect(ledger.standing()).toEqual(undisturbed.standing())
        }
        expect(new Ledger(rows.sql).standing()).toEqual(undisturbed.standing())
        audit(new Ledger(rows.sql))
      }),
      { numRuns: RUNS },
    )
  })
})

describe('the words of invoices', () => {
  it('make the same balances in any order, lost and doubled as they may be, once each has said its last', () => {
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 12 }).map(distinctVersions),
        fc.array(fc.nat()),
        fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
        (words, order, lost) => {
          const last = INVOICES.flatMap((id) => newest(words.filter(({ invoiceId }) => invoiceId === id)))
          const inOrder = new Ledger(openRows().sql)
          for (const said of [...words].sort((a, b) => a.version - b.version)) inOrder.record(said, 1)

          const shuffled = new Ledger(openRows().sql)
          const kept = words.filter((said, at) => !lost[at] || last.includes(said))
          const doubled = [...kept, ...kept.slice(0, 5)]
          for (const at of shuffle(doubled.length, order)) shuffled.record(doubled[at] as InvoicePositions, 1)

          for (const store of STORES) expect(shuffled.balances(store).balances).toEqual(inOrder.balances(store).balances)
          audit(shuffled)
        },
      ),
      { numRuns: RUNS },
    )
  })

  it('leave in the books exactly what they last said, to the last unit', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }).map(distinctVersions), (words) => {
        const ledger = new Ledger(openRows().sql)
        for (const said of words) ledger.record(said, 1)
        const last = INVOICES.flatMap((id) => newest(words.filter(({ invoiceId }) => invoiceId === id)))
        for (const store of STORES)
          for (const asset of ASSETS) {
            const of = last.filter(({ storeId }) => storeId === store).flatMap(({ payments }) => payments)
            const sum = (where: Place, custody: string) =>
              of
                .filter((one) => one.place === where && one.asset === asset && one.custody === custody)
                .reduce((units, one) => units + one.units, 0n)
            const fees = last
              .filter(({ storeId }) => storeId === store)
              .flatMap((said) => said.fees.filter((fee) => fee.asset === asset))
              .reduce((units, fee) => units + fee.units, 0n)
            const { balances } = ledger.balances(store)
            const at = (account: string) => balanceOf(balances, account, asset)
            expect(at('pending')).toBe(sum('pending', 'platform'))
            expect(at('held')).toBe(sum('held', 'platform'))
            expect(at('self.available')).toBe(sum('available', 'self'))
            expect(at(`wallet:${WALLET}`)).toBe(-sum('available', 'platform') - sum('held', 'platform'))
            expect(at('fees') + at('partner:par_1')).toBe(fees)
            expect(at('available') + at('fees') + at('partner:par_1') + at('fees_due')).toBe(sum('available', 'platform'))
            expect(figures(ledger, asset, store).shortfall).toBeUndefined()
          }
      }),
      { numRuns: RUNS },
    )
  })
})

/** An invoice says one thing at one version. */
function distinctVersions(words: readonly InvoicePositions[]): InvoicePositions[] {
  return words.filter(
    (one, at) => words.findIndex((other) => other.invoiceId === one.invoiceId && other.version === one.version) === at,
  )
}

function newest(words: readonly InvoicePositions[]): InvoicePositions[] {
  const versions = words.map(({ version }) => version)
  return words.filter(({ version }) => version === Math.max(...versions))
}

function shuffle(length: number, order: readonly number[]): number[] {
  const left = Array.from({ length }, (_, at) => at)
  return Array.from({ length }, (_, at) => left.splice((order[at % Math.max(order.length, 1)] ?? 0) % left.length, 1)[0] as number)
}
