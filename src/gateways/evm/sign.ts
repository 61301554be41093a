import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { HDKey } from '@scure/bip32'
import { toHex } from '../../lib/bytes.ts'
import { assert } from '../../lib/result.ts'
import type { KeySigner } from '../spend.ts'
import { authorizationHash, encodeSigned, encodeUnsigned, type Signature, txidOf } from './transaction.ts'

/** BIP 44. The same addresses on every EVM chain. */
const ACCOUNT_PATH = "m/44'/60'/0'"
const BRANCH_PATH = `${ACCOUNT_PATH}/0`

/** Signs with the key of the paying address, and of each that delegates. Deterministic (RFC 6979): same plan, same bytes. */
export const evmSigner: KeySigner = {
  account(_chain, seed, script) {
    assert(script === 'evm', 'an account of an EVM chain')
    return withKey(seed, ACCOUNT_PATH, ({ publicExtendedKey }) => ({ xpub: publicExtendedKey, script }))
  },

  sign(chain, seed, script, plan) {
    assert(script === 'evm' && plan.kind === 'account' && plan.chainId === chain.id, 'a plan of this EVM chain')
    return withKey(seed, BRANCH_PATH, (branch) => {
      const authorizations = (plan.authorizations ?? []).map(({ index, nonce, address }) => ({
        address,
        nonce,
        signature: signHash(branch, index, authorizationHash(chain.id, address, nonce)),
      }))
      const hash = keccak_256(encodeUnsigned(plan, authorizations))
      const raw = encodeSigned(plan, authorizations, signHash(branch, plan.index, hash))
      return { txid: txidOf(raw), raw: `0x${toHex(raw)}` }
    })
  },
}

function signHash(branch: HDKey, index: number, hash: Uint8Array): Signature {
  const key = branch.deriveChild(index)
  try {
    assert(key.privateKey !== null, 'a seed has private keys')
    const bytes = secp256k1.sign(hash, key.privateKey, { prehash: false, format: 'recovered' })
    const { r, s, recovery } = secp256k1.Signature.fromBytes(bytes, 'recovered')
    // 2 and 3 stand for an R over the curve's order: yellow paper, appendix F, has none of them.
    assert(recovery === 0 || recovery === 1, 'the parity of a signature')
    return { odd: recovery === 1, r, s }
  } finally {
    key.wipePrivateData()
  }
}

function withKey<T>(seed: Uint8Array, path: string, use: (key: HDKey) => T): T {
  const root = HDKey.fromMasterSeed(seed)
  const key = root.derive(path)
  try {
    return use(key)
  } finally {
    for (const used of [root, key]) used.wipePrivateData()
  }
}
