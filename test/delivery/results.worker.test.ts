import { createExecutionContext, createMessageBatch, getQueueResult } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { consumeResults } from '../../src/delivery/results.ts'
import type { AttemptResult, DeliveryRpc } from '../../src/delivery/rpc.ts'

const report = (storeId: string): AttemptResult => ({
  storeId,
  deliveryId: 'inv_1.evt_1.we_1',
  attempt: 1,
  status: 200,
  retryAfterMs: null,
  error: null,
  durationMs: 1,
})

test('each report goes to its store, and one that fails is retried alone', async () => {
  const taken: string[] = []
  const DELIVERIES = {
    getByName: (name: string) =>
      ({
        report: async (result: AttemptResult) => {
          if (name === 'st_down') throw new Error('overloaded')
          taken.push(`${name}: ${result.storeId}`)
        },
      }) as unknown as DeliveryRpc,
  }
  const stores = ['st_a', 'st_down', 'st_b']
  const batch = createMessageBatch<AttemptResult>(
    'delivery-results',
    stores.map((storeId) => ({ id: storeId, timestamp: new Date(), attempts: 1, body: report(storeId) })),
  )
  await consumeResults(batch, { DELIVERIES })
  const answer = await getQueueResult(batch, createExecutionContext())
  expect(taken.sort()).toEqual(['st_a: st_a', 'st_b: st_b'])
  expect(answer.explicitAcks).toEqual(['st_a', 'st_b'])
  expect(answer.retryMessages).toMatchObject([{ msgId: 'st_down' }])
})
