import { mnemonicToSeed } from '@scure/bip39'
import { coinOf } from '../../src/gateways/bitcoin/coins.ts'
import type { AccountKey } from '../../src/gateways/gateway.ts'
import { keySignerOf } from '../../src/gateways/key-signers.ts'
import { addressBookOf } from '../../src/gateways/registry.ts'
import { spaceOf, walletIdOf } from '../../src/gateways/wallet-id.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import { expandChains } from '../../src/money/presets.ts'
import { type SealedSeed, sealSeed } from '../../src/signer/seal.ts'

export const WALLET_KINDS = ['bitcoin', 'bitcoin-taproot', 'litecoin', 'litecoin-taproot', 'evm'] as const
export type WalletKind = (typeof WALLET_KINDS)[number]
export type Network = ChainConfig['network']

/** What the ceremony writes and `npm run signer -- import` reads: one seed, sealed for each wallet by itself. */
export interface SealedFile {
  readonly version: 1
  readonly wallets: readonly SealedWallet[]
}

export interface SealedWallet {
  readonly kind: WalletKind
  readonly walletId: string
  /** What a store is given (`POST /admin/stores`, custody `platform`). */
  readonly account: AccountKey
  /** For comparison with another wallet program that has the same words. */
  readonly firstAddress: string
  readonly envelope: SealedSeed
}

/** The accounts of these words (BIP 39, no passphrase; BIP 84, 86, 44), each with the seed sealed for it. */
export async function sealedFile(
  words: string,
  kinds: readonly WalletKind[],
  network: Network,
  kek: Uint8Array<ArrayBuffer>,
): Promise<SealedFile> {
  const seed = await mnemonicToSeed(words)
  const wallets: SealedWallet[] = []
  for (const kind of kinds) {
    const { chain, script } = accountKind(kind, network)
    const account = keySignerOf(chain).account(chain, seed, script)
    const [id, first] = [await walletIdOf(chain, account), addressBookOf(chain).derive(chain, account, 0)]
    if (!id.ok || !first.ok) throw new Error(`no ${kind} wallet of this seed`)
    const envelope = await sealSeed(kek, { walletId: id.value, space: spaceOf(chain), script }, seed)
    wallets.push({ kind, walletId: id.value, account, firstAddress: first.value.address, envelope })
  }
  seed.fill(0)
  return { version: 1, wallets }
}

/** Any chain on which the account is this one: the installation's own is found by it when the file is imported. */
function accountKind(kind: WalletKind, network: Network): { chain: ChainConfig; script: AccountKey['script'] } {
  const [ethereum] = expandChains(['ethereum'])
  if (!ethereum) throw new Error('Ethereum is a preset')
  if (kind === 'evm') return { chain: ethereum, script: 'evm' }
  const coin = kind.startsWith('bitcoin') ? 'bitcoin' : 'litecoin'
  const chain: ChainConfig = { ...ethereum, gateway: 'bitcoin', coin, network, tokens: [] }
  const id = coinOf(chain).chainIds[['mainnet', 'testnet', 'regtest'].indexOf(network)]
  return { chain: { ...chain, id: id ?? '' }, script: kind.endsWith('taproot') ? 'p2tr' : 'p2wpkh' }
}
