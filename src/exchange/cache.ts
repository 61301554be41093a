import { logEvent, reasonOf } from '../lib/log.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import type { RateSnapshot, RatesRpc } from './rpc.ts'

/** Name of the one board object. */
export const BOARD_NAME = 'board'

/** How long an isolate answers from its own copy: a burst of new invoices asks the board once. */
export const CACHE_MS = 5_000
/** The oldest copy ever served, when the board cannot be reached. */
export const CACHE_AGE_MAX_MS = 10_000

let kept: { snapshot: RateSnapshot; readAtMs: number } | null = null

/**
 * Rates for a new invoice. The copy belongs to the isolate; a promise is never shared, since one request of
 * workerd may not wait on another's I/O. An answer without rates is not kept.
 * When the board cannot be reached, the answer has no rates and the failure: never a throw.
 */
export async function ratesSnapshot(env: { RATES: ObjectNamespace<RatesRpc> }, nowMs: number): Promise<RateSnapshot> {
  const copy = kept
  const copyAgeMs = copy === null ? Number.POSITIVE_INFINITY : Math.abs(nowMs - copy.readAtMs)
  if (copy !== null && copyAgeMs < CACHE_MS) return copy.snapshot
  try {
    const snapshot = await env.RATES.getByName(BOARD_NAME).current()
    kept = snapshot.rates.length > 0 ? { snapshot, readAtMs: nowMs } : null
    return snapshot
  } catch (thrown) {
    if (copy !== null && copyAgeMs < CACHE_AGE_MAX_MS) return copy.snapshot
    logEvent('error', 'rate_board_unreachable', { reason: reasonOf(thrown) })
    return { rates: [], atMs: nowMs, failures: [{ source: BOARD_NAME, detail: reasonOf(thrown) }] }
  }
}
