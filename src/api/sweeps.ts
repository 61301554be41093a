import { err, type Result } from '../lib/result.ts'
import { registryOf } from '../money/registry.ts'
import { readBody } from './body.ts'
import type { Answer, Call } from './call.ts'
import { TARGET_BLOCKS_DEFAULT } from './create-transfer.ts'
import { requiredKey } from './idempotency.ts'
import type { Problem } from './problems.ts'
import { readAsset } from './query.ts'
import { answerMade, askTransfers } from './transfer-access.ts'
import { nameTransfer } from './transfer-keys.ts'
import { ownWallet } from './wallet-access.ts'

/**
 * `POST /v1/wallets/:id/sweeps`: what lies at deposit addresses of an EVM hot wallet is brought to the address that it pays
 * from. One at a time of each asset; under the same key the same again.
 */
export async function createSweep(call: Call): Promise<Result<Answer, Problem>> {
  const key = requiredKey(call)
  if (!key.ok) return key
  const registry = registryOf(call.env)
  const body = await readBody(call.request, ['asset'], (fields) => readAsset(fields, 'asset', registry))
  if (!body.ok) return body
  const wallet = ownWallet(call)
  if (!wallet.ok) return wallet
  const { id: walletId, custody, assets } = wallet.value
  const asset = assets.find(({ code }) => code === body.value.value)
  if (!asset?.chainId)
    return err({ reason: 'invalid_field', param: 'asset', detail: 'asset must be one that the store is paid into this wallet' })
  const named = await nameTransfer(call, key.value, walletId)
  if (!named.ok) return named
  const nobody = { kind: 'sweep', outputs: [], invoiceId: null, reference: null, feeMax: null } as const
  const terms = { custody, chainId: asset.chainId, asset: asset.code, targetBlocks: TARGET_BLOCKS_DEFAULT, ...nobody }
  const made = await askTransfers(call, walletId, (object) => object.createTransfer({ ...named.value.owner, ...terms }))
  return answerMade(call, named.value, made)
}
