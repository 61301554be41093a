import type { CoreEnv } from '../../../workers/core/env.ts'
import { logEvent, reasonOf } from '../../lib/log.ts'
import type { Sql } from '../../lib/outbox.ts'
import { registryOf } from '../../money/registry.ts'
import { webhookOfTransfer } from './events.ts'
import { HEARERS, nextTellMs, type StatusStep, takeUntold, told, toldSteps, type Untold } from './hearers.ts'
import type { Transfer } from './types.ts'

/** Transfers told at one time, and pages of them in a row. What is more is told by the next alarm. */
const PAGE = 50
const PAGES_MAX = 40
/** Who did not hear is told again; D1's copy takes a second or two. */
const RETRY_MS = 10_000

/** The object that keeps the transfers: how it shows one, and how D1's consumer finds it. */
export interface Keeper<K> {
  readonly sql: Sql
  readonly env: () => CoreEnv
  readonly show: (kept: K) => Transfer
  readonly home: { readonly bank?: true; readonly lightning?: true }
}

/**
 * Tells the invoice of a refund, the delivery object and D1 what each transfer has become, until all have heard: the rows
 * are the outbox. Each of them takes the same thing twice, and none waits for another.
 */
export class HearersTeller<K> {
  readonly #keeper: Keeper<K>

  constructor(keeper: Keeper<K>) {
    this.#keeper = keeper
  }

  /** When the alarm is to tell again; null when all have heard all. */
  get dueAtMs(): number | null {
    return nextTellMs(this.#keeper.sql)
  }

  /** Tells what is due. Never throws. */
  async tellDue(nowMs: number): Promise<void> {
    for (let page = 0; page < PAGES_MAX; page++) {
      const untold = takeUntold<K>(this.#keeper.sql, nowMs, nowMs + RETRY_MS, PAGE)
      await Promise.all(untold.map((one) => this.#tell(one)))
      if (untold.length < PAGE) return
    }
  }

  async #tell({ transfer: kept, untold, steps }: Untold<K>): Promise<void> {
    const transfer = this.#keeper.show(kept)
    await Promise.all([
      ...(untold & HEARERS.invoice ? [this.#around(transfer, 'refund', () => this.#tellInvoice(transfer))] : []),
      ...(untold & HEARERS.webhook ? [this.#around(transfer, 'webhook', () => this.#deliver(transfer, steps))] : []),
      ...(untold & HEARERS.d1 ? [this.#around(transfer, 'projection', () => this.#project(transfer))] : []),
    ])
  }

  async #tellInvoice({ id, invoiceId, version, status, reason, signed }: Transfer): Promise<void> {
    const change = { refundId: id, version, status, reason, txid: signed.at(-1)?.txid ?? null, challenge: null }
    await this.#keeper
      .env()
      .INVOICES.getByName(invoiceId ?? '')
      .refundChanged(change)
    told(this.#keeper.sql, id, version, HEARERS.invoice)
  }

  /** One event for each change of status, with the transfer as it is by now. */
  async #deliver(transfer: Transfer, steps: readonly StatusStep[]): Promise<void> {
    const env = this.#keeper.env()
    for (const { from, to, version } of steps) {
      const after = { ...transfer, status: to, version }
      const event = webhookOfTransfer(from && { ...after, status: from }, after, registryOf(env))
      if (event) await env.DELIVERIES.getByName(event.storeId).enqueue(event)
    }
    toldSteps(this.#keeper.sql, transfer.id, transfer.version)
  }

  /** It has heard once it says so (`projectedTransfer`). */
  async #project({ id: transferId, walletId, shard }: Transfer): Promise<void> {
    await this.#keeper.env().PROJECTIONS.send({ kind: 'transfer', shard, walletId, transferId, ...this.#keeper.home })
  }

  async #around({ id: transferId }: Transfer, what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (thrown) {
      logEvent('warn', 'transfer_not_told', { transferId, what, reason: reasonOf(thrown) })
    }
  }
}
