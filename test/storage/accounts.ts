import { sha256 } from '@noble/hashes/sha2.js'
import { HDKey } from '@scure/bip32'
import type { AccountKey } from '../../src/gateways/gateway.ts'

/** SLIP-132 and BIP 32 version bytes of test networks. */
export const TPUB = 0x043587cf
export const VPUB = 0x045f1cf6

/** A Bitcoin account of regtest, other for each seed; the same key under another prefix when asked. */
export function bitcoinAccount(seed: string, publicVersion = TPUB): AccountKey {
  const versions = { private: 0x04358394, public: publicVersion }
  const master = HDKey.fromMasterSeed(sha256(new TextEncoder().encode(seed)), versions)
  return { xpub: master.derive("m/84'/1'/0'").publicExtendedKey, script: 'p2wpkh' }
}

export function evmAccount(seed: string): AccountKey {
  return {
    xpub: HDKey.fromMasterSeed(sha256(new TextEncoder().encode(seed))).derive("m/44'/60'/0'").publicExtendedKey,
    script: 'evm',
  }
}
