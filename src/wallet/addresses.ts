import type { AccountKey, ReceivingAddress } from '../gateways/gateway.ts'
import { addressBookOf } from '../gateways/registry.ts'
import type { Sql } from '../lib/outbox.ts'
import { assert } from '../lib/result.ts'
import type { ChainConfig } from '../money/chain.ts'
import type { GivenIndex } from './rpc.ts'

/**
 * The indices that were given out. A row is never deleted, and changed only to add its watch key, or for a change that nobody
 * has signed for: an index belongs to one invoice for ever. The watch key is the same on every chain of the wallet; keeping it
 * saves deriving it for a reading.
 */
export const ADDRESS_TABLES = `
  CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY CHECK (id = 1), xpub TEXT NOT NULL, script TEXT NOT NULL, origin TEXT);
  CREATE TABLE IF NOT EXISTS addresses (idx INTEGER PRIMARY KEY, invoice_id TEXT NOT NULL UNIQUE, key BLOB);
`

export function migrateAddresses(sql: Sql): void {
  sql.exec(ADDRESS_TABLES)
  // Wallets made before balances were read.
  if (!hasColumn(sql, 'addresses', 'key')) sql.exec('ALTER TABLE addresses ADD COLUMN key BLOB')
  // Wallets made before the origin of their account key was kept.
  if (!hasColumn(sql, 'account', 'origin')) sql.exec('ALTER TABLE account ADD COLUMN origin TEXT')
}

export function accountOf(sql: Sql): AccountKey | null {
  const row = sql.exec('SELECT xpub, script, origin FROM account').toArray()[0]
  if (!row) return null
  const key = { xpub: row.xpub as string, script: row.script as AccountKey['script'] }
  return row.origin === null ? key : { ...key, origin: row.origin as string }
}

export function putAccount(sql: Sql, { xpub, script, origin }: AccountKey): void {
  const statement = 'INSERT OR REPLACE INTO account (id, xpub, script, origin) VALUES (1, ?, ?, ?)'
  sql.exec(statement, xpub, script, origin ?? null)
}

export function indexOf(sql: Sql, invoiceId: string): number | null {
  const row = sql.exec('SELECT idx FROM addresses WHERE invoice_id = ?', invoiceId).toArray()[0]
  return row ? (row.idx as number) : null
}

export function nextIndex(sql: Sql): number {
  return sql.exec('SELECT COALESCE(MAX(idx) + 1, 0) AS next FROM addresses').toArray()[0]?.next as number
}

/** `key` is null when this chain could not make an address of the index: it is given out all the same. */
export function give(sql: Sql, index: number, invoiceId: string, key: Uint8Array | null): void {
  sql.exec('INSERT INTO addresses (idx, invoice_id, key) VALUES (?, ?, ?)', index, invoiceId, key && bufferOf(key))
}

/** Whom the index of a transfer's change belongs to. */
function changeOwner(transferId: string): string {
  return `change/${transferId}`
}

/** The index for the change of a transfer: its own, else one that was never used, else the next. */
export function changeIndex(sql: Sql, transferId: string): number {
  const spare = "SELECT idx FROM addresses WHERE invoice_id >= 'spare/' AND invoice_id < 'spare0' ORDER BY invoice_id LIMIT 1"
  return indexOf(sql, changeOwner(transferId)) ?? (sql.exec(spare).toArray()[0]?.idx as number | undefined) ?? nextIndex(sql)
}

/** Keeps that index for it. Throws when it is another's: nothing of this one ever goes to an invoice's address. */
export function giveChange(sql: Sql, chain: ChainConfig, account: AccountKey, index: number, transferId: string): void {
  const owner = changeOwner(transferId)
  if (index === nextIndex(sql)) give(sql, index, owner, addressAt(chain, account, index).watchKey)
  else sql.exec("UPDATE addresses SET invoice_id = ? WHERE idx = ? AND invoice_id = 'spare/' || idx", owner, index)
  assert(indexOf(sql, owner) === index, 'change goes to an address that is its own, or nobody’s')
}

/** A transfer has ended without a signature: the index of its change, if any, is for the next that has one. */
export function spareChange(sql: Sql, transferId: string): void {
  sql.exec("UPDATE addresses SET invoice_id = 'spare/' || idx WHERE invoice_id = ?", changeOwner(transferId))
}

export function givenFrom(sql: Sql, fromIndex: number, limit: number): GivenIndex[] {
  return sql
    .exec('SELECT idx, invoice_id FROM addresses WHERE idx >= ? ORDER BY idx LIMIT ?', fromIndex, limit)
    .toArray()
    .map(toGiven)
}

/** Looks at every row: 100,000 take some tens of milliseconds, and an index would cost a row more for each address. */
export function givenKey(sql: Sql, key: Uint8Array): GivenIndex | null {
  const row = sql.exec('SELECT idx, invoice_id FROM addresses WHERE key = ?', bufferOf(key)).toArray()[0]
  return row ? toGiven(row) : null
}

/** Of these watch keys, in hexadecimal, those that were given out. Looks at every row once. */
export function indicesOfKeys(sql: Sql, keys: readonly string[]): Map<string, number> {
  const statement = 'SELECT idx, lower(hex(key)) AS key FROM addresses WHERE lower(hex(key)) IN (SELECT value FROM json_each(?))'
  const rows = sql.exec(statement, JSON.stringify(keys)).toArray()
  return new Map(rows.map((row) => [row.key as string, row.idx as number]))
}

export function indicesOfInvoices(sql: Sql, invoiceIds: readonly string[]): Map<string, number> {
  const statement = 'SELECT idx, invoice_id FROM addresses WHERE invoice_id IN (SELECT value FROM json_each(?))'
  const rows = sql.exec(statement, JSON.stringify(invoiceIds)).toArray()
  return new Map(rows.map((row) => [row.invoice_id as string, row.idx as number]))
}

/** The watch keys of so many indices from one on, one after another. Those not kept yet are derived, and kept. */
export function keysFrom(
  sql: Sql,
  chain: ChainConfig,
  account: AccountKey,
  from: number,
  count: number,
): { keys: Uint8Array; keyLength: number } {
  const rows = sql.exec('SELECT idx, key FROM addresses WHERE idx >= ? ORDER BY idx LIMIT ?', from, count).toArray()
  assert(rows.length === count && rows.every(({ idx }, at) => idx === from + at), 'indices are given out without a gap')
  const keyLength = addressAt(chain, account, 0).watchKey.length
  const keys = new Uint8Array(keyLength * count)
  for (const [at, row] of rows.entries()) {
    const kept = row.key === null ? null : new Uint8Array(row.key as ArrayBuffer)
    const key = kept ?? addressAt(chain, account, from + at).watchKey
    if (kept === null) sql.exec('UPDATE addresses SET key = ? WHERE idx = ?', bufferOf(key), from + at)
    keys.set(key, at * keyLength)
  }
  return { keys, keyLength }
}

/** The address at an index. Throws when the account makes none on this chain: it was asked before. */
export function addressAt(chain: ChainConfig, account: AccountKey, index: number): ReceivingAddress {
  const derived = addressBookOf(chain).derive(chain, account, index)
  assert(derived.ok, 'an account that has a wallet on a chain makes addresses of it')
  return derived.value
}

function hasColumn(sql: Sql, table: 'account' | 'addresses', column: string): boolean {
  return sql
    .exec(`PRAGMA table_info(${table})`)
    .toArray()
    .some(({ name }) => name === column)
}

function toGiven(row: Record<string, unknown>): GivenIndex {
  return { index: row.idx as number, invoiceId: row.invoice_id as string }
}

function bufferOf(key: Uint8Array): ArrayBuffer {
  return Uint8Array.from(key).buffer
}
