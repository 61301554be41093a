import { Hono } from 'hono'
import type { EdgeEnv } from '../../workers/edge/env.ts'
import { AUDIT_NAME, type AuditStatus } from '../audit/rpc.ts'
import type { ChainHealth } from '../chain/rpc.ts'
import { rfc3339 } from '../lib/clock.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import type { LightningRail } from '../money/lightning.ts'
import { registryOf } from '../money/registry.ts'

/** Cron audits the ledgers every minute; a run may wait for a slow one. Nothing checked for longer is an alarm. */
const AUDIT_STALE_MS = 5 * 60_000
/** Final blocks that left a chain are an alarm for a day: long enough for somebody to look, and it ends by itself. */
const FINAL_LEFT_MS = 24 * 3_600_000

/**
 * GET /health: how far each chain is read and when its head last moved; when the ledgers were last compared with chains
 * and copies, and how many differences no person has looked at; how many Lightning nodes are away. 200 while anything can be paid, 503 when no chain is
 * followed, so that a load balancer needs nothing but the status.
 */
export function createHealth(): Hono<{ Bindings: EdgeEnv }> {
  return new Hono<{ Bindings: EdgeEnv }>().get('/health', async (context) => {
    const { chains: configured, lightning: networks } = registryOf(context.env)
    const [ledger, lightning, ...chains] = await Promise.all([
      ledgerHealth(context.env, Date.now()),
      Promise.all(networks.map((network) => lightningHealth(context.env, network))),
      ...configured.map(({ id, name }) => healthOf(context.env, id, name)),
    ])
    const allDown = chains.length > 0 && chains.every(({ status }) => status === 'down')
    const chainsWell = chains.every(({ status, nodes, finalLeft }) => {
      const isFinal = !finalLeft || Date.now() - finalLeft.atMs >= FINAL_LEFT_MS
      return isFinal && (status === 'ok' || status === 'catching_up') && !nodes?.some((node) => node.status === 'disagrees')
    })
    const ledgerWell = ledger.status === 'ok' || ledger.status === 'unchecked'
    const status = allDown ? 'down' : chainsWell && ledgerWell ? 'ok' : 'degraded'
    const body = { status, chains: chains.map(chainResource), lightning, ledger }
    return context.json(body, allDown ? 503 : 200, { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  })
}

async function healthOf(env: EdgeEnv, chainId: string, name: string): Promise<ChainHealth> {
  try {
    return await env.CHAINS_FOLLOWED.getByName(chainId).health()
  } catch (thrown) {
    const unknown = { height: null, hash: null, headHeight: null, finalHeight: null, lagBlocks: null }
    return { chainId, name, status: 'down', ...unknown, headAdvancedAtMs: null, syncedAtMs: null, error: reasonOf(thrown) }
  }
}

/** Nodes are merchants' own: how many there are and how many are away, and no more. They do not make the status. */
async function lightningHealth(env: EdgeEnv, { id: rail, name }: LightningRail) {
  const unknown = { nodes: null, down: null }
  const summary = await env.LIGHTNINGS.getByName(rail)
    .summary()
    .catch((thrown: unknown) => {
      logEvent('warn', 'lightning_summary_unknown', { rail, reason: reasonOf(thrown) })
      return unknown
    })
  return { rail, name, nodes: summary.nodes, down: summary.down }
}

/** Counts and times only: who has a difference is nobody else's business. */
async function ledgerHealth(env: EdgeEnv, nowMs: number) {
  const audit = await env.AUDITS.getByName(AUDIT_NAME)
    .status()
    .catch((thrown: unknown) => {
      logEvent('warn', 'audit_status_unknown', { reason: reasonOf(thrown) })
      return { ...NEVER, error: 'unreachable' }
    })
  const { passedAtMs, atMs, merchants, payments, differences } = audit ?? NEVER
  return {
    status: ledgerStatus(audit ?? NEVER, nowMs),
    checkedAt: atMs === null ? null : rfc3339(atMs),
    passedAt: passedAtMs === null ? null : rfc3339(passedAtMs),
    merchants,
    payments,
    differences,
  }
}

const NEVER: AuditStatus = { atMs: null, passedAtMs: null, merchants: 0, payments: 0, differences: 0, error: null }

function ledgerStatus({ differences, atMs, error }: AuditStatus, nowMs: number): 'ok' | 'difference' | 'unchecked' | 'stale' {
  if (differences > 0) return 'difference'
  if (atMs === null) return error === null ? 'unchecked' : 'stale'
  return nowMs - atMs > AUDIT_STALE_MS ? 'stale' : 'ok'
}

function chainResource(health: ChainHealth) {
  return {
    chain: health.chainId,
    name: health.name,
    status: health.status,
    height: health.height,
    headHeight: health.headHeight,
    finalHeight: health.finalHeight,
    lagBlocks: health.lagBlocks,
    headAdvancedAt: health.headAdvancedAtMs === null ? null : rfc3339(health.headAdvancedAtMs),
    syncedAt: health.syncedAtMs === null ? null : rfc3339(health.syncedAtMs),
    error: health.error,
    nodes: health.nodes ?? null,
    finalBlocksLeft: health.finalLeft
      ? {
          at: rfc3339(health.finalLeft.atMs),
          finalHeight: health.finalLeft.finalHeight,
          rolledBackTo: health.finalLeft.rolledBackTo,
        }
      : null,
  }
}
