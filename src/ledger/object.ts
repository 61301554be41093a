import { DurableObject } from 'cloudflare:workers'
import type { CoreEnv } from '../../workers/core/env.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import type { Result } from '../lib/result.ts'
import { claimKey } from './keys.ts'
import { Ledger } from './ledger.ts'
import type {
  Booking,
  BookRefusal,
  ClearDifference,
  KeyClaim,
  LedgerRpc,
  LedgerStanding,
  PostReservation,
  Reservation,
  Reserve,
  ReserveRefusal,
  ResolveRefusal,
  SegmentCheck,
  StoreBalances,
} from './rpc.ts'
import type { Difference, InvoicePositions, LedgerEntry, Transaction } from './types.ts'

/** D1 is asked again to take over what it has not confirmed, after so long, doubling to the last. */
export const PROJECT_RETRY_MS = 8_000
const PROJECT_RETRY_MAX_MS = 5 * 60_000

/**
 * One merchant's ledger. What it decides is in ledger.ts; here are the alarm and the word to the projection consumer,
 * which asks for the transactions itself: one word at a time is under way, however many transactions there are.
 */
export class LedgerObject extends DurableObject<CoreEnv> implements LedgerRpc {
  /** Replaced in tests. */
  clock: Clock = systemClock

  #ledger = new Ledger(this.ctx.storage.sql)
  #alarmAtMs: number | null = null
  /** The consumer was told, and has not yet come for everything. */
  #isAsked = false
  #retryAtMs = 0
  #tries = 0

  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(ctx, env)
    ctx.blockConcurrencyWhile(async () => {
      this.#alarmAtMs = await ctx.storage.getAlarm()
    })
  }

  async record(positions: InvoicePositions): Promise<Result<null, BookRefusal>> {
    return this.#changing((ledger, nowMs) => ledger.record(positions, nowMs))
  }

  async reserve(request: Reserve): Promise<Result<Transaction, ReserveRefusal>> {
    return this.#changing((ledger, nowMs) => ledger.reserve(request, nowMs))
  }

  async post(request: PostReservation): Promise<Result<Transaction, ResolveRefusal>> {
    return this.#changing((ledger, nowMs) => ledger.post(request, nowMs))
  }

  async release(request: { key: string; of: string }): Promise<Result<Transaction, ResolveRefusal>> {
    return this.#changing((ledger, nowMs) => ledger.release(request, nowMs))
  }

  async book(request: Booking): Promise<Result<Transaction, BookRefusal>> {
    return this.#changing((ledger, nowMs) => ledger.book(request, nowMs))
  }

  async claimKey(claim: KeyClaim): Promise<string> {
    return claimKey(this.ctx.storage.sql, claim)
  }

  async balances(storeId: string): Promise<StoreBalances> {
    return this.#ledger.balances(storeId)
  }

  async reservation(key: string): Promise<Reservation | null> {
    return this.#ledger.reservation(key)
  }

  async ofInvoice(storeId: string, invoiceId: string, afterNo: number): Promise<LedgerEntry[]> {
    return this.#ledger.ofInvoice(storeId, invoiceId, afterNo)
  }

  async page(afterNo: number, limit: number): Promise<LedgerEntry[]> {
    return this.#ledger.page(afterNo, limit)
  }

  async unprojected(): Promise<LedgerEntry[]> {
    const entries = this.#ledger.unprojected()
    // Who comes and finds nothing goes away: the next transaction has to ask again.
    if (entries.length === 0) this.#isAsked = false
    return entries
  }

  async projected(no: number): Promise<void> {
    this.#ledger.projected(no)
    this.#tries = 0
  }

  async verify(segment: number): Promise<SegmentCheck> {
    return this.#ledger.verify(segment)
  }

  async standing(): Promise<LedgerStanding> {
    return this.#ledger.standing()
  }

  async raise(differences: readonly Difference[]): Promise<void> {
    this.#changing((ledger) => ledger.raise(differences))
  }

  async clear(request: ClearDifference): Promise<Result<null, { reason: 'difference_not_found' }>> {
    return this.#changing((ledger, nowMs) => ledger.clear(request, nowMs))
  }

  override async alarm(): Promise<void> {
    this.#alarmAtMs = null
    const nowMs = this.clock()
    if (this.#retryAtMs <= nowMs) this.#isAsked = false
    try {
      this.#changing((ledger) => ledger.expire(nowMs))
    } catch (thrown) {
      logEvent('error', 'ledger_alarm_failed', { reason: reasonOf(thrown) })
      this.#arm(nowMs + PROJECT_RETRY_MAX_MS)
    }
  }

  /** One synchronous block: the step, all of it or none; the alarm; then word to the consumer. */
  #changing<T>(step: (ledger: Ledger, nowMs: number) => T): T {
    const nowMs = this.clock()
    try {
      const answer = this.ctx.storage.transactionSync(() => step(this.#ledger, nowMs))
      this.#follow(nowMs)
      return answer
    } catch (thrown) {
      // A defect. What it wrote is undone; what it left in memory goes too.
      this.#ledger = new Ledger(this.ctx.storage.sql)
      throw thrown
    }
  }

  #follow(nowMs: number): void {
    const expiryMs = this.#ledger.nextExpiryMs()
    if (expiryMs !== null) this.#arm(expiryMs)
    if (this.#ledger.isProjected) return
    if (!this.#isAsked) {
      this.#isAsked = true
      this.#retryAtMs = nowMs + Math.min(PROJECT_RETRY_MS * 2 ** Math.min(this.#tries++, 10), PROJECT_RETRY_MAX_MS)
      this.ctx.waitUntil(this.#ask())
    }
    this.#arm(this.#retryAtMs)
  }

  /** Never throws: the alarm asks again. */
  async #ask(): Promise<void> {
    const owner = this.#ledger.owner()
    if (owner === null) return
    try {
      await this.env.PROJECTIONS.send({ kind: 'ledger', ...owner })
    } catch (thrown) {
      logEvent('warn', 'ledger_not_projected', { merchantId: owner.merchantId, reason: reasonOf(thrown) })
    }
  }

  /** One alarm serves both; it only ever moves earlier, and finds the next time itself when it rings. */
  #arm(atMs: number): void {
    if (this.#alarmAtMs !== null && this.#alarmAtMs <= atMs) return
    this.#alarmAtMs = atMs
    this.ctx.storage.setAlarm(atMs)
  }
}
