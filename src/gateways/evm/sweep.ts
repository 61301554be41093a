import { assert, err, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { AccountKey } from '../gateway.ts'
import type { AccountPlan, Deposit, PlanRefusal, SpendRequest } from '../spend.ts'
import { payerOf } from './address.ts'
import { assetOf, deployCall, flushCall } from './calls.ts'
import { ownDelegate } from './delegate.ts'
import { AUTHORIZATION_GAS, priced, withMargin } from './pricing.ts'

/**
 * Brings what deposit addresses have to the treasury, the address of the account that pays, by one transaction for many of
 * them, where the chain has delegates (EIP-7702). Elsewhere: own.ts. Pure. How it works, and what it costs: docs/evm-sweeping.md.
 */

/** Addresses in one transaction: with tokens that take much, and all of them new, still under 2^24 gas (EIP-7825). */
export const SWEEP_MAX = 100

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
