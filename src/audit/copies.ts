import type { LedgerEntry } from '../ledger/types.ts'
import { decodeJson } from '../lib/json.ts'
import { type LedgerPosition, type LedgerRow, ROW_COLUMNS, transactionOf } from '../storage/ledger-rows.ts'
import { timely } from '../storage/shards.ts'
import type { CopiedRow } from './compare.ts'

/** Statements in one batch. */
const BATCH_MAX = 50

/** The newest row of each of these stores in D1, by store. Throws when D1 fails. */
export async function newestCopies(shard: D1Database, storeIds: readonly string[]): Promise<Map<string, CopiedRow>> {
  const statement = shard.prepare(
    `SELECT ${ROW_COLUMNS} FROM ledger_transactions WHERE store_id = ? ORDER BY at_ms DESC, no DESC LIMIT 1`,
  )
  const rows = await inBatches(
    shard,
    storeIds.map((storeId) => statement.bind(storeId)),
  )
  return new Map(rows.flat().map((row) => [row.storeId, copied(row)]))
}

/** D1's rows in the places of these entries, by number. Throws when D1 fails. */
export async function copiesOf(shard: D1Database, entries: readonly LedgerEntry[]): Promise<Map<number, CopiedRow>> {
  const statement = shard.prepare(
    `SELECT ${ROW_COLUMNS} FROM ledger_transactions
     WHERE (store_id, at_ms, no) IN (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?))`,
  )
  const places = entries.map(({ transaction }) => [transaction.storeId, transaction.atMs, transaction.no])
  const rows = await inBatches(shard, [statement.bind(JSON.stringify(places))])
  return new Map(rows.flat().map((row) => [row.no, copied(row)]))
}

/**
 * D1's rows of these stores after one place and up to another (null: from the beginning, to the end), by number; at most
 * `limit`. Throws when D1 fails.
 */
export async function copiesBetween(
  shard: D1Database,
  storeIds: readonly string[],
  after: LedgerPosition | null,
  end: LedgerPosition | null,
  limit: number,
): Promise<Map<number, CopiedRow>> {
  const statement = shard.prepare(
    `SELECT ${ROW_COLUMNS} FROM ledger_transactions WHERE store_id IN (SELECT value FROM json_each(?1))
     AND (at_ms, no) > (?2, ?3) AND (at_ms, no) <= (?4, ?5) ORDER BY no LIMIT ?6`,
  )
  const from = after ?? { atMs: Number.MIN_SAFE_INTEGER, no: 0 }
  const to = end ?? { atMs: Number.MAX_SAFE_INTEGER, no: 0 }
  const rows = await inBatches(shard, [statement.bind(JSON.stringify(storeIds), from.atMs, from.no, to.atMs, to.no, limit)])
  return new Map(rows.flat().map((row) => [row.no, copied(row)]))
}

async function inBatches(shard: D1Database, statements: readonly D1PreparedStatement[]): Promise<LedgerRow[][]> {
  const rows: LedgerRow[][] = []
  for (let at = 0; at < statements.length; at += BATCH_MAX) {
    const answers = await timely(shard.batch<LedgerRow>(statements.slice(at, at + BATCH_MAX)))
    rows.push(...answers.map(({ results }) => results))
  }
  return rows
}

/** A row that can't be read is a row that differs. */
function copied(row: LedgerRow): CopiedRow {
  try {
    return { no: row.no, transaction: transactionOf(row), balances: decodeJson(row.balances) }
  } catch {
    return { no: row.no, transaction: row.body, balances: row.balances }
  }
}
