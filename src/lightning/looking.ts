import type { Teller } from '../chain/teller.ts'
import type { NodeError } from '../gateways/gateway.ts'
import type { SendingPolicy, SettledPayment } from '../gateways/lightning/node.ts'
import type { Sql } from '../lib/outbox.ts'
import type { Condition } from './condition.ts'
import { type Looks, WAIT_MAX_MS } from './looks.ts'
import type { LookState, NodeName, PartialLook, PaymentsLook } from './rpc.ts'
import {
  closeForgotten,
  closeInvoice,
  closingInvoices,
  firstClosingMs,
  indexed,
  invoiceByHash,
  type NodeInvoice,
  type NodeRow,
  openInvoices,
  payInvoice,
} from './tables.ts'

/** One look's share: a look-up is a request to the node each. */
const CLOSING_MAX = 50
const OPEN_MAX = 50
/** A node that has said nothing for so long after an invoice was over: that one need not stay open for it. */
const GIVE_UP_MS = 7 * 86_400_000

/** A node's clock that is further ahead than that is not believed: its word would not even be a date. */
const AHEAD_MAX_MS = 86_400_000

/** What the object around it has. */
export interface LookingPorts {
  readonly sql: Sql
  readonly transaction: (run: () => void) => void
  readonly looks: Looks
  readonly teller: Teller
  readonly condition: Condition
  readonly observation: (node: NodeName, invoice: NodeInvoice) => Parameters<Teller['keep']>[1]
  /** What the node may be used to pay. Part of a transaction. */
  readonly heed: (sending: SendingPolicy | null) => void
}

/** Looks at what a node was paid: where one begins, and what it has found. */
export class Looking {
  readonly #ports: LookingPorts
  readonly #sql: Sql

  constructor(ports: LookingPorts) {
    this.#ports = ports
    this.#sql = ports.sql
  }

  begin({ chainId, name, cursor, sinceMs }: NodeRow, nowMs: number): LookState {
    const closesMs = firstClosingMs(this.#sql)
    const waitMs = closesMs === null ? 0 : Math.max(0, Math.min(WAIT_MAX_MS, closesMs - nowMs))
    const closing = closingInvoices(this.#sql, nowMs, CLOSING_MAX).map(indexed)
    const open = cursor === null ? openInvoices(this.#sql, OPEN_MAX).map(indexed) : []
    return { chainId, name, cursor, sinceMs, waitMs, closing, open }
  }

  commit(node: NodeRow, { base, cursor, payments, closed, sending }: PaymentsLook, nowMs: number): void {
    const { transaction, heed, condition, looks, teller } = this.#ports
    transaction(() => {
      this.#takeAll(node, { payments, closed }, nowMs)
      heed(sending)
      // Of two looks at once only the one that was first moves the cursor.
      condition.answered(node, node.cursor === base ? cursor : node.cursor, nowMs)
    })
    looks.end(nowMs, firstClosingMs(this.#sql) !== null)
    teller.tellDue(nowMs)
  }

  fail(node: NodeRow, error: NodeError, sending: SendingPolicy | null, found: PartialLook | undefined, nowMs: number): void {
    const { transaction, heed, condition, looks, teller } = this.#ports
    transaction(() => {
      if (found) this.#takeAll(node, found, nowMs)
      condition.failed(error)
      heed(sending)
      // Should it have been paid all the same, it is counted when the node is back: it was paid in time.
      closeForgotten(this.#sql, nowMs - GIVE_UP_MS)
    })
    if (found) looks.retry(nowMs)
    else looks.fail(nowMs)
    teller.tellDue(nowMs)
  }

  /** Part of a transaction. */
  #takeAll(node: NodeRow, { payments, closed }: PartialLook, nowMs: number): void {
    for (const payment of payments) this.#take(node, payment, nowMs)
    for (const { index, payment } of closed) {
      if (payment) this.#take(node, payment, nowMs)
      closeInvoice(this.#sql, index)
    }
  }

  /** Part of a transaction. Payments of others, and those known, change nothing. */
  #take(node: NodeRow, payment: SettledPayment, nowMs: number): void {
    const invoice = invoiceByHash(this.#sql, payment.paymentHash)
    if (!invoice || invoice.state === 'paid') return
    const atMs = payment.atMs > nowMs + AHEAD_MAX_MS ? nowMs : payment.atMs
    const paid = payInvoice(this.#sql, invoice, { ...payment, atMs })
    this.#ports.teller.keep(paid.invoiceId, this.#ports.observation(node, paid), nowMs)
  }
}
