import { NETWORK, TEST_NETWORK } from '@scure/btc-signer'
import type { ChainConfig } from '../../money/chain.ts'

/** A coin of Bitcoin's family: what tells it from the others. */
export interface Coin {
  readonly name: string
  /** Of its payment links (BIP 21). */
  readonly uriScheme: string
  /** Address prefixes, as the coin's own node has them in its `chainparams.cpp`. */
  readonly networks: Readonly<Record<ChainConfig['network'], typeof NETWORK>>
  /** SLIP-44, in the account paths of its mainnet. Every test network has 1. */
  readonly coinType: number
  /** What its nodes reckon dust by (`-dustrelayfee`), satoshi for 1,000 virtual bytes. */
  readonly dustSatsPerKvb: bigint
  /** CAIP-2 names of its mainnet, testnet and regtest: the first 32 hex digits of their genesis blocks' hashes. */
  readonly chainIds: readonly string[]
}

const LITECOIN_TEST = { bech32: 'tltc', pubKeyHash: 0x6f, scriptHash: 0x3a, wif: 0xef }

const COINS: Readonly<Record<NonNullable<ChainConfig['coin']>, Coin>> = {
  bitcoin: {
    name: 'Bitcoin',
    uriScheme: 'bitcoin',
    networks: { mainnet: NETWORK, testnet: TEST_NETWORK, regtest: { ...TEST_NETWORK, bech32: 'bcrt' } },
    coinType: 0,
    dustSatsPerKvb: 3_000n,
    chainIds: [
      'bip122:000000000019d6689c085ae165831e93',
      'bip122:000000000933ea01ad0ee984209779ba',
      'bip122:0f9188f13cb7b2c71f2a335e3a4fc328',
    ],
  },
  litecoin: {
    name: 'Litecoin',
    uriScheme: 'litecoin',
    networks: {
      mainnet: { bech32: 'ltc', pubKeyHash: 0x30, scriptHash: 0x32, wif: 0xb0 },
      testnet: LITECOIN_TEST,
      regtest: { ...LITECOIN_TEST, bech32: 'rltc' },
    },
    coinType: 2,
    dustSatsPerKvb: 30_000n,
    chainIds: [
      'bip122:12a765e31ffd4059bada1e25190f6e98',
      'bip122:4966625a4b2851d9fdee139e56211a0d',
      'bip122:530827f38f93b43ed12af0b3ad25a288',
    ],
  },
}

export function coinOf(chain: ChainConfig): Coin {
  return COINS[chain.coin ?? 'bitcoin']
}

/** Every coin of the family, for telling whose an address is. */
export const ALL_COINS: readonly Coin[] = Object.values(COINS)

/** The coin this chain belongs to by its name, when the configuration says another: its addresses would be that one's. */
export function mistakenCoin(chain: ChainConfig): Coin | null {
  const real = ALL_COINS.find(({ chainIds }) => chainIds.includes(chain.id))
  return real && real !== coinOf(chain) ? real : null
}
