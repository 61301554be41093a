import type { BroadcastAnswer, Sighting } from '../../gateways/spend.ts'
import { closing } from './books.ts'
import { canSignMore } from './decide.ts'
import { WAIT_MS } from './limits.ts'
import { failedUnsigned, IDLE, moved } from './move.ts'
import { isOver, isSigned, type TransferRecord } from './record.ts'
import type { SignedAttempt, Transfer } from './types.ts'

/**
 * What happens to a transfer once it is signed: what nodes say of its bytes, and where the chain has them. Pure. It has
 * failed only when something else is final in its place, or when it is final itself and moved nothing.
 */

/** What is sent next: the newest, and after each refusal the one before. */
export function toBroadcast({ transfer: { signed }, refusals }: TransferRecord): SignedAttempt {
  return signed[signed.length - 1 - (refusals % signed.length)] as SignedAttempt
}

/** In no block and in no mempool: it is sent again at once, unless all of its transactions were just refused. */
export function isToBeSentAgain(record: TransferRecord, sighting: Sighting): boolean {
  return sighting.status === 'absent' && isSigned(record) && !isOver(record) && !allRefused(record)
}

export function takeBroadcast(record: TransferRecord, txid: string, answer: BroadcastAnswer, nowMs: number): TransferRecord {
  if (isOver(record) || !record.transfer.signed.some((attempt) => attempt.txid === txid)) return record
  if (answer.answer === 'taken') {
    const { status, reason } = record.transfer
    const words = status === 'broadcast' ? null : reason
    return moved(taken(record, txid, nowMs), { reason: words }, { refusals: 0 }, nowMs)
  }
  const canBump = answer.why === 'fee_too_low' && record.transfer.custody === 'platform' && canSignMore(record)
  const bumpBlocks = canBump ? record.transfer.targetBlocks : record.bumpBlocks
  const reason = `no node takes it: ${answer.detail}`
  return moved(record, { reason }, { refusals: record.refusals + 1, bumpBlocks }, nowMs)
}

/**
 * Whether it says that none of the transfer's transactions is there, and was asked before the newest was signed: what it takes
 * for somebody else's may be that one. `named`: how many were named.
 */
export function isOutdated({ transfer }: TransferRecord, { status }: Sighting, named: number): boolean {
  return (status === 'conflict' || status === 'absent') && named < transfer.signed.length
}

/** `feeAsset`: the chain's own. */
export function takeSighting(record: TransferRecord, sighting: Sighting, feeAsset: string, nowMs: number): TransferRecord {
  if (isOver(record)) return record
  if (!isSigned(record)) return takeSightingUnsigned(record, sighting, nowMs)
  switch (sighting.status) {
    case 'waiting':
      if (!record.transfer.signed.some(({ txid }) => txid === sighting.txid)) return record
      return moved(taken(record, sighting.txid, nowMs), FOUND, {}, nowMs)
    case 'included':
      return takeInclusion(record, sighting, feeAsset, nowMs)
    case 'absent':
      return moved(record, { included: null }, { searchedHeight: sighting.searchedHeight, ...(allRefused(record) && ANEW) }, nowMs)
    case 'conflict': {
      const reason = `something else has spent what it spends: ${sighting.byTxid ?? 'a transaction not known here'}`
      // As far as the node says, even when that is less: a reorganisation may have put it below what was searched.
      const { searchedHeight } = sighting
      if (!sighting.final) return moved(record, { status: 'unknown', reason, included: null }, { searchedHeight }, nowMs)
      const closed = closing(record, { paid: false, fee: 0n, feeAsset })
      return moved(
        record,
        { status: 'failed', reason, included: null, fee: 0n },
        { ...IDLE, attempt: null, bumpBlocks: null, ...closed },
        nowMs,
      )
    }
  }
}

/** The newest is tried first again, with the next look. */
const ANEW = { refusals: 0 } as const
const FOUND = { status: 'broadcast', reason: null, included: null } as const

function takeInclusion(
  record: TransferRecord,
  { txid, height, blockHash, confirmations, final, reverted, ...told }: Extract<Sighting, { status: 'included' }>,
  feeAsset: string,
  nowMs: number,
): TransferRecord {
  const plan = record.signedPlans[record.transfer.signed.findIndex((attempt) => attempt.txid === txid)]
  if (!plan) return record
  // Inputs less outputs: of coins nobody knows it better, for a node is asked about the first plan alone.
  const fee = plan.kind === 'coins' ? plan.fee : told.fee
  const before = record.transfer.included
  const isSame = before?.txid === txid && before.blockHash === blockHash
  // Each further confirmation is nobody's news: the place is, and that it is final.
  const included = isSame && !final ? before : { txid, height, blockHash, confirmations }
  const reason = reverted ? 'it is in a block and moved nothing' : null
  const seen = taken(record, txid, nowMs)
  if (!final) return moved(seen, { status: reverted ? 'unknown' : 'broadcast', reason, included, fee }, { bumpBlocks: null }, nowMs)
  const closed = closing(record, { paid: !reverted, fee, feeAsset })
  const changes = { status: reverted ? 'failed' : 'confirmed', reason, included, fee, plan, unsigned: null } as const
  return moved(seen, changes, { ...IDLE, attempt: null, bumpBlocks: null, ...closed }, nowMs)
}

/** A merchant's own signature has not come in time: either nothing has happened, or they sent it by themselves. */
function takeSightingUnsigned(record: TransferRecord, sighting: Sighting, nowMs: number): TransferRecord {
  if (record.transfer.custody !== 'self' || record.transfer.status !== 'signing') return record
  if (sighting.status === 'absent') return failedUnsigned(record, 'it was not signed in time', nowMs)
  const by = sighting.status === 'conflict' ? sighting.byTxid : sighting.txid
  const reason = `its coins were spent by ${by ?? 'a transaction not known here'}: bring what you signed, or cancel it`
  return moved(record, { status: 'unknown', reason }, { waitUntilMs: nowMs + WAIT_MS }, nowMs)
}

function allRefused({ refusals, transfer }: TransferRecord): boolean {
  return refusals > 0 && refusals >= transfer.signed.length
}

function taken(record: TransferRecord, txid: string, nowMs: number): TransferRecord {
  const attempt = record.transfer.signed.find((one) => one.txid === txid)
  if (attempt?.takenAtMs !== null) return record
  const signed: Transfer['signed'] = record.transfer.signed.map((one) => (one === attempt ? { ...one, takenAtMs: nowMs } : one))
  return moved(record, { signed }, {}, nowMs)
}
