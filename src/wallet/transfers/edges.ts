import { assert } from '../../lib/result.ts'
import type { TransferStatus } from './types.ts'

/** Where a transfer may go from each status. There is no other way; what is over stays over. */
export const EDGES: Readonly<Record<TransferStatus, readonly TransferStatus[]>> = {
  queued: ['needs_approval', 'signing', 'failed'],
  // An approval starts it anew, with fees and coins of that day.
  needs_approval: ['queued', 'failed'],
  // Refused by the signer, it waits again; a watch-only one may turn out to be spent by somebody else.
  signing: ['queued', 'needs_approval', 'broadcast', 'failed', 'unknown'],
  broadcast: ['confirmed', 'unknown', 'failed'],
  unknown: ['broadcast', 'confirmed', 'failed'],
  confirmed: [],
  failed: [],
}

export function assertEdge(from: TransferStatus, to: TransferStatus): void {
  assert(from === to || EDGES[from].includes(to), `a transfer does not go from ${from} to ${to}`)
}
