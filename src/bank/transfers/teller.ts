import type { CoreEnv } from '../../../workers/core/env.ts'
import { logEvent, reasonOf } from '../../lib/log.ts'
import type { Sql } from '../../lib/outbox.ts'
import { registryOf } from '../../money/registry.ts'
import { webhookOfTransfer } from '../../wallet/transfers/events.ts'
import { transferOf } from './state.ts'
import { HEARERS, nextTellMs, type StatusStep, takeUntold, told, toldSteps, type UntoldTransfer } from './tables.ts'
import type { BankTransfer } from './types.ts'

/** Transfers told at one time, and pages of them in a row. What is more is told by the next alarm. */
const PAGE = 50
const PAGES_MAX = 40
/** Who did not hear is told again; D1's copy takes a second or two. */
const RETRY_MS = 10_000

/**
 * Tells the invoice of a refund, the delivery object and D1 what each transfer has become, until all have heard: the rows
 * are the outbox. Each of them takes the same thing twice, and none waits for another.
 */
export class TransferTeller {
  readonly #sql: Sql
  readonly #env: () => CoreEnv
  readonly #walletId: () => string

  constructor(sql: Sql, env: () => CoreEnv, walletId: () => string) {
    this.#sql = sql
    this.#env = env
    this.#walletId = walletId
  }

  /** When the alarm is to tell again; null when all have heard all. */
  get dueAtMs(): number | null {
    return nextTellMs(this.#sql)
  }

  /** Tells what is due. Never throws. */
  async tellDue(nowMs: number): Promise<void> {
    for (let page = 0; page < PAGES_MAX; page++) {
      const untold = takeUntold(this.#sql, nowMs, nowMs + RETRY_MS, PAGE)
      await Promise.all(untold.map((one) => this.#tell(one)))
      if (untold.length < PAGE) return
    }
  }

  async #tell({ transfer: kept, untold, steps }: UntoldTransfer): Promise<void> {
    const transfer = transferOf(kept, this.#walletId())
    await Promise.all([
      ...(untold & HEARERS.invoice ? [this.#around(transfer, 'refund', () => this.#tellInvoice(transfer))] : []),
      ...(untold & HEARERS.webhook ? [this.#around(transfer, 'webhook', () => this.#deliver(transfer, steps))] : []),
      ...(untold & HEARERS.d1 ? [this.#around(transfer, 'projection', () => this.#project(transfer))] : []),
    ])
  }

  async #tellInvoice({ id, invoiceId, version, status, reason }: BankTransfer): Promise<void> {
    const change = { refundId: id, version, status, reason, txid: null, challenge: null }
    await this.#env()
      .INVOICES.getByName(invoiceId ?? '')
      .refundChanged(change)
    told(this.#sql, id, version, HEARERS.invoice)
  }

  /** One event for each change of status, with the transfer as it is by now. */
  async #deliver(transfer: BankTransfer, steps: readonly StatusStep[]): Promise<void> {
    for (const { from, to, version } of steps) {
      const after = { ...transfer, status: to, version }
      const event = webhookOfTransfer(from && { ...after, status: from }, after, registryOf(this.#env()))
      if (event) await this.#env().DELIVERIES.getByName(event.storeId).enqueue(event)
    }
    toldSteps(this.#sql, transfer.id, transfer.version)
  }

  /** It has heard once it says so (`projectedTransfer`). */
  async #project({ id: transferId, walletId, shard }: BankTransfer): Promise<void> {
    await this.#env().PROJECTIONS.send({ kind: 'transfer', shard, walletId, transferId, bank: true })
  }

  async #around({ id: transferId }: BankTransfer, what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (thrown) {
      logEvent('warn', 'transfer_not_told', { transferId, what, reason: reasonOf(thrown) })
    }
  }
}
