import type { CoreEnv } from '../../workers/core/env.ts'

/** All objects of core live in this one isolate, so one table holds every count since the start. */
const table: Record<string, number> = {}
const sizes = new Map<string, number>()

export function count(line: string, by = 1): void {
  table[line] = (table[line] ?? 0) + by
}

/** Counts by line; `bytes <class>` is what the objects of a class hold now. */
export function counts(): Record<string, number> {
  const bytes: Record<string, number> = {}
  for (const [key, size] of sizes) {
    const line = `bytes ${key.split(' ')[0]}`
    bytes[line] = (bytes[line] ?? 0) + size
  }
  return { ...table, ...bytes }
}

/** Counts what an object's storage is asked for: rows by the cursors' own word, and one row a setAlarm. */
export function watchStorage(name: string, ctx: DurableObjectState): DurableObjectState {
  const { storage } = ctx
  const { sql } = storage
  const exec = sql.exec.bind(sql)
  sql.exec = ((...args: Parameters<typeof sql.exec>) => {
    const cursor = exec(...args)
    // Every caller reads its cursor to the end at once; then it knows its rows.
    queueMicrotask(() => {
      count(`rows read ${name}`, cursor.rowsRead)
      count(`rows written ${name}`, cursor.rowsWritten)
      if (cursor.rowsWritten > 0)
        count(`statement ${name}: ${args[0].replace(/\s+/g, ' ').trim().slice(0, 60)}`, cursor.rowsWritten)
    })
    return cursor
  }) as typeof sql.exec
  const setAlarm = storage.setAlarm.bind(storage)
  storage.setAlarm = (...args) => {
    count(`rows written ${name}`)
    count(`alarms set ${name}`)
    return setAlarm(...args)
  }
  return ctx
}

/** Counts each call from outside: RPC, fetch, alarm, WebSocket events. None of the classes calls its own public methods. */
export function countMethods(name: string, prototype: Record<string, unknown>): void {
  for (const method of Object.getOwnPropertyNames(prototype)) {
    const original = prototype[method]
    if (method === 'constructor' || typeof original !== 'function') continue
    prototype[method] = async function (this: { ctx: DurableObjectState }, ...args: unknown[]) {
      count(method === 'alarm' ? `alarms run ${name}` : `calls ${name}`)
      count(`call ${name}.${method}`)
      const startedAtMs = Date.now()
      try {
        return await original.apply(this, args)
      } finally {
        count(`active ms ${name}`, Date.now() - startedAtMs)
        sizes.set(`${name} ${this.ctx.id}`, this.ctx.storage.sql.databaseSize)
      }
    }
  }
}

const known = new WeakMap<CoreEnv, CoreEnv>()

/** The same bindings, with what goes into queues and D1 counted. */
export function countedEnv(env: CoreEnv): CoreEnv {
  const before = known.get(env)
  if (before) return before
  const counted: Record<string, unknown> = { ...env }
  for (const [binding, value] of Object.entries(counted)) {
    if (isQueue(value)) counted[binding] = { send: countedSend(binding, value) }
    else if (isDatabase(value)) counted[binding] = countDatabase(value)
  }
  known.set(env, counted as unknown as CoreEnv)
  return counted as unknown as CoreEnv
}

function isQueue(value: unknown): value is Queue {
  return typeof value === 'object' && value !== null && 'sendBatch' in value
}

function isDatabase(value: unknown): value is D1Database {
  return typeof value === 'object' && value !== null && 'prepare' in value
}

function countedSend(binding: string, queue: Queue) {
  return (message: unknown, options?: QueueSendOptions) => {
    count(`messages ${binding}`)
    return queue.send(message, options)
  }
}

/** Rows by D1's own word (`meta`), of a database or one of its sessions. */
function countDatabase<T extends { prepare: D1Database['prepare']; batch: D1Database['batch'] }>(database: T): T {
  const note = <R extends D1Result>(result: R): R => {
    count('rows read D1', result.meta.rows_read)
    count('rows written D1', result.meta.rows_written)
    return result
  }
  const countStatement = (statement: D1PreparedStatement): D1PreparedStatement => {
    const { bind, run, all } = statement
    statement.bind = (...values) => countStatement(bind.apply(statement, values))
    statement.run = async () => note(await run.apply(statement)) as never
    statement.all = async () => note(await all.apply(statement)) as never
    return statement
  }
  const { prepare, batch } = database
  database.prepare = (query) => countStatement(prepare.call(database, query))
  database.batch = async (statements) => (await batch.call(database, statements)).map(note) as never
  if ('withSession' in database) {
    const held = database as unknown as D1Database
    const withSession = held.withSession
    held.withSession = (constraint) => countDatabase(withSession.call(held, constraint))
  }
  return database
}
