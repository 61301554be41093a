import { logEvent, reasonOf } from '../lib/log.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import type { AttemptResult, DeliveryRpc } from './rpc.ts'

/** Before a report that its object could not take is tried again. */
const RETRY_SECONDS = 5

/**
 * Consumer of `delivery-results`: hands each report to the object of its store. Messages stand alone, so one that
 * fails holds up none; after the queue's retries the lease in the object does the rest.
 */
export async function consumeResults(
  batch: MessageBatch<AttemptResult>,
  env: { readonly DELIVERIES: ObjectNamespace<DeliveryRpc> },
): Promise<void> {
  await Promise.all(
    batch.messages.map(async (message) => {
      try {
        await env.DELIVERIES.getByName(message.body.storeId).report(message.body)
        message.ack()
      } catch (thrown) {
        logEvent('warn', 'delivery_report_retried', { delivery: message.body.deliveryId, reason: reasonOf(thrown) })
        message.retry({ delaySeconds: RETRY_SECONDS })
      }
    }),
  )
}
