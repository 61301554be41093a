import fc from 'fast-check'
import { toRlp } from 'viem'
import { describe, expect, test } from 'vitest'
import { decodeRlp, encodeRlp, type RlpItem, rlpNumber } from '../../../src/gateways/evm/rlp.ts'
import { toHex } from '../../../src/lib/bytes.ts'

const ascii = (text: string) => new TextEncoder().encode(text)

const { items } = fc.letrec<{ items: RlpItem; bytes: RlpItem }>((tie) => ({
  bytes: fc.uint8Array({ maxLength: 300 }),
  items: fc.oneof({ maxDepth: 3 }, tie('bytes'), fc.array(tie('items'), { maxLength: 6 })),
}))

describe('RLP', () => {
  test.each([
    ['the word dog', ascii('dog'), '83646f67'],
    ['a list of two words', [ascii('cat'), ascii('dog')], 'c88363617483646f67'],
    ['nothing', new Uint8Array(0), '80'],
    ['an empty list', [], 'c0'],
    ['zero', rlpNumber(0n), '80'],
    ['fifteen', rlpNumber(15n), '0f'],
    ['1024', rlpNumber(1024n), '820400'],
    ['the set of three', [[], [[]], [[], [[]]]], 'c7c0c1c0c3c0c1c0'],
    ['fifty-six bytes', new Uint8Array(56).fill(1), `b838${'01'.repeat(56)}`],
  ] as const)('%s is as the yellow paper has it', (_name, item, hex) => {
    expect(toHex(encodeRlp(item as RlpItem))).toBe(hex)
  })

  test('agrees with viem on anything, and comes back', () => {
    fc.assert(
      fc.property(items, (item) => {
        const bytes = encodeRlp(item)
        expect(`0x${toHex(bytes)}`).toBe(toRlp(item as Parameters<typeof toRlp>[0], 'hex'))
        expect(decodeRlp(bytes)).toEqual(item)
      }),
    )
  })

  test('has one encoding of each item: what is read is what would be written', () => {
    const damaged = fc.tuple(items, fc.nat(), fc.nat({ max: 255 })).map(([item, at, byte]) => {
      const bytes = encodeRlp(item)
      bytes[at % bytes.length] = byte
      return bytes
    })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), damaged), (bytes) => {
        const item = decodeRlp(bytes)
        if (item !== null) expect(encodeRlp(item)).toEqual(bytes)
      }),
      { numRuns: 2_000 },
    )
  })

  test.each(['', '8100', 'b800', 'b90038', '83646f', '80ff', 'c180ff', 'bb01000000'])('%s is nothing', (hex) => {
    expect(decodeRlp(Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)))).toBeNull()
  })

  test('lists within lists without end are nothing', () => {
    expect(decodeRlp(encodeRlp([[[[[[]]]]]]))).toBeNull()
  })
})
