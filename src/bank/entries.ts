import { sha256 } from '@noble/hashes/sha2.js'
import type { PaymentObservation } from '../chain/rpc.ts'
import type { Movement } from '../gateways/sepa/camt.ts'
import { base32 } from '../lib/ids.ts'
import { SEPA } from '../money/bank.ts'

/** A movement as the account keeps it. */
export interface Entry extends Movement {
  /** Made from what it says when it was first seen; the payment's `txid`. */
  readonly id: string
  /** gone: it was pending and was never booked, or it turned out to be a batch whose transactions came by themselves. */
  readonly place: 'booked' | 'pending' | 'gone'
  readonly invoiceId: string | null
  /** Who assigned it, when a person did. */
  readonly assignedBy: string | null
  /** Cents of it that were taken back so far. */
  readonly returnedCents: bigint
  /** The entry that this one takes back. */
  readonly returns: string | null
  /** The transfer of ours that it carries out, or takes back. */
  readonly transferId?: string
  /** It names a transfer of ours, but is of another amount, or the second of its kind. */
  readonly doubtful?: true
  /** No statement with its balances has it yet. */
  readonly unstated?: boolean
  /** Grows with each change. */
  readonly revision: number
}

/** Days between what is announced and what is booked, at most, for the two to be one. */
export const SAME_DAYS_MAX = 10
const DAY_MS = 86_400_000
const ID_BYTES = 20

/** Bank's reference with direction and amount: what takes a thing back often has the reference of what it takes back. */
export function referenceKey(movement: Movement): string | null {
  const { bankReference, direction, cents } = movement
  return bankReference === null ? null : digest(['reference', direction, String(cents), bankReference])
}

/** What any message about this movement says, whether or not the bank gives references. */
export function factsKey({ direction, cents, endToEndId, reference, text }: Movement): string {
  return digest(['facts', direction, String(cents), endToEndId ?? '', reference ?? text.replace(/\s/g, '')])
}

/** Of a transaction in a batch: the key that the whole batch has as one entry. */
export function batchKey({ batch }: Movement): string | null {
  return batch && digest(['reference', batch.direction, String(batch.cents), batch.bankReference])
}

/** The name of a new entry, given how many entries there are with the same facts. */
export function nameOf(movement: Movement, equals: number): string {
  const key = referenceKey(movement) ?? factsKey(movement)
  return digest(['entry', key, movement.date, String(equals)])
}

/** Whether a movement is one that is known already. Both have the same reference key or the same facts. */
export function isSame(entry: Entry, movement: Movement): boolean {
  if (entry.bankReference !== null && movement.bankReference !== null && entry.bankReference !== movement.bankReference)
    return false
  if (entry.batch !== null && movement.batch !== null && entry.batch.bankReference !== movement.batch.bankReference) return false
  const isBooked = entry.place === 'booked' && movement.status === 'booked'
  if (isBooked && entry.date === movement.date) return true
  // Booked on two days it is two, but where one message has no booking day and the bank's own reference says that it is one.
  if (isBooked && !((entry.valueDated || movement.valueDated) && entry.bankReference !== null && movement.bankReference !== null))
    return false
  return Math.abs(Date.parse(entry.date) - Date.parse(movement.date)) <= SAME_DAYS_MAX * DAY_MS
}

export function newEntry(id: string, movement: Movement, unstated: boolean): Entry {
  const place = movement.status
  return { ...movement, id, place, invoiceId: null, assignedBy: null, returnedCents: 0n, returns: null, unstated, revision: 1 }
}

export function daysBefore(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) - days * DAY_MS).toISOString().slice(0, 10)
}

/** What an invoice is told of one of its entries. */
export function observationOf(entry: Entry & { readonly invoiceId: string }, walletId: string): PaymentObservation {
  const isWhole = entry.returnedCents < entry.cents
  const status = { booked: isWhole ? 'confirmed' : 'returned', pending: 'unconfirmed', gone: 'missing' } as const
  return {
    key: paymentKey(entry.id, walletId),
    revision: entry.revision,
    chainId: SEPA.id,
    txid: entry.id,
    index: walletId,
    assetCode: SEPA.assetCode,
    units: isWhole ? entry.cents - entry.returnedCents : entry.cents,
    status: status[entry.place],
    confirmations: status[entry.place] === 'confirmed' ? 1 : 0,
    height: null,
    blockHash: null,
    seenAtMs: entry.atMs,
    replacedBy: null,
  }
}

export function paymentKey(entryId: string, walletId: string): string {
  return `${SEPA.id}/${entryId}/${walletId}`
}

/** A name made of what it names: 32 characters, the same each time. */
export function digest(parts: readonly string[]): string {
  const text = parts.map((part) => `${part.length}:${part}`).join('')
  return base32(sha256(new TextEncoder().encode(text)).subarray(0, ID_BYTES))
}
