import { scrypt } from '@noble/hashes/scrypt.js'
import { sha256 } from '@noble/hashes/sha2.js'
import type { ChainConfig } from '../../money/chain.ts'
import { HEADER_BYTES, readHeader } from './block.ts'
import { reversedHex } from './cursor.ts'

/** The target moves by four times at most, once in 2,016 blocks: within a branch that is compared it does so once. */
const EASIER_MAX = 4n

/**
 * The work that serialized headers prove, expected hashes of all above the first: each follows the one before, meets the
 * target it states, and none states one that is over four times as easy as the first one's. Null when they prove nothing.
 * Test networks, which let a block be easy when none came for long, prove nothing then.
 */
export function workOf(headers: readonly Uint8Array[], coin: ChainConfig['coin']): bigint | null {
  let work = 0n
  let parent: string | null = null
  let easiest = 0n
  for (const raw of headers) {
    const header = readHeader(raw)
    const target = header.ok ? targetOf(raw) : null
    if (!header.ok || target === null) return null
    if (parent === null) easiest = target * EASIER_MAX
    else {
      if (header.value.parentHash !== parent || target > easiest || proofOf(raw, coin) > target) return null
      work += 2n ** 256n / (target + 1n)
    }
    parent = header.value.hash
  }
  return work
}

/** The compact form of a target: an exponent and 23 bits (Bitcoin Core, `arith_uint256::SetCompact`). Null for none. */
function targetOf(raw: Uint8Array): bigint | null {
  const bits = new DataView(raw.buffer, raw.byteOffset + 72, 4).getUint32(0, true)
  const mantissa = BigInt(bits & 0x7fffff)
  const exponent = bits >>> 24
  if (mantissa === 0n || (bits & 0x800000) !== 0 || exponent > 34) return null
  const target = exponent > 3 ? mantissa << BigInt(8 * (exponent - 3)) : mantissa >> BigInt(8 * (3 - exponent))
  return target > 0n && target < 2n ** 256n ? target : null
}

/** What must not be over the target: the block's hash; Litecoin's is scrypt of the header (N 1024, r 1, p 1). */
function proofOf(raw: Uint8Array, coin: ChainConfig['coin']): bigint {
  const header = raw.subarray(0, HEADER_BYTES)
  const hash = coin === 'litecoin' ? scrypt(header, header, { N: 1024, r: 1, p: 1, dkLen: 32 }) : sha256(sha256(header))
  return BigInt(`0x${reversedHex(hash)}`)
}
