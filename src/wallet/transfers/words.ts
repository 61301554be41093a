import type { PlanRefusal } from '../../gateways/spend.ts'
import { formatDecimal } from '../../money/amount.ts'
import { assetsOf, type ChainConfig } from '../../money/chain.ts'
import type { SignRefusal } from '../../signer/rpc.ts'

/** An amount as people read it: no more digits than it needs. */
export function amountWords(units: bigint, { code, decimals }: { readonly code: string; readonly decimals: number }): string {
  return `${formatDecimal(units, decimals, 0)} ${code}`
}

/** Why there is no plan, in words for the merchant. */
export function planWords(refusal: PlanRefusal, chain: ChainConfig): string {
  switch (refusal.reason) {
    case 'insufficient_funds': {
      const asset = assetsOf(chain).find(({ code }) => code === refusal.asset)
      const missing = refusal.missing === null || !asset ? '' : `: ${amountWords(refusal.missing, asset)} more is needed`
      return `the wallet has too little ${refusal.asset}${missing}`
    }
    case 'fee_over_limit':
      return `the network fee would be ${amountWords(refusal.fee, chain.native)}, over the limit of this transfer`
    case 'bad_output':
      return `output ${refusal.position} cannot be paid: ${refusal.detail}`
    case 'not_bumpable':
      return `it cannot be replaced: ${refusal.detail}`
    case 'no_child':
      return refusal.detail
  }
}

/** Why a sweep waits that is not worth its fee now. */
export function dearWords(
  { fee }: Extract<PlanRefusal, { reason: 'fee_over_limit' }>,
  { units, code, isSigned }: { readonly units: bigint; readonly code: string; readonly isSigned: boolean },
  chain: ChainConfig,
): string {
  const asset = assetsOf(chain).find((one) => one.code === code) ?? { code, decimals: 0 }
  const [cost, brought] = [amountWords(fee, chain.native), amountWords(units, asset)]
  return `waiting for a lower network fee: ${cost} would be more than ${isSigned ? '' : 'a quarter of '}the ${brought} that it brings`
}

/** Why the signer does not sign, in words for the merchant. */
export function signWords(refusal: SignRefusal): string {
  if (refusal.reason === 'needs_approval') return approvalWords(refusal)
  return refusal.reason === 'limit_reached' ? `limit ${refusal.limit}: ${refusal.detail}` : `${refusal.reason}: ${refusal.detail}`
}

function approvalWords({ given, wanted, members = [] }: Extract<SignRefusal, { reason: 'needs_approval' }>): string {
  const isRefused = members.includes(null)
  return `${given} of ${wanted} approvals${isRefused ? '; what a passkey signed that the policy does not name, or over other words, does not count' : ''}`
}
