import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readFees } from '../../../src/gateways/evm/fees.ts'

const hex = (value: number) => `0x${value.toString(16)}`
const GWEI = 1_000_000_000

describe('fees', () => {
  const history = {
    baseFeePerGas: [10, 11, 12, 13].map((base) => hex(base * GWEI)),
    gasUsedRatio: [0.5, 0, 0.9],
    reward: [
      [hex(GWEI), hex(3 * GWEI)],
      [hex(0), hex(0)],
      [hex(2 * GWEI), hex(5 * GWEI)],
    ],
  }

  test('are the usual tip of blocks that have transactions, and twice the next base fee', () => {
    expect(readFees([history], 1)).toEqual({ maxPriorityFeePerGas: 5n * 10n ** 9n, maxFeePerGas: 31n * 10n ** 9n })
  })

  test('are those of the cheaper quarter for who has time', () => {
    expect(readFees([history], 6)).toEqual({ maxPriorityFeePerGas: 2n * 10n ** 9n, maxFeePerGas: 28n * 10n ** 9n })
  })

  test('have a least tip, higher for who is in haste', () => {
    const idle = { baseFeePerGas: [hex(7), hex(7)], gasUsedRatio: [0], reward: [[hex(0), hex(0)]] }
    expect(readFees([idle], 1)).toEqual({ maxPriorityFeePerGas: 10_000_000n, maxFeePerGas: 10_000_014n })
    expect(readFees([idle], 10)).toEqual({ maxPriorityFeePerGas: 1_000_000n, maxFeePerGas: 1_000_014n })
    expect(readFees([{ ...idle, reward: undefined }], 10)).toMatchObject({ maxPriorityFeePerGas: 1_000_000n })
  })

  test('have the tip that the node would give, where blocks are empty and do not tell', () => {
    const idle = { baseFeePerGas: [hex(7), hex(7)], gasUsedRatio: [0], reward: [[hex(0), hex(0)]] }
    // As on Polygon, whose nodes take nothing under 25 gwei.
    expect(readFees([idle, hex(25 * GWEI)], 1)).toMatchObject({ maxPriorityFeePerGas: 25n * 10n ** 9n })
    expect(readFees([history, hex(25 * GWEI)], 1)).toMatchObject({ maxPriorityFeePerGas: 5n * 10n ** 9n })
  })

  test('are the price that is asked for where no block has a base fee', () => {
    expect(readFees([null, null, hex(7 * GWEI)], 1)).toEqual({ maxPriorityFeePerGas: 7n * 10n ** 9n, maxFeePerGas: 7n * 10n ** 9n })
    expect(readFees([{ baseFeePerGas: [] }, null, hex(5)], 1)).toEqual({ maxPriorityFeePerGas: 5n, maxFeePerGas: 5n })
    expect(readFees([null, null, null], 1)).toBeNull()
  })

  test('are read from anything without throwing', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), fc.anything(), (baseFeePerGas, reward, gasUsedRatio) => {
        readFees([{ baseFeePerGas, reward, gasUsedRatio }], 1)
      }),
    )
  })
})
