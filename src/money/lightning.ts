import type { Asset } from './asset.ts'

/**
 * The Lightning network of one Bitcoin network: nothing on it can be followed by others, the node that is paid tells
 * (docs/decisions/013-lightning.md). An entry of `CHAINS`; a store offers it by having a node.
 */
export interface LightningRail {
  /** In the form of a CAIP-2 id, and the name that payments carry: `lightning:mainnet`. */
  readonly id: string
  readonly gateway: 'lightning'
  readonly name: string
  readonly network: 'mainnet' | 'testnet' | 'regtest'
  /** Code of the asset that is paid on it: whole satoshi. */
  readonly assetCode: string
  /**
   * How long a payment that was begun in time may take: its parts wait for each other for so long (BOLT 4), and clocks of
   * nodes are not ours.
   */
  readonly transitMs: number
  /** Nobody can look a payment up but who paid and who was paid. */
  readonly explorer: null
}

export const LIGHTNING: LightningRail = {
  id: 'lightning:mainnet',
  gateway: 'lightning',
  name: 'Lightning',
  network: 'mainnet',
  assetCode: 'BTC-LN',
  transitMs: 60_000,
  explorer: null,
}

/** What the way of a payment may cost at most, in satoshi, whatever was asked for: 1 %, and of small payments 10 satoshi. */
export function lightningFeeMax(units: bigint): bigint {
  const part = units / 100n
  return part > 10n ? part : 10n
}

export function testLightning(network: 'testnet' | 'regtest'): LightningRail {
  return { ...LIGHTNING, id: `lightning:${network}`, name: `Lightning ${network}`, network }
}

/** What `CHAINS` says instead of a chain. */
const ENTRIES: Readonly<Record<string, LightningRail>> = {
  lightning: LIGHTNING,
  'lightning-testnet': testLightning('testnet'),
  'lightning-regtest': testLightning('regtest'),
}

/** The rails among the entries of `CHAINS`, whole or by name, and the entries that are something else. */
export function takeLightning(entries: readonly unknown[]): { readonly rails: LightningRail[]; readonly others: unknown[] } {
  const railOf = (entry: unknown): LightningRail | undefined => {
    if (typeof entry === 'string') return Object.hasOwn(ENTRIES, entry) ? ENTRIES[entry] : undefined
    return (entry as { gateway?: unknown } | null)?.gateway === 'lightning' ? (entry as LightningRail) : undefined
  }
  return { rails: entries.flatMap((entry) => railOf(entry) ?? []), others: entries.filter((entry) => !railOf(entry)) }
}

export function lightningAsset({ id, assetCode }: LightningRail): Asset {
  return {
    code: assetCode,
    id: `${id}/slip44:0`,
    kind: 'native',
    chainId: id,
    decimals: 8,
    name: 'Bitcoin Lightning',
    ticker: 'BTC',
    contract: null,
  }
}
