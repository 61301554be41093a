import type { ChainConfig } from '../money/chain.ts'
import { bitcoinSigner } from './bitcoin/sign.ts'
import { evmSigner } from './evm/sign.ts'
import type { KeySigner } from './spend.ts'

const SIGNERS: Record<ChainConfig['gateway'], KeySigner> = { bitcoin: bitcoinSigner, evm: evmSigner }

/** What makes signatures of this chain: for the signer Worker alone. */
export function keySignerOf(chain: ChainConfig): KeySigner {
  return SIGNERS[chain.gateway]
}
