import { Hono } from 'hono'
import type { EdgeEnv } from '../../workers/edge/env.ts'
import type { ChainHealth } from '../chain/rpc.ts'
import { rfc3339 } from '../lib/clock.ts'
import { reasonOf } from '../lib/log.ts'
import { registryOf } from '../money/registry.ts'

/**
 * GET /health: how far each chain is read and when its head last moved. 200 while anything can be paid, 503 when
 * no chain is followed, so that a load balancer needs nothing but the status.
 */
export function createHealth(): Hono<{ Bindings: EdgeEnv }> {
  return new Hono<{ Bindings: EdgeEnv }>().get('/health', async (context) => {
    const { chains: configured } = registryOf(context.env)
    const chains = await Promise.all(configured.map(({ id, name }) => healthOf(context.env, id, name)))
    const allDown = chains.every(({ status }) => status === 'down')
    const allWell = chains.every(({ status }) => status === 'ok' || status === 'catching_up')
    const status = allDown ? 'down' : allWell ? 'ok' : 'degraded'
    const body = { status, chains: chains.map(chainResource) }
    return context.json(body, allDown ? 503 : 200, { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  })
}

async function healthOf(env: EdgeEnv, chainId: string, name: string): Promise<ChainHealth> {
  try {
    return await env.CHAINS_FOLLOWED.getByName(chainId).health()
  } catch (thrown) {
    const unknown = { height: null, hash: null, headHeight: null, lagBlocks: null, headAdvancedAtMs: null, syncedAtMs: null }
    return { chainId, name, status: 'down', ...unknown, error: reasonOf(thrown) }
  }
}

function chainResource(health: ChainHealth) {
  return {
    chain: health.chainId,
    name: health.name,
    status: health.status,
    height: health.height,
    headHeight: health.headHeight,
    lagBlocks: health.lagBlocks,
    headAdvancedAt: health.headAdvancedAtMs === null ? null : rfc3339(health.headAdvancedAtMs),
    syncedAt: health.syncedAtMs === null ? null : rfc3339(health.syncedAtMs),
    error: health.error,
  }
}
