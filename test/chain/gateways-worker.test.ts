import { expect, test, vi } from 'vitest'
import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS, EVM_LOCAL } from '../../config/development.ts'
import type { LookMessage } from '../../src/chain/rpc.ts'
import type { RatesMessage } from '../../src/exchange/rpc.ts'
import type { GatewaysEnv } from '../../workers/gateways/env.ts'
import gateways from '../../workers/gateways/index.ts'

/** The door with objects that record what reaches them. `begin` is answered when the test says so. */
function door(nodes: Record<string, unknown>) {
  const begun: string[] = []
  const failed: string[] = []
  const held: (() => void)[] = []
  const env = {
    CHAINS: JSON.stringify(DEVELOPMENT_CHAINS),
    ENVIRONMENT: 'development',
    NODES: JSON.stringify(nodes),
    CHAINS_FOLLOWED: {
      getByName: (chainId: string) => ({
        begin: () => {
          begun.push(chainId)
          return new Promise((_resolve, reject) => held.push(() => reject(new Error('the object was reset'))))
        },
        fail: async ({ reason }: { reason: string }) => void failed.push(`${chainId} ${reason}`),
      }),
    },
    WATCH: { getByName: () => ({ match: async () => [] }) },
    RATES: { getByName: () => ({ publish: async () => {} }) },
  } as unknown as GatewaysEnv
  const work: Promise<unknown>[] = []
  const ctx = { waitUntil: (promise: Promise<unknown>) => void work.push(promise) } as unknown as ExecutionContext
  const send = async (...chainIds: string[]) => {
    let acks = 0
    const messages = chainIds.map((chainId) => ({ body: { kind: 'look', chainId, sentAtMs: 0 }, ack: () => void acks++ }))
    await gateways.queue({ messages } as unknown as MessageBatch<LookMessage | RatesMessage>, env, ctx)
    return acks
  }
  return { begun, failed, held, work, send }
}

const NODE = [{ url: 'http://127.0.0.1:9' }]

test('a look is taken off the queue at once; a chain has one at a time, and holds up no other', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {})
  const at = door({ [BITCOIN_REGTEST]: NODE, [EVM_LOCAL]: NODE })
  expect(await at.send(BITCOIN_REGTEST)).toBe(1)
  expect(await at.send(BITCOIN_REGTEST, EVM_LOCAL)).toBe(2)
  expect(at.begun).toEqual([BITCOIN_REGTEST, EVM_LOCAL])
  for (const release of at.held) release()
  await Promise.all(at.work)
  await at.send(BITCOIN_REGTEST)
  expect(at.begun).toHaveLength(3)
  for (const release of at.held) release()
  await Promise.all(at.work)
})

test('a chain without a node in NODES says so on its health', async () => {
  const at = door({ [EVM_LOCAL]: NODE })
  await at.send(BITCOIN_REGTEST)
  await Promise.all(at.work)
  expect(at.failed).toEqual([`${BITCOIN_REGTEST} not_configured`])
})

test('nothing answers over HTTP', async () => {
  expect(gateways.fetch().status).toBe(404)
})
