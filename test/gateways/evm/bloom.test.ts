import fc from 'fast-check'
import { expect, test } from 'vitest'
import { explains, mayContain } from '../../../src/gateways/evm/bloom.ts'
import { fromHex } from '../../../src/lib/bytes.ts'

const hexOf = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((value) => `0x${Buffer.from(value).toString('hex')}`)
const logs = fc.array(fc.record({ contract: hexOf(20), topics: fc.array(hexOf(32), { maxLength: 4 }) }), { maxLength: 20 })

/** The filter is one number of 2048 bits, its highest byte first. */
function bloomOf(bits: readonly number[]): Uint8Array {
  const number = bits.reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n)
  return fromHex(number.toString(16).padStart(512, '0'))
}

/** keccak256 of the 20 zero bytes is 5380c7b7 ae81…: pairs 5380, c7b7, ae81, of which the low eleven bits count. */
const ZERO_ADDRESS = `0x${'00'.repeat(20)}`
const ZERO_ADDRESS_BITS = [0x5380 & 2047, 0xc7b7 & 2047, 0xae81 & 2047]

test('an item sets the three bits of the yellow paper', () => {
  expect(mayContain(bloomOf(ZERO_ADDRESS_BITS), ZERO_ADDRESS)).toBe(true)
  for (const missing of ZERO_ADDRESS_BITS) {
    expect(mayContain(bloomOf(ZERO_ADDRESS_BITS.filter((bit) => bit !== missing)), ZERO_ADDRESS)).toBe(false)
  }
  expect(explains([{ contract: ZERO_ADDRESS, topics: [] }], bloomOf(ZERO_ADDRESS_BITS))).toBe(true)
  expect(explains([{ contract: ZERO_ADDRESS, topics: [] }], bloomOf([...ZERO_ADDRESS_BITS, 5]))).toBe(false)
})

test('logs explain an empty bloom, and nothing explains a full one', () => {
  fc.assert(
    fc.property(logs, (some) => {
      expect(explains(some, new Uint8Array(256))).toBe(true)
      expect(explains(some, new Uint8Array(256).fill(255))).toBe(false)
    }),
    { numRuns: 20 },
  )
})
