import { describe, expect, test } from 'vitest'
import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS, LOCAL_USDC } from '../../config/development.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import { testLightning } from '../../src/money/lightning.ts'
import { createRegistry, lightningRailOf, registryOf } from '../../src/money/registry.ts'

describe('registry', () => {
  test('finds chains and assets by their names', () => {
    const registry = createRegistry(DEVELOPMENT_CHAINS)
    expect(registry.asset('BTC')).toMatchObject({ id: `${BITCOIN_REGTEST}/slip44:0`, chainId: BITCOIN_REGTEST, decimals: 8 })
    expect(registry.asset('USDC')).toMatchObject({ kind: 'erc20', contract: LOCAL_USDC, id: `eip155:31337/erc20:${LOCAL_USDC}` })
    expect(registry.asset('USD')).toMatchObject({ kind: 'fiat', chainId: null })
    expect(registry.asset('EUR')).toMatchObject({ kind: 'fiat', chainId: 'sepa:eur' })
    expect(registry.rail('sepa:eur')).toMatchObject({ gateway: 'sepa', assetCode: 'EUR' })
    expect(registry.rail(BITCOIN_REGTEST)).toBe(registry.chain(BITCOIN_REGTEST))
    expect(registry.findChain('sepa:eur')).toBeNull()
    expect(registry.payable.map(({ code }) => code)).toEqual(['EUR', 'BTC', 'ETH', 'USDC'])
    expect(registry.findAsset('DOGE')).toBeNull()
    expect(() => registry.asset('DOGE')).toThrow('asset DOGE is not configured')
    expect(registry.chains).toBe(DEVELOPMENT_CHAINS)
    expect(registry.chain(BITCOIN_REGTEST).gateway).toBe('bitcoin')
    expect(registry.findChain(BITCOIN_REGTEST)).toBe(registry.chain(BITCOIN_REGTEST))
    expect(registry.findChain('eip155:5')).toBeNull()
    expect(() => registry.chain('eip155:5')).toThrow('chain eip155:5 is not configured')
    expect(() => registry.rail('eip155:5')).toThrow('chain eip155:5 is not configured')
  })

  test('a code or chain configured twice is a mistake, not a choice', () => {
    const [bitcoin] = DEVELOPMENT_CHAINS as [ChainConfig]
    expect(() => createRegistry([bitcoin, bitcoin])).toThrow('twice')
    expect(() => createRegistry([{ ...bitcoin, native: { ...bitcoin.native, code: 'EUR' } }])).toThrow(
      'asset code EUR is configured twice',
    )
    const other = { ...bitcoin, native: { ...bitcoin.native, code: 'BTC2' } }
    expect(() => createRegistry([bitcoin, other])).toThrow('a chain is configured twice')
  })

  test.each(['btc', 'B', 'B'.repeat(21), 'BTC ', ' BTC', 'BTC_2', ''])('%j is no asset code', (code) => {
    const [bitcoin] = DEVELOPMENT_CHAINS as [ChainConfig]
    const chain = { ...bitcoin, native: { ...bitcoin.native, code } }
    expect(() => createRegistry([chain])).toThrow(`asset code ${code} is not of the form A-Z, 0-9, -`)
  })

  test.each(['BT', 'B'.repeat(20), 'USDC-BASE', '1INCH'])('%j can be an asset code', (code) => {
    const [bitcoin] = DEVELOPMENT_CHAINS as [ChainConfig]
    expect(createRegistry([{ ...bitcoin, native: { ...bitcoin.native, code } }]).asset(code).code).toBe(code)
  })

  test('the registry of a configuration is made once, and anew when the configuration changes', () => {
    const [bitcoin] = DEVELOPMENT_CHAINS as [ChainConfig]
    const env = (chains: readonly ChainConfig[]) => ({ CHAINS: JSON.stringify(chains) })
    const registry = registryOf(env([bitcoin]))
    expect(registry.chains).toEqual([bitcoin])
    expect(registryOf(env([bitcoin]))).toBe(registry)
    expect(registryOf(env([])).chains).toEqual([])
    expect(registryOf(env([bitcoin])).chains).toEqual([bitcoin])
    expect(() => registryOf({ CHAINS: 'not JSON' })).toThrow(SyntaxError)
    expect(() => registryOf({ CHAINS: '{}' })).toThrow('CHAINS is not a list')
  })

  test('refuses a worth of a token that nothing can be divided by', () => {
    const [usdc] = DEVELOPMENT_CHAINS.flatMap((chain) => chain.tokens)
    const of = (perNativeMax: unknown) =>
      DEVELOPMENT_CHAINS.map((chain) => (chain.tokens.length > 0 ? { ...chain, tokens: [{ ...usdc, perNativeMax }] } : chain))
    const registry = (perNativeMax: unknown) => registryOf({ CHAINS: JSON.stringify(of(perNativeMax)) })
    for (const bad of [0, -1, 1e-10, '10000', null, 1.1e15, 1e300])
      expect(() => registry(bad)).toThrow(/perNativeMax of .* is not a number from 1e-9 to 1000000000000000/)
    for (const good of [1e-9, 0.000_005, 1e15]) expect(registry(good).chains).toHaveLength(DEVELOPMENT_CHAINS.length)
  })

  test('takes a Lightning network by its name or whole, as chains are taken', () => {
    const [bitcoin] = DEVELOPMENT_CHAINS as [ChainConfig]
    const own = { ...testLightning('regtest'), name: 'Lightning stand-in' }
    for (const [entry, name] of [
      ['lightning-regtest', 'Lightning regtest'],
      [own, own.name],
    ] as const) {
      const { chains, lightning, asset } = registryOf({ CHAINS: JSON.stringify([bitcoin, entry]) })
      expect([chains.length, lightning.map((rail) => rail.name), asset('BTC-LN').chainId]).toEqual([1, [name], 'lightning:regtest'])
    }
  })
  test('finds Lightning networks among those that are configured alone', () => {
    const [testnet, regtest] = [testLightning('testnet'), testLightning('regtest')]
    const registry = createRegistry([], [{ ...testnet, assetCode: 'TBTC-LN' }, regtest])
    expect(lightningRailOf(registry, 'lightning:regtest')).toBe(regtest)
    expect(registry.rail('lightning:regtest')).toBe(regtest)
    expect(() => lightningRailOf(registry, 'lightning:mainnet')).toThrow('Lightning network lightning:mainnet is not configured')
  })
})
