import { assert, err, ok, type Result } from '../../lib/result.ts'
import { greater, lesser } from '../../money/amount.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { AccountKey } from '../gateway.ts'
import type { AccountPlan, Funds, OwnPayment, PlanRefusal, SpendRequest } from '../spend.ts'
import { payerOf } from './address.ts'
import { assetOf } from './calls.ts'
import { baseFeeOf } from './fees.ts'
import { planPayment } from './payment.ts'
import { dearer, type GasFees, over, PLAIN_GAS, withMargin } from './pricing.ts'

/**
 * Sweeping without delegates (docs/evm-sweeping.md): a deposit address sends all it has to the treasury by itself, and the
 * treasury first gives it the gas that it lacks for sending a token. Each is one payment between own addresses. Pure.
 */

/** An address is emptied of the chain's own asset when it has so many times what that costs. */
const WORTH_TIMES = 20n

type AccountFunds = Extract<Funds, { kind: 'account' }>

/** Whether so much of the chain's own asset is worth the gas that bringing it takes. */
export function isWorthBringing(units: bigint, { maxFeePerGas, dataFee = 0n }: Pick<GasFees, 'maxFeePerGas' | 'dataFee'>): boolean {
  return units >= WORTH_TIMES * (PLAIN_GAS * maxFeePerGas + dataFee)
}

/**
 * A refusal for lack of the chain's own asset says as missing what a top-up should bring: enough for three full blocks in a
 * row before the transaction. What is planned then offers what the address has, so that little of it stays behind.
 */
export function planOwn(
  chain: ChainConfig,
  account: AccountKey,
  request: SpendRequest,
  own: OwnPayment,
): Result<AccountPlan, PlanRefusal> {
  const { funds, fees } = kindsOf(request)
  if (own.units !== null) return pay(chain, account, request, { own, units: own.units, fees })
  if (assetOf(chain, request.asset).contract === null) return planEmptying(chain, account, request, own, modest(fees))
  if (funds.gas === null) return pay(chain, account, request, { own, units: funds.units, fees })
  const affordable = affordableFees(chain, request, withMargin(funds.gas), fees, nextBlock(fees))
  return affordable.ok ? pay(chain, account, request, { own, units: funds.units, fees: affordable.value }) : affordable
}

/** The same at a higher fee: of the chain's own asset less arrives, of a token as much as the address has gas for. */
export function bumpOwn(
  chain: ChainConfig,
  account: AccountKey,
  before: AccountPlan,
  request: SpendRequest,
  own: OwnPayment,
): Result<AccountPlan, PlanRefusal> {
  const { funds, fees: market } = kindsOf(request)
  const fees = over(before, market)
  const payer = { native: funds.native, feeMax: request.feeMax }
  if (own.units !== null) return dearer(chain, before, fees, payer)
  if (assetOf(chain, request.asset).contract === null) return planEmptying(chain, account, request, own, fees)
  const least = over(before, { ...market, ...nextBlock(market) })
  const affordable = affordableFees(chain, request, before.gasLimit, fees, least)
  return affordable.ok ? dearer(chain, before, affordable.value, payer) : affordable
}

/** All that the address has of the chain's own asset, less what the gas may cost at most. */
function planEmptying(
  chain: ChainConfig,
  account: AccountKey,
  request: SpendRequest,
  own: OwnPayment,
  fees: GasFees,
): Result<AccountPlan, PlanRefusal> {
  const { funds } = kindsOf(request)
  const cost = withMargin(funds.gas ?? PLAIN_GAS) * fees.maxFeePerGas + (fees.dataFee ?? 0n)
  const units = funds.native - cost
  const worth = WORTH_TIMES * cost
  if (funds.native < worth) return lacks(chain, worth - funds.native)
  return pay(chain, account, { ...request, funds: { ...funds, units: funds.native } }, { own, units, fees })
}

/** The highest of these fees that the address has the gas for and its limit allows, and no less than `least`. */
function affordableFees(
  chain: ChainConfig,
  request: SpendRequest,
  gasLimit: bigint,
  most: GasFees,
  least: GasFees,
): Result<GasFees, PlanRefusal> {
  const { native } = kindsOf(request).funds
  const { feeMax } = request
  const { dataFee = 0n } = most
  const costAt = (price: bigint) => gasLimit * price + dataFee
  // What is over the limit is not sent whatever the address has: no gas is brought for it.
  if (costAt(least.maxFeePerGas) > feeMax) return err({ reason: 'fee_over_limit', fee: costAt(least.maxFeePerGas) })
  const offered = lesser(native, feeMax)
  const has = offered > dataFee ? (offered - dataFee) / gasLimit : 0n
  if (has >= least.maxFeePerGas)
    return ok({
      ...most,
      maxFeePerGas: lesser(has, most.maxFeePerGas),
      maxPriorityFeePerGas: least.maxPriorityFeePerGas,
    })
  const wanted = greater(modest(most).maxFeePerGas, least.maxFeePerGas)
  return lacks(chain, lesser(costAt(wanted), feeMax) - native)
}

/** What a place in the next block takes, and no more. */
function nextBlock(fees: GasFees): GasFees {
  return { ...fees, maxFeePerGas: baseFeeOf(fees) + fees.maxPriorityFeePerGas }
}

/** Three full blocks in a row raise the base fee by less than a half (EIP-1559: an eighth each). */
function modest(fees: GasFees): GasFees {
  return { ...fees, maxFeePerGas: (3n * baseFeeOf(fees)) / 2n + fees.maxPriorityFeePerGas }
}

function pay(
  chain: ChainConfig,
  account: AccountKey,
  request: SpendRequest,
  { own, units, fees }: { own: OwnPayment; units: bigint; fees: GasFees },
): Result<AccountPlan, PlanRefusal> {
  const { index, nonce } = kindsOf(request).funds
  const outputs = [{ address: payerOf(chain, account, own.index), units }]
  const plan = planPayment(chain, account, { ...request, outputs }, { index, nonce, fees, gasMin: 0n })
  return plan.ok ? ok({ ...plan.value, payeeIndex: own.index }) : plan
}

function lacks(chain: ChainConfig, missing: bigint): Result<never, PlanRefusal> {
  return err({ reason: 'insufficient_funds', asset: chain.native.code, missing })
}

function kindsOf({ funds, fees }: SpendRequest): { funds: AccountFunds; fees: GasFees } {
  assert(funds.kind === 'account' && fees.kind === 'account', 'funds and fees of an EVM chain')
  return { funds, fees }
}
