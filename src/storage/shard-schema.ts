import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'

/**
 * A shard: what lists and searches need of a merchant's rows. The object is the truth; a row is a copy that is only
 * ever replaced by a newer version of itself.
 *
 * The key is the order of the list (store, time, id) and the table is `WITHOUT ROWID`, so the table is its own list
 * index. Each filter has an index that goes on in list order. Rows written by the first projection of an invoice: 3
 * (2 without an order id); by each later one 2; by an old or repeated one 0.
 */
export const invoices = sqliteTable(
  'invoices',
  {
    storeId: text('store_id').notNull(),
    createdAtMs: integer('created_at_ms').notNull(),
    id: text('id').notNull(),
    version: integer('version').notNull(),
    status: text('status').notNull(),
    currency: text('currency').notNull(),
    /** Base units of `currency` as a decimal integer: may pass 2^63. */
    price: text('price').notNull(),
    orderId: text('order_id'),
    description: text('description'),
    expiresAtMs: integer('expires_at_ms').notNull(),
    updatedAtMs: integer('updated_at_ms').notNull(),
    settledAtMs: integer('settled_at_ms'),
    isShort: integer('is_short').notNull(),
    isOver: integer('is_over').notNull(),
    isLate: integer('is_late').notNull(),
    isHeld: integer('is_held').notNull(),
    /** `encodeJson` of the whole `Invoice`. */
    body: text('body').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.storeId, table.createdAtMs, table.id] }),
    index('invoices_by_status').on(table.storeId, table.status, table.createdAtMs, table.id),
    index('invoices_by_order').on(table.storeId, table.orderId, table.createdAtMs, table.id).where(sql`order_id IS NOT NULL`),
  ],
)

/**
 * The merchants' ledgers, copied: one row for each transaction, with the balances of its store right after it. A row is
 * written once and never changed. `at_ms` never goes back within a ledger, so the key's order is the ledger's own.
 *
 * Searches by cause have an index of their own for the rare causes only: the two of every payment are met often enough
 * by walking the key. So a usual payment's transactions cost one row written each, the others two.
 */
export const ledgerTransactions = sqliteTable(
  'ledger_transactions',
  {
    storeId: text('store_id').notNull(),
    atMs: integer('at_ms').notNull(),
    no: integer('no').notNull(),
    cause: text('cause').notNull(),
    invoiceId: text('invoice_id'),
    /** `encodeJson` of the `Transaction`. */
    body: text('body').notNull(),
    /** `encodeJson` of the `Balances` of the store. */
    balances: text('balances').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.storeId, table.atMs, table.no] }),
    // As in UNINDEXED_CAUSES of ledger-walk.ts: SQLite takes a partial index only for a query that says the same words.
    index('ledger_by_cause')
      .on(table.storeId, table.cause, table.atMs, table.no)
      .where(sql`cause NOT IN ('payment_seen', 'payment_settled')`),
  ],
)

/**
 * Transfers, copied: one row for each, replaced by newer versions of itself. The key finds one by its id, also when its
 * wallet is none of the store's any more; each list has an index in its order. Rows written by the first projection of a
 * transfer: 4 (5 of a batch); by each later one 2.
 */
export const transfers = sqliteTable(
  'transfers',
  {
    storeId: text('store_id').notNull(),
    id: text('id').notNull(),
    createdAtMs: integer('created_at_ms').notNull(),
    version: integer('version').notNull(),
    status: text('status').notNull(),
    kind: text('kind').notNull(),
    walletId: text('wallet_id').notNull(),
    batchId: text('batch_id'),
    /** `encodeJson` of the `ListedTransfer`. */
    body: text('body').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.storeId, table.id] }),
    index('transfers_by_time').on(table.storeId, table.createdAtMs, table.id),
    index('transfers_by_status').on(table.storeId, table.status, table.createdAtMs, table.id),
    index('transfers_by_kind').on(table.storeId, table.kind, table.createdAtMs, table.id),
    index('transfers_by_batch').on(table.storeId, table.batchId, table.createdAtMs, table.id).where(sql`batch_id IS NOT NULL`),
  ],
)
