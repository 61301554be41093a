import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'

/** What code runs into that goes on in an instance which is no more. Nothing it does has any effect. */
export class GoneError extends Error {}

interface Statement {
  readonly statement: StatementSync
  readonly writes: boolean
  readonly answers: boolean
}

type Row = Record<string, unknown>
type Binding = string | number | null | ArrayBuffer

/** What becomes of a commit: `lost` and `last` are the two sides of a crash. */
export type CommitFate = 'kept' | 'lost' | 'last'

export interface StorageOwner {
  isAlive(): boolean
  /** Asked when a synchronous block is to be committed. */
  fate(): CommitFate
  /** The block is durable. */
  committed(): void
  /** The instance ends here. */
  crash(): void
  setAlarm(atMs: number | null): void
}

/** The durable half: rows and the alarm outlive every instance. */
export class Disk {
  readonly database = new DatabaseSync(':memory:')
  readonly #statements = new Map<string, Statement>()
  readonly #tables = new Set<string>()
  alarmAtMs: number | null = null

  statement(text: string): Statement {
    const known = this.#statements.get(text)
    if (known) return known
    const statement = this.database.prepare(text)
    const made = { statement, writes: !/^\s*(select|with)\b/i.test(text), answers: statement.columns().length > 0 }
    this.#statements.set(text, made)
    return made
  }

  /** For who looks from outside: what is committed, since nobody looks in the middle of a block. */
  rows(text: string, ...values: SQLInputValue[]): Row[] {
    return this.statement(text).statement.all(...values) as Row[]
  }

  /** A table that is there stays. */
  has(table: string): boolean {
    if (!this.#tables.has(table) && this.rows('SELECT 1 FROM sqlite_master WHERE name = ?', table).length > 0)
      this.#tables.add(table)
    return this.#tables.has(table)
  }
}

/**
 * What one instance sees of its disk, with what workerd promises: all writes between two awaits are one commit; what is
 * said to others meanwhile leaves only when that is durable; and a crash before it loses all of both.
 */
export class Storage {
  readonly #disk: Disk
  readonly #owner: StorageOwner
  #isOpen = false
  #held: (() => void)[] = []
  /** Undefined: the block does not set it. */
  #alarmAtMs: number | null | undefined

  constructor(disk: Disk, owner: StorageOwner) {
    this.#disk = disk
    this.#owner = owner
  }

  readonly sql = { exec: (text: string, ...bindings: Binding[]) => this.#exec(text, bindings) }

  transactionSync<T>(run: () => T): T {
    this.#begin()
    const point = (verb: string) => this.#disk.statement(verb).statement.run()
    point('SAVEPOINT s')
    try {
      const answer = run()
      point('RELEASE s')
      return answer
    } catch (thrown) {
      point('ROLLBACK TO s')
      point('RELEASE s')
      throw thrown
    }
  }

  async setAlarm(atMs: number): Promise<void> {
    this.#begin()
    this.#alarmAtMs = atMs
  }

  async deleteAlarm(): Promise<void> {
    this.#begin()
    this.#alarmAtMs = null
  }

  async getAlarm(): Promise<number | null> {
    return this.#alarmAtMs === undefined ? this.#disk.alarmAtMs : this.#alarmAtMs
  }

  /** Lets something out, once what was written before it is durable. */
  gate(leave: () => void): void {
    if (!this.#owner.isAlive()) return
    if (this.#isOpen) this.#held.push(leave)
    else leave()
  }

  #exec(text: string, bindings: readonly Binding[]) {
    if (!this.#owner.isAlive()) throw new GoneError('the instance is gone')
    if (bindings.length === 0 && isMany(text)) {
      this.#begin()
      this.#disk.database.exec(text)
      return cursor([], 0)
    }
    const { statement, writes, answers } = this.#disk.statement(text)
    if (writes) this.#begin()
    const values = bindings.map(asBound)
    if (!answers) return cursor([], Number(statement.run(...values).changes))
    return cursor(asWorkerd(statement.all(...values) as Row[]), 0)
  }

  #begin(): void {
    if (!this.#owner.isAlive()) throw new GoneError('the instance is gone')
    if (this.#isOpen) return
    this.#isOpen = true
    this.#disk.statement('BEGIN').statement.run()
    queueMicrotask(() => this.#commit())
  }

  #commit(): void {
    const fate = this.#owner.fate()
    const held = this.#held
    this.#isOpen = false
    this.#held = []
    this.#disk.statement(fate === 'lost' ? 'ROLLBACK' : 'COMMIT').statement.run()
    if (fate !== 'lost') {
      this.#owner.committed()
      if (this.#alarmAtMs !== undefined) this.#owner.setAlarm(this.#alarmAtMs)
      for (const leave of held) leave()
    }
    this.#alarmAtMs = undefined
    if (fate !== 'kept') this.#owner.crash()
  }
}

function asBound(value: Binding): SQLInputValue {
  return value instanceof ArrayBuffer ? new Uint8Array(value) : value
}

/** Several statements in one text, as some objects make their tables. */
function isMany(text: string): boolean {
  const end = text.indexOf(';')
  return end >= 0 && end < text.trimEnd().length - 1
}

function cursor(rows: Row[], rowsWritten: number) {
  return {
    rowsWritten,
    toArray: () => rows,
    one: () => {
      if (rows.length !== 1) throw new Error(`expected one row, got ${rows.length}`)
      return rows[0] as Row
    },
    [Symbol.iterator]: () => rows[Symbol.iterator](),
  }
}

/** Blobs come as ArrayBuffer there. A column has them in every row or in none. */
function asWorkerd(rows: Row[]): Row[] {
  for (const column in rows[0])
    if (rows[0]?.[column] instanceof Uint8Array) for (const row of rows) row[column] = (row[column] as Uint8Array).slice().buffer
  return rows
}
