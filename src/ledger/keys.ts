import type { Sql } from '../lib/outbox.ts'
import type { KeyClaim } from './rpc.ts'

/** Not among the ledger's own tables: a merchant who sends out of wallets of their own alone has no transaction here. */
const TABLE = `CREATE TABLE IF NOT EXISTS transfer_keys (
  store_id TEXT NOT NULL, key TEXT NOT NULL, purpose TEXT NOT NULL, PRIMARY KEY (store_id, key)
) WITHOUT ROWID`

/** Answers what the key is for: the purpose of the first claim. */
export function claimKey(sql: Sql, { storeId, key, purpose }: KeyClaim): string {
  sql.exec(TABLE)
  sql.exec('INSERT INTO transfer_keys (store_id, key, purpose) VALUES (?, ?, ?) ON CONFLICT DO NOTHING', storeId, key, purpose)
  const [row] = sql.exec('SELECT purpose FROM transfer_keys WHERE store_id = ? AND key = ?', storeId, key).toArray()
  return row?.purpose as string
}
