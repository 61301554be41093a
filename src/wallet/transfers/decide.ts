import type { PlanRefusal, SignedTransaction, SpendPlan, UnsignedTransaction } from '../../gateways/spend.ts'
import { assert, err, ok, type Result } from '../../lib/result.ts'
import type { Approval, SignRefusal } from '../../signer/rpc.ts'
import { approvalsGiven, lookedAt } from './approvals.ts'
import { firstHolds, onItsWay, withFee } from './books.ts'
import { APPROVALS_MAX, BUMP_PAUSE_MS, HANDED_MS, RETRY_MS, signedMax, WAIT_MS } from './limits.ts'
import { failedUnsigned, IDLE, moved, waiting, withoutAttempt } from './move.ts'
import { type Attempt, isOver, isSigned, type TransferRecord, type Wait } from './record.ts'
import type { CreateTransfer, TransferStepRefusal } from './rpc.ts'
import type { Transfer } from './types.ts'

/**
 * What happens to a transfer until it is signed, and what people may do to it. Pure: each takes the record and an answer,
 * which may come twice or late, and gives the record after it. What happens then is in follow.ts, money in books.ts.
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
  return bumpBlocks !== null && transfer.status === 'broadcast' && transfer.included === null
}

/** A plan is kept: from here on its coins or its number are this transfer's. `unsigned` is for merchants who sign themselves. */
export function takePlan(
  record: TransferRecord,
  { plan, unsigned, feeAsset, height }: { plan: SpendPlan; unsigned: UnsignedTransaction | null; feeAsset: string; height: number },
  nowMs: number,
): TransferRecord {
  assert(wantsPlan(record), 'one plan at a time')
  const [first] = record.signedPlans
  assert(!first || excludes(first, plan), 'of two plans of one transfer only one can be in the chain')
  const { transfer } = record
  const attempt: Attempt = { plan, version: transfer.version + 1, plannedAtMs: nowMs, clearedAtMs: null, handedAtMs: [] }
  const reason = transfer.custody === 'self' ? 'waiting for your signature' : null
  const status = isSigned(record) ? transfer.status : 'signing'
  const changes = { status, reason, plan, unsigned, fee: plan.fee, challenge: null }
  const searchedHeight = isSigned(record) ? record.searchedHeight : height
  const next = moved(record, changes, { ...IDLE, attempt, bumpBlocks: null, searchedHeight }, nowMs)
  return withFee(next, plan.fee, feeAsset)
}

/** There is no plan. What passes by itself is waited for, a day at most. */
export function takePlanRefusal(
  record: TransferRecord,
  refusal: PlanRefusal,
  lacking: { readonly waitsFor: Wait | null; readonly reason: string },
  nowMs: number,
): TransferRecord {
  const reason = wordsOf(refusal)
  if (isSigned(record)) return moved(record, { reason }, { bumpBlocks: null, waitUntilMs: nowMs + BUMP_PAUSE_MS }, nowMs)
  const untilMs = nowMs + WAIT_MS
  if (refusal.reason === 'fee_over_limit') return waiting(record, { reason, waitsFor: null, untilMs }, nowMs)
  if (lacking.waitsFor === null) return failedUnsigned(record, reason, nowMs)
  return waiting(record, { reason: lacking.reason, waitsFor: lacking.waitsFor, untilMs }, nowMs)
}

/** What its plan needs beyond its outputs cannot be reserved, or nothing may go out. Nobody was asked to sign. */
export function notCleared(record: TransferRecord, why: 'frozen' | 'insufficient', words: string, nowMs: number): TransferRecord {
  if (record.attempt === null) return record
  if (outstanding(record.attempt, nowMs).length > 0) {
    assert(why === 'frozen', 'the fee is reserved before anybody signs')
    return moved(record, { reason: words }, { waitUntilMs: nowMs + WAIT_MS, waitsFor: 'sending' }, nowMs)
  }
  if (isSigned(record)) return { ...withoutAttempt(record, words, nowMs), waitUntilMs: nowMs + BUMP_PAUSE_MS }
  if (why === 'insufficient') return failedUnsigned(record, words, nowMs)
  return waiting(record, { reason: words, waitsFor: 'sending', untilMs: nowMs + WAIT_MS }, nowMs)
}

/** The signer is given the plan: from here on there may be a signature. */
export function handedOut(record: TransferRecord, nowMs: number): TransferRecord {
  assert(record.attempt?.clearedAtMs, 'the books have let it through')
  return { ...record, attempt: { ...record.attempt, handedAtMs: [...outstanding(record.attempt, nowMs), nowMs] } }
}

/** Questions to the signer that may still be answered. */
export function outstanding({ handedAtMs }: Attempt, nowMs: number): readonly number[] {
  return handedAtMs.filter((atMs) => nowMs - atMs < HANDED_MS)
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
  const changes = { status, reason: null, signed, unsigned: null, challenge: null, fee: plan.fee }
  const signedPlans = [...record.signedPlans, plan]
  return moved(record, changes, { ...IDLE, attempt: null, signedPlans, refusals: 0, holds: onItsWay(record.holds) }, nowMs)
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
  const handedAtMs = unanswered(outstanding(attempt, nowMs), askedAtMs)
  const kept = { ...record, attempt: { ...attempt, handedAtMs } }
  const words = signWords(refusal)
  const retryAtMs = refusal.reason === 'limit_reached' ? Math.max(refusal.retryAtMs ?? 0, nowMs + RETRY_MS) : nowMs + WAIT_MS
  if (refusal.reason === 'unavailable') return moved(kept, { reason: words }, { waitUntilMs: nowMs + RETRY_MS }, nowMs)
  // A replacement that is not signed hurts nobody: it could only take the place of what is signed already.
  if (isSigned(record)) return { ...withoutAttempt(kept, words, nowMs), waitUntilMs: nowMs + BUMP_PAUSE_MS }
  if (handedAtMs.length > 0) {
    const asked = refusal.reason === 'needs_approval' && { challenge: refusal.challenge, approvalsWanted: refusal.wanted }
    return moved(kept, { reason: words, ...asked }, { waitUntilMs: nowMs + RETRY_MS }, nowMs)
  }
  switch (refusal.reason) {
    case 'needs_approval':
      return unapproved(kept, refusal, nowMs)
    case 'limit_reached':
      if (refusal.retryAtMs === null) return failedUnsigned(kept, words, nowMs)
      return moved(withoutAttempt(kept, words, nowMs), {}, { waitUntilMs: retryAtMs, waitsFor: null }, nowMs)
    case 'bad_plan':
    case 'bad_intent':
    case 'not_covered':
      return failedUnsigned(kept, words, nowMs)
    default:
      return waiting(kept, { reason: words, waitsFor: 'sending', untilMs: retryAtMs }, nowMs)
  }
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

type NeedsApproval = Extract<SignRefusal, { reason: 'needs_approval' }>

const ANEW = { status: 'queued', reason: null } as const

/** Only what nobody can have signed is ended. A merchant who signs says so for themselves. */
export function cancelled(record: TransferRecord, by: string, nowMs: number): Result<TransferRecord, TransferStepRefusal> {
  if (isSigned(record) || isOver(record)) return wrongStatus(record, 'it is signed, or over')
  const { attempt, transfer } = record
  if (transfer.custody === 'platform' && attempt && outstanding(attempt, nowMs).length > 0)
    return wrongStatus(record, 'it is being signed: try again in a moment')
  return ok(failedUnsigned(record, `cancelled by ${by}`, nowMs))
}

/** A replacement with a higher fee is wanted. */
export function bumped(record: TransferRecord, targetBlocks: number, nowMs: number): Result<TransferRecord, TransferStepRefusal> {
  const { status, included } = record.transfer
  if (status !== 'broadcast' || included !== null) return wrongStatus(record, 'only what waits for a block is replaced')
  if (record.attempt !== null) return wrongStatus(record, 'a replacement waits for its signature')
  if (!canSignMore(record)) return wrongStatus(record, 'it cannot be replaced any more: each of its transactions is kept')
  return ok(moved(record, { targetBlocks }, { bumpBlocks: targetBlocks, waitUntilMs: null }, nowMs))
}

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

function wrongStatus({ transfer }: TransferRecord, detail: string): Result<never, TransferStepRefusal> {
  return err({ reason: 'wrong_status', status: transfer.status, detail })
}

function wordsOf(refusal: PlanRefusal): string {
  switch (refusal.reason) {
    case 'insufficient_funds':
      return `the wallet has too little ${refusal.asset}${refusal.missing === null ? '' : `: ${refusal.missing} base units more are needed`}`
    case 'fee_over_limit':
      return `the network fee would be ${refusal.fee} base units, over the limit of this transfer`
    case 'bad_output':
      return `output ${refusal.position} cannot be paid: ${refusal.detail}`
    case 'not_bumpable':
      return `it cannot be replaced: ${refusal.detail}`
  }
}

function signWords(refusal: SignRefusal): string {
  if (refusal.reason === 'needs_approval') return approvalWords(refusal)
  return refusal.reason === 'limit_reached' ? `limit ${refusal.limit}: ${refusal.detail}` : `${refusal.reason}: ${refusal.detail}`
}

function approvalWords({ given, wanted, members = [] }: NeedsApproval): string {
  const isRefused = members.includes(null)
  return `${given} of ${wanted} approvals${isRefused ? '; what a passkey signed that the policy does not name, or over other words, does not count' : ''}`
}
