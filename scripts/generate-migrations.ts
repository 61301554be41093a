/**
 * `npm run migrations -- [name]`: writes the next migration of each database whose schema changed, from the drizzle
 * schemas in src/storage/, and makes new tables `WITHOUT ROWID`, which drizzle cannot say. Look at the SQL, then commit
 * it. Exits with 1 when drizzle-kit fails; nothing is applied to any database here.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const name = process.argv[2] ?? 'schema'

for (const database of ['directory', 'shard']) {
  const folder = join('migrations', database)
  const before = new Set(sqlFiles(folder))
  const run = spawnSync(
    'drizzle-kit',
    ['generate', '--dialect', 'sqlite', '--schema', `./src/storage/${database}-schema.ts`, '--out', folder, '--name', name],
    { stdio: 'inherit' },
  )
  if (run.status !== 0) {
    console.error(`drizzle-kit could not write the migration of ${database}${run.error ? `: ${run.error.message}` : ''}`)
    process.exit(1)
  }
  for (const file of sqlFiles(folder).filter((file) => !before.has(file))) {
    const path = join(folder, file)
    writeFileSync(path, withoutRowid(readFileSync(path, 'utf8')))
    console.log(`${path}: tables made WITHOUT ROWID`)
  }
}

function sqlFiles(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.sql')) : []
}

/** drizzle-kit ends each CREATE TABLE with `);` at the start of a line. */
function withoutRowid(statements: string): string {
  return statements
    .split('--> statement-breakpoint')
    .map((statement) => (/^\s*CREATE TABLE/.test(statement) ? statement.replace(/\n\);\s*$/, '\n) WITHOUT ROWID;\n') : statement))
    .join('--> statement-breakpoint')
}
