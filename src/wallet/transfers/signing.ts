import type { SignedTransaction } from '../../gateways/spend.ts'
import { assert } from '../../lib/result.ts'
import type { SignRefusal } from '../../signer/rpc.ts'
import { approvalsGiven, lookedAt } from './approvals.ts'
import { onItsWay } from './books.ts'
import { pauseOf, tooLittle } from './decide.ts'
import { HANDED_MS, RETRY_MS, WAIT_MS } from './limits.ts'
import { ANEW, backWords, failedUnsigned, IDLE, moved, waiting, withoutAttempt } from './move.ts'
import { type Attempt, isOver, isSigned, type TransferRecord } from './record.ts'
import type { SignedAttempt } from './types.ts'
import { signWords } from './words.ts'

/**
 * What happens to a plan until it is signed: the books let it through, the signer is given it, says yes or no, or is never
 * heard. Pure, as decide.ts is. What counts is that nobody puts a plan aside that may be signed.
 */

/** What its plan needs beyond its outputs cannot be reserved, or nothing may go out. Nobody was asked to sign. */
export function notCleared(record: TransferRecord, why: 'frozen' | 'insufficient', words: string, nowMs: number): TransferRecord {
  if (record.attempt === null) return record
  const { handedAtMs } = record.attempt
  if (outstanding(record.attempt, nowMs).length > 0 || hasLost(record.attempt, handedAtMs, nowMs)) {
    assert(why === 'frozen', 'the fee is reserved before anybody signs')
    return keptWaiting(record, words, nowMs)
  }
  if (isSigned(record)) return { ...withoutAttempt(record, words, nowMs), waitUntilMs: nowMs + pauseOf(record) }
  if (why === 'frozen') return waiting(record, { reason: words, waitsFor: 'sending', untilMs: nowMs + WAIT_MS }, nowMs)
  return tooLittle(record, words, nowMs)
}

/** The signer is given the plan: from here on there may be a signature. */
export function handedOut(record: TransferRecord, nowMs: number): TransferRecord {
  assert(record.attempt?.clearedAtMs, 'the books have let it through')
  const { attempt } = record
  const lost = hasLost(attempt, attempt.handedAtMs, nowMs) ? { isLost: true } : {}
  return { ...record, attempt: { ...attempt, ...lost, handedAtMs: [...outstanding(attempt, nowMs), nowMs] } }
}

/** Questions to the signer that may still be answered. */
export function outstanding({ handedAtMs }: Attempt, nowMs: number): readonly number[] {
  return handedAtMs.filter((atMs) => nowMs - atMs < HANDED_MS)
}

/** Whether the signer may have signed the plan and nobody has heard of it: a question has had no answer, and never will. */
export function hasLost({ isLost = false }: Attempt, handedAtMs: readonly number[], nowMs: number): boolean {
  return isLost || handedAtMs.some((atMs) => nowMs - atMs >= HANDED_MS)
}

/** Bytes that are exactly the plan: kept before anybody is given them. */
export function takeSigned(
  record: TransferRecord,
  version: number,
  { txid, raw }: SignedTransaction,
  nowMs: number,
): TransferRecord {
  const { transfer, attempt } = record
  if (attempt?.version !== version || isOver(record)) return record
  const { plan } = attempt
  const status = transfer.status === 'signing' || transfer.status === 'unknown' ? 'broadcast' : transfer.status
  const signed = [...transfer.signed, { txid, raw, fee: plan.fee, signedAtMs: nowMs, takenAtMs: null }]
  const changes = {
    status,
    reason: backWords({ ...record, attempt: null }),
    signed,
    unsigned: null,
    challenge: null,
    fee: plan.fee,
  }
  const signedPlans = [...record.signedPlans, plan]
  const rest = { ...IDLE, attempt: null, signedPlans, refusals: 0, holds: onItsWay(record.holds) }
  return moved(record, changes, record.cancelling ? { ...rest, cancelling: null } : rest, nowMs)
}

/** Bytes of another transaction than the plan: a defect of the signer. The plan stays, and it is asked again for its own. */
export function takeAnother(
  record: TransferRecord,
  version: number,
  { txid }: SignedTransaction,
  nowMs: number,
  askedAtMs?: number,
): TransferRecord {
  const { attempt } = record
  if (attempt?.version !== version) return record
  const handedAtMs = unanswered(outstanding(attempt, nowMs), askedAtMs)
  const words = `the signer gave another transaction, ${txid}: a person must look`
  return keptWaiting({ ...record, attempt: { ...attempt, isLost: true, handedAtMs } }, words, nowMs)
}

/** The bytes of a transaction that a merchant broadcast by themselves, and that was found in the chain. */
export function takeBytes(record: TransferRecord, { txid, raw }: SignedTransaction, nowMs: number): TransferRecord {
  const isFor = (attempt: SignedAttempt) => attempt.txid === txid && attempt.raw === ''
  if (!record.transfer.signed.some(isFor)) return record
  const signed = record.transfer.signed.map((attempt) => (isFor(attempt) ? { ...attempt, raw } : attempt))
  return moved(record, { signed }, {}, nowMs)
}

/**
 * The signer's no. The plan is put aside when no other question about it is under way: then nobody has signed it.
 * `askedAtMs`: which question it answers.
 */
export function takeSignRefusal(
  record: TransferRecord,
  version: number,
  refusal: SignRefusal,
  nowMs: number,
  askedAtMs?: number,
): TransferRecord {
  const { attempt } = record
  if (attempt?.version !== version) return record
  const unheard = attempt.handedAtMs.filter((atMs) => atMs !== askedAtMs)
  const handedAtMs = unanswered(outstanding(attempt, nowMs), askedAtMs)
  // A signer that decides looks first whether it has signed this very plan: then its no says that it has not.
  const isLost = !DECIDED.has(refusal.reason) && hasLost(attempt, unheard, nowMs)
  const { isLost: _, ...asked } = attempt
  const kept: TransferRecord = { ...record, attempt: { ...asked, ...(isLost && { isLost }), handedAtMs } }
  const words = signWords(refusal)
  const retryAtMs = refusal.reason === 'limit_reached' ? Math.max(refusal.retryAtMs ?? 0, nowMs + RETRY_MS) : nowMs + WAIT_MS
  if (refusal.reason === 'unavailable') return moved(kept, { reason: words }, { waitUntilMs: nowMs + RETRY_MS }, nowMs)
  if (isLost) return keptWaiting(kept, words, nowMs)
  // A replacement that is not signed hurts nobody: it could only take the place of what is signed already.
  if (isSigned(record)) return { ...withoutAttempt(kept, words, nowMs), waitUntilMs: nowMs + pauseOf(record) }
  if (handedAtMs.length > 0) {
    const asked = refusal.reason === 'needs_approval' && { challenge: refusal.challenge, approvalsWanted: refusal.wanted }
    return moved(kept, { reason: words, ...asked }, { waitUntilMs: nowMs + RETRY_MS }, nowMs)
  }
  switch (refusal.reason) {
    case 'needs_approval':
      return unapproved(kept, refusal, nowMs)
    case 'limit_reached':
      if (refusal.retryAtMs === null) return failedUnsigned(kept, words, nowMs)
      return limited(kept, refusal.limit, { reason: words, waitsFor: null, untilMs: retryAtMs }, nowMs)
    case 'bad_plan':
    case 'bad_intent':
    case 'not_covered':
      return failedUnsigned(kept, words, nowMs)
    default:
      return waiting(kept, { reason: words, waitsFor: 'sending', untilMs: retryAtMs }, nowMs)
  }
}

/** What a signer says once it has looked for bytes of the plan. */
const DECIDED: ReadonlySet<SignRefusal['reason']> = new Set([
  'no_policy',
  'bad_plan',
  'bad_intent',
  'not_covered',
  'fee_over_limit',
  'limit_reached',
  'needs_approval',
])

/** The plan stays: the signer is asked for its bytes again, and has them or not. */
function keptWaiting(record: TransferRecord, reason: string, nowMs: number): TransferRecord {
  return moved(record, { reason }, { waitUntilMs: nowMs + WAIT_MS, waitsFor: 'sending' }, nowMs)
}

/** Over a limit. How long a new destination waits is the policy's word: the day begins after that. */
function limited(record: TransferRecord, limit: string, wait: Parameters<typeof waiting>[1], nowMs: number): TransferRecord {
  const waitingSinceMs = limit === 'new_destination' ? wait.untilMs : record.waitingSinceMs
  return waiting({ ...record, waitingSinceMs }, wait, nowMs)
}

/** Without the one that is answered; the oldest, when nobody says which. A lost one keeps its own time, so that it ends. */
function unanswered(asked: readonly number[], askedAtMs: number | undefined): readonly number[] {
  return asked.filter((_, at) => at !== (askedAtMs === undefined ? 0 : asked.indexOf(askedAtMs)))
}

/** It waits for people. Those who said yes while the signer looked at the others may be enough: then it is asked again. */
function unapproved(record: TransferRecord, refusal: NeedsApproval, nowMs: number): TransferRecord {
  const { challenge, wanted: approvalsWanted, members } = refusal
  const approvals = members ? lookedAt(record.transfer.approvals, members) : record.transfer.approvals
  const isEnough = members !== undefined && approvalsGiven(approvals) >= approvalsWanted
  const waits = isEnough ? ANEW : ({ status: 'needs_approval', reason: signWords(refusal) } as const)
  return moved(record, { ...waits, plan: null, challenge, approvalsWanted, approvals }, { ...IDLE, attempt: null }, nowMs)
}

type NeedsApproval = Extract<SignRefusal, { reason: 'needs_approval' }>
