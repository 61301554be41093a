import { assert, err, ok, type Result } from '../../lib/result.ts'
import { formatDecimal, greater } from '../../money/amount.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { AccountKey } from '../gateway.ts'
import type { CoinPlan, PlanRefusal, SpendRequest, WaitingParent } from '../spend.ts'
import { deriveKey } from './address.ts'
import { dustLimit, feeOf, INPUTS_MAX, MIN_RELAY_SATS_PER_KVB, vsizeOf } from './fees.ts'
import { leftBehind, type Owing } from './package.ts'

const IN_BLOCK: Owing = { fee: 0n, vsize: 0 }

/**
 * Child pays for parent: spends coins of ours that a waiting transaction made, as few as will do, to an own index, at such a
 * fee that all that waits for it has the rate together. Refused where the parent has the rate by itself.
 */
export function planChild(chain: ChainConfig, account: AccountKey, request: SpendRequest): Result<CoinPlan, PlanRefusal> {
  const { funds, fees, outputs, feeMax } = request
  assert(account.script !== 'evm' && funds.kind === 'coins' && fees.kind === 'coins', 'an account of a chain of coins')
  assert(funds.parent && outputs.length === 0, 'a child of what waits, which pays nobody')
  const rate = greater(fees.satsPerKvb, MIN_RELAY_SATS_PER_KVB)
  const refuse = (detail: string) => err({ reason: 'no_child', detail } as const)
  const owing = leftBehind(funds.parent.ancestors, rate)
  const perByte = `${formatDecimal(rate, 3, 0)} sat/vB`
  if (owing === null) return refuse(`it need not be hurried: it pays ${perByte}, the rate of now, or more`)

  const key = deriveKey(chain, account, funds.changeIndex)
  assert(key.ok, 'the account has an address to pay to')
  const { address, watchKey } = key.value
  const coins = funds.parent.coins.toSorted((one, other) => (one.units < other.units ? 1 : one.units > other.units ? -1 : 0))
  let missing: bigint | null = null
  for (let count = 1; count <= Math.min(coins.length, INPUTS_MAX); count++) {
    const inputs = coins.slice(0, count)
    const vsize = vsizeOf(account.script, count, [watchKey])
    const fee = feeOf(rate, owing.vsize + vsize) - owing.fee
    const units = inputs.reduce((sum, coin) => sum + coin.units, 0n) - fee
    const short = dustLimit(chain, watchKey) - units
    if (short > 0n) {
      missing = missing === null || short < missing ? short : missing
      continue
    }
    if (fee > feeMax) return err({ reason: 'fee_over_limit', fee })
    const change = { position: 0, index: funds.changeIndex }
    const common = { kind: 'coins', chainId: chain.id, inputs, change, fee, vsize, lockTime: funds.height } as const
    return ok({ ...common, outputs: [{ address, units }] })
  }
  const short = `${formatDecimal(missing ?? 0n, chain.native.decimals, 0)} ${chain.native.code}`
  return refuse(`what it pays this wallet is ${short} too little for the fee of hurrying it at ${perByte}`)
}

/** What a replacement of a child, of so many virtual bytes, must pay for its place. Of a parent that is in a block, or pays enough by now, its own place. */
export function childFee({ ancestors }: WaitingParent, satsPerKvb: bigint, vsize: number): bigint {
  const owing = leftBehind(ancestors, satsPerKvb) ?? IN_BLOCK
  return feeOf(satsPerKvb, owing.vsize + vsize) - owing.fee
}
