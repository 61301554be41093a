import { sha256 } from '@noble/hashes/sha2.js'
import { isLightning } from '../bank/receive.ts'
import { base32, ID_BYTES } from '../lib/ids.ts'
import { unreachable } from '../lib/result.ts'
import type { TransferRefusal } from '../wallet/transfers/rpc.ts'
import type { TransferStatus } from '../wallet/transfers/types.ts'
import { ADDRESSES_MAX, type Refund, type RefundTransfer } from './refund.ts'
import type { RefundChange } from './refund-rpc.ts'
import { isCovered } from './refundable.ts'
import type { Invoice, InvoiceEventBody } from './types.ts'

/**
 * How a refund and its transfers go on: what is next to be asked of the wallet object, and what its answers make of them.
 * Pure.
 */
export type RefundStep = { readonly do: 'create' | 'cancel'; readonly transferId: string }

/** How long a transfer that the wallet refuses for now (no money, sending stopped) is tried again. */
const WAIT_MAX_MS = 30 * 86_400_000

/**
 * What the wallet object is to be asked next; null when it is waited for. No transfer is made while another of the same refund
 * may still live, nor while what came in does not cover all that is to be returned.
 */
export function nextStep(invoice: Invoice, refund: Refund): RefundStep | null {
  const live = refund.transfers.filter(({ status }) => status !== 'failed')
  const unwanted = live.find((transfer) => !isSigned(transfer) && (transfer.replaced || refund.cancelledBy !== null))
  if (unwanted) return { do: 'cancel', transferId: unwanted.id }
  // The oldest that lives: the next is waiting for its end.
  const [first] = live
  if (first?.status !== 'wanted' || !isCovered(invoice, refund)) return null
  return { do: 'create', transferId: first.id }
}

/** What is signed may be paid: its address is the refund's for good. */
function isSigned(transfer: RefundTransfer): transfer is RefundTransfer & { readonly status: TransferStatus } {
  const { status } = transfer
  return status === 'broadcast' || status === 'unknown' || status === 'confirmed'
}

/** What the wallet object says of a transfer. Of two words the one of the higher version holds. */
export function transferTold(invoice: Invoice, change: RefundChange, nowMs: number): InvoiceEventBody[] {
  const { refundId: transferId, version, status, reason, txid, challenge } = change
  const refund = refundOfTransfer(invoice, transferId)
  const known = refund?.transfers.find(({ id }) => id === transferId)
  if (!refund || !known || version <= known.version) return []
  const told = withTransfer(refund, { ...known, version, status })
  const isLeading = leading(told).id === transferId
  return changed(refund, isLeading ? { ...told, detail: reason, txid: txid ?? refund.txid, challenge } : told, nowMs)
}

/** The wallet object did not take a transfer. What may pass by itself is tried again, for a time. */
export function transferRefused(invoice: Invoice, transferId: string, refusal: TransferRefusal, nowMs: number): InvoiceEventBody[] {
  const refund = refundOfTransfer(invoice, transferId)
  const known = refund?.transfers.find(({ id }) => id === transferId)
  if (!refund || known?.status !== 'wanted') return []
  const { detail, waitsMs } = wordsOf(refusal)
  if (nowMs - known.wantedAtMs < waitsMs) return changed(refund, { ...refund, detail }, nowMs)
  return changed(refund, { ...withTransfer(refund, { ...known, status: 'failed' }), detail }, nowMs)
}

/** The wallet object has no such transfer, and nobody is about to make it: it never was. */
export function transferGone(invoice: Invoice, transferId: string, nowMs: number): InvoiceEventBody[] {
  const refund = refundOfTransfer(invoice, transferId)
  const known = refund?.transfers.find(({ id }) => id === transferId)
  if (!refund || known?.status !== 'wanted') return []
  return changed(refund, withTransfer(refund, { ...known, status: 'failed' }), nowMs)
}

function refundOfTransfer({ refunds = [] }: Invoice, transferId: string): Refund | undefined {
  return refunds.find(({ transfers }) => transfers.some(({ id }) => id === transferId))
}

/** The transfer whose status is the refund's: one that may be paid, else the newest that lives, else the newest. */
function leading({ transfers }: Refund): RefundTransfer {
  const living = transfers.filter(({ status }) => status !== 'failed')
  return (living.findLast(isSigned) ?? living.at(-1) ?? transfers.at(-1)) as RefundTransfer
}

/**
 * What follows from what a refund's transfers are now and what is wanted: the next transfer once the one before has
 * certainly failed, the end, or that it is too late for a wish.
 */
export function settle(refund: Refund, nowMs: number): Refund {
  const { transfers, address, cancelledBy } = refund
  // Money that has moved has moved, whatever was given up meanwhile.
  const first = transfers.findLast(isSigned)
  if (first) return { ...refund, status: first.status, address: first.address, cancelledBy: null, updatedAtMs: nowMs }
  const ended = transfers.every(({ status }) => status === 'failed')
  if (ended && cancelledBy !== null) return { ...refund, status: 'cancelled', detail: null, challenge: null, updatedAtMs: nowMs }
  if (address === null) return { ...refund, updatedAtMs: nowMs }
  if (ended && transfers.at(-1)?.replaced !== false) {
    const id = transferId(refund.id, transfers.length)
    const next: RefundTransfer = { id, address, wantedAtMs: nowMs, replaced: false, version: 0, status: 'wanted' }
    return { ...refund, transfers: [...transfers, next], status: 'queued', detail: null, challenge: null, updatedAtMs: nowMs }
  }
  // A Lightning invoice is short-lived and may not be reached: the payer gives another once it certainly is not paid.
  if (ended && isLightning(refund.chainId) && refund.claims < ADDRESSES_MAX)
    return { ...refund, address: null, status: 'awaiting_address', txid: null, updatedAtMs: nowMs }
  const { status } = leading(refund)
  return { ...refund, status: status === 'wanted' ? 'queued' : status, updatedAtMs: nowMs }
}

/** Nothing when only versions and times differ: it would tell nobody anything. */
export function changed(before: Refund, refund: Refund, nowMs: number): InvoiceEventBody[] {
  const after = settle(refund, nowMs)
  if (sameToAll(before, after)) return []
  return [{ type: after.status === 'cancelled' ? 'refund_cancelled' : 'refund_changed', refund: after }]
}

function sameToAll(one: Refund, other: Refund): boolean {
  const statuses = ({ transfers }: Refund) => transfers.map(({ status }) => status).join()
  const seen = ({ status, detail, address, cancelledBy, txid, challenge }: Refund) =>
    JSON.stringify([status, detail, address, cancelledBy, txid, challenge])
  return seen(one) === seen(other) && statuses(one) === statuses(other)
}

function withTransfer(refund: Refund, transfer: RefundTransfer): Refund {
  return { ...refund, transfers: refund.transfers.map((old) => (old.id === transfer.id ? transfer : old)) }
}

/** The first transfer has the refund's own id; the others ids that follow from it. */
function transferId(refundId: string, nth: number): string {
  if (nth === 0) return refundId
  return `tr_${base32(sha256(new TextEncoder().encode(`${refundId}/${nth}`)).subarray(0, ID_BYTES))}`
}

/** In words for the merchant, and how long it is tried again. */
function wordsOf(refusal: TransferRefusal): { readonly detail: string; readonly waitsMs: number } {
  switch (refusal.reason) {
    case 'insufficient_funds':
      return { detail: `too little ${refusal.asset} is available; it is tried again by itself`, waitsMs: WAIT_MAX_MS }
    case 'sending_frozen':
      return { detail: `sending is stopped: ${refusal.detail}`, waitsMs: WAIT_MAX_MS }
    case 'too_many_transfers':
      return { detail: refusal.detail, waitsMs: WAIT_MAX_MS }
    case 'transfer_id_reused':
      // Whatever has this id may pay, so its money stays promised.
      return { detail: 'another transfer has the id of this one; a person must look', waitsMs: Number.POSITIVE_INFINITY }
    case 'wallet_not_configured':
    case 'bad_transfer':
    case 'already_accelerated':
    case 'already_in_block':
      return { detail: refusal.detail, waitsMs: 0 }
    default:
      return unreachable(refusal)
  }
}
