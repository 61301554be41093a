import { assert, err, ok, type Result } from '../../lib/result.ts'
import { greater } from '../../money/amount.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { AccountKey } from '../gateway.ts'
import type { CoinPlan, OwnCoin, PlanRefusal } from '../spend.ts'
import { deriveKey } from './address.ts'
import { dustLimit, feeOf, MIN_RELAY_SATS_PER_KVB, vsizeOf } from './fees.ts'

/** A coin of ours in a transaction that waits, and what that transaction pays. */
export interface WaitingCoin {
  readonly coin: OwnCoin
  readonly parentFee: bigint
  readonly parentVsize: number
}

/**
 * Child pays for parent: spends a coin that waits to an own index, at such a fee that both together pay `satsPerKvb`, or
 * what nodes want of the child alone where the parent pays enough: rate * (vsize of parent + of child) - parent's fee.
 */
export function planChild(
  chain: ChainConfig,
  account: AccountKey,
  { coin, parentFee, parentVsize }: WaitingCoin,
  { satsPerKvb, toIndex, height, feeMax }: { satsPerKvb: bigint; toIndex: number; height: number; feeMax: bigint },
): Result<CoinPlan, PlanRefusal> {
  assert(account.script !== 'evm', 'an account of a chain of coins')
  const key = deriveKey(chain, account, toIndex)
  assert(key.ok, 'the account has an address to pay to')
  const { address, watchKey } = key.value
  const vsize = vsizeOf(account.script, 1, [watchKey])
  const wanted = feeOf(satsPerKvb, parentVsize + vsize) - parentFee
  const fee = greater(wanted, feeOf(MIN_RELAY_SATS_PER_KVB, vsize))
  const missing = fee + dustLimit(chain, watchKey) - coin.units
  if (missing > 0n) return err({ reason: 'insufficient_funds', asset: chain.native.code, missing })
  if (fee > feeMax) return err({ reason: 'fee_over_limit', fee })
  return ok({
    kind: 'coins',
    chainId: chain.id,
    inputs: [coin],
    outputs: [{ address, units: coin.units - fee }],
    change: { position: 0, index: toIndex },
    fee,
    vsize,
    lockTime: height,
  })
}
