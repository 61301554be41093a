import { describe, expect, it } from 'vitest'
import { applyPostings, NO_BALANCES, sameBalances, trialBalance } from '../../src/ledger/balances.ts'
import type { Balances } from '../../src/ledger/types.ts'

const move = (from: string, to: string, amount: bigint, asset = 'BTC') => ({ from, to, amount, asset })

describe('balances', () => {
  it('are what came in less what went out, without accounts and assets at zero', () => {
    const some = applyPostings(NO_BALANCES, [move('a', 'b', 5n), move('a', 'b', 7n, 'ETH'), move('b', 'c', 2n)])
    expect(some).toEqual({ a: { BTC: -5n, ETH: -7n }, b: { BTC: 3n, ETH: 7n }, c: { BTC: 2n } })
    expect(applyPostings(some, [move('b', 'a', 7n, 'ETH'), move('c', 'a', 2n)])).toEqual({ a: { BTC: -3n }, b: { BTC: 3n } })
    expect(applyPostings(some, [move('b', 'a', 7n, 'ETH'), move('c', 'a', 2n), move('b', 'a', 3n)])).toEqual({})
  })

  it('are the same in whatever order, and differ by an account, an asset or a unit on either side', () => {
    const one = { a: { BTC: -5n, ETH: 1n }, b: { BTC: 5n, ETH: -1n } }
    expect(sameBalances(one, { b: { ETH: -1n, BTC: 5n }, a: { ETH: 1n, BTC: -5n } })).toBe(true)
    const others: Balances[] = [
      {},
      { a: one.a },
      { ...one, c: { BTC: 1n } },
      { ...one, b: { BTC: 5n } },
      { ...one, b: { BTC: 5n, ETH: -2n } },
      { ...one, b: { BTC: 5n, ETH: -1n, EUR: 1n } },
    ]
    for (const other of others) {
      expect(sameBalances(one, other)).toBe(false)
      expect(sameBalances(other, one)).toBe(false)
    }
  })

  it('add up by asset', () => {
    expect(trialBalance({ a: { BTC: 5n, ETH: 1n }, b: { BTC: -3n, ETH: -1n }, c: { BTC: 4n } })).toEqual({ BTC: 6n, ETH: 0n })
    expect(trialBalance(NO_BALANCES)).toEqual({})
  })
})
