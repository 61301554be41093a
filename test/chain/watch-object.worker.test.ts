import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env as testEnv } from 'cloudflare:workers'
import { expect, test } from 'vitest'
import { watchAddress, watchShardName, watchShardOf } from '../../src/chain/watch.ts'
import { fingerprintOf } from '../../src/gateways/gateway.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import type { CoreEnv } from '../../workers/core/env.ts'
import { keyOf } from './simulator.ts'

const env = testEnv as unknown as CoreEnv
const raw = (name: string) => (testEnv as unknown as { WATCH: DurableObjectNamespace }).WATCH.getByName(name)

function fingerprints(keys: readonly Uint8Array[]): Uint8Array {
  const packed = new Uint8Array(keys.length * 8)
  for (const [i, key] of keys.entries()) packed.set(fingerprintOf(key), i * 8)
  return packed
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

test('watched keys are found at their positions, whole, among others', async () => {
  const list = env.WATCH.getByName('sim:found#0')
  await list.watch([
    { key: keyOf(1), invoiceId: 'inv-1' },
    { key: keyOf(2), invoiceId: 'inv-2' },
  ])
  const hits = await list.match(fingerprints([keyOf(50), keyOf(2), keyOf(51), keyOf(1), keyOf(2)]))
  expect(hits.sort((a, b) => a.position - b.position)).toEqual([
    { position: 1, key: keyOf(2), invoiceId: 'inv-2' },
    { position: 3, key: keyOf(1), invoiceId: 'inv-1' },
    { position: 4, key: keyOf(2), invoiceId: 'inv-2' },
  ])
  expect(await list.match(new Uint8Array())).toEqual([])
})

test('two keys with one fingerprint are both answered, for the caller to compare', async () => {
  const list = env.WATCH.getByName('sim:twins#0')
  const twin = keyOf(1).with(20, 99)
  await list.watch([
    { key: keyOf(1), invoiceId: 'inv-1' },
    { key: twin, invoiceId: 'inv-2' },
  ])
  const hits = await list.match(fingerprints([keyOf(1)]))
  expect(hits.map(({ invoiceId }) => invoiceId).sort()).toEqual(['inv-1', 'inv-2'])
})

test('a key belongs to the invoice that came first; the same again changes nothing', async () => {
  const list = env.WATCH.getByName('sim:first#0')
  await list.watch([{ key: keyOf(1), invoiceId: 'inv-1' }])
  await list.watch([{ key: keyOf(1), invoiceId: 'inv-1' }])
  await list.watch([{ key: keyOf(1), invoiceId: 'inv-2' }])
  expect((await list.match(fingerprints([keyOf(1)]))).map(({ invoiceId }) => invoiceId)).toEqual(['inv-1'])
})

test('a key watched after the filter was built is found', async () => {
  const list = env.WATCH.getByName('sim:later#0')
  expect(await list.match(fingerprints([keyOf(1)]))).toEqual([])
  await list.watch([{ key: keyOf(1), invoiceId: 'inv-1' }])
  expect(await list.match(fingerprints([keyOf(1)]))).toHaveLength(1)
})

test('after an eviction the filter is built from the table: none of 30,000 is missed, also not those added meanwhile', async () => {
  const name = 'sim:many#0'
  const list = env.WATCH.getByName(name)
  for (let from = 0; from < 30_000; from += 10_000)
    await list.watch(range(from, from + 10_000).map((n) => ({ key: keyOf(n), invoiceId: `inv-${n}` })))
  await evictDurableObject(raw(name))
  const [hits] = await Promise.all([
    list.match(fingerprints(range(0, 30_000).map(keyOf))),
    ...range(60_000, 60_050).map((n) => list.watch([{ key: keyOf(n), invoiceId: `inv-${n}` }])),
  ])
  expect(hits).toHaveLength(30_000)
  expect(hits.every(({ position, invoiceId }) => invoiceId === `inv-${position}`)).toBe(true)
  expect(await list.match(fingerprints(range(60_000, 60_050).map(keyOf)))).toHaveLength(50)
})

test('of outputs nobody watches hardly any reaches the table', async () => {
  const name = 'sim:spared#0'
  const list = env.WATCH.getByName(name)
  await list.watch(range(0, 10_000).map((n) => ({ key: keyOf(n), invoiceId: `inv-${n}` })))
  await runInDurableObject(raw(name), async (object, state) => {
    let lookups = 0
    const exec = state.storage.sql.exec.bind(state.storage.sql)
    const sql = {
      exec: (statement: string, ...bindings: unknown[]) => {
        lookups++
        return exec(statement, ...bindings)
      },
    }
    const storage = new Proxy(state.storage, { get: (target, field) => (field === 'sql' ? sql : Reflect.get(target, field)) })
    const shard = Object.assign(object as unknown as ReturnType<CoreEnv['WATCH']['getByName']>, { ctx: { storage } })
    await shard.match(new Uint8Array())
    lookups = 0
    expect(await shard.match(fingerprints(range(100_000, 110_000).map(keyOf)))).toEqual([])
    expect(lookups).toBe(0)
  })
})

test('an address is watched in the shard that its key names', async () => {
  const chain = { id: 'sim:shards', watchShards: 4 } as ChainConfig
  const keys = range(0, 40).map(keyOf)
  await Promise.all(keys.map((key, n) => watchAddress(env, chain, key, `inv-${n}`)))
  const perShard = await Promise.all(
    range(0, 4).map((shard) => env.WATCH.getByName(watchShardName(chain, shard)).match(fingerprints(keys))),
  )
  for (const [shard, hits] of perShard.entries())
    expect(hits.map(({ position }) => position).sort((a, b) => a - b)).toEqual(
      range(0, 40).filter((n) => watchShardOf(chain, keyOf(n)) === shard),
    )
  expect(perShard.every((hits) => hits.length > 0)).toBe(true)
})
