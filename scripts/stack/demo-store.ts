import { sha256 } from '@noble/hashes/sha2.js'
import { HDKey } from '@scure/bip32'
import type { AccountKey } from '../../src/gateways/gateway.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import { assetsOf } from '../../src/money/chain.ts'

/**
 * The demo merchant's keys come from this text, on every machine the same, so that anyone can look into the demo
 * store's wallets. Everybody knows it: never send real money to an address of the demo store.
 */
const SEED_TEXT = 'paytomat development seed: everybody knows it'

/** BIP 32 versions of test networks: keys start with tprv and tpub. */
const TEST_VERSIONS = { private: 0x04358394, public: 0x043587cf }

export interface DemoWalletAccount {
  readonly account: AccountKey
  readonly assets: readonly string[]
}

/** The accounts of the demo store and the assets each takes: BIP 84 for Bitcoin, BIP 44 for everything EVM. */
export function demoAccounts(chains: readonly ChainConfig[]): DemoWalletAccount[] {
  const seed = sha256(new TextEncoder().encode(SEED_TEXT))
  const codes = (gateway: ChainConfig['gateway']) =>
    chains.filter((chain) => chain.gateway === gateway).flatMap((chain) => assetsOf(chain).map((asset) => asset.code))
  const bitcoin = HDKey.fromMasterSeed(seed, TEST_VERSIONS).derive("m/84'/1'/0'").publicExtendedKey
  const evm = HDKey.fromMasterSeed(seed).derive("m/44'/60'/0'").publicExtendedKey
  return [
    { account: { xpub: bitcoin, script: 'p2wpkh' } as const, assets: codes('bitcoin') },
    { account: { xpub: evm, script: 'evm' } as const, assets: codes('evm') },
  ].filter((wallet) => wallet.assets.length > 0)
}
