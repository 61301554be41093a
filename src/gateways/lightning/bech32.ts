/** Bech32 (BIP 173) without its limit of 90 characters, as BOLT 11 writes invoices. */
export interface Bech32 {
  /** Lower case. */
  readonly prefix: string
  /** Five bits each, the checksum taken off. */
  readonly words: readonly number[]
}

/** Five bits each. */
export const CHARSET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
export const CHECKSUM_LENGTH = 6

/** Null for anything that is not bech32: mixed case, foreign characters, a wrong checksum. */
export function decodeBech32(text: string): Bech32 | null {
  const lower = text.toLowerCase()
  if (text !== lower && text !== text.toUpperCase()) return null
  const at = lower.lastIndexOf('1')
  if (at < 1 || lower.length - at - 1 < CHECKSUM_LENGTH) return null
  const prefix = lower.slice(0, at)
  if (!/^[\x21-\x7e]+$/.test(prefix)) return null
  const words = Array.from(lower.slice(at + 1), (character) => CHARSET.indexOf(character))
  if (words.includes(-1) || remainderOf(prefix, words) !== 1) return null
  return { prefix, words: words.slice(0, -CHECKSUM_LENGTH) }
}

/** Eight-bit bytes of five-bit words; bits that fill no byte are dropped, or with `pad` filled up with zeros. */
export function bytesOfWords(words: readonly number[], pad: boolean): Uint8Array<ArrayBuffer> {
  const bytes: number[] = []
  let buffer = 0
  let bits = 0
  for (const word of words) {
    buffer = ((buffer << 5) | word) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((buffer >> bits) & 0xff)
  }
  if (pad && bits > 0) bytes.push((buffer << (8 - bits)) & 0xff)
  return Uint8Array.from(bytes)
}

/** BIP 173's polymod over the expanded prefix and the words: 1 when they end in their checksum. */
export function remainderOf(prefix: string, words: readonly number[]): number {
  const codes = Array.from(prefix, (character) => character.charCodeAt(0))
  let remainder = 1
  for (const word of [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31), ...words]) {
    const top = remainder >> 25
    remainder = ((remainder & 0x1ffffff) << 5) ^ word
    for (const [bit, generator] of GENERATOR.entries()) if ((top >> bit) & 1) remainder ^= generator
  }
  return remainder
}
