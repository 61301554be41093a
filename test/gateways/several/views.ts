import { vi } from 'vitest'
import { look } from '../../../src/chain/look.ts'
import { type ChainReader, fingerprintOf } from '../../../src/gateways/gateway.ts'
import { toHex } from '../../../src/lib/bytes.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { MemoryFollower } from '../../chain/memory.ts'

/** How many times as long is waited. */
const PATIENCE = 30
const { setTimeout } = globalThis

interface Call {
  readonly id: number
  readonly method: string
  readonly params: readonly unknown[]
}

/** Another answer for a call than the node's, or what was asked instead; undefined passes the call on as it is. */
export type Meddling = (call: Call) => { answer: unknown } | { refusal: number } | { ask: readonly unknown[] } | undefined

/** A proxy in front of a real node, as a `fetch` of one endpoint: it shows the node otherwise than it is. */
export function viewOf(rpcUrl: string, meddling: { current: Meddling }): typeof fetch {
  return async (_input, init) => {
    const body = JSON.parse(String(init?.body)) as Call | Call[]
    const calls = Array.isArray(body) ? body : [body]
    const done = calls.map((call) => ({ call, meddled: meddling.current(call) }))
    const passed = done.map(({ call, meddled }) => (meddled && 'ask' in meddled ? { ...call, params: meddled.ask } : call))
    // Its time limit stays behind: a busy machine makes no node late.
    const response = await fetch(rpcUrl, { ...init, signal: null, body: JSON.stringify(passed) } as RequestInit)
    const answers = (await response.json()) as { id: number }[]
    return Response.json(answered(done, answers, Array.isArray(body)))
  }
}

function answered(
  done: readonly { call: Call; meddled: ReturnType<Meddling> }[],
  answers: readonly { id: number }[],
  isBatch: boolean,
) {
  const all = done.map(({ call, meddled }) => {
    if (meddled && 'answer' in meddled) return { jsonrpc: '2.0', id: call.id, result: meddled.answer }
    if (meddled && 'refusal' in meddled) return { id: call.id, result: null, error: { code: meddled.refusal, message: 'no' } }
    return answers.find(({ id }) => id === call.id)
  })
  return isBatch ? all : all[0]
}

/** Looks at a chain with a follower of its own, which watches these keys. */
export function watching(chain: ChainConfig, reader: ChainReader, keys: readonly Uint8Array[]) {
  const follower = new MemoryFollower(chain)
  const byFingerprint = new Map(keys.map((key, n) => [toHex(fingerprintOf(key)), { key, invoiceId: `inv-${n}` }]))
  const match = async (fingerprints: Uint8Array) => {
    return Array.from({ length: fingerprints.length / 8 }, (_, position) => ({ position })).flatMap(({ position }) => {
      const hit = byFingerprint.get(toHex(fingerprints.subarray(position * 8, position * 8 + 8)))
      return hit ? [{ position, ...hit }] : []
    })
  }
  return {
    follower,
    look: () => unhurried(() => look({ follower, watch: [{ match }], reader, clock: Date.now })),
    confirmed: () => [...follower.payments.values()].filter(({ status }) => status === 'confirmed').map(({ txid }) => txid),
    rollbacks: () => follower.batches.filter(({ rollbackTo }) => rollbackTo !== null).length,
    told: () =>
      reader
        .nodes?.()
        .map(({ status }) => status)
        .join(' '),
  }
}

/** All that is waited for is waited for many times as long: what is tested is what nodes say, not how soon. */
async function unhurried<T>(work: () => Promise<T>): Promise<T> {
  const spy = vi.spyOn(globalThis, 'setTimeout')
  spy.mockImplementation(((run: () => void, ms = 0) => setTimeout(run, PATIENCE * ms)) as typeof setTimeout)
  try {
    return await work()
  } finally {
    spy.mockRestore()
  }
}
