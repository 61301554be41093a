import { describe, expect, test } from 'vitest'
import { LIGHTNING, lightningAsset, lightningFeeMax, takeLightning, testLightning } from '../../src/money/lightning.ts'

describe('a Lightning network', () => {
  test('is of one Bitcoin network, and its asset is priced as bitcoin', () => {
    expect(LIGHTNING).toMatchObject({ id: 'lightning:mainnet', gateway: 'lightning', name: 'Lightning', network: 'mainnet' })
    expect(testLightning('testnet')).toMatchObject({ id: 'lightning:testnet', name: 'Lightning testnet', network: 'testnet' })
    expect(lightningAsset(LIGHTNING)).toEqual({
      code: 'BTC-LN',
      id: 'lightning:mainnet/slip44:0',
      kind: 'native',
      chainId: 'lightning:mainnet',
      decimals: 8,
      name: 'Bitcoin Lightning',
      ticker: 'BTC',
      contract: null,
    })
  })

  test('is named in CHAINS by name or whole; anything else is left for who knows it', () => {
    const own = { ...testLightning('regtest'), name: 'Lightning stand-in' }
    const others = ['base', 'toString', null, 7, { gateway: 'bitcoin' }]
    const { rails, others: left } = takeLightning(['lightning', ...others, 'lightning-testnet', own, 'lightning-regtest'])
    expect(rails).toEqual([LIGHTNING, testLightning('testnet'), own, testLightning('regtest')])
    expect(left).toEqual(others)
  })

  test.each([
    [0n, 10n],
    [1_000n, 10n],
    [1_099n, 10n],
    [1_100n, 11n],
    [5_000_099n, 50_000n],
  ])('a payment of %d satoshi costs %d at most', (units, most) => {
    expect(lightningFeeMax(units)).toBe(most)
  })
})
