import { moved } from './move.ts'
import { isSigned, type Payer, type TransferRecord } from './record.ts'

/**
 * Numbers of a merchant's own EVM wallet that nobody has: a transaction above one waits for ever, and only they can send what
 * is missing. A new transfer takes the lowest such number first.
 */

/** What a transaction with a higher number waits for. */
export function gapWords(nonce: number, { address }: Payer): string {
  return `waiting for nonce ${nonce} of ${address}: another transaction of this wallet must be sent first`
}

/** One that waits for its signature, when a number below it was given back, or taken again. */
export function withGap(record: TransferRecord, nonce: number, isMissing: boolean, nowMs: number): TransferRecord {
  const { payer, attempt, transfer } = record
  if (payer === null || attempt === null || isSigned(record)) return record
  const words = `waiting for your signature; then ${gapWords(nonce, payer)}`
  if (!isMissing && transfer.reason !== words) return record
  return moved(record, { reason: isMissing ? words : 'waiting for your signature' }, {}, nowMs)
}
