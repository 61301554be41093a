import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { fromHex, toHex } from '../../lib/bytes.ts'
import type { AccountPlan } from '../spend.ts'
import { addressBytes } from './address.ts'
import { concat, decodeRlp, encodeRlp, type RlpItem, rlpNumber } from './rlp.ts'

/** First byte of a transaction (EIP-2718): type 2 of EIP-1559, type 4 of EIP-7702, which also lets accounts delegate. */
const FEE_MARKET = 0x02
const SET_CODE = 0x04
/** Before what is signed for an authorization (EIP-7702). */
const AUTHORIZATION_MAGIC = 0x05
const FIELDS = 9
/** Far over any plain transaction; keeps what strangers send from being worked on. */
const RAW_BYTES_MAX = 128 * 1024
const HALF_ORDER = secp256k1.Point.Fn.ORDER / 2n

/** Of one Keccak hash. `odd`: the parity of R's y coordinate. */
export interface Signature {
  readonly odd: boolean
  readonly r: bigint
  readonly s: bigint
}

/** Another account lets the code at `address` act for it, by a signature that names its number. */
export interface Authorization {
  readonly address: string
  readonly nonce: number
  readonly signature: Signature
}

/** What is hashed and signed. `authorizations`: one for each that the plan names, in its order. */
export function encodeUnsigned(plan: AccountPlan, authorizations: readonly Authorization[]): Uint8Array<ArrayBuffer> {
  return encode(plan, authorizations, [])
}

export function encodeSigned(
  plan: AccountPlan,
  authorizations: readonly Authorization[],
  signature: Signature,
): Uint8Array<ArrayBuffer> {
  return encode(plan, authorizations, signatureItems(signature))
}

/** What an account signs to delegate on this chain, hashed. */
export function authorizationHash(chainId: string, address: string, nonce: number): Uint8Array {
  const fields = [rlpNumber(chainNumber(chainId)), fromHex(address), rlpNumber(BigInt(nonce))]
  return keccak_256(concat([Uint8Array.of(AUTHORIZATION_MAGIC), encodeRlp(fields)]))
}

/** As explorers show it. */
export function txidOf(raw: Uint8Array): string {
  return `0x${toHex(keccak_256(raw))}`
}

/** The number in a CAIP-2 id. EIP-7702 takes zero for every chain at once, so zero is none. */
export function chainNumber(chainId: string): bigint {
  const number = BigInt(chainId.slice('eip155:'.length))
  if (!chainId.startsWith('eip155:') || number <= 0n) throw new Error(`${chainId} is no EVM chain`)
  return number
}

/** A signed transaction of type 2, read. */
export interface ReadTransaction {
  readonly chainNumber: bigint
  readonly nonce: bigint
  readonly maxPriorityFeePerGas: bigint
  readonly maxFeePerGas: bigint
  readonly gasLimit: bigint
  /** Lower case; `0x` where a contract is made. */
  readonly to: string
  readonly value: bigint
  readonly data: string
  readonly hasAccessList: boolean
  /** Who signed it, lower case; null when the signature is none of anybody, or not in the one form that EIP-2 allows. */
  readonly sender: string | null
  readonly txid: string
}

export type ReadFailure = 'not_hexadecimal' | 'not_type_2' | 'malformed' | 'unsigned'

/** Reads the bytes of a type 2 transaction in hexadecimal, with 0x or without. */
export function readRaw(text: string): ReadTransaction | ReadFailure {
  const digits = text.startsWith('0x') ? text.slice(2) : text
  if (digits.length % 2 !== 0 || digits.length > 2 * RAW_BYTES_MAX || !/^[0-9a-fA-F]+$/.test(digits)) return 'not_hexadecimal'
  const raw = fromHex(digits)
  if (raw[0] !== FEE_MARKET) return 'not_type_2'
  const items = decodeRlp(raw.subarray(1))
  if (items === null || items instanceof Uint8Array) return 'malformed'
  if (items.length === FIELDS) return 'unsigned'
  if (items.length !== FIELDS + 3) return 'malformed'
  const [chain, nonce, tip, max, gas, value, odd, r, s] = [0, 1, 2, 3, 4, 6, 9, 10, 11].map((at) => readNumber(items[at]))
  const [to, data, accessList] = [items[5], items[7], items[8]]
  if (chain === undefined || nonce === undefined || tip === undefined || max === undefined || gas === undefined) return 'malformed'
  if (value === undefined || odd === undefined || r === undefined || s === undefined) return 'malformed'
  if (!(to instanceof Uint8Array) || !(data instanceof Uint8Array) || !Array.isArray(accessList)) return 'malformed'
  if (to.length !== 0 && to.length !== 20) return 'malformed'
  const unsigned = concat([Uint8Array.of(FEE_MARKET), encodeRlp(items.slice(0, FIELDS))])
  return {
    chainNumber: chain,
    nonce,
    maxPriorityFeePerGas: tip,
    maxFeePerGas: max,
    gasLimit: gas,
    to: `0x${toHex(to)}`,
    value,
    data: `0x${toHex(data)}`,
    hasAccessList: accessList.length > 0,
    sender: odd > 1n ? null : signerOf(keccak_256(unsigned), { odd: odd === 1n, r, s }),
    txid: txidOf(raw),
  }
}

function encode(
  plan: AccountPlan,
  authorizations: readonly Authorization[],
  signature: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const wanted = plan.authorizations ?? []
  if (authorizations.length !== wanted.length) throw new Error(`${wanted.length} authorizations are planned`)
  const fields: RlpItem[] = [
    rlpNumber(chainNumber(plan.chainId)),
    rlpNumber(BigInt(plan.nonce)),
    rlpNumber(plan.maxPriorityFeePerGas),
    rlpNumber(plan.maxFeePerGas),
    rlpNumber(plan.gasLimit),
    fromHex(plan.to),
    rlpNumber(plan.value),
    fromHex(plan.data),
    [],
  ]
  if (wanted.length > 0) fields.push(authorizations.map((one) => authorizationItems(plan.chainId, one)))
  const type = wanted.length > 0 ? SET_CODE : FEE_MARKET
  return concat([Uint8Array.of(type), encodeRlp([...fields, ...signature])])
}

function authorizationItems(chainId: string, { address, nonce, signature }: Authorization): RlpItem {
  return [rlpNumber(chainNumber(chainId)), fromHex(address), rlpNumber(BigInt(nonce)), ...signatureItems(signature)]
}

function signatureItems({ odd, r, s }: Signature): Uint8Array[] {
  return [rlpNumber(odd ? 1n : 0n), rlpNumber(r), rlpNumber(s)]
}

/** Yellow paper, appendix F; s in its lower half (EIP-2). */
function signerOf(hash: Uint8Array, { odd, r, s }: Signature): string | null {
  if (s > HALF_ORDER) return null
  try {
    const key = new secp256k1.Signature(r, s, odd ? 1 : 0).recoverPublicKey(hash).toBytes()
    return `0x${toHex(addressBytes(key))}`
  } catch {
    return null
  }
}

/** Undefined for a list, for more than a word, and for leading zeros. */
function readNumber(item: RlpItem | undefined): bigint | undefined {
  if (!(item instanceof Uint8Array) || item.length > 32 || item[0] === 0) return undefined
  return item.length === 0 ? 0n : BigInt(`0x${toHex(item)}`)
}
