import { readdirSync, readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { balancesAt, type LedgerFilter, listTransactions } from '../../src/storage/ledger.ts'
import { accountFilter } from '../../src/storage/ledger-filter.ts'
import { statement } from '../../src/storage/ledger-statement.ts'

type Read = (database: D1Database) => Promise<unknown>

/** How SQLite goes through the table for all that a read sends to D1, each way once; with anything that it sorts. */
async function plansOf(read: Read): Promise<string[]> {
  const sent: string[] = []
  const prepare = (statement: string) => {
    sent.push(statement)
    return { bind: () => ({ all: async () => ({ results: [] }) }) }
  }
  const batch = async (statements: unknown[]) => statements.map(() => ({ results: [] }))
  await read({ withSession: () => ({ prepare, batch }) } as unknown as D1Database)
  expect(sent.length).toBeGreaterThan(0)
  const database = new DatabaseSync(':memory:')
  for (const file of readdirSync('migrations/shard').filter((name) => name.endsWith('.sql')))
    database.exec(readFileSync(`migrations/shard/${file}`, 'utf8'))
  const steps = sent.flatMap((statement) => database.prepare(`EXPLAIN QUERY PLAN ${statement}`).all())
  const details = steps.map(({ detail }) => String(detail).replace('COVERING ', ''))
  return [...new Set(details.filter((detail) => /ledger_transactions|TEMP|MATERIALIZE|AUTOMATIC/.test(detail)))]
}

const list = (filter: Partial<LedgerFilter>): Read => {
  const all = { account: null, asset: null, cause: null, fromMs: null, toMs: null, after: null }
  return (database) => listTransactions(database, { storeId: 'st_a', limit: 20, ...all, ...filter })
}
const available = accountFilter('available')
const partner = accountFilter('partner')
const after = { atMs: 5, no: 3 }

const BEFORE = 'PRIMARY KEY (store_id=? AND (at_ms,no)<(?,?))'
const BETWEEN = 'PRIMARY KEY (store_id=? AND at_ms>? AND (at_ms,no)<(?,?))'
const CAUSE_BEFORE = 'INDEX ledger_by_cause (store_id=? AND cause=? AND (at_ms,no)<(?,?))'
const CAUSE_BETWEEN = 'INDEX ledger_by_cause (store_id=? AND cause=? AND at_ms>? AND (at_ms,no)<(?,?))'

test.each<[string, Read, string[]]>([
  ['a store', list({}), [BEFORE]],
  ['a store, next page', list({ after }), [BEFORE]],
  ['a time', list({ fromMs: 1, toMs: 9, after }), [BETWEEN]],
  ['a cause of every payment', list({ cause: 'payment_seen' }), [BEFORE]],
  ['an account of every payment', list({ account: available }), [BEFORE]],
  ['an asset', list({ asset: 'BTC', fromMs: 1 }), [BETWEEN]],
  ['a rare cause', list({ cause: 'refund' }), [CAUSE_BEFORE]],
  ['a rare cause in a time', list({ cause: 'refund', fromMs: 1, after }), [CAUSE_BETWEEN]],
  ['a rare account', list({ account: partner }), [CAUSE_BEFORE]],
  ['a rare account in a time', list({ account: partner, asset: 'BTC', fromMs: 1 }), [CAUSE_BETWEEN]],
  ['balances at a moment', (database) => balancesAt(database, 'st_a', 5), ['PRIMARY KEY (store_id=? AND at_ms<?)']],
  [
    'a statement',
    (database) => statement(database, { storeId: 'st_a', fromMs: 1, toMs: 2, account: available ?? [], asset: null }),
    ['PRIMARY KEY (store_id=? AND at_ms<?)', 'PRIMARY KEY (store_id=? AND at_ms>? AND at_ms<?)'],
  ],
])('%s is read along the key or its index, and nothing is sorted', async (_which, read, searches) => {
  expect(await plansOf(read)).toEqual(searches.map((search) => `SEARCH ledger_transactions USING ${search}`))
})
