import type { SpendPlan } from '../gateways/spend.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { ChainConfig } from '../money/chain.ts'
import { approvedBy } from './approvals.ts'
import type { Cover } from './cover.ts'
import { destinationsOf, unitsOf } from './intent.ts'
import { type FeeOutflow, feesReached, HOUR_MS, limitReached, type Outflow } from './limits.ts'
import { coinsOf, notInPlaceOf } from './plans.ts'
import type { AssetPolicy, FeePolicy, Policy } from './policy.ts'
import type { Intent, SignRefusal } from './rpc.ts'

/** What is asked for, in good form and of this wallet. */
export interface Ask {
  readonly intent: Intent
  readonly plan: SpendPlan
  readonly chain: ChainConfig
  /** It calls a payment back that was signed before. Absent: it does not. */
  readonly paysNobody?: boolean
  /** What the gateway has against the plan as a way to carry out the intent; null when nothing. */
  readonly planFault: string | null
}

/** What the wallet's own rows say, at the time of the decision. */
export interface Known {
  /** Never before anything in the log. */
  readonly nowMs: number
  readonly policy: Policy | null
  /** The newest plan that was signed for this intent; null before the first. */
  readonly before: SpendPlan | null
  /** How many were signed for it. */
  readonly attempts: number
  /** The highest fee among them. */
  readonly feeBefore: bigint
  /** Signatures of the last day, of every intent. */
  readonly signaturesOfDay: number
  /** At least those of the last day. */
  readonly outflows: readonly Outflow[]
  readonly fees: readonly FeeOutflow[]
  /** Refunds of the intent's invoice in its asset that were signed here, this one left out. */
  readonly refunds: readonly { readonly id: string; readonly units: bigint }[]
  /** What a coin was said to be worth when it was signed for, or null. */
  coinUnits(outpoint: string): bigint | null
  /** Since when a payout to a destination has been asked for, or null. */
  askedSinceMs(destination: string): number | null
}

/** What was asked elsewhere, for an intent that is not signed yet. */
export interface Facts {
  readonly cover: Result<Cover, SignRefusal>
  /** Of each approval that was shown: whose it is, or null when it counts for nothing. */
  readonly members: readonly (string | null)[]
  readonly challenge: string
}

export interface Verdict {
  /** What this signature can cost more than those before, in base units of the native asset. */
  readonly feeAdded: bigint
}

/** Signatures for one intent: a fee bumped from the least to the most takes some thirty. */
const ATTEMPTS_MAX = 100
/** What has to be read to know the last day. */
export const SIGNATURES_PER_DAY_MAX = 10_000

/**
 * Whether a plan is signed: nothing is that no rule here allows. An intent is covered, limited and approved when it is
 * first signed; a plan that takes the place of one before moves the same money, so it has only its fee to answer for.
 */
export function decide(ask: Ask, known: Known, facts: Facts | null): Result<Verdict, SignRefusal> {
  const { intent, plan } = ask
  const policy = policyFor(intent, known.policy)
  if (!policy) return err({ reason: 'no_policy', detail: `no policy allows a ${intent.kind} in ${intent.asset}` })
  const fault = ask.planFault ?? coinFault(plan, known) ?? placeFault(plan, known)
  if (fault !== null) return err({ reason: 'bad_plan', detail: fault })

  const feeMost = feeLimit(policy.fee, intent, ask.chain)
  if (plan.fee > feeMost) return err({ reason: 'fee_over_limit', detail: `the fee is ${plan.fee}, and ${feeMost} is allowed` })
  const feeAdded = plan.fee > known.feeBefore ? plan.fee - known.feeBefore : 0n
  const refusal =
    tooMany(known) ??
    feesReached(policy.fee.perDay, known.fees, { atMs: known.nowMs, chainId: intent.chainId, fee: feeAdded }) ??
    (known.before === null ? firstRefusal(ask, policy, known, facts) : null)
  return refusal ? err(refusal) : ok({ feeAdded })
}

function policyFor({ asset, kind }: Intent, policy: Policy | null): AssetPolicy | null {
  const found = policy && Object.hasOwn(policy.assets, asset) ? policy.assets[asset] : undefined
  return found?.kinds.includes(kind) ? found : null
}

/** What an intent must have that nothing was signed for yet. */
function firstRefusal({ intent, chain }: Ask, policy: AssetPolicy, known: Known, facts: Facts | null): SignRefusal | null {
  if (intent.kind === 'sweep') return null
  if (!facts) return { reason: 'unavailable', detail: 'what stands behind the transfer was not asked' }
  if (!facts.cover.ok) return facts.cover.error
  const { most, failed } = facts.cover.value
  const refunded = sumOf(known.refunds)
  const isOver = (sum: bigint) => most !== null && sum + unitsOf(intent) > most
  if (isOver(sumOf(known.refunds.filter(({ id }) => !failed.includes(id))))) {
    const detail = `the invoice received ${most}, of which ${refunded} were refunded; this is ${unitsOf(intent)} more`
    return { reason: 'not_covered', detail }
  }
  return (
    newDestination(intent, chain, policy, known) ??
    limitReached(policy, known.outflows, outflowOf(intent, chain, known.nowMs)) ??
    missingApprovals(intent, policy, facts, isOver(refunded))
  )
}

/** An intent as the limits count it. */
export function outflowOf(intent: Intent, chain: ChainConfig, atMs: number): Outflow {
  const { asset, storeId } = intent
  return { atMs, asset, storeId, destinations: intent.kind === 'sweep' ? {} : destinationsOf(intent, chain) }
}

/** Names a destination among those of all chains. */
export function destinationNames(intent: Intent, chain: ChainConfig): string[] {
  return Object.keys(destinationsOf(intent, chain)).map((key) => `${chain.id}/${key}`)
}

function newDestination(intent: Intent, chain: ChainConfig, policy: AssetPolicy, known: Known): SignRefusal | null {
  if (intent.kind !== 'payout' || policy.newDestinationHours === null) return null
  const waitMs = policy.newDestinationHours * HOUR_MS
  const since = destinationNames(intent, chain).map((name) => known.askedSinceMs(name) ?? known.nowMs)
  const retryAtMs = Math.max(...since) + waitMs
  if (retryAtMs <= known.nowMs) return null
  const detail = `a payout to a new destination waits ${policy.newDestinationHours} hours from when it was first asked for`
  return { reason: 'limit_reached', limit: 'new_destination', retryAtMs, detail }
}

/**
 * `isRepeat`: it takes the place of a refund that was signed and is said to have failed. Others than the signer say so, so
 * people must.
 */
function missingApprovals(intent: Intent, policy: AssetPolicy, facts: Facts, isRepeat: boolean): SignRefusal | null {
  if (intent.kind === 'sweep' || (!isRepeat && unitsOf(intent) <= policy.autoApproveUpTo[intent.kind])) return null
  const { challenge, members } = facts
  const given = approvedBy(members).length
  return given >= policy.approvals ? null : { reason: 'needs_approval', challenge, wanted: policy.approvals, given, members }
}

function sumOf(some: Known['refunds']): bigint {
  return some.reduce((sum, { units }) => sum + units, 0n)
}

function feeLimit({ max, bps, floor }: FeePolicy, intent: Intent, chain: ChainConfig): bigint {
  if (bps === null || intent.kind === 'sweep' || intent.asset !== chain.native.code) return max
  const share = (unitsOf(intent) * BigInt(bps)) / 10_000n
  const most = share > floor ? share : floor
  return most < max ? most : max
}

function placeFault(plan: SpendPlan, { before, attempts }: Known): string | null {
  if (attempts >= ATTEMPTS_MAX) return `${attempts} transactions were signed for it`
  return before && notInPlaceOf(before, plan)
}

/**
 * A segwit signature (BIP 143) vouches for the value of its own input only. Two plans that each understate another coin
 * would together make a transaction whose fee nobody agreed to: so a coin has one value, for ever.
 */
function coinFault(plan: SpendPlan, known: Known): string | null {
  const changed = coinsOf(plan).find(({ outpoint, units }) => (known.coinUnits(outpoint) ?? units) !== units)
  return changed ? `${changed.outpoint} was worth ${known.coinUnits(changed.outpoint)} before, and is now ${changed.units}` : null
}

function tooMany({ signaturesOfDay, fees }: Known): SignRefusal | null {
  if (signaturesOfDay < SIGNATURES_PER_DAY_MAX) return null
  const detail = `${SIGNATURES_PER_DAY_MAX} transactions were signed within a day`
  return { reason: 'limit_reached', limit: 'signatures_per_day', retryAtMs: (fees[0]?.atMs ?? 0) + 24 * HOUR_MS, detail }
}
