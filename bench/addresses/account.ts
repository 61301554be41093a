import { sha256 } from '@noble/hashes/sha2.js'
import { HDKey } from '@scure/bip32'
import type { AccountKey } from '../../src/gateways/gateway.ts'
import type { ChainConfig } from '../../src/money/chain.ts'

const TEST_VERSIONS = { private: 0x04358394, public: 0x043587cf }

/** An account that nobody pays to, the same at every run. */
export function benchAccount(chain: ChainConfig): AccountKey {
  const seed = sha256(new TextEncoder().encode('paytomat bench, worth nothing'))
  return chain.gateway === 'evm'
    ? { xpub: HDKey.fromMasterSeed(seed).derive("m/44'/60'/0'").publicExtendedKey, script: 'evm' }
    : { xpub: HDKey.fromMasterSeed(seed, TEST_VERSIONS).derive("m/84'/1'/0'").publicExtendedKey, script: 'p2wpkh' }
}
