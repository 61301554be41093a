import { describe, expect, test } from 'vitest'
import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS, LOCAL_USDC } from '../../config/development.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import { createRegistry } from '../../src/money/registry.ts'

describe('registry', () => {
  test('finds chains and assets by their names', () => {
    const registry = createRegistry(DEVELOPMENT_CHAINS)
    expect(registry.asset('BTC')).toMatchObject({ id: `${BITCOIN_REGTEST}/slip44:0`, chainId: BITCOIN_REGTEST, decimals: 8 })
    expect(registry.asset('USDC')).toMatchObject({ kind: 'erc20', contract: LOCAL_USDC, id: `eip155:31337/erc20:${LOCAL_USDC}` })
    expect(registry.asset('EUR')).toMatchObject({ kind: 'fiat', chainId: null })
    expect(registry.findAsset('DOGE')).toBeNull()
    expect(() => registry.asset('DOGE')).toThrow('asset DOGE is not configured')
  })

  test('a code or chain configured twice is a mistake, not a choice', () => {
    const [bitcoin] = DEVELOPMENT_CHAINS as [ChainConfig]
    expect(() => createRegistry([bitcoin, bitcoin])).toThrow('twice')
    expect(() => createRegistry([{ ...bitcoin, native: { ...bitcoin.native, code: 'EUR' } }])).toThrow(
      'asset code EUR is configured twice',
    )
  })
})
