import { asc, eq, gt, inArray } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/d1'
import { merchants, stores } from '../storage/directory-schema.ts'
import { timely } from '../storage/shards.ts'

export interface MerchantPlace {
  readonly id: string
  readonly shard: number
}

/** Merchants of the directory after one of them, by id. Throws when D1 fails. */
export async function merchantsAfter(directory: D1Database, afterId: string, limit: number): Promise<MerchantPlace[]> {
  const query = drizzle(directory).select(PLACE).from(merchants).where(gt(merchants.id, afterId)).orderBy(asc(merchants.id))
  return await timely(query.limit(limit).all())
}

/** Those of these ids that there are; at most 100. */
export async function merchantsOf(directory: D1Database, ids: readonly string[]): Promise<MerchantPlace[]> {
  if (ids.length === 0) return []
  return await timely(
    drizzle(directory)
      .select(PLACE)
      .from(merchants)
      .where(inArray(merchants.id, [...ids]))
      .all(),
  )
}

/** Stores of a merchant; at most 1,000. Throws when D1 fails. */
export async function storesOf(directory: D1Database, merchantId: string): Promise<string[]> {
  const query = drizzle(directory).select({ id: stores.id }).from(stores).where(eq(stores.merchantId, merchantId)).limit(STORES_MAX)
  return (await timely(query.all())).map(({ id }) => id)
}

const STORES_MAX = 1_000
const PLACE = { id: merchants.id, shard: merchants.shard }
