import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { HARDENED_OFFSET, HDKey } from '@scure/bip32'
import { toHex } from '../../lib/bytes.ts'
import { assert, err, ok, type Result } from '../../lib/result.ts'
import { assetsOf, type ChainConfig } from '../../money/chain.ts'
import type { AccountKey, AddressBook, AddressRefusal } from '../gateway.ts'

/** Depth of an account key, m/44'/60'/0' (BIP 44). One of another depth would give addresses the wallet never looks at. */
const ACCOUNT_DEPTH = 3
/** Branch 0 holds the addresses for others to pay to (BIP 44, "Change"). */
const EXTERNAL_BRANCH = 0
/** Reading an account key costs as much as deriving an address; this many of them are kept. */
const BRANCHES_MAX = 256
/** Extended keys that name another network or script in their prefix (BIP 32, SLIP-132). */
const FOREIGN_PREFIX = /^([tuvyz]pub|[UVYZ]pub)/

const branches = new Map<string, HDKey>()

/** Addresses of EVM chains from a BIP 44 account key. The same index is the same address on each of them. */
export const evmAddresses: AddressBook = {
  derive(chain, account, index) {
    assert(chain.gateway === 'evm', `${chain.id} is an EVM chain`)
    if (account.script !== 'evm') return refuse('bad_account_key', 'the account key is not one for EVM chains')
    if (!Number.isSafeInteger(index) || index < 0 || index >= HARDENED_OFFSET) {
      return refuse('index_out_of_range', 'an address index is from 0 to 2147483647 (BIP 32)')
    }
    const branch = branchOf(account.xpub)
    if (!branch.ok) return branch
    const { publicKey } = branch.value.deriveChild(index)
    assert(publicKey !== null, 'a public key has public children')
    const watchKey = addressBytes(publicKey)
    return ok({ address: checksumAddress(toHex(watchKey)), watchKey })
  },

  /** EIP-681: value in wei, or a call of the token's `transfer`. The format has no place for label or message. */
  paymentUri(chain, { address, assetCode, units }) {
    const asset = assetsOf(chain).find(({ code }) => code === assetCode)
    assert(asset !== undefined, `${assetCode} is an asset of ${chain.id}`)
    const number = chain.id.slice('eip155:'.length)
    if (asset.contract === null) return `ethereum:${address}@${number}?value=${units}`
    return `ethereum:${checksumAddress(asset.contract.slice(2))}@${number}/transfer?address=${address}&uint256=${units}`
  },
}

/** The address at an index that the account is known to have, in lower case. Throws where it has none: a defect. */
export function payerOf(chain: ChainConfig, account: AccountKey, index: number): string {
  const derived = evmAddresses.derive(chain, account, index)
  assert(derived.ok, `an address at index ${index}`)
  return derived.value.address.toLowerCase()
}

/** The external branch of an account key. Cached: the newest `BRANCHES_MAX` made. */
function branchOf(xpub: string): Result<HDKey, AddressRefusal> {
  const cached = branches.get(xpub)
  if (cached !== undefined) return ok(cached)
  const account = readAccountKey(xpub)
  if (!account.ok) return account
  const branch = account.value.deriveChild(EXTERNAL_BRANCH)
  if (branches.size >= BRANCHES_MAX) for (const oldest of branches.keys()) if (branches.delete(oldest)) break
  branches.set(xpub, branch)
  return ok(branch)
}

function readAccountKey(xpub: string): Result<HDKey, AddressRefusal> {
  if (FOREIGN_PREFIX.test(xpub)) return refuse('wrong_network', 'EVM account keys begin with xpub')
  if (!xpub.startsWith('xpub')) return refuse('bad_account_key', 'an account key begins with xpub')
  let key: HDKey
  try {
    key = HDKey.fromExtendedKey(xpub)
  } catch {
    return refuse('bad_account_key', 'the account key is damaged')
  }
  if (key.depth !== ACCOUNT_DEPTH)
    return refuse('bad_account_key', `the key is at depth ${key.depth}, an account (m/44'/60'/0') at 3`)
  return ok(key)
}

/** The last 20 bytes of the Keccak hash of the public key's two coordinates (yellow paper, appendix F). */
export function addressBytes(publicKey: Uint8Array): Uint8Array {
  const coordinates = secp256k1.Point.fromBytes(publicKey).toBytes(false).subarray(1)
  return keccak_256(coordinates).slice(12)
}

/** EIP-55: a letter is a capital where the hash of the lower-case digits has 8 or more. `digits`: 40, lower case. */
export function checksumAddress(digits: string): string {
  const hash = toHex(keccak_256(new TextEncoder().encode(digits)))
  const letters = Array.from(digits, (digit, at) => (Number.parseInt(hash.charAt(at), 16) >= 8 ? digit.toUpperCase() : digit))
  return `0x${letters.join('')}`
}

function refuse(reason: AddressRefusal['reason'], detail: string): Result<never, AddressRefusal> {
  return err({ reason, detail })
}
