import { HDKey } from '@scure/bip32'
import { signECDSA, signSchnorr, taprootTweakPrivKey } from '@scure/btc-signer/utils.js'
import { assert } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { AccountKey } from '../gateway.ts'
import type { KeySigner } from '../spend.ts'
import { coinOf } from './coins.ts'
import { planFault } from './plan-check.ts'
import { createDigests, draftOf, SIGHASH_ALL, SIGHASH_DEFAULT, serialize } from './transaction.ts'

/** Keys by BIP 84 and BIP 86, the first account. Signs the same plan into the same bytes every time. */
export const bitcoinSigner: KeySigner = {
  account: (chain, seed, script) => accountOf(chain, seed, script).account,

  sign(chain, seed, script, plan) {
    const { key, account } = accountOf(chain, seed, script)
    const fault = planFault(chain, account, plan)
    assert(plan.kind === 'coins' && fault === null, `a plan that can be signed: ${fault}`)
    const draft = draftOf(chain, account, plan)
    const digests = createDigests(draft)
    const external = key.deriveChild(0)
    const witnesses = draft.inputs.map(({ index, key: own }, position) => {
      const { privateKey } = external.deriveChild(index)
      assert(privateKey, 'a seed gives private keys')
      // BIP 340 wants auxiliary randomness against side channels alone; without it, the bytes are the same after a crash.
      if (script === 'p2tr')
        return [signSchnorr(digests.p2tr(position, SIGHASH_DEFAULT), taprootTweakPrivKey(privateKey), new Uint8Array(32))]
      // With a small R (as Bitcoin Core's wallet makes them) no signature is longer than 71 bytes.
      const signature = signECDSA(digests.p2wpkh(position), privateKey, true)
      return [Uint8Array.of(...signature, SIGHASH_ALL), own.publicKey]
    })
    return serialize(draft, witnesses)
  },
}

const VERSIONS = {
  mainnet: { public: 0x0488b21e, private: 0x0488ade4 },
  testnet: { public: 0x043587cf, private: 0x04358394 },
}

/** m/84'/coin'/0' or m/86'/coin'/0' of a seed. */
function accountOf(chain: ChainConfig, seed: Uint8Array, script: AccountKey['script']): { key: HDKey; account: AccountKey } {
  assert(script !== 'evm', 'a script of a chain of coins')
  const isMain = chain.network === 'mainnet'
  const master = HDKey.fromMasterSeed(seed, isMain ? VERSIONS.mainnet : VERSIONS.testnet)
  const path = [script === 'p2wpkh' ? 84 : 86, isMain ? coinOf(chain).coinType : 1, 0]
  const key = master.derive(`m/${path.map((child) => `${child}'`).join('/')}`)
  const fingerprint = master.fingerprint.toString(16).padStart(8, '0')
  const origin = [fingerprint, ...path.map((child) => `${child}h`)].join('/')
  return { key, account: { xpub: key.publicExtendedKey, script, origin } }
}
