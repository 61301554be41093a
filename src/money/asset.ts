import { BANK_RAILS } from './bank.ts'

/**
 * What money is counted in. Crypto assets are named by CAIP-19 and live on a chain named by CAIP-2;
 * fiat currencies by ISO 4217. People and the API use the short `code`; it is unique in one installation.
 */
export interface Asset {
  /** Short code for people: `BTC`, `ETH`, `USDC-BASE`, `EUR`. Upper case letters, digits and `-`. */
  readonly code: string
  /** CAIP-19 (`eip155:8453/erc20:0x…`, `bip122:…/slip44:0`) or `iso4217:EUR`. */
  readonly id: string
  readonly kind: 'native' | 'erc20' | 'fiat'
  /** CAIP-2 of the chain, or the bank rail's id; null where nothing can be paid in it, only priced. */
  readonly chainId: string | null
  /** Base units in one whole: 10 ** decimals. */
  readonly decimals: number
  readonly name: string
  /** What rates call it: USDC on every chain is priced as `USDC`. */
  readonly ticker: string
  /** ERC-20 contract in lower case, null for the others. Tokens are known by contract, never by symbol. */
  readonly contract: string | null
}

/** ISO 4217 currencies an invoice can be priced in, with their minor-unit digits. */
const FIAT: readonly (readonly [code: string, decimals: number, name: string])[] = [
  ['EUR', 2, 'Euro'],
  ['USD', 2, 'US dollar'],
  ['GBP', 2, 'Pound sterling'],
  ['CHF', 2, 'Swiss franc'],
  ['UAH', 2, 'Ukrainian hryvnia'],
  ['PLN', 2, 'Polish złoty'],
  ['JPY', 0, 'Japanese yen'],
]

export const FIAT_ASSETS: readonly Asset[] = FIAT.map(([code, decimals, name]) => ({
  code,
  id: `iso4217:${code}`,
  kind: 'fiat',
  chainId: BANK_RAILS.find(({ assetCode }) => assetCode === code)?.id ?? null,
  decimals,
  name,
  ticker: code,
  contract: null,
}))
