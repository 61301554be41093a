import { keccak_256 } from '@noble/hashes/sha3.js'
import { fromHex } from '../../lib/bytes.ts'

/**
 * The bloom filter of a block's logs (Ethereum yellow paper, section 4.3.1): each log's address and each of its topics
 * sets three of 2048 bits. A bit that is not set proves that no such log is in the block.
 */
export const BLOOM_BYTES = 256

/** Whether a log with this address or topic may be in the block. Hexadecimal with 0x. */
export function mayContain(bloom: Uint8Array, item: string): boolean {
  return bitsOf(item).every(({ byte, mask }) => ((bloom[byte] ?? 0) & mask) !== 0)
}

/**
 * Whether these logs explain every bit of the bloom, that is, none is left out as far as the bloom can tell.
 * Logs that the bloom does not show are fine: some chains add system logs after the header is made.
 */
export function explains(logs: readonly { contract: string; topics: readonly string[] }[], bloom: Uint8Array): boolean {
  const made = new Uint8Array(BLOOM_BYTES)
  for (const item of new Set(logs.flatMap((log) => [log.contract, ...log.topics]))) {
    for (const { byte, mask } of bitsOf(item)) made[byte] = (made[byte] ?? 0) | mask
  }
  return bloom.every((bits, byte) => (bits & ~(made[byte] ?? 0)) === 0)
}

/** The low eleven bits of the first three byte pairs of the Keccak hash; bit 0 is the last of the filter. */
function bitsOf(item: string): { byte: number; mask: number }[] {
  const hash = keccak_256(fromHex(item))
  return [0, 2, 4].map((at) => {
    const bit = (((hash[at] ?? 0) << 8) | (hash[at + 1] ?? 0)) & 2047
    return { byte: BLOOM_BYTES - 1 - (bit >> 3), mask: 1 << (bit & 7) }
  })
}
