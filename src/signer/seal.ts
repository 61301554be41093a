import type { AccountKey } from '../gateways/gateway.ts'
import { fromBase64Url, toBase64Url } from '../lib/base64.ts'
import { err, ok, type Result } from '../lib/result.ts'

/**
 * A wallet's seed as it is kept and carried: AES-256-GCM under a key of its own, which HKDF-SHA-256 (RFC 5869) makes from
 * the installation's key and a random salt. Made by the ceremony, offline; what it is bound to cannot be changed.
 */
export interface SealedSeed {
  readonly version: 1
  readonly walletId: string
  /** Whose account it makes, as `spaceOf` says: `evm`, `bitcoin mainnet`, … */
  readonly space: string
  readonly script: AccountKey['script']
  /** Each base64url. */
  readonly salt: string
  readonly iv: string
  readonly sealed: string
}

export type SealBinding = Pick<SealedSeed, 'walletId' | 'space' | 'script'>

const KEK_BYTES = 32
const SALT_BYTES = 16
const IV_BYTES = 12

/** Reads `SIGNER_KEK`: 32 bytes in base64. */
export function readKek(text: string): Result<Uint8Array<ArrayBuffer>, string> {
  const bytes = fromBase64Url(text.trim())
  return bytes?.length === KEK_BYTES ? ok(bytes) : err(`SIGNER_KEK must be ${KEK_BYTES} bytes in base64`)
}

/** `seed`: BIP 39 seed bytes, 16 to 64. */
export async function sealSeed(kek: Uint8Array<ArrayBuffer>, binding: SealBinding, seed: Uint8Array): Promise<SealedSeed> {
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES))
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES))
  const { walletId, space, script } = binding
  const key = await seedKey(kek, salt, 'encrypt')
  const additionalData = boundTo(binding)
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData }, key, new Uint8Array(seed))
  const texts = { salt: toBase64Url(salt), iv: toBase64Url(iv), sealed: toBase64Url(new Uint8Array(sealed)) }
  return { version: 1, walletId, space, script, ...texts }
}

/** The seed; whoever opens it overwrites it when it has served. Refused when the key is another, or anything was changed. */
export async function openSeed(kek: Uint8Array<ArrayBuffer>, envelope: SealedSeed): Promise<Result<Uint8Array, 'cannot_open'>> {
  const [salt, iv, sealed] = [envelope.salt, envelope.iv, envelope.sealed].map(fromBase64Url)
  if (!salt || !iv || !sealed) return err('cannot_open')
  const key = await seedKey(kek, salt, 'decrypt')
  try {
    const algorithm = { name: 'AES-GCM', iv, additionalData: boundTo(envelope) }
    return ok(new Uint8Array(await crypto.subtle.decrypt(algorithm, key, sealed)))
  } catch {
    return err('cannot_open')
  }
}

async function seedKey(
  kek: Uint8Array<ArrayBuffer>,
  salt: Uint8Array<ArrayBuffer>,
  use: 'encrypt' | 'decrypt',
): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey('raw', kek, 'HKDF', false, ['deriveKey'])
  const info = new TextEncoder().encode('paytomat signer seed 1')
  const derivation = { name: 'HKDF', hash: 'SHA-256', salt, info }
  return crypto.subtle.deriveKey(derivation, material, { name: 'AES-GCM', length: 256 }, false, [use])
}

/** What the seal proves besides the seed: whose it is, and by which version of this format it is read. */
function boundTo({ walletId, space, script }: SealBinding): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(JSON.stringify(['paytomat seed', 1, walletId, space, script])))
}
