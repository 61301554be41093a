import type { AccountKey } from '../gateways/gateway.ts'
import type { Registry } from '../money/registry.ts'
import { addressAt } from './addresses.ts'

/** How many addresses of an account are shown for comparison. */
const FIRST = [0, 1, 2]

export interface WalletChain {
  /** CAIP-2 */
  readonly chain: string
  readonly name: string
  readonly assets: readonly string[]
  /** The first three of the account: whoever registers it compares them with those that their own wallet shows. */
  readonly firstAddresses: readonly string[]
}

/** The chains that an account is paid on in these assets. An asset that is not configured any more has none. */
export function walletChains(registry: Registry, account: AccountKey, codes: readonly string[]): WalletChain[] {
  return registry.chains.flatMap((chain): WalletChain[] => {
    const assets = codes.filter((code) => registry.findAsset(code)?.chainId === chain.id)
    if (assets.length === 0) return []
    const firstAddresses = FIRST.map((index) => addressAt(chain, account, index).address)
    return [{ chain: chain.id, name: chain.name, assets, firstAddresses }]
  })
}
