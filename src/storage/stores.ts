import { eq } from 'drizzle-orm'
import type { StoreConfig } from '../invoice/types.ts'
import { decodeJson } from '../lib/json.ts'
import { apiKeys, stores } from './directory-schema.ts'
import { reading, timely } from './shards.ts'

/** The store that an API key speaks for, by the key's hash. Null when there is no such key or it was revoked. Throws when D1 fails. */
export async function storeByKeyHash(directory: D1Database, hash: string): Promise<{ keyId: string; store: StoreConfig } | null> {
  const query = reading(directory)
    .select({ keyId: apiKeys.id, revokedAtMs: apiKeys.revokedAtMs, config: stores.config })
    .from(apiKeys)
    .innerJoin(stores, eq(stores.id, apiKeys.storeId))
    .where(eq(apiKeys.hash, hash))
  const [row] = await timely(query.all())
  return row && row.revokedAtMs === null ? { keyId: row.keyId, store: decodeJson<StoreConfig>(row.config) } : null
}
