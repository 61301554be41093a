import { logEvent, reasonOf } from '../../lib/log.ts'
import { Agenda, type Due, dueOf } from './agenda.ts'
import { nextCall } from './books.ts'
import { isAccepted, isSettled, type TransferRecord } from './record.ts'
import { Settler } from './settler.ts'
import type { Shelf } from './shelf.ts'
import { Teller } from './teller.ts'

/** What follows from a change of a transfer: the ledger, listeners, the gateways Worker. At once, and again by the alarm. */
export class Errands {
  readonly #shelf: Shelf
  readonly #teller: Teller
  readonly #settler: Settler
  readonly agenda = new Agenda()

  constructor(shelf: Shelf) {
    this.#shelf = shelf
    this.#teller = new Teller(() => shelf.ports.env())
    this.#settler = new Settler(shelf)
  }

  /** The ledger. */
  settle(id: string) {
    return this.#settler.settle(id)
  }

  /** After a commit. Nothing of it is waited for. */
  follow(record: TransferRecord): void {
    this.note(record)
    this.#shelf.ports.beside(this.#seeTo(record))
  }

  /** The gateways Worker is asked to carry it on. Never throws. */
  async send({ transfer: { id: transferId, chainId } }: TransferRecord): Promise<void> {
    const { env, walletId } = this.#shelf.ports
    try {
      await env().TRANSFERS.send({ kind: 'transfer', walletId, chainId, transferId })
    } catch (thrown) {
      logEvent('warn', 'transfer_not_sent', { transferId, reason: reasonOf(thrown) })
    }
  }

  /** Brings books and listeners up to date. Answers the record as it is then; null when there is none any more. Never throws. */
  async seeToAgain(record: TransferRecord): Promise<TransferRecord | null> {
    const after = await this.#seeTo(record)
    this.#postpone(record.transfer.id, after && this.#dueOf(after))
    return after
  }

  projected(record: TransferRecord, version: number): void {
    if (record.toldVersion === record.transfer.version) return
    this.#teller.projected(record.transfer.id, version)
    this.#noteHeard(record.transfer.id)
  }

  note(record: TransferRecord): void {
    this.agenda.note(record.transfer.id, this.#dueOf(record))
    this.arm()
  }

  arm(): void {
    const { nextMs } = this.agenda
    if (nextMs !== null) this.#shelf.ports.arm(nextMs)
  }

  async #seeTo(record: TransferRecord): Promise<TransferRecord | null> {
    const { id, version } = record.transfer
    const isTold = record.toldVersion === version || !isAccepted(record)
    const isBooked = nextCall(record) === null
    await Promise.all([
      isBooked ? null : this.#settler.settle(id),
      isTold ? null : this.#teller.tell(record).then(() => this.#noteHeard(id)),
    ])
    const after = isTold && isBooked ? record : this.#shelf.load(id)
    if (after === null || isSettled(after)) {
      this.agenda.note(id, null)
      this.#teller.forget(id)
    }
    return after
  }

  /** One row when everybody has heard everything, not one for each listener. */
  #noteHeard(id: string): void {
    const record = this.#shelf.load(id)
    if (record === null || record.toldVersion === record.transfer.version || !this.#teller.isHeard(record)) return
    const heard = this.#shelf.commit(record, { ...record, toldVersion: record.transfer.version, webhooks: [] })
    if (isSettled(heard)) this.#teller.forget(id)
    this.#postpone(id, this.#dueOf(heard))
  }

  #postpone(id: string, due: Due | null): void {
    if (due === null) this.agenda.note(id, null)
    else this.agenda.notBefore(id, due.waitMs)
  }

  #dueOf(record: TransferRecord) {
    return dueOf(record, this.#shelf.registry.findChain(record.transfer.chainId), this.#shelf.nowMs)
  }
}
