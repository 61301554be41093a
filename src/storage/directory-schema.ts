import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'

/**
 * The directory: one small database that knows every merchant, store and API key, and in which shard their rows are.
 * Every table is `WITHOUT ROWID` (scripts/generate-migrations.ts adds it): a text key then costs one row written, not two.
 */
export const merchants = sqliteTable('merchants', {
  id: text('id').primaryKey(),
  /** Number of the shard database that holds the rows of all its stores; never changes. */
  shard: integer('shard').notNull(),
  /** `encodeJson` of the `FeePlan`. */
  plan: text('plan').notNull(),
  createdAtMs: integer('created_at_ms').notNull(),
})

/** Every wallet of every store, with the one custody it has for ever. */
export const wallets = sqliteTable('wallets', {
  id: text('id').primaryKey(),
  /** `Custody` */
  custody: text('custody').notNull(),
})

/** Which stores have, or once had, which wallet: in whose books its money may be. */
export const walletStores = sqliteTable(
  'wallet_stores',
  { walletId: text('wallet_id').notNull(), storeId: text('store_id').notNull() },
  (table) => [primaryKey({ columns: [table.walletId, table.storeId] })],
)

export const stores = sqliteTable('stores', {
  id: text('id').primaryKey(),
  merchantId: text('merchant_id').notNull(),
  name: text('name').notNull(),
  /** The merchant's. */
  shard: integer('shard').notNull(),
  /** `encodeJson` of the `StoredStore`. */
  config: text('config').notNull(),
  createdAtMs: integer('created_at_ms').notNull(),
})

export const apiKeys = sqliteTable('api_keys', {
  id: text('id').primaryKey(),
  /** SHA-256 of the whole key in hexadecimal. The key itself is kept nowhere. */
  hash: text('hash').notNull().unique(),
  storeId: text('store_id').notNull(),
  label: text('label').notNull(),
  /** The part of the key that may be shown, so that a person can tell keys apart. */
  prefix: text('prefix').notNull(),
  createdAtMs: integer('created_at_ms').notNull(),
  revokedAtMs: integer('revoked_at_ms'),
})
