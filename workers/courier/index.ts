import { carryOut } from '../../src/delivery/attempt.ts'
import type { DeliverMessage } from '../../src/delivery/rpc.ts'
import type { CourierEnv } from './env.ts'

/**
 * The courier: calls addresses typed in by merchants, and holds nothing but its queues.
 * Each message is acknowledged at once and carried out beside the others, so that a slow endpoint holds up nobody;
 * an attempt that gets lost here is found by its lease in the delivery object.
 */
export default {
  queue(batch, env, ctx) {
    const ports = {
      fetch: (url: string, init: RequestInit) => fetch(url, init),
      results: env.RESULTS,
      nowMs: Date.now,
      development: env.ENVIRONMENT === 'development',
    }
    for (const message of batch.messages) {
      message.ack()
      ctx.waitUntil(carryOut(message.body, ports))
    }
  },
} satisfies ExportedHandler<CourierEnv, DeliverMessage>
