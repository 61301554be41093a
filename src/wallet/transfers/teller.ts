import type { CoreEnv } from '../../../workers/core/env.ts'
import { logEvent, reasonOf } from '../../lib/log.ts'
import type { TransferRecord } from './record.ts'

/** Who has heard of what, since this instance began: what is not known to be heard is told again. */
interface Heard {
  projected: number
  refund: number
  readonly webhooks: Set<string>
}

/**
 * Tells D1, the delivery object and the invoice of a refund what a transfer has become. Each takes the same thing twice, and
 * none waits for another; the record says up to which version all have heard all, in one more row and not one for each.
 */
export class Teller {
  readonly #env: () => CoreEnv
  readonly #heard = new Map<string, Heard>()

  constructor(env: () => CoreEnv) {
    this.#env = env
  }

  /** Never throws: what fails is told again. */
  async tell(record: TransferRecord): Promise<void> {
    const { transfer, webhooks } = record
    const heard = this.#of(transfer.id)
    const waiting = webhooks.filter(({ id }) => !heard.webhooks.has(id))
    const refund = transfer.kind === 'refund' && transfer.invoiceId !== null && heard.refund < transfer.version
    await Promise.all([
      ...(heard.projected < transfer.version ? [this.#around(transfer.id, 'projection', () => this.#project(record))] : []),
      ...(refund ? [this.#around(transfer.id, 'refund', () => this.#tellInvoice(record, heard))] : []),
      ...waiting.map((event) =>
        this.#around(transfer.id, 'webhook', async () => {
          await this.#env().DELIVERIES.getByName(event.storeId).enqueue(event)
          heard.webhooks.add(event.id)
        }),
      ),
    ])
  }

  projected(id: string, version: number): void {
    const heard = this.#of(id)
    heard.projected = Math.max(heard.projected, version)
  }

  /** Whether everybody has heard everything of this record. */
  isHeard({ transfer, webhooks }: TransferRecord): boolean {
    const { projected, refund, webhooks: told } = this.#of(transfer.id)
    const isRefund = transfer.kind === 'refund' && transfer.invoiceId !== null
    const { version } = transfer
    return projected >= version && (!isRefund || refund >= version) && webhooks.every(({ id }) => told.has(id))
  }

  /** Nothing more is told of it. */
  forget(id: string): void {
    this.#heard.delete(id)
  }

  async #project({ transfer: { id: transferId, walletId, shard } }: TransferRecord): Promise<void> {
    await this.#env().PROJECTIONS.send({ kind: 'transfer', shard, walletId, transferId })
  }

  async #tellInvoice({ transfer }: TransferRecord, heard: Heard): Promise<void> {
    const { id, invoiceId, version, status, reason, included, signed, challenge } = transfer
    const txid = included?.txid ?? signed.at(-1)?.txid ?? null
    const change = { refundId: id, version, status, reason, txid, challenge }
    await this.#env()
      .INVOICES.getByName(invoiceId ?? '')
      .refundChanged(change)
    heard.refund = Math.max(heard.refund, version)
  }

  async #around(transferId: string, what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (thrown) {
      logEvent('warn', 'transfer_not_told', { transferId, what, reason: reasonOf(thrown) })
    }
  }

  #of(id: string): Heard {
    const known = this.#heard.get(id)
    if (known) return known
    const heard = { projected: 0, refund: 0, webhooks: new Set<string>() }
    this.#heard.set(id, heard)
    return heard
  }
}
