import { and, asc, count, desc, eq, type SQL, sql } from 'drizzle-orm'
import { decodeJson } from '../lib/json.ts'
import type { ListedTransfer, TransferStatus } from '../wallet/transfers/types.ts'
import type { ListPosition } from './cursor.ts'
import { transfers } from './shard-schema.ts'
import { reading, timely } from './shards.ts'

export interface TransferFilter {
  readonly storeId: string
  readonly status: TransferStatus | null
  readonly kind: ListedTransfer['kind'] | null
  /** Where the page before ended; null for the first. */
  readonly after: ListPosition | null
  /** 1 to `LIST_LIMIT_MAX`. */
  readonly limit: number
}

export interface TransferPage {
  readonly transfers: ListedTransfer[]
  readonly next: ListPosition | null
}

/**
 * A page of a store's transfers, newest first, from a replica of its shard: seconds behind the wallets at times. `next` is
 * null on the last page. Throws when D1 fails.
 */
export async function listTransfers(shard: D1Database, filter: TransferFilter): Promise<TransferPage> {
  const { storeId, status, kind, after, limit } = filter
  const conditions: (SQL | undefined)[] = [
    eq(transfers.storeId, storeId),
    status === null ? undefined : eq(transfers.status, status),
    kind === null ? undefined : eq(transfers.kind, kind),
    after === null ? undefined : sql`(${transfers.createdAtMs}, ${transfers.id}) < (${after.createdAtMs}, ${after.id})`,
  ]
  const query = reading(shard)
    .select({ body: sql<string>`${transfers.body}` })
    .from(indexFor(filter))
    .where(and(...conditions))
    .orderBy(desc(transfers.createdAtMs), desc(transfers.id))
    .limit(limit + 1)
  return pageOf(await timely(query.all()), limit)
}

/** SQLite knows nothing of how rare a status or a kind is, so the index is named. With both, few are in most statuses. */
function indexFor({ status, kind }: TransferFilter): SQL {
  if (status !== null) return sql`${transfers} INDEXED BY transfers_by_status`
  return kind !== null ? sql`${transfers} INDEXED BY transfers_by_kind` : sql`${transfers} INDEXED BY transfers_by_time`
}

/** A page of a batch, in the order its transfers were made. Throws when D1 fails. */
export async function listBatch(
  shard: D1Database,
  { storeId, batchId, after, limit }: { storeId: string; batchId: string; after: ListPosition | null; limit: number },
): Promise<TransferPage> {
  const query = reading(shard)
    .select({ body: sql<string>`${transfers.body}` })
    .from(sql`${transfers} INDEXED BY transfers_by_batch`)
    .where(
      and(
        eq(transfers.storeId, storeId),
        eq(transfers.batchId, batchId),
        after === null ? undefined : sql`(${transfers.createdAtMs}, ${transfers.id}) > (${after.createdAtMs}, ${after.id})`,
      ),
    )
    .orderBy(asc(transfers.createdAtMs), asc(transfers.id))
    .limit(limit + 1)
  return pageOf(await timely(query.all()), limit)
}

/** How many of a batch are in which status; nothing of a batch that is not there. Reads at most the rows of one batch. */
export async function countBatch(
  shard: D1Database,
  storeId: string,
  batchId: string,
): Promise<Partial<Record<TransferStatus, number>>> {
  const query = reading(shard)
    .select({ status: sql<TransferStatus>`${transfers.status}`, number: count() })
    .from(sql`${transfers} INDEXED BY transfers_by_batch`)
    .where(and(eq(transfers.storeId, storeId), eq(transfers.batchId, batchId)))
    .groupBy(transfers.status)
    .orderBy(transfers.status)
  return Object.fromEntries((await timely(query.all())).map(({ status, number }) => [status, number]))
}

/** The wallet that a transfer of this store is in; null when D1 knows none. Throws when D1 fails. */
export async function walletOfTransfer(shard: D1Database, storeId: string, id: string): Promise<string | null> {
  const query = reading(shard)
    .select({ walletId: transfers.walletId })
    .from(transfers)
    .where(and(eq(transfers.storeId, storeId), eq(transfers.id, id)))
  return (await timely(query.all()))[0]?.walletId ?? null
}

function pageOf(rows: readonly { readonly body: string }[], limit: number): TransferPage {
  const page = rows.slice(0, limit).map(({ body }) => decodeJson<ListedTransfer>(body))
  const last = page.at(-1)
  return { transfers: page, next: last && rows.length > limit ? { createdAtMs: last.createdAtMs, id: last.id } : null }
}
