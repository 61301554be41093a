import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { getTableConfig, type SQLiteTable } from 'drizzle-orm/sqlite-core'
import { expect, test } from 'vitest'
import { decodeJson, encodeJson } from '../../src/lib/json.ts'
import { NO_FEES } from '../../src/money/fee.ts'
import * as directory from '../../src/storage/directory-schema.ts'
import * as shard from '../../src/storage/shard-schema.ts'

/** A database after all migrations of a folder. */
function migrated(folder: string): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  for (const statements of migrationsOf(folder)) database.exec(statements)
  return database
}

function migrationsOf(folder: string): string[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.sql'))
  return files.sort().map((file) => readFileSync(join(folder, file), 'utf8'))
}

function shapeInDatabase(database: DatabaseSync, table: string) {
  const columns = database.prepare('SELECT name, lower(type) AS type, "notnull", pk FROM pragma_table_info(?)').all(table)
  const indexes = database.prepare('SELECT name, "unique", partial FROM pragma_index_list(?) WHERE origin <> \'pk\'').all(table)
  return {
    columns: columns.map(({ name, type, notnull }) => ({ name, type, notNull: notnull === 1 })),
    primaryKey: columns
      .filter(({ pk }) => Number(pk) > 0)
      .sort((a, b) => Number(a.pk) - Number(b.pk))
      .map(({ name }) => name),
    indexes: indexes
      .map((index) => ({
        unique: index.unique === 1,
        partial: index.partial === 1,
        columns: database
          .prepare('SELECT name FROM pragma_index_info(?) ORDER BY seqno')
          .all(String(index.name))
          .map(({ name }) => name),
      }))
      .sort(byText),
  }
}

function shapeInCode(table: SQLiteTable) {
  const { columns, primaryKeys, indexes } = getTableConfig(table)
  const single = columns.filter((column) => column.primary).map((column) => column.name)
  const unique = columns
    .filter((column) => column.isUnique)
    .map((column) => ({ unique: true, partial: false, columns: [column.name] }))
  const named = indexes.map(({ config }) => ({
    unique: config.unique,
    partial: config.where !== undefined,
    columns: config.columns.map((column) => ('name' in column ? column.name : 'expression')),
  }))
  return {
    columns: columns.map((column) => ({ name: column.name, type: column.getSQLType(), notNull: column.notNull })),
    primaryKey: primaryKeys[0]?.columns.map((column) => column.name) ?? single,
    indexes: [...unique, ...named].sort(byText),
  }
}

function byText(a: object, b: object): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1
}

test.each([
  ['directory', directory.stores],
  ['directory', directory.apiKeys],
  ['directory', directory.merchants],
  ['directory', directory.wallets],
  ['directory', directory.walletStores],
  ['shard', shard.invoices],
  ['shard', shard.ledgerTransactions],
  ['shard', shard.transfers],
] as const)('migrations of %s make the table that the code believes in', (folder, table) => {
  const { name } = getTableConfig(table)
  expect(shapeInDatabase(migrated(`migrations/${folder}`), name)).toEqual(shapeInCode(table))
})

test.each(['directory', 'shard'])('every table of %s is WITHOUT ROWID, so that a text key costs one row written', (folder) => {
  const tables = migrated(`migrations/${folder}`).prepare("SELECT name, sql FROM sqlite_master WHERE type = 'table'").all()
  expect(tables.length).toBeGreaterThan(0)
  for (const { name, sql } of tables) expect(sql, String(name)).toMatch(/\) WITHOUT ROWID$/)
})

test('stores from before there were merchants get them, without fees, and wallets that are their own', () => {
  const [initial = '', merchants = '', walletStores = ''] = migrationsOf('migrations/directory')
  const database = new DatabaseSync(':memory:')
  database.exec(initial)
  const config = (wallet: string) => ({
    storeName: 'Café "Ω"',
    toleranceBps: 50,
    methods: [
      { asset: 'ETH', walletId: wallet },
      { asset: 'BTC', walletId: 'wal_shared' },
    ],
    wallets: [
      { id: wallet, account: { xpub: 'xpub', script: 'evm' } },
      { id: 'wal_shared', account: { xpub: 'tpub', script: 'p2wpkh' } },
    ],
  })
  const insert = database.prepare('INSERT INTO stores VALUES (?, ?, ?, ?, ?, ?)')
  insert.run('st_2', 'mer_1', 'second', 0, encodeJson(config('wal_2')), 20)
  insert.run('st_1', 'mer_1', 'first', 1, encodeJson(config('wal_1')), 10)
  insert.run('st_3', 'mer_2', 'other', 0, encodeJson(config('wal_3')), 30)
  database.exec(merchants)
  const found = database.prepare('SELECT * FROM merchants ORDER BY id').all()
  expect(found.map(({ plan, ...rest }) => ({ ...rest, plan: decodeJson(String(plan)) }))).toEqual([
    { id: 'mer_1', shard: 1, created_at_ms: 10, plan: NO_FEES },
    { id: 'mer_2', shard: 0, created_at_ms: 30, plan: NO_FEES },
  ])
  expect(
    database
      .prepare('SELECT * FROM wallets ORDER BY id')
      .all()
      .map((row) => ({ ...row })),
  ).toEqual(['wal_1', 'wal_2', 'wal_3', 'wal_shared'].map((id) => ({ id, custody: 'self' })))
  database.exec(walletStores)
  const having = database.prepare('SELECT wallet_id, store_id FROM wallet_stores ORDER BY wallet_id, store_id').all()
  expect(having.map(({ wallet_id, store_id }) => `${wallet_id} ${store_id}`)).toEqual([
    'wal_1 st_1',
    'wal_2 st_2',
    'wal_3 st_3',
    'wal_shared st_1',
    'wal_shared st_2',
    'wal_shared st_3',
  ])
  const before = config('wal_2')
  expect(decodeJson(String(database.prepare("SELECT config FROM stores WHERE id = 'st_2'").get()?.config))).toEqual({
    ...before,
    methods: before.methods.map((method) => ({ ...method, custody: 'self' })),
  })
})
