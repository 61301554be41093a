import type { LedgerRpc } from '../ledger/rpc.ts'
import { PAGE_MAX } from '../ledger/rpc.ts'
import type { LedgerEntry } from '../ledger/types.ts'
import { rebuildEnd, rebuildPage } from '../storage/ledger-rebuild.ts'
import type { LedgerPosition } from '../storage/ledger-rows.ts'
import { faultOfCopy } from './compare.ts'
import { copiesBetween } from './copies.ts'

/** Rows that D1 may have too many of in one page and are still read; what differs is told either way. */
const SURPLUS_MAX = 100
/** A transaction younger than this may be on its way to D1. */
const UNDER_WAY_MS = 60_000

/** One merchant's ledger and its copy, from the first transaction to the last, page by page. */
export interface WholeLedger {
  readonly ledger: LedgerRpc
  readonly shard: D1Database
  /** Of the merchant; rows of others are left alone. */
  readonly storeIds: readonly string[]
}

export interface ComparedPage {
  readonly compared: number
  /** Made a moment ago and not in D1 yet. */
  readonly underWay: number
  readonly faults: readonly string[]
  /** Where the next page begins; null after the last. */
  readonly next: LedgerPosition | null
}

/** D1's rows after a place against the ledger's transactions there, both ways. Throws when D1 fails. */
export async function comparePage(
  { ledger, shard, storeIds }: WholeLedger,
  after: LedgerPosition | null,
  nowMs: number,
): Promise<ComparedPage> {
  const page = await ledger.page(after?.no ?? 0, PAGE_MAX)
  const end = placeOf(page)
  const rows = await copiesBetween(shard, storeIds, after, end, PAGE_MAX + SURPLUS_MAX)
  // What was posted since may be in D1 already.
  const entries = end ? page : await ledger.page(after?.no ?? 0, PAGE_MAX)
  const faults: string[] = []
  let underWay = 0
  for (const entry of entries) {
    const { no, atMs } = entry.transaction
    const row = rows.get(no) ?? null
    rows.delete(no)
    const fault = faultOfCopy(row, entry)
    if (row === null && nowMs - atMs < UNDER_WAY_MS) underWay++
    else if (fault !== null) faults.push(fault)
  }
  for (const no of rows.keys()) faults.push(`D1 has a transaction ${no} that the ledger does not have there`)
  return { compared: page.length, underWay, faults, next: end }
}

export interface RebuiltPage {
  readonly transactions: number
  /** Rows that were missing or wrong. */
  readonly written: number
  /** Rows that the ledger does not have. */
  readonly deleted: number
  /** Where the next page begins; null after the last. */
  readonly next: LedgerPosition | null
}

/** Makes D1's rows after a place what the ledger says. Begin at null, and go on until `next` is. Throws when D1 fails. */
export async function rebuildAfter({ ledger, shard, storeIds }: WholeLedger, after: LedgerPosition | null): Promise<RebuiltPage> {
  const entries = await ledger.page(after?.no ?? 0, PAGE_MAX)
  if (entries.length === 0) {
    const deleted = await rebuildEnd(shard, storeIds, after)
    // Posted and projected while the rest was deleted: written again.
    const since = await ledger.page(after?.no ?? 0, PAGE_MAX)
    if (since.length === 0) return { transactions: 0, written: 0, deleted, next: null }
    const rebuilt = await rebuildPage(shard, { storeIds, after, entries: since })
    return { transactions: since.length, written: rebuilt.written, deleted: deleted + rebuilt.deleted, next: rebuilt.end }
  }
  const { written, deleted, end } = await rebuildPage(shard, { storeIds, after, entries })
  return { transactions: entries.length, written, deleted, next: end }
}

function placeOf(entries: readonly LedgerEntry[]): LedgerPosition | null {
  const last = entries.at(-1)?.transaction
  return last ? { atMs: last.atMs, no: last.no } : null
}
