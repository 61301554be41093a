import type { CoreEnv } from '../../workers/core/env.ts'
import { ratesSnapshot } from '../exchange/cache.ts'
import type { Sql } from '../lib/outbox.ts'
import { assert, err, ok, type Result } from '../lib/result.ts'
import { registryOf } from '../money/registry.ts'
import { cancelRefund, claimRefund, refundOf, requestRefund } from './decide-refund.ts'
import { sendingsOf } from './lightning.ts'
import { type HeldInvoice, RefundCarrier } from './refund-carrier.ts'
import { debtorsOf } from './refund-debtor.ts'
import { transferTold } from './refund-progress.ts'
import type { CancelRefusal, ClaimRefusal, RefundChange, RefundRequested, RequestRefund, RequestRefusal } from './refund-rpc.ts'
import { loadRefundRequest } from './store.ts'
import type { Invoice } from './types.ts'

/** The refunds of one invoice that exists: the half of its object that answers `RefundsRpc`. */
export class Refunds {
  readonly #sql: Sql
  readonly #env: CoreEnv
  readonly #invoice: HeldInvoice
  readonly carrier: RefundCarrier

  constructor(sql: Sql, env: CoreEnv, invoice: HeldInvoice) {
    this.#sql = sql
    this.#env = env
    this.#invoice = invoice
    this.carrier = new RefundCarrier(invoice, env)
  }

  async request(request: RequestRefund): Promise<Result<RefundRequested, RequestRefusal>> {
    const before = this.#replay(request)
    if (before) return before
    const needsRates = request.rule.type === 'part' && request.rule.at === 'now'
    const rates = needsRates ? (await ratesSnapshot(this.#env, Date.now())).rates : []
    const [debtors, sendings] = await Promise.all([
      debtorsOf(this.#env, this.#invoice.read()),
      sendingsOf(this.#env, this.#invoice.read()),
    ])
    // Two requests under one id may both have waited for the rates: the second one replays.
    const meanwhile = this.#replay(request)
    if (meanwhile) return meanwhile

    const bodies = requestRefund(this.#invoice.read(), request, registryOf(this.#env), rates, Date.now(), debtors, sendings)
    if (!bodies.ok) return bodies
    this.#invoice.apply(() => bodies.value)
    const invoice = this.#invoice.read()
    const refund = refundOf(invoice, request.id)
    assert(refund, 'it was asked for just now')
    if (refund.address !== null) await this.carrier.carry(refund.id)
    return ok({ invoice, refund, replayed: false })
  }

  async claim(id: string, address: string): Promise<Result<Invoice, ClaimRefusal>> {
    const bodies = claimRefund(this.#invoice.read(), id, address, registryOf(this.#env), Date.now())
    if (!bodies.ok) return bodies
    this.#invoice.apply(() => bodies.value)
    await this.carrier.carry(id)
    return ok(this.#invoice.read())
  }

  async cancel(id: string, by: string): Promise<Result<Invoice, CancelRefusal>> {
    const bodies = cancelRefund(this.#invoice.read(), id, by, Date.now())
    if (!bodies.ok) return bodies
    this.#invoice.apply(() => bodies.value)
    await this.carrier.carry(id)
    const invoice = this.#invoice.read()
    const refund = refundOf(invoice, id)
    assert(refund, 'a refund never goes away')
    // Its wallet had signed it by then.
    const isLate = refund.status !== 'cancelled' && refund.cancelledBy === null
    return isLate ? err({ reason: 'refund_closed', status: refund.status }) : ok(invoice)
  }

  changed(change: RefundChange): void {
    this.#invoice.apply((invoice, nowMs) => transferTold(invoice, change, nowMs))
  }

  /** The answer to a request that came before, as it was given then. */
  #replay({ id, fingerprint }: RequestRefund): Result<RefundRequested, RequestRefusal> | null {
    const invoice = this.#invoice.read()
    if (!refundOf(invoice, id)) return null
    const first = loadRefundRequest(this.#sql, id)
    if (first?.fingerprint !== fingerprint) return err({ reason: 'idempotency_key_reused' })
    return ok({ invoice, refund: first.refund, replayed: true })
  }
}
