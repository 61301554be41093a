import type { WebhookEvent } from '../../delivery/rpc.ts'
import { rfc3339 } from '../../lib/clock.ts'
import type { Registry } from '../../money/registry.ts'
import { isAcceleration } from './record.ts'
import { listed, transferResource } from './resource.ts'
import type { Transfer, TransferStatus } from './types.ts'

/** Every type of event that transfers have. */
export const TRANSFER_EVENT_TYPES = [
  'transfer.created',
  'transfer.needs_approval',
  'transfer.needs_signature',
  'transfer.broadcast',
  'transfer.confirmed',
  'transfer.failed',
  'transfer.unknown',
] as const

type TransferEventType = (typeof TRANSFER_EVENT_TYPES)[number]

/**
 * The webhook of a step from `before` (null: it was just made) to `transfer`, or null when the merchant has nothing to
 * hear. Its id follows from transfer and version, so that one told twice is one event.
 */
export function webhookOfTransfer(before: Transfer | null, transfer: Transfer, registry: Registry): WebhookEvent | null {
  const type = eventType(before, transfer)
  if (type === null) return null
  const { id: transferId, storeId, version, updatedAtMs: atMs } = transfer
  return {
    id: `evt_${transferId.slice('tr_'.length)}_${version}`,
    storeId,
    invoiceId: null,
    transferId,
    type,
    atMs,
    body: JSON.stringify({ type, timestamp: rfc3339(atMs), data: { transfer: transferResource(listed(transfer), registry) } }),
  }
}

/**
 * A status is told when it is reached; back in the queue, or signing by ourselves, is nothing to act on. Nor is a sweep that
 * the wallet needs: it pays nobody.
 */
function eventType(before: Transfer | null, transfer: Transfer): TransferEventType | null {
  if (transfer.kind === 'sweep' && !isAcceleration(transfer)) return null
  if (before === null) return 'transfer.created'
  if (before.status === transfer.status) return null
  return TYPES[transfer.status](transfer)
}

const TYPES: Record<TransferStatus, (transfer: Transfer) => TransferEventType | null> = {
  queued: () => null,
  needs_approval: () => 'transfer.needs_approval',
  signing: ({ custody }) => (custody === 'self' ? 'transfer.needs_signature' : null),
  broadcast: () => 'transfer.broadcast',
  confirmed: () => 'transfer.confirmed',
  failed: () => 'transfer.failed',
  unknown: () => 'transfer.unknown',
}
