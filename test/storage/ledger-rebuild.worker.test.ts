import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import type { LedgerEntry } from '../../src/ledger/types.ts'
import { rebuildEnd, rebuildPage } from '../../src/storage/ledger-rebuild.ts'
import { type LedgerPosition, ledgerRow } from '../../src/storage/ledger-rows.ts'
import { migrateDatabases, testEnv } from './databases.ts'
import { type Move, move, projectedMerchant, rowsOf } from './ledger-builders.ts'

beforeAll(migrateDatabases)

const shard = () => testEnv.SHARD_0
const usual: Move = { store: 0, cause: 'payment_seen', from: 0, to: 0, asset: 'BTC', amount: 5n, laterMs: 1, invoice: 0 }

/** As `npm run ledger -- rebuild` goes through a ledger. */
async function rebuild(storeIds: readonly string[], entries: readonly LedgerEntry[], pageSize: number) {
  let after: LedgerPosition | null = null
  const sum = { written: 0, deleted: 0 }
  for (let at = 0; at < entries.length; at += pageSize) {
    const done = await rebuildPage(shard(), { storeIds, after, entries: entries.slice(at, at + pageSize) })
    after = done.end
    sum.written += done.written
    sum.deleted += done.deleted
  }
  sum.deleted += await rebuildEnd(shard(), storeIds, after)
  return sum
}

async function copies(storeIds: readonly string[]) {
  return (await Promise.all(storeIds.map((storeId) => rowsOf(storeId)))).flat()
}

/** What may go wrong with a row. */
const DAMAGE = {
  missing: 'DELETE FROM ledger_transactions WHERE store_id = ?1 AND no = ?2',
  'another balance': `UPDATE ledger_transactions SET balances = '{}' WHERE store_id = ?1 AND no = ?2 AND balances <> '{}'`,
  'another body': `UPDATE ledger_transactions SET body = json_set(body, '$.key', 'x') WHERE store_id = ?1 AND no = ?2 AND json_valid(body)`,
  'no JSON': `UPDATE ledger_transactions SET body = 'x' WHERE store_id = ?1 AND no = ?2`,
  'another cause': `UPDATE ledger_transactions SET cause = 'treasury' WHERE store_id = ?1 AND no = ?2 AND cause <> 'treasury'`,
  'another invoice': `UPDATE ledger_transactions SET invoice_id = 'inv_x' WHERE store_id = ?1 AND no = ?2`,
  'another time': 'UPDATE OR IGNORE ledger_transactions SET at_ms = at_ms + 1000000 WHERE store_id = ?1 AND no = ?2',
  'an extra one': `INSERT OR IGNORE INTO ledger_transactions SELECT store_id, at_ms - 1, no, cause, invoice_id, body, balances
    FROM ledger_transactions WHERE store_id = ?1 AND no = ?2`,
  'one from before': `INSERT OR IGNORE INTO ledger_transactions SELECT store_id, 5, no, cause, invoice_id, body, balances
    FROM ledger_transactions WHERE store_id = ?1 AND no = ?2`,
  'one from the future': `INSERT OR IGNORE INTO ledger_transactions SELECT store_id, 4e12, no, cause, invoice_id, body, balances
    FROM ledger_transactions WHERE store_id = ?1 AND no = ?2`,
}

test('whatever was done to the rows, they are what the ledger says afterwards, and nobody else’s are touched', async () => {
  const damages = fc.array(fc.record({ how: fc.constantFrom(...Object.values(DAMAGE)), which: fc.nat(19) }), { maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(move, { minLength: 1, maxLength: 20 }),
      damages,
      fc.integer({ min: 1, max: 7 }),
      async (moves, done, size) => {
        const { stores, entries } = await projectedMerchant(moves)
        const other = await projectedMerchant([usual, { ...usual, store: 1 }])
        for (const { how, which } of done) {
          const { storeId, no } = (entries[which % entries.length] as LedgerEntry).transaction
          await shard().prepare(how).bind(storeId, no).run()
        }
        await rebuild(stores, entries, size)
        const rows = await copies(stores)
        expect(rows).toEqual(
          stores.flatMap((storeId) => entries.filter(({ transaction }) => transaction.storeId === storeId).map(ledgerRow)),
        )
        expect(await copies(other.stores)).toEqual(other.entries.map(ledgerRow))
      },
    ),
    { numRuns: 40 },
  )
}, 90_000)

test('what is right costs no write; what is put right is counted', async () => {
  const { stores, entries } = await projectedMerchant(Array.from({ length: 6 }, () => usual))
  expect(await rebuild(stores, entries, 4)).toEqual({ written: 0, deleted: 0 })
  for (const [how, no] of [
    ['missing', 2],
    ['another body', 3],
    ['one from the future', 4],
    ['an extra one', 6],
  ] as const)
    await shard().prepare(DAMAGE[how]).bind(stores[0], no).run()
  expect(await rebuild(stores, entries, 4)).toEqual({ written: 2, deleted: 2 })
  expect(await rebuild(stores, entries, 4)).toEqual({ written: 0, deleted: 0 })
})

test('a transaction projected while what is beyond the end is deleted is put back by asking the ledger again', async () => {
  const { stores, entries } = await projectedMerchant(Array.from({ length: 3 }, () => usual))
  const known = entries.slice(0, 2)
  expect((await rebuild(stores, known, 2)).deleted).toBe(1)
  const end = known[1]?.transaction ?? null
  expect(await rebuildPage(shard(), { storeIds: stores, after: end, entries: entries.slice(2) })).toMatchObject({
    written: 1,
    deleted: 0,
  })
  expect(await copies(stores)).toEqual(entries.map(ledgerRow))
})
