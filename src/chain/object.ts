import { DurableObject } from 'cloudflare:workers'
import type { CoreEnv } from '../../workers/core/env.ts'
import type { TrackedTransaction } from '../gateways/gateway.ts'
import { decodeJson, encodeJson } from '../lib/json.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import { acknowledge, nextDueMs, putOutbox, takeDue, waitingUnder } from '../lib/outbox.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { ChainConfig } from '../money/chain.ts'
import { registryOf } from '../money/registry.ts'
import { confirmationsOf, follow, observationOf, type PaymentRow, type Place, placeOf } from './follow.ts'
import { healthOf } from './health.ts'
import type { ChainBatch, ChainHealth, ChainRpc, CommitRefusal, FollowState, PaymentObservation } from './rpc.ts'
import {
  type FollowerFacts,
  giveUpLost,
  migrate,
  paymentAt,
  paymentsAbove,
  paymentsOf,
  paymentsReplacedBy,
  putBlocks,
  putPayment,
  readFacts,
  recentBlocks,
  replacements,
  trackedAbove,
  trackedTransactions,
  writeFacts,
} from './tables.ts'

/** A look that has not been heard of for so long is lost, and another is sent. */
export const LOOK_LEASE_MS = 20_000
/** The longest pause after looks that fail. */
const FAILED_PAUSE_MAX_MS = 10_000
/** Pause after the queue refused a look. */
const SEND_RETRY_MS = 1_000
/** Invoices told at one time, outbox rows read at one time, and invoices for each teller in one go; the alarm sees to the rest. */
const TELLERS = 20
const OUTBOX_PAGE = 100
const TOLD_BY_ONE_MAX = 500
/** Observations in one call to an invoice, and calls in a row. */
const OBSERVATIONS_MAX = 100
const CALLS_MAX = 100
/** The most confirmations an invoice is told of. */
const CONFIRMATIONS_MAX = 10_000
const ERROR_TEXT_MAX = 300

/**
 * The follower of one chain, named by its CAIP-2 id: the cursor, every payment found, and what invoices are to hear.
 * It reads no node itself: its alarm sends looks to the gateways Worker, which bring back batches.
 */
export class ChainObject extends DurableObject<CoreEnv> implements ChainRpc {
  /** When the alarm is set for, as far as this instance knows. */
  #alarmAtMs: number | null = null
  /** A look was sent by this instance, or came to it. */
  #looked = false

  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(ctx, env)
    ctx.storage.transactionSync(() => migrate(ctx.storage.sql))
  }

  async wake(chainId: string): Promise<void> {
    if (chainId !== this.#chainId || !this.#findChain()) return logEvent('error', 'chain_unknown', { chainId })
    const alarmAtMs = await this.ctx.storage.getAlarm()
    // A new instance does not wait for the look its predecessor sent: a restart of everything may have lost that too.
    if (alarmAtMs !== null && this.#looked) return
    const nowMs = Date.now()
    writeFacts(this.#sql, { ...(readFacts(this.#sql) ?? NEW_FOLLOWER(nowMs)), nextLookAtMs: nowMs })
    this.#alarmAtMs = null
    this.#arm()
  }

  async begin(): Promise<FollowState> {
    this.#looked = true
    return this.#state(this.#chain)
  }

  async trackedAbove(height: number): Promise<TrackedTransaction[]> {
    return trackedAbove(this.#sql, height)
  }

  async commit(batch: ChainBatch): Promise<Result<FollowState, CommitRefusal>> {
    const chain = this.#chain
    const nowMs = Date.now()
    const taken = this.ctx.storage.transactionSync(() => this.#take(chain, batch, nowMs))
    if (!taken.ok) return taken
    // Told without being waited for: a slow invoice must not hold up the look. Its first rows are taken here and now.
    if (taken.value > 0) this.ctx.waitUntil(this.#tellInvoices())
    this.#arm()
    return ok(this.#state(chain))
  }

  async fail(error: { reason: string; detail: string }): Promise<void> {
    const nowMs = Date.now()
    const facts = readFacts(this.#sql) ?? NEW_FOLLOWER(nowMs)
    const pauseMs = Math.min(this.#chain.pollMs * 2 ** Math.min(facts.failures, 10), FAILED_PAUSE_MAX_MS)
    writeFacts(this.#sql, {
      ...facts,
      failures: facts.failures + 1,
      error: `${error.reason}: ${error.detail}`.slice(0, ERROR_TEXT_MAX),
      nextLookAtMs: nowMs + Math.max(pauseMs, this.#chain.pollMs),
    })
    this.#arm()
    // Once per outage, not once per look.
    if (facts.failures === 0)
      logEvent('warn', 'look_failed', { chainId: this.#chainId, reason: error.reason, detail: error.detail })
  }

  async health(): Promise<ChainHealth> {
    return healthOf(this.#chain, readFacts(this.#sql), recentBlocks(this.#sql, 1)[0] ?? null, Date.now())
  }

  override async alarm(): Promise<void> {
    this.#alarmAtMs = null
    const chain = this.#findChain()
    if (!chain) return logEvent('error', 'chain_unknown', { chainId: this.#chainId })
    const nowMs = Date.now()
    const facts = readFacts(this.#sql) ?? NEW_FOLLOWER(nowMs)
    const lookDue = facts.nextLookAtMs <= nowMs
    // The lease and the next alarm are durable before the look is sent: whatever is lost, another one follows.
    if (lookDue) writeFacts(this.#sql, { ...facts, nextLookAtMs: nowMs + LOOK_LEASE_MS })
    const telling = this.#tellInvoices()
    this.#arm()
    await Promise.all([telling, lookDue && this.#sendLook(chain, nowMs)])
  }

  /** The one decision of a commit; answers how many invoices are to hear of it. Runs in a transaction. */
  #take(chain: ChainConfig, batch: ChainBatch, nowMs: number): Result<number, CommitRefusal> {
    const sql = this.#sql
    const facts = readFacts(sql) ?? NEW_FOLLOWER(nowMs)
    const placed = placeOf(recentBlocks(sql, chain.reorgDepthMax), batch)
    if (!placed.ok) return placed
    // An older sight of the mempool must not undo what a newer one told.
    if (batch.mempool && facts.syncedAtMs !== null && batch.startedAtMs < facts.syncedAtMs)
      return err({ reason: 'stale_cursor', detail: 'a newer look has read the mempool' })
    const place = placed.value
    const revision = facts.revision + 1

    const { changed, told } = follow(chain, place, batch, this.#touched(place, batch), facts.syncedAtMs)
    for (const row of changed) putPayment(sql, row)
    for (const row of told) this.#putTold(row, place.tip.height, revision, nowMs)
    if (batch.blocks.length > 0) {
      const refs = batch.blocks.map(({ ref }) => ref)
      putBlocks(sql, place.floor, refs, chain.reorgDepthMax)
      giveUpLost(sql, nowMs)
    }
    if (place.rolledBack)
      logEvent('warn', 'reorg', { chainId: chain.id, depth: (place.tipBefore ?? 0) - place.floor, height: place.tip.height })

    const finished = batch.mempool !== null && !batch.more
    writeFacts(sql, {
      revision,
      nextLookAtMs: nowMs + (batch.more ? LOOK_LEASE_MS : finished ? chain.pollMs : 0),
      heardAtMs: nowMs,
      atHead: finished,
      failures: 0,
      error: null,
      headHeight: batch.head.height,
      headHash: batch.head.hash,
      headAdvancedAtMs: batch.head.hash === facts.headHash ? facts.headAdvancedAtMs : batch.startedAtMs,
      syncedAtMs: finished ? batch.startedAtMs : facts.syncedAtMs,
    })
    return ok(told.length)
  }

  /** Every payment the batch can touch. */
  #touched(place: Place, { blocks, mempool }: ChainBatch): PaymentRow[] {
    const txids = new Set<string>()
    for (const part of [...blocks, ...(mempool ? [mempool] : [])]) {
      for (const { transfer } of part.payments) txids.add(transfer.txid)
      for (const { txid } of part.conflicts) txids.add(txid)
    }
    for (const txid of [...(mempool?.missing ?? []), ...(mempool?.waiting ?? [])]) txids.add(txid)
    return [
      ...(blocks.length > 0 ? paymentsAbove(this.#sql, place.floor) : []),
      ...(txids.size > 0 ? paymentsOf(this.#sql, txids) : []),
      ...paymentsReplacedBy(this.#sql, mempool?.missing ?? []),
    ]
  }

  /** The key begins with the invoice: all that waits for one is told in one call. */
  #putTold(row: PaymentRow, tipHeight: number, revision: number, nowMs: number): void {
    const observation = observationOf(this.#chainId, row, tipHeight, revision)
    putOutbox(this.#sql, `${row.invoiceId}/${row.txid}/${row.index}`, revision, encodeJson(observation), nowMs)
  }

  /** Tells what is due. Rows leave the outbox as their invoices answer; the alarm returns for the others. */
  async #tellInvoices(): Promise<void> {
    let due: string[] = []
    const teller = async (): Promise<void> => {
      for (let i = 0; i < TOLD_BY_ONE_MAX; i++) {
        if (due.length === 0) {
          const rows = takeDue(this.#sql, Date.now(), OUTBOX_PAGE)
          due = [...new Set(rows.map(({ key }) => key.slice(0, key.indexOf('/'))))]
        }
        const invoiceId = due.shift()
        if (invoiceId === undefined) return
        await this.#tell(invoiceId)
      }
    }
    await Promise.all(Array.from({ length: TELLERS }, teller))
    this.#arm()
  }

  async #tell(invoiceId: string): Promise<void> {
    try {
      for (let call = 0; call < CALLS_MAX; call++) {
        const rows = waitingUnder(this.#sql, `${invoiceId}/`, OBSERVATIONS_MAX)
        if (rows.length === 0) return
        const told = rows.map(({ body }) => decodeJson<PaymentObservation>(body))
        const answer = await this.env.INVOICES.getByName(invoiceId).observe(told)
        if (!answer.known) logEvent('error', 'payment_of_unknown_invoice', { invoiceId, payments: told.length })
        this.ctx.storage.transactionSync(() => {
          for (const { key, revision } of rows) acknowledge(this.#sql, key, revision)
          if (answer.known) for (const observation of told) this.#heed(observation, answer.confirmationsWanted)
        })
      }
    } catch (thrown) {
      logEvent('warn', 'invoice_not_told', { invoiceId, reason: reasonOf(thrown) })
    }
  }

  /** Keeps how many confirmations an invoice wants; if it has been told of fewer than there are by now, tells again. */
  #heed(told: PaymentObservation, wanted: number): void {
    const row = paymentAt(this.#sql, told.txid, told.index)
    const tip = recentBlocks(this.#sql, 1)[0]
    const notifyUntil = Math.min(Math.max(1, Math.floor(wanted)), CONFIRMATIONS_MAX)
    if (!row || !tip || row.notifyUntil === notifyUntil) return
    putPayment(this.#sql, { ...row, notifyUntil })
    if (row.status !== 'confirmed' || told.confirmations >= Math.min(notifyUntil, confirmationsOf(row, tip.height))) return
    const nowMs = Date.now()
    const facts = readFacts(this.#sql) ?? NEW_FOLLOWER(nowMs)
    const revision = facts.revision + 1
    writeFacts(this.#sql, { ...facts, revision })
    this.#putTold(row, tip.height, revision, nowMs)
  }

  async #sendLook(chain: ChainConfig, nowMs: number): Promise<void> {
    this.#looked = true
    try {
      const queue = chain.gateway === 'bitcoin' ? this.env.GATEWAY_BITCOIN : this.env.GATEWAY_EVM
      await queue.send({ kind: 'look', chainId: chain.id, sentAtMs: nowMs })
    } catch (thrown) {
      logEvent('warn', 'look_not_sent', { chainId: chain.id, reason: reasonOf(thrown) })
      const facts = readFacts(this.#sql)
      if (facts) writeFacts(this.#sql, { ...facts, nextLookAtMs: Date.now() + SEND_RETRY_MS })
      this.#arm()
    }
  }

  /** The one alarm serves the next look and the outbox. Both times are rows, so this may be called at any moment. */
  #arm(): void {
    const facts = readFacts(this.#sql)
    if (!facts) return
    const atMs = Math.min(facts.nextLookAtMs, nextDueMs(this.#sql) ?? Number.POSITIVE_INFINITY)
    if (atMs === this.#alarmAtMs) return
    this.#alarmAtMs = atMs
    this.ctx.storage.setAlarm(atMs)
  }

  #state(chain: ChainConfig): FollowState {
    return {
      recent: recentBlocks(this.#sql, chain.reorgDepthMax),
      unconfirmed: trackedTransactions(this.#sql),
      replacements: replacements(this.#sql),
    }
  }

  get #sql(): SqlStorage {
    return this.ctx.storage.sql
  }

  get #chainId(): string {
    return this.ctx.id.name ?? ''
  }

  get #chain(): ChainConfig {
    return registryOf(this.env).chain(this.#chainId)
  }

  #findChain(): ChainConfig | null {
    return registryOf(this.env).findChain(this.#chainId)
  }
}

const NEW_FOLLOWER = (nowMs: number): FollowerFacts => ({
  revision: 0,
  nextLookAtMs: nowMs,
  heardAtMs: nowMs,
  atHead: false,
  failures: 0,
  error: null,
  headHeight: null,
  headHash: null,
  headAdvancedAtMs: null,
  syncedAtMs: null,
})
