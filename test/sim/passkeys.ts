import { p256 } from '@noble/curves/nist.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { toBase64Url } from '../../src/lib/base64.ts'
import { fromHex } from '../../src/lib/bytes.ts'
import type { Approver } from '../../src/signer/policy.ts'
import type { Approval } from '../../src/signer/rpc.ts'
import { besideHistory } from './globals.ts'

const HOME = { rpId: 'pay.example', origin: 'https://pay.example' }
/** SubjectPublicKeyInfo of P-256 (RFC 5480), before the point. */
const SPKI_PREFIX = '3059301306072a8648ce3d020106082a8648ce3d030107034200'
/** User present, and user verified. */
const VERIFIED = 5
const PRESENT = 1

/** A key that signs as authenticators do (WebAuthn Level 2, 6.3.3): the same challenge, the same bytes. */
export class Passkey {
  readonly approver: Approver
  readonly #secret: Uint8Array

  constructor(name: string, n: number) {
    this.#secret = new Uint8Array(32).fill(n)
    const point = p256.getPublicKey(this.#secret, false)
    const publicKey = toBase64Url(new Uint8Array([...fromHex(SPKI_PREFIX), ...point]))
    this.approver = { name, credentialId: toBase64Url(new Uint8Array(16).fill(n)), publicKey, ...HOME }
  }

  /** `as`: whose key it says it is. */
  approve(challenge: string, { as = this, isVerified = true }: { as?: Passkey; isVerified?: boolean } = {}): Approval {
    const clientData = utf8(JSON.stringify({ type: 'webauthn.get', challenge, origin: HOME.origin, crossOrigin: false }))
    const flags = isVerified ? VERIFIED : PRESENT
    const authenticatorData = new Uint8Array([...sha256(utf8(HOME.rpId)), flags, 0, 0, 0, 0])
    const signed = new Uint8Array([...authenticatorData, ...sha256(clientData)])
    const signature = besideHistory(() => p256.sign(signed, this.#secret, { format: 'der', lowS: false }))
    return {
      credentialId: as.approver.credentialId,
      authenticatorData: toBase64Url(authenticatorData),
      clientDataJson: toBase64Url(clientData),
      signature: toBase64Url(signature),
    }
  }
}

function utf8(text: string): Uint8Array {
  return new Uint8Array(new TextEncoder().encode(text))
}

let made: { readonly members: readonly Passkey[]; readonly stranger: Passkey } | null = null

/** Three members, one of whom has two keys, and somebody whom no policy names. The same in every history. */
export function passkeys(): { readonly members: readonly Passkey[]; readonly stranger: Passkey } {
  made ??= besideHistory(() => ({
    members: ['Ada', 'Ada', 'Ben', 'Cem'].map((name, n) => new Passkey(name, 60 + n)),
    stranger: new Passkey('Eve', 70),
  }))
  return made
}
