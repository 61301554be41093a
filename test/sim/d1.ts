import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SQLInputValue } from 'node:sqlite'
import type { Network, Party } from './network.ts'
import { Disk } from './storage.ts'

const FOLDER = join(import.meta.dirname, '../../migrations/shard')
const MIGRATIONS = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.sql'))
  .sort()
  .flatMap((name) => readFileSync(join(FOLDER, name), 'utf8').split('--> statement-breakpoint'))

interface Bound {
  readonly text: string
  readonly values: readonly SQLInputValue[]
}

/** A D1 database: SQLite behind a call that can be lost, slow, or answered by an error after it took effect. */
export class SimD1 {
  readonly disk = new Disk()
  readonly #network: Network
  readonly #changed: () => void

  constructor(network: Network, changed: () => void) {
    this.#network = network
    this.#changed = changed
    for (const statement of MIGRATIONS) this.disk.database.exec(statement)
  }

  /** The binding as one party has it, as far as the projection uses it. */
  binding(party: Party) {
    const prepare = (text: string, values: readonly SQLInputValue[] = []) => ({
      text,
      values,
      bind: (...bound: SQLInputValue[]) => prepare(text, bound),
      run: async () => (await this.#run(party, [{ text, values }]))[0],
      all: async () => (await this.#run(party, [{ text, values }]))[0],
    })
    return { prepare: (text: string) => prepare(text), batch: (statements: Bound[]) => this.#run(party, statements) }
  }

  #run(party: Party, statements: readonly Bound[]) {
    return this.#network.call<unknown[]>(
      party,
      'D1',
      (answer) => {
        const { database } = this.disk
        database.exec('BEGIN')
        try {
          const results = statements.map(({ text, values }) => ({
            success: true,
            meta: {},
            results: this.disk.rows(text, ...values),
          }))
          database.exec('COMMIT')
          this.#changed()
          answer({ value: results })
        } catch (thrown) {
          database.exec('ROLLBACK')
          answer({ error: thrown as Error })
        }
      },
      this.#network.faults.d1Failures,
    )
  }
}
