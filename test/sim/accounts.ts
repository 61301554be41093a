import { HDKey } from '@scure/bip32'
import type { AccountKey } from '../../src/gateways/gateway.ts'

/** Account keys that every history uses, so that each address is derived once for all of them. */
const ACCOUNTS_MAX = 4
const TESTNET = { private: 0x04358394, public: 0x043587cf }
const master = (versions?: typeof TESTNET) => HDKey.fromMasterSeed(new Uint8Array(32).fill(7), versions)
export const BITCOIN_ACCOUNTS: readonly AccountKey[] = Array.from({ length: ACCOUNTS_MAX }, (_, n) => {
  return { xpub: master(TESTNET).derive(`m/84'/1'/${n}'`).publicExtendedKey, script: 'p2wpkh' }
})
export const EVM_ACCOUNTS: readonly AccountKey[] = Array.from({ length: ACCOUNTS_MAX }, (_, n) => {
  return { xpub: master().derive(`m/44'/60'/${n}'`).publicExtendedKey, script: 'evm' }
})
