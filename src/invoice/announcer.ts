import type { CoreEnv } from '../../workers/core/env.ts'
import { encodeJson } from '../lib/json.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import type { Sql } from '../lib/outbox.ts'
import { registryOf } from '../money/registry.ts'
import { effectsOf, webhookOf } from './effects.ts'
import { evolve } from './evolve.ts'
import { positionsOf } from './positions.ts'
import { type Commit, loadCommits, loadToldVersion, saveToldVersion } from './store.ts'
import type { Invoice } from './types.ts'

/** A commit is told again when it has not been heard of for so long, then doubling to the last. A queue takes seconds. */
const RETRY_MS = 5_000
const RETRY_MAX_MS = 60_000
/**
 * What is under way is not sent beside itself before so long. A thousand invoices paid in one block keep a ledger and a queue
 * busy for more than one retry, and would be told of twice when they have the least time for it.
 */
const UNDER_WAY_MS = 30_000

/** A commit that somebody has not heard of yet. */
interface Untold {
  readonly commit: Commit
  /** As it was right after the commit: what the webhook shows. */
  readonly invoice: Invoice
  /** Null once the delivery object has it. */
  webhook: string | null
  /** False once D1 has this version or a newer one. */
  project: boolean
  /** False once the merchant's ledger has posted this version or a newer one. */
  book: boolean
}

/**
 * Sees to it that everybody hears of each commit: the delivery object of its webhook, D1 of the newest version, the
 * merchant's ledger of where the money is now. The log itself is the outbox. A commit is told at once and again until it
 * has been heard; the log is marked as told once all have heard everything, so a crash before that tells again, and all
 * of them take the same thing twice. None waits for another.
 */
export class Announcer {
  readonly #sql: Sql
  readonly #env: CoreEnv
  /** Undefined until read from the log. */
  #untold: Untold[] | undefined
  #retryAtMs = 0
  #tries = 0
  /** What was sent and has not been answered, since when. */
  readonly #underWay = new Map<string, number>()

  constructor(sql: Sql, env: CoreEnv) {
    this.#sql = sql
    this.#env = env
  }

  /** Takes note of a commit, in its synchronous block. Answers what is to be told now, after the block. */
  add(before: Invoice | null, invoice: Invoice, commit: Commit, nowMs: number): Untold[] {
    const untold = this.#load()
    // Read from the log just now, it may be in there.
    const known = untold.find((one) => one.commit.version === commit.version)
    const added = known ?? untoldOf(before, invoice, commit)
    if (added === null) return []
    if (!known) untold.push(added)
    this.#retryAtMs = nowMs + RETRY_MS
    return [added]
  }

  /** When to tell again, or null when all have heard everything. */
  get dueAtMs(): number | null {
    return this.#load().length > 0 ? this.#retryAtMs : null
  }

  /** Tells what is due again. Never throws. */
  async tellAgain(newest: Invoice, nowMs: number): Promise<void> {
    const untold = this.#load()
    if (untold.length === 0 || this.#retryAtMs > nowMs) return
    this.#retryAtMs = nowMs + Math.min(RETRY_MS * 2 ** Math.min(++this.#tries, 10), RETRY_MAX_MS)
    await this.tell([...untold], newest)
  }

  /** Never throws: what fails is told again. */
  async tell(untold: readonly Untold[], newest: Invoice): Promise<void> {
    const { version } = newest
    const projecting = untold.some(({ project }) => project) ? [this.#once(`project ${version}`, () => this.#project(newest))] : []
    const booking = untold.some(({ book }) => book) ? [this.#once(`book ${version}`, () => this.#book(newest))] : []
    const hooks = untold.filter(({ webhook }) => webhook !== null)
    const delivering = hooks.map((one) => this.#once(`deliver ${one.commit.version}`, () => this.#deliver(one)))
    await Promise.all([...projecting, ...booking, ...delivering])
  }

  /** Not while the same is under way. `attempt` answers whether it still is when the attempt has ended. */
  async #once(what: string, attempt: () => Promise<boolean>): Promise<void> {
    const nowMs = Date.now()
    if (nowMs - (this.#underWay.get(what) ?? Number.NEGATIVE_INFINITY) < UNDER_WAY_MS) return
    this.#underWay.set(what, nowMs)
    if (!(await attempt())) this.#underWay.delete(what)
  }

  /** D1 has this version. */
  projected(version: number): void {
    for (const one of this.#load()) if (one.commit.version <= version) one.project = false
    this.#settle()
  }

  /** A queue that has taken it keeps it: D1 is to answer. */
  async #project(newest: Invoice): Promise<boolean> {
    const { id: invoiceId, shard } = newest.terms
    try {
      await this.#env.PROJECTIONS.send({ kind: 'invoice', shard, invoiceId, version: newest.version, invoice: encodeJson(newest) })
    } catch (thrown) {
      logEvent('warn', 'invoice_not_projected', { invoiceId, reason: reasonOf(thrown) })
      return false
    }
    return this.#load().some(({ project }) => project)
  }

  /** The ledger takes the whole of it, so what it has answered for holds for every commit before. */
  async #book(newest: Invoice): Promise<boolean> {
    const { id: invoiceId, merchantId } = newest.terms
    try {
      const booked = await this.#env.LEDGERS.getByName(merchantId).record(positionsOf(newest))
      if (!booked.ok) {
        // A defect, here or there. The money is not forgotten: it is told again until it has been booked.
        logEvent('error', 'invoice_not_booked', { invoiceId, merchantId, version: newest.version, reason: booked.error.reason })
        return false
      }
      for (const one of this.#load()) if (one.commit.version <= newest.version) one.book = false
      this.#settle()
    } catch (thrown) {
      logEvent('warn', 'ledger_unreachable', { invoiceId, merchantId, reason: reasonOf(thrown) })
    }
    return false
  }

  async #deliver(one: Untold): Promise<boolean> {
    if (one.webhook === null) return false
    const event = webhookOf(one.invoice, one.commit, one.webhook, registryOf(this.#env), this.#env.ORIGIN)
    try {
      await this.#env.DELIVERIES.getByName(event.storeId).enqueue(event)
      one.webhook = null
      this.#settle()
    } catch (thrown) {
      logEvent('warn', 'webhook_not_enqueued', { eventId: event.id, reason: reasonOf(thrown) })
    }
    return false
  }

  /** Writes how far all have heard, when they have heard everything: one row for a commit, not one for each listener. */
  #settle(): void {
    const untold = this.#load()
    const last = untold.at(-1)
    if (!last || untold.some(({ webhook, project, book }) => webhook !== null || project || book)) return
    saveToldVersion(this.#sql, last.commit.version)
    this.#untold = []
    this.#tries = 0
    this.#underWay.clear()
  }

  #load(): Untold[] {
    if (this.#untold) return this.#untold
    const toldVersion = loadToldVersion(this.#sql)
    const untold: Untold[] = []
    let before: Invoice | null = null
    for (const commit of loadCommits(this.#sql, 0)) {
      const invoice: Invoice = commit.events.reduce<Invoice | null>(evolve, before) as Invoice
      const one = commit.version > toldVersion ? untoldOf(before, invoice, commit) : null
      if (one) untold.push(one)
      before = invoice
    }
    this.#untold = untold
    return untold
  }
}

function untoldOf(before: Invoice | null, invoice: Invoice, commit: Commit): Untold | null {
  const { webhook, project, book } = effectsOf(before, invoice, commit.events)
  return webhook !== null || project || book ? { commit, invoice, webhook, project, book } : null
}
