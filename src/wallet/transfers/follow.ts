import type { BroadcastAnswer, Sighting } from '../../gateways/send.ts'
import type { SpendPlan } from '../../gateways/spend.ts'
import { closing } from './books.ts'
import { canSignMore } from './decide.ts'
import { gapWords } from './gaps.ts'
import { takeSightingBefore } from './instead.ts'
import { BUMP_PAUSE_MS, SIGNATURE_WAIT_MS, WAIT_MS } from './limits.ts'
import { backWords, failedUnsigned, IDLE, moved } from './move.ts'
import { isEmpty, isOver, isSigned, type TransferRecord } from './record.ts'
import type { SignedAttempt, Transfer } from './types.ts'

/**
 * What happens to a transfer once it is signed: what nodes say of its bytes, and where the chain has them. Pure. It has
 * failed only when something else is final in its place, or when it is final itself and moved nothing.
 */

/** What is sent next: the newest, and after each refusal the one before. */
export function toBroadcast({ transfer: { signed }, refusals }: TransferRecord): SignedAttempt {
  const known = signed.filter(isKnown)
  const sendable = known.length > 0 ? known : signed
  return sendable[sendable.length - 1 - (refusals % sendable.length)] as SignedAttempt
}

/** Whether its bytes are here. Of what a merchant broadcast by themselves they are not, until they are brought. */
export function isKnown({ raw }: SignedAttempt): boolean {
  return raw !== ''
}

/** In no block and in no mempool: it is sent again at once, unless all of its transactions were just refused. */
export function isToBeSentAgain(record: TransferRecord, sighting: Sighting): boolean {
  const canBeSent = isSigned(record) && !isOver(record) && isKnown(toBroadcast(record)) && !allRefused(record)
  return sighting.status === 'absent' && canBeSent
}

export function takeBroadcast(record: TransferRecord, txid: string, answer: BroadcastAnswer, nowMs: number): TransferRecord {
  if (isOver(record) || !record.transfer.signed.some((attempt) => attempt.txid === txid)) return record
  if (answer.answer === 'taken') {
    const { status, reason } = record.transfer
    const words = status === 'broadcast' ? backWords(record) : reason
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
  // There is something of it, or the chain has decided: a person's word to end it is void.
  if (record.settling && !mayBeGone(sighting))
    return takeSighting(moved(record, { reason: null }, { settling: null }, nowMs), sighting, feeAsset, nowMs)
  if (!isSigned(record) && record.attempt === null) return takeSightingBefore(record, sighting, nowMs)
  if (!isSigned(record)) return takeSightingUnsigned(record, sighting, feeAsset, nowMs)
  switch (sighting.status) {
    case 'waiting':
      if (!record.transfer.signed.some(({ txid }) => txid === sighting.txid)) return record
      return moved(
        taken(record, sighting.txid, nowMs),
        { ...FOUND, reason: behindWords(record, sighting) ?? whileWaiting(record, nowMs) },
        {},
        nowMs,
      )
    case 'included':
      return takeInclusion(record, sighting, feeAsset, nowMs)
    case 'absent': {
      if (record.settling && isGone(sighting)) return lost(record, endedWords(record), feeAsset, nowMs)
      const reason = behindWords(record, sighting) ?? record.transfer.reason
      return moved(
        record,
        { included: null, reason },
        { searchedHeight: sighting.searchedHeight, ...(allRefused(record) && ANEW) },
        nowMs,
      )
    }
    case 'conflict': {
      // As far as the node says, even when that is less: a reorganisation may have put it below what was searched.
      const { byTxid, pays, final, searchedHeight } = sighting
      const isTheirs = record.transfer.custody === 'self' && pays === true
      if (isTheirs && sighting.byAll && byTxid !== null && canSignMore(record))
        return sentElsewhere(record, withoutChange(record.signedPlans[0] as SpendPlan), byTxid, nowMs)
      const words = `something else has spent what it spends: ${byTxid ?? 'a transaction not known here'}`
      const reason = record.settling ? record.transfer.reason : words
      if (isTheirs || !(final || (record.settling && isGone(sighting))))
        return moved(record, { status: 'unknown', reason, included: null }, { searchedHeight }, nowMs)
      return lost(record, endedWords(record) ?? words, feeAsset, nowMs)
    }
  }
}

/** None of its transactions will ever be in the chain, for all that is known: its money is given back. */
function lost(record: TransferRecord, reason: string | null, feeAsset: string, nowMs: number): TransferRecord {
  const closed = closing(record, { paid: false, fee: 0n, feeAsset })
  const changes = { status: 'failed', reason, included: null, fee: 0n } as const
  // By a person's word alone: its bytes exist.
  const givenUp = record.settling ? { givenUp: record.signedPlans.slice(0, 1) } : {}
  return moved(record, changes, { ...IDLE, attempt: null, bumpBlocks: null, ...closed, ...givenUp }, nowMs)
}

/** Every node says that something else has what it spends, or that this is not there any more. */
function isGone(sighting: Sighting): boolean {
  if (sighting.status === 'absent') return sighting.orphan === true
  return sighting.status === 'conflict' && sighting.byAll === true && sighting.pays !== true && !sighting.final
}

/** It is gone for those who answer. */
function mayBeGone(sighting: Sighting): boolean {
  return isGone(sighting) || (sighting.status === 'conflict' && sighting.open === true && sighting.pays !== true)
}

function endedWords({ settling }: TransferRecord): string | null {
  return settling ? `ended by ${settling.by}: ${settling.reason}` : null
}

/** The newest is tried first again, with the next look. */
const ANEW = { refusals: 0 } as const
/** Why it is not replaced, or called back, stands until that is tried again. */
function whileWaiting(record: TransferRecord, nowMs: number): string | null {
  const isRefused = (record.waitUntilMs ?? 0) > nowMs
  return isRefused ? record.transfer.reason : backWords(record)
}

const FOUND = { status: 'broadcast', included: null } as const

function takeInclusion(
  record: TransferRecord,
  { txid, height, blockHash, confirmations, final, reverted, ...told }: Extract<Sighting, { status: 'included' }>,
  feeAsset: string,
  nowMs: number,
): TransferRecord {
  const at = record.transfer.signed.findIndex((attempt) => attempt.txid === txid)
  const [attempt, plan] = [record.transfer.signed[at], record.signedPlans[at]]
  if (!attempt || !plan) return record
  // Inputs less outputs: of coins nobody knows it better, for a node is asked about the first plan alone.
  const fee = plan.kind === 'coins' && isKnown(attempt) ? plan.fee : told.fee
  const isVoid = isEmpty(record, plan)
  const isPaid = !isVoid && !reverted
  const before = record.transfer.included
  const isSame = before?.txid === txid && before.blockHash === blockHash
  // Each further confirmation is nobody's news: the place is, and that it is final.
  const included = isSame && !final ? before : { txid, height, blockHash, confirmations }
  const tooLate = record.calledBack === undefined ? null : 'it came into a block before it could be called back'
  const reason = isVoid ? `called back by ${record.calledBack}` : reverted ? 'it is in a block and moved nothing' : tooLate
  const seen = taken(record, txid, nowMs)
  const status = isVoid || isPaid ? 'broadcast' : 'unknown'
  if (!final) return moved(seen, { status, reason, included, fee }, { bumpBlocks: null }, nowMs)
  const closed = closing(record, { paid: isPaid, fee, feeAsset, calledBack: isVoid })
  const changes = { status: isPaid ? 'confirmed' : 'failed', reason, included, fee, plan, unsigned: null } as const
  return moved(seen, changes, { ...IDLE, attempt: null, bumpBlocks: null, ...closed }, nowMs)
}

/**
 * What a merchant was given to sign, and has not brought back: it was not signed, or they sent it by themselves, perhaps at
 * another fee. Who finds it in the chain knows that it is paid.
 */
function takeSightingUnsigned(record: TransferRecord, sighting: Sighting, feeAsset: string, nowMs: number): TransferRecord {
  const { transfer, attempt, cancelling } = record
  if (transfer.custody !== 'self' || attempt === null || !isLookedFor(record, nowMs)) return record
  switch (sighting.status) {
    case 'absent':
      return failedUnsigned(record, cancelling ? `cancelled by ${cancelling}` : 'it was not signed in time', nowMs)
    case 'waiting':
    case 'included':
      if (sighting.txid !== attempt.txid) return record
      return takeSighting(sentElsewhere(record, attempt.plan, sighting.txid, nowMs), sighting, feeAsset, nowMs)
    case 'conflict': {
      const { byTxid, pays, final, searchedHeight } = sighting
      // One node alone may lie, and whoever is followed for it is never seen again.
      if (pays && sighting.byAll && byTxid !== null) return sentElsewhere(record, withoutChange(attempt.plan), byTxid, nowMs)
      const by = byTxid ?? 'a transaction not known here'
      const words = isGone(sighting) ? endedWords(record) : null
      if (words !== null) return failedUnsigned(record, words, nowMs)
      if (final && pays === false) return failedUnsigned(record, `something else has spent what it spends: ${by}`, nowMs)
      const reason = `its coins were spent by ${by}: bring what you signed, or wait until that is final`
      const waitUntilMs = nowMs + (final ? BUMP_PAUSE_MS : WAIT_MS)
      return moved(record, { status: 'unknown', reason }, { waitUntilMs, searchedHeight }, nowMs)
    }
  }
}

/** Whether the chain is asked about a plan that a merchant has not brought back signed. */
export function isLookedFor({ transfer, attempt, cancelling }: TransferRecord, nowMs: number): boolean {
  if (transfer.custody !== 'self' || attempt === null) return false
  return Boolean(cancelling) || transfer.status === 'unknown' || nowMs - attempt.plannedAtMs >= SIGNATURE_WAIT_MS
}

/** Somebody signed the plan and sent it by themselves. Its bytes are theirs until they bring them. */
function sentElsewhere(record: TransferRecord, plan: SpendPlan, txid: string, nowMs: number): TransferRecord {
  const signed = [...record.transfer.signed, { txid, raw: '', fee: plan.fee, signedAtMs: nowMs, takenAtMs: nowMs }]
  const changes = { status: 'broadcast', reason: null, signed, unsigned: null, fee: plan.fee } as const
  const signedPlans = [...record.signedPlans, plan]
  return moved(record, changes, { ...IDLE, attempt: null, bumpBlocks: null, cancelling: null, signedPlans, refusals: 0 }, nowMs)
}

/** At another fee it put its change where nobody here knows. */
function withoutChange(plan: SpendPlan): SpendPlan {
  return plan.kind === 'coins' ? { ...plan, change: null } : plan
}

function behindWords({ payer }: TransferRecord, { behind }: { readonly behind?: number }): string | null {
  return payer === null || behind === undefined ? null : gapWords(behind, payer)
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
