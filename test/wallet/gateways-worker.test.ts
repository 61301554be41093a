import { expect, test } from 'vitest'
import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS } from '../../config/development.ts'
import type { BalanceMessage } from '../../src/wallet/rpc.ts'
import type { TransferMessage } from '../../src/wallet/transfers/rpc.ts'
import type { GatewaysEnv } from '../../workers/gateways/env.ts'
import gateways from '../../workers/gateways/index.ts'

/** The door with a wallet and a follower that record what reaches them. */
function door(nodes: Record<string, unknown>) {
  const failed: string[] = []
  const asked: string[] = []
  const wallet = {
    readingPage: async (_chain: string, readingId: string) => {
      asked.push(readingId)
      return { from: 0, keys: new Uint8Array(22), keyLength: 22, block: null }
    },
    failReading: async (_chain: string, readingId: string, { reason }: { reason: string }) =>
      void failed.push(`${readingId} ${reason}`),
  }
  const follower = {
    health: async () => ({ height: null, hash: null }),
    paymentsPage: async () => ({ payments: [], next: null }),
  }
  const env = {
    CHAINS: JSON.stringify(DEVELOPMENT_CHAINS),
    ENVIRONMENT: 'development',
    NODES: JSON.stringify(nodes),
    WALLETS: { getByName: () => wallet },
    CHAINS_FOLLOWED: { getByName: () => follower },
  } as unknown as GatewaysEnv
  let acks = 0
  const body: BalanceMessage = { kind: 'balance', chainId: BITCOIN_REGTEST, walletId: 'wal_1', readingId: 'r1' }
  const batch = { messages: [{ body, ack: () => void acks++ }] } as unknown as MessageBatch<BalanceMessage>
  const ctx = { waitUntil: () => expect.fail('nothing goes on beside the batch') } as unknown as ExecutionContext
  return { failed, asked, acks: () => acks, take: () => gateways.queue(batch, env, ctx) }
}

test('the batch waits for a balance to be read, so that a long scan is not cut off', async () => {
  const at = door({ [BITCOIN_REGTEST]: [{ url: 'http://127.0.0.1:9' }] })
  await at.take()
  expect(at.asked).toEqual(['r1'])
  expect(at.failed).toEqual(['r1 node_unreachable'])
})

test('a chain without a node in NODES says so to the wallet', async () => {
  const at = door({})
  await at.take()
  expect(at.failed).toEqual(['r1 not_configured'])
})

test('a transfer is carried on beside its queue, so that a slow node holds up no other', async () => {
  const asked: string[] = []
  const wallet = {
    nextStep: async (id: string) => {
      asked.push(id)
      return { do: 'facts', question: { targetBlocks: 1, payer: null } }
    },
    takeFacts: async (_id: string, facts: { ok: boolean; error?: { detail: string } }) => {
      asked.push(facts.ok ? 'facts' : (facts.error?.detail ?? ''))
      return { do: 'nothing' }
    },
  }
  const env = { CHAINS: JSON.stringify(DEVELOPMENT_CHAINS), NODES: '{}', WALLETS: { getByName: () => wallet } }
  const beside: Promise<unknown>[] = []
  let acks = 0
  const body: TransferMessage = { kind: 'transfer', chainId: BITCOIN_REGTEST, walletId: 'wal_1', transferId: 'tr_1' }
  const batch = { messages: [{ body, ack: () => void acks++ }] } as unknown as MessageBatch<TransferMessage>
  const ctx = { waitUntil: (work: Promise<unknown>) => void beside.push(work) } as unknown as ExecutionContext
  await gateways.queue(batch, env as unknown as GatewaysEnv, ctx)
  expect(acks).toBe(1)
  await Promise.all(beside)
  expect(asked).toEqual(['tr_1', 'NODES names no node for this chain'])
})
