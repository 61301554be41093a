import type { BlockRef, NodeSight } from '../gateways/gateway.ts'
import { OUTBOX_TABLE, type Sql } from '../lib/outbox.ts'
import type { FinalLeft } from './rpc.ts'

/**
 * The tables of a chain's follower; what is asked of its payments is in payment-rows.ts. They stay for ever; two partial
 * indexes hold just those a batch can touch: the loose ones (their coins are followed) and those near enough to the tip (see
 * `touchHeight`). On chains with a finality tag a third one finds, by height, those in blocks (`tag_height`) that come
 * under it.
 */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE follower (
    id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL, next_look_at_ms INTEGER NOT NULL,
    heard_at_ms INTEGER NOT NULL, at_head INTEGER NOT NULL, failures INTEGER NOT NULL, error TEXT,
    head_height INTEGER, head_hash TEXT, head_advanced_at_ms INTEGER, synced_at_ms INTEGER
  )`,
  'CREATE TABLE blocks (height INTEGER PRIMARY KEY, hash TEXT NOT NULL, parent TEXT NOT NULL, time_ms INTEGER NOT NULL)',
  `CREATE TABLE payments (
    txid TEXT NOT NULL, idx TEXT NOT NULL, invoice_id TEXT NOT NULL, asset TEXT NOT NULL, units TEXT NOT NULL,
    spends TEXT NOT NULL, status TEXT NOT NULL, height INTEGER, block_hash TEXT, seen_at_ms INTEGER NOT NULL,
    replaced_by TEXT, conflict_height INTEGER, notify_until INTEGER NOT NULL, touch_height INTEGER, tracked INTEGER NOT NULL,
    PRIMARY KEY (txid, idx)
  ) WITHOUT ROWID`,
  'CREATE INDEX payments_tracked ON payments (txid) WHERE tracked = 1',
  'CREATE INDEX payments_touched ON payments (touch_height) WHERE touch_height IS NOT NULL',
  OUTBOX_TABLE,
  'ALTER TABLE follower ADD COLUMN told_revision INTEGER NOT NULL DEFAULT 0',
  'ALTER TABLE blocks ADD COLUMN revision INTEGER NOT NULL DEFAULT 0',
  'ALTER TABLE payments ADD COLUMN revision INTEGER NOT NULL DEFAULT 0',
  'ALTER TABLE payments ADD COLUMN lost_at_ms INTEGER',
  'ALTER TABLE follower ADD COLUMN tag_height INTEGER',
  'ALTER TABLE payments ADD COLUMN tag_height INTEGER',
  'CREATE INDEX payments_tagged ON payments (tag_height) WHERE tag_height IS NOT NULL',
  'ALTER TABLE follower ADD COLUMN nodes TEXT',
  'ALTER TABLE follower ADD COLUMN final_left TEXT',
]

export function migrate(sql: Sql): void {
  sql.exec('CREATE TABLE IF NOT EXISTS _migrations (id INTEGER PRIMARY KEY)')
  const done = sql.exec('SELECT COUNT(*) AS n FROM _migrations').toArray()[0]?.n as number
  for (const [id, statement] of MIGRATIONS.entries()) {
    if (id < done) continue
    sql.exec(statement)
    sql.exec('INSERT INTO _migrations (id) VALUES (?)', id)
  }
}

/** The one row of facts about the follower itself. */
export interface FollowerFacts {
  /** Grows with each commit; what an observation made in it carries. */
  readonly revision: number
  /**
   * All that commits up to this one decided, invoices have heard or the outbox holds. It may lag behind: what came
   * after it is told again, under the same revisions, by an instance that finds it so.
   */
  readonly toldRevision: number
  /** When the alarm sends the next look, if none is under way. */
  readonly nextLookAtMs: number
  /** When a look last committed (at first: when the follower was woken). */
  readonly heardAtMs: number
  /** The newest commit came to the head and took in the mempool. */
  readonly atHead: boolean
  /** Looks failed in a row. */
  readonly failures: number
  readonly error: string | null
  readonly headHeight: number | null
  readonly headHash: string | null
  readonly headAdvancedAtMs: number | null
  readonly syncedAtMs: number | null
  /** How far the chain's finality tag has come; null on chains without one. */
  readonly tagHeight: number | null
  /** How each of several nodes was in the newest look; null where there is one. */
  readonly nodes: readonly NodeSight[] | null
  /** When blocks that were final last left the chain; null: never. */
  readonly finalLeft: FinalLeft | null
}

export function newFollower(nowMs: number): FollowerFacts {
  return {
    revision: 0,
    toldRevision: 0,
    nextLookAtMs: nowMs,
    heardAtMs: nowMs,
    atHead: false,
    failures: 0,
    error: null,
    headHeight: null,
    headHash: null,
    headAdvancedAtMs: null,
    syncedAtMs: null,
    tagHeight: null,
    nodes: null,
    finalLeft: null,
  }
}

export function readFacts(sql: Sql): FollowerFacts | null {
  const row = sql.exec('SELECT * FROM follower').toArray()[0]
  if (!row) return null
  return {
    revision: row.revision as number,
    toldRevision: row.told_revision as number,
    nextLookAtMs: row.next_look_at_ms as number,
    heardAtMs: row.heard_at_ms as number,
    atHead: row.at_head === 1,
    failures: row.failures as number,
    error: row.error as string | null,
    headHeight: row.head_height as number | null,
    headHash: row.head_hash as string | null,
    headAdvancedAtMs: row.head_advanced_at_ms as number | null,
    syncedAtMs: row.synced_at_ms as number | null,
    tagHeight: row.tag_height as number | null,
    nodes: row.nodes === null ? null : (JSON.parse(row.nodes as string) as NodeSight[]),
    finalLeft: row.final_left === null ? null : (JSON.parse(row.final_left as string) as FinalLeft),
  }
}

export function writeFacts(sql: Sql, facts: FollowerFacts): void {
  sql.exec(
    `INSERT OR REPLACE INTO follower (id, revision, told_revision, next_look_at_ms, heard_at_ms, at_head, failures, error,
       head_height, head_hash, head_advanced_at_ms, synced_at_ms, tag_height, nodes, final_left)
       VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    facts.revision,
    facts.toldRevision,
    facts.nextLookAtMs,
    facts.heardAtMs,
    facts.atHead ? 1 : 0,
    facts.failures,
    facts.error,
    facts.headHeight,
    facts.headHash,
    facts.headAdvancedAtMs,
    facts.syncedAtMs,
    facts.tagHeight,
    facts.nodes === null ? null : JSON.stringify(facts.nodes),
    facts.finalLeft === null ? null : JSON.stringify(facts.finalLeft),
  )
}

/** Newest first. */
export function recentBlocks(sql: Sql, limit: number): { height: number; hash: string }[] {
  return sql
    .exec('SELECT height, hash FROM blocks ORDER BY height DESC LIMIT ?', limit)
    .toArray()
    .map((row) => ({ height: row.height as number, hash: row.hash as string }))
}

/** Puts the blocks of a commit on top of those up to `floor`, and forgets all but the newest `keep`. */
export function putBlocks(sql: Sql, floor: number, blocks: readonly BlockRef[], revision: number, keep: number): void {
  sql.exec('DELETE FROM blocks WHERE height > ?', floor)
  const statement = 'INSERT INTO blocks (height, hash, parent, time_ms, revision) VALUES (?, ?, ?, ?, ?)'
  for (const { height, hash, parentHash, timeMs } of blocks) sql.exec(statement, height, hash, parentHash, timeMs, revision)
  sql.exec('DELETE FROM blocks WHERE height <= (SELECT MAX(height) FROM blocks) - ?', keep)
}

/** The hash of a block we keep; null when it is older than those. */
export function hashAt(sql: Sql, height: number): string | null {
  const row = sql.exec('SELECT hash FROM blocks WHERE height = ?', height).toArray()[0]
  return (row?.hash as string | undefined) ?? null
}
