import type { NodeError } from '../gateways/gateway.ts'
import type { Sql } from '../lib/outbox.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { Errands, LightningRefusal, LightningWish } from './rpc.ts'
import {
  cancelInvoices,
  indexed,
  insertWanted,
  invoiceAt,
  invoiceByHash,
  invoicesOf,
  labelOf,
  markCancel,
  type NodeInvoice,
  type NodeRow,
  openInvoice,
} from './tables.ts'
import { Waiters } from './waiters.ts'

/** How long a shopper waits for the node before they are told that it is not there. */
export const ANSWER_MAX_MS = 8_000
/** Invoices of the node for one of ours: each is for another amount. */
const MADE_MAX = 50
const CANCEL_MAX = 20
/** Invoices that one message has made; each that is waited for has sent one. */
const MAKE_MAX = 20

/** What the object around it does. */
export interface MakingPorts {
  readonly sql: Sql
  readonly transaction: <T>(run: () => T) => T
  readonly transitMs: (chainId: string) => number
  /** Has the gateways Worker do what waits for the node. */
  readonly ask: () => Promise<void>
  /** Something can be paid that could not be before. */
  readonly opened: () => void
  readonly failed: (error: NodeError) => void
}

/** The invoices that a node is asked to make, and to take back. What it has made is stored before anybody sees it. */
export class Making {
  readonly #ports: MakingPorts
  readonly #sql: Sql
  readonly #made = new Waiters<number, Result<NodeInvoice, NodeError>>(ANSWER_MAX_MS)
  /** Those that a message is at: others need not ask the node for the same. */
  readonly #handed = new Set<number>()

  constructor(ports: MakingPorts) {
    this.#ports = ports
    this.#sql = ports.sql
  }

  async allocate(node: NodeRow, wish: LightningWish): Promise<Result<{ address: string; index: number }, LightningRefusal>> {
    if (wish.chainId !== node.chainId) return err({ reason: 'wrong_network', detail: `this node is not on ${wish.chainId}` })
    const known = invoicesOf(this.#sql, wish.invoiceId, MADE_MAX)
    // Of the newest alone: to what is older another amount has been shown since, and it may be cancelled.
    const same = known[0]?.units === wish.units && known[0].expiresAtMs === wish.expiresAtMs ? known[0] : null
    if (same?.bolt11 && same.state === 'open' && !same.isCancelled) return ok({ address: same.bolt11, index: same.index })
    if (known.length >= MADE_MAX) return err({ reason: 'method_unavailable', detail: 'too many amounts were asked for' })
    const wanted = same?.state === 'wanted' ? same : this.#ports.transaction(() => this.#want(wish, known))
    this.#handed.delete(wanted.index)
    const answer = this.#made.wait(wanted.index)
    await this.#ports.ask()
    const made = await answer
    this.#handed.delete(wanted.index)
    if (made === null) {
      this.#ports.failed({ reason: 'node_unreachable', detail: 'no answer in time' })
      return err({ reason: 'method_unavailable', detail: 'the Lightning node has not answered in time' })
    }
    if (!made.ok) return err({ reason: 'method_unavailable', detail: `the Lightning node: ${made.error.detail}` })
    return ok({ address: made.value.bolt11 ?? '', index: made.value.index })
  }

  async release(invoiceId: string): Promise<void> {
    const all = invoicesOf(this.#sql, invoiceId, MADE_MAX)
    const open = all.filter(({ state, isCancelled }) => state === 'open' && !isCancelled)
    if (open.length === 0) return
    this.#ports.transaction(() => {
      for (const { index } of open) markCancel(this.#sql, index, 'wanted')
    })
    await this.#ports.ask()
  }

  errands(): Pick<Errands, 'make' | 'cancel'> {
    // What nobody waits for any more nobody will see.
    const waiting = this.#made.keys().filter((index) => !this.#handed.has(index))
    const make = waiting.slice(0, MAKE_MAX).flatMap((index) => {
      this.#handed.add(index)
      const invoice = invoiceAt(this.#sql, index)
      return invoice?.state === 'wanted' ? [invoice] : []
    })
    return {
      make: make.map((invoice) => {
        const { index, units, memo, expiresAtMs } = invoice
        return { index, label: labelOf(invoice), units, memo, expiresAtMs }
      }),
      cancel: cancelInvoices(this.#sql, CANCEL_MAX).map(indexed),
    }
  }

  made(index: number, made: Result<{ bolt11: string; paymentHash: string }, NodeError>): void {
    if (!made.ok) {
      this.#failed(index, made.error)
      return
    }
    const { bolt11, paymentHash } = made.value
    const holder = invoiceByHash(this.#sql, paymentHash)
    // What is paid to it would be counted for the other.
    if (holder && holder.index !== index) {
      this.#failed(index, { reason: 'node_lied', detail: 'the node has given the invoice of another label' })
      return
    }
    openInvoice(this.#sql, index, bolt11, paymentHash)
    const opened = invoiceAt(this.#sql, index)
    this.#ports.opened()
    if (opened?.state === 'open') this.#made.answer(index, ok(opened))
  }

  #failed(index: number, error: NodeError): void {
    this.#ports.failed(error)
    this.#made.answer(index, err(error))
  }

  cancelled(indices: readonly number[]): void {
    this.#ports.transaction(() => {
      for (const index of indices) markCancel(this.#sql, index, 'asked')
    })
  }

  /** The others of the same invoice are not to be paid beside it: the node cancels them where it can. */
  #want(wish: LightningWish, known: readonly NodeInvoice[]): NodeInvoice {
    for (const { index, state, isCancelled } of known) if (state === 'open' && !isCancelled) markCancel(this.#sql, index, 'wanted')
    return insertWanted(this.#sql, wish, wish.expiresAtMs + this.#ports.transitMs(wish.chainId))
  }
}
