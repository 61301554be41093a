import { expect, test } from 'vitest'
import { decideBlock, type MinerState } from '../../scripts/stack/miner.ts'

/** Runs the miner's clock one second a step; a transaction that waits is taken by the next block. */
function simulate(seconds: number, arrivals: readonly number[], confirmations: number): number[] {
  let state: MinerState = { lastBlockAtMs: 0, owed: 0, dueAtMs: null }
  let waiting = 0
  const blocks: number[] = []
  for (let second = 1; second <= seconds; second++) {
    if (arrivals.includes(second)) waiting++
    const decision = decideBlock(state, { atMs: second * 1_000, waiting }, confirmations)
    state = decision.state
    if (decision.mine) {
      blocks.push(second)
      waiting = 0
    }
  }
  return blocks
}

test('mines every 15 seconds when nothing waits', () => {
  expect(simulate(60, [], 2)).toEqual([15, 30, 45, 60])
})

test('mines 5 seconds after a payment and again until it is final, then goes back to its slow pace', () => {
  expect(simulate(40, [3], 2)).toEqual([8, 13, 28])
  expect(simulate(30, [3], 1)).toEqual([8, 23])
})

test('a payment that comes between two blocks gets all its confirmations too', () => {
  expect(simulate(30, [3, 10], 2)).toEqual([8, 13, 18])
})

test('a payment that comes just before a slow block is due is not left for the next one', () => {
  expect(simulate(30, [14], 2)).toEqual([19, 24])
})
