import { DurableObject } from 'cloudflare:workers'
import type { CoreEnv } from '../../../workers/core/env.ts'
import type { NodeError } from '../../gateways/gateway.ts'
import type { SendingPolicy } from '../../gateways/lightning/node.ts'
import type { PaymentSight } from '../../gateways/lightning/payer.ts'
import { logEvent } from '../../lib/log.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import { lightningRailOf, registryOf } from '../../money/registry.ts'
import { HEARERS, told } from '../../wallet/transfers/hearers.ts'
import { HearersTeller } from '../../wallet/transfers/hearers-teller.ts'
import type { Word } from '../../wallet/transfers/record.ts'
import type { CreateTransfer, TransferRefusal, TransferStepRefusal } from '../../wallet/transfers/rpc.ts'
import { askGateways } from '../ask.ts'
import type { NodeRow } from '../tables.ts'
import { type KeptTransfer, transferOf } from './state.ts'
import { cancelTransfer, createTransfer, nextPayment, settleTransfer, takeAnswer, takeSight } from './steps.ts'
import { nextDueMs, outgoingOf, readSending, takeDueIds, transferAt, writeSending } from './tables.ts'
import type { LightningTransfer, LightningTransfersRpc, Outgoing, Payer, PaymentStep } from './types.ts'

/** Transfers that the gateways Worker is asked to carry at one time. */
const DUE_MAX = 50
/** It is asked again for what it has not said anything of. */
const AGAIN_MS = 15_000

/** Money out of one Lightning node: the half of its object that sends. */
export abstract class SendingObject extends DurableObject<CoreEnv> implements LightningTransfersRpc {
  readonly #sql = this.ctx.storage.sql
  readonly #teller = new HearersTeller<KeptTransfer>({
    sql: this.#sql,
    env: () => this.env,
    show: (kept) => this.#shown(kept),
    home: { lightning: true },
  })
  /** By id, transfers that wait for the node's balance before they are recorded. */
  readonly #making = new Map<string, Promise<unknown>>()

  // What is not asked of the object from outside is no method: those of a class can be called by RPC.

  /** Null before the node is configured: nothing is kept then. */
  protected abstract readonly node: () => NodeRow | null
  /** Sets the alarm for what is due next. */
  protected abstract readonly arm: (nowMs: number) => void
  protected readonly walletId = this.ctx.id.name ?? ''

  /** When the alarm has something to do here; null when nothing is left to be done. */
  protected readonly transfersDueMs = (): number | null => {
    const times = [nextDueMs(this.#sql), this.#teller.dueAtMs].filter((time) => time !== null)
    return times.length > 0 ? Math.min(...times) : null
  }

  /** What the alarm is for. */
  protected readonly workTransfers = async (nowMs: number): Promise<void> => {
    const ids = takeDueIds(this.#sql, nowMs, nowMs + AGAIN_MS, DUE_MAX)
    await Promise.all([this.#teller.tellDue(nowMs), ...ids.map((id) => this.#send(id))])
  }

  /** The gateways Worker says what the node may be used for; one of an older version says nothing, and lets nothing be sent. */
  protected readonly heed = (policy: SendingPolicy | null | undefined): void => writeSending(this.#sql, policy ?? null)

  /** What the node has, asked now. */
  abstract balance(): Promise<Result<bigint, NodeError>>

  async createTransfer(request: CreateTransfer): Promise<Result<LightningTransfer, TransferRefusal>> {
    const made = this.#create(request)
    this.#making.set(request.id, made)
    try {
      return await made
    } finally {
      if (this.#making.get(request.id) === made) this.#making.delete(request.id)
    }
  }

  async #create(request: CreateTransfer): Promise<Result<LightningTransfer, TransferRefusal>> {
    const node = this.node()
    if (!node) return err({ reason: 'wallet_not_configured', detail: 'there is no such Lightning node' })
    const rail = lightningRailOf(registryOf(this.env), node.chainId)
    // Only what is new is compared with what the node has. One that does not say is asked when it is to pay.
    const isNew = transferAt(this.#sql, request.id) === null && readSending(this.#sql) !== null
    const balance = isNew ? await this.balance() : null
    const has = balance?.ok ? balance.value : null
    const made = this.#commit((nowMs) => createTransfer(this.#sql, node, rail, request, has, nowMs))
    if (!made.ok) return made
    if (made.value.version === 1) await this.#send(request.id)
    return ok(this.#shown(made.value))
  }

  async transfer(id: string): Promise<LightningTransfer | null> {
    const kept = this.node() && transferAt(this.#sql, id)
    return kept && this.#shown(kept)
  }

  async cancelTransfer(id: string, by: string): Promise<Result<LightningTransfer, TransferStepRefusal>> {
    if (!this.node()) return err({ reason: 'transfer_not_found' })
    // "There is none" must stay true: who asked for it may be gone, and this ends it for them.
    await this.#making.get(id)?.catch(() => {})
    const ended = this.#commit((nowMs) => cancelTransfer(this.#sql, id, by, nowMs))
    return ended.ok ? ok(this.#shown(ended.value)) : ended
  }

  async settleTransfer(id: string, word: Word): Promise<Result<LightningTransfer, TransferStepRefusal>> {
    if (!this.node()) return err({ reason: 'transfer_not_found' })
    const ended = this.#commit((nowMs) => settleTransfer(this.#sql, id, word, nowMs))
    if (!ended.ok) return ended
    logEvent('warn', 'transfer_settled', { walletId: this.walletId, transferId: id, by: word.by, reason: word.reason })
    return ok(this.#shown(ended.value))
  }

  async projectedTransfer(id: string, version: number): Promise<void> {
    if (this.node()) told(this.#sql, id, version, HEARERS.d1)
  }

  async sending(): Promise<SendingPolicy | null> {
    return this.node() && readSending(this.#sql)
  }

  async outgoing(): Promise<Outgoing> {
    return this.node() ? outgoingOf(this.#sql) : { leaving: 0n, reserved: 0n }
  }

  async nextPayment(id: string, payer: Payer | null): Promise<PaymentStep> {
    return this.#step((nowMs) => nextPayment(this.#sql, id, payer, nowMs))
  }

  async takeAnswer(
    id: string,
    telling: number,
    answer: Result<PaymentSight, NodeError>,
    payer: Payer | null,
  ): Promise<PaymentStep> {
    return this.#step((nowMs) => takeAnswer(this.#sql, id, telling, answer, payer, nowMs))
  }

  async takeSight(id: string, tellings: number, sight: Result<PaymentSight, NodeError>, payer: Payer | null): Promise<PaymentStep> {
    return this.#step((nowMs) => takeSight(this.#sql, id, tellings, sight, payer, nowMs))
  }

  /** What was learnt and what follows from it, in one transaction. */
  #step(decide: (nowMs: number) => PaymentStep): PaymentStep {
    return this.node() ? this.#commit(decide) : { do: 'nothing' }
  }

  /** One decision about transfers. The alarm is set in the same block as the rows, and after what is told at once. */
  #commit<T>(decide: (nowMs: number) => T): T {
    const nowMs = Date.now()
    const decided = this.ctx.storage.transactionSync(() => decide(nowMs))
    void this.#teller.tellDue(nowMs)
    this.arm(nowMs)
    return decided
  }

  #send(transferId: string): Promise<void> {
    return askGateways(this.env, { kind: 'lightning', walletId: this.walletId, task: 'send', transferId })
  }

  #shown(kept: KeptTransfer): LightningTransfer {
    return transferOf(kept, this.walletId)
  }
}
