import { applyD1Migrations, type D1Migration } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import type { CoreEnv } from '../../workers/core/env.ts'

interface TestEnv extends CoreEnv {
  SHARD_1: D1Database
  DIRECTORY_MIGRATIONS: D1Migration[]
  SHARD_MIGRATIONS: D1Migration[]
}

/** The core Worker's bindings under test, with both shards. */
export const testEnv = env as unknown as TestEnv

/** The directory and the shards as `npm start` and a deploy make them. Call it in `beforeAll`; a second time does nothing. */
export async function migrateDatabases(): Promise<void> {
  await applyD1Migrations(testEnv.DIRECTORY, testEnv.DIRECTORY_MIGRATIONS)
  await applyD1Migrations(testEnv.SHARD_0, testEnv.SHARD_MIGRATIONS)
  await applyD1Migrations(testEnv.SHARD_1, testEnv.SHARD_MIGRATIONS)
}
