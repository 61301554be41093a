import { DurableObject } from 'cloudflare:workers'
import type { CoreEnv } from '../../workers/core/env.ts'
import { isLightning, openAddress } from '../bank/receive.ts'
import type { PaymentObservation } from '../chain/rpc.ts'
import { ratesSnapshot } from '../exchange/cache.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import { assert, err, ok, type Result } from '../lib/result.ts'
import { registryOf } from '../money/registry.ts'
import { Announcer } from './announcer.ts'
import { awaitsDeadline, deadlineLookAtMs, isReadToDeadline, reopensAfterDeadline } from './deadline.ts'
import { type Command, decide } from './decide.ts'
import { evolve, numbered } from './evolve.ts'
import { lateRates } from './late-rates.ts'
import { lightningBeside, lightningToRelease, lightningToRenew, memoOf } from './lightning.ts'
import type { CancelRefusal, ClaimRefusal, RefundChange, RefundRequested, RequestRefund, RequestRefusal } from './refund-rpc.ts'
import { Refunds } from './refunds.ts'
import type {
  ActivateRefusal,
  CreateInvoice,
  CreateRefusal,
  InvoiceRpc,
  ObserveAnswer,
  ResolveAction,
  ResolveRefusal,
} from './rpc.ts'
import { appendCommit, insertInvoice, loadEvents, loadFingerprint, loadInvoice } from './store.ts'
import { buildTerms } from './terms.ts'
import type { Invoice, InvoiceEvent, InvoiceEventBody } from './types.ts'
import { activationOf, deadlineOf, methodDue } from './view.ts'

/** Browsers that may watch one invoice live; more fall back to polling. */
const SOCKETS_MAX = 64
/** A shopper who chose Bitcoin waits so long for the Lightning invoice that is shown with it. */
const BESIDE_MAX_MS = 1_500

/**
 * One invoice. Each method reads, decides, appends to the log and arms the alarm in one synchronous block. What follows
 * from a commit (a webhook, the projection, the ledger's postings) is told at once, and again by the alarm until it has been heard.
 */
export class InvoiceObject extends DurableObject<CoreEnv> implements InvoiceRpc {
  readonly #sql = this.ctx.storage.sql
  /** Undefined until read; null when there is no such invoice. */
  #cached: Invoice | null | undefined
  readonly #announcer = new Announcer(this.#sql, this.env)
  readonly #refunds = new Refunds(this.#sql, this.env, {
    read: () => this.#existing(),
    apply: (decide) => this.#applyBodies(decide),
  })
  /** When the alarm is set for; undefined while this instance does not know. */
  #alarmAtMs: number | null | undefined

  async create(request: CreateInvoice): Promise<Result<{ invoice: Invoice; replayed: boolean }, CreateRefusal>> {
    const before = this.#replay(request)
    if (before) return before
    const snapshot = await ratesSnapshot(this.env, Date.now())
    // Two requests with one key may both have waited for the rates: the second one replays.
    const meanwhile = this.#replay(request)
    if (meanwhile) return meanwhile

    const nowMs = Date.now()
    const terms = buildTerms(request, registryOf(this.env), snapshot.rates, nowMs)
    if (!terms.ok) return terms
    const event: InvoiceEvent = { type: 'created', terms: terms.value, version: 1, atMs: nowMs }
    const invoice = evolve(null, event)
    insertInvoice(this.#sql, event, request.fingerprint)
    this.#committed(null, invoice, [event], nowMs)
    return ok({ invoice, replayed: false })
  }

  async read(): Promise<Invoice | null> {
    return this.#load()
  }

  async events(afterVersion: number): Promise<InvoiceEvent[]> {
    return this.#load() ? loadEvents(this.#sql, afterVersion) : []
  }

  async activate(asset: string): Promise<Result<Invoice, ActivateRefusal>> {
    const activated = await this.#activate(asset)
    const beside = activated.ok ? lightningBeside(activated.value.terms, asset, registryOf(this.env)) : null
    if (!activated.ok || beside === null || activationOf(activated.value, beside)) return activated
    // One code for both. The Lightning node may be away: then it is the address alone, and both when it comes back.
    await Promise.race([
      this.#activate(beside.asset, { beside: true }).catch(() => null),
      new Promise((resolve) => setTimeout(resolve, BESIDE_MAX_MS)),
    ])
    return ok(this.#existing())
  }

  async #activate(asset: string, { beside = false, anew = false } = {}): Promise<Result<Invoice, ActivateRefusal>> {
    const invoice = this.#load()
    if (!invoice) return err({ reason: 'invoice_not_found' })
    const method = invoice.terms.methods.find((offered) => offered.asset === asset)
    if (!method) return err({ reason: 'asset_not_offered', asset })
    if (activationOf(invoice, method) && !anew) return ok(invoice)
    // An invoice that waits for a bank is open for longer than its rates hold.
    if (invoice.status !== 'new') return err({ reason: 'invoice_closed', status: invoice.status })
    if (Date.now() >= invoice.terms.expiresAtMs) return err({ reason: 'invoice_closed', status: 'past its time' })

    const { id, expiresAtMs } = invoice.terms
    const units = methodDue(invoice, method)
    const opened = await openAddress(this.env, method, id, { units, memo: memoOf(invoice.terms), expiresAtMs })
    if (!opened.ok) return opened
    const { address, index } = opened.value
    const nowMs = Date.now()
    const asked = isLightning(method.chainId) ? { units, ...(beside && { beside: true as const }) } : {}
    const after = this.#apply({ type: 'activate', activation: { asset, address, index, atMs: nowMs, ...asked } }, nowMs)
    return ok(after)
  }

  async observe(observations: readonly PaymentObservation[]): Promise<ObserveAnswer> {
    const invoice = this.#load()
    if (!invoice) return { known: false }
    const command: Command = { type: 'observe', observations, lateRates: await lateRates(this.env, invoice, observations) }
    const deadlineRead = reopensAfterDeadline(invoice, command, Date.now()) && (await isReadToDeadline(this.env, invoice))
    const after = this.#apply({ ...command, deadlineRead }, Date.now())
    return { known: true, confirmationsWanted: Math.max(1, ...after.payments.map((payment) => payment.confirmationsWanted)) }
  }

  async resolve(action: ResolveAction, by: string): Promise<Result<Invoice, ResolveRefusal>> {
    const invoice = this.#load()
    if (!invoice) return err({ reason: 'invoice_not_found' })
    const nowMs = Date.now()
    const events = decide(invoice, { type: 'resolve', action, by }, nowMs)
    if (!events.ok) return err({ reason: 'nothing_to_resolve', status: invoice.status })
    return ok(this.#commit(invoice, events.value, nowMs))
  }

  async requestRefund(request: RequestRefund): Promise<Result<RefundRequested, RequestRefusal>> {
    return this.#load() ? this.#refunds.request(request) : err({ reason: 'invoice_not_found' })
  }

  async claimRefund(id: string, address: string): Promise<Result<Invoice, ClaimRefusal>> {
    return this.#load() ? this.#refunds.claim(id, address) : err({ reason: 'invoice_not_found' })
  }

  async cancelRefund(id: string, by: string): Promise<Result<Invoice, CancelRefusal>> {
    return this.#load() ? this.#refunds.cancel(id, by) : err({ reason: 'invoice_not_found' })
  }

  async refundChanged(change: RefundChange): Promise<void> {
    if (this.#load()) this.#refunds.changed(change)
  }

  async projected(version: number): Promise<void> {
    if (this.#load()) this.#announcer.projected(version)
  }

  /** Upgrades to a WebSocket that hears of each new version. It hibernates: a waiting shopper costs nothing. */
  override async fetch(request: Request): Promise<Response> {
    const invoice = this.#load()
    if (!invoice) return new Response('not found', { status: 404 })
    if (request.headers.get('upgrade') !== 'websocket') return new Response('expected a WebSocket', { status: 426 })
    if (this.ctx.getWebSockets().length >= SOCKETS_MAX) return new Response('too many are watching; poll instead', { status: 503 })
    const since = Number(new URL(request.url).searchParams.get('since') ?? 0)
    const pair = new WebSocketPair()
    this.ctx.acceptWebSocket(pair[1])
    this.ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'))
    if (since !== invoice.version) pair[1].send(liveMessage(invoice))
    return new Response(null, { status: 101, webSocket: pair[0] })
  }

  override webSocketMessage(): void {
    // Shoppers have nothing to say here; pings are answered without waking the object.
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    socket.close()
  }

  override async alarm(): Promise<void> {
    this.#alarmAtMs = null
    const invoice = this.#load()
    if (!invoice) return
    await Promise.all([this.#announcer.tellAgain(invoice, Date.now()), this.#refunds.carrier.carryDue(Date.now())])
    await this.#lookAtDeadline()
    this.#arm(Date.now())
  }

  #load(): Invoice | null {
    if (this.#cached === undefined) this.#cached = loadInvoice(this.#sql)
    return this.#cached
  }

  #existing(): Invoice {
    const invoice = this.#load()
    assert(invoice, 'checked by the caller')
    return invoice
  }

  /** The answer to a creation that has already happened, as it was given then. */
  #replay(request: CreateInvoice): Result<{ invoice: Invoice; replayed: boolean }, CreateRefusal> | null {
    if (!this.#load()) return null
    const first = loadEvents(this.#sql, 0)[0]
    assert(first, 'an invoice has its first event')
    if (request.fingerprint === null || loadFingerprint(this.#sql) !== request.fingerprint)
      return err({ reason: 'idempotency_key_reused' })
    return ok({ invoice: evolve(null, first), replayed: true })
  }

  #applyBodies(decide: (invoice: Invoice, nowMs: number) => InvoiceEventBody[]): void {
    const invoice = this.#existing()
    const nowMs = Date.now()
    this.#commit(invoice, numbered(invoice, decide(invoice, nowMs), nowMs), nowMs)
  }

  /** For commands that are refused only by defects and limits: those are logged, and nothing changes. */
  #apply(command: Command, nowMs: number): Invoice {
    const invoice = this.#existing()
    const events = decide(invoice, command, nowMs)
    if (!events.ok) {
      logEvent('error', 'invoice_refused', { invoiceId: invoice.terms.id, command: command.type, reason: events.error.reason })
      return invoice
    }
    return this.#commit(invoice, events.value, nowMs)
  }

  #commit(before: Invoice, events: readonly InvoiceEvent[], nowMs: number): Invoice {
    if (events.length === 0) return before
    const invoice = events.reduce<Invoice>(evolve, before)
    appendCommit(this.#sql, { version: invoice.version, events })
    this.#committed(before, invoice, events, nowMs)
    return invoice
  }

  /** The rest of the synchronous block: alarm and live viewers. Then who must hear of it is told, after the commit. */
  #committed(before: Invoice | null, invoice: Invoice, events: readonly InvoiceEvent[], nowMs: number): void {
    this.#cached = invoice
    const untold = this.#announcer.add(before, invoice, { version: invoice.version, events }, nowMs)
    this.#arm(nowMs)
    for (const socket of this.ctx.getWebSockets()) socket.send(liveMessage(invoice))
    if (untold.length > 0) this.ctx.waitUntil(this.#announcer.tell(untold, invoice))
    if (this.#refunds.carrier.alarmAtMs(invoice, nowMs) !== null) this.ctx.waitUntil(this.#refunds.carrier.carryDue(nowMs))
    this.#tendLightning(before, invoice, nowMs)
  }

  /**
   * A Lightning invoice asks for what is due: another amount makes another one, and none is left to be paid twice. Best
   * effort: who opens the page or asks the API has it renewed too, and what is paid all the same is counted.
   */
  #tendLightning(before: Invoice | null, invoice: Invoice, nowMs: number): void {
    const renewed = lightningToRenew(before, invoice, nowMs).map(({ asset }) => this.#activate(asset, { anew: true }))
    const released = lightningToRelease(before, invoice).map(({ walletId }) => {
      return this.env.LIGHTNINGS.getByName(walletId).release(invoice.terms.id)
    })
    for (const work of [...renewed, ...released]) {
      const told = (thrown: unknown) =>
        logEvent('warn', 'lightning_not_tended', { invoiceId: invoice.terms.id, reason: reasonOf(thrown) })
      this.ctx.waitUntil(work.catch(told))
    }
  }

  /** Passes the deadline once every chain an address was shown on has been read up to it. */
  async #lookAtDeadline(): Promise<void> {
    const invoice = this.#load()
    if (!invoice || !awaitsDeadline(invoice) || Date.now() < deadlineOf(invoice)) return
    if (await isReadToDeadline(this.env, invoice)) this.#apply({ type: 'deadline' }, Date.now())
  }

  /**
   * Sets the one alarm to the earliest thing that needs it. Each setting is a row written, so an alarm that rings too
   * early is left to ring: it finds nothing due and sets itself anew.
   */
  #arm(nowMs: number): void {
    const invoice = this.#existing()
    const refundsMs = this.#refunds.carrier.alarmAtMs(invoice, nowMs)
    const deadlineMs = deadlineLookAtMs(invoice, nowMs)
    const times = [this.#announcer.dueAtMs, refundsMs, deadlineMs].filter((time) => time !== null)
    const next = times.length > 0 ? Math.min(...times) : null
    if (next === null || (typeof this.#alarmAtMs === 'number' && this.#alarmAtMs <= next)) return
    this.#alarmAtMs = next
    this.ctx.storage.setAlarm(next)
  }
}

function liveMessage(invoice: Invoice): string {
  return JSON.stringify({ version: invoice.version, status: invoice.status })
}
