import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bookedPayments, faultOfBalances, faultOfCopy, faultOfPayment, firstDifference } from '../../src/audit/compare.ts'
import type { PaymentFact, PaymentObservation } from '../../src/chain/rpc.ts'
import { positionsOf } from '../../src/invoice/positions.ts'
import type { Invoice } from '../../src/invoice/types.ts'
import { applyPostings, NO_BALANCES } from '../../src/ledger/balances.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { decodeJson, encodeJson } from '../../src/lib/json.ts'
import { ledgerRow, transactionOf } from '../../src/storage/ledger-rows.ts'
import { createRequest, newInvoice, observation, run } from '../invoice/builders.ts'
import { payment, positions } from '../ledger/builders.ts'
import { openRows } from '../ledger/sqlite.ts'

const RUNS = { numRuns: 200 }

/** An invoice, its ledger and its chain, each told what the one before it knows. */
class Told {
  invoice: Invoice
  readonly ledger = new Ledger(openRows().sql)
  readonly facts = new Map<string, PaymentFact>()
  #revision = 0

  constructor(changes: Parameters<typeof createRequest>[0] = {}) {
    this.invoice = newInvoice(changes)
  }

  observe(txid: string, changes: Partial<PaymentObservation>): string {
    const seen = observation(txid, { ...changes, revision: ++this.#revision })
    this.invoice = run(this.invoice, { type: 'observe', observations: [seen], lateRates: {} }).invoice
    const recorded = this.ledger.record(positionsOf(this.invoice), this.#revision)
    if (!recorded.ok) throw new Error(recorded.error.reason)
    this.facts.set(seen.key, { ...seen, invoiceId: this.invoice.terms.id })
    return seen.key
  }

  faultOf(key: string, fact: PaymentFact | null = this.facts.get(key) ?? null): string | null {
    const entries = this.ledger.ofInvoice(this.invoice.terms.storeId, this.invoice.terms.id, 0)
    return faultOfPayment(key, fact, this.invoice, bookedPayments(entries).get(key))
  }
}

const step = fc.record({
  txid: fc.constantFrom('a', 'b', 'c'),
  assetCode: fc.constantFrom('BTC', 'ETH'),
  units: fc.bigInt({ min: 1n, max: 150_000n }),
  status: fc.constantFrom('unconfirmed', 'confirmed', 'missing', 'replaced', 'double_spent' as const),
  confirmations: fc.integer({ min: 1, max: 5 }),
})

describe('payments', () => {
  test('whatever happens to payments, books that were told agree with the chain', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), fc.constantFrom('self', 'platform' as const), (steps, custody) => {
        const { store } = createRequest()
        const told = new Told({ store: { ...store, methods: store.methods.map((method) => ({ ...method, custody })) } })
        for (const { txid, assetCode, units, status, confirmations } of steps) {
          const height = status === 'confirmed' ? 7 : null
          told.observe(txid, { assetCode, units, status, height, confirmations: height === null ? 0 : confirmations })
          for (const key of told.facts.keys()) expect(told.faultOf(key)).toBeNull()
        }
      }),
      RUNS,
    )
  })

  test('whatever the chain says instead is a fault: another amount or asset, not there, not final or final after all', () => {
    fc.assert(
      fc.property(step, fc.bigInt({ min: 1n, max: 10n }), ({ txid, assetCode, units, confirmations }, more) => {
        const told = new Told()
        const key = told.observe(txid, { assetCode, units, status: 'confirmed', height: 7, confirmations })
        const fact = told.facts.get(key) as PaymentFact
        const isFinal = confirmations >= (told.invoice.payments[0]?.confirmationsWanted ?? 0)
        expect(told.faultOf(key, { ...fact, units: units + more })).toContain(`in the books: ${units} ${assetCode}`)
        expect(told.faultOf(key, { ...fact, assetCode: 'USDC' })).not.toBeNull()
        expect(told.faultOf(key, { ...fact, status: 'missing', confirmations: 0 })).toContain('on the chain: missing')
        expect(told.faultOf(key, { ...fact, status: 'unconfirmed', confirmations: 0 }) === null).toBe(!isFinal)
        expect(told.faultOf(key, { ...fact, confirmations: 100 }) === null).toBe(isFinal)
        expect(told.faultOf(key, null)).toContain('no such payment')
      }),
      RUNS,
    )
  })

  test('a payment that nobody told of is missing from the books; one without value is not', () => {
    const fact: PaymentFact = { key: 'k', invoiceId: 'inv', assetCode: 'BTC', units: 5n, status: 'unconfirmed', confirmations: 0 }
    expect(faultOfPayment('k', fact, newInvoice())).toBe('on the chain: 5 BTC pending; in the books: nothing')
    expect(faultOfPayment('k', { ...fact, status: 'confirmed', confirmations: 9 }, null)).toBe(
      'on the chain: 5 BTC; in the books: nothing',
    )
    expect(faultOfPayment('k', { ...fact, units: 0n }, newInvoice())).toBeNull()
  })

  test('the detail does not change with each confirmation, so that what lasts is known again', () => {
    const fact: PaymentFact = { key: 'k', invoiceId: 'inv', assetCode: 'BTC', units: 5n, status: 'confirmed', confirmations: 9 }
    expect(faultOfPayment('k', fact, null)).toBe(faultOfPayment('k', { ...fact, confirmations: 10 }, null))
  })

  test('an invoice that is full takes no more crumbs, and is not accused of it', () => {
    const told = new Told()
    for (let n = 0; n < 100; n++) told.observe(`tx${n}`, { units: 1n })
    const crumb: PaymentFact = { ...(told.facts.get(told.observe('tx5', { units: 1n })) as PaymentFact), key: 'k/more/0' }
    expect(told.faultOf('k/more/0', crumb)).toBeNull()
  })

  test('money in the books of another wallet than was paid is a fault', () => {
    const told = new Told()
    const key = told.observe('a', { units: 5n })
    const wallets = { pending: { BTC: 5n }, final: {}, walletIds: ['wal_other'] }
    expect(faultOfPayment(key, told.facts.get(key) ?? null, told.invoice, wallets)).toContain('in the books of wallet wal_other')
  })
})

describe('books by themselves', () => {
  test('what postings make is never at fault, and any figure of it that is changed is', () => {
    const posting = fc.record({
      from: fc.constantFrom('wallet:w', 'adjustments', 'treasury'),
      to: fc.constantFrom('available', 'pending', 'held', 'reserved'),
      amount: fc.bigInt({ min: 1n, max: 10n ** 30n }),
      asset: fc.constantFrom('BTC', 'ETH'),
    })
    fc.assert(
      fc.property(fc.array(posting, { minLength: 1, maxLength: 10 }), fc.bigInt({ min: 1n, max: 9n }), (postings, off) => {
        const balances = applyPostings(NO_BALANCES, postings)
        expect(faultOfBalances(balances)).toBeNull()
        for (const [account, assets] of Object.entries(balances)) {
          for (const [asset, units] of Object.entries(assets))
            expect(faultOfBalances({ ...balances, [account]: { ...assets, [asset]: units + off } })).toContain(
              `${off} ${asset}, not to 0`,
            )
        }
      }),
      RUNS,
    )
  })

  test.each([
    ['a claim below zero', { available: { BTC: -1n }, adjustments: { BTC: 1n } }, 'available is at -1 BTC, and is never below 0'],
    ['backing above zero', { shortfall: { BTC: 1n }, adjustments: { BTC: -1n } }, 'shortfall is at 1 BTC, and is never above 0'],
    ['rounding that is not zero', { rounding: { BTC: 1n }, adjustments: { BTC: -1n } }, 'rounding is at 1 BTC, and is always at 0'],
    ['an account that is none', { pockets: { BTC: 1n }, adjustments: { BTC: -1n } }, 'there is no account pockets'],
  ])('%s is a fault', (_what, balances, words) => {
    expect(faultOfBalances(balances)).toContain(words)
  })
})

describe('copies', () => {
  const entries = () => {
    const ledger = new Ledger(openRows().sql)
    ledger.record(positions(1, [payment({ place: 'pending' })]), 1)
    ledger.record(positions(2, [payment()]), 2)
    return ledger.page(0, 100)
  }

  test('a row that was written by the projection equals its entry', () => {
    for (const entry of entries()) {
      const row = ledgerRow(entry)
      const copied = { no: row.no, transaction: transactionOf(row), balances: decodeJson(row.balances) }
      expect(faultOfCopy(copied, entry)).toBeNull()
    }
  })

  test('any field of it that is changed or missing is a fault, with both figures', () => {
    for (const { transaction, balances } of entries()) {
      for (const name of Object.keys(transaction)) {
        const changed = { no: transaction.no, transaction: { ...transaction, [name]: 'x' }, balances }
        expect(faultOfCopy(changed, { transaction, balances })).toMatch(/ is .*x.* in D1 and .+ in the ledger|is x in D1/)
        const { [name as 'no']: _gone, ...rest } = transaction
        if (transaction[name as 'no'] !== null)
          expect(faultOfCopy({ no: 1, transaction: rest, balances }, { transaction, balances })).toContain('missing in D1')
      }
      const other = { ...balances, available: { BTC: 7n } }
      expect(faultOfCopy({ no: 1, transaction, balances: other }, { transaction, balances })).not.toBeNull()
    }
    expect(faultOfCopy(null, entries()[0] as never)).toBe('D1 does not have transaction 1')
  })

  test('two values differ exactly when their JSON does', () => {
    const value = fc.jsonValue({ maxDepth: 3 })
    const sorted = (text: unknown): unknown =>
      typeof text !== 'object' || text === null || Array.isArray(text)
        ? Array.isArray(text)
          ? text.map(sorted)
          : text
        : Object.fromEntries(
            Object.entries(text)
              .sort(([a], [b]) => (a < b ? -1 : 1))
              .map(([key, field]) => [key, sorted(field)]),
          )
    fc.assert(
      fc.property(value, value, (one, other) => {
        const [left, right] = [JSON.parse(JSON.stringify(one)), JSON.parse(JSON.stringify(other))]
        expect(firstDifference(left, right) === null).toBe(encodeJson(sorted(left)) === encodeJson(sorted(right)))
        expect(firstDifference(left, structuredClone(left))).toBeNull()
      }),
      RUNS,
    )
  })
})
