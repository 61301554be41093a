import { DurableObject } from 'cloudflare:workers'
import type { CoreEnv } from '../../workers/core/env.ts'
import { decodeJson, encodeJson } from '../lib/json.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import { registryOf } from '../money/registry.ts'
import { newestOfEach, QUOTE_AGE_MAX_MS, usableRates } from './board.ts'
import { readFixedRates } from './fixed.ts'
import { type Pair, pairName, wantedPairs } from './pairs.ts'
import type { Quote, QuoteRound, RateSnapshot, RatesRpc } from './rpc.ts'

/** Pause between two rounds while somebody asks. */
export const ROUND_MS = 30_000
/** The longest pause when rounds fail: no longer than a quote lives, so that rates are back soon after the sources are. */
export const ROUND_MAX_MS = QUOTE_AGE_MAX_MS
/** Rounds go on for so long after the last question. */
export const ASKED_WINDOW_MS = 10 * 60_000
/** How long a first question waits for the round that it starts. */
export const FIRST_ROUND_WAIT_MS = 5_000
/** `asked_at_ms` is written at most this often. */
const ASKED_WRITE_MS = 60_000
/** A computed snapshot is served for so long. */
const SNAPSHOT_MS = 1_000
/** An alarm overdue by this was lost (the platform gives up after six failures) and is set anew. */
const ALARM_LOST_MS = 5 * 60_000
/** Quotes taken from one round. */
const ROUND_QUOTES_MAX = 2_000

/**
 * The rate board. One row holds each source's newest quotes; what is usable is decided anew, at most once a second.
 * While somebody asks, its alarm sends the gateways Worker for quotes; it makes no request of its own.
 */
export class RatesObject extends DurableObject<CoreEnv> implements RatesRpc {
  #quotes: readonly Quote[] = []
  #failures: QuoteRound['failures'] = []
  #snapshot: RateSnapshot | null = null
  #askedAtMs = 0
  #askedWrittenAtMs = 0
  /** Null: not known to be set. */
  #alarmAtMs: number | null = null
  #sentAtMs = 0
  #goodAtMs = 0
  #failedRounds = 0
  #firstRound: PromiseWithResolvers<void> | null = null

  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(ctx, env)
    const sql = ctx.storage.sql
    sql.exec('CREATE TABLE IF NOT EXISTS sources (name TEXT PRIMARY KEY, quotes TEXT NOT NULL) WITHOUT ROWID')
    sql.exec('CREATE TABLE IF NOT EXISTS asked (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL)')
    this.#quotes = [...sql.exec('SELECT quotes FROM sources')].flatMap((row) => decodeJson<Quote[]>(row.quotes as string))
    this.#askedAtMs = (sql.exec('SELECT at_ms FROM asked').toArray()[0]?.at_ms as number | undefined) ?? 0
    this.#askedWrittenAtMs = this.#askedAtMs
  }

  async current(): Promise<RateSnapshot> {
    const nowMs = Date.now()
    if (this.#isFixed()) return { rates: readFixedRates(this.env.FIXED_RATES as string, nowMs), atMs: nowMs, failures: [] }
    this.#noteAsked(nowMs)
    this.#alarmAtMs ??= await this.ctx.storage.getAlarm()
    if (this.#alarmAtMs === null || this.#alarmAtMs < nowMs - ALARM_LOST_MS) {
      this.#setAlarm(nowMs)
      this.#firstRound ??= Promise.withResolvers()
    }
    if (this.#snapshotAt(nowMs).rates.length === 0 && this.#firstRound !== null) {
      const waited = this.#firstRound
      await Promise.race([waited.promise, scheduler.wait(FIRST_ROUND_WAIT_MS)])
      if (this.#firstRound === waited) this.#firstRound = null
    }
    return this.#snapshotAt(Date.now())
  }

  async publish(round: QuoteRound): Promise<void> {
    if (this.#isFixed()) return
    const nowMs = Date.now()
    const wanted = new Set(this.#pairs().map(pairName))
    const taken = round.quotes.slice(0, ROUND_QUOTES_MAX).filter((quote) => wanted.has(pairName(quote)))
    this.#quotes = newestOfEach([...this.#quotes, ...taken]).filter((quote) => nowMs - quote.atMs <= QUOTE_AGE_MAX_MS)
    this.#noteFailures(round.failures)
    this.#snapshot = null
    if (taken.length > 0) {
      this.#goodAtMs = nowMs
      for (const source of new Set(taken.map((quote) => quote.source))) this.#writeSource(source)
    }
    this.#firstRound?.resolve()
    this.#firstRound = null
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now()
    this.#alarmAtMs = null
    if (this.#isFixed() || nowMs - this.#askedAtMs > ASKED_WINDOW_MS) return
    // The last round brought nothing: the queue refused it, its consumer is down, or every source is.
    this.#failedRounds = this.#sentAtMs > this.#goodAtMs ? this.#failedRounds + 1 : 0
    this.#setAlarm(nowMs + Math.min(ROUND_MS * 2 ** Math.min(this.#failedRounds, 10), ROUND_MAX_MS))
    this.#sentAtMs = nowMs
    try {
      await this.env.GATEWAY_RATES.send({ kind: 'rates', pairs: this.#pairs() })
    } catch (thrown) {
      logEvent('warn', 'rates_not_asked_for', { reason: reasonOf(thrown) })
    }
  }

  /** Fixed rates are for development alone: anywhere else they are an error in the configuration and not used. */
  #isFixed(): boolean {
    return this.env.ENVIRONMENT === 'development' && Boolean(this.env.FIXED_RATES)
  }

  #pairs(): Pair[] {
    return wantedPairs(registryOf(this.env))
  }

  #snapshotAt(nowMs: number): RateSnapshot {
    if (this.#snapshot === null || Math.abs(nowMs - this.#snapshot.atMs) >= SNAPSHOT_MS) {
      this.#snapshot = { rates: usableRates(this.#quotes, this.#pairs(), nowMs), atMs: nowMs, failures: this.#failures }
    }
    return this.#snapshot
  }

  #noteAsked(nowMs: number): void {
    this.#askedAtMs = nowMs
    if (nowMs - this.#askedWrittenAtMs < ASKED_WRITE_MS) return
    this.ctx.storage.sql.exec('INSERT OR REPLACE INTO asked (id, at_ms) VALUES (1, ?)', nowMs)
    this.#askedWrittenAtMs = nowMs
  }

  /** Logs when what fails has changed, not with every round of a long outage. */
  #noteFailures(failures: QuoteRound['failures']): void {
    const name = (list: QuoteRound['failures']) => list.map((failure) => failure.source).join(' ')
    if (name(failures) !== name(this.#failures)) {
      const detail = failures.map((failure) => `${failure.source}: ${failure.detail}`).join('; ')
      logEvent(failures.length > 0 ? 'warn' : 'info', 'rate_sources_failing', {
        count: failures.length,
        detail: detail.slice(0, 500),
      })
    }
    this.#failures = failures
  }

  #writeSource(source: string): void {
    const quotes = encodeJson(this.#quotes.filter((quote) => quote.source === source))
    this.ctx.storage.sql.exec('INSERT OR REPLACE INTO sources (name, quotes) VALUES (?, ?)', source, quotes)
  }

  #setAlarm(atMs: number): void {
    this.#alarmAtMs = atMs
    void this.ctx.storage.setAlarm(atMs)
  }
}
