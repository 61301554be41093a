import type { AccountKey } from '../gateways/gateway.ts'
import type { SpendPlan } from '../gateways/spend.ts'
import { spenderOf } from '../gateways/spenders.ts'
import { sha256Hex } from '../lib/ids.ts'
import { canonicalJson } from '../lib/json.ts'
import type { ChainConfig } from '../money/chain.ts'
import type { Intent } from './rpc.ts'

/** Which plan it is: the same one asked for again gets the same bytes. */
export function planHash(plan: SpendPlan): Promise<string> {
  return sha256Hex(canonicalJson(plan))
}

/**
 * Whether only one of the two can ever be in the chain: a plan of coins spends all that the one before spends (BIP 125), a
 * plan of an account has its number. Null, or what is wrong in words.
 */
export function notInPlaceOf(before: SpendPlan, plan: SpendPlan): string | null {
  if (plan.chainId !== before.chainId) return `it is for another chain than what was signed before`
  if (before.kind === 'account') {
    const same = plan.kind === 'account' && plan.index === before.index && plan.nonce === before.nonce
    return same ? null : `it has not the payer and the number (${before.nonce}) of what was signed before`
  }
  const spends = new Set(coinsOf(plan).map(({ outpoint }) => outpoint))
  const left = coinsOf(before).find(({ outpoint }) => !spends.has(outpoint))
  return left ? `it does not spend ${left.outpoint}, which what was signed before spends` : null
}

/** What a plan says its coins are worth; none of an account. */
export function coinsOf(plan: SpendPlan): { readonly outpoint: string; readonly units: bigint }[] {
  return plan.kind === 'coins' ? plan.inputs.map(({ txid, vout, units }) => ({ outpoint: `${txid}:${vout}`, units })) : []
}

/**
 * What the gateway has against the plan as a way to carry out the intent, or null. A sweep pays nobody: all of it must go
 * to the account itself.
 */
export function faultOfPlan(chain: ChainConfig, account: AccountKey, intent: Intent, plan: SpendPlan): string | null {
  if ((plan.kind !== 'coins' && plan.kind !== 'account') || typeof plan.fee !== 'bigint') return 'it is no plan'
  if (plan.chainId !== intent.chainId) return `it is for ${String(plan.chainId).slice(0, 64)}`
  const { check } = spenderOf(chain)
  const own = intent.kind === 'sweep' ? check(chain, account, plan, intent.asset, []) : null
  if (own && !own.ok) return own.error.detail
  const paid = check(chain, account, plan, intent.asset, intent.outputs)
  return paid.ok ? null : paid.error.detail
}

/**
 * Whether a plan keeps everything in the account, though the intent pays somebody. In the place of what was signed for that it
 * calls the payment back, and gives nothing away.
 */
export function callsBack(chain: ChainConfig, account: AccountKey, intent: Intent, plan: SpendPlan): boolean {
  if (intent.kind === 'sweep' || (plan.kind !== 'coins' && plan.kind !== 'account') || typeof plan.fee !== 'bigint') return false
  return spenderOf(chain).check(chain, account, plan, intent.asset, []).ok
}
