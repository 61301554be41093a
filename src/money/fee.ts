import { err, ok, type Result } from '../lib/result.ts'
import { divideDown, lesser } from './amount.ts'
import type { Asset } from './asset.ts'
import { type Rate, worthUnits } from './rate.ts'

/** What a merchant pays for what comes in, of all stores. */
export interface FeePlan {
  /** Code of the asset or currency that `fixed`, `min` and `max` are in, in its base units. */
  readonly currency: string
  readonly default: FeeRule
  /** By asset code: instead of the default. */
  readonly methods: Readonly<Record<string, FeeRule>>
  /** Who gets a part of every fee. */
  readonly partner: FeePartner | null
}

/**
 * fee: basis points of the price and a fixed amount, at least `min` and at most `max`. margin: the shopper's rate is worse
 * by so many basis points, and what they pay more for it is the fee.
 */
export type FeeRule =
  | {
      readonly model: 'fee'
      readonly bps: number
      readonly fixed: bigint
      readonly min: bigint | null
      readonly max: bigint | null
    }
  | { readonly model: 'margin'; readonly bps: number }

export interface FeePartner {
  readonly id: string
  /** Basis points of the fee. The platform keeps the rest. */
  readonly shareBps: number
}

/** What one payment method of one invoice costs its merchant, locked when the invoice is made. */
export interface MethodFee {
  readonly model: FeeRule['model']
  /** Base units of the method's asset: the fee on the whole price. Over zero, never over the price. */
  readonly whole: bigint
  /** By how much the rate was made worse; null for the model `fee`. */
  readonly marginBps: number | null
  readonly partner: FeePartner | null
}

/** The highest percentage and margin of a plan: 20 %. */
export const FEE_BPS_MAX = 2_000

const BPS = 10_000n

export const NO_FEES: FeePlan = {
  currency: 'EUR',
  default: { model: 'fee', bps: 0, fixed: 0n, min: null, max: null },
  methods: {},
  partner: null,
}

/** The price in one asset: `units` at the rate the shopper gets, `market` at the rate without margin. */
export interface PricedMethod {
  readonly asset: Asset
  readonly units: bigint
  readonly market: bigint
}

/** Where the plan's own amounts come from: `rate` is the asset's in `currency`, null when they are the same, undefined when there is none. */
export interface PlanRate {
  readonly currency: Asset
  readonly rate: Rate | null | undefined
}

/**
 * The fee on a whole price. Every step rounds down, so for the merchant: the percentage, and the plan's amounts in base
 * units of the asset. Null when there is nothing to pay. Refused when the plan has an amount and no rate to tell it in.
 */
export function methodFee(
  plan: FeePlan,
  { asset, units, market }: PricedMethod,
  planRate: PlanRate,
): Result<MethodFee | null, 'no_rate'> {
  const rule = feeRule(plan, asset.code)
  const { model } = rule
  if (model === 'margin') return ok(feeOf(model, units - market, rule.bps, plan.partner))
  if (needsRate(rule) && planRate.rate === undefined) return err('no_rate')
  const inAsset = (amount: bigint) =>
    worthUnits(amount, planRate.currency.decimals, planRate.rate ?? { value: 1n, scale: 0 }, asset.decimals)
  let fee = divideDown(units * BigInt(rule.bps), BPS) + inAsset(rule.fixed)
  if (rule.min !== null) fee = greater(fee, inAsset(rule.min))
  if (rule.max !== null) fee = lesser(fee, inAsset(rule.max))
  return ok(feeOf(model, lesser(fee, units), null, plan.partner))
}

/** The method's own rule, else the plan's. */
export function feeRule(plan: FeePlan, assetCode: string): FeeRule {
  return (Object.hasOwn(plan.methods, assetCode) ? plan.methods[assetCode] : undefined) ?? plan.default
}

/** A rate that is worse for who pays, exactly: (1 - bps / 10,000) of it, in four more digits. */
export function withMargin(rate: Rate, bps: number): Rate {
  return bps === 0 ? rate : { ...rate, value: rate.value * (BPS - BigInt(bps)), scale: rate.scale + 4 }
}

/**
 * The fee on `units` of a price of which `whole` units are all: the same fraction, rounded down. So parts of a price never
 * cost more than the whole, and the whole costs exactly `fee.whole`.
 */
export function feeOn(units: bigint, whole: bigint, fee: MethodFee): bigint {
  return divideDown(units * fee.whole, whole)
}

/** The partner's part of a fee, rounded down; the platform keeps the rest, so both parts are all of it. */
export function partnerShare(fee: bigint, partner: FeePartner): bigint {
  return divideDown(fee * BigInt(partner.shareBps), BPS)
}

function feeOf(model: FeeRule['model'], whole: bigint, marginBps: number | null, partner: FeePartner | null): MethodFee | null {
  return whole > 0n ? { model, whole, marginBps, partner } : null
}

function needsRate({ fixed, min, max }: Extract<FeeRule, { model: 'fee' }>): boolean {
  return fixed > 0n || (min ?? 0n) > 0n || max !== null
}

function greater(one: bigint, other: bigint): bigint {
  return one > other ? one : other
}
