import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1'

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
