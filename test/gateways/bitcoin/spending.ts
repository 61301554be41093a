import { sha256 } from '@noble/hashes/sha2.js'
import { DEVELOPMENT_CHAINS } from '../../../config/development.ts'
import { bitcoinAddresses } from '../../../src/gateways/bitcoin/address.ts'
import type { CoinScript } from '../../../src/gateways/bitcoin/fees.ts'
import { bitcoinSigner } from '../../../src/gateways/bitcoin/sign.ts'
import type { AccountKey } from '../../../src/gateways/gateway.ts'
import type { CoinPlan, Output, OwnCoin, SpendPlan, SpendRequest } from '../../../src/gateways/spend.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import type { Result } from '../../../src/lib/result.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'

export const regtest = DEVELOPMENT_CHAINS[0] as ChainConfig

/** BIP 39 seed of "abandon … about", the words of the vectors in BIP 84 and BIP 86, without a passphrase. */
export const SEED = fromHex(
  '5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc19a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4',
)
export const SCRIPTS = ['p2wpkh', 'p2tr'] as const satisfies CoinScript[]

export function accountOf(script: CoinScript, chain: ChainConfig = regtest): AccountKey {
  return bitcoinSigner.account(chain, SEED, script)
}

/** A coin nobody else has: the n-th, of the account's n-th address. */
export function coin(n: number, units: bigint): OwnCoin {
  return { txid: toHex(sha256(new TextEncoder().encode(`coin ${n}`))), vout: n % 5, units, index: n }
}

/** Somebody else's address of this chain. */
export function stranger(n: number, script: CoinScript = 'p2wpkh', chain: ChainConfig = regtest): string {
  const account = bitcoinSigner.account(chain, new Uint8Array(32).fill(3), script)
  const derived = bitcoinAddresses.derive(chain, account, n)
  if (!derived.ok) throw new Error(derived.error.detail)
  return derived.value.address
}

export const CHANGE_INDEX = 900

export function request(
  outputs: readonly Output[],
  coins: readonly OwnCoin[],
  { satsPerKvb = 2_000n, feeMax = 10_000_000n, asset = 'BTC' } = {},
): SpendRequest & { readonly funds: { readonly kind: 'coins' } } {
  return {
    asset,
    outputs,
    funds: { kind: 'coins', coins, changeIndex: CHANGE_INDEX, height: 500 },
    fees: { kind: 'coins', satsPerKvb },
    feeMax,
  }
}

export function must<T>(result: Result<T, unknown>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error, (_key, value) => (typeof value === 'bigint' ? `${value}` : value)))
  return result.value
}

export function coinPlan(result: Result<SpendPlan, unknown>): CoinPlan {
  const plan = must(result)
  if (plan.kind !== 'coins') throw new Error('no plan of coins')
  return plan
}

export function sum(some: readonly { readonly units: bigint }[]): bigint {
  return some.reduce((total, { units }) => total + units, 0n)
}
