import { DurableObject } from 'cloudflare:workers'
import type { CoreEnv } from '../../workers/core/env.ts'
import type { PaymentFact } from '../chain/rpc.ts'
import { Teller } from '../chain/teller.ts'
import type { NodeError } from '../gateways/gateway.ts'
import type { SettledPayment } from '../gateways/lightning/node.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import { nextDueMs } from '../lib/outbox.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { LightningRail } from '../money/lightning.ts'
import { lightningRailOf, registryOf } from '../money/registry.ts'
import { noteNode, summarize } from './board.ts'
import { Condition } from './condition.ts'
import { Looks, WAIT_MAX_MS } from './looks.ts'
import type {
  Errands,
  LightningHealth,
  LightningMessage,
  LightningRefusal,
  LightningRpc,
  LightningSummary,
  LightningWish,
  LookState,
  NodeName,
  PaymentsLook,
} from './rpc.ts'
import {
  cancelInvoices,
  closeForgotten,
  closeInvoice,
  closingInvoices,
  factOf,
  firstClosingMs,
  indexed,
  insertWanted,
  invoiceAt,
  invoiceByHash,
  invoicesOf,
  isMigrated,
  labelOf,
  markCancel,
  migrate,
  type NodeInvoice,
  type NodeRow,
  observationOf,
  openInvoice,
  openInvoices,
  payInvoice,
  readNode,
  writeNode,
} from './tables.ts'
import { Waiters } from './waiters.ts'

/** How long a shopper waits for the node before they are told that it is not there. */
const ANSWER_MAX_MS = 8_000
/** Invoices of the node for one of ours: each is for another amount. */
const MADE_MAX = 50
/** One look's share: a look-up is a request to the node each. */
const CLOSING_MAX = 50
const OPEN_MAX = 50
const CANCEL_MAX = 20
const LOOK_AFTER_FAILURE_MS = 5_000
/** A node that has said nothing for so long after an invoice was over: that one need not stay open for it. */
const GIVE_UP_MS = 7 * 86_400_000

/**
 * One Lightning node, named by its wallet id. What the node has made is stored before anybody sees it; what it says is paid
 * is one transaction with the outbox that tells invoices. A look follows payments while something can be paid.
 */
export class LightningObject extends DurableObject<CoreEnv> implements LightningRpc {
  readonly #sql = this.ctx.storage.sql
  readonly #teller: Teller
  readonly #made = new Waiters<number, Result<NodeInvoice, NodeError>>(ANSWER_MAX_MS)
  readonly #balances = new Waiters<'balance', Result<bigint, NodeError>>(ANSWER_MAX_MS)
  readonly #looks = new Looks()
  readonly #condition = new Condition(
    this.#sql,
    () => this.env.LIGHTNINGS,
    () => this.#walletId,
    (work) => this.ctx.waitUntil(work),
  )
  #isReady = false

  constructor(ctx: DurableObjectState, env: CoreEnv) {
    super(ctx, env)
    this.#teller = new Teller({
      sql: this.#sql,
      transaction: (run) => ctx.storage.transactionSync(run),
      observe: (invoiceId, observations) => this.env.INVOICES.getByName(invoiceId).observe(observations),
      heed: () => {},
      done: () => this.#arm(Date.now()),
    })
  }

  async configure({ chainId, name }: NodeName, merchantId: string): Promise<Result<null, { reason: 'already_configured' }>> {
    const known = this.#node()
    if (known) {
      const isSame = known.chainId === chainId && known.name === name && known.merchantId === merchantId
      return isSame ? ok(null) : err({ reason: 'already_configured' })
    }
    const nowMs = Date.now()
    this.ctx.storage.transactionSync(() => {
      migrate(this.#sql)
      writeNode(this.#sql, { chainId, name, merchantId, sinceMs: nowMs, cursor: null, answeredAtMs: null, error: null })
    })
    this.#isReady = true
    this.#arm(nowMs)
    return ok(null)
  }

  async allocate(wish: LightningWish): Promise<Result<{ address: string; index: number }, LightningRefusal>> {
    const node = this.#node()
    if (!node) return err({ reason: 'not_configured', detail: 'there is no such Lightning node' })
    if (wish.chainId !== node.chainId) return err({ reason: 'wrong_network', detail: `this node is not on ${wish.chainId}` })
    const known = invoicesOf(this.#sql, wish.invoiceId, MADE_MAX)
    // Of the newest alone: to what is older another amount has been shown since, and it may be cancelled.
    const same = known[0]?.units === wish.units && known[0].expiresAtMs === wish.expiresAtMs ? known[0] : null
    if (same?.bolt11 && same.state === 'open' && !same.isCancelled) return ok({ address: same.bolt11, index: same.index })
    if (known.length >= MADE_MAX) return err({ reason: 'method_unavailable', detail: 'too many amounts were asked for' })
    const wanted = same?.state === 'wanted' ? same : this.ctx.storage.transactionSync(() => this.#want(wish, known))
    const answer = this.#made.wait(wanted.index)
    await this.#send('make')
    const made = await answer
    if (made === null) {
      this.#fail({ reason: 'node_unreachable', detail: 'no answer in time' })
      return err({ reason: 'method_unavailable', detail: 'the Lightning node has not answered in time' })
    }
    if (!made.ok) return err({ reason: 'method_unavailable', detail: `the Lightning node: ${made.error.detail}` })
    return ok({ address: made.value.bolt11 ?? '', index: made.value.index })
  }

  async release(invoiceId: string): Promise<void> {
    if (!this.#node()) return
    const all = invoicesOf(this.#sql, invoiceId, MADE_MAX)
    const open = all.filter(({ state, isCancelled }) => state === 'open' && !isCancelled)
    if (open.length === 0) return
    this.ctx.storage.transactionSync(() => {
      for (const { index } of open) markCancel(this.#sql, index, 'wanted')
    })
    await this.#send('make')
  }

  async ownerOf(index: number): Promise<string | null> {
    return this.#node() && (invoiceAt(this.#sql, index)?.invoiceId ?? null)
  }

  async readUntil(): Promise<number | null> {
    if (!this.#node()) return null
    const closesMs = firstClosingMs(this.#sql)
    // What is not open cannot be paid: all is known of it.
    return closesMs === null ? Date.now() : closesMs - 1
  }

  async paymentsAt(keys: readonly string[]): Promise<PaymentFact[]> {
    const node = this.#node()
    if (!node) return []
    return keys.flatMap((key) => {
      const invoice = invoiceByHash(this.#sql, key.split('/')[1] ?? '')
      if (invoice?.state !== 'paid') return []
      const observation = this.#observation(node, invoice)
      return observation.key === key ? [factOf(invoice, observation)] : []
    })
  }

  async health(): Promise<LightningHealth | null> {
    const node = this.#node()
    return node && this.#condition.health(node)
  }

  async balance(): Promise<Result<bigint, NodeError>> {
    if (!this.#node()) return err({ reason: 'protocol', detail: 'there is no such Lightning node' })
    const answer = this.#balances.wait('balance')
    await this.#send('make')
    return (await answer) ?? err({ reason: 'node_unreachable', detail: 'the Lightning node has not answered in time' })
  }

  async report(walletId: string, isDown: boolean): Promise<void> {
    if (registryOf(this.env).lightning.some(({ id }) => id === this.#walletId)) noteNode(this.#sql, walletId, isDown)
  }

  async summary(): Promise<LightningSummary> {
    return summarize(this.#sql)
  }

  async errands(): Promise<Errands | null> {
    const node = this.#node()
    if (!node) return null
    // What nobody waits for any more nobody will see.
    const make = this.#made.keys().flatMap((index) => {
      const invoice = invoiceAt(this.#sql, index)
      return invoice?.state === 'wanted' ? [invoice] : []
    })
    return {
      chainId: node.chainId,
      name: node.name,
      make: make.map((invoice) => {
        const { index, units, memo, expiresAtMs } = invoice
        return { index, label: labelOf(invoice), units, memo, expiresAtMs }
      }),
      cancel: cancelInvoices(this.#sql, CANCEL_MAX).map(indexed),
      balance: this.#balances.keys().length > 0,
    }
  }

  async made(index: number, made: Result<{ bolt11: string; paymentHash: string }, NodeError>): Promise<void> {
    if (!this.#node()) return
    const nowMs = Date.now()
    if (!made.ok) {
      this.#fail(made.error)
      return this.#made.answer(index, made)
    }
    const { bolt11, paymentHash } = made.value
    openInvoice(this.#sql, index, bolt11, paymentHash)
    const opened = invoiceAt(this.#sql, index)
    this.#looks.hasten(nowMs)
    this.#arm(nowMs)
    if (opened?.state === 'open') this.#made.answer(index, ok(opened))
  }

  async cancelled(indices: readonly number[]): Promise<void> {
    if (!this.#node()) return
    this.ctx.storage.transactionSync(() => {
      for (const index of indices) markCancel(this.#sql, index, 'asked')
    })
  }

  async told(balance: Result<bigint, NodeError>): Promise<void> {
    this.#balances.answer('balance', balance)
  }

  async begin(): Promise<LookState | null> {
    const node = this.#node()
    if (!node) return null
    const nowMs = Date.now()
    const { chainId, name, cursor, sinceMs } = node
    const closesMs = firstClosingMs(this.#sql)
    const waitMs = closesMs === null ? 0 : Math.max(0, Math.min(WAIT_MAX_MS, closesMs - nowMs))
    const closing = closingInvoices(this.#sql, nowMs, CLOSING_MAX).map(indexed)
    return { chainId, name, cursor, sinceMs, waitMs, closing, open: openInvoices(this.#sql, OPEN_MAX).map(indexed) }
  }

  async commit({ base, cursor, payments, closed }: PaymentsLook): Promise<void> {
    const node = this.#node()
    if (!node) return
    const nowMs = Date.now()
    this.ctx.storage.transactionSync(() => {
      for (const payment of payments) this.#take(node, payment, nowMs)
      for (const { index, payment } of closed) {
        if (payment) this.#take(node, payment, nowMs)
        closeInvoice(this.#sql, index)
      }
      // Of two looks at once only the one that was first moves the cursor.
      this.#condition.answered(node, node.cursor === base ? cursor : node.cursor, nowMs)
    })
    this.#looks.end(nowMs, firstClosingMs(this.#sql) !== null)
    this.#teller.tellDue(nowMs)
    this.#arm(nowMs)
  }

  async failLook(error: NodeError): Promise<void> {
    if (!this.#node()) return
    const nowMs = Date.now()
    this.#condition.failed(error)
    // Should it have been paid all the same, it is counted when the node is back: it was paid in time.
    closeForgotten(this.#sql, nowMs - GIVE_UP_MS)
    this.#looks.fail(nowMs)
    this.#arm(nowMs)
  }

  override async alarm(): Promise<void> {
    if (!this.#node()) return
    const nowMs = Date.now()
    this.#teller.tellDue(nowMs)
    if (this.#looks.isDue(nowMs)) {
      this.#looks.begin(nowMs)
      await this.#send('look')
    }
    this.#arm(nowMs)
  }

  /** The others of the same invoice are not to be paid beside it: the node cancels them where it can. */
  #want(wish: LightningWish, known: readonly NodeInvoice[]): NodeInvoice {
    for (const { index, state, isCancelled } of known) if (state === 'open' && !isCancelled) markCancel(this.#sql, index, 'wanted')
    return insertWanted(this.#sql, wish, wish.expiresAtMs + this.#rail(wish.chainId).transitMs)
  }

  /** Part of a transaction. Payments of others, and those known, change nothing. */
  #take(node: NodeRow, payment: SettledPayment, nowMs: number): void {
    const invoice = invoiceByHash(this.#sql, payment.paymentHash)
    if (!invoice || invoice.state === 'paid') return
    const paid = payInvoice(this.#sql, invoice, payment)
    this.#teller.keep(paid.invoiceId, this.#observation(node, paid), nowMs)
  }

  #observation({ chainId }: NodeName, invoice: NodeInvoice) {
    const { assetCode } = this.#rail(chainId)
    return observationOf(invoice, { chainId, assetCode, walletId: this.#walletId })
  }

  #rail(chainId: string): LightningRail {
    return lightningRailOf(registryOf(this.env), chainId)
  }

  /** A look soon tells whether the node is there at all. */
  #fail(error: NodeError): void {
    const nowMs = Date.now()
    this.#condition.failed(error)
    this.#looks.hasten(nowMs + LOOK_AFTER_FAILURE_MS)
    this.#arm(nowMs)
  }

  /** What is lost is asked for again: by the next request, or by the alarm. */
  async #send(task: LightningMessage['task']): Promise<void> {
    try {
      await this.env.GATEWAY_LIGHTNING.send({ kind: 'lightning', walletId: this.#walletId, task })
    } catch (thrown) {
      logEvent('warn', 'lightning_not_asked', { walletId: this.#walletId, task, reason: reasonOf(thrown) })
    }
  }

  #arm(nowMs: number): void {
    const tellMs = this.#teller.busy ? null : nextDueMs(this.#sql)
    this.ctx.storage.setAlarm(Math.min(this.#looks.dueAtMs(nowMs), tellMs ?? Number.POSITIVE_INFINITY))
  }

  /** Asking for a node that does not exist writes nothing. */
  #node(): NodeRow | null {
    if (!this.#isReady) {
      this.#isReady = isMigrated(this.#sql)
      if (this.#isReady) migrate(this.#sql)
    }
    return this.#isReady ? readNode(this.#sql) : null
  }

  get #walletId(): string {
    return this.ctx.id.name ?? ''
  }
}
