import { Address, OutScript } from '@scure/btc-signer'
import type { ChainConfig } from '../../money/chain.ts'
import { coinOf } from './coins.ts'

/** The scriptPubKey that an address of this chain stands for; null for what is no address of it. */
export function bitcoinWatchKey(chain: ChainConfig, address: string): Uint8Array | null {
  try {
    return OutScript.encode(Address(coinOf(chain).networks[chain.network]).decode(address))
  } catch {
    return null
  }
}
