/**
 * What follows from the report of one attempt: pure, given the time and randomness.
 * Delays before the second and later attempts, by Standard Webhooks 1.0.0: 10 attempts over 75 h 35 min.
 */
const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export const RETRY_DELAYS_MS: readonly number[] = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
]

export const ATTEMPTS_MAX = RETRY_DELAYS_MS.length + 1

/** Waits are made longer by up to this part, so that what failed together does not come back together. */
export const JITTER_PART = 0.1

/** A receiver may ask for this long a pause, not longer. */
export const RETRY_AFTER_MAX_MS = 24 * HOUR

/** An endpoint that has only failed for so long is disabled. */
export const DISABLE_AFTER_MS = 5 * DAY

/**
 * Failures further apart than this are not one outage: nothing was tried between them. Longer than the longest wait
 * between two attempts, so that the retries of a single event are enough to tell.
 */
export const QUIET_MS = 2 * DAY

/** What an attempt came to. `no_report`: the courier never told, which says nothing about the endpoint. */
export type Outcome =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfterMs: number | null }
  | { readonly kind: 'no_answer' }
  | { readonly kind: 'no_report' }

export type Next =
  | { readonly state: 'delivered' }
  | { readonly state: 'waiting'; readonly atMs: number }
  | { readonly state: 'failed' }

/** 2xx is delivered; everything else is not, redirects included. */
export function isDelivered(outcome: Outcome): boolean {
  return outcome.kind === 'answered' && outcome.status >= 200 && outcome.status <= 299
}

/** 410 Gone: the receiver wants no more of these. */
export function isGone(outcome: Outcome): boolean {
  return outcome.kind === 'answered' && outcome.status === 410
}

/**
 * Where a delivery goes after its attempt number `attempts` (from 1). The next attempt is never earlier than the
 * schedule says; a 429 or 503 with Retry-After can only make it later. `random` is in [0, 1).
 */
export function afterAttempt(attempts: number, outcome: Outcome, nowMs: number, random: number): Next {
  if (isDelivered(outcome)) return { state: 'delivered' }
  const delayMs = RETRY_DELAYS_MS[attempts - 1]
  if (isGone(outcome) || delayMs === undefined) return { state: 'failed' }
  const waitMs = Math.max(delayMs, askedPauseMs(outcome))
  return { state: 'waiting', atMs: nowMs + waitMs + Math.floor(waitMs * JITTER_PART * random) }
}

function askedPauseMs(outcome: Outcome): number {
  if (outcome.kind !== 'answered' || (outcome.status !== 429 && outcome.status !== 503)) return 0
  return Math.min(Math.max(outcome.retryAfterMs ?? 0, 0), RETRY_AFTER_MAX_MS)
}

/** Since when an endpoint has only failed, and when it last did; null while it answers. */
export interface Outage {
  readonly sinceMs: number
  readonly lastMs: number
}

export interface EndpointHealth {
  readonly outage: Outage | null
  /** Why the endpoint is to be disabled now, in words for the merchant; null to leave it on. */
  readonly disable: string | null
}

export function healthAfter(outage: Outage | null, outcome: Outcome, nowMs: number): EndpointHealth {
  if (outcome.kind === 'no_report') return { outage, disable: null }
  if (isDelivered(outcome)) return { outage: null, disable: null }
  const sinceMs = outage !== null && nowMs - outage.lastMs <= QUIET_MS ? outage.sinceMs : nowMs
  const disable = isGone(outcome)
    ? 'it answered 410 Gone'
    : nowMs - sinceMs >= DISABLE_AFTER_MS
      ? 'every attempt of the last 5 days failed'
      : null
  return { outage: { sinceMs, lastMs: nowMs }, disable }
}
