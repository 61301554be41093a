import { err, ok, type Result } from '../../lib/result.ts'
import type { Approval } from '../../signer/rpc.ts'
import { approvalsGiven } from './approvals.ts'
import { canSignMore } from './decide.ts'
import { APPROVALS_MAX } from './limits.ts'
import { ANEW, backWords, failedUnsigned, IDLE, moved, withoutAttempt } from './move.ts'
import { isAcceleration, isOver, isSigned, type TransferRecord, type Word } from './record.ts'
import type { TransferStepRefusal } from './rpc.ts'
import { hasLost, outstanding } from './signing.ts'

/** What people want of a transfer, and whether it can be. Pure: the record after it, or why not. */

/** A passkey's word. The signer alone says whether it counts, so it is asked again once there are as many as it wanted. */
export function approved(record: TransferRecord, approval: Approval, nowMs: number): Result<TransferRecord, TransferStepRefusal> {
  const { status, approvals, approvalsWanted } = record.transfer
  if (isSigned(record) || isOver(record)) return wrongStatus(record, 'it is approved or over')
  if (approvals.some(({ signature }) => signature === approval.signature)) return ok(record)
  // What the signer has said to count for nothing makes room, but not while it is asked: it speaks of them by their order.
  const isFull = approvals.length >= APPROVALS_MAX && status === 'needs_approval'
  const kept = isFull ? approvals.filter(({ member }) => member !== null) : approvals
  if (kept.length >= APPROVALS_MAX) return err({ reason: 'too_many_approvals' })
  const all = [...kept, approval]
  const isEnough = status === 'needs_approval' && approvalsGiven(all) >= approvalsWanted
  return ok(moved(record, { approvals: all, ...(isEnough ? ANEW : {}) }, isEnough ? IDLE : {}, nowMs))
}

/**
 * Only what nobody can have signed is ended. What a merchant was given to sign they may have broadcast by themselves: the
 * chain is looked at first (follow.ts).
 */
export function cancelled(record: TransferRecord, by: string, nowMs: number): Result<TransferRecord, TransferStepRefusal> {
  if (isSigned(record) || isOver(record)) return wrongStatus(record, 'it is signed, or over')
  const { attempt, transfer, cancelling } = record
  if (attempt && transfer.custody === 'self') {
    if (cancelling) return ok(record)
    return ok(moved(record, { reason: CANCELLING, unsigned: null }, { cancelling: by, waitUntilMs: null }, nowMs))
  }
  if (attempt && outstanding(attempt, nowMs).length > 0) return wrongStatus(record, 'it is being signed: try again in a moment')
  return ok(failedUnsigned(record, `cancelled by ${by}`, nowMs))
}

const CANCELLING = 'cancelling: looking whether it was broadcast'

/**
 * It is to be ended though it may be signed: what waits for a block is replaced by a transaction that spends the same and pays
 * nobody. Which of them comes into the chain, the chain says.
 */
export function calledBack(record: TransferRecord, by: string, nowMs: number): Result<TransferRecord, TransferStepRefusal> {
  if (!isSigned(record)) return cancelled(record, by, nowMs)
  const { status, included, outputs } = record.transfer
  if (isOver(record) || status !== 'broadcast' || included !== null)
    return wrongStatus(record, 'only what waits for a block is called back')
  if (outputs.length === 0) return wrongStatus(record, 'it pays nobody: nothing can be called back, and a bump hurries it')
  // Refused for a time, it is tried again now.
  if (record.calledBack !== undefined) return ok(moved(record, {}, { waitUntilMs: null }, nowMs))
  if (!canSignMore(record)) return wrongStatus(record, 'it cannot be replaced any more: each of its transactions is kept')
  const { attempt } = record
  const isAsked = attempt !== null && (outstanding(attempt, nowMs).length > 0 || hasLost(attempt, attempt.handedAtMs, nowMs))
  const called = {
    ...(isAsked ? record : withoutAttempt(record, null, nowMs)),
    calledBack: by,
    bumpBlocks: null,
    waitUntilMs: null,
  }
  return ok(moved(called, { reason: backWords(called) }, {}, nowMs))
}

/** A person ends what is unknown: as soon as it was looked for once more, and no node has any of it. */
export function settled(record: TransferRecord, word: Word, nowMs: number): Result<TransferRecord, TransferStepRefusal> {
  const { status, included } = record.transfer
  // What hurries a transaction that nobody has any more would wait for it for ever.
  const mayBeOrphan = isAcceleration(record.transfer) && status === 'broadcast' && included === null
  if (status !== 'unknown' && !mayBeOrphan) return wrongStatus(record, 'only what is unknown is ended by a person')
  const reason = `being ended by ${word.by}: looking for it once more`
  return ok(moved(record, { reason }, { settling: word, waitUntilMs: null }, nowMs))
}

/** A replacement with a higher fee is wanted. */
export function bumped(record: TransferRecord, targetBlocks: number, nowMs: number): Result<TransferRecord, TransferStepRefusal> {
  const { status, included } = record.transfer
  if (status !== 'broadcast' || included !== null) return wrongStatus(record, 'only what waits for a block is replaced')
  if (record.attempt !== null) return wrongStatus(record, 'a replacement waits for its signature')
  if (!canSignMore(record)) return wrongStatus(record, 'it cannot be replaced any more: each of its transactions is kept')
  return ok(moved(record, { targetBlocks }, { bumpBlocks: targetBlocks, waitUntilMs: null }, nowMs))
}

function wrongStatus({ transfer }: TransferRecord, detail: string): Result<never, TransferStepRefusal> {
  return err({ reason: 'wrong_status', status: transfer.status, detail })
}
