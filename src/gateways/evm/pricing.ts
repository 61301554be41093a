import { err, ok, type Result } from '../../lib/result.ts'
import { greater } from '../../money/amount.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { AccountKey } from '../gateway.ts'
import type { AccountPlan, FeeFacts, PlannedAuthorization, PlanRefusal } from '../spend.ts'
import { payerOf } from './address.ts'
import { type Call, nothingCall } from './calls.ts'

export type GasFees = Extract<FeeFacts, { kind: 'account' }>

/** What a payment to an account without code takes, to the last unit (yellow paper, appendix G). */
export const PLAIN_GAS = 21_000n
/** A node's estimate is of now: contracts may take a little more in the block that it comes into. */
const GAS_MARGIN_PERCENT = 20n
/** What an authorization costs before anything is given back (EIP-7702, PER_EMPTY_ACCOUNT_COST). */
export const AUTHORIZATION_GAS = 25_000n
/** Nodes take a replacement at 10 % more (geth's `txpool.pricebump`), or a little over. */
const BUMP_PER_MILLE = 1_125n
/** The least for a payment of nothing to oneself: enough where the account has delegated, or does by this very transaction. */
const NOTHING_GAS_MIN = 30_000n

interface Pricing {
  readonly call: Call
  readonly index: number
  readonly nonce: number
  readonly fees: GasFees
  readonly gasLimit: bigint
  readonly authorizations?: readonly PlannedAuthorization[]
}

/** A plan of a call whose gas is known, within the limit on its fee and what the payer has for it. */
export function priced(
  chain: ChainConfig,
  { call, index, nonce, fees, gasLimit, authorizations }: Pricing,
  { native, feeMax }: { native: bigint; feeMax: bigint },
): Result<AccountPlan, PlanRefusal> {
  const { maxFeePerGas, maxPriorityFeePerGas, dataFee } = fees
  const fee = gasLimit * maxFeePerGas + (dataFee ?? 0n)
  if (fee > feeMax) return err({ reason: 'fee_over_limit', fee })
  const missing = call.value + fee - native
  if (missing > 0n) return err({ reason: 'insufficient_funds', asset: chain.native.code, missing })
  const plan: AccountPlan = {
    kind: 'account',
    chainId: chain.id,
    index,
    nonce,
    ...call,
    gasLimit,
    maxFeePerGas,
    maxPriorityFeePerGas,
    fee,
  }
  return ok(authorizations === undefined ? plan : { ...plan, authorizations })
}

/** Of an estimate. What takes exactly as much as a plain payment goes to an account without code: nothing there can take more. */
export function withMargin(estimate: bigint): bigint {
  return estimate === PLAIN_GAS ? PLAIN_GAS : (estimate * (100n + GAS_MARGIN_PERCENT) + 99n) / 100n
}

/**
 * Of a payment of nothing to oneself that was estimated, or could not be; a rollup may count what it pays to Ethereum as gas
 * (Arbitrum).
 */
export function nothingGas(estimate: bigint | null): bigint {
  return greater(NOTHING_GAS_MIN, withMargin(estimate ?? 0n))
}

/** The same transaction at these fees. */
export function dearer(
  chain: ChainConfig,
  before: AccountPlan,
  fees: GasFees,
  payer: { native: bigint; feeMax: bigint },
): Result<AccountPlan, PlanRefusal> {
  const { to, value, data } = before
  const again = priced(chain, { ...before, call: { to, value, data }, fees }, payer)
  return again.ok ? ok({ ...before, ...again.value }) : again
}

/** Dear enough to take the place of `before`, and at least what a place in a block costs now. */
export function over(before: AccountPlan, market: GasFees): GasFees {
  const raise = (fee: bigint, now: bigint) => {
    const raised = (fee * BUMP_PER_MILLE + 999n) / 1_000n
    return raised > now ? raised : now
  }
  return {
    ...market,
    maxFeePerGas: raise(before.maxFeePerGas, market.maxFeePerGas),
    maxPriorityFeePerGas: raise(before.maxPriorityFeePerGas, market.maxPriorityFeePerGas),
  }
}

/**
 * A payment of nothing to oneself that takes the place of `before`, a transaction that must not come into the chain any more,
 * by its number. An authorization of the payer's own that was in that has a number, too, and stays. `gas`: as estimated.
 */
export function planNothing(
  chain: ChainConfig,
  account: AccountKey,
  wanted: {
    native: bigint
    gas: bigint | null
    fees: GasFees
    feeMax: bigint
    before: AccountPlan
  },
): Result<AccountPlan, PlanRefusal> {
  const { native, gas, fees: market, feeMax, before } = wanted
  const { index, nonce } = before
  const fees = over(before, market)
  const call = nothingCall(payerOf(chain, account, index))
  const own = before.authorizations?.filter((authorization) => authorization.index === index) ?? []
  const gasLimit = nothingGas(gas) + BigInt(own.length) * AUTHORIZATION_GAS
  const pricing = { call, index, nonce, fees, gasLimit, ...(own.length > 0 && { authorizations: own }) }
  return priced(chain, pricing, { native, feeMax })
}
