import type { AccountKey } from '../../src/gateways/gateway.ts'
import { keySignerOf } from '../../src/gateways/key-signers.ts'
import { spaceOf, walletIdOf } from '../../src/gateways/wallet-id.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import { readKek, type SealedSeed, sealSeed } from '../../src/signer/seal.ts'

/** `SIGNER_KEK` of the tests (vitest.config.ts). */
export const TEST_KEK = 'dGVzdC1vbmx5IGtleSBvZiB0aGlydHktdHdvIGJ5dGU'

export interface TestWallet {
  readonly id: string
  readonly chain: ChainConfig
  readonly account: AccountKey
  readonly seed: Uint8Array
  readonly envelope: SealedSeed
}

/** A wallet of a fresh seed, sealed as the ceremony does it. */
export async function newWallet(chain: ChainConfig): Promise<TestWallet> {
  const seed = crypto.getRandomValues(new Uint8Array(64))
  const script = chain.gateway === 'evm' ? 'evm' : 'p2wpkh'
  const account = keySignerOf(chain).account(chain, seed, script)
  const id = await walletIdOf(chain, account)
  const kek = readKek(TEST_KEK)
  if (!id.ok || !kek.ok) throw new Error('a wallet that can be made')
  const envelope = await sealSeed(kek.value, { walletId: id.value, space: spaceOf(chain), script }, seed)
  return { id: id.value, chain, account, seed, envelope }
}
