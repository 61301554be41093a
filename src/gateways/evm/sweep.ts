import { assert, err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { AccountKey } from '../gateway.ts'
import type { AccountPlan, Deposit, PlanRefusal, SpendRequest } from '../spend.ts'
import { payerOf } from './address.ts'
import { assetOf, deployCall, flushCall } from './calls.ts'
import { ownDelegate } from './delegate.ts'
import { planPayment } from './payment.ts'
import { AUTHORIZATION_GAS, type GasFees, priced, withMargin } from './pricing.ts'

/**
 * Brings what deposit addresses have to the treasury, the address of the account that pays. Where the chain has delegates
 * (EIP-7702) the treasury sends one transaction for many addresses; elsewhere each address sends its own, and is given the
 * gas for it first. Pure. How it works, and what it costs: docs/evm-sweeping.md.
 */

/** Addresses in one transaction: with tokens that take much, and all of them new, still under 2^24 gas (EIP-7825). */
export const SWEEP_MAX = 100
/** An address is swept when it has so many times what that costs. */
const WORTH_TIMES = 20n
/**
 * Gas for one address of a batch, roughly, for deciding alone: of one that delegates with it, and of one that has. Tokens in
 * use take up to twice what the test token does.
 */
const GAS_NEW = 60_000n
const GAS_AGAIN = 40_000n

/** What the asset is worth in the chain's own: `units` of it are `wei`. The chain's own asset is 1 to 1. */
export interface Worth {
  readonly units: bigint
  readonly wei: bigint
}

/** Those worth their gas at this fee, the richest first, as many as one transaction takes. */
export function worthSweeping(deposits: readonly Deposit[], worth: Worth, fees: Pick<GasFees, 'maxFeePerGas'>): Deposit[] {
  return deposits
    .filter(({ units, delegated }) => {
      const cost = (delegated ? GAS_AGAIN : GAS_NEW) * fees.maxFeePerGas
      return units * worth.wei >= WORTH_TIMES * cost * worth.units && units > 0n
    })
    .sort((a, b) => (a.units > b.units ? -1 : a.units < b.units ? 1 : a.index - b.index))
    .slice(0, SWEEP_MAX)
}

/**
 * One transaction that brings all that these addresses have of the asset to the payer, whatever it is by then. Of no
 * addresses, the one that makes the payer's delegate: once on each chain, before anything is swept or paid to many.
 */
export function planSweep(
  chain: ChainConfig,
  account: AccountKey,
  { asset, outputs, funds, fees, feeMax }: SpendRequest,
  deposits: readonly Deposit[],
): Result<AccountPlan, PlanRefusal> {
  assert(funds.kind === 'account' && fees.kind === 'account', 'funds and fees of an EVM chain')
  assert(outputs.length === 0, 'a sweep pays nobody')
  assert(deposits.length <= SWEEP_MAX, `at most ${SWEEP_MAX} addresses in a sweep`)
  const { index, nonce, native, gas } = funds
  assert(
    deposits.every((deposit) => deposit.index !== index),
    'the payer is not swept',
  )
  const refuse = (detail: string) => err({ reason: 'bad_output', position: 0, detail } as const)
  if (chain.delegateFactory === undefined) return refuse('the chain has no delegate configured')
  if (gas === null) return refuse('a node says that the sweep would fail: the delegate is not made yet, or was made before')
  const payer = payerOf(chain, account, index)
  const address = ownDelegate(chain, payer)
  const authorizations = deposits
    .filter(({ delegated }) => !delegated)
    .map((deposit) => ({ index: deposit.index, nonce: deposit.nonce, address }))
  const accounts = deposits.map((deposit) => payerOf(chain, account, deposit.index))
  const call =
    deposits.length === 0 ? deployCall(chain.delegateFactory, payer) : flushCall(address, assetOf(chain, asset), accounts)
  const gasLimit = withMargin(gas) + BigInt(authorizations.length) * AUTHORIZATION_GAS
  const pricing = { call, index, nonce, fees, gasLimit, ...(authorizations.length > 0 ? { authorizations } : {}) }
  return priced(chain, pricing, { native, feeMax })
}

/**
 * Without delegates: one address sends all it has of an asset to the treasury, by itself. `gas`: a node's estimate. Of the
 * chain's own asset it keeps what the gas may cost at most, of which some stays behind.
 */
export function planEmptying(
  chain: ChainConfig,
  account: AccountKey,
  wanted: { asset: string; deposit: Deposit; treasuryIndex: number; gas: bigint; fees: GasFees; feeMax: bigint },
): Result<AccountPlan, PlanRefusal> {
  const { asset, deposit, gas, fees, feeMax } = wanted
  const { index, nonce, native } = deposit
  const isNative = assetOf(chain, asset).contract === null
  const units = isNative ? native - emptyingCost(gas, fees) : deposit.units
  if (units <= 0n) return err({ reason: 'insufficient_funds', asset: chain.native.code, missing: 1n - units })
  const held = { index, nonce, units: isNative ? native : deposit.units, native, gas }
  return payOwn(chain, account, { asset, units, payeeIndex: wanted.treasuryIndex, from: held, fees, feeMax })
}

/**
 * Without delegates: the treasury gives an address the gas that it lacks for sending its tokens. `gas`: of that; the payment
 * itself is a plain one. Null when it has enough.
 */
export function planTopUp(
  chain: ChainConfig,
  account: AccountKey,
  wanted: { deposit: Deposit; gas: bigint; treasury: Payer; fees: GasFees; feeMax: bigint },
): Result<AccountPlan, PlanRefusal> | null {
  const { deposit, gas, treasury, fees, feeMax } = wanted
  const units = emptyingCost(gas, fees) - deposit.native
  if (units <= 0n) return null
  const from = { ...treasury, units: treasury.native }
  return payOwn(chain, account, { asset: chain.native.code, units, payeeIndex: deposit.index, from, fees, feeMax })
}

/** The paying address and what it has; `gas`: a node's estimate, without a margin. */
interface Payer {
  readonly index: number
  readonly nonce: number
  readonly native: bigint
  readonly gas: bigint
}

function payOwn(
  chain: ChainConfig,
  account: AccountKey,
  wanted: { asset: string; units: bigint; payeeIndex: number; from: Payer & { units: bigint }; fees: GasFees; feeMax: bigint },
): Result<AccountPlan, PlanRefusal> {
  const { asset, units, payeeIndex, from, fees, feeMax } = wanted
  const outputs = [{ address: payerOf(chain, account, payeeIndex), units }]
  const request = { asset, outputs, funds: { kind: 'account' as const, ...from }, fees, feeMax }
  const plan = planPayment(chain, account, request, { index: from.index, nonce: from.nonce, fees, gasMin: 0n })
  return plan.ok ? ok({ ...plan.value, payeeIndex }) : plan
}

function emptyingCost(gas: bigint, { maxFeePerGas, dataFee }: GasFees): bigint {
  return withMargin(gas) * maxFeePerGas + (dataFee ?? 0n)
}
