import type { LedgerEntry } from '../ledger/types.ts'
import { type LedgerPosition, writeStatements } from './ledger-rows.ts'

/** Rows deleted by one statement, and statements. */
const DELETED_MAX = 1_000
const DELETES_MAX = 100

/** A stretch of one merchant's ledger, and what D1 may hold of it. */
export interface RebuildPage {
  /** Stores of the merchant; at most 1,000. Rows of others are left alone. */
  readonly storeIds: readonly string[]
  /** End of the page before; null at the beginning. */
  readonly after: LedgerPosition | null
  /** All transactions of the stretch, oldest first, at least one: `LedgerRpc.page`. */
  readonly entries: readonly LedgerEntry[]
}

export interface Rebuilt {
  /** Rows that were missing or wrong. */
  readonly written: number
  /** Rows that the ledger does not have. */
  readonly deleted: number
  /** Where the next page begins. */
  readonly end: LedgerPosition
}

/**
 * Makes D1's rows from after `after` up to the last entry what the ledger says: missing ones are put in, wrong ones
 * overwritten, others deleted. Rows that are right cost no write. May run while new transactions are projected. Throws
 * when D1 fails; the same page can be given again.
 */
export async function rebuildPage(shard: D1Database, { storeIds, after, entries }: RebuildPage): Promise<Rebuilt> {
  const last = entries.at(-1)?.transaction
  if (!last) throw new Error('a page has at least one entry')
  const end = { atMs: last.atMs, no: last.no }
  const results = await shard.batch(writeStatements(shard, entries, 'overwrite'))
  const written = results.reduce((sum, { meta }) => sum + meta.changes, 0)
  const known = entries.map(({ transaction }) => [transaction.storeId, transaction.atMs, transaction.no])
  return { written, deleted: await deleteRows(shard, storeIds, after, end, known), end }
}

/**
 * Deletes rows after the end of the ledger: all that is there when `page` answered nothing more. A transaction may have
 * been posted and projected since, so ask `page` again after this, and give `rebuildPage` what it then answers; what is
 * posted later is projected by itself. Answers how many were deleted.
 */
export async function rebuildEnd(shard: D1Database, storeIds: readonly string[], end: LedgerPosition | null): Promise<number> {
  return deleteRows(shard, storeIds, end, { atMs: Number.MAX_SAFE_INTEGER, no: 0 }, [])
}

/** In (after, end], other than `known`; some at a time until there are none. */
async function deleteRows(
  shard: D1Database,
  storeIds: readonly string[],
  after: LedgerPosition | null,
  end: LedgerPosition,
  known: readonly unknown[],
): Promise<number> {
  const statement = shard
    .prepare(
      `DELETE FROM ledger_transactions WHERE (store_id, at_ms, no) IN (
        SELECT store_id, at_ms, no FROM ledger_transactions
        WHERE store_id IN (SELECT value FROM json_each(?1)) AND (at_ms, no) > (?2, ?3) AND (at_ms, no) <= (?4, ?5)
        AND (store_id, at_ms, no) NOT IN (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?6)) LIMIT ?7)`,
    )
    .bind(JSON.stringify(storeIds), ...placeOf(after), end.atMs, end.no, JSON.stringify(known), DELETED_MAX)
  let deleted = 0
  for (let deletes = 0; deletes < DELETES_MAX; deletes++) {
    const { meta } = await statement.run()
    deleted += meta.changes
    if (meta.changes < DELETED_MAX) return deleted
  }
  throw new Error(`more than ${deleted} rows that the ledger does not have; go on by doing the same again`)
}

/** Before every row when there is no place. */
function placeOf(position: LedgerPosition | null): [number, number] {
  return position === null ? [Number.MIN_SAFE_INTEGER, 0] : [position.atMs, position.no]
}
