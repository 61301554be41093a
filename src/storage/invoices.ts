import { and, desc, eq, type SQL, sql } from 'drizzle-orm'
import type { Invoice, InvoiceStatus } from '../invoice/types.ts'
import { decodeJson } from '../lib/json.ts'
import type { ListPosition } from './cursor.ts'
import { invoices } from './shard-schema.ts'
import { reading, timely } from './shards.ts'

export const LIST_LIMIT_MAX = 100

export interface InvoiceFilter {
  readonly storeId: string
  readonly status: InvoiceStatus | null
  readonly orderId: string | null
  /** Where the page before ended; null for the first. */
  readonly after: ListPosition | null
  /** 1 to `LIST_LIMIT_MAX`. */
  readonly limit: number
}

/**
 * A page of a store's invoices, newest first, from a replica of its shard: seconds behind the objects at times.
 * Keyset paging: an invoice made meanwhile moves nothing. `next` is null on the last page.
 * Throws when D1 fails.
 */
export async function listInvoices(
  shard: D1Database,
  filter: InvoiceFilter,
): Promise<{ invoices: Invoice[]; next: ListPosition | null }> {
  const { storeId, status, orderId, after, limit } = filter
  const conditions: (SQL | undefined)[] = [
    eq(invoices.storeId, storeId),
    status === null ? undefined : eq(invoices.status, status),
    orderId === null ? undefined : eq(invoices.orderId, orderId),
    after === null ? undefined : sql`(${invoices.createdAtMs}, ${invoices.id}) < (${after.createdAtMs}, ${after.id})`,
  ]
  const query = reading(shard)
    .select({ body: sql<string>`${invoices.body}` })
    .from(indexFor(filter))
    .where(and(...conditions))
    .orderBy(desc(invoices.createdAtMs), desc(invoices.id))
    .limit(limit + 1)
  const rows = await timely(query.all())
  const page = rows.slice(0, limit).map((row) => decodeJson<Invoice>(row.body))
  const last = page.at(-1)
  return { invoices: page, next: last && rows.length > limit ? { createdAtMs: last.terms.createdAtMs, id: last.terms.id } : null }
}

/**
 * SQLite knows nothing of how rare a status or an order is and would walk the whole store, so the index is named. Any
 * order has few invoices; that is the narrower filter when both are given.
 */
function indexFor({ orderId, status }: InvoiceFilter): SQL {
  if (orderId !== null) return sql`${invoices} INDEXED BY invoices_by_order`
  return status !== null ? sql`${invoices} INDEXED BY invoices_by_status` : sql`${invoices}`
}
