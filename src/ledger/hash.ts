import { sha256 } from '@noble/hashes/sha2.js'
import { toHex } from '../lib/bytes.ts'
import { encodeJson } from '../lib/json.ts'
import type { Transaction } from './types.ts'

/** What the first transaction of every ledger follows. */
export const GENESIS = '0'.repeat(64)

/**
 * SHA-256 in hexadecimal of a transaction and, by `previous`, of all before it: of the JSON list of its fields in this
 * order, amounts as `encodeJson` writes them. Synchronous, since a posting is one synchronous step.
 */
export function hashOf(transaction: Omit<Transaction, 'hash'>): string {
  const { previous, no, atMs, key, storeId, cause, phase, of, invoiceId, payment, transferId, by, reason } = transaction
  const postings = transaction.postings.map(({ from, to, asset, amount }) => [from, to, asset, amount])
  const fields = [previous, no, atMs, key, storeId, cause, phase, of, invoiceId, payment, transferId, by, reason, postings]
  return toHex(sha256(new TextEncoder().encode(encodeJson(fields))))
}
