import { randomUUID } from 'node:crypto'
import { DEVELOPMENT_CHAINS } from '../../../config/development.ts'
import type { InvoiceResource } from '../../../src/invoice/resource.ts'
import type { WalletRequest } from '../../../src/storage/provision-request.ts'
import { type Stack, type StackOverrides, startStack, waitFor, workersLog } from '../harness.ts'
import { type Receiver, startReceiver } from '../receiver.ts'

/** A store of the running system and its webhook endpoint. */
export interface Scene {
  readonly stack: Stack
  readonly receiver: Receiver
}

/** Looks follow one another faster than in production, so that a scenario takes seconds. */
const POLL_MS = 200
const CHAINS = DEVELOPMENT_CHAINS.map((chain) => ({ ...chain, pollMs: POLL_MS }))

export async function startScene(overrides: StackOverrides = {}): Promise<Scene> {
  const stack = await startStack({ chains: CHAINS, ...overrides })
  try {
    return await listen(stack)
  } catch (error) {
    await stack.stop()
    throw error
  }
}

export async function endScene(scene: Scene | undefined): Promise<void> {
  if (!scene) return
  await scene.receiver.stop()
  await scene.stack.stop()
}

/** Lines in which a Worker speaks of a defect. */
export function errorsLogged({ stack }: Scene): string[] {
  return (
    workersLog(stack)
      .split('\n')
      // Time, level, and what was said: by us, or by the runtime of something that was thrown and not caught.
      .filter((line) => line.split(' ')[1] === 'error')
  )
}

/** The same where blocks that were final have left a chain, of which operators hear: that they did is claimed too. */
export function errorsBesideDeepReorgs(scene: Scene): string[] {
  const errors = errorsLogged(scene)
  const others = errors.filter((line) => !line.includes('final_blocks_left'))
  return others.length < errors.length ? others : [...others, 'no Worker has spoken of final blocks that left']
}

/** Another store of the same system, with wallets and a webhook endpoint of its own; `terms` as its provisioning takes them. */
export async function openStore(
  scene: Scene,
  wallets: readonly (Omit<WalletRequest, 'custody'> & Partial<WalletRequest>)[],
  terms: Record<string, unknown> = {},
): Promise<Scene> {
  const { apiKey } = await provision(scene, wallets, terms)
  return listen(scene.stack.as(apiKey))
}

/** Makes a store, of a merchant of its own unless `terms` names one. */
export async function provision(
  { stack }: Scene,
  wallets: readonly (Omit<WalletRequest, 'custody'> & Partial<WalletRequest>)[],
  terms: Record<string, unknown> = {},
): Promise<{ apiKey: string; merchantId: string; storeId: string }> {
  const response = await stack.workers.dispatchCore('/admin/stores', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Another store', wallets, ...terms }),
  })
  if (!response.ok) throw new Error(`the store was refused: ${await response.text()}`)
  return (await response.json()) as { apiKey: string; merchantId: string; storeId: string }
}

/** A webhook endpoint of the store whose key the stack has. */
export async function listen(stack: Stack): Promise<Scene> {
  const receiver = await startReceiver()
  const endpoint = await stack.api<{ secret: string }>('POST', '/v1/webhook_endpoints', { url: receiver.url })
  if (endpoint.status !== 201) throw new Error(`no webhook endpoint: ${endpoint.text}`)
  receiver.setSecret(endpoint.body.secret)
  return { stack, receiver }
}

/** An invoice over 20 EUR with an order id of its own: 0.00033334 BTC, 0.006666666666666667 ETH or 21.739131 USDC. */
export function open({ stack }: Scene, terms: Record<string, unknown> = {}): Promise<InvoiceResource> {
  return stack.createInvoice({ orderId: randomUUID(), ...terms })
}

export type Gateway = 'bitcoin' | 'evm'

/** Mines `blocks` of the chain that the asset lives on. */
export async function mine({ stack }: Scene, asset: string, blocks: number): Promise<void> {
  if (asset === 'BTC') await stack.wallets.bitcoin.mine(blocks)
  else await stack.wallets.evm.mine(blocks)
}

interface ChainLine {
  readonly chain: string
  readonly status: string
  readonly height: number | null
  readonly lagBlocks: number | null
  readonly syncedAt: string | null
}

export async function readHealth({ stack }: Scene, gateway: Gateway): Promise<ChainLine> {
  const id = DEVELOPMENT_CHAINS.find((chain) => chain.gateway === gateway)?.id
  const { body, text } = await stack.api<{ chains: ChainLine[] }>('GET', '/health')
  const line = body?.chains.find(({ chain }) => chain === id)
  if (!line) throw new Error(`/health says nothing of ${gateway}: ${text}`)
  return line
}

/** Returns when all that the node knew at the time of the call has been taken in. */
export async function untilRead(scene: Scene, gateway: Gateway): Promise<void> {
  const sinceMs = Date.now()
  let last: ChainLine | undefined
  await waitFor(
    async () => {
      last = await readHealth(scene, gateway)
      return last.lagBlocks === 0 && last.syncedAt !== null && Date.parse(last.syncedAt) >= sinceMs
    },
    undefined,
    () => JSON.stringify(last),
  )
}

/**
 * Stops the Workers' process meanwhile, as a machine that stalls does, so that they see only what has become of the
 * chain: a payment that leaves the chain and comes back in three calls to a node does so at once.
 */
export async function unseen<T>({ stack }: Scene, work: () => Promise<T>): Promise<T> {
  const { pid } = stack.workers
  process.kill(pid, 'SIGSTOP')
  try {
    return await work()
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}

/** Ends workerd with SIGKILL; returns when Miniflare has started it again. */
export async function killNow({ stack }: Scene): Promise<void> {
  const { workers } = stack
  const { pid } = workers
  process.kill(pid, 'SIGKILL')
  const isBack = async () => {
    try {
      return (await stack.api('GET', '/health')).status === 200
    } catch {
      return false
    }
  }
  await waitFor(async () => workers.pid !== pid && (await isBack()))
}
