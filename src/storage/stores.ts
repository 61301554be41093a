import { eq } from 'drizzle-orm'
import type { StoreConfig } from '../invoice/types.ts'
import { decodeJson } from '../lib/json.ts'
import type { FeePlan } from '../money/fee.ts'
import { apiKeys, merchants, stores } from './directory-schema.ts'
import { reading, timely } from './shards.ts'

/** A store as its row keeps it; the plan is in its merchant's row. */
export type StoredStore = Omit<StoreConfig, 'plan'>

/** The store that an API key speaks for, by the key's hash. Null when there is no such key or it was revoked. Throws when D1 fails. */
export async function storeByKeyHash(directory: D1Database, hash: string): Promise<{ keyId: string; store: StoreConfig } | null> {
  const query = reading(directory)
    .select({ keyId: apiKeys.id, revokedAtMs: apiKeys.revokedAtMs, config: stores.config, plan: merchants.plan })
    .from(apiKeys)
    .innerJoin(stores, eq(stores.id, apiKeys.storeId))
    .innerJoin(merchants, eq(merchants.id, stores.merchantId))
    .where(eq(apiKeys.hash, hash))
  const [row] = await timely(query.all())
  if (!row || row.revokedAtMs !== null) return null
  return { keyId: row.keyId, store: { ...decodeJson<StoredStore>(row.config), plan: decodeJson<FeePlan>(row.plan) } }
}

/** What a store is called; null when there is none. Throws when D1 fails. */
export async function storeNameOf(directory: D1Database, storeId: string): Promise<string | null> {
  const query = reading(directory).select({ config: stores.config }).from(stores).where(eq(stores.id, storeId))
  const [row] = await timely(query.all())
  return row ? decodeJson<StoredStore>(row.config).storeName : null
}
