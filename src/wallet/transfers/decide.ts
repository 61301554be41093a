import type { PlanRefusal, SignedTransaction, SpendPlan, UnsignedTransaction } from '../../gateways/spend.ts'
import { assert } from '../../lib/result.ts'
import type { SignRefusal } from '../../signer/rpc.ts'
import { approvalsGiven, lookedAt } from './approvals.ts'
import { firstHolds, onItsWay, withFee } from './books.ts'
import {
  BALANCE_WAIT_MS_MAX,
  BALANCE_WAIT_PART,
  BUMP_PAUSE_MS,
  HANDED_MS,
  READING_WAIT_MS,
  RETRY_MS,
  signedMax,
  WAIT_MS,
} from './limits.ts'
import { ANEW, backWords, failedUnsigned, IDLE, moved, waiting, withoutAttempt } from './move.ts'
import { type Attempt, isEmpty, isOver, isSigned, type TransferRecord, type Wait } from './record.ts'
import type { CreateTransfer } from './rpc.ts'
import type { SignedAttempt, Transfer } from './types.ts'
import { signWords } from './words.ts'

/**
 * What happens to a transfer until it is signed. Pure: each takes the record and an answer, which may come twice or late, and
 * gives the record after it. What happens then is in follow.ts, what people want of it in wishes.ts, money in books.ts.
 */

export function begun(request: CreateTransfer, walletId: string, feeMax: bigint, nowMs: number): TransferRecord {
  const transfer: Transfer = {
    id: request.id,
    version: 1,
    kind: request.kind,
    merchantId: request.merchantId,
    shard: request.shard,
    storeId: request.storeId,
    walletId,
    custody: request.custody,
    chainId: request.chainId,
    asset: request.asset,
    outputs: request.outputs,
    units: request.outputs.reduce((sum, { units }) => sum + units, 0n),
    invoiceId: request.invoiceId,
    ...(request.parentTxid && { parentTxid: request.parentTxid }),
    reference: request.reference,
    batch: request.batch ?? null,
    targetBlocks: request.targetBlocks,
    feeMax,
    status: 'queued',
    reason: null,
    plan: null,
    unsigned: null,
    challenge: null,
    approvalsWanted: 0,
    approvals: [],
    signed: [],
    included: null,
    fee: null,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  }
  return {
    transfer,
    holds: firstHolds(transfer),
    feeHolds: 0,
    bookings: [],
    signedPlans: [],
    attempt: null,
    bumpBlocks: null,
    payer: null,
    deposits: null,
    searchedHeight: 0,
    ...(request.insteadOf && { insteadOf: request.insteadOf }),
    ...IDLE,
    refusals: 0,
    toldVersion: 0,
    webhooks: [],
  }
}

/** Whether facts of the chain are what is wanted: there is nothing to be signed, or a replacement is to be planned. */
export function wantsPlan(record: TransferRecord): boolean {
  const { transfer, attempt, bumpBlocks } = record
  if (attempt !== null || record.holds.some(({ want, is }) => want === 'held' && is !== 'held')) return false
  if (transfer.status === 'queued') return true
  return (bumpBlocks !== null || wantsEmpty(record)) && transfer.status === 'broadcast' && transfer.included === null
}

/** A replacement that was refused is tried again after this. For one that calls a payment back, somebody waits. */
function pauseOf({ calledBack }: TransferRecord): number {
  return calledBack === undefined ? BUMP_PAUSE_MS : WAIT_MS
}

/** It is called back, and nothing is signed yet that does that. */
function wantsEmpty(record: TransferRecord): boolean {
  const plan = record.signedPlans.at(-1)
  return record.calledBack !== undefined && plan !== undefined && !isEmpty(record, plan)
}

export interface Planned {
  readonly plan: SpendPlan
  /** For merchants who sign themselves: what they are given, and the id that it has whoever signs it, where it has one. */
  readonly unsigned: UnsignedTransaction | null
  readonly txid?: string | null
  /** The chain's own. */
  readonly feeAsset: string
  readonly height: number
}

/** A plan is kept: from here on its coins or its number are this transfer's. */
export function takePlan(
  record: TransferRecord,
  { plan, unsigned, txid = null, feeAsset, height }: Planned,
  nowMs: number,
): TransferRecord {
  assert(wantsPlan(record), 'one plan at a time')
  const [first] = record.signedPlans
  assert(!first || excludes(first, plan), 'of two plans of one transfer only one can be in the chain')
  const { transfer } = record
  const isVoid = isEmpty(record, plan)
  const version = transfer.version + 1
  const attempt: Attempt = { plan, ...(txid && { txid }), version, plannedAtMs: nowMs, clearedAtMs: null, handedAtMs: [] }
  const reason = backWords({ ...record, attempt }) ?? (transfer.custody === 'self' ? 'waiting for your signature' : null)
  const status = isSigned(record) ? transfer.status : 'signing'
  const changes = { status, reason, plan, unsigned, fee: plan.fee, challenge: null }
  const searchedHeight = isSigned(record) ? record.searchedHeight : height
  // The signer, or the books, may still say no: what it has waited so far counts until it is signed, or is the merchant's to sign.
  const waitingSinceMs = transfer.custody === 'self' ? null : record.waitingSinceMs
  const next = moved(record, changes, { ...IDLE, waitingSinceMs, attempt, bumpBlocks: null, searchedHeight }, nowMs)
  // What comes back pays its own way.
  return withFee(next, isVoid ? plan.fee - transfer.units : plan.fee, feeAsset)
}

/** There is no plan. What passes by itself is waited for, a day at most. `lacking`: in words, and what would bring it. */
export function takePlanRefusal(
  record: TransferRecord,
  refusal: PlanRefusal,
  { waitsFor, reason }: { readonly waitsFor: Wait | null; readonly reason: string },
  nowMs: number,
): TransferRecord {
  if (isSigned(record)) return moved(record, { reason }, { bumpBlocks: null, waitUntilMs: nowMs + pauseOf(record) }, nowMs)
  const untilMs = nowMs + (waitsFor === 'reading' ? READING_WAIT_MS : WAIT_MS)
  if (refusal.reason === 'fee_over_limit') return waiting(record, { reason, waitsFor: null, untilMs }, nowMs)
  if (waitsFor !== null) return waiting(record, { reason, waitsFor, untilMs }, nowMs)
  return refusal.reason === 'insufficient_funds' ? tooLittle(record, reason, nowMs) : failedUnsigned(record, reason, nowMs)
}

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

/** Nobody chose the time of a refund, and all of the money that came in may be what it gives back: more may come. */
function tooLittle(record: TransferRecord, reason: string, nowMs: number): TransferRecord {
  if (record.transfer.kind !== 'refund') return failedUnsigned(record, reason, nowMs)
  const waitedMs = nowMs - (record.waitingSinceMs ?? nowMs)
  const untilMs = nowMs + Math.min(Math.max(Math.floor(waitedMs / BALANCE_WAIT_PART), WAIT_MS), BALANCE_WAIT_MS_MAX)
  return waiting(record, { reason, waitsFor: 'balance', untilMs }, nowMs)
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

/** Whether one more of its transactions can be kept. */
export function canSignMore({ signedPlans }: TransferRecord): boolean {
  const plan = signedPlans.at(-1)
  return plan !== undefined && signedPlans.length < signedMax(plan)
}

/** Two plans that spend a coin, or a number, in common. */
export function excludes(one: SpendPlan, other: SpendPlan): boolean {
  if (one.kind === 'account') return other.kind === 'account' && one.index === other.index && one.nonce === other.nonce
  const spent = new Set(one.inputs.map(({ txid, vout }) => `${txid}:${vout}`))
  return other.kind === 'coins' && other.inputs.some(({ txid, vout }) => spent.has(`${txid}:${vout}`))
}
