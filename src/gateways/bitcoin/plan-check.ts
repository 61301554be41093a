import { err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { AccountKey } from '../gateway.ts'
import { type CoinPlan, OUTPUTS_MAX, type Output, type PlanFault, type SpendPlan } from '../spend.ts'
import { deriveKey } from './address.ts'
import { INPUTS_MAX, vsizeOf } from './fees.ts'
import { recipientScript } from './recipient.ts'
import { isHash } from './rpc.ts'

/** Lock times below it are heights, from it on seconds since 1970 (BIP 65). */
const LOCK_TIME_HEIGHTS = 500_000_000

/**
 * Whether a plan pays exactly these outputs, in their order, and all else but the fee to the account itself. What the coins
 * hold is believed here. A signature commits to it, so one made for a wrong amount is worth nothing; but of P2WPKH (BIP 143)
 * to its own coin's alone: signatures of two plans that lie about different coins make a transaction whose fee nobody saw.
 * So who signs must never sign one coin for two amounts.
 */
export function check(
  chain: ChainConfig,
  account: AccountKey,
  plan: SpendPlan,
  asset: string,
  outputs: readonly Output[],
): Result<null, PlanFault> {
  const fault = planFault(chain, account, plan) ?? paymentFault(chain, plan as CoinPlan, asset, outputs)
  return fault === null ? ok(null) : err({ reason: 'bad_plan', detail: fault })
}

function paymentFault(chain: ChainConfig, plan: CoinPlan, asset: string, outputs: readonly Output[]): string | null {
  if (asset !== chain.native.code) return `it pays ${chain.native.code}, not ${asset}`
  const paid = plan.outputs.filter((_, position) => position !== plan.change?.position)
  if (paid.length !== outputs.length) return `it pays ${paid.length} outputs, not ${outputs.length}`
  const position = outputs.findIndex(({ address, units }, i) => paid[i]?.address !== address || paid[i]?.units !== units)
  return position < 0 ? null : `output ${position} pays something else than was asked for`
}

/** What is wrong with a plan by itself; null when it is a transaction of this account, all sums right. */
export function planFault(chain: ChainConfig, account: AccountKey, plan: SpendPlan): string | null {
  if (plan.kind !== 'coins' || account.script === 'evm') return 'it is no plan of coins'
  if (plan.chainId !== chain.id) return `it is for ${plan.chainId}, not ${chain.id}`
  if (!isWhole(plan.lockTime, LOCK_TIME_HEIGHTS)) return 'its lock time is no height'
  if (plan.inputs.length === 0 || plan.outputs.length === 0) return 'it spends or pays nothing'
  if (plan.inputs.length > INPUTS_MAX || plan.outputs.length > OUTPUTS_MAX + 1) return 'it is larger than we make any'

  const seen = new Set<string>()
  for (const [position, { txid, vout, units, index }] of plan.inputs.entries()) {
    if (!isHash(txid) || !isWhole(vout, 2 ** 32) || units <= 0n) return `input ${position} is no coin`
    if (!isWhole(index, 2 ** 31)) return `input ${position} is of no index of the account`
    if (seen.has(`${txid}:${vout}`)) return `input ${position} is there twice`
    seen.add(`${txid}:${vout}`)
  }

  const scripts: Uint8Array[] = []
  for (const [position, { address, units }] of plan.outputs.entries()) {
    const script = recipientScript(chain, address)
    if (!script.ok || units <= 0n) return `output ${position} cannot be paid`
    scripts.push(script.value)
  }
  if (plan.change) {
    const own = deriveKey(chain, account, plan.change.index)
    if (!own.ok || plan.outputs[plan.change.position]?.address !== own.value.address) return 'its change goes elsewhere'
  }

  const sum = (some: readonly { readonly units: bigint }[]) => some.reduce((total, { units }) => total + units, 0n)
  if (plan.fee < 0n || sum(plan.inputs) - sum(plan.outputs) !== plan.fee) return 'its inputs are not its outputs and its fee'
  if (plan.vsize !== vsizeOf(account.script, plan.inputs.length, scripts)) return 'its size is not what it says'
  return null
}

function isWhole(value: number, below: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < below
}
