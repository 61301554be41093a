import type { SpendPlan } from '../gateways/spend.ts'
import { decodeJson, encodeJson } from '../lib/json.ts'
import type { Sql } from '../lib/outbox.ts'
import { EMPTY_LOG, type LogEntry, type LogHead } from './log.ts'
import type { Policy } from './policy.ts'
import type { SealedSeed } from './seal.ts'

/**
 * The rows of one signer object (docs/storage-schema.md). The log is what everything else follows from, but for the bytes
 * of what was signed, what coins were said to be worth, and when destinations were first asked for.
 */
const TABLES: readonly string[] = [
  `CREATE TABLE signer (
    id INTEGER PRIMARY KEY CHECK (id = 1), envelope TEXT, xpub TEXT, policy TEXT, policy_version INTEGER NOT NULL, stopped TEXT
  )`,
  'INSERT INTO signer (id, policy_version) VALUES (1, 0)',
  `CREATE TABLE log (
    no INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, kind TEXT NOT NULL, intent_id TEXT, invoice_id TEXT,
    body TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL
  )`,
  "CREATE INDEX log_signed ON log (intent_id) WHERE kind = 'signed'",
  'CREATE INDEX log_refunds ON log (invoice_id) WHERE invoice_id IS NOT NULL',
  `CREATE TABLE signatures (
    intent_id TEXT NOT NULL, plan_hash TEXT NOT NULL, attempt INTEGER NOT NULL, plan TEXT NOT NULL, txid TEXT NOT NULL,
    raw TEXT NOT NULL, PRIMARY KEY (intent_id, plan_hash)
  ) WITHOUT ROWID`,
  'CREATE TABLE coins (outpoint TEXT PRIMARY KEY, units TEXT NOT NULL) WITHOUT ROWID',
  'CREATE TABLE destinations (name TEXT PRIMARY KEY, since_ms INTEGER NOT NULL) WITHOUT ROWID',
]

export interface SignerRow {
  readonly envelope: SealedSeed | null
  readonly xpub: string | null
  readonly policy: Policy | null
  readonly policyVersion: number
  /** Why, or null when it is not. */
  readonly stopped: string | null
}

export interface Signature {
  /** 1, 2, 3, … of one intent. */
  readonly attempt: number
  readonly planHash: string
  readonly plan: SpendPlan
  readonly txid: string
  readonly raw: string
}

/** Where a log entry is found again. */
export interface LogSubject {
  readonly intentId: string | null
  /** Of the first signature for a refund alone. */
  readonly invoiceId: string | null
}

export function hasTables(sql: Sql): boolean {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'log'").toArray().length > 0
}

export function createTables(sql: Sql): void {
  for (const statement of TABLES) sql.exec(statement)
}

export function loadSigner(sql: Sql): SignerRow {
  const row = sql.exec('SELECT * FROM signer').toArray()[0] ?? {}
  return {
    envelope: row.envelope ? decodeJson<SealedSeed>(row.envelope as string) : null,
    xpub: (row.xpub as string | null) ?? null,
    policy: row.policy ? decodeJson<Policy>(row.policy as string) : null,
    policyVersion: (row.policy_version as number | undefined) ?? 0,
    stopped: (row.stopped as string | null) ?? null,
  }
}

export function saveSeed(sql: Sql, envelope: SealedSeed, xpub: string): void {
  sql.exec('UPDATE signer SET envelope = ?, xpub = ?', encodeJson(envelope), xpub)
}

export function savePolicy(sql: Sql, policy: Policy, version: number): void {
  sql.exec('UPDATE signer SET policy = ?, policy_version = ?', encodeJson(policy), version)
}

export function saveStopped(sql: Sql, stopped: string | null): void {
  sql.exec('UPDATE signer SET stopped = ?', stopped)
}

export function loadHead(sql: Sql): LogHead {
  const row = sql.exec('SELECT no, at_ms, hash FROM log ORDER BY no DESC LIMIT 1').toArray()[0]
  return row ? { no: row.no as number, atMs: row.at_ms as number, hash: row.hash as string } : EMPTY_LOG
}

export function insertEntry(sql: Sql, { no, atMs, kind, body, previous, hash }: LogEntry, subject: LogSubject): void {
  sql.exec(
    'INSERT INTO log (no, at_ms, kind, intent_id, invoice_id, body, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    no,
    atMs,
    kind,
    subject.intentId,
    subject.invoiceId,
    body,
    previous,
    hash,
  )
}

/** Entries after a number, oldest first. */
export function entriesAfter(sql: Sql, no: number, limit: number): LogEntry[] {
  return entries(sql.exec('SELECT * FROM log WHERE no > ? ORDER BY no LIMIT ?', no, limit))
}

/** Entries before a number, newest first. */
export function entriesBefore(sql: Sql, no: number, limit: number): LogEntry[] {
  return entries(sql.exec('SELECT * FROM log WHERE no < ? ORDER BY no DESC LIMIT ?', no, limit))
}

/** What was signed for an intent, oldest first. */
export function signedEntries(sql: Sql, intentId: string): LogEntry[] {
  return entries(sql.exec("SELECT * FROM log WHERE intent_id = ? AND kind = 'signed' ORDER BY no", intentId))
}

/** First signatures for refunds of an invoice. */
export function refundEntries(sql: Sql, invoiceId: string): LogEntry[] {
  return entries(sql.exec('SELECT * FROM log WHERE invoice_id = ? ORDER BY no', invoiceId))
}

export function insertSignature(sql: Sql, intentId: string, signature: Signature): void {
  const { planHash, attempt, plan, txid, raw } = signature
  const values = [intentId, planHash, attempt, encodeJson(plan), txid, raw]
  sql.exec('INSERT INTO signatures (intent_id, plan_hash, attempt, plan, txid, raw) VALUES (?, ?, ?, ?, ?, ?)', ...values)
}

/** What was signed for an intent, newest first. */
export function signaturesFor(sql: Sql, intentId: string): Signature[] {
  return sql
    .exec('SELECT * FROM signatures WHERE intent_id = ? ORDER BY attempt DESC', intentId)
    .toArray()
    .map((row) => ({
      attempt: row.attempt as number,
      planHash: row.plan_hash as string,
      plan: decodeJson<SpendPlan>(row.plan as string),
      txid: row.txid as string,
      raw: row.raw as string,
    }))
}

export function coinUnits(sql: Sql, outpoint: string): bigint | null {
  const row = sql.exec('SELECT units FROM coins WHERE outpoint = ?', outpoint).toArray()[0]
  return row ? BigInt(row.units as string) : null
}

export function insertCoin(sql: Sql, outpoint: string, units: bigint): void {
  sql.exec('INSERT INTO coins (outpoint, units) VALUES (?, ?) ON CONFLICT DO NOTHING', outpoint, units.toString())
}

export function destinationSince(sql: Sql, name: string): number | null {
  return (sql.exec('SELECT since_ms FROM destinations WHERE name = ?', name).toArray()[0]?.since_ms as number | undefined) ?? null
}

export function insertDestination(sql: Sql, name: string, sinceMs: number): void {
  sql.exec('INSERT INTO destinations (name, since_ms) VALUES (?, ?) ON CONFLICT DO NOTHING', name, sinceMs)
}

function entries(rows: ReturnType<Sql['exec']>): LogEntry[] {
  return rows.toArray().map((row) => ({
    no: row.no as number,
    atMs: row.at_ms as number,
    kind: row.kind as LogEntry['kind'],
    body: row.body as string,
    previous: row.previous as string,
    hash: row.hash as string,
  }))
}
