import { abortAllDurableObjects, runInDurableObject } from 'cloudflare:test'
import { env as testEnv } from 'cloudflare:workers'
import { afterEach, expect, test, vi } from 'vitest'
import { DEVELOPMENT_CHAINS } from '../../config/development.ts'
import { createHealth } from '../../src/api/health.ts'
import type { NodeSight } from '../../src/gateways/gateway.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import type { CoreEnv } from '../../workers/core/env.ts'

const env = testEnv as unknown as CoreEnv
const raw = (name: string) => (testEnv as unknown as { CHAINS_FOLLOWED: DurableObjectNamespace }).CHAINS_FOLLOWED.getByName(name)
const CHAIN = { ...(DEVELOPMENT_CHAINS[1] as ChainConfig), pollMs: 100_000 }
const MEMPOOL = { payments: [], conflicts: [], waiting: [], missing: [] }
const OK: NodeSight[] = [
  { host: 'a.example', status: 'ok' },
  { host: 'b.example', status: 'ok' },
]
const LAGS: NodeSight[] = [OK[0] as NodeSight, { host: 'b.example', status: 'lagging' }]
const LIES: NodeSight[] = [OK[0] as NodeSight, { host: 'b.example', status: 'disagrees' }]

afterEach(() => {
  vi.restoreAllMocks()
})

/** A follower whose looks say this of the nodes. */
async function follower(name: string) {
  const chains = JSON.stringify([{ ...CHAIN, id: name }])
  const connect = () => runInDurableObject(raw(name), (object) => void Object.assign(object, { env: { ...env, CHAINS: chains } }))
  await connect()
  const rpc = env.CHAINS_FOLLOWED.getByName(name)
  const ref = { height: 1, hash: 'h1', parentHash: 'h0', timeMs: 1_000 }
  let startedAtMs = Date.now()
  await rpc.commit({
    base: null,
    rollbackTo: null,
    blocks: [{ ref, payments: [], conflicts: [] }],
    mempool: null,
    more: true,
    head: ref,
    startedAtMs,
  })
  const look = async (nodes: readonly NodeSight[] | undefined, asOfMs?: number) => {
    const base = { height: 1, hash: 'h1' }
    const mempool = { ...MEMPOOL, asOfMs }
    const batch = { base, rollbackTo: null, blocks: [], mempool, more: false, head: ref, startedAtMs: startedAtMs++, nodes }
    expect(await env.CHAINS_FOLLOWED.getByName(name).commit(batch)).toMatchObject({ ok: true })
  }
  const health = () => env.CHAINS_FOLLOWED.getByName(name).health()
  const page = async () => {
    const response = await createHealth().request('/health', {}, { ...env, CHAINS: chains } as never)
    return (await response.json()) as { status: string; chains: { nodes: unknown }[] }
  }
  return { look, health, page, connect, rpc: () => env.CHAINS_FOLLOWED.getByName(name) }
}

test('how the nodes are is on the health, and is remembered by the next instance', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const at = await follower('sim:nodes-health')
  await at.look(undefined)
  expect((await at.health()).nodes).toBeNull()
  await at.look(LAGS)
  await abortAllDurableObjects()
  await at.connect()
  expect(await at.health()).toMatchObject({ status: 'ok', nodes: LAGS })
  await at.rpc().fail({ reason: 'nodes_disagree', detail: 'a.example is at block 7', nodes: LIES })
  expect(await at.health()).toMatchObject({ status: 'down', error: 'nodes_disagree: a.example is at block 7', nodes: LIES })
})

test('a node that disagrees makes the whole degraded, one that lags does not', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const at = await follower('sim:nodes-page')
  await at.look(LAGS)
  expect(await at.page()).toMatchObject({ status: 'ok', chains: [{ nodes: LAGS }] })
  await at.look(LIES)
  expect(await at.page()).toMatchObject({ status: 'degraded', chains: [{ status: 'ok', nodes: LIES }] })
})

test('a change is logged once, not with each look', async () => {
  const said: string[] = []
  for (const level of ['log', 'warn'] as const)
    vi.spyOn(console, level).mockImplementation((line) => void said.push(`${level} ${line}`))
  const at = await follower('sim:nodes-log')
  for (const nodes of [OK, OK, LAGS, LAGS, LIES, LIES, OK, OK]) await at.look(nodes)
  const lines = said
    .filter((line) => line.includes('sim:nodes-log'))
    .map((line) => line.replace(/\{.*"what":"(\w+)".*"nodes":"(.*)"\}/, '$1 $2'))
  expect(lines).toEqual([
    'warn nodes_changed a.example ok, b.example lagging',
    'warn nodes_disagree a.example ok, b.example disagrees',
    'log nodes_changed a.example ok, b.example ok',
  ])
})

test('a look that may not know all its node knew counts up to where it does, and never back', async () => {
  const at = await follower('sim:nodes-partial')
  await at.look(OK)
  const syncedAtMs = (await at.health()).syncedAtMs ?? 0
  await at.look(OK, syncedAtMs - 12_000)
  expect((await at.health()).syncedAtMs).toBe(syncedAtMs)
  await at.look(OK, syncedAtMs + 1)
  expect((await at.health()).syncedAtMs).toBe(syncedAtMs + 1)
  await at.look(OK)
  expect((await at.health()).syncedAtMs).toBe(syncedAtMs + 3)
})

test('blocks that were final by their confirmations and leave all the same are an alarm for a day; others are not', async () => {
  const error = vi.spyOn(console, 'error').mockImplementation(() => {})
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const at = await follower('sim:final-left')
  const hashes: Record<number, string> = { 1: 'h1' }
  /** Blocks on top of `from`, up to `to`; the follower is at `tip`. */
  const commit = async (tip: number, from: number, to: number) => {
    const block = (height: number) => ({ height, hash: hashes[height] ?? '' })
    const base = block(tip)
    const rollbackTo = from < tip ? block(from) : null
    const blocks = Array.from({ length: to - from }, (_, n) => {
      const height = from + n + 1
      const parentHash = hashes[height - 1] ?? ''
      hashes[height] = `h${height} on ${from}`
      return { ref: { ...block(height), parentHash, timeMs: 1_000 }, payments: [], conflicts: [] }
    })
    const batch = { base, rollbackTo, blocks, mempool: MEMPOOL, more: false, head: block(to), startedAtMs: Date.now() }
    expect(await at.rpc().commit(batch)).toMatchObject({ ok: true })
  }
  await commit(1, 1, 8)
  // Three confirmations: up to block 6 all is final, and the newest two blocks may go.
  await commit(8, 6, 9)
  expect(await at.health()).toMatchObject({ finalHeight: 7, finalLeft: null })
  expect(await at.page()).toMatchObject({ status: 'ok', chains: [{ finalBlocksLeft: null }] })
  await commit(9, 6, 10)
  expect(await at.health()).toMatchObject({ status: 'ok', finalLeft: { finalHeight: 7, rolledBackTo: 6 } })
  expect(error.mock.calls.flat().join()).toContain('final_blocks_left')
  const left = { at: expect.any(String), finalHeight: 7, rolledBackTo: 6 }
  expect(await at.page()).toMatchObject({ status: 'degraded', chains: [{ status: 'ok', finalBlocksLeft: left }] })
  vi.setSystemTime(Date.now() + 24 * 3_600_000)
  await commit(10, 10, 11)
  expect(await at.page()).toMatchObject({ status: 'ok', chains: [{ finalBlocksLeft: left }] })
  vi.useRealTimers()
})
