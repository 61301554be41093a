import type { AddressBalance, BlockStamp } from '../gateways/gateway.ts'
import { decodeJson, encodeJson } from '../lib/json.ts'
import type { Sql } from '../lib/outbox.ts'
import { assert, err, ok, type Result } from '../lib/result.ts'
import {
  ADDRESSES_MAX,
  type Holding,
  type Reading,
  type ReadingError,
  type ReadingRefusal,
  type ReadPage,
  type Sums,
  type WaitingPayment,
  type WalletBalance,
} from './rpc.ts'

/**
 * What a wallet's addresses hold, by chain: the newest whole reading, and the one under way. A reading fills the slot that
 * the newest does not use, page by page, and becomes the newest in one step, so that no two blocks are ever mixed.
 *
 * A row is a thousand addresses, those with nothing left out: a small wallet's reading writes four rows.
 */
export const BALANCE_TABLES = `
  CREATE TABLE IF NOT EXISTS balances (chain_id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS holdings (
    chain_id TEXT NOT NULL, slot INTEGER NOT NULL, chunk INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (chain_id, slot, chunk)
  ) WITHOUT ROWID;
`

/** Addresses in one row. Pages end where rows end. */
export const CHUNK = 1_000
/** Rows of a reading of the most addresses that are read. */
const CHUNKS_MAX = ADDRESSES_MAX / CHUNK
/** Coins kept in one row, the largest: 500 KB. Somebody may send any number of crumbs. */
export const COINS_MAX = 4_000
/** Waiting payments of a wallet that are kept by index; all are in the sums. */
const PENDING_MAX = 1_000
/** A node gives at most a fifth of its time to the readings of one wallet: a scan of all coins takes it minutes. */
const PAUSE_PER_READING = 5
/** A reading that has not been heard of for so long is lost: its carrier tells of it while a node scans (read-balance.ts). */
export const READING_LEASE_MS = 20_000
/** After each reading that is lost the next has twice as long, up to this: a queue may be slow, and a message in it is not heard. */
export const READING_LEASE_MS_MAX = 10 * 60_000

type Slot = 0 | 1

interface Head {
  readonly askedAtMs: number
  readonly newest: (Reading & { readonly slot: Slot; readonly waiting: readonly Waiting[] }) | null
  readonly running: Running | null
  readonly error: ReadingError | null
  /** Readings that were lost since one was last whole. Absent: none. */
  readonly lost?: number
}

interface Running {
  readonly id: string
  readonly slot: Slot
  readonly startedAtMs: number
  readonly heardAtMs: number
  /** Addresses to read, and the first that is not read yet. */
  readonly addresses: number
  readonly next: number
  readonly block: BlockStamp | null
  readonly sums: Readonly<Record<string, Sums>>
  readonly waiting: readonly Waiting[]
  readonly coinsLeftOut: number
}

interface Waiting {
  readonly index: number
  readonly assetCode: string
  readonly units: bigint
}

type CoinsHeld = Pick<Held, 'index' | 'coins'>
type Held = Omit<AddressBalance, 'position'> & { readonly index: number }

/** Begins a reading, unless one is under way, or was asked for less than `pauseMs` ago (or than five times what it took). */
export function beginReading(
  sql: Sql,
  chainId: string,
  id: string,
  addresses: number,
  pauseMs: number,
  nowMs: number,
): 'asked' | 'running' | 'recent' {
  const head = headOf(sql, chainId)
  if (head && isUnderWay(head, nowMs)) return 'running'
  const isLost = head !== null && head.running !== null
  // One that was lost has given the node a rest already: its lease.
  const tookMs = head?.newest && !isLost ? head.newest.doneAtMs - head.newest.startedAtMs : 0
  if (head && nowMs - head.askedAtMs < Math.max(pauseMs, PAUSE_PER_READING * tookMs)) return 'recent'
  const slot = head?.newest?.slot === 0 ? 1 : 0
  const begun = { startedAtMs: nowMs, heardAtMs: nowMs, next: 0, block: null, sums: {}, waiting: [], coinsLeftOut: 0 }
  const running: Running = { id, slot, addresses, ...begun }
  sql.exec('DELETE FROM holdings WHERE chain_id = ? AND slot = ?', chainId, slot)
  const lost = (head?.lost ?? 0) + (isLost ? 1 : 0)
  putHead(sql, chainId, { newest: head?.newest ?? null, error: null, askedAtMs: nowMs, running, lost })
  return 'asked'
}

/** Whoever carries the reading is at it. Writes only when a good part of its lease is over. */
export function hearReading(sql: Sql, chainId: string, id: string, nowMs: number): void {
  const head = headOf(sql, chainId)
  if (head?.running?.id !== id || nowMs - head.running.heardAtMs < READING_LEASE_MS / 4) return
  putHead(sql, chainId, { ...head, running: { ...head.running, heardAtMs: nowMs } })
}

/** Where the reading under way goes on, when it is this one. */
export function nextPage(
  sql: Sql,
  chainId: string,
  id: string,
  keysMax: number,
): { from: number; count: number; block: BlockStamp | null } | null {
  const running = headOf(sql, chainId)?.running
  if (running?.id !== id) return null
  assert(keysMax >= CHUNK, 'a page is a row or more')
  const most = keysMax - (keysMax % CHUNK)
  return { from: running.next, count: Math.min(most, running.addresses - running.next), block: running.block }
}

/** Takes a page; answers whether it was the last. A page of another block ends the reading with nothing. */
export function takePage(
  sql: Sql,
  chainId: string,
  id: string,
  page: ReadPage,
  indicesOf: (invoiceIds: readonly string[]) => ReadonlyMap<string, number>,
  nowMs: number,
): Result<'whole' | 'more', ReadingRefusal> {
  const head = headOf(sql, chainId)
  const running = head?.running
  if (!head || running?.id !== id || page.from !== running.next)
    return err({ reason: 'stale', detail: 'another reading, or another page, is the next' })
  if (running.block !== null && running.block.hash !== page.block.hash) {
    const detail = `the pages are of the blocks ${running.block.hash} and ${page.block.hash}`
    endReading(sql, chainId, id, { reason: 'mixed', detail, atMs: nowMs })
    return err({ reason: 'mixed', detail })
  }
  const held = page.balances.map(({ position, ...balance }): Held => ({ ...balance, index: page.from + position }))
  const leftOut = putHoldings(sql, chainId, running.slot, held)
  const waiting = ownWaiting(page, indicesOf)
  const after: Running = {
    ...running,
    heardAtMs: nowMs,
    next: page.from + page.count,
    block: page.block,
    sums: addUp(addUp(running.sums, held), waiting),
    waiting: [...running.waiting, ...waiting].slice(0, PENDING_MAX),
    coinsLeftOut: running.coinsLeftOut + leftOut,
  }
  if (after.next < after.addresses) {
    putHead(sql, chainId, { ...head, running: after })
    return ok('more')
  }
  const { slot, startedAtMs, addresses, sums, coinsLeftOut } = after
  const reading = { block: page.block, startedAtMs, doneAtMs: nowMs, addresses, sums, coinsLeftOut }
  putHead(sql, chainId, { ...head, running: null, error: null, lost: 0, newest: { ...reading, slot, waiting: after.waiting } })
  return ok('whole')
}

/** The reading under way brings nothing; the one before stays the newest. */
export function endReading(sql: Sql, chainId: string, id: string, error: ReadingError): void {
  const head = headOf(sql, chainId)
  if (head?.running?.id === id) putHead(sql, chainId, { ...head, running: null, error })
}

export function balanceOn(sql: Sql, chainId: string, nowMs: number): WalletBalance {
  const head = headOf(sql, chainId)
  if (!head) return { chainId, askedAtMs: null, reading: null, refreshing: false, error: null }
  const refreshing = isUnderWay(head, nowMs)
  const isLost = head.running !== null && !refreshing
  const lost = { reason: 'lost', detail: 'the reading was not heard of again', atMs: head.askedAtMs }
  const { slot: _slot, waiting: _waiting, ...reading } = head.newest ?? { slot: 0, waiting: [] }
  const { askedAtMs } = head
  return { chainId, askedAtMs, reading: head.newest && (reading as Reading), refreshing, error: isLost ? lost : head.error }
}

/** Every coin of the newest reading, at most `CHUNKS_MAX` rows of them, and what it is a reading of; null before the first. */
export function coinsOn(sql: Sql, chainId: string): { held: CoinsHeld[]; height: number; addresses: number } | null {
  const newest = headOf(sql, chainId)?.newest
  if (!newest) return null
  const statement = 'SELECT body FROM holdings WHERE chain_id = ? AND slot = ? ORDER BY chunk LIMIT ?'
  const rows = sql.exec(statement, chainId, newest.slot, CHUNKS_MAX).toArray()
  const held = rows.flatMap(({ body }) => decodeJson<Held[]>(body as string)).map(({ index, coins }) => ({ index, coins }))
  return { held, height: newest.block.height, addresses: newest.addresses }
}

/** What these indices held in the newest reading; those with nothing are left out. */
export function holdingsOn(sql: Sql, chainId: string, indices: readonly number[]): Holding[] {
  const newest = headOf(sql, chainId)?.newest
  if (!newest) return []
  const wanted = new Set(indices)
  const chunks = [...new Set(indices.map((index) => Math.floor(index / CHUNK)))]
  const held = chunks.flatMap((chunk) => chunkOf(sql, chainId, newest.slot, chunk)).filter(({ index }) => wanted.has(index))
  const found = new Map<string, Holding>()
  for (const balance of held) found.set(`${balance.index} ${balance.assetCode}`, { ...balance, pending: 0n })
  for (const { index, assetCode, units } of newest.waiting) {
    if (!wanted.has(index)) continue
    const key = `${index} ${assetCode}`
    const known = found.get(key) ?? { index, assetCode, confirmed: 0n, leaving: 0n, pending: 0n, coins: [] }
    found.set(key, { ...known, pending: known.pending + units })
  }
  return [...found.values()].sort((one, other) => one.index - other.index || (one.assetCode < other.assetCode ? -1 : 1))
}

/** Payments to this wallet. One that is in a block by now is among the coins, and is not told twice. */
function ownWaiting(page: ReadPage, indicesOf: (invoiceIds: readonly string[]) => ReadonlyMap<string, number>): Waiting[] {
  if (page.pending.length === 0) return []
  const indices = indicesOf([...new Set(page.pending.map(({ invoiceId }) => invoiceId))])
  const arrived = new Set(page.balances.flatMap(({ coins }) => coins.map(({ txid, vout }) => `${txid}:${vout}`)))
  return page.pending.flatMap(({ invoiceId, assetCode, units, txid, index: output }: WaitingPayment): Waiting[] => {
    const index = indices.get(invoiceId)
    return index === undefined || arrived.has(`${txid}:${output}`) ? [] : [{ index, assetCode, units }]
  })
}

function addUp(sums: Readonly<Record<string, Sums>>, parts: readonly (Held | Waiting)[]): Record<string, Sums> {
  const all: Record<string, Sums> = { ...sums }
  for (const part of parts) {
    const { confirmed, leaving, pending } = all[part.assetCode] ?? { confirmed: 0n, leaving: 0n, pending: 0n }
    all[part.assetCode] =
      'units' in part
        ? { confirmed, leaving, pending: pending + part.units }
        : { confirmed: confirmed + part.confirmed, leaving: leaving + part.leaving, pending }
  }
  return all
}

/** Answers how many coins were too many to be kept. */
function putHoldings(sql: Sql, chainId: string, slot: Slot, held: readonly Held[]): number {
  let leftOut = 0
  for (const [chunk, all] of Map.groupBy(held, ({ index }) => Math.floor(index / CHUNK))) {
    const sizes = all.flatMap(({ coins }) => coins.map(({ units }) => units)).sort((one, other) => (one < other ? 1 : -1))
    const least = sizes[COINS_MAX] ?? -1n
    const kept = all.map((balance) => ({ ...balance, coins: balance.coins.filter(({ units }) => units > least) }))
    leftOut += sizes.length - kept.reduce((sum, { coins }) => sum + coins.length, 0)
    const statement = 'INSERT OR REPLACE INTO holdings (chain_id, slot, chunk, body) VALUES (?, ?, ?, ?)'
    sql.exec(statement, chainId, slot, chunk, encodeJson(kept))
  }
  return leftOut
}

function chunkOf(sql: Sql, chainId: string, slot: Slot, chunk: number): Held[] {
  const statement = 'SELECT body FROM holdings WHERE chain_id = ? AND slot = ? AND chunk = ?'
  const row = sql.exec(statement, chainId, slot, chunk).toArray()[0]
  return row ? decodeJson<Held[]>(row.body as string) : []
}

function isUnderWay({ running, lost = 0 }: Head, nowMs: number): boolean {
  return running !== null && nowMs - running.heardAtMs < Math.min(READING_LEASE_MS * 2 ** lost, READING_LEASE_MS_MAX)
}

function headOf(sql: Sql, chainId: string): Head | null {
  const row = sql.exec('SELECT body FROM balances WHERE chain_id = ?', chainId).toArray()[0]
  return row ? decodeJson<Head>(row.body as string) : null
}

function putHead(sql: Sql, chainId: string, head: Head): void {
  sql.exec('INSERT OR REPLACE INTO balances (chain_id, body) VALUES (?, ?)', chainId, encodeJson(head))
}
