import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Miniflare } from 'miniflare'
import { unstable_splitSqlQuery } from 'wrangler'

/** The table `wrangler d1 migrations apply` keeps, so that both tools agree on what has been done. */
const MIGRATIONS_TABLE = `CREATE TABLE IF NOT EXISTS d1_migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`

/**
 * Applies each database's outstanding migrations in the order of their names. A migration and the note that it was
 * applied are one D1 batch, so one transaction. Answers how many were applied; throws naming the one that failed.
 */
export async function applyMigrations(
  miniflare: Miniflare,
  worker: string,
  databases: readonly { binding: string; folder: string }[],
): Promise<number> {
  let count = 0
  for (const { binding, folder } of databases) {
    const database = await miniflare.getD1Database(binding, worker)
    await database.prepare(MIGRATIONS_TABLE).run()
    const done = await database.prepare('SELECT name FROM d1_migrations').all<{ name: string }>()
    const applied = new Set(done.results.map((row) => row.name))
    for (const name of migrationNames(folder)) {
      if (applied.has(name)) continue
      const statements = unstable_splitSqlQuery(readFileSync(join(folder, name), 'utf8'))
      const note = database.prepare('INSERT INTO d1_migrations (name) VALUES (?)').bind(name)
      await database.batch([...statements.map((statement) => database.prepare(statement)), note]).catch((error: unknown) => {
        throw new Error(`migration ${name} of ${binding} failed: ${error instanceof Error ? error.message : String(error)}`)
      })
      count++
    }
  }
  return count
}

function migrationNames(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
}
