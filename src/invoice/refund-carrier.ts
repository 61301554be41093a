import { isBankRail, isLightning } from '../bank/receive.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import type { TransfersRpc } from '../wallet/transfers/rpc.ts'
import type { Transfer } from '../wallet/transfers/types.ts'
import { refundOf } from './decide-refund.ts'
import type { Refund } from './refund.ts'
import { nextStep, type RefundStep, transferGone, transferRefused, transferTold } from './refund-progress.ts'
import type { RefundChange } from './refund-rpc.ts'
import type { Invoice, InvoiceEventBody } from './types.ts'

/** How soon a refund is seen within blocks: nobody waits at a counter for it. */
const TARGET_BLOCKS = 6
/** Steps of one refund in a row: end a transfer, make the next, and whatever the payer changes meanwhile. */
const STEPS_MAX = 6
/** A step is tried again after so long, and ever less often: a part of the time that it has been waited for. */
const RETRY_MS = 5_000
const RETRY_MAX_MS = 3_600_000
const RETRY_PART = 5

/** An invoice that exists, as its refunds read and change it. */
export interface HeldInvoice {
  read(): Invoice
  /** Decides and commits in one synchronous block. */
  apply(decide: (invoice: Invoice, nowMs: number) => InvoiceEventBody[]): void
}

interface CarrierEnv {
  readonly WALLETS: ObjectNamespace<Sending>
  readonly BANKS: ObjectNamespace<Sending>
  readonly LIGHTNINGS: ObjectNamespace<Sending>
}

/** The object that sends: a wallet, a bank account, or a Lightning node. */
type Sending = Pick<TransfersRpc, 'createTransfer' | 'cancelTransfer' | 'transfer'>

/**
 * Sees to it that wallet objects hear what is to be done for refunds: one step of a refund at a time, at once, and again by
 * the alarm until it has been answered. What is to be done is known from the invoice itself, so a crash forgets nothing, and
 * the wallet takes the same transfer twice as once.
 */
export class RefundCarrier {
  readonly #invoice: HeldInvoice
  readonly #env: CarrierEnv
  /** By refund, what is being carried. */
  readonly #carrying = new Map<string, Promise<void>>()
  /** By refund, the step that was tried last. */
  readonly #tried = new Map<string, RefundStep & { readonly atMs: number }>()

  constructor(invoice: HeldInvoice, env: CarrierEnv) {
    this.#invoice = invoice
    this.#env = env
  }

  /** When the alarm must look at refunds next, or null when none waits for a wallet. What is new is being carried already. */
  alarmAtMs(invoice: Invoice, nowMs: number): number | null {
    const times = stepsOf(invoice).map(({ refund, step }) => this.#againAtMs(refund, step) ?? nowMs + RETRY_MS)
    return times.length > 0 ? Math.min(...times) : null
  }

  /** Carries every refund that is due. Never throws. */
  async carryDue(nowMs: number): Promise<void> {
    const due = stepsOf(this.#invoice.read()).filter(({ refund, step }) => this.#isDue(refund, step, nowMs))
    await Promise.all(due.map(({ refund }) => this.carry(refund.id)))
  }

  /** Carries one refund as far as it goes now, after what is under way for it. Never throws. */
  async carry(id: string): Promise<void> {
    const carrying = (this.#carrying.get(id) ?? Promise.resolve()).then(() => this.#carryOn(id))
    this.#carrying.set(id, carrying)
    await carrying
    if (this.#carrying.get(id) === carrying) this.#carrying.delete(id)
  }

  #isDue(refund: Refund, step: RefundStep, nowMs: number): boolean {
    const againAtMs = this.#againAtMs(refund, step)
    return againAtMs === null || againAtMs <= nowMs
  }

  /** When a step that was tried is tried again; null when it was not. */
  #againAtMs({ id, updatedAtMs }: Refund, step: RefundStep): number | null {
    const tried = this.#tried.get(id)
    if (tried?.do !== step.do || tried.transferId !== step.transferId) return null
    const waitMs = Math.floor((tried.atMs - updatedAtMs) / RETRY_PART)
    return tried.atMs + Math.min(Math.max(waitMs, RETRY_MS), RETRY_MAX_MS)
  }

  async #carryOn(id: string): Promise<void> {
    for (let count = 0; count < STEPS_MAX; count++) {
      const invoice = this.#invoice.read()
      const refund = refundOf(invoice, id)
      const step = refund && nextStep(invoice, refund)
      const nowMs = Date.now()
      if (!refund || !step || !this.#isDue(refund, step, nowMs)) return
      this.#tried.set(id, { ...step, atMs: nowMs })
      try {
        await this.#take(step, refund)
      } catch (thrown) {
        logEvent('warn', 'refund_wallet_unreachable', { refundId: id, do: step.do, reason: reasonOf(thrown) })
      }
    }
  }

  async #take(step: RefundStep, refund: Refund): Promise<void> {
    const { WALLETS, BANKS, LIGHTNINGS } = this.#env
    const homes = isLightning(refund.chainId) ? LIGHTNINGS : isBankRail(refund.chainId) ? BANKS : WALLETS
    const wallet = homes.getByName(refund.walletId)
    const { transferId } = step
    if (step.do === 'cancel') {
      const ended = await wallet.cancelTransfer(transferId, refund.cancelledBy ?? 'payer')
      if (ended.ok) return this.#told(ended.value)
      const transfer = await wallet.transfer(transferId)
      if (transfer) return this.#told(transfer)
      this.#invoice.apply((invoice, nowMs) => transferGone(invoice, transferId, nowMs))
      return
    }
    const invoice = this.#invoice.read()
    const { id: invoiceId, merchantId, shard, storeId } = invoice.terms
    const { custody, chainId, asset, units, transfers } = refund
    const address = transfers.find(({ id }) => id === transferId)?.address ?? ''
    const insteadOf = homes === WALLETS ? endedBefore(invoice, refund, transferId) : []
    const made = await wallet.createTransfer({
      id: transferId,
      kind: 'refund',
      merchantId,
      shard,
      storeId,
      custody,
      chainId,
      asset,
      outputs: [{ address, units }],
      invoiceId,
      reference: null,
      targetBlocks: TARGET_BLOCKS,
      feeMax: null,
      ...(insteadOf.length > 0 && { insteadOf }),
    })
    if (made.ok) return this.#told(made.value)
    const { error } = made
    if (error.reason === 'transfer_id_reused') logEvent('error', 'refund_id_reused', { refundId: refund.id, transferId })
    this.#invoice.apply((invoice, nowMs) => transferRefused(invoice, transferId, error, nowMs))
  }

  #told(transfer: Transfer): void {
    this.#invoice.apply((invoice, nowMs) => transferTold(invoice, changeOf(transfer), nowMs))
  }
}

/**
 * What was ended, for this refund or another of the invoice. Of some there may yet be a payment (the merchant signs what was
 * prepared for them, or a person ended what was unknown), and then that must not be there beside what is made now.
 */
function endedBefore({ refunds = [] }: Invoice, { walletId, chainId }: Refund, transferId: string): string[] {
  return refunds
    .filter((refund) => refund.walletId === walletId && refund.chainId === chainId)
    .flatMap(({ transfers }) => transfers.filter(({ id, status }) => id !== transferId && status === 'failed'))
    .map(({ id }) => id)
}

/** What wallet objects are to be asked now. */
function stepsOf(invoice: Invoice): { readonly refund: Refund; readonly step: RefundStep }[] {
  return (invoice.refunds ?? []).flatMap((refund) => {
    const step = nextStep(invoice, refund)
    return step ? [{ refund, step }] : []
  })
}

/** A transfer as the wallet object tells of it by itself. */
function changeOf({ id, version, status, reason, challenge, signed, included }: Transfer): RefundChange {
  return { refundId: id, version, status, reason, challenge, txid: included?.txid ?? signed.at(-1)?.txid ?? null }
}
