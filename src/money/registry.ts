import { type Asset, FIAT_ASSETS } from './asset.ts'
import { assetsOf, type ChainConfig } from './chain.ts'

/** All chains and assets of this installation, by their names. */
export interface Registry {
  readonly chains: readonly ChainConfig[]
  /** Throws on an unknown code: callers check what comes from outside with `findAsset`. */
  asset(code: string): Asset
  findAsset(code: string): Asset | null
  chain(id: string): ChainConfig
  findChain(id: string): ChainConfig | null
}

/** Throws when the configuration names one code or chain twice. */
export function createRegistry(chains: readonly ChainConfig[]): Registry {
  const byCode = new Map<string, Asset>()
  for (const asset of [...FIAT_ASSETS, ...chains.flatMap(assetsOf)]) {
    if (!/^[A-Z0-9-]{2,20}$/.test(asset.code)) throw new Error(`asset code ${asset.code} is not of the form A-Z, 0-9, -`)
    if (byCode.has(asset.code)) throw new Error(`asset code ${asset.code} is configured twice`)
    byCode.set(asset.code, asset)
  }
  const byId = new Map(chains.map((chain) => [chain.id, chain]))
  if (byId.size !== chains.length) throw new Error('a chain is configured twice')
  return {
    chains,
    asset: (code) => found(byCode.get(code), `asset ${code}`),
    findAsset: (code) => byCode.get(code) ?? null,
    chain: (id) => found(byId.get(id), `chain ${id}`),
    findChain: (id) => byId.get(id) ?? null,
  }
}

let cached: { text: string; registry: Registry } | null = null

/** The registry of the `CHAINS` variable, parsed once per isolate. Throws on text that is not a list of chains. */
export function registryOf(env: { CHAINS: string }): Registry {
  if (cached?.text !== env.CHAINS) cached = { text: env.CHAINS, registry: createRegistry(JSON.parse(env.CHAINS) as ChainConfig[]) }
  return cached.registry
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`${what} is not configured`)
  return value
}
