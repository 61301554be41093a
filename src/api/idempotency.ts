import { type IdPrefix, keyedId, randomId, sha256Hex } from '../lib/ids.ts'
import { canonicalJson } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { Call } from './call.ts'
import type { Problem } from './problems.ts'

/** The name of what a request makes, so that the same request twice makes it once. */
export interface RequestName {
  readonly id: string
  /** SHA-256 of the canonical body: the same name with another one is refused. */
  readonly fingerprint: string
  /** Whether the caller gave an `Idempotency-Key`. */
  readonly keyed: boolean
}

/**
 * Names what a POST makes: by `Idempotency-Key` within the store and the kind of thing, else at random. A fingerprint
 * is made in both cases, since the edge itself may ask the object twice. `json` must have been checked: it is walked.
 */
export async function nameRequest(call: Call, prefix: IdPrefix, json: unknown): Promise<Result<RequestName, Problem>> {
  const key = givenKey(call)
  if (!key.ok) return key
  const fingerprint = await sha256Hex(canonicalJson(json))
  if (key.value === null) return ok({ id: randomId(prefix), fingerprint, keyed: false })
  return ok({ id: await keyedId(prefix, call.env.ID_SECRET, [call.identity.store.storeId, key.value]), fingerprint, keyed: true })
}

/** The key of a call that moves money: nobody has to guess whether it was done when no answer came. */
export function requiredKey(call: Call): Result<string, Problem> {
  const key = givenKey(call)
  if (!key.ok) return key
  if (key.value !== null) return ok(key.value)
  const detail = 'give an Idempotency-Key, and the same one when you send this again: what moves money is done once'
  return err({ reason: 'idempotency_key_missing', detail, param: 'Idempotency-Key' })
}

/** Where the thing is that a POST has made, and whether an earlier one had made it. */
export function madeHeaders(location: string | null, isReplay: boolean): Record<string, string> {
  return { ...(location !== null && { location }), ...(isReplay && { 'idempotent-replayed': 'true' }) }
}

function givenKey(call: Call): Result<string | null, Problem> {
  const header = call.request.headers.get('idempotency-key')
  const key = header === null ? null : readKey(header)
  if (header === null || key !== null) return ok(key)
  return err({
    reason: 'idempotency_key_malformed',
    detail: 'Idempotency-Key must be 1 to 255 visible ASCII characters, bare or as a quoted string',
    param: 'Idempotency-Key',
  })
}

/** The key of a header: a structured-field string (RFC 9651, 3.3.3) or the bare text. Null when it is neither. */
export function readKey(header: string): string | null {
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(header)
  const key = quoted ? (quoted[1] ?? '').replace(/\\(["\\])/g, '$1') : header
  if (!quoted && header.startsWith('"')) return null
  return /^[\x21-\x7e]{1,255}$/.test(key) ? key : null
}
