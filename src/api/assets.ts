import { ok, type Result } from '../lib/result.ts'
import { type Asset, FIAT_ASSETS } from '../money/asset.ts'
import { registryOf } from '../money/registry.ts'
import type { Answer, Call } from './call.ts'
import type { Problem } from './problems.ts'

/** Everything an invoice can be priced in. */
export async function listAssets(call: Call): Promise<Result<Answer, Problem>> {
  const assets = [...FIAT_ASSETS, ...registryOf(call.env).payable.filter(({ kind }) => kind !== 'fiat')]
  return ok({ status: 200, body: { data: assets.map(showAsset) } })
}

/** What the store can be paid in. */
export async function listPaymentMethods(call: Call): Promise<Result<Answer, Problem>> {
  const registry = registryOf(call.env)
  const data = call.identity.store.methods.flatMap(({ asset }) => {
    const found = registry.findAsset(asset)
    return found ? [showAsset(found)] : []
  })
  return ok({ status: 200, body: { data } })
}

function showAsset({ code, id, kind, chainId, name, decimals }: Asset) {
  return { code, object: 'asset', id, kind, chain: chainId, name, decimals }
}
