import type { DeliveryView } from '../delivery/rpc.ts'
import { rfc3339 } from '../lib/clock.ts'

/** A webhook on its way to one endpoint, as the API shows it. */
export function showDelivery(delivery: DeliveryView) {
  const { id, eventId, eventType, invoiceId, transferId, endpointId, state, attempts, nextAttemptAtMs, lastStatus, lastError } =
    delivery
  return {
    id,
    object: 'delivery',
    eventId,
    eventType,
    invoiceId,
    transferId,
    endpointId,
    state,
    attempts,
    nextAttemptAt: nextAttemptAtMs === null ? null : rfc3339(nextAttemptAtMs),
    lastStatus,
    lastError,
  }
}
