import { fromBase64, toBase64 } from '../lib/base64.ts'
import { equalConstantTime } from '../lib/bytes.ts'
import { hmacSha256 } from '../lib/ids.ts'
import { assert, err, ok, type Result } from '../lib/result.ts'

/** Standard Webhooks 1.0.0: symmetric signatures (`v1`), secrets as `whsec_` + base64 of 24 to 64 bytes. */
const SECRET_PREFIX = 'whsec_'
const SIGNATURE_VERSION = 'v1'

/** How far the attempt's time may be from the receiver's clock, as the reference libraries have it. */
const TOLERANCE_SECONDS = 5 * 60

/** Signatures looked at in one header: more than a rotation needs, and a bound on work done for a stranger. */
const SIGNATURES_MAX = 10

const MASTER_BYTES_MIN = 16

/**
 * The signing secret of one endpoint, made again whenever it is needed and stored nowhere:
 * `whsec_` + base64 of HMAC-SHA-256(master, "endpoint:<id>:<version>"), 32 bytes.
 */
export async function endpointSecret(master: string, endpointId: string, version: number): Promise<string> {
  assert(master.length >= MASTER_BYTES_MIN, 'WEBHOOK_SECRET is missing or too short')
  const key = await hmacSha256(utf8(master), utf8(`endpoint:${endpointId}:${version}`))
  return SECRET_PREFIX + toBase64(key)
}

/** The three headers of Standard Webhooks for one attempt. The signed text is `<id>.<seconds>.<body>`. */
export async function signedHeaders(
  secret: string,
  id: string,
  atMs: number,
  body: string,
): Promise<{ 'webhook-id': string; 'webhook-timestamp': string; 'webhook-signature': string }> {
  const seconds = Math.floor(atMs / 1000)
  return {
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': await signature(secret, id, seconds, body),
  }
}

export type VerifyRefusal = { readonly reason: 'headers_missing' | 'too_old' | 'too_new' | 'no_match'; readonly detail: string }

/**
 * Checks a webhook as its receiver does. `body` is the text exactly as it came. Answers the event's id, by which
 * the receiver knows a repeated delivery. Throws only when `secret` is not a `whsec_…`.
 */
export async function verifyWebhook(
  secret: string,
  headers: { readonly [name: string]: string | undefined },
  body: string,
  nowMs: number,
): Promise<Result<string, VerifyRefusal>> {
  const id = headers['webhook-id']
  const stamp = headers['webhook-timestamp']
  const given = headers['webhook-signature']
  if (!id || !stamp || !given || !/^\d{1,15}$/.test(stamp))
    return err({ reason: 'headers_missing', detail: 'webhook-id, webhook-timestamp or webhook-signature is missing or malformed' })
  const seconds = Number(stamp)
  const nowSeconds = Math.floor(nowMs / 1000)
  if (seconds < nowSeconds - TOLERANCE_SECONDS) return err({ reason: 'too_old', detail: 'signed more than 5 minutes ago' })
  if (seconds > nowSeconds + TOLERANCE_SECONDS) return err({ reason: 'too_new', detail: 'signed more than 5 minutes ahead' })
  const expected = await signature(secret, id, seconds, body)
  for (const candidate of given.split(' ').slice(0, SIGNATURES_MAX)) if (equalConstantTime(expected, candidate)) return ok(id)
  return err({ reason: 'no_match', detail: 'no signature in webhook-signature is ours' })
}

async function signature(secret: string, id: string, seconds: number, body: string): Promise<string> {
  assert(secret.startsWith(SECRET_PREFIX), 'a webhook secret starts with whsec_')
  const key = fromBase64(secret.slice(SECRET_PREFIX.length))
  return `${SIGNATURE_VERSION},${toBase64(await hmacSha256(key, utf8(`${id}.${seconds}.${body}`)))}`
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
