/** Crockford's base32 in lower case: no i, l, o or u, so that an id can be read aloud. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** Bytes in an id: 160 bits, over the 128 that an id nobody may guess needs (ASVS 5.0 11.5.1). */
export const ID_BYTES = 20

/** Prefix of each kind of id, as it is seen in the API. */
export type IdPrefix = 'inv' | 'evt' | 'we' | 'st' | 'mer' | 'key' | 'wal' | 'req' | 'tr' | 'po' | 'clm' | 'apr'

/** An id from fresh randomness, for example `inv_9ps8…` (32 characters after the prefix). */
export function randomId(prefix: IdPrefix): string {
  return `${prefix}_${base32(crypto.getRandomValues(new Uint8Array(ID_BYTES)))}`
}

/**
 * An id that only the holder of `secret` can make from `parts`, the same one each time:
 * HMAC-SHA-256 cut to 160 bits. Who asks twice with one idempotency key reaches one object.
 */
export async function keyedId(prefix: IdPrefix, secret: string, parts: readonly string[]): Promise<string> {
  const text = parts.map((part) => `${part.length}:${part}`).join('')
  const mac = await hmacSha256(new TextEncoder().encode(secret), new TextEncoder().encode(text))
  return `${prefix}_${base32(mac.subarray(0, ID_BYTES))}`
}

/** Whether `text` has the form of an id with this prefix; says nothing of whether it exists. */
export function isId(prefix: IdPrefix, text: string): boolean {
  return (
    text.length === prefix.length + 33 &&
    text.startsWith(`${prefix}_`) &&
    /^[0-9a-hjkmnp-tv-z]+$/.test(text.slice(prefix.length + 1))
  )
}

export async function hmacSha256(key: Uint8Array, data: Uint8Array): Promise<Uint8Array> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const imported = await crypto.subtle.importKey('raw', key as Uint8Array<ArrayBuffer>, algorithm, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, data as Uint8Array<ArrayBuffer>))
}

/** SHA-256 of UTF-8 text, in hexadecimal. */
export async function sha256Hex(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Base32 of a whole number of 5-byte groups (20 bytes give 32 characters). */
export function base32(bytes: Uint8Array): string {
  let text = ''
  let buffer = 0
  let bits = 0
  for (const byte of bytes) {
    buffer = ((buffer << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += ALPHABET[(buffer >> bits) & 31]
    }
  }
  return text
}
