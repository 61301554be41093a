import { HARDENED_OFFSET, HDKey } from '@scure/bip32'
import { p2tr, p2wpkh } from '@scure/btc-signer'
import { assert, err, ok, type Result } from '../../lib/result.ts'
import { formatDecimal } from '../../money/amount.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { AccountKey, AddressBook, AddressRefusal, PaymentRequest, ReceivingAddress } from '../gateway.ts'
import { coinOf, mistakenCoin } from './coins.ts'

/**
 * Addresses of an account key on a chain of Bitcoin's family: BIP 84 (segwit v0) and BIP 86 (taproot), external branch, by BIP 32.
 * `watchKey` is the scriptPubKey.
 */
export const bitcoinAddresses: AddressBook = { derive, paymentUri }

interface Prefix {
  readonly version: number
  readonly test: boolean
  readonly script: 'any' | 'p2wpkh' | 'other'
  /** Absent: of every coin of the family. Litecoin Core and Electrum-LTC write xpub and zpub, as Bitcoin's wallets do. */
  readonly coin?: 'litecoin'
}

/** Extended public keys by prefix: BIP 32 version bytes, and what SLIP-132 says they are for. */
const PREFIXES: Record<string, Prefix> = {
  xpub: { version: 0x0488b21e, test: false, script: 'any' },
  ypub: { version: 0x049d7cb2, test: false, script: 'other' },
  zpub: { version: 0x04b24746, test: false, script: 'p2wpkh' },
  Ypub: { version: 0x0295b43f, test: false, script: 'other' },
  Zpub: { version: 0x02aa7ed3, test: false, script: 'other' },
  tpub: { version: 0x043587cf, test: true, script: 'any' },
  upub: { version: 0x044a5262, test: true, script: 'other' },
  vpub: { version: 0x045f1cf6, test: true, script: 'p2wpkh' },
  Upub: { version: 0x024289ef, test: true, script: 'other' },
  Vpub: { version: 0x02575483, test: true, script: 'other' },
  Ltub: { version: 0x019da462, test: false, script: 'any', coin: 'litecoin' },
  Mtub: { version: 0x01b26ef6, test: false, script: 'other', coin: 'litecoin' },
  ttub: { version: 0x0436f6e1, test: true, script: 'any', coin: 'litecoin' },
}

/** Parsing a key and deriving its branch cost as much as an address, so branches are kept: some 1 KB each. */
const BRANCHES_KEPT = 256
const branches = new Map<string, HDKey>()

/** An address of an account with what signing for it takes. */
export interface OwnKey extends ReceivingAddress {
  /** Compressed, 33 bytes. BIP 86 has it without its first byte as the internal key. */
  readonly publicKey: Uint8Array
  /** The first four bytes of the account key's hash (BIP 32), as a number. */
  readonly accountFingerprint: number
}

function derive(chain: ChainConfig, account: AccountKey, index: number): Result<ReceivingAddress, AddressRefusal> {
  const key = deriveKey(chain, account, index)
  return key.ok ? ok({ address: key.value.address, watchKey: key.value.watchKey }) : key
}

export function deriveKey(chain: ChainConfig, account: AccountKey, index: number): Result<OwnKey, AddressRefusal> {
  if (!Number.isInteger(index) || index < 0 || index >= HARDENED_OFFSET) {
    return err({ reason: 'index_out_of_range', detail: `the index must be a whole number below 2^31, not ${index}` })
  }
  if (account.script !== 'p2wpkh' && account.script !== 'p2tr') {
    return err({ reason: 'bad_account_key', detail: `${account.script} is not a Bitcoin script` })
  }
  const branch = externalBranch(chain, account.xpub, account.script)
  if (!branch.ok) return branch
  const publicKey = branch.value.deriveChild(index).publicKey
  assert(publicKey, 'a derived key has its public half')
  const network = coinOf(chain).networks[chain.network]
  const output = account.script === 'p2wpkh' ? p2wpkh(publicKey, network) : p2tr(publicKey.subarray(1), undefined, network)
  assert(output.address, 'a single-key output has an address')
  return ok({
    address: output.address,
    watchKey: output.script,
    publicKey,
    accountFingerprint: branch.value.parentFingerprint,
  })
}

/** The key of `<account>/0`, from the cache when it has been asked for lately. */
function externalBranch(chain: ChainConfig, xpub: string, script: 'p2wpkh' | 'p2tr'): Result<HDKey, AddressRefusal> {
  const refuse = (detail: string) => err({ reason: 'bad_account_key', detail } as const)
  const mistaken = mistakenCoin(chain)
  if (mistaken) {
    return err({
      reason: 'wrong_network',
      detail: `${chain.id} is ${mistaken.name}'s and is configured as ${coinOf(chain).name}'s`,
    })
  }
  const prefix = PREFIXES[xpub.slice(0, 4)]
  if (!prefix) {
    const secret = /^([xyztuvYZUV]prv|[LMt]tpv)/.test(xpub)
    return refuse(secret ? 'this is a private key; give the public one (xpub)' : 'not an extended public key (xpub or tpub)')
  }
  if (prefix.test !== (chain.network !== 'mainnet')) {
    const detail = `the key is for ${prefix.test ? 'test networks' : 'mainnet'}, the chain is ${chain.network}`
    return err({ reason: 'wrong_network', detail })
  }
  if (prefix.coin && prefix.coin !== chain.coin) {
    return err({ reason: 'wrong_network', detail: `${xpub.slice(0, 4)} keys are Litecoin's, the chain is ${coinOf(chain).name}'s` })
  }
  if (prefix.script !== 'any' && prefix.script !== script) {
    return refuse(`its prefix says that ${xpub.slice(0, 4)} is not for ${script} addresses (SLIP-132)`)
  }

  const cached = branches.get(xpub)
  if (cached) {
    // Moved to the end: the first one in the map is always the one unused for longest.
    branches.delete(xpub)
    branches.set(xpub, cached)
    return ok(cached)
  }
  let key: HDKey
  try {
    key = HDKey.fromExtendedKey(xpub, { public: prefix.version, private: 0 })
  } catch {
    // The library's message may quote the key.
    return refuse('the key does not decode: a character is wrong or missing')
  }
  if (key.depth > 0 && key.index < HARDENED_OFFSET) {
    // An account is a hardened child (BIP 44). From a branch key, a wallet would never find what we derive.
    return refuse('this is the key of a branch or address; give the key of the account')
  }
  const branch = key.deriveChild(0)
  const oldest = branches.size >= BRANCHES_KEPT ? branches.keys().next().value : undefined
  if (oldest !== undefined) branches.delete(oldest)
  branches.set(xpub, branch)
  return ok(branch)
}

/** BIP 21. The amount is in whole coins, a decimal without trailing zeros. */
function paymentUri(chain: ChainConfig, request: PaymentRequest): string {
  assert(request.assetCode === chain.native.code, 'BIP 21 speaks of the native asset alone')
  const fields = [`amount=${formatDecimal(request.units, chain.native.decimals, 0)}`]
  if (request.label) fields.push(`label=${percentEncode(request.label)}`)
  if (request.message) fields.push(`message=${percentEncode(request.message)}`)
  // BOLT 11: by BIP 21 with the key `lightning`, and upper case for QR codes.
  if (request.lightning) fields.push(`lightning=${request.lightning.toUpperCase()}`)
  return `${coinOf(chain).uriScheme}:${request.address}?${fields.join('&')}`
}

/** RFC 3986 percent-encoding of UTF-8; half a surrogate pair (text cut by length) becomes U+FFFD instead of throwing. */
function percentEncode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(/'/g, '%27')
}
