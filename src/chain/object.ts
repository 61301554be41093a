import { DurableObject } from 'cloudflare:workers'
import type { CoreEnv } from '../../workers/core/env.ts'
import type { NodeSight, TrackedTransaction } from '../gateways/gateway.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import { nextDueMs } from '../lib/outbox.ts'
import { ok, type Result } from '../lib/result.ts'
import type { ChainConfig } from '../money/chain.ts'
import { registryOf } from '../money/registry.ts'
import { finalHeightOf } from './finality.ts'
import { confirmationsOf, type Depth, observationOf } from './follow.ts'
import { healthOf } from './health.ts'
import { paymentFacts, paymentsPage } from './payment-facts.ts'
import { paymentAt, paymentsToldAfter, putNotifyUntil, replacements, trackedAbove, trackedTransactions } from './payment-rows.ts'
import type {
  ChainBatch,
  ChainHealth,
  ChainRpc,
  CommitRefusal,
  FollowState,
  PaymentFact,
  PaymentObservation,
  PaymentsPage,
  PaymentsPart,
} from './rpc.ts'
import { migrate, newFollower, readFacts, recentBlocks, writeFacts } from './tables.ts'
import { held, noteNodes, type Rows, take } from './take.ts'
import { Teller } from './teller.ts'

/** A look that has not been heard of for so long is lost, and another is sent. */
export const LOOK_LEASE_MS = 20_000
/** The longest pause after looks that fail. */
const FAILED_PAUSE_MAX_MS = 10_000
/** Pause after the queue refused a look. */
const SEND_RETRY_MS = 1_000
/** The most confirmations an invoice is told of. */
const CONFIRMATIONS_MAX = 10_000
const ERROR_TEXT_MAX = 300
const NO_BLOCKS: Depth = { tipHeight: 0, finalHeight: null }

/**
 * The follower of one chain, named by its CAIP-2 id: the cursor, every payment found, and what invoices are to hear.
 * It reads no node itself: its alarm sends looks to the gateways Worker, which bring back batches.
 *
 * Rows written are what it costs. A look that finds nothing writes one, and sets one alarm: the next look's, which is
 * set before this one is sent, so that whatever is lost, another follows. What invoices hear is in the payments and
 * blocks themselves, each with the commit it is of; the outbox gets only what could not be told at once.
 */
export class ChainObject extends DurableObject<CoreEnv> implements ChainRpc {
  /** When the alarm is set for, as far as this instance knows. */
  #alarmAtMs: number | null = null
  /** A look was sent by this instance, or came to it. */
  #looked = false
  /** The look under way: when the next is sent if it has ended by then, and when it counts as lost. */
  #look: { readonly nextAtMs: number; readonly lostAtMs: number } | null = null
  /** What the instance before this one may not have told is told. */
  #tookOver = false
  readonly #teller: Teller

  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(ctx, env)
    ctx.storage.transactionSync(() => migrate(ctx.storage.sql))
    this.#teller = new Teller({
      sql: ctx.storage.sql,
      transaction: (run) => ctx.storage.transactionSync(run),
      observe: (invoiceId, observations) => this.env.INVOICES.getByName(invoiceId).observe(observations),
      heed: (told, confirmationsWanted) => this.#heed(told, confirmationsWanted),
      done: () => this.#arm(),
    })
  }

  async wake(chainId: string): Promise<void> {
    if (chainId !== this.#chainId || !this.#findChain()) return logEvent('error', 'chain_unknown', { chainId })
    const alarmAtMs = await this.ctx.storage.getAlarm()
    // A new instance does not wait for the look its predecessor sent: a restart of everything may have lost that too.
    if (alarmAtMs !== null && this.#looked) return
    const nowMs = Date.now()
    writeFacts(this.#sql, { ...(readFacts(this.#sql) ?? newFollower(nowMs)), nextLookAtMs: nowMs })
    this.#alarmAtMs = null
    this.#look = null
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
    this.#takeOver()
    const taken = this.ctx.storage.transactionSync(() =>
      take({ ...this.#rows, chain, nextLookAtMs: () => this.#nextLookAtMs(chain, nowMs) }, batch, nowMs),
    )
    if (!taken.ok) return taken
    const look = this.#look ?? lookFrom(chain, nowMs)
    this.#look = batch.more ? { ...look, lostAtMs: nowMs + LOOK_LEASE_MS } : null
    // Told without being waited for: a slow invoice must not hold up the look.
    this.#teller.tell(taken.value)
    this.#arm()
    return ok(this.#state(chain))
  }

  async fail(error: { reason: string; detail: string; nodes?: readonly NodeSight[] }): Promise<void> {
    const nowMs = Date.now()
    const facts = readFacts(this.#sql) ?? newFollower(nowMs)
    const pauseMs = Math.min(this.#chain.pollMs * 2 ** Math.min(facts.failures, 10), FAILED_PAUSE_MAX_MS)
    writeFacts(this.#sql, {
      ...facts,
      failures: facts.failures + 1,
      error: `${error.reason}: ${error.detail}`.slice(0, ERROR_TEXT_MAX),
      nextLookAtMs: nowMs + Math.max(pauseMs, this.#chain.pollMs),
      nodes: noteNodes(this.#chainId, facts.nodes, error.nodes),
    })
    this.#look = null
    this.#arm()
    // Once per outage, not once per look.
    if (facts.failures === 0)
      logEvent('warn', 'look_failed', { chainId: this.#chainId, reason: error.reason, detail: error.detail })
  }

  async health(): Promise<ChainHealth> {
    return healthOf(this.#chain, readFacts(this.#sql), recentBlocks(this.#sql, 1)[0] ?? null, Date.now())
  }

  async paymentsPage(part: PaymentsPart, after: string | null, limit: number): Promise<PaymentsPage> {
    return paymentsPage(this.#sql, this.#chainId, this.#depth ?? NO_BLOCKS, part, after, limit)
  }

  async paymentsAt(keys: readonly string[]): Promise<PaymentFact[]> {
    return paymentFacts(this.#sql, this.#chainId, this.#depth ?? NO_BLOCKS, keys)
  }

  override async alarm(): Promise<void> {
    this.#alarmAtMs = null
    const chain = this.#findChain()
    if (!chain) return logEvent('error', 'chain_unknown', { chainId: this.#chainId })
    const nowMs = Date.now()
    this.#takeOver()
    this.#teller.tellDue(nowMs)
    const facts = readFacts(this.#sql)
    const lookDue = facts !== null && facts.nextLookAtMs <= nowMs && (this.#look?.lostAtMs ?? 0) <= nowMs
    if (lookDue) this.#look = lookFrom(chain, nowMs)
    // The next alarm is durable before the look is sent: whatever is lost, another one follows.
    this.#arm()
    if (lookDue) await this.#sendLook(chain, nowMs)
  }

  /** From the beginning of one look to that of the next, unless that is past: then a slow node is given the whole pause. */
  #nextLookAtMs(chain: ChainConfig, nowMs: number): number {
    const nextAtMs = this.#look?.nextAtMs ?? 0
    return nextAtMs > nowMs ? nextAtMs : nowMs + chain.pollMs
  }

  /** Once for each instance: the one before it may have ended before all had heard. */
  #takeOver(): void {
    if (this.#tookOver) return
    this.#tookOver = true
    const facts = readFacts(this.#sql)
    const depth = this.#depth
    if (!facts || !depth || facts.toldRevision >= facts.revision) return
    const told = paymentsToldAfter(this.#sql, facts.toldRevision)
    this.#teller.tell(this.ctx.storage.transactionSync(() => held(this.#rows, told, depth, Date.now())))
  }

  /** Keeps how many confirmations an invoice wants; if it has been told of fewer than there are by now, tells again. */
  #heed(told: PaymentObservation, wanted: number): void {
    const row = paymentAt(this.#sql, told.txid, told.index)
    const depth = this.#depth
    const notifyUntil = Math.min(Math.max(1, Math.floor(wanted)), CONFIRMATIONS_MAX)
    if (!row || !depth || row.notifyUntil === notifyUntil) return
    putNotifyUntil(this.#sql, { ...row, notifyUntil })
    if (row.status !== 'confirmed' || told.confirmations >= Math.min(notifyUntil, confirmationsOf(row, depth.tipHeight))) return
    const nowMs = Date.now()
    const facts = readFacts(this.#sql) ?? newFollower(nowMs)
    const revision = facts.revision + 1
    writeFacts(this.#sql, { ...facts, revision })
    this.#teller.keep(row.invoiceId, observationOf(this.#chainId, row, depth, revision), nowMs)
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
      this.#look = null
      this.#arm()
    }
  }

  /**
   * The one alarm serves the next look and the outbox. It may be called at any moment. While invoices are being told,
   * what they leave in the outbox is armed for at the end; after a crash the alarm of the look comes.
   */
  #arm(): void {
    const facts = readFacts(this.#sql)
    if (!facts) return
    const nowMs = Date.now()
    const look = this.#look
    const lookAtMs = look ? Math.min(look.nextAtMs > nowMs ? look.nextAtMs : look.lostAtMs, look.lostAtMs) : facts.nextLookAtMs
    const toldAtMs = this.#teller.busy ? null : nextDueMs(this.#sql)
    const atMs = Math.min(lookAtMs, toldAtMs ?? Number.POSITIVE_INFINITY)
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

  /** Null before the first commit. */
  get #depth(): Depth | null {
    const tip = recentBlocks(this.#sql, 1)[0]
    if (!tip) return null
    const chain = this.#findChain()
    const tagHeight = readFacts(this.#sql)?.tagHeight ?? null
    return { tipHeight: tip.height, finalHeight: chain && finalHeightOf(chain, tip.height, tagHeight) }
  }

  get #rows(): Rows {
    return { sql: this.#sql, chainId: this.#chainId, teller: this.#teller }
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

function lookFrom(chain: ChainConfig, nowMs: number): { nextAtMs: number; lostAtMs: number } {
  return { nextAtMs: nowMs + chain.pollMs, lostAtMs: nowMs + LOOK_LEASE_MS }
}
