import { join } from 'node:path'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { unstable_getMiniflareWorkerOptions } from 'wrangler'
import { DEVELOPMENT_CHAINS } from '../../config/development.ts'
import { bundleWorker } from '../../scripts/stack/bundle.ts'
import { TEST_KEK } from './wallets.ts'

const root = join(import.meta.dirname, '../..')

/** Stands where the gateways Worker does, with its very binding, and tries what it can reach. */
const PROBE = `export default {
  async fetch(_request, env) {
    const tried = {}
    const attempt = async (name, call) => { tried[name] = await call().catch((thrown) => 'out of reach: ' + thrown.message) }
    const intent = { id: 'tr_1', walletId: 'wal_' + 'w'.repeat(32), outputs: [{ address: 'x', units: 5n }] }
    await attempt('sign', () => env.SIGNER.sign({ intent, plan: { fee: 1n }, approvals: [] }))
    await attempt('fetch', async () => (await env.SIGNER.fetch('http://signer.internal/signer/wallets/all')).status)
    for (const name of ['importSeed', 'setPolicy', 'stop', 'allow', 'standing', 'log', 'env'])
      await attempt(name, async () => env.SIGNER[name]({}))
    return Response.json(tried)
  },
}`

let workers: Miniflare
beforeAll(async () => {
  const chains = { CHAINS: JSON.stringify(DEVELOPMENT_CHAINS) }
  const own = await Promise.all([
    compose('core', { ...chains, ENVIRONMENT: 'development', ORIGIN: 'http://localhost', WEBHOOK_SECRET: 'test' }),
    compose('signer', { ...chains, SIGNER_KEK: TEST_KEK }),
  ])
  const { serviceBindings } = optionsOf('gateways').workerOptions as { serviceBindings: Record<string, unknown> }
  const probe = {
    name: 'probe',
    modules: [{ type: 'ESModule', path: 'probe.mjs', contents: PROBE }],
    compatibilityDate: '2026-10-01',
    serviceBindings: { SIGNER: serviceBindings.SIGNER },
  }
  const options = { cf: false, workers: [probe, ...own] } as unknown as Parameters<typeof convertV4MiniflareOptions>[0]
  workers = new Miniflare(convertV4MiniflareOptions(options))
})
afterAll(() => workers.dispose())

test('the gateways Worker’s binding reaches `sign` and nothing else of the signer', async () => {
  const { sign, ...others } = (await (await workers.dispatchFetch('http://localhost/')).json()) as Record<string, unknown>
  expect(sign).toMatchObject({ ok: false, error: { reason: 'wallet_not_hot' } })
  expect(Object.keys(others)).toHaveLength(8)
  for (const answer of Object.values(others)) expect(answer).toContain('out of reach')
})

function optionsOf(key: string) {
  return unstable_getMiniflareWorkerOptions(join(root, 'workers', key, 'wrangler.toml'))
}

async function compose(key: string, bindings: Record<string, string>) {
  const { workerOptions, main } = optionsOf(key)
  const { modulesRules: _rules, ...rest } = workerOptions
  const path = `${key}.mjs`
  const modules = [{ type: 'ESModule', path, contents: (await bundleWorker(main ?? '', path)).code }]
  return { ...rest, name: `paytomat-${key}`, bindings, modules }
}
