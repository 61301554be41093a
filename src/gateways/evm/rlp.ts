/** Recursive Length Prefix, the encoding of transactions (yellow paper, appendix B). */
export type RlpItem = Uint8Array | readonly RlpItem[]

/** A transaction is two deep, its list of authorizations three. */
const DEPTH_MAX = 4

/** Numbers have no leading zeros; zero is no bytes at all. */
export function rlpNumber(value: bigint): Uint8Array {
  if (value < 0n) throw new Error('RLP has no negative numbers')
  const bytes: number[] = []
  for (let rest = value; rest > 0n; rest >>= 8n) bytes.unshift(Number(rest & 0xffn))
  return Uint8Array.from(bytes)
}

export function encodeRlp(item: RlpItem): Uint8Array<ArrayBuffer> {
  if (!(item instanceof Uint8Array)) return withLength(0xc0, concat(item.map(encodeRlp)))
  const [first] = item
  return item.length === 1 && first !== undefined && first < 0x80 ? Uint8Array.of(first) : withLength(0x80, item)
}

/** The item that `bytes` are, all of them. Null for what is none, or is not the one encoding that the item has. */
export function decodeRlp(bytes: Uint8Array): RlpItem | null {
  const read = readItem(bytes, 0)
  return read !== null && read.rest.length === 0 ? read.item : null
}

function withLength(offset: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  if (payload.length <= 55) return concat([Uint8Array.of(offset + payload.length), payload])
  const length = rlpNumber(BigInt(payload.length))
  return concat([Uint8Array.of(offset + 55 + length.length), length, payload])
}

function readItem(bytes: Uint8Array, depth: number): { item: RlpItem; rest: Uint8Array } | null {
  const [first] = bytes
  if (first === undefined || depth > DEPTH_MAX) return null
  if (first < 0x80) return { item: bytes.subarray(0, 1), rest: bytes.subarray(1) }
  const isList = first >= 0xc0
  const part = readPayload(bytes, first - (isList ? 0xc0 : 0x80))
  if (part === null) return null
  const { payload, rest } = part
  if (!isList) {
    const [only] = payload
    // One small byte stands for itself.
    return payload.length === 1 && only !== undefined && only < 0x80 ? null : { item: payload, rest }
  }
  const items: RlpItem[] = []
  for (let left = payload; left.length > 0; ) {
    const read = readItem(left, depth + 1)
    if (read === null) return null
    items.push(read.item)
    left = read.rest
  }
  return { item: items, rest }
}

/** `code`: the first byte less the offset of its kind. Up to 55 it is the length, above it says how long the length is. */
function readPayload(bytes: Uint8Array, code: number): { payload: Uint8Array; rest: Uint8Array } | null {
  const lengthBytes = code > 55 ? code - 55 : 0
  const start = 1 + lengthBytes
  let length = code
  if (lengthBytes > 0) {
    // Nothing here is 16 MB long.
    if (lengthBytes > 3 || bytes.length < start || bytes[1] === 0) return null
    length = bytes.subarray(1, start).reduce((sum, byte) => sum * 256 + byte, 0)
    if (length <= 55) return null
  }
  if (bytes.length < start + length) return null
  return { payload: bytes.subarray(start, start + length), rest: bytes.subarray(start + length) }
}

export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
