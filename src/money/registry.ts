import { type Asset, FIAT_ASSETS } from './asset.ts'
import { BANK_RAILS, type BankRail } from './bank.ts'
import { assetsOf, type ChainConfig, PER_NATIVE_PARTS } from './chain.ts'
import { type LightningRail, lightningAsset, takeLightning } from './lightning.ts'
import { expandChains } from './presets.ts'

/** Where an asset is paid in: a chain that is followed, a bank rail that is told, or a network of nodes that tell. */
export type Rail = ChainConfig | BankRail | LightningRail

/** All chains, rails and assets of this installation, by their names. */
export interface Registry {
  readonly chains: readonly ChainConfig[]
  /** All that an invoice can be paid in. */
  readonly payable: readonly Asset[]
  /** Throws on an unknown code: callers check what comes from outside with `findAsset`. */
  asset(code: string): Asset
  findAsset(code: string): Asset | null
  chain(id: string): ChainConfig
  findChain(id: string): ChainConfig | null
  /** Lightning networks, where they are configured. */
  readonly lightning: readonly LightningRail[]
  /** The chain, bank rail or Lightning network that an asset is paid on. */
  rail(id: string): Rail
}

/** Of `perNativeMax`. A coin that is worth more of something is worth more than there is of anything. */
const PER_NATIVE_MIN = 1 / PER_NATIVE_PARTS
const PER_NATIVE_MAX = 1e15

/** Throws when the configuration names one code or chain twice, or a token is worth nothing that can be counted. */
export function createRegistry(chains: readonly ChainConfig[], lightning: readonly LightningRail[] = []): Registry {
  const byCode = new Map<string, Asset>()
  const assets = [...FIAT_ASSETS, ...chains.flatMap(assetsOf), ...lightning.map(lightningAsset)]
  for (const asset of assets) {
    if (!/^[A-Z0-9-]{2,20}$/.test(asset.code)) throw new Error(`asset code ${asset.code} is not of the form A-Z, 0-9, -`)
    if (byCode.has(asset.code)) throw new Error(`asset code ${asset.code} is configured twice`)
    byCode.set(asset.code, asset)
  }
  for (const { code, perNativeMax = 1 } of chains.flatMap(({ tokens }) => tokens)) {
    if (typeof perNativeMax === 'number' && perNativeMax >= PER_NATIVE_MIN && perNativeMax <= PER_NATIVE_MAX) continue
    throw new Error(`perNativeMax of ${code} is not a number from ${PER_NATIVE_MIN} to ${PER_NATIVE_MAX}`)
  }
  const byId = new Map(chains.map((chain) => [chain.id, chain]))
  if (byId.size !== chains.length) throw new Error('a chain is configured twice')
  const byRail = new Map<string, Rail>([...byId, ...[...BANK_RAILS, ...lightning].map((rail) => [rail.id, rail] as const)])
  return {
    chains,
    lightning,
    payable: assets.filter(({ chainId }) => chainId !== null),
    asset: (code) => found(byCode.get(code), `asset ${code}`),
    findAsset: (code) => byCode.get(code) ?? null,
    chain: (id) => found(byId.get(id), `chain ${id}`),
    findChain: (id) => byId.get(id) ?? null,
    rail: (id) => found(byRail.get(id), `chain ${id}`),
  }
}

/** Throws when no Lightning network of this name is configured. */
export function lightningRailOf({ lightning }: Registry, id: string): LightningRail {
  return found(
    lightning.find((rail) => rail.id === id),
    `Lightning network ${id}`,
  )
}

let cached: { text: string; registry: Registry } | null = null

/** The registry of the `CHAINS` variable, parsed once per isolate, presets filled in. Throws on text that is not a list of chains. */
export function registryOf(env: { CHAINS: string }): Registry {
  if (cached?.text !== env.CHAINS) {
    const entries: unknown = JSON.parse(env.CHAINS)
    const { rails, others } = Array.isArray(entries) ? takeLightning(entries) : { rails: [], others: entries }
    cached = { text: env.CHAINS, registry: createRegistry(expandChains(others), rails) }
  }
  return cached.registry
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`${what} is not configured`)
  return value
}
