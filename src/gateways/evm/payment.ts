import { assert, err, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { AccountKey } from '../gateway.ts'
import type { AccountPlan, PlanRefusal, SpendRequest } from '../spend.ts'
import { payerOf } from './address.ts'
import { assetOf, paymentCall } from './calls.ts'
import { ownDelegate } from './delegate.ts'
import { AUTHORIZATION_GAS, type GasFees, priced, withMargin } from './pricing.ts'

/** A transaction that pays the outputs of a request, under this number, at these fees and with so much gas at least. */
export function planPayment(
  chain: ChainConfig,
  account: AccountKey,
  request: SpendRequest,
  { index, nonce, fees, gasMin }: { index: number; nonce: number; fees: GasFees; gasMin: bigint },
): Result<AccountPlan, PlanRefusal> {
  const { funds } = request
  assert(funds.kind === 'account', 'funds of an EVM chain')
  const payer = payerOf(chain, account, index)
  const call = paymentCall(chain, payer, request.asset, request.outputs, funds.own !== undefined)
  if (!call.ok) return call
  const total = request.outputs.reduce((sum, { units }) => sum + units, 0n)
  if (total > funds.units) return err({ reason: 'insufficient_funds', asset: request.asset, missing: total - funds.units })
  const isMany = request.outputs.length > 1
  // What one call pays to many is not its value, but the payer must have it beside the fee all the same.
  const inside = isMany && assetOf(chain, request.asset).contract === null ? total : 0n
  if (funds.gas === null) {
    const isKnown = !isMany || funds.refusing !== undefined
    const why = isKnown ? 'the token or the recipient refuses it' : 'a recipient refuses it, or the delegate is not made yet'
    const detail = `a node says that this payment would fail: ${why}`
    return err({ reason: 'bad_output', position: funds.refusing ?? 0, detail })
  }
  const gasLimit = withMargin(funds.gas) + (isMany ? AUTHORIZATION_GAS : 0n)
  return priced(
    chain,
    {
      call: call.value,
      index,
      nonce,
      fees,
      gasLimit: gasLimit > gasMin ? gasLimit : gasMin,
      ...(isMany ? { authorizations: [{ index, nonce: nonce + 1, address: ownDelegate(chain, payer) }] } : {}),
    },
    { native: funds.native - inside, feeMax: request.feeMax },
  )
}
