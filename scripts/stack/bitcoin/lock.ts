import { DatabaseSync } from 'node:sqlite'

const POLL_MS = 10

/**
 * Runs `work` while no other process or caller runs one on the same file. The lock is SQLite's, so it goes with its
 * owner: nothing is left behind by a kill -9. Throws when others hold it for longer than `waitMs`.
 */
export async function withLock<T>(path: string, waitMs: number, work: () => Promise<T>): Promise<T> {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    const deadline = Date.now() + waitMs
    while (!tryBegin(database)) {
      if (Date.now() > deadline) throw new Error(`another process has held ${path} for over ${waitMs / 1000} s`)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    return await work()
  } finally {
    database.close()
  }
}

function tryBegin(database: DatabaseSync): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    // SQLITE_BUSY
    if ((error as { errcode?: number }).errcode === 5) return false
    throw error
  }
}
