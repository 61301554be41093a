import { describe, expect, test } from 'vitest'
import { assetsOf, type ChainConfig } from '../../src/money/chain.ts'

const ethereum: ChainConfig = {
  id: 'eip155:1',
  gateway: 'evm',
  name: 'Ethereum',
  network: 'mainnet',
  native: { code: 'ETH', ticker: 'ETH', name: 'Ether', decimals: 18 },
  tokens: [
    {
      code: 'USDC',
      ticker: 'USDC',
      name: 'USD Coin',
      decimals: 6,
      contract: '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48',
    },
  ],
  confirmations: 12,
  reorgDepthMax: 64,
  pollMs: 4_000,
  headAgeMaxMs: 60_000,
  watchShards: 4,
  explorer: null,
}

describe('assets of a chain', () => {
  // Names of CAIP-20 and CAIP-21, coin types of SLIP-44.
  test.each([
    ['bip122:000000000019d6689c085ae165831e93', 'BTC', 'bip122:000000000019d6689c085ae165831e93/slip44:0'],
    ['bip122:12a765e31ffd4059bada1e25190f6e98', 'LTC', 'bip122:12a765e31ffd4059bada1e25190f6e98/slip44:2'],
    ['eip155:1', 'ETH', 'eip155:1/slip44:60'],
    ['eip155:137', 'POL', 'eip155:137/slip44:966'],
    // An EVM chain whose coin has no type of its own is written with ether's.
    ['eip155:31337', 'TEST', 'eip155:31337/slip44:60'],
  ])('the coin of %s, %s, is %s', (id, ticker, named) => {
    const [native, ...others] = assetsOf({ ...ethereum, id, native: { ...ethereum.native, code: ticker, ticker }, tokens: [] })
    expect(native).toEqual({ ...ethereum.native, code: ticker, ticker, id: named, kind: 'native', chainId: id, contract: null })
    expect(others).toEqual([])
  })

  test('a token is known by its contract, in lower case however it is configured', () => {
    const contract = '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48'
    expect(assetsOf(ethereum)[1]).toEqual({
      code: 'USDC',
      ticker: 'USDC',
      name: 'USD Coin',
      decimals: 6,
      id: `eip155:1/erc20:${contract}`,
      kind: 'erc20',
      chainId: 'eip155:1',
      contract,
    })
  })
})
