import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addMerchant, endOfPass, newPass } from '../../src/audit/totals.ts'
import { applyPostings, NO_BALANCES } from '../../src/ledger/balances.ts'
import type { Balances } from '../../src/ledger/types.ts'

const posting = fc.record({
  from: fc.constantFrom('wallet:a', 'wallet:b', 'adjustments'),
  to: fc.constantFrom('available', 'held', 'fees', 'partner:p'),
  amount: fc.bigInt({ min: 1n, max: 10n ** 20n }),
  asset: fc.constantFrom('BTC', 'ETH'),
})
const store = fc.array(posting, { maxLength: 6 }).map((postings) => ({ balances: applyPostings(NO_BALANCES, postings) }))
const merchant = fc.record({ shard: fc.integer({ min: 0, max: 2 }), stores: fc.array(store, { maxLength: 3 }) })

const passOver = (merchants: readonly { shard: number; stores: readonly { balances: Balances }[] }[]) =>
  merchants.reduce((pass, { shard, stores }) => addMerchant(pass, shard, stores), newPass(1))

test('books that balance add up to zero in every shard and in the system, and wallets to what is owed for them', () => {
  fc.assert(
    fc.property(fc.array(merchant, { maxLength: 8 }), (merchants) => {
      const pass = passOver(merchants)
      expect(pass.merchants).toBe(merchants.length)
      expect(endOfPass(pass, [], 5).findings).toEqual([])
    }),
  )
})

test('one unit too many anywhere is found in its shard and in the system', () => {
  fc.assert(
    fc.property(fc.array(merchant, { maxLength: 8 }), fc.integer({ min: 0, max: 2 }), (merchants, shard) => {
      const off = { shard, stores: [{ balances: { available: { BTC: 1n } } }] }
      const { findings } = endOfPass(passOver([...merchants, off]), [], 5)
      expect(findings).toMatchObject([
        { id: `trial/shard/${shard}`, detail: 'all accounts add up to 1 BTC, not to 0', waitMs: 0 },
        { id: 'trial/system', merchantId: null },
      ])
    }),
  )
})

test('a wallet that stores share may be above zero in one of them, and not in their sum', () => {
  const drawn = { shard: 0, stores: [{ balances: { 'wallet:a': { BTC: 5n }, available: { BTC: -5n } } }] }
  const filled = { shard: 1, stores: [{ balances: { 'wallet:a': { BTC: -5n }, available: { BTC: 5n } } }] }
  expect(endOfPass(passOver([drawn, filled]), [], 5).findings).toEqual([])
  expect(endOfPass(passOver([drawn, drawn, filled]), [], 5).findings).toMatchObject([
    { id: 'wallet:a', kind: 'wallet', detail: '5 BTC more went out of wallet:a than came in', waitMs: 5 },
  ])
})
