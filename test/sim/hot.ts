import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS, EVM_LOCAL } from '../../config/development.ts'
import { bitcoinSigner } from '../../src/gateways/bitcoin/sign.ts'
import { evmSigner } from '../../src/gateways/evm/sign.ts'
import type { AccountKey } from '../../src/gateways/gateway.ts'
import { keySignerOf } from '../../src/gateways/key-signers.ts'
import { spaceOf, walletIdOf } from '../../src/gateways/wallet-id.ts'
import { createRegistry } from '../../src/money/registry.ts'
import { readKek, type SealedSeed, sealSeed } from '../../src/signer/seal.ts'
import { besideHistory } from './globals.ts'

export const KEK = 'c2ltdWxhdGVkIGtleSBvZiB0aGlydHktdHdvIGJ5dGU'
const WALLETS_MAX = 4

/** A wallet with its seed: of the platform, sealed for its signer; of a merchant, in the merchant's hands. */
export interface SeededWallet {
  readonly id: string
  readonly chainId: string
  readonly account: AccountKey
  readonly seed: Uint8Array
  readonly envelope: SealedSeed
}

/** The n-th of each chain: the same for every history, so that each address is derived once for all of them. */
const made = new Map<string, SeededWallet>()

export async function makeSeededWallets(): Promise<void> {
  // What the curve's library blinds its numbers with is of no history: the bytes are the same without.
  for (const signer of [bitcoinSigner, evmSigner]) {
    const { account, sign } = signer
    signer.account = (...of) => besideHistory(() => account(...of))
    signer.sign = (...of) => besideHistory(() => sign(...of))
  }
  const registry = createRegistry(DEVELOPMENT_CHAINS)
  const kek = readKek(KEK)
  if (!kek.ok) throw new Error(kek.error)
  for (const [at, chainId] of [BITCOIN_REGTEST, EVM_LOCAL].entries())
    for (let n = 0; n < WALLETS_MAX; n++) {
      const chain = registry.chain(chainId)
      const seed = new Uint8Array(32).fill(40 + 10 * at + n)
      const script = chain.gateway === 'evm' ? 'evm' : 'p2wpkh'
      const { xpub } = keySignerOf(chain).account(chain, seed, script)
      const account = { xpub, script } as const
      const id = await walletIdOf(chain, account)
      if (!id.ok) throw new Error(id.error.detail)
      const binding = { walletId: id.value, space: spaceOf(chain), script } as const
      const envelope = await besideHistory(() => sealSeed(kek.value, binding, seed))
      made.set(`${chainId} ${n}`, { id: id.value, chainId, account, seed, envelope })
    }
}

export function seededWallet(chainId: string, n: number): SeededWallet {
  const wallet = made.get(`${chainId} ${n}`)
  if (!wallet) throw new Error(`no ${n}-th wallet on ${chainId}`)
  return wallet
}

/** Null for a wallet of a history without money out. */
export function seedOf(walletId: string): SeededWallet | null {
  return [...made.values()].find(({ id }) => id === walletId) ?? null
}
