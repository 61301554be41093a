import type { Sql } from '../lib/outbox.ts'
import type { LightningSummary } from './rpc.ts'

/** Which nodes of a rail are away: rows of the object that is named by the rail, for /health. One row a node. */
const TABLE = 'CREATE TABLE IF NOT EXISTS nodes (wallet_id TEXT PRIMARY KEY, is_down INTEGER NOT NULL) WITHOUT ROWID'

/** What is known already costs no row. */
export function noteNode(sql: Sql, walletId: string, isDown: boolean): void {
  sql.exec(TABLE)
  const statement = `INSERT INTO nodes (wallet_id, is_down) VALUES (?, ?)
    ON CONFLICT (wallet_id) DO UPDATE SET is_down = excluded.is_down WHERE is_down != excluded.is_down`
  sql.exec(statement, walletId, isDown ? 1 : 0)
}

export function summarize(sql: Sql): LightningSummary {
  if (sql.exec("SELECT 1 AS found FROM sqlite_master WHERE name = 'nodes'").toArray().length === 0) return { nodes: 0, down: 0 }
  const row = sql.exec('SELECT COUNT(*) AS nodes, COALESCE(SUM(is_down), 0) AS down FROM nodes').toArray()[0]
  return { nodes: row?.nodes as number, down: row?.down as number }
}
