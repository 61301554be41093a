import type { ChainConfig } from '../../../src/money/chain.ts'

/** CAIP-2 of Litecoin regtest: the first 32 hex digits of its genesis block's hash. */
export const LITECOIN_REGTEST = 'bip122:530827f38f93b43ed12af0b3ad25a288'

export const litecoinRegtest: ChainConfig = {
  id: LITECOIN_REGTEST,
  gateway: 'bitcoin',
  coin: 'litecoin',
  name: 'Litecoin regtest',
  network: 'regtest',
  native: { code: 'LTC', ticker: 'LTC', name: 'Litecoin', decimals: 8 },
  tokens: [],
  confirmations: 2,
  reorgDepthMax: 144,
  pollMs: 500,
  headAgeMaxMs: 10 * 60_000,
  watchShards: 4,
  explorer: null,
}
