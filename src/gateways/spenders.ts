import type { ChainConfig } from '../money/chain.ts'
import { bitcoinSpender } from './bitcoin/spend.ts'
import { evmSpender } from './evm/spend.ts'
import type { Spender } from './spend.ts'

const SPENDERS: Record<ChainConfig['gateway'], Spender> = { bitcoin: bitcoinSpender, evm: evmSpender }

/** How transactions of this chain are planned, and read back when somebody else has signed them. Pure. */
export function spenderOf(chain: ChainConfig): Spender {
  return SPENDERS[chain.gateway]
}
