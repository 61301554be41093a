import { fromBase64Url, toBase64Url } from '../lib/base64.ts'
import { equalBytes } from '../lib/bytes.ts'
import type { Approver } from './policy.ts'
import type { Approval } from './rpc.ts'

/** More than any policy asks for; the rest is not looked at. */
const APPROVALS_MAX = 100
const CLIENT_DATA_CHARS_MAX = 8_192

const USER_PRESENT = 0x01
const USER_VERIFIED = 0x04

/** Whose each approval is, in their order: the approver's name, or null where no passkey of the policy signed this very challenge. */
export function membersOf(
  approvers: readonly Approver[],
  approvals: readonly Approval[],
  challenge: string,
): Promise<(string | null)[]> {
  return Promise.all(
    approvals.slice(0, APPROVALS_MAX).map(async (approval) => {
      const approver = approvers.find(({ credentialId }) => credentialId === approval.credentialId)
      return approver && (await isAssertion(approver, approval, challenge)) ? approver.name : null
    }),
  )
}

/** The members who approved, each once: two passkeys of one person are one. */
export function approvedBy(members: readonly (string | null)[]): readonly string[] {
  return [...new Set(members.filter((name) => name !== null))].sort()
}

/**
 * Verifies an assertion as WebAuthn Level 2 has it in section 7.2: steps 11 to 17 (type, challenge, origin, relying party,
 * user present, user verified), 19 and 20 (the signature). The signature counter is not looked at: passkeys that are synced
 * keep it at zero, and a signature over one intent is good for that intent alone.
 */
async function isAssertion(approver: Approver, approval: Approval, challenge: string): Promise<boolean> {
  if (typeof approval.clientDataJson !== 'string' || approval.clientDataJson.length > CLIENT_DATA_CHARS_MAX) return false
  const clientData = bytesOf(approval.clientDataJson)
  const authenticatorData = bytesOf(approval.authenticatorData)
  const signature = rawSignature(bytesOf(approval.signature))
  const publicKey = bytesOf(approver.publicKey)
  if (!clientData || !authenticatorData || !signature || !publicKey) return false

  const said = readClientData(clientData)
  if (said?.type !== 'webauthn.get' || said.challenge !== challenge || said.origin !== approver.origin) return false
  if (said.crossOrigin === true) return false

  const rpIdHash = await sha256(new TextEncoder().encode(approver.rpId))
  if (authenticatorData.length < 37 || !equalBytes(authenticatorData.subarray(0, 32), rpIdHash)) return false
  const wanted = USER_PRESENT | USER_VERIFIED
  if (((authenticatorData[32] ?? 0) & wanted) !== wanted) return false

  const signed = new Uint8Array([...authenticatorData, ...(await sha256(clientData))])
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const key = await crypto.subtle.importKey('spki', publicKey, algorithm, false, ['verify'])
  return crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, signature, signed)
}

interface ClientData {
  readonly type?: unknown
  readonly challenge?: unknown
  readonly origin?: unknown
  readonly crossOrigin?: unknown
}

function readClientData(bytes: Uint8Array): ClientData | null {
  try {
    const read: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes))
    return typeof read === 'object' ? read : null
  } catch {
    return null
  }
}

/** Strict: exactly what `toBase64Url` writes, so that one signature has one text. */
function bytesOf(text: unknown): Uint8Array<ArrayBuffer> | null {
  const bytes = typeof text === 'string' ? fromBase64Url(text) : null
  return bytes && toBase64Url(bytes) === text ? bytes : null
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
}

/**
 * An ECDSA signature in DER (X.690; RFC 3279, 2.2.3), as authenticators give it, to the two numbers of 32 bytes that
 * WebCrypto takes. Null when it is not DER to the last byte.
 */
function rawSignature(der: Uint8Array | null): Uint8Array<ArrayBuffer> | null {
  if (der?.[0] !== 0x30 || der[1] !== der.length - 2) return null
  const r = derInteger(der, 2)
  const s = r && derInteger(der, r.end)
  if (!r || !s || s.end !== der.length) return null
  const raw = new Uint8Array(64)
  raw.set(r.digits, 32 - r.digits.length)
  raw.set(s.digits, 64 - s.digits.length)
  return raw
}

function derInteger(der: Uint8Array, at: number): { digits: Uint8Array; end: number } | null {
  const length = der[at + 1] ?? 0
  const end = at + 2 + length
  if (der[at] !== 0x02 || length === 0 || length > 33 || end > der.length) return null
  const bytes = der.subarray(at + 2, end)
  const [first = 0, second = 0] = bytes
  // Below zero, or longer than it needs to be.
  if (first >= 0x80 || (first === 0 && length > 1 && second < 0x80)) return null
  const digits = first === 0 ? bytes.subarray(1) : bytes
  return digits.length > 32 ? null : { digits, end }
}
