import type { LightningEndpoint } from '../../src/gateways/lightning/node.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import { demoSigners, demoWallets } from './demo-store.ts'
import { StartError } from './progress.ts'
import type { Secrets } from './secrets.ts'
import type { Workers } from './workers.ts'

/** The demo store is made anew at each start, the same one: its id and key are kept in secrets.json. Its wallets are hot. */
export async function provision(
  workers: Workers,
  secrets: Secrets,
  chains: readonly ChainConfig[],
  node: LightningEndpoint | null,
  shopOrigin: string | null,
): Promise<void> {
  const post = async (dispatch: Workers['dispatchCore'], path: string, body: unknown) => {
    const headers = { 'content-type': 'application/json' }
    const response = await dispatch(path, { method: 'POST', headers, body: JSON.stringify(body) })
    if (response.ok) return
    throw new StartError(
      `${path} refused to make the demo store: ${response.status} ${(await response.text()).slice(0, 300)}`,
      'If the state folder is from another version, delete it and start again.',
    )
  }
  await post(workers.dispatchCore, '/admin/stores', {
    storeId: secrets.storeId,
    apiKey: secrets.apiKey,
    name: 'The Corner Kiosk',
    wallets: demoWallets(chains, node),
    allowedOrigins: shopOrigin === null ? [] : [shopOrigin],
    latePolicy: 'accept_locked_rate',
    toleranceBps: 0,
    watchMs: 7 * 24 * 60 * 60_000,
  })
  for (const { walletId, envelope, policy } of await demoSigners(chains, secrets.signerKek)) {
    const path = `/signer/wallets/${walletId}`
    const known = (await (await workers.dispatchSigner(path)).json()) as { account?: unknown; policyVersion?: number }
    if (!known.account) await post(workers.dispatchSigner, `${path}/seed`, { by: 'npm start', envelope })
    // One that somebody has changed to try something out stays.
    if (!known.policyVersion) await post(workers.dispatchSigner, `${path}/policy`, { by: 'npm start', policy })
  }
}
