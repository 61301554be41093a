import { expect, test } from 'vitest'
import { newestBlocks } from '../../../scripts/stack/evm/state.ts'

test('a saved chain is loaded without its oldest blocks and their transactions', () => {
  const block = (height: number) => ({ header: { number: `0x${height.toString(16)}` } })
  const state = {
    blocks: [block(12), block(9), block(10), block(0), block(11)],
    transactions: [{ block_number: 11 }, { block_number: 10 }, { block_number: 3 }],
    accounts: { '0x01': {} },
  }
  expect(newestBlocks(state, 2)).toEqual({ ...state, blocks: [block(12), block(11)], transactions: [{ block_number: 11 }] })
  expect(newestBlocks(state, 100)).toEqual(state)
})
