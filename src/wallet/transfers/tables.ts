import { decodeJson, encodeJson } from '../../lib/json.ts'
import type { Sql } from '../../lib/outbox.ts'
import { isSettled, type TransferRecord } from './record.ts'
import type { Frozen } from './rpc.ts'

/**
 * One row for each transfer. `live_height` is in an index of those that are not done with: all that are not settled, and
 * on chains of coins those in a block whose coins no reading knows yet.
 */
export const TRANSFER_TABLES = `
  CREATE TABLE IF NOT EXISTS transfers (
    id TEXT PRIMARY KEY, chain_id TEXT NOT NULL, live_height INTEGER, body TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS transfers_live ON transfers (live_height) WHERE live_height IS NOT NULL;
  CREATE TABLE IF NOT EXISTS nonces (
    chain_id TEXT NOT NULL, idx INTEGER NOT NULL, next INTEGER NOT NULL, PRIMARY KEY (chain_id, idx)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS gas (
    chain_id TEXT PRIMARY KEY, native TEXT NOT NULL, gas_price TEXT NOT NULL, at_ms INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS sending (
    id INTEGER PRIMARY KEY CHECK (id = 1), frozen TEXT NOT NULL, since_ms INTEGER NOT NULL
  );
`

/** Over any height of a block. */
const OPEN = Number.MAX_SAFE_INTEGER

export function loadTransfer(sql: Sql, id: string): TransferRecord | null {
  const row = sql.exec('SELECT body FROM transfers WHERE id = ?', id).toArray()[0]
  return row ? decodeJson<TransferRecord>(row.body as string) : null
}

export function insertTransfer(sql: Sql, record: TransferRecord): void {
  const { id, chainId } = record.transfer
  const statement = 'INSERT INTO transfers (id, chain_id, live_height, body) VALUES (?, ?, ?, ?)'
  sql.exec(statement, id, chainId, OPEN, encodeJson(record))
}

export function updateTransfer(sql: Sql, record: TransferRecord): void {
  // An index is written only when its column is named.
  const { id, included } = record.transfer
  if (!isSettled(record)) return void sql.exec('UPDATE transfers SET body = ? WHERE id = ?', encodeJson(record), id)
  const height = record.signedPlans[0]?.kind === 'coins' ? (included?.height ?? null) : null
  sql.exec('UPDATE transfers SET body = ?, live_height = ? WHERE id = ?', encodeJson(record), height, id)
}

export function deleteTransfer(sql: Sql, id: string): void {
  sql.exec('DELETE FROM transfers WHERE id = ?', id)
}

/** One after another: together they may not fit into memory. */
export function* liveTransfers(sql: Sql): Generator<TransferRecord> {
  const ids = sql.exec('SELECT id FROM transfers WHERE live_height IS NOT NULL').toArray()
  for (const { id } of ids) {
    const record = loadTransfer(sql, id as string)
    if (record) yield record
  }
}

/** A reading knows what it spent and brought. */
export function forgetTransfer(sql: Sql, id: string): void {
  sql.exec('UPDATE transfers SET live_height = NULL WHERE id = ?', id)
}

/** The lowest number of an EVM payer that is not final yet. */
export function nextNonce(sql: Sql, chainId: string, index: number): number {
  const row = sql.exec('SELECT next FROM nonces WHERE chain_id = ? AND idx = ?', chainId, index).toArray()[0]
  return (row?.next as number | undefined) ?? 0
}

export function raiseNonce(sql: Sql, chainId: string, index: number, next: number): void {
  sql.exec(
    `INSERT INTO nonces (chain_id, idx, next) VALUES (?, ?, ?)
     ON CONFLICT (chain_id, idx) DO UPDATE SET next = excluded.next WHERE excluded.next > next`,
    chainId,
    index,
    next,
  )
}

/** What the treasury of an EVM hot wallet had for gas, and what one gas cost, in wei, when that was last asked. */
export interface GasNote {
  readonly native: bigint
  readonly gasPrice: bigint
  readonly atMs: number
}

export function loadGas(sql: Sql, chainId: string): GasNote | null {
  const row = sql.exec('SELECT native, gas_price, at_ms FROM gas WHERE chain_id = ?', chainId).toArray()[0]
  if (!row) return null
  return { native: BigInt(row.native as string), gasPrice: BigInt(row.gas_price as string), atMs: row.at_ms as number }
}

export function saveGas(sql: Sql, chainId: string, { native, gasPrice, atMs }: GasNote): void {
  const statement = 'INSERT OR REPLACE INTO gas (chain_id, native, gas_price, at_ms) VALUES (?, ?, ?, ?)'
  sql.exec(statement, chainId, String(native), String(gasPrice), atMs)
}

export function loadFrozen(sql: Sql): Frozen | null {
  const row = sql.exec('SELECT frozen, since_ms FROM sending').toArray()[0]
  return row ? { reason: row.frozen as string, sinceMs: row.since_ms as number } : null
}

/** The first reason stands until sending is allowed again. */
export function freeze(sql: Sql, { reason, sinceMs }: Frozen): void {
  sql.exec('INSERT INTO sending (id, frozen, since_ms) VALUES (1, ?, ?) ON CONFLICT DO NOTHING', reason, sinceMs)
}

export function unfreeze(sql: Sql): void {
  sql.exec('DELETE FROM sending')
}
