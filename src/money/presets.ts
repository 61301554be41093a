import type { ChainConfig, ChainToken } from './chain.ts'

/**
 * The deterministic deployment proxy (github.com/Arachnid/deterministic-deployment-proxy), which makes the delegates of hot
 * wallets (EIP-7702; docs/evm-sweeping.md). At this address on all chains below, and on anvil.
 */
export const DELEGATE_FACTORY = '0x4e59b44847b379578588920cA78FbF26c0B4956C'

/** Dollars that one of them is taken for at most (`perNativeMax`): over what it has ever been worth, to be on the safe side. */
const ETH_MAX = 10_000
const POL_MAX = 5

/**
 * Chains as most installations want them, by the names that `CHAINS` may say instead of a whole chain.
 *
 * Tokens are those their issuers themselves list, and nothing bridged by others (USDC.e is not USDC). USDC: Circle,
 * developers.circle.com/stablecoins/usdc-contract-addresses. USDT on Ethereum: tether.to/en/supported-protocols. On Arbitrum,
 * OP Mainnet and Polygon it is USDT0, Tether's own on other chains: docs.usdt0.to/technical-documentation/deployments. On
 * Base there is none of the issuer's.
 *
 * What each finality policy means: docs/decisions/008-finality.md. All have had EIP-7702 since their upgrades of 2025 (Pectra
 * on Ethereum, Isthmus on the OP Stack, ArbOS 40, Bhilai on Polygon).
 */
const PRESETS: Readonly<Record<string, ChainConfig>> = {
  ethereum: {
    id: 'eip155:1',
    gateway: 'evm',
    name: 'Ethereum',
    network: 'mainnet',
    native: { code: 'ETH', ticker: 'ETH', name: 'Ether', decimals: 18 },
    tokens: [
      usdc('USDC', 'USD Coin', '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48', ETH_MAX),
      usdt('USDT', 'Tether USD', '0xdAC17F958D2ee523a2206206994597C13D831ec7', ETH_MAX),
    ],
    confirmations: 12,
    finality: 'finalized',
    delegateFactory: DELEGATE_FACTORY,
    gasPriceMaxGwei: 300,
    reorgDepthMax: 256,
    pollMs: 4_000,
    headAgeMaxMs: 180_000,
    watchShards: 4,
    explorer: 'https://etherscan.io/tx/{txid}',
  },
  base: {
    id: 'eip155:8453',
    gateway: 'evm',
    name: 'Base',
    network: 'mainnet',
    native: { code: 'ETH-BASE', ticker: 'ETH', name: 'Ether on Base', decimals: 18 },
    tokens: [usdc('USDC-BASE', 'USD Coin on Base', '0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913', ETH_MAX)],
    confirmations: 5,
    finality: 'safe',
    delegateFactory: DELEGATE_FACTORY,
    gasPriceMaxGwei: 20,
    reorgDepthMax: 512,
    pollMs: 2_000,
    headAgeMaxMs: 60_000,
    watchShards: 4,
    explorer: 'https://basescan.org/tx/{txid}',
  },
  arbitrum: {
    id: 'eip155:42161',
    gateway: 'evm',
    name: 'Arbitrum One',
    network: 'mainnet',
    native: { code: 'ETH-ARBITRUM', ticker: 'ETH', name: 'Ether on Arbitrum One', decimals: 18 },
    tokens: [
      usdc('USDC-ARBITRUM', 'USD Coin on Arbitrum One', '0xaf88d065e77c8cC2239327C5EDb3A432268e5831', ETH_MAX),
      usdt('USDT-ARBITRUM', 'Tether USD (USDT0) on Arbitrum One', '0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9', ETH_MAX),
    ],
    // Four blocks a second.
    confirmations: 5,
    finality: 'safe',
    delegateFactory: DELEGATE_FACTORY,
    gasPriceMaxGwei: 20,
    reorgDepthMax: 1_024,
    pollMs: 2_000,
    headAgeMaxMs: 60_000,
    watchShards: 4,
    explorer: 'https://arbiscan.io/tx/{txid}',
  },
  optimism: {
    id: 'eip155:10',
    gateway: 'evm',
    name: 'OP Mainnet',
    network: 'mainnet',
    native: { code: 'ETH-OPTIMISM', ticker: 'ETH', name: 'Ether on OP Mainnet', decimals: 18 },
    tokens: [
      usdc('USDC-OPTIMISM', 'USD Coin on OP Mainnet', '0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85', ETH_MAX),
      usdt('USDT-OPTIMISM', 'Tether USD (USDT0) on OP Mainnet', '0x01bFF41798a0BcF287b996046Ca68b395DbC1071', ETH_MAX),
    ],
    confirmations: 5,
    finality: 'safe',
    delegateFactory: DELEGATE_FACTORY,
    gasPriceMaxGwei: 20,
    reorgDepthMax: 512,
    pollMs: 2_000,
    headAgeMaxMs: 60_000,
    watchShards: 4,
    explorer: 'https://optimistic.etherscan.io/tx/{txid}',
  },
  polygon: {
    id: 'eip155:137',
    gateway: 'evm',
    name: 'Polygon PoS',
    network: 'mainnet',
    native: { code: 'POL', ticker: 'POL', name: 'POL', decimals: 18 },
    tokens: [
      usdc('USDC-POLYGON', 'USD Coin on Polygon PoS', '0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359', POL_MAX),
      usdt('USDT-POLYGON', 'Tether USD (USDT0) on Polygon PoS', '0xc2132D05D31c914a87C6611C10748AEb04B58e8F', POL_MAX),
    ],
    confirmations: 5,
    finality: 'finalized',
    delegateFactory: DELEGATE_FACTORY,
    gasPriceMaxGwei: 5_000,
    reorgDepthMax: 512,
    pollMs: 2_000,
    headAgeMaxMs: 60_000,
    watchShards: 4,
    explorer: 'https://polygonscan.com/tx/{txid}',
  },
  sepolia: {
    id: 'eip155:11155111',
    gateway: 'evm',
    name: 'Sepolia',
    network: 'testnet',
    native: { code: 'ETH-SEPOLIA', ticker: 'ETH', name: 'Ether on Sepolia (test)', decimals: 18 },
    tokens: [usdc('USDC-SEPOLIA', 'USD Coin on Sepolia (test)', '0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238')],
    confirmations: 3,
    delegateFactory: DELEGATE_FACTORY,
    gasPriceMaxGwei: 1_000,
    reorgDepthMax: 256,
    pollMs: 4_000,
    headAgeMaxMs: 180_000,
    watchShards: 1,
    explorer: 'https://sepolia.etherscan.io/tx/{txid}',
  },
  'base-sepolia': {
    id: 'eip155:84532',
    gateway: 'evm',
    name: 'Base Sepolia',
    network: 'testnet',
    native: { code: 'ETH-BASE-SEPOLIA', ticker: 'ETH', name: 'Ether on Base Sepolia (test)', decimals: 18 },
    tokens: [usdc('USDC-BASE-SEPOLIA', 'USD Coin on Base Sepolia (test)', '0x036CbD53842c5426634e7929541eC2318f3dCF7e')],
    confirmations: 5,
    delegateFactory: DELEGATE_FACTORY,
    gasPriceMaxGwei: 100,
    reorgDepthMax: 512,
    pollMs: 2_000,
    headAgeMaxMs: 60_000,
    watchShards: 1,
    explorer: 'https://sepolia.basescan.org/tx/{txid}',
  },
}

export const PRESET_NAMES: readonly string[] = Object.keys(PRESETS)

/**
 * The chains that a list in `CHAINS` means. An entry is a preset's name; `{ "preset": name, … }`, a preset of which the
 * fields that follow are another (`"delegateFactory": null`: it has none); or a whole chain. Throws on what is none of these.
 */
export function expandChains(entries: unknown): ChainConfig[] {
  if (!Array.isArray(entries)) throw new Error('CHAINS is not a list')
  return entries.map((entry: unknown) => {
    if (typeof entry === 'string') return presetOf(entry)
    if (typeof entry !== 'object' || entry === null) throw new Error('an entry of CHAINS is neither a preset nor a chain')
    if (!('preset' in entry)) return entry as ChainConfig
    const { preset, ...changes } = entry
    const { delegateFactory, ...chain }: ChainConfig = { ...presetOf(preset), ...changes }
    // JSON has no other word for what is to be left out.
    return delegateFactory ? { ...chain, delegateFactory } : chain
  })
}

function presetOf(name: unknown): ChainConfig {
  const preset = typeof name === 'string' && Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined
  if (!preset) throw new Error(`CHAINS names the preset ${String(name)}; there are ${PRESET_NAMES.join(', ')}`)
  return preset
}

/** Coins of test networks are worth nothing: none is asked for what its gas costs. */
function usdc(code: string, name: string, contract: string, perNativeMax?: number): ChainToken {
  return { code, ticker: 'USDC', name, decimals: 6, contract, ...(perNativeMax !== undefined && { perNativeMax }) }
}

function usdt(code: string, name: string, contract: string, perNativeMax: number): ChainToken {
  return { code, ticker: 'USDT', name, decimals: 6, contract, perNativeMax }
}
