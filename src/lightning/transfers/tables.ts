import type { SendingPolicy } from '../../gateways/lightning/node.ts'
import { decodeJson, encodeJson } from '../../lib/json.ts'
import type { Sql } from '../../lib/outbox.ts'
import { tellAll } from '../../wallet/transfers/hearers.ts'
import { dueAtMs, type Facts, type KeptTransfer, outflowOf, statusOf, transferOf } from './state.ts'
import type { Outgoing } from './types.ts'

/**
 * The rows of money out of one Lightning node. They stay for ever: a payment hash is of one transfer. `reserved` is what it
 * may cost at most; `outflow` what it takes of the day's limit, until `outflow_until_ms`. See docs/storage-schema.md.
 */
export const TRANSFER_TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS transfers (
    id TEXT PRIMARY KEY, payment_hash TEXT NOT NULL, due_at_ms INTEGER, reserved INTEGER NOT NULL, outflow INTEGER NOT NULL,
    outflow_until_ms INTEGER NOT NULL, untold INTEGER NOT NULL, tell_at_ms INTEGER NOT NULL, steps TEXT NOT NULL, body TEXT NOT NULL
  ) WITHOUT ROWID`,
  // What the node may be used to pay, as the gateways Worker said last. No row: nothing.
  'CREATE TABLE IF NOT EXISTS sending (id INTEGER PRIMARY KEY CHECK (id = 1), policy TEXT NOT NULL)',
  'CREATE UNIQUE INDEX IF NOT EXISTS transfers_hash ON transfers (payment_hash)',
  'CREATE INDEX IF NOT EXISTS transfers_due ON transfers (due_at_ms) WHERE due_at_ms IS NOT NULL',
  'CREATE INDEX IF NOT EXISTS transfers_outflow ON transfers (outflow_until_ms) WHERE outflow > 0',
  'CREATE INDEX IF NOT EXISTS transfers_untold ON transfers (tell_at_ms) WHERE untold > 0',
]

/** What is under way counts until it is known to be over. */
const OPEN_MS = Number.MAX_SAFE_INTEGER

export function readSending(sql: Sql): SendingPolicy | null {
  const row = sql.exec('SELECT policy FROM sending').toArray()[0]
  return row ? decodeJson<SendingPolicy>(row.policy as string) : null
}

/** What is known already costs no row. */
export function writeSending(sql: Sql, policy: SendingPolicy | null): void {
  if (encodeJson(policy) === encodeJson(readSending(sql))) return
  if (policy === null) sql.exec('DELETE FROM sending')
  else sql.exec('INSERT OR REPLACE INTO sending (id, policy) VALUES (1, ?)', encodeJson(policy))
}

export function transferAt(sql: Sql, id: string): KeptTransfer | null {
  const row = sql.exec('SELECT body FROM transfers WHERE id = ?', id).toArray()[0]
  return row ? decodeJson<KeptTransfer>(row.body as string) : null
}

export function isHashTaken(sql: Sql, paymentHash: string): boolean {
  return sql.exec('SELECT 1 AS found FROM transfers WHERE payment_hash = ?', paymentHash).toArray().length > 0
}

export function countOpen(sql: Sql): number {
  return sql.exec('SELECT COUNT(*) AS n FROM transfers WHERE due_at_ms IS NOT NULL').toArray()[0]?.n as number
}

/** Those that something is to be done for now, the longest due first. Each is taken once, and again after a while. */
export function takeDueIds(sql: Sql, nowMs: number, againAtMs: number, limit: number): string[] {
  const statement = 'SELECT id FROM transfers WHERE due_at_ms <= ? ORDER BY due_at_ms LIMIT ?'
  const ids = sql
    .exec(statement, nowMs, limit)
    .toArray()
    .map(({ id }) => id as string)
  for (const id of ids) sql.exec('UPDATE transfers SET due_at_ms = ? WHERE id = ?', againAtMs, id)
  return ids
}

export function nextDueMs(sql: Sql): number | null {
  const row = sql.exec('SELECT MIN(due_at_ms) AS due FROM transfers WHERE due_at_ms IS NOT NULL').toArray()[0]
  return row?.due as number | null
}

/** Satoshi that others than this transfer take of the day's limit now. Exact below 2^53, which is more than there are. */
export function outflowBeside(sql: Sql, id: string, nowMs: number): bigint {
  const statement =
    'SELECT COALESCE(SUM(outflow), 0) AS sats FROM transfers WHERE outflow > 0 AND outflow_until_ms >= ? AND id != ?'
  return BigInt(sql.exec(statement, nowMs, id).toArray()[0]?.sats as number)
}

/** What those take that are not over. */
export function outgoingOf(sql: Sql): Outgoing {
  const sums = 'COALESCE(SUM(outflow), 0) AS leaving, COALESCE(SUM(reserved), 0) AS reserved'
  const row = sql.exec(`SELECT ${sums} FROM transfers WHERE due_at_ms IS NOT NULL`).toArray()[0]
  return { leaving: BigInt(row?.leaving as number), reserved: BigInt(row?.reserved as number) }
}

/** Writes a new transfer, and that everybody is to hear of it. Part of a transaction, as the next. */
export function insertTransfer(sql: Sql, transfer: KeptTransfer): void {
  const { untold, steps } = tellAll(
    sql,
    transfer.wish.id,
    { from: null, to: statusOf(transfer.facts), version: 1 },
    transfer.wish.invoiceId,
  )
  write(sql, transfer, transfer.updatedAtMs, untold, steps)
}

/** What nobody outside sees is written, and told to nobody. Answers the transfer as it is now. */
export function putFacts(sql: Sql, before: KeptTransfer, facts: Facts, nowMs: number): KeptTransfer {
  if (encodeJson(facts) === encodeJson(before.facts)) {
    sql.exec('UPDATE transfers SET due_at_ms = ? WHERE id = ?', dueAtMs(before, nowMs), before.wish.id)
    return before
  }
  const same = { ...before, facts }
  if (encodeJson(transferOf(same, '')) === encodeJson(transferOf(before, ''))) {
    const statement = 'UPDATE transfers SET due_at_ms = ?, body = ? WHERE id = ?'
    sql.exec(statement, dueAtMs(same, nowMs), encodeJson(same), before.wish.id)
    return same
  }
  const after = { ...same, version: before.version + 1, updatedAtMs: nowMs }
  const step = { from: statusOf(before.facts), to: statusOf(facts), version: after.version }
  const { untold, steps } = tellAll(sql, after.wish.id, step, after.wish.invoiceId)
  write(sql, after, nowMs, untold, steps)
  return after
}

function write(sql: Sql, transfer: KeptTransfer, nowMs: number, untold: number, steps: string): void {
  const { sats, untilMs } = outflowOf(transfer)
  sql.exec(
    `INSERT INTO transfers (id, payment_hash, due_at_ms, reserved, outflow, outflow_until_ms, untold, tell_at_ms, steps, body)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET due_at_ms = excluded.due_at_ms, outflow = excluded.outflow,
       outflow_until_ms = excluded.outflow_until_ms, untold = excluded.untold, tell_at_ms = excluded.tell_at_ms,
       steps = excluded.steps, body = excluded.body`,
    transfer.wish.id,
    transfer.wish.paymentHash,
    dueAtMs(transfer, nowMs),
    Number(transfer.wish.units + transfer.wish.feeMax),
    Number(sats),
    untilMs ?? OPEN_MS,
    untold,
    nowMs,
    steps,
    encodeJson(transfer),
  )
}
