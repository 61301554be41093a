import { readdirSync, readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { type InvoiceFilter, listInvoices } from '../../src/storage/invoices.ts'

/** The SQL that a list sends to D1. */
async function sqlOf(filter: Partial<InvoiceFilter>): Promise<string> {
  let sent = ''
  const prepare = (statement: string) => {
    sent = statement
    return { bind: () => ({ raw: async () => [], all: async () => ({ results: [] }) }) }
  }
  const database = { withSession: () => ({ prepare }) } as unknown as D1Database
  await listInvoices(database, { storeId: 'st_a', status: null, orderId: null, after: null, limit: 20, ...filter })
  return sent
}

function planOf(statement: string): string {
  const database = new DatabaseSync(':memory:')
  for (const file of readdirSync('migrations/shard').filter((name) => name.endsWith('.sql')))
    database.exec(readFileSync(`migrations/shard/${file}`, 'utf8'))
  const steps = database.prepare(`EXPLAIN QUERY PLAN ${statement}`).all()
  return steps.map(({ detail }) => detail).join('; ')
}

const after = { createdAtMs: 5, id: 'inv_x' }

test.each([
  ['a store', {}, 'PRIMARY KEY (store_id=?)'],
  ['a store, next page', { after }, 'PRIMARY KEY (store_id=? AND (created_at_ms,id)<(?,?))'],
  ['a status', { status: 'settled' }, 'INDEX invoices_by_status (store_id=? AND status=?)'],
  [
    'a status, next page',
    { status: 'settled', after },
    'INDEX invoices_by_status (store_id=? AND status=? AND (created_at_ms,id)<(?,?))',
  ],
  ['an order', { orderId: 'a' }, 'INDEX invoices_by_order (store_id=? AND order_id=?)'],
  [
    'an order with a status',
    { orderId: 'a', status: 'new', after },
    'INDEX invoices_by_order (store_id=? AND order_id=? AND (created_at_ms,id)<(?,?))',
  ],
] as const)('the list of %s reads its page from an index and sorts nothing', async (_which, filter, search) => {
  expect(planOf(await sqlOf(filter))).toBe(`SEARCH invoices USING ${search}`)
})
