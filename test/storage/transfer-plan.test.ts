import { readdirSync, readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { countBatch, listBatch, listTransfers, type TransferFilter, walletOfTransfer } from '../../src/storage/transfers.ts'

/** How SQLite finds what a query asks for. */
async function planOf(ask: (shard: D1Database) => Promise<unknown>): Promise<string> {
  let sent = ''
  const prepare = (statement: string) => {
    sent = statement
    return { bind: () => ({ raw: async () => [], all: async () => ({ results: [] }) }) }
  }
  await ask({ withSession: () => ({ prepare }) } as unknown as D1Database)
  const database = new DatabaseSync(':memory:')
  for (const file of readdirSync('migrations/shard').filter((name) => name.endsWith('.sql')))
    database.exec(readFileSync(`migrations/shard/${file}`, 'utf8'))
  const steps = database.prepare(`EXPLAIN QUERY PLAN ${sent}`).all()
  return steps.map(({ detail }) => detail).join('; ')
}

const after = { createdAtMs: 5, id: 'tr_x' }
const list = (filter: Partial<TransferFilter>) =>
  planOf((shard) => listTransfers(shard, { storeId: 'st_a', status: null, kind: null, after: null, limit: 20, ...filter }))

test.each([
  ['a store', {}, 'transfers_by_time (store_id=?)'],
  ['a store, next page', { after }, 'transfers_by_time (store_id=? AND (created_at_ms,id)<(?,?))'],
  ['a status', { status: 'failed', after }, 'transfers_by_status (store_id=? AND status=? AND (created_at_ms,id)<(?,?))'],
  ['a kind', { kind: 'refund', after }, 'transfers_by_kind (store_id=? AND kind=? AND (created_at_ms,id)<(?,?))'],
  ['both', { kind: 'refund', status: 'failed' }, 'transfers_by_status (store_id=? AND status=?)'],
] as const)('the list of %s reads its page from an index and sorts nothing', async (_which, filter, search) => {
  expect(await list(filter)).toBe(`SEARCH transfers USING INDEX ${search}`)
})

test('a batch is read along its index', async () => {
  const page = { storeId: 'st_a', batchId: 'po_a', after, limit: 20 }
  expect(await planOf((shard) => listBatch(shard, page))).toBe(
    'SEARCH transfers USING INDEX transfers_by_batch (store_id=? AND batch_id=? AND (created_at_ms,id)>(?,?))',
  )
  expect(await planOf((shard) => countBatch(shard, 'st_a', 'po_a'))).toContain(
    'SEARCH transfers USING INDEX transfers_by_batch (store_id=? AND batch_id=?)',
  )
})

test('one is found by its key', async () => {
  expect(await planOf((shard) => walletOfTransfer(shard, 'st_a', 'tr_a'))).toBe(
    'SEARCH transfers USING PRIMARY KEY (store_id=? AND id=?)',
  )
})
