import type { BlockRef } from '../gateways/gateway.ts'
import { assert, err, ok, type Result } from '../lib/result.ts'
import type { ChainConfig } from '../money/chain.ts'
import type { ChainBatch, CommitRefusal, MatchedTransfer, PaymentObservation, PaymentStatus } from './rpc.ts'

/** What the follower knows of one payment. Its natural key is (txid, index) on this chain. */
export interface PaymentRow {
  readonly txid: string
  readonly index: string
  readonly invoiceId: string
  readonly assetCode: string
  readonly units: bigint
  readonly spends: readonly string[]
  readonly status: PaymentStatus
  /** Where it is confirmed, else null. */
  readonly height: number | null
  readonly blockHash: string | null
  readonly seenAtMs: number
  readonly replacedBy: string | null
  /** The block whose transaction spent its coins, while double_spent: rolling that block back undoes it. */
  readonly conflictHeight: number | null
  /** Its invoice is told of every confirmation up to this many. At least 1. */
  readonly notifyUntil: number
}

/** Where a batch stands on the chain we follow. */
export interface Place {
  readonly tip: { readonly height: number; readonly hash: string }
  /** The tip before it. Null for the first batch. */
  readonly tipBefore: number | null
  /** Nothing at or below this height moves: the common ancestor, else the old tip; -1 for the first batch. */
  readonly floor: number
  readonly rolledBack: boolean
}

export interface Followed {
  /** Rows to write. */
  readonly changed: readonly PaymentRow[]
  /** Rows whose invoice is to hear: what can be seen of them changed, confirmations still wanted among it. */
  readonly told: readonly PaymentRow[]
}

/**
 * A conflict needs one shared coin to be found, so the first thousand of a transaction are enough: it bounds a row
 * that a stranger writes (a consolidation has thousands of inputs).
 */
const SPENDS_MAX = 1_000

/** Takes a batch only if it starts at our tip (else it is stale) and its blocks form a chain from there. */
export function placeOf(
  recent: readonly { height: number; hash: string }[],
  { base, rollbackTo, blocks }: Pick<ChainBatch, 'base' | 'rollbackTo'> & { blocks: readonly { ref: BlockRef }[] },
): Result<Place, CommitRefusal> {
  const newest = recent[0] ?? null
  if (base?.hash !== newest?.hash || base?.height !== newest?.height)
    return err({ reason: 'stale_cursor', detail: `the cursor is at ${newest?.height ?? 'nothing'}` })
  if (rollbackTo && !recent.some(({ height, hash }) => height === rollbackTo.height && hash === rollbackTo.hash))
    return err({ reason: 'reorg_too_deep', detail: `block ${rollbackTo.height} is not one of the last ${recent.length}` })
  if ((rollbackTo || !base) && blocks.length === 0) return err({ reason: 'not_a_chain', detail: 'no block to stand on' })
  const start = rollbackTo ?? base
  let tip = start
  for (const { ref } of blocks) {
    if (tip && (ref.parentHash !== tip.hash || ref.height !== tip.height + 1))
      return err({ reason: 'not_a_chain', detail: `block ${ref.height} does not follow block ${tip.height}` })
    tip = { height: ref.height, hash: ref.hash }
  }
  assert(tip !== null, 'a batch without blocks has a base')
  return ok({ tip, tipBefore: base?.height ?? null, floor: start?.height ?? -1, rolledBack: rollbackTo !== null })
}

/**
 * Decides what a batch makes of the payments. `payments` are at least all that it can touch: those named by its
 * transactions, and those with `touchHeight` above the floor.
 *
 * A block of the best chain is the last word: what it holds is confirmed, what it contradicts is double_spent, until
 * the block itself is rolled back. The mempool only speaks of what is in no block.
 */
export function follow(
  chain: Pick<ChainConfig, 'confirmations'>,
  place: Place,
  batch: Pick<ChainBatch, 'blocks' | 'mempool' | 'startedAtMs'>,
  payments: readonly PaymentRow[],
  syncedAtMs: number | null,
): Followed {
  const before = new Map(payments.map((row) => [keyOf(row), row]))
  const rows = new Map(before)
  const keysOfTxid = new Map<string, string[]>()
  for (const [key, row] of rows) push(keysOfTxid, row.txid, key)

  const change = (row: PaymentRow, changes: Partial<PaymentRow>): void => void rows.set(keyOf(row), { ...row, ...changes })
  const rowsOf = (txid: string): PaymentRow[] => (keysOfTxid.get(txid) ?? []).map((key) => rows.get(key) as PaymentRow)
  const take = ({ transfer, invoiceId }: MatchedTransfer, seenAtMs: number, at: BlockRef | null): void => {
    const known = rows.get(keyOf(transfer))
    if (known && (known.status === 'confirmed' || (at === null && known.status === 'double_spent'))) return
    if (!known) push(keysOfTxid, transfer.txid, keyOf(transfer))
    // What a block says of amount and asset replaces what the mempool said: it is what was carried out.
    const facts = known && at === null ? known : transfer
    rows.set(keyOf(transfer), {
      txid: transfer.txid,
      index: transfer.index,
      invoiceId: known?.invoiceId ?? invoiceId,
      assetCode: facts.assetCode,
      units: facts.units,
      spends: facts.spends.slice(0, SPENDS_MAX),
      seenAtMs: known?.seenAtMs ?? seenAtMs,
      notifyUntil: known?.notifyUntil ?? Math.max(1, chain.confirmations),
      ...(at ? { ...NOWHERE, status: 'confirmed', height: at.height, blockHash: at.hash } : NOWHERE),
    })
  }

  if (place.rolledBack) {
    for (const row of rows.values()) {
      if (row.height !== null && row.height > place.floor) change(row, NOWHERE)
      // The transaction that took its coins goes back to the mempool with its block.
      else if (row.conflictHeight !== null && row.conflictHeight > place.floor)
        change(row, { status: 'replaced', conflictHeight: null })
    }
  }

  for (const { ref, payments: found, conflicts } of batch.blocks) {
    // It came after the last time all was known, and not after its block was made.
    const seenAtMs = Math.min(batch.startedAtMs, Math.max(ref.timeMs, syncedAtMs ?? 0))
    for (const payment of found) take(payment, seenAtMs, ref)
    // The transaction is in this block, and this transfer of it is not: carried out again, an EVM transaction can do less.
    for (const txid of new Set(found.map(({ transfer }) => transfer.txid)))
      for (const row of rowsOf(txid)) if (row.status !== 'confirmed') change(row, { ...NOWHERE, status: 'missing' })
    for (const { txid, byTxid } of conflicts)
      for (const row of rowsOf(txid))
        if (row.status !== 'confirmed' && row.status !== 'double_spent')
          change(row, { ...NOWHERE, status: 'double_spent', replacedBy: byTxid, conflictHeight: ref.height })
  }

  if (batch.mempool) {
    const { payments: found, conflicts, waiting, missing } = batch.mempool
    const gone = new Set(missing)
    for (const row of rows.values())
      if (
        (row.status === 'unconfirmed' && gone.has(row.txid)) ||
        (row.status === 'replaced' && row.replacedBy !== null && gone.has(row.replacedBy))
      )
        change(row, { ...NOWHERE, status: 'missing' })
    for (const txid of waiting)
      for (const row of rowsOf(txid)) if (row.status === 'missing' || row.status === 'replaced') change(row, NOWHERE)
    for (const payment of found) take(payment, batch.startedAtMs, null)
    for (const { txid, byTxid } of conflicts)
      for (const row of rowsOf(txid))
        if (isLoose(row.status) && row.replacedBy !== byTxid) change(row, { ...NOWHERE, status: 'replaced', replacedBy: byTxid })
  }

  const changed: PaymentRow[] = []
  const told: PaymentRow[] = []
  for (const [key, row] of rows) {
    const old = before.get(key)
    const differs = !old || !sameFacts(old, row)
    if (differs) changed.push(row)
    const moved = place.tip.height !== place.tipBefore && row.status === 'confirmed' && (touchHeight(row) ?? 0) > place.floor
    if (differs || moved) told.push(row)
  }
  return { changed, told }
}

const NOWHERE = { status: 'unconfirmed', height: null, blockHash: null, replacedBy: null, conflictHeight: null } as const

/** In no block and not contradicted by one: its coins are worth following. */
export function isLoose(status: PaymentStatus): boolean {
  return status === 'unconfirmed' || status === 'missing' || status === 'replaced'
}

/**
 * A batch with its floor below this height touches the row: a new block is one of the confirmations wanted, or the
 * block it stands on (or fell by) may be rolled back. Null for what no block holds.
 */
export function touchHeight(row: PaymentRow): number | null {
  return row.height !== null ? row.height + row.notifyUntil - 1 : row.conflictHeight
}

/** 1 for the tip itself; 0 in no block. */
export function confirmationsOf(row: PaymentRow, tipHeight: number): number {
  return row.height === null ? 0 : tipHeight - row.height + 1
}

/** What of a chain decides how deep a payment is: its tip, and up to where its own policy holds blocks final. */
export interface Depth {
  readonly tipHeight: number
  readonly finalHeight: number | null
}

export function isFinalAt(row: PaymentRow, { finalHeight }: Depth): boolean {
  return row.height !== null && finalHeight !== null && row.height <= finalHeight
}

/** The whole truth of a payment as its invoice is told it. */
export function observationOf(chainId: string, row: PaymentRow, depth: Depth, revision: number): PaymentObservation {
  return {
    key: `${chainId}/${row.txid}/${row.index}`,
    revision,
    chainId,
    txid: row.txid,
    index: row.index,
    assetCode: row.assetCode,
    units: row.units,
    status: row.status,
    confirmations: confirmationsOf(row, depth.tipHeight),
    final: isFinalAt(row, depth),
    height: row.height,
    blockHash: row.blockHash,
    seenAtMs: row.seenAtMs,
    replacedBy: row.replacedBy,
  }
}

function keyOf({ txid, index }: { txid: string; index: string }): string {
  return `${txid}/${index}`
}

function sameFacts(a: PaymentRow, b: PaymentRow): boolean {
  return (
    a.status === b.status &&
    a.height === b.height &&
    a.blockHash === b.blockHash &&
    a.replacedBy === b.replacedBy &&
    a.conflictHeight === b.conflictHeight &&
    a.units === b.units &&
    a.assetCode === b.assetCode
  )
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}
