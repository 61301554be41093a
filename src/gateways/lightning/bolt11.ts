import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { toHex } from '../../lib/bytes.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import type { LightningRail } from '../../money/lightning.ts'
import { bytesOfWords, decodeBech32 } from './bech32.ts'

/** A Lightning invoice, read and its signature checked (BOLT 11). */
export interface Bolt11 {
  readonly network: LightningRail['network']
  /** Millisatoshi; null when it leaves the amount to who pays. */
  readonly msat: bigint | null
  /** Hexadecimal, 32 bytes: what a payment is known by. */
  readonly paymentHash: string
  readonly description: string | null
  /** Times of the node that made it. */
  readonly createdAtMs: number
  readonly expiresAtMs: number
  /** The node that is paid: compressed public key in hexadecimal, as the signature proves it. */
  readonly payee: string
}

export type Bolt11Refusal = { readonly reason: 'not_bolt11'; readonly detail: string }

/** More than fits a QR code cannot be shown. */
export const BOLT11_LENGTH_MAX = 4_000

const NETWORKS: Record<string, LightningRail['network']> = { bc: 'mainnet', tb: 'testnet', bcrt: 'regtest' }
/** Millisatoshi of one unit, times ten: `p` is a tenth of a millisatoshi. */
const TENTHS: Record<string, bigint> = { '': 1_000_000_000_000n, m: 1_000_000_000n, u: 1_000_000n, n: 1_000n, p: 1n }

const TIMESTAMP_WORDS = 7
const SIGNATURE_WORDS = 104
/** Of a tagged field: its type and two words of length. */
const HEAD_WORDS = 3
/** Types of tagged fields (BOLT 11), by the value of their letter. */
const FIELD = { hash: 1, expiry: 6, description: 13, secret: 16, node: 19 } as const
const HASH_WORDS = 52
const NODE_WORDS = 53
const EXPIRY_DEFAULT_S = 3_600
/** 35 bits, as the timestamp has. */
const EXPIRY_WORDS_MAX = 7

/**
 * Reads an invoice in lower or upper case. Never throws. Features are not judged: whether a payer's wallet knows them is
 * for that wallet to say.
 */
export function decodeBolt11(text: string): Result<Bolt11, Bolt11Refusal> {
  if (text.length > BOLT11_LENGTH_MAX) return refuse('it is too long')
  const read = decodeBech32(text)
  if (!read) return refuse('it is not bech32')
  const head = /^ln(bcrt|bc|tb)(?:([1-9]\d{0,17})([munp]?))?$/.exec(read.prefix)
  const network = NETWORKS[head?.[1] ?? '']
  if (!head || !network) return refuse('its network or amount is none')
  const tenths = head[2] === undefined ? null : BigInt(head[2]) * (TENTHS[head[3] ?? ''] as bigint)
  if (tenths !== null && tenths % 10n !== 0n) return refuse('its amount is no whole number of millisatoshi')

  const data = read.words.slice(0, -SIGNATURE_WORDS)
  if (data.length < TIMESTAMP_WORDS) return refuse('it is too short')
  const fields = fieldsOf(data.slice(TIMESTAMP_WORDS))
  if (!fields) return refuse('its fields do not join')
  const [hash, secret] = [FIELD.hash, FIELD.secret].map((wanted) =>
    fields.find(({ type, words }) => type === wanted && words.length === HASH_WORDS),
  )
  if (!hash || !secret) return refuse('it has no payment hash or no payment secret')
  const expiry = fields.find(({ type }) => type === FIELD.expiry)
  if (expiry && expiry.words.length > EXPIRY_WORDS_MAX) return refuse('its expiry is longer than any')
  const description = readDescription(fields)
  if (description === undefined) return refuse('its description is not UTF-8')
  const node = fields.find(({ type, words }) => type === FIELD.node && words.length === NODE_WORDS)
  const payee = payeeOf(read.prefix, data, read.words.slice(-SIGNATURE_WORDS), node ? bytesOfWords(node.words, false) : null)
  if (payee === null) return refuse('its signature is not valid')

  const createdAtS = numberOf(data.slice(0, TIMESTAMP_WORDS))
  return ok({
    network,
    msat: tenths === null ? null : tenths / 10n,
    paymentHash: toHex(bytesOfWords(hash.words, false)),
    description,
    createdAtMs: createdAtS * 1_000,
    expiresAtMs: (createdAtS + (expiry ? numberOf(expiry.words) : EXPIRY_DEFAULT_S)) * 1_000,
    payee,
  })
}

interface Field {
  readonly type: number
  readonly words: readonly number[]
}

/** Null when a field is longer than what is there. */
function fieldsOf(words: readonly number[]): Field[] | null {
  const fields: Field[] = []
  let at = 0
  while (at < words.length) {
    const length = (words[at + 1] ?? 0) * 32 + (words[at + 2] ?? 0)
    const end = at + HEAD_WORDS + length
    if (end > words.length) return null
    fields.push({ type: words[at] as number, words: words.slice(at + HEAD_WORDS, end) })
    at = end
  }
  return fields
}

/** Undefined when it is no text. */
function readDescription(fields: readonly Field[]): string | null | undefined {
  const field = fields.find(({ type }) => type === FIELD.description)
  if (!field) return null
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytesOfWords(field.words, false))
  } catch {
    return undefined
  }
}

/** Who signed, in hexadecimal: checked against the key that the invoice names, else recovered. Null when nobody can have. */
function payeeOf(prefix: string, data: readonly number[], signed: readonly number[], named: Uint8Array | null): string | null {
  const bytes = bytesOfWords(signed, false)
  const hash = sha256(Uint8Array.from([...new TextEncoder().encode(prefix), ...bytesOfWords(data, true)]))
  try {
    const signature = secp256k1.Signature.fromBytes(bytes.subarray(0, 64), 'compact')
    if (named === null)
      return toHex(
        signature
          .addRecoveryBit(bytes[64] as number)
          .recoverPublicKey(hash)
          .toBytes(),
      )
    const isValid = secp256k1.verify(bytes.subarray(0, 64), hash, named, { prehash: false, lowS: true })
    return isValid ? toHex(named) : null
  } catch {
    return null
  }
}

/** Big-endian; at most seven words, so it is exact. */
function numberOf(words: readonly number[]): number {
  return words.reduce((sum, word) => sum * 32 + word, 0)
}

function refuse(detail: string): Result<never, Bolt11Refusal> {
  return err({ reason: 'not_bolt11', detail })
}
