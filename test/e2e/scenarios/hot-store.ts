import { sha256 } from '@noble/hashes/sha2.js'
import { DEVELOPMENT_CHAINS } from '../../../config/development.ts'
import { openSecrets } from '../../../scripts/stack/secrets.ts'
import { keySignerOf } from '../../../src/gateways/key-signers.ts'
import { spaceOf, walletIdOf } from '../../../src/gateways/wallet-id.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { type AssetPolicy, type Policy, writePolicy } from '../../../src/signer/policy.ts'
import { readKek, sealSeed } from '../../../src/signer/seal.ts'
import { listen, provision, type Scene } from './scene.ts'

/** A store whose bitcoin is in a hot wallet of its own, of a merchant of its own: other scenarios touch none of it. */
export interface HotStore extends Scene {
  readonly merchantId: string
  readonly walletId: string
  readonly seed: Uint8Array
}

/** Nothing is too much, and nobody is asked. A policy is this with what it says otherwise. */
const GENEROUS: AssetPolicy = {
  kinds: ['refund', 'payout'],
  perTransfer: 1_000_000_000n,
  perHour: 10_000_000_000n,
  perDay: 10_000_000_000n,
  perDestinationPerDay: 10_000_000_000n,
  perStorePerDay: 10_000_000_000n,
  autoApproveUpTo: { refund: 1_000_000_000n, payout: 1_000_000_000n },
  approvals: 1,
  fee: { max: 1_000_000n, bps: null, floor: 0n, perDay: 100_000_000n },
  newDestinationHours: null,
}

/** `name` makes the seed: another name, another wallet. */
export async function openHotStore(
  scene: Scene,
  name: string,
  { approvers = [], ...rule }: Partial<AssetPolicy> & Partial<Pick<Policy, 'approvers'>> = {},
): Promise<HotStore> {
  const chain = DEVELOPMENT_CHAINS.find(({ gateway }) => gateway === 'bitcoin') as ChainConfig
  const seed = sha256(new TextEncoder().encode(name))
  const account = keySignerOf(chain).account(chain, seed, 'p2wpkh')
  const { apiKey, merchantId } = await provision(scene, [{ account, assets: ['BTC'], custody: 'platform' }], { name })
  const id = await walletIdOf(chain, account)
  const kek = readKek(openSecrets(scene.stack.stateDir).signerKek)
  if (!id.ok || !kek.ok) throw new Error('a seed and a key that were made here')
  const walletId = id.value
  const envelope = await sealSeed(kek.value, { walletId, space: spaceOf(chain), script: account.script }, seed)
  await tellSigner(scene, `${walletId}/seed`, { envelope })
  const policy: Policy = { assets: { BTC: { ...GENEROUS, ...rule } }, approvers }
  await tellSigner(scene, `${walletId}/policy`, { policy: writePolicy(policy) })
  return { ...(await listen(scene.stack.as(apiKey))), merchantId, walletId, seed }
}

/** What an operator tells the signer; `path` follows `/signer/wallets/`. */
export async function tellSigner({ stack }: Scene, path: string, order: Record<string, unknown>): Promise<void> {
  const response = await stack.workers.dispatchSigner(`/signer/wallets/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ by: 'a test', ...order }),
  })
  if (!response.ok) throw new Error(`the signer refused ${path}: ${await response.text()}`)
}
