import type { CoreEnv } from '../../workers/core/env.ts'
import type { PaymentFact } from '../chain/rpc.ts'
import { Teller } from '../chain/teller.ts'
import type { NodeError } from '../gateways/gateway.ts'
import type { SendingPolicy } from '../gateways/lightning/node.ts'
import { nextDueMs } from '../lib/outbox.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { LightningRail } from '../money/lightning.ts'
import { lightningRailOf, registryOf } from '../money/registry.ts'
import { askGateways } from './ask.ts'
import { noteNode, summarize } from './board.ts'
import { Condition } from './condition.ts'
import { Looking } from './looking.ts'
import { Looks } from './looks.ts'
import { ANSWER_MAX_MS, Making } from './making.ts'
import {
  type Errands,
  GIVEN_MAX,
  type GivenInvoice,
  type LightningHealth,
  type LightningRefusal,
  type LightningRpc,
  type LightningSummary,
  type LightningWish,
  type LookState,
  type NodeName,
  type PartialLook,
  type PaymentsLook,
} from './rpc.ts'
import {
  factOf,
  firstClosingMs,
  givenOf,
  invoiceAt,
  invoiceByHash,
  invoicesFrom,
  isMigrated,
  migrate,
  type NodeInvoice,
  type NodeRow,
  observationOf,
  readNode,
  writeNode,
} from './tables.ts'
import { SendingObject } from './transfers/object.ts'
import { Waiters } from './waiters.ts'

const LOOK_AFTER_FAILURE_MS = 5_000

/**
 * One Lightning node, named by its wallet id. What the node has made is stored before anybody sees it; what it says is paid
 * is one transaction with the outbox that tells invoices. A look follows payments while something can be paid.
 */
export class LightningObject extends SendingObject implements LightningRpc {
  readonly #sql = this.ctx.storage.sql
  readonly #teller: Teller
  readonly #looking: Looking
  readonly #balances = new Waiters<'balance', Result<bigint, NodeError>>(ANSWER_MAX_MS)
  readonly #looks = new Looks()
  readonly #making = new Making({
    sql: this.#sql,
    transaction: (run) => this.ctx.storage.transactionSync(run),
    transitMs: (chainId) => this.#rail(chainId).transitMs,
    ask: () => this.#ask('make'),
    opened: () => {
      this.#looks.hasten(Date.now())
      this.arm(Date.now())
    },
    failed: (error) => this.#fail(error),
  })
  readonly #condition = new Condition(
    this.#sql,
    () => this.env.LIGHTNINGS,
    () => this.walletId,
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
      done: () => this.arm(Date.now()),
    })
    this.#looking = new Looking({
      sql: this.#sql,
      transaction: (run) => ctx.storage.transactionSync(run),
      looks: this.#looks,
      teller: this.#teller,
      condition: this.#condition,
      observation: (node, invoice) => this.#observation(node, invoice),
      heed: (sending) => this.heed(sending),
    })
  }

  async configure({ chainId, name }: NodeName, merchantId: string): Promise<Result<null, { reason: 'already_configured' }>> {
    const known = this.node()
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
    this.arm(nowMs)
    return ok(null)
  }

  async allocate(wish: LightningWish): Promise<Result<{ address: string; index: number }, LightningRefusal>> {
    const node = this.node()
    return node ? this.#making.allocate(node, wish) : err({ reason: 'not_configured', detail: 'there is no such Lightning node' })
  }

  async release(invoiceId: string): Promise<void> {
    if (this.node()) await this.#making.release(invoiceId)
  }

  async ownerOf(index: number): Promise<string | null> {
    return this.node() && (invoiceAt(this.#sql, index)?.invoiceId ?? null)
  }

  async given(fromIndex: number, limit: number): Promise<GivenInvoice[]> {
    if (!this.node()) return []
    return invoicesFrom(this.#sql, fromIndex, Math.min(limit, GIVEN_MAX)).map(givenOf)
  }

  async find(paymentHash: string): Promise<GivenInvoice | null> {
    const invoice = this.node() && invoiceByHash(this.#sql, paymentHash)
    return invoice && givenOf(invoice)
  }

  async readUntil(): Promise<number | null> {
    if (!this.node()) return null
    const closesMs = firstClosingMs(this.#sql)
    // What is not open cannot be paid: all is known of it.
    return closesMs === null ? Date.now() : closesMs - 1
  }

  async paymentsAt(keys: readonly string[]): Promise<PaymentFact[]> {
    const node = this.node()
    if (!node) return []
    return keys.flatMap((key) => {
      const invoice = invoiceByHash(this.#sql, key.split('/')[1] ?? '')
      if (invoice?.state !== 'paid') return []
      const observation = this.#observation(node, invoice)
      return observation.key === key ? [factOf(invoice, observation)] : []
    })
  }

  async health(): Promise<LightningHealth | null> {
    const node = this.node()
    return node && this.#condition.health(node)
  }

  override async balance(): Promise<Result<bigint, NodeError>> {
    if (!this.node()) return err({ reason: 'protocol', detail: 'there is no such Lightning node' })
    const answer = this.#balances.wait('balance')
    await this.#ask('make')
    return (await answer) ?? err({ reason: 'node_unreachable', detail: 'the Lightning node has not answered in time' })
  }

  async report(walletId: string, isDown: boolean): Promise<void> {
    if (registryOf(this.env).lightning.some(({ id }) => id === this.walletId)) noteNode(this.#sql, walletId, isDown)
  }

  async summary(): Promise<LightningSummary> {
    return summarize(this.#sql)
  }

  async errands(): Promise<Errands | null> {
    const node = this.node()
    if (!node) return null
    return { chainId: node.chainId, name: node.name, ...this.#making.errands(), balance: this.#balances.keys().length > 0 }
  }

  async made(index: number, made: Result<{ bolt11: string; paymentHash: string }, NodeError>): Promise<void> {
    if (this.node()) this.#making.made(index, made)
  }

  async cancelled(indices: readonly number[]): Promise<void> {
    if (this.node()) this.#making.cancelled(indices)
  }

  async told(balance: Result<bigint, NodeError>): Promise<void> {
    this.#balances.answer('balance', balance)
  }

  async begin(): Promise<LookState | null> {
    const node = this.node()
    return node && this.#looking.begin(node, Date.now())
  }

  async commit(look: PaymentsLook): Promise<void> {
    const node = this.node()
    if (!node) return
    const nowMs = Date.now()
    this.#looking.commit(node, look, nowMs)
    this.arm(nowMs)
  }

  async failLook(error: NodeError, sending: SendingPolicy | null, found?: PartialLook): Promise<void> {
    const node = this.node()
    if (!node) return
    const nowMs = Date.now()
    this.#looking.fail(node, error, sending, found, nowMs)
    this.arm(nowMs)
  }

  override async alarm(): Promise<void> {
    if (!this.node()) return
    const nowMs = Date.now()
    this.#teller.tellDue(nowMs)
    if (this.#looks.isDue(nowMs)) {
      this.#looks.begin(nowMs)
      await this.#ask('look')
    }
    await this.workTransfers(nowMs)
    this.arm(nowMs)
  }

  #observation({ chainId }: NodeName, invoice: NodeInvoice) {
    const { assetCode } = this.#rail(chainId)
    return observationOf(invoice, { chainId, assetCode, walletId: this.walletId })
  }

  #rail(chainId: string): LightningRail {
    return lightningRailOf(registryOf(this.env), chainId)
  }

  /** A look soon tells whether the node is there at all. */
  #fail(error: NodeError): void {
    const nowMs = Date.now()
    this.#condition.failed(error)
    this.#looks.hasten(nowMs + LOOK_AFTER_FAILURE_MS)
    this.arm(nowMs)
  }

  #ask(task: 'make' | 'look'): Promise<void> {
    return askGateways(this.env, { kind: 'lightning', walletId: this.walletId, task })
  }

  protected override readonly arm = (nowMs: number): void => {
    const times = [this.#teller.busy ? null : nextDueMs(this.#sql), this.transfersDueMs()].filter((time) => time !== null)
    this.ctx.storage.setAlarm(Math.min(this.#looks.dueAtMs(nowMs), ...times))
  }

  /** Asking for a node that does not exist writes nothing. */
  protected override readonly node = (): NodeRow | null => {
    if (!this.#isReady) {
      this.#isReady = isMigrated(this.#sql)
      if (this.#isReady) migrate(this.#sql)
    }
    return this.#isReady ? readNode(this.#sql) : null
  }
}
