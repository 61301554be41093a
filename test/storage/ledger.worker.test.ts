import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { applyPostings } from '../../src/ledger/balances.ts'
import type { LedgerEntry, Transaction } from '../../src/ledger/types.ts'
import { randomId } from '../../src/lib/ids.ts'
import {
  balancesAt,
  decodeLedgerCursor,
  encodeLedgerCursor,
  type LedgerFilter,
  listTransactions,
  PAGE_ROWS_WALKED_MAX,
} from '../../src/storage/ledger.ts'
import { accountFilter } from '../../src/storage/ledger-filter.ts'
import { migrateDatabases, testEnv } from './databases.ts'
import { ASSETS, CAUSE_NAMES, type Move, move, projectedMerchant, START_MS } from './ledger-builders.ts'

beforeAll(migrateDatabases)

const ACCOUNTS = [
  'available',
  'pending',
  'wallet',
  'wallet:wal_a',
  'self.wallet:wal_b',
  'partner',
  'partner:wal_a',
  'fees',
  'reserved',
  'exchange',
]
const EVERYTHING = { account: null, cause: null, asset: null, fromMs: null, toMs: null }
const usual: Move = { store: 0, cause: 'payment_seen', from: 0, to: 0, asset: 'BTC', amount: 5n, laterMs: 1, invoice: 0 }

/** All pages, as a caller reads them. Tells how many pages it took. */
async function allPages(filter: Omit<LedgerFilter, 'after'>): Promise<{ found: Transaction[]; pages: number }> {
  const found: Transaction[] = []
  let after: LedgerFilter['after'] = null
  for (let pages = 1; ; pages++) {
    expect(pages, 'paging comes to an end').toBeLessThan(200)
    const page = await listTransactions(testEnv.SHARD_0, { ...filter, after })
    expect(page.transactions.length).toBeLessThanOrEqual(filter.limit)
    found.push(...page.transactions)
    if (page.next === null) return { found, pages }
    after = decodeLedgerCursor(encodeLedgerCursor(page.next))
    expect(after).not.toBeNull()
  }
}

/** What `account` says, read from the documentation and not from the code: either custody, by whole name or kind. */
function touches({ postings }: Transaction, account: string | null, asset: string | null): boolean {
  const isMeant = (name: string) => [account, `self.${account}`].some((wanted) => name === wanted || name.startsWith(`${wanted}:`))
  return postings.some(
    (posting) => (account === null || isMeant(posting.from) || isMeant(posting.to)) && (asset === null || posting.asset === asset),
  )
}

test('pages hold what a filter in memory finds, newest first, for any ledger, filters and page size', async () => {
  const time = fc.option(fc.integer({ min: START_MS - 1, max: START_MS + 30 }))
  await fc.assert(
    fc.asyncProperty(
      fc.array(move, { maxLength: 40 }),
      fc.option(fc.constantFrom(...ACCOUNTS), { freq: 2 }),
      fc.option(fc.constantFrom(...CAUSE_NAMES)),
      fc.option(fc.constantFrom(...ASSETS)),
      time,
      time,
      fc.integer({ min: 1, max: 7 }),
      async (moves, account, cause, asset, fromMs, toMs, limit) => {
        const { stores, ofStore } = await projectedMerchant(moves)
        const expected = ofStore(stores[0])
          .map(({ transaction }) => transaction)
          .filter((transaction) => touches(transaction, account, asset) && (cause === null || transaction.cause === cause))
          .filter(({ atMs }) => (fromMs === null || atMs >= fromMs) && (toMs === null || atMs < toMs))
          .reverse()
        const named = account === null ? null : accountFilter(account)
        const filter = { storeId: stores[0], account: named, cause, asset, fromMs, toMs, limit }
        expect((await allPages(filter)).found).toEqual(expected)
      },
    ),
    { numRuns: 60 },
  )
}, 90_000)

test('a search for what is rare looks at so many rows and comes back, empty if need be, with a cursor to go on', async () => {
  const rare: Move = { ...usual, cause: 'payment_settled', asset: 'USDC' }
  const moves = [rare, ...Array.from({ length: PAGE_ROWS_WALKED_MAX + 50 }, () => usual)]
  const { stores, ofStore } = await projectedMerchant(moves)
  const filter = { storeId: stores[0], ...EVERYTHING, asset: 'USDC', limit: 10 }
  const first = await listTransactions(testEnv.SHARD_0, { ...filter, after: null })
  expect(first.transactions).toEqual([])
  expect(first.next).toEqual(positionOf(ofStore(stores[0])[51]))
  const { found, pages } = await allPages(filter)
  expect({ found, pages }).toEqual({ found: [ofStore(stores[0])[0]?.transaction], pages: 2 })
  // By its cause's own walk a rare thing is found at once.
  const byCause = { storeId: stores[0], ...EVERYTHING, account: accountFilter('partner'), limit: 10 }
  expect(await allPages(byCause)).toEqual({ found: [], pages: 1 })
}, 60_000)

test('several causes are walked together: none is passed over where another one stopped early', async () => {
  // More adjustments without the partner than one walk looks at, older than the shares, and one with it before them all.
  const many = Array.from({ length: 300 }, (): Move => ({ ...usual, cause: 'adjustment', from: 0, to: 0 }))
  const share: Move = { ...usual, cause: 'partner_share' }
  const { stores, ofStore } = await projectedMerchant([share, share, ...many, share, ...many, share])
  const { found, pages } = await allPages({ storeId: stores[0], ...EVERYTHING, account: accountFilter('partner'), limit: 3 })
  const expected = ofStore(stores[0]).filter(({ transaction }) => transaction.cause === 'partner_share')
  expect(found.map(({ no }) => no)).toEqual(expected.map(({ transaction }) => transaction.no).reverse())
  expect(pages).toBeGreaterThan(2)
}, 60_000)

test('what is posted while paging moves nothing', async () => {
  const { stores, ofStore } = await projectedMerchant(Array.from({ length: 10 }, () => usual))
  const filter = { storeId: stores[0], ...EVERYTHING, limit: 4 }
  const first = await listTransactions(testEnv.SHARD_0, { ...filter, after: null })
  await testEnv.SHARD_0.prepare(
    `INSERT INTO ledger_transactions SELECT store_id, at_ms + 1000, no + 1000, cause, invoice_id, body, balances
     FROM ledger_transactions WHERE store_id = ?`,
  )
    .bind(stores[0])
    .run()
  const second = await listTransactions(testEnv.SHARD_0, { ...filter, after: first.next })
  expect([...first.transactions, ...second.transactions].map(({ no }) => no)).toEqual([10, 9, 8, 7, 6, 5, 4, 3])
  expect(ofStore(stores[0])).toHaveLength(10)
})

test('a store sees its own transactions only, whatever its merchant’s other store has', async () => {
  const { stores } = await projectedMerchant([usual, { ...usual, store: 1 }, { ...usual, store: 1, cause: 'refund' }])
  for (const [storeId, nos] of [
    [stores[0], [1]],
    [stores[1], [3, 2]],
    [randomId('st'), []],
  ] as const) {
    const { found } = await allPages({ storeId, ...EVERYTHING, limit: 10 })
    expect(found.map(({ no }) => no)).toEqual(nos)
    expect(found.every((transaction) => transaction.storeId === storeId)).toBe(true)
  }
})

test('the balances at any moment are all that was posted until then', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(move, { maxLength: 25 }), fc.integer({ min: -1, max: 40 }), async (moves, after) => {
      const { stores, ofStore } = await projectedMerchant(moves)
      const atMs = START_MS + after
      const until = ofStore(stores[0]).filter(({ transaction }) => transaction.atMs <= atMs)
      const expected = until.reduce((balances, { transaction }) => applyPostings(balances, transaction.postings), {})
      expect(await balancesAt(testEnv.SHARD_0, stores[0], atMs)).toEqual(expected)
    }),
    { numRuns: 40 },
  )
}, 60_000)

test('a cursor is read only as it was written', () => {
  const position = { atMs: START_MS, no: 7 }
  expect(decodeLedgerCursor(encodeLedgerCursor(position))).toEqual(position)
  for (const text of [`0${START_MS}.7`, `${START_MS}.7.`, `-1.7`, '1e3.7', `${START_MS}.`, '', `${START_MS}.07`])
    expect(decodeLedgerCursor(btoa(text).replaceAll('=', '')), text).toBeNull()
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(decodeLedgerCursor(text)).toBeNull()
    }),
  )
})

function positionOf(entry: LedgerEntry | undefined) {
  return entry && { atMs: entry.transaction.atMs, no: entry.transaction.no }
}
