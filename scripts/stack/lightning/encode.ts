import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { type Bech32, bytesOfWords, CHARSET, CHECKSUM_LENGTH, remainderOf } from '../../../src/gateways/lightning/bech32.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'

/** Writes invoices as nodes do (BOLT 11): for stand-ins and properties. The reader in src/ is held by the vectors of BOLT 11. */
export interface WrittenInvoice {
  /** `bc`, `tb` or `bcrt`. */
  readonly network?: string
  readonly msat: bigint | null
  readonly paymentHash: string
  readonly description?: string
  readonly createdAtS: number
  readonly expiryS?: number
  /** Hexadecimal private key of the node. */
  readonly key: string
  /** Names the node in the field `n`. */
  readonly named?: boolean
  /** With a routing hint, as nodes without a public channel write: 82 words more. */
  readonly hinted?: boolean
}

export function writeBolt11(invoice: WrittenInvoice): string {
  const { network = 'bcrt', msat, paymentHash, description = '', createdAtS, expiryS, key, named = false, hinted = false } = invoice
  const prefix = `ln${network}${msat === null ? '' : amountOf(msat)}`
  const node = toHex(secp256k1.getPublicKey(fromHex(key)))
  const data = [
    ...wordsOfNumber(createdAtS, 7),
    ...field(1, wordsOf(fromHex(paymentHash))),
    ...field(16, wordsOf(fromHex('11'.repeat(32)))),
    ...field(13, wordsOf(new TextEncoder().encode(description))),
    ...(expiryS === undefined ? [] : field(6, wordsOfNumber(expiryS))),
    ...(named ? field(19, wordsOf(fromHex(node))) : []),
    ...(hinted ? field(3, wordsOf(fromHex(`${node}0102030405060708000003e8000000640090`))) : []),
    // payment_secret and basic_mpp, optional.
    ...field(5, [16, 8, 0]),
  ]
  const hash = sha256(Uint8Array.from([...new TextEncoder().encode(prefix), ...bytesOfWords(data, true)]))
  const signed = secp256k1.sign(hash, fromHex(key), { prehash: false, format: 'recovered' })
  const signature = wordsOf(Uint8Array.from([...signed.subarray(1), signed[0] as number]))
  return encodeBech32({ prefix, words: [...data, ...signature] })
}

/** What `decodeBech32` reads. */
export function encodeBech32({ prefix, words }: Bech32): string {
  const remainder = remainderOf(prefix, [...words, 0, 0, 0, 0, 0, 0]) ^ 1
  const checksum = Array.from({ length: CHECKSUM_LENGTH }, (_, at) => (remainder >> (5 * (CHECKSUM_LENGTH - 1 - at))) & 31)
  return `${prefix}1${[...words, ...checksum].map((word) => CHARSET[word]).join('')}`
}

/** The shortest form: BOLT 11 wants the largest multiplier. */
function amountOf(msat: bigint): string {
  const tenths = msat * 10n
  for (const [letter, size] of [
    ['m', 1_000_000_000n],
    ['u', 1_000_000n],
    ['n', 1_000n],
  ] as const)
    if (tenths % size === 0n) return `${tenths / size}${letter}`
  return `${tenths}p`
}

function field(type: number, words: readonly number[]): number[] {
  return [type, words.length >> 5, words.length & 31, ...words]
}

function wordsOf(bytes: Uint8Array): number[] {
  const words: number[] = []
  let buffer = 0
  let bits = 0
  for (const byte of bytes) {
    buffer = ((buffer << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      words.push((buffer >> bits) & 31)
    }
  }
  return bits > 0 ? [...words, (buffer << (5 - bits)) & 31] : words
}

function wordsOfNumber(value: number, length = 0): number[] {
  const words: number[] = []
  for (let rest = value; rest > 0 || words.length < length; rest = Math.floor(rest / 32)) words.unshift(rest % 32)
  return words
}
