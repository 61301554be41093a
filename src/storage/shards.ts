import type { SQL } from 'drizzle-orm'
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1'
import { SQLiteAsyncDialect } from 'drizzle-orm/sqlite-core'

/** Shards of one installation at most; more than that many bindings is a mistake in a wrangler.toml. */
const SHARDS_MAX = 1_000
const READ_MS_MAX = 5_000

/** The shard database of this number (binding `SHARD_<index>`). Throws when it is not bound: a store's shard never goes away. */
export function shardOf(env: object, index: number): D1Database {
  const database = shardBinding(env, index)
  if (!database) throw new Error(`shard ${index} is not bound (SHARD_${index})`)
  return database
}

/** How many shards are bound: `SHARD_0`, `SHARD_1`, … without a gap. */
export function shardCount(env: object): number {
  let count = 0
  while (count < SHARDS_MAX && shardBinding(env, count)) count++
  return count
}

/**
 * A database to read from, by the Sessions API: any replica will do, and what one session reads never goes back in time.
 * drizzle's type wants the whole database; it only ever calls `prepare` and `batch`, which a session has.
 */
export function reading(database: D1Database): DrizzleD1Database {
  return drizzle(database.withSession('first-unconstrained') as unknown as D1Database)
}

const dialect = new SQLiteAsyncDialect()

/**
 * Answers queries as of one moment, in one way there and back; drizzle's own batch takes no values in SQL of one's own.
 * From any replica, unless it must be all that was written until now (`first-primary`). Rejects when D1 fails or stalls.
 */
export async function readTogether(
  database: D1Database,
  from: 'first-unconstrained' | 'first-primary',
  queries: readonly SQL[],
): Promise<unknown[][]> {
  const session = database.withSession(from)
  const statements = queries.map((query) => {
    const { sql, params } = dialect.sqlToQuery(query)
    return session.prepare(sql).bind(...params)
  })
  return (await timely(session.batch(statements))).map(({ results }) => results)
}

/** D1 now and then stalls for a minute; no caller waits for that. Rejects after `READ_MS_MAX`. */
export async function timely<T>(query: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const stalled = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`D1 did not answer in ${READ_MS_MAX} ms`)), READ_MS_MAX)
  })
  try {
    return await Promise.race([query, stalled])
  } finally {
    clearTimeout(timer)
  }
}

function shardBinding(env: object, index: number): D1Database | undefined {
  return (env as Record<string, D1Database | undefined>)[`SHARD_${index}`]
}
