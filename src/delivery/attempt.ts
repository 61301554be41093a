import { reasonOf } from '../lib/log.ts'
import type { QueuePort } from '../lib/objects.ts'
import { checkAddress } from './address.ts'
import type { AttemptResult, DeliverMessage } from './rpc.ts'

/** From the first byte sent to the answer's headers. With the report it stays under the 30 s a Worker has after its event. */
export const ANSWER_TIMEOUT_MS = 15_000

/** Tries at handing the report on; when all fail, the delivery object's lease runs out and it tries the delivery again. */
const REPORT_TRIES = 3
const REPORT_PAUSE_MS = 1_000

export interface CourierPorts {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  readonly results: QueuePort<AttemptResult>
  readonly nowMs: () => number
  readonly development: boolean
}

/** Carries one attempt out and reports it. Never throws: what cannot be reported is found by the lease. */
export async function carryOut(message: DeliverMessage, ports: CourierPorts): Promise<void> {
  const result = await attempt(message, ports)
  for (let tries = 1; tries <= REPORT_TRIES; tries++) {
    try {
      await ports.results.send(result)
      return
    } catch {
      await new Promise((resolve) => setTimeout(resolve, REPORT_PAUSE_MS))
    }
  }
}

/** One POST, no redirect followed, nothing read of the answer but its status and Retry-After. */
export async function attempt(message: DeliverMessage, ports: CourierPorts): Promise<AttemptResult> {
  const startedMs = ports.nowMs()
  const result = (status: number | null, retryAfterMs: number | null, error: string | null): AttemptResult => ({
    storeId: message.storeId,
    deliveryId: message.deliveryId,
    attempt: message.attempt,
    status,
    retryAfterMs,
    error,
    durationMs: ports.nowMs() - startedMs,
  })

  const address = checkAddress(message.url, ports.development)
  if (!address.ok) return result(null, null, `address not allowed: ${address.error.detail}`)
  try {
    const response = await ports.fetch(address.value, {
      method: 'POST',
      headers: message.headers,
      body: message.body,
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    })
    // What the endpoint has to say is in the status. Letting go of the body is not worth waiting for, nor failing over.
    response.body?.cancel().catch(() => {})
    return result(response.status, readRetryAfter(response.headers.get('retry-after'), ports.nowMs()), null)
  } catch (thrown) {
    const timedOut = thrown instanceof Error && thrown.name === 'TimeoutError'
    return result(null, null, timedOut ? `no answer within ${ANSWER_TIMEOUT_MS / 1000} s` : `no connection: ${reasonOf(thrown)}`)
  }
}

/** Retry-After (RFC 9110 10.2.3) as milliseconds from now: whole seconds or a date. Null when absent, malformed or past. */
export function readRetryAfter(text: string | null, nowMs: number): number | null {
  if (text === null) return null
  const waitMs = /^\d{1,9}$/.test(text.trim()) ? Number(text) * 1000 : Date.parse(text) - nowMs
  return waitMs > 0 ? waitMs : null
}
