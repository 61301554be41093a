import { type SQL, sql } from 'drizzle-orm'
import type { Balances, Cause, Transaction } from '../ledger/types.ts'
import { decodeJson } from '../lib/json.ts'
import { decodeCursorText, encodeCursorText } from './cursor.ts'
import { type AccountFilter, areIndexed, possibleCauses, postingFits } from './ledger-filter.ts'
import { type LedgerPosition, type LedgerRow, transactionOf } from './ledger-rows.ts'
import { readTogether } from './shards.ts'

/**
 * Rows that one page looks at, at most, when its filters are rarer than its walk: it then comes back short or empty, with
 * `next` to go on from. Keeps a page quick whatever is searched for in however large a store.
 */
export const PAGE_ROWS_WALKED_MAX = 1_000

export interface LedgerFilter {
  readonly storeId: string
  /** With `asset`: one posting has both. */
  readonly account: AccountFilter | null
  readonly asset: string | null
  readonly cause: Cause | null
  /** Inclusive. */
  readonly fromMs: number | null
  /** Exclusive. */
  readonly toMs: number | null
  /** Where the page before ended; null for the first. */
  readonly after: LedgerPosition | null
  /** 1 to 100. */
  readonly limit: number
}

export interface LedgerPage {
  readonly transactions: Transaction[]
  readonly next: LedgerPosition | null
}

/**
 * A page of a store's transactions, newest first, from a replica of its shard: seconds behind the ledger at times.
 * Keyset paging: what is posted meanwhile moves nothing. `next` is null on the last page. Throws when D1 fails.
 */
export async function listTransactions(shard: D1Database, filter: LedgerFilter): Promise<LedgerPage> {
  const causes = possibleCauses(filter.account, filter.cause)
  if (causes?.length === 0) return { transactions: [], next: null }
  const walks = causes !== null && areIndexed(causes) ? causes.map((cause) => causeWalk(filter, cause)) : [wholeWalk(filter)]
  const rowsMax = Math.floor(PAGE_ROWS_WALKED_MAX / walks.length)
  const queries = walks.flatMap((walk) => queriesOf(walk, filter.limit + 1, rowsMax))
  const answers = (await readTogether(shard, 'first-unconstrained', queries)) as Omit<LedgerRow, 'balances'>[][]
  const walked = walks.map((_walk, at) => {
    const [rows = [], ends] = [answers[2 * at], answers[2 * at + 1]]
    // Stopped by enough rows, or by how many it may look at; else it has seen everything.
    return { rows, end: (rows.length > filter.limit ? rows.at(-1) : ends?.[0]) ?? null }
  })
  return mergeWalks(walked, filter.limit)
}

/** The balances of a store as they were at a moment; empty before its first transaction. Throws when D1 fails. */
export async function balancesAt(shard: D1Database, storeId: string, atMs: number): Promise<Balances> {
  const [rows = []] = await readTogether(shard, 'first-primary', [lastRow(storeId, sql`at_ms <= ${atMs}`)])
  const [row] = rows as { balances: string }[]
  return row ? decodeJson<Balances>(row.balances) : {}
}

/** The newest transaction of a store for which `condition` holds: its place and the balances after it. */
export function lastRow(storeId: string, condition: SQL): SQL {
  return sql`SELECT at_ms AS atMs, no, balances FROM ledger_transactions
    WHERE store_id = ${storeId} AND ${condition} ORDER BY at_ms DESC, no DESC LIMIT 1`
}

/** An opaque cursor. */
export function encodeLedgerCursor({ atMs, no }: LedgerPosition): string {
  return encodeCursorText(`${atMs}.${no}`)
}

/** Null for anything that `encodeLedgerCursor` did not write. */
export function decodeLedgerCursor(cursor: string): LedgerPosition | null {
  const [, at, no] = /^(\d{1,15})\.(\d{1,15})$/.exec(decodeCursorText(cursor) ?? '') ?? []
  const position = { atMs: Number(at), no: Number(no) }
  return encodeLedgerCursor(position) === cursor ? position : null
}

/** `a` is newer than `b`: over 0. */
export function comparePositions(a: LedgerPosition, b: LedgerPosition): number {
  return a.atMs - b.atMs || a.no - b.no
}

/** One way along the ledger, newest first: which rows it meets, and which of them pass. */
interface Walk {
  readonly source: SQL
  readonly met: SQL
  /** Null when all do. */
  readonly passes: SQL | null
}

/** Over all of the store's transactions. */
function wholeWalk(filter: LedgerFilter): Walk {
  const { cause } = filter
  const conditions = [cause === null ? null : sql`cause = ${cause}`, postingCondition(filter)].filter(
    (condition) => condition !== null,
  )
  const passes = conditions.length > 0 ? sql.join(conditions, sql` AND `) : null
  return { source: sql`ledger_transactions`, met: inRange(filter), passes }
}

/** Over those of one cause. SQLite knows nothing of how rare it is, so the index is named, and what it holds repeated. */
function causeWalk(filter: LedgerFilter, cause: Cause): Walk {
  const met = sql`${inRange(filter)} AND cause = ${cause} AND cause NOT IN ('payment_seen', 'payment_settled')`
  return { source: sql`ledger_transactions INDEXED BY ledger_by_cause`, met, passes: postingCondition(filter) }
}

function postingCondition({ account, asset }: LedgerFilter): SQL | null {
  return account === null && asset === null ? null : postingFits(account, asset)
}

/** Before the cursor and before the end of the time asked for, whichever is older: no transaction has the number 0. */
function inRange({ storeId, fromMs, toMs, after }: LedgerFilter): SQL {
  const end = { atMs: toMs ?? Number.MAX_SAFE_INTEGER, no: 0 }
  const before = after !== null && comparePositions(after, end) < 0 ? after : end
  const since = fromMs === null ? sql`` : sql` AND at_ms >= ${fromMs}`
  return sql`store_id = ${storeId}${since} AND (at_ms, no) < (${before.atMs}, ${before.no})`
}

/**
 * What passes among the newest `rowsMax` rows that the walk meets; and where those rows end, if there are so many. The
 * inner query hands on row by row in its order and is left as soon as there are enough.
 */
function queriesOf({ source, met, passes }: Walk, limit: number, rowsMax: number): [SQL, SQL] {
  const columns = sql`store_id AS storeId, at_ms AS atMs, no, cause, invoice_id AS invoiceId, body`
  const newest = (count: number) => sql`FROM ${source} WHERE ${met} ORDER BY at_ms DESC, no DESC LIMIT ${count}`
  if (passes === null) return [sql`SELECT ${columns} ${newest(limit)}`, sql`SELECT 1 WHERE false`]
  const walked = sql`SELECT store_id, at_ms, no, cause, invoice_id, body ${newest(rowsMax)}`
  return [
    sql`SELECT ${columns} FROM (${walked}) WHERE ${passes} LIMIT ${limit}`,
    sql`SELECT at_ms AS atMs, no ${newest(1)} OFFSET ${rowsMax - 1}`,
  ]
}

/** Together the walks have seen everything down to the newest place where one of them stopped. */
function mergeWalks(
  walks: readonly { rows: readonly Omit<LedgerRow, 'balances'>[]; end: LedgerPosition | null }[],
  limit: number,
): LedgerPage {
  const ends = walks.flatMap(({ end }) => end ?? []).sort(comparePositions)
  const horizon = ends.at(-1) ?? null
  const seen = walks
    .flatMap(({ rows }) => rows)
    .filter((row) => horizon === null || comparePositions(row, horizon) >= 0)
    .sort((a, b) => comparePositions(b, a))
  const page = seen.slice(0, limit)
  const last = seen.length > limit ? page.at(-1) : horizon
  return { transactions: page.map(transactionOf), next: last ? { atMs: last.atMs, no: last.no } : null }
}
