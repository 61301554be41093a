import type { NodeSight } from '../gateways/gateway.ts'
import { logEvent } from '../lib/log.ts'
import type { Sql } from '../lib/outbox.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { ChainConfig } from '../money/chain.ts'
import { finalHeightOf, leavesFinal, moveTag } from './finality.ts'
import { type Depth, follow, observationOf, type PaymentRow, type Place, placeOf } from './follow.ts'
import { giveUpLost, paymentsAbove, paymentsOf, paymentsReplacedBy, paymentsUnderTag, putPayment } from './payment-rows.ts'
import type { ChainBatch, CommitRefusal } from './rpc.ts'
import { type FollowerFacts, hashAt, newFollower, putBlocks, readFacts, recentBlocks, writeFacts } from './tables.ts'
import type { Teller, Told } from './teller.ts'

/** What a commit writes to: the rows of one chain, and what invoices could not be told from memory. */
export interface Rows {
  readonly sql: Sql
  readonly chainId: string
  readonly teller: Teller
}

export interface Taking extends Rows {
  readonly chain: ChainConfig
  /** When the next look begins, after one that came to the head. */
  readonly nextLookAtMs: () => number
}

/** The one decision of a commit; answers what invoices are to hear of it at once. Runs in a transaction. */
export function take(taking: Taking, batch: ChainBatch, nowMs: number): Result<Told[], CommitRefusal> {
  const { sql, chain, teller } = taking
  const facts = readFacts(sql) ?? newFollower(nowMs)
  const placed = placeOf(recentBlocks(sql, chain.reorgDepthMax), batch)
  if (!placed.ok) return placed
  // An older sight of the mempool must not undo what a newer one told.
  if (batch.mempool && facts.syncedAtMs !== null && batch.startedAtMs < facts.syncedAtMs)
    return err({ reason: 'stale_cursor', detail: 'a newer look has read the mempool' })
  const place = placed.value
  const revision = facts.revision + 1

  const { changed, told } = follow(chain, place, batch, touched(sql, place, batch), facts.syncedAtMs)
  for (const row of changed) putPayment(sql, row, revision, batch.startedAtMs, Boolean(chain.finality))
  if (batch.blocks.length > 0) {
    const refs = batch.blocks.map(({ ref }) => ref)
    putBlocks(sql, place.floor, refs, revision, chain.reorgDepthMax)
    giveUpLost(sql, batch.startedAtMs)
  }
  const tagHeight = chain.finality ? takeFinal(taking, facts.tagHeight, place, batch, revision, nowMs) : null
  const toTell = held(
    taking,
    told.map((row) => ({ row, revision })),
    { tipHeight: place.tip.height, finalHeight: finalHeightOf(chain, place.tip.height, tagHeight) },
    nowMs,
  )
  if (place.rolledBack)
    logEvent('warn', 'reorg', { chainId: chain.id, depth: (place.tipBefore ?? 0) - place.floor, height: place.tip.height })

  const finalBefore = finalHeightOf(chain, place.tipBefore, facts.tagHeight)
  const hasLeft = leavesFinal(finalBefore, place)
  if (hasLeft) logEvent('error', 'final_blocks_left', { chainId: chain.id, finalHeight: finalBefore, rolledBackTo: place.floor })

  const finished = batch.mempool !== null && !batch.more
  writeFacts(sql, {
    revision,
    toldRevision: Math.min(teller.since, toTell.length > 0 ? revision : revision + 1) - 1,
    nextLookAtMs: batch.more ? facts.nextLookAtMs : finished ? taking.nextLookAtMs() : nowMs,
    heardAtMs: nowMs,
    atHead: finished,
    // An outage lasts until a look has ended that did not fail: a node may give some blocks and then none, look after look.
    failures: batch.more ? facts.failures : 0,
    error: batch.more ? facts.error : null,
    headHeight: batch.head.height,
    headHash: batch.head.hash,
    headAdvancedAtMs: batch.head.hash === facts.headHash ? facts.headAdvancedAtMs : batch.startedAtMs,
    syncedAtMs: finished ? Math.max(facts.syncedAtMs ?? 0, batch.mempool?.asOfMs ?? batch.startedAtMs) : facts.syncedAtMs,
    tagHeight,
    finalLeft: hasLeft ? { finalHeight: finalBefore ?? -1, rolledBackTo: place.floor, atMs: nowMs } : facts.finalLeft,
    nodes: noteNodes(chain.id, facts.nodes, batch.nodes),
  })
  return ok(toTell)
}

/** How the nodes are from now on. A change is logged once, whatever the number of looks that see it. */
export function noteNodes(
  chainId: string,
  before: FollowerFacts['nodes'],
  now: readonly NodeSight[] | undefined,
): FollowerFacts['nodes'] {
  const told = now && now.length > 0 ? now : null
  const words = told?.map(({ host, status }) => `${host} ${status}`).join(', ')
  if (told === null || words === before?.map(({ host, status }) => `${host} ${status}`).join(', ')) return told
  const disagrees = told.some(({ status }) => status === 'disagrees')
  const isWell = told.every(({ status }) => status === 'ok')
  // The first word on healthy nodes is no news.
  if (before !== null || !isWell)
    logEvent(isWell ? 'info' : 'warn', disagrees ? 'nodes_disagree' : 'nodes_changed', { chainId, nodes: words })
  return told
}

/**
 * Takes in how far the finality tag has come, and answers it. Invoices hear by the outbox of the payments that have come
 * under it: no block says so, from which it could be told again.
 */
function takeFinal(
  { sql, chainId, teller }: Rows,
  before: number | null,
  place: Place,
  batch: ChainBatch,
  revision: number,
  nowMs: number,
): number | null {
  const { from, to, disagrees } = moveTag(before, place, batch.final, (height) => hashAt(sql, height))
  if (disagrees) logEvent('warn', 'final_block_unknown', { chainId, height: batch.final?.height, hash: batch.final?.hash })
  if (to === null || to === from) return to
  const { rows, reached } = paymentsUnderTag(sql, from ?? -1, to)
  const depth = { tipHeight: place.tip.height, finalHeight: reached }
  for (const row of rows) teller.keep(row.invoiceId, observationOf(chainId, row, depth, revision), nowMs)
  return reached
}

/** Every payment the batch can touch. */
function touched(sql: Sql, place: Place, { blocks, mempool }: ChainBatch): PaymentRow[] {
  const txids = new Set<string>()
  for (const part of [...blocks, ...(mempool ? [mempool] : [])]) {
    for (const { transfer } of part.payments) txids.add(transfer.txid)
    for (const { txid } of part.conflicts) txids.add(txid)
  }
  for (const txid of [...(mempool?.missing ?? []), ...(mempool?.waiting ?? [])]) txids.add(txid)
  return [
    ...(blocks.length > 0 ? paymentsAbove(sql, place.floor) : []),
    ...(txids.size > 0 ? paymentsOf(sql, txids) : []),
    ...paymentsReplacedBy(sql, mempool?.missing ?? []),
  ]
}

/** What the teller can hold is answered, the rest put into the outbox. Runs in a transaction. */
export function held(
  { chainId, teller }: Rows,
  told: readonly { row: PaymentRow; revision: number }[],
  depth: Depth,
  nowMs: number,
): Told[] {
  const toTell = told.map(({ row, revision }): Told => {
    return { invoiceId: row.invoiceId, observation: observationOf(chainId, row, depth, revision) }
  })
  for (const { invoiceId, observation } of toTell.splice(teller.room)) teller.keep(invoiceId, observation, nowMs)
  return toTell
}
