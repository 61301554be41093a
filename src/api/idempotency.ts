import { type IdPrefix, keyedId, randomId, sha256Hex } from '../lib/ids.ts'
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
  const header = call.request.headers.get('idempotency-key')
  const fingerprint = await sha256Hex(canonical(json))
  if (header === null) return ok({ id: randomId(prefix), fingerprint, keyed: false })
  const key = readKey(header)
  if (key === null)
    return err({
      reason: 'idempotency_key_malformed',
      detail: 'Idempotency-Key must be 1 to 255 visible ASCII characters, bare or as a quoted string',
      param: 'Idempotency-Key',
    })
  return ok({ id: await keyedId(prefix, call.env.ID_SECRET, [call.identity.store.storeId, key]), fingerprint, keyed: true })
}

/** The key of a header: a structured-field string (RFC 9651, 3.3.3) or the bare text. Null when it is neither. */
export function readKey(header: string): string | null {
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(header)
  const key = quoted ? (quoted[1] ?? '').replace(/\\(["\\])/g, '$1') : header
  if (!quoted && header.startsWith('"')) return null
  return /^[\x21-\x7e]{1,255}$/.test(key) ? key : null
}

/** JSON with sorted keys and no spaces: the order in which a client writes its fields changes nothing. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`
}
