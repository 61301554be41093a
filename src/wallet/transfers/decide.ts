import type { PlanRefusal, SpendPlan, UnsignedTransaction } from '../../gateways/spend.ts'
import { assert } from '../../lib/result.ts'
import { firstHolds, withFee } from './books.ts'
import { BALANCE_WAIT_MS_MAX, BALANCE_WAIT_PART, BUMP_PAUSE_MS, READING_WAIT_MS, signedMax, WAIT_MS } from './limits.ts'
import { backWords, failedUnsigned, IDLE, moved, waiting } from './move.ts'
import { type Attempt, isEmpty, isSigned, outpoint, type TransferRecord, type Wait } from './record.ts'
import type { CreateTransfer } from './rpc.ts'
import type { Transfer } from './types.ts'

/**
 * What happens to a transfer until it has a plan. Pure: each takes the record and an answer, which may come twice or late, and
 * gives the record after it. What happens then is in signing.ts and follow.ts, what people want of it in wishes.ts, money in
 * books.ts.
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
export function pauseOf({ calledBack }: TransferRecord): number {
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

/** Nobody chose the time of a refund, and all of the money that came in may be what it gives back: more may come. */
export function tooLittle(record: TransferRecord, reason: string, nowMs: number): TransferRecord {
  if (record.transfer.kind !== 'refund') return failedUnsigned(record, reason, nowMs)
  const waitedMs = nowMs - (record.waitingSinceMs ?? nowMs)
  const untilMs = nowMs + Math.min(Math.max(Math.floor(waitedMs / BALANCE_WAIT_PART), WAIT_MS), BALANCE_WAIT_MS_MAX)
  return waiting(record, { reason, waitsFor: 'balance', untilMs }, nowMs)
}

/** Whether one more of its transactions can be kept. */
export function canSignMore({ signedPlans }: TransferRecord): boolean {
  const plan = signedPlans.at(-1)
  return plan !== undefined && signedPlans.length < signedMax(plan)
}

/** Two plans that spend a coin, or a number, in common. */
export function excludes(one: SpendPlan, other: SpendPlan): boolean {
  if (one.kind === 'account') return other.kind === 'account' && one.index === other.index && one.nonce === other.nonce
  const spent = new Set(one.inputs.map(outpoint))
  return other.kind === 'coins' && other.inputs.some((coin) => spent.has(outpoint(coin)))
}
