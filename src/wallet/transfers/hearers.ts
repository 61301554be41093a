import { decodeJson, encodeJson } from '../../lib/json.ts'
import type { Sql } from '../../lib/outbox.ts'
import type { TransferStatus } from './types.ts'

/**
 * Who is to hear what a transfer has become, as columns of its own row: `untold`, `tell_at_ms` and `steps` of a table
 * `transfers` with the columns `id` and `body` (JSON with a version). A bank account and a Lightning node keep theirs so.
 */
export const HEARERS = { invoice: 1, webhook: 2, d1: 4 } as const

/** A change of status that no webhook has told yet; from null: it was made. */
export interface StatusStep {
  readonly from: TransferStatus | null
  readonly to: TransferStatus
  readonly version: number
}

/** Webhooks of one transfer that nobody has taken yet; the oldest are lost beyond that. */
const STEPS_MAX = 50

export interface Untold<T> {
  readonly transfer: T
  /** Bits of those who have not heard of its newest version. */
  readonly untold: number
  readonly steps: readonly StatusStep[]
}

/** What a row has to hold when its transfer changes: everybody is to hear of the new version. */
export function tellAll(sql: Sql, id: string, step: StatusStep, invoiceId: string | null): { untold: number; steps: string } {
  const steps = stepsOf(sql, id)
  if (step.from !== step.to) steps.push(step)
  const webhook = steps.length > 0 ? HEARERS.webhook : 0
  const invoice = invoiceId === null ? 0 : HEARERS.invoice
  return { untold: HEARERS.d1 | webhook | invoice, steps: encodeJson(steps.slice(-STEPS_MAX)) }
}

/** Those of whose newest version somebody is to be told now. Each is taken once, and again after a while if it is still untold. */
export function takeUntold<T>(sql: Sql, nowMs: number, againAtMs: number, limit: number): Untold<T>[] {
  const statement = 'SELECT id, untold, steps, body FROM transfers WHERE untold > 0 AND tell_at_ms <= ? ORDER BY tell_at_ms LIMIT ?'
  const rows = sql.exec(statement, nowMs, limit).toArray()
  for (const { id } of rows) sql.exec('UPDATE transfers SET tell_at_ms = ? WHERE id = ?', againAtMs, id as string)
  return rows.map((row) => ({
    transfer: decodeJson<T>(row.body as string),
    untold: row.untold as number,
    steps: decodeJson<StatusStep[]>(row.steps as string),
  }))
}

/** When somebody is to be told next; null when all have heard all. */
export function nextTellMs(sql: Sql): number | null {
  return sql.exec('SELECT MIN(tell_at_ms) AS due FROM transfers WHERE untold > 0').toArray()[0]?.due as number | null
}

/** Who has heard of this version has heard of the newest, unless it has changed since. */
export function told(sql: Sql, id: string, version: number, hearer: number): void {
  const row = sql.exec('SELECT body FROM transfers WHERE id = ?', id).toArray()[0]
  const isNewest = row !== undefined && decodeJson<{ version: number }>(row.body as string).version <= version
  if (isNewest) sql.exec('UPDATE transfers SET untold = untold & ~? WHERE id = ?', hearer, id)
}

/** Webhooks of the steps up to this version have been taken. */
export function toldSteps(sql: Sql, id: string, version: number): void {
  const left = stepsOf(sql, id).filter((step) => step.version > version)
  const untold = left.length === 0 ? `untold & ~${HEARERS.webhook}` : 'untold'
  sql.exec(`UPDATE transfers SET steps = ?, untold = ${untold} WHERE id = ?`, encodeJson(left), id)
}

function stepsOf(sql: Sql, id: string): StatusStep[] {
  const row = sql.exec('SELECT steps FROM transfers WHERE id = ?', id).toArray()[0]
  return row ? decodeJson<StatusStep[]>(row.steps as string) : []
}
