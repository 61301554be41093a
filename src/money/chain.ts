import type { Asset } from './asset.ts'

/**
 * A chain this installation accepts money on: public facts only. Nodes and their credentials are known to
 * the gateways Worker alone (`NODES`). Configured as JSON in the `CHAINS` variable of every Worker.
 */
export interface ChainConfig {
  /** CAIP-2, for example `bip122:000000000019d6689c085ae165831e93` or `eip155:8453`. */
  readonly id: string
  readonly gateway: 'bitcoin' | 'evm'
  /** Bitcoin family: whose addresses, account keys and payment links these are. Absent: Bitcoin's. */
  readonly coin?: 'bitcoin' | 'litecoin'
  readonly name: string
  /** Bitcoin family: which address forms are valid. EVM chains say `mainnet` or `testnet` for display only. */
  readonly network: 'mainnet' | 'testnet' | 'regtest'
  readonly native: ChainAsset
  /** ERC-20 allow-list. Anything else is not money here. */
  readonly tokens: readonly ChainToken[]
  /** Confirmations at which a payment is final unless the invoice's policy says otherwise. 1 = in a block. */
  readonly confirmations: number
  /**
   * EVM: the tag of the node that a payment's block must have come under to be final, unless the invoice asks for a number
   * of confirmations. `confirmations` then only says how many of them are told on the way. Null or absent: they decide.
   */
  readonly finality?: 'safe' | 'finalized' | null
  /**
   * EVM: the factory that delegates are made by (EIP-7702; docs/evm-sweeping.md), mostly
   * `0x4e59b44847b379578588920cA78FbF26c0B4956C`. Absent: the chain has no EIP-7702, or nobody is to use it; a transaction
   * then pays one output, and deposit addresses are swept one by one.
   */
  readonly delegateFactory?: string
  /**
   * EVM: the dearest gas that is offered when nobody has said how much a transfer's fee may be, base fee and tip together
   * (plans offer the base fee twice). Absent: 500.
   */
  readonly gasPriceMaxGwei?: number
  /** Depth to which reorganisations are followed; deeper ones stop the follower for a person to look. */
  readonly reorgDepthMax: number
  /** From the beginning of one look at the node to that of the next. */
  readonly pollMs: number
  /** A head that has not advanced for longer makes the chain unhealthy. */
  readonly headAgeMaxMs: number
  /** Watch-list objects of this chain. Fixed once addresses are watched. */
  readonly watchShards: number
  /** Where a person can look a transaction up: `https://…/tx/{txid}`, or null. */
  readonly explorer: string | null
}

export interface ChainAsset {
  readonly code: string
  readonly ticker: string
  readonly name: string
  readonly decimals: number
}

export interface ChainToken extends ChainAsset {
  readonly contract: string
  /**
   * How many whole tokens one whole of the chain's own asset is taken for at most, when it is asked whether bringing this token
   * in is worth the network fee (docs/evm-sweeping.md): 10000 of USDC on Ethereum means 10,000 USDC for 1 ETH, whatever their
   * decimals. From 1e-9 to 1e15. Absent: nobody asks.
   */
  readonly perNativeMax?: number
}

/** `perNativeMax` is counted in parts of a whole token: one in so many. */
export const PER_NATIVE_PARTS = 1_000_000_000

/** SLIP-44 coin type in the CAIP-19 name of a native asset, by ticker. */
const SLIP44: Record<string, number> = { BTC: 0, LTC: 2, ETH: 60, POL: 966 }

/** Every asset that lives on this chain. */
export function assetsOf(chain: ChainConfig): Asset[] {
  const native: Asset = {
    ...chain.native,
    id: `${chain.id}/slip44:${SLIP44[chain.native.ticker] ?? 60}`,
    kind: 'native',
    chainId: chain.id,
    contract: null,
  }
  const tokens = chain.tokens.map((token): Asset => {
    const { code, ticker, name, decimals } = token
    const contract = token.contract.toLowerCase()
    return { code, ticker, name, decimals, contract, id: `${chain.id}/erc20:${contract}`, kind: 'erc20', chainId: chain.id }
  })
  return [native, ...tokens]
}

/** Whether an address is the same account on both chains (by CAIP-2), so that who can pay it on one can on the other: all EVM chains. */
export function shareAddresses(one: string, other: string): boolean {
  return one === other || [one, other].every((id) => id.startsWith('eip155:'))
}
