import { DurableObject } from 'cloudflare:workers'
import type { CoreEnv } from '../../workers/core/env.ts'
import { type Fingerprints, fingerprintOf } from '../gateways/gateway.ts'
import { toHex } from '../lib/bytes.ts'
import { logEvent } from '../lib/log.ts'
import { assert } from '../lib/result.ts'
import { FingerprintFilter } from './filter.ts'
import type { WatchHit, WatchRpc } from './rpc.ts'

/** A key holds its own fingerprint, so the table finds it by that alone; `fp` comes first to make it the order of the table. */
const TABLE = `CREATE TABLE IF NOT EXISTS watch (
  fp BLOB NOT NULL, key BLOB NOT NULL, invoice_id TEXT NOT NULL, PRIMARY KEY (fp, key)
) WITHOUT ROWID`

const ENTRIES_MAX = 10_000
/** Shorter keys have no fingerprint of their own (see `fingerprintOf`). */
const KEY_BYTES_MIN = 10
/** Rows read between two breaths while the filter is built again: some milliseconds. */
const REBUILD_PAGE = 20_000
/** Parameters a statement can have. */
const LOOKUP_MAX = 100

/**
 * One shard of a chain's watch list, named `<chainId>#<shard>`. The table is the truth and only grows; the filter
 * in memory spares it: what a block costs depends on the block, not on how much is watched.
 */
export class WatchObject extends DurableObject<CoreEnv> implements WatchRpc {
  #filter: FingerprintFilter | null = null
  #rebuilt: Promise<FingerprintFilter> | null = null

  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(ctx, env)
    ctx.storage.sql.exec(TABLE)
  }

  async watch(entries: readonly { key: Uint8Array; invoiceId: string }[]): Promise<void> {
    assert(entries.length <= ENTRIES_MAX, `no more than ${ENTRIES_MAX} keys at once`)
    for (const { key, invoiceId } of entries) {
      assert(key.length >= KEY_BYTES_MIN, 'a watch key has ten bytes or more')
      const fingerprint = fingerprintOf(key)
      const { rowsWritten } = this.ctx.storage.sql.exec(
        'INSERT INTO watch (fp, key, invoice_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
        bufferOf(fingerprint),
        bufferOf(key),
        invoiceId,
      )
      if (rowsWritten === 0) this.#checkOwner(fingerprint, key, invoiceId)
      // Also into a filter that is being built: its reading may be past this row's place.
      this.#filter?.add(fingerprint)
    }
  }

  async match(fingerprints: Fingerprints): Promise<WatchHit[]> {
    this.#rebuilt ??= this.#rebuild()
    const passed = (await this.#rebuilt).select(fingerprints)
    const positions = new Map<string, number[]>()
    for (const position of passed) {
      const name = toHex(fingerprints.subarray(position * 8, position * 8 + 8))
      const same = positions.get(name)
      if (same) same.push(position)
      else positions.set(name, [position])
    }
    const wanted = [...positions.values()].map(([first = 0]) => bufferOf(fingerprints.subarray(first * 8, first * 8 + 8)))
    const hits: WatchHit[] = []
    for (let i = 0; i < wanted.length; i += LOOKUP_MAX) {
      const page = wanted.slice(i, i + LOOKUP_MAX)
      const statement = `SELECT fp, key, invoice_id FROM watch WHERE fp IN (${page.map(() => '?').join(', ')})`
      for (const row of this.ctx.storage.sql.exec(statement, ...page)) {
        const key = new Uint8Array(row.key as ArrayBuffer)
        for (const position of positions.get(toHex(new Uint8Array(row.fp as ArrayBuffer))) ?? [])
          hits.push({ position, key, invoiceId: row.invoice_id as string })
      }
    }
    return hits
  }

  /** Fills a new filter from the table. Between pages other calls have their turn, so `watch` does not wait for it. */
  async #rebuild(): Promise<FingerprintFilter> {
    const filter = new FingerprintFilter()
    this.#filter = filter
    let last: ArrayBuffer = new ArrayBuffer(0)
    for (;;) {
      // Keys that share a fingerprint need it added once, so the next page may start after it.
      const page = this.ctx.storage.sql.exec('SELECT fp FROM watch WHERE fp > ? ORDER BY fp LIMIT ?', last, REBUILD_PAGE).toArray()
      for (const row of page) filter.add(new Uint8Array(row.fp as ArrayBuffer))
      if (page.length < REBUILD_PAGE) return filter
      last = page.at(-1)?.fp as ArrayBuffer
      await scheduler.wait(0)
    }
  }

  /** An address is allocated to one invoice. Were it ever given to two, the first keeps it, and a person should know. */
  #checkOwner(fingerprint: Uint8Array, key: Uint8Array, invoiceId: string): void {
    const owner = this.ctx.storage.sql
      .exec('SELECT invoice_id FROM watch WHERE fp = ? AND key = ?', bufferOf(fingerprint), bufferOf(key))
      .toArray()[0]?.invoice_id
    if (owner !== invoiceId) logEvent('error', 'watch_key_of_two_invoices', { kept: owner as string, refused: invoiceId })
  }
}

/** Exactly these bytes: a view's own buffer may hold more. */
function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer as ArrayBuffer
}
