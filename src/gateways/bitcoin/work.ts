import { scrypt } from '@noble/hashes/scrypt.js'
import { sha256 } from '@noble/hashes/sha2.js'
import type { ChainConfig } from '../../money/chain.ts'
import { HEADER_BYTES, readHeader } from './block.ts'
import { reversedHex } from './cursor.ts'

/** The target moves at every 2,016th height, to four times as easy at most (Bitcoin Core, `pow.cpp`; Litecoin the same). */
const RETARGET_BLOCKS = 2_016
const EASIER_MAX = 4n

/**
 * The work that serialized headers prove, expected hashes of all above the first, which is at `height`: each follows the one
 * before, meets the target it states, and states that of the one before, or a new one where it may move. Null when they prove
 * nothing. Test networks, which let a block be easy when none came for long, prove nothing then.
 */
export function workOf(headers: readonly Uint8Array[], coin: ChainConfig['coin'], height: number): bigint | null {
  let work = 0n
  let parent: { readonly hash: string; readonly target: bigint } | null = null
  for (const [above, raw] of headers.entries()) {
    const header = readHeader(raw)
    const target = header.ok ? targetOf(raw) : null
    if (!header.ok || target === null) return null
    if (parent !== null) {
      const mayMove = (height + above) % RETARGET_BLOCKS === 0
      const isStated = mayMove ? target <= parent.target * EASIER_MAX : target === parent.target
      if (header.value.parentHash !== parent.hash || !isStated || proofOf(raw, coin) > target) return null
      work += 2n ** 256n / (target + 1n)
    }
    parent = { hash: header.value.hash, target }
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
