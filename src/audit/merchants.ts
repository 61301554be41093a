import { asc, eq, gt, inArray } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/d1'
import { decodeJson } from '../lib/json.ts'
import { merchants, stores, walletStores, wallets } from '../storage/directory-schema.ts'
import { timely } from '../storage/shards.ts'
import type { StoredStore } from '../storage/stores.ts'

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

/**
 * The next wallets of the platform after one of them, by id, at most `wanted`, out of the next `rows` wallets of anybody.
 * `next` is where the page after begins; undefined at the end. Throws when D1 fails.
 */
export async function platformWalletsAfter(
  directory: D1Database,
  afterId: string,
  rows: number,
  wanted: number,
): Promise<{ ids: string[]; next: string | undefined }> {
  const query = drizzle(directory).select().from(wallets).where(gt(wallets.id, afterId)).orderBy(asc(wallets.id)).limit(rows)
  const page = await timely(query.all())
  const ids = page.flatMap(({ id, custody }) => (custody === 'platform' ? [id] : []))
  if (ids.length > wanted) return { ids: ids.slice(0, wanted), next: wanted === 0 ? afterId || undefined : ids[wanted - 1] }
  return { ids, next: page.length < rows ? undefined : page.at(-1)?.id }
}

export interface WalletHolder {
  readonly merchantId: string
  readonly methods: StoredStore['methods']
}

/** Stores that have a wallet, or had it; at most `limit`. Throws when D1 fails. */
export async function holdersOfWallet(directory: D1Database, walletId: string, limit: number): Promise<WalletHolder[]> {
  const query = drizzle(directory)
    .select({ merchantId: stores.merchantId, config: stores.config })
    .from(walletStores)
    .innerJoin(stores, eq(stores.id, walletStores.storeId))
    .where(eq(walletStores.walletId, walletId))
    .limit(limit)
  const rows = await timely(query.all())
  return rows.map(({ merchantId, config }) => ({ merchantId, methods: decodeJson<StoredStore>(config).methods }))
}

const STORES_MAX = 1_000
const PLACE = { id: merchants.id, shard: merchants.shard }
