import { readFileSync } from 'node:fs'
import { getAddress } from 'viem'
import { describe, expect, test } from 'vitest'
import { SEPA } from '../../src/money/bank.ts'
import { shareAddresses } from '../../src/money/chain.ts'
import { DELEGATE_FACTORY, expandChains, PRESET_NAMES } from '../../src/money/presets.ts'
import { createRegistry } from '../../src/money/registry.ts'

const presets = expandChains(PRESET_NAMES)
const registry = createRegistry(presets)

describe('presets', () => {
  test('are all of them fit to be together: every chain, code and contract of its own', () => {
    expect(registry.chains.map(({ id }) => id)).toEqual([
      'eip155:1',
      'eip155:8453',
      'eip155:42161',
      'eip155:10',
      'eip155:137',
      'eip155:11155111',
      'eip155:84532',
    ])
    const contracts = presets.flatMap(({ id, tokens }) => tokens.map(({ contract }) => `${id}/${contract.toLowerCase()}`))
    expect(new Set(contracts).size).toBe(contracts.length)
  })

  test.each(presets.flatMap((chain) => chain.tokens.map((token) => [token.code, token.contract, token.decimals])))(
    '%s has a contract written with its checksum (EIP-55)',
    (_code, contract, decimals) => {
      expect(contract).toBe(getAddress(String(contract)))
      expect(decimals).toBe(6)
    },
  )

  /** Written down a second time, from the issuers' lists, so that no slip of the pen changes what is money. */
  test.each([
    ['USDC', 'eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48'],
    ['USDC-BASE', 'eip155:8453/erc20:0x833589fcd6edb6e08f4c7c32d4f71b54bda02913'],
    ['USDC-ARBITRUM', 'eip155:42161/erc20:0xaf88d065e77c8cc2239327c5edb3a432268e5831'],
    ['USDC-OPTIMISM', 'eip155:10/erc20:0x0b2c639c533813f4aa9d7837caf62653d097ff85'],
    ['USDC-POLYGON', 'eip155:137/erc20:0x3c499c542cef5e3811e1192ce70d8cc03d5c3359'],
    ['USDC-SEPOLIA', 'eip155:11155111/erc20:0x1c7d4b196cb0c7b01d743fbc6116a902379c7238'],
    ['USDC-BASE-SEPOLIA', 'eip155:84532/erc20:0x036cbd53842c5426634e7929541ec2318f3dcf7e'],
    ['USDT', 'eip155:1/erc20:0xdac17f958d2ee523a2206206994597c13d831ec7'],
    ['USDT-ARBITRUM', 'eip155:42161/erc20:0xfd086bc7cd5c481dcc9c85ebe478a1c0b69fcbb9'],
    ['USDT-OPTIMISM', 'eip155:10/erc20:0x01bff41798a0bcf287b996046ca68b395dbc1071'],
    ['USDT-POLYGON', 'eip155:137/erc20:0xc2132d05d31c914a87c6611c10748aeb04b58e8f'],
    ['POL', 'eip155:137/slip44:966'],
    ['ETH-BASE', 'eip155:8453/slip44:60'],
  ])('%s is %s', (code, id) => {
    expect(registry.asset(code).id).toBe(id)
  })

  test.each([
    ['USDC.e on Arbitrum One', '0xff970a61a04b1ca14834a43f5de4533ebddb5cc8'],
    ['USDC.e on OP Mainnet', '0x7f5c764cbc14f9669b88837ca1490cca17c31607'],
    ['USDC.e on Polygon', '0x2791bca1f2de4661ed88a30c99a7a9449aa84174'],
    ['bridged USDT on OP Mainnet', '0x94b008aa00579c1307b0ef2c499ad98a8ce58e58'],
    ['bridged USDT on Base', '0xfde4c96c8593536e31f229ea8f37b2ada2699bb2'],
  ])('%s is no money', (_name, contract) => {
    expect(presets.flatMap(({ tokens }) => tokens).map((token) => token.contract.toLowerCase())).not.toContain(contract)
  })

  test('of main networks wait for their chain’s finality, and never for less than a block', () => {
    for (const { network, finality, confirmations } of presets) {
      expect(finality !== undefined).toBe(network === 'mainnet')
      expect(confirmations).toBeGreaterThan(0)
    }
    // `safe` on Ethereum is a different promise with each host: docs/decisions/008-finality.md.
    const mainnets = presets.flatMap(({ name, finality }) => (finality ? [[name, finality]] : []))
    expect(Object.fromEntries(mainnets)).toEqual({
      Ethereum: 'finalized',
      Base: 'safe',
      'Arbitrum One': 'safe',
      'OP Mainnet': 'safe',
      'Polygon PoS': 'finalized',
    })
  })
})

describe('the tokens of presets', () => {
  test('are worth something for what their gas costs on main networks, and nothing on test networks', () => {
    for (const { network, tokens } of presets)
      for (const token of tokens) {
        if (network === 'mainnet') expect(token.perNativeMax).toBeGreaterThan(0)
        else expect(token).not.toHaveProperty('perNativeMax')
      }
  })
})

describe('the list of chains', () => {
  test('names presets, presets with changes, and whole chains', () => {
    const [base] = expandChains(['base'])
    expect(base).toMatchObject({ id: 'eip155:8453', native: { code: 'ETH-BASE' } })
    expect(expandChains([{ preset: 'base', confirmations: 9, tokens: [] }])).toEqual([{ ...base, confirmations: 9, tokens: [] }])
    expect(expandChains([{ preset: 'base', finality: null }])[0]?.finality).toBeNull()
    expect(expandChains([base])).toEqual([base])
  })

  test('has delegates on every preset, and on none that says null', () => {
    expect(presets.map(({ delegateFactory }) => delegateFactory)).toEqual(presets.map(() => DELEGATE_FACTORY))
    const [none] = expandChains([{ preset: 'polygon', delegateFactory: null }])
    expect(none).toMatchObject({ id: 'eip155:137' })
    expect(none).not.toHaveProperty('delegateFactory')
  })

  test.each<[string, unknown]>([
    ['the preset basse', ['basse']],
    ['the preset toString', ['toString']],
    ['the preset 8453', [{ preset: 8453 }]],
    ['neither', [8453]],
    ['neither', [null]],
    ['not a list', { base: true }],
  ])('is refused with a reason: %s', (reason, entries) => {
    expect(() => expandChains(entries)).toThrow(reason)
  })

  test('of the example for production is right', () => {
    const example = expandChains(JSON.parse(readFileSync('config/production.example.json', 'utf8')))
    const { chains, asset } = createRegistry(example)
    expect(chains.map(({ name }) => name)).toEqual([
      'Bitcoin',
      'Litecoin',
      'Ethereum',
      'Base',
      'Arbitrum One',
      'OP Mainnet',
      'Polygon PoS',
    ])
    expect(asset('USDC-POLYGON').chainId).toBe('eip155:137')
  })
})

test('EVM chains share their addresses, others only with themselves', () => {
  expect(shareAddresses('eip155:1', 'eip155:8453')).toBe(true)
  expect(shareAddresses('bip122:a', 'bip122:a')).toBe(true)
  expect(shareAddresses('bip122:a', 'bip122:b')).toBe(false)
  expect(shareAddresses('bip122:a', 'eip155:1')).toBe(false)
})

/** What a person sees of each, and what its assets are priced as: a wrong ticker would price one coin as another. */
const FACTS: readonly [preset: string, chainId: number, name: string, network: string, explorer: string, assets: string[]][] = [
  ['ethereum', 1, 'Ethereum', 'mainnet', 'etherscan.io', ['ETH: Ether (ETH)', 'USDC: USD Coin (USDC)', 'USDT: Tether USD (USDT)']],
  ['base', 8453, 'Base', 'mainnet', 'basescan.org', ['ETH-BASE: Ether on Base (ETH)', 'USDC-BASE: USD Coin on Base (USDC)']],
  [
    'arbitrum',
    42161,
    'Arbitrum One',
    'mainnet',
    'arbiscan.io',
    [
      'ETH-ARBITRUM: Ether on Arbitrum One (ETH)',
      'USDC-ARBITRUM: USD Coin on Arbitrum One (USDC)',
      'USDT-ARBITRUM: Tether USD (USDT0) on Arbitrum One (USDT)',
    ],
  ],
  [
    'optimism',
    10,
    'OP Mainnet',
    'mainnet',
    'optimistic.etherscan.io',
    [
      'ETH-OPTIMISM: Ether on OP Mainnet (ETH)',
      'USDC-OPTIMISM: USD Coin on OP Mainnet (USDC)',
      'USDT-OPTIMISM: Tether USD (USDT0) on OP Mainnet (USDT)',
    ],
  ],
  [
    'polygon',
    137,
    'Polygon PoS',
    'mainnet',
    'polygonscan.com',
    ['POL: POL (POL)', 'USDC-POLYGON: USD Coin on Polygon PoS (USDC)', 'USDT-POLYGON: Tether USD (USDT0) on Polygon PoS (USDT)'],
  ],
  [
    'sepolia',
    11155111,
    'Sepolia',
    'testnet',
    'sepolia.etherscan.io',
    ['ETH-SEPOLIA: Ether on Sepolia (test) (ETH)', 'USDC-SEPOLIA: USD Coin on Sepolia (test) (USDC)'],
  ],
  [
    'base-sepolia',
    84532,
    'Base Sepolia',
    'testnet',
    'sepolia.basescan.org',
    ['ETH-BASE-SEPOLIA: Ether on Base Sepolia (test) (ETH)', 'USDC-BASE-SEPOLIA: USD Coin on Base Sepolia (test) (USDC)'],
  ],
]

test.each(FACTS)(
  '%s is what it is called, and its assets are priced as what they are',
  (preset, chainId, name, network, explorer, assets) => {
    const [chain] = expandChains([preset])
    expect(chain).toMatchObject({
      id: `eip155:${chainId}`,
      gateway: 'evm',
      name,
      network,
      explorer: `https://${explorer}/tx/{txid}`,
    })
    const all = chain ? [chain.native, ...chain.tokens] : []
    expect(all.map((asset) => `${asset.code}: ${asset.name} (${asset.ticker})`)).toEqual(assets)
  },
)

test('a preset is named by its name and nothing else', () => {
  for (const preset of [undefined, 1, ['base'], { toString: () => 'base' }])
    expect(() => expandChains([{ preset }])).toThrow('CHAINS names the preset')
  expect(() => expandChains([{ preset: 1 }])).toThrow('CHAINS names the preset 1; there are ethereum, base, ')
})

test('a bank transfer may be five days on its way, over a weekend, on the one rail there is', () => {
  expect(SEPA).toMatchObject({ id: 'sepa:eur', name: 'SEPA', network: 'mainnet', transitMs: 432_000_000 })
})
