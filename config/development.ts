import type { SendingPolicy } from '../src/gateways/lightning/node.ts'
import type { ChainConfig } from '../src/money/chain.ts'
import { type LightningRail, testLightning } from '../src/money/lightning.ts'
import { DELEGATE_FACTORY } from '../src/money/presets.ts'

/** CAIP-2 of Bitcoin regtest: the first 32 hex digits of its genesis block's hash. */
export const BITCOIN_REGTEST = 'bip122:0f9188f13cb7b2c71f2a335e3a4fc328'
export const EVM_LOCAL = 'eip155:31337'
/** The test USDC is the first contract made by anvil's first account, so its address is known before the node runs. */
export const LOCAL_USDC = '0x5fbdb2315678afecb367f032d93f642f64180aa3'

/** The chains of `npm start` and of the tests: real nodes on this machine. */
export const DEVELOPMENT_CHAINS: readonly ChainConfig[] = [
  {
    id: BITCOIN_REGTEST,
    gateway: 'bitcoin',
    name: 'Bitcoin regtest',
    network: 'regtest',
    native: { code: 'BTC', ticker: 'BTC', name: 'Bitcoin', decimals: 8 },
    tokens: [],
    confirmations: 2,
    reorgDepthMax: 144,
    pollMs: 500,
    headAgeMaxMs: 10 * 60_000,
    watchShards: 4,
    explorer: null,
  },
  {
    id: EVM_LOCAL,
    gateway: 'evm',
    name: 'Local Ethereum',
    network: 'testnet',
    native: { code: 'ETH', ticker: 'ETH', name: 'Ether', decimals: 18 },
    tokens: [{ code: 'USDC', ticker: 'USDC', name: 'USD Coin (test)', decimals: 6, contract: LOCAL_USDC }],
    confirmations: 3,
    delegateFactory: DELEGATE_FACTORY,
    reorgDepthMax: 256,
    pollMs: 500,
    headAgeMaxMs: 2 * 60_000,
    watchShards: 4,
    explorer: null,
  },
]

/** Lightning of `npm start`: no real nodes, and its name says so wherever a network is named. */
export const DEVELOPMENT_LIGHTNING: LightningRail = { ...testLightning('regtest'), name: 'Lightning stand-in' }
/** What the demo store's Lightning node may be used to pay. */
export const DEVELOPMENT_SENDING: SendingPolicy = { paymentMaxSats: 1_000_000, dayMaxSats: 3_000_000 }

/** Rates of `npm start` and of the tests, which ask nobody on the Internet. Marked as fixed wherever they are shown. */
export const DEVELOPMENT_RATES: Readonly<Record<string, string>> = {
  'BTC/EUR': '60000',
  'BTC/USD': '65000',
  'BTC/GBP': '51000',
  'BTC/CHF': '57000',
  'BTC/UAH': '2700000',
  'BTC/PLN': '256000',
  'BTC/JPY': '9700000',
  'ETH/EUR': '3000',
  'ETH/USD': '3250',
  'ETH/GBP': '2550',
  'ETH/CHF': '2850',
  'ETH/UAH': '135000',
  'ETH/PLN': '12800',
  'ETH/JPY': '485000',
  'USDC/EUR': '0.92',
  'USDC/USD': '1',
  'USDC/GBP': '0.78',
  'USDC/CHF': '0.87',
  'USDC/UAH': '41.5',
  'USDC/PLN': '3.94',
  'USDC/JPY': '149',
}
