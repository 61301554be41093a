import type { DeliverMessage } from '../../src/delivery/rpc.ts'
import type { Consumer } from './queue.ts'
import type { World } from './world.ts'

/** A merchant's endpoint: every event it was told of, with how often. */
export interface Receiver {
  readonly told: Map<string, number>
}

/** Stands where the courier Worker is: carries out attempts on a simulated receiver and reports them. */
export function createCourier(world: World): { receiver: Receiver; consume: Consumer } {
  const receiver: Receiver = { told: new Map() }
  const consume: Consumer = async (batch: MessageBatch<DeliverMessage>, isolate) => {
    await Promise.all(
      batch.messages.map(async (message) => {
        const { storeId, deliveryId, attempt, headers } = message.body
        const fails = world.random.chance(world.network.faults.receiverFailures)
        await world.scheduler.sleep(world.network.latencyMs(), 'the receiver answers')
        if (!isolate.isAlive()) return
        const id = headers['webhook-id'] as string
        // What answers 500 may have understood all the same: only a 2xx counts as told.
        if (!fails) receiver.told.set(id, (receiver.told.get(id) ?? 0) + 1)
        const status = fails ? world.random.pick([500, 503, null]) : 200
        const result = { storeId, deliveryId, attempt, status, retryAfterMs: null, error: null, durationMs: 1 }
        try {
          await world.results.port(isolate).send(result)
          message.ack()
        } catch {
          message.retry({ delaySeconds: 1 })
        }
      }),
    )
  }
  return { receiver, consume }
}
