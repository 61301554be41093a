import { toBase64Url } from '../../src/lib/base64.ts'
import type { Approver } from '../../src/signer/policy.ts'
import type { Approval } from '../../src/signer/rpc.ts'

/** What an assertion can be made wrong by; left out: what an honest passkey does. */
export interface AssertionChanges {
  readonly type?: string
  readonly origin?: string
  readonly rpId?: string
  readonly crossOrigin?: boolean
  /** UP is 0x01, UV 0x04. */
  readonly flags?: number
}

export interface Passkey {
  readonly approver: Approver
  /** Signs a challenge (base64url) as an authenticator answers `navigator.credentials.get`. */
  approve(challenge: string, changes?: AssertionChanges): Promise<Approval>
}

/** A passkey with a P-256 key of its own: true assertions, as WebAuthn Level 2 has them in sections 5.8.1 and 6.1. */
export async function createPasskey(name: string): Promise<Passkey> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const keys = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair
  const spki = (await crypto.subtle.exportKey('spki', keys.publicKey)) as ArrayBuffer
  const credentialId = toBase64Url(crypto.getRandomValues(new Uint8Array(32)))
  const home = { rpId: 'pay.example', origin: 'https://pay.example' }
  return {
    approver: { name, credentialId, publicKey: toBase64Url(new Uint8Array(spki)), ...home },
    async approve(
      challenge,
      { type = 'webauthn.get', origin = home.origin, rpId = home.rpId, crossOrigin = false, flags = 5 } = {},
    ) {
      const clientData = utf8(JSON.stringify({ type, challenge, origin, crossOrigin }))
      const counter = [0, 0, 0, 0]
      const authenticatorData = new Uint8Array([...(await sha256(utf8(rpId))), flags, ...counter])
      const signed = new Uint8Array([...authenticatorData, ...(await sha256(clientData))])
      const raw = new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, keys.privateKey, signed))
      return {
        credentialId,
        authenticatorData: toBase64Url(authenticatorData),
        clientDataJson: toBase64Url(clientData),
        signature: toBase64Url(toDer(raw)),
      }
    },
  }
}

/** r and s of 32 bytes each, as WebCrypto gives them, in DER, as authenticators do. */
export function toDer(raw: Uint8Array): Uint8Array {
  const integers = [raw.subarray(0, 32), raw.subarray(32)].flatMap((half) => {
    const digits = [...half]
    while (digits.length > 1 && digits[0] === 0 && (digits[1] ?? 0) < 0x80) digits.shift()
    if ((digits[0] ?? 0) >= 0x80) digits.unshift(0)
    return [0x02, digits.length, ...digits]
  })
  return new Uint8Array([0x30, integers.length, ...integers])
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(text))
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
}
