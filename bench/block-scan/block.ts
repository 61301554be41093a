/** A block made by rule, so that every run scans the same bytes: about 1.6 MB, 3,000 transactions, 8,625 outputs. */

export const TRANSACTIONS = 3_000
/** Positions of watched keys that the block pays: a hit or two a block is much for any installation. */
export const PAID_KEYS: readonly number[] = [7, 777]

const HEADER_BYTES = 80

/** The n-th watched key: a P2WPKH script whose hash looks as random as a real one. */
export function watchedScript(n: number): Uint8Array {
  return p2wpkh(n, 1)
}

export function syntheticBlock(): Uint8Array {
  const bytes = new Writer(2_000_000)
  bytes.zeros(HEADER_BYTES)
  bytes.varint(TRANSACTIONS)
  for (let n = 0; n < TRANSACTIONS; n++) writeTransaction(bytes, n)
  return bytes.done()
}

function writeTransaction(bytes: Writer, n: number): void {
  const inputs = n % 6 === 0 ? 2 : 3
  const outputs = n % 8 === 0 ? 2 : 3
  bytes.u32(2)
  bytes.raw([0, 1]) // BIP 144 marker and flag
  bytes.varint(inputs)
  for (let i = 0; i < inputs; i++) {
    bytes.noise(32, n * 8 + i, 2)
    bytes.u32(i)
    bytes.varint(0)
    bytes.u32(0xfffffffd)
  }
  bytes.varint(outputs)
  for (let i = 0; i < outputs; i++) {
    bytes.u32(100_000 + n)
    bytes.u32(0)
    const script = outputScript(n, i)
    bytes.varint(script.length)
    bytes.raw(script)
  }
  for (let i = 0; i < inputs; i++) {
    bytes.varint(2)
    bytes.varint(72)
    bytes.noise(72, n * 8 + i, 3)
    bytes.varint(33)
    bytes.noise(33, n * 8 + i, 4)
  }
  bytes.u32(0)
}

/** Strangers' scripts, one in eight of them taproot; two outputs pay watched keys. */
function outputScript(n: number, i: number): Uint8Array {
  const paid = PAID_KEYS[[1_000, 2_000].indexOf(n)]
  if (i === 0 && paid !== undefined) return watchedScript(paid)
  if ((n + i) % 8 !== 0) return p2wpkh(n * 8 + i, 5)
  const script = new Uint8Array(34)
  script.set([0x51, 0x20])
  fill(script, 2, n * 8 + i, 6)
  return script
}

function p2wpkh(n: number, lane: number): Uint8Array {
  const script = new Uint8Array(22)
  script.set([0x00, 0x14])
  fill(script, 2, n, lane)
  return script
}

/** Spreads (n, lane) over the bytes from `start` on with MurmurHash3's finaliser. */
function fill(bytes: Uint8Array, start: number, n: number, lane: number): void {
  for (let at = start; at < bytes.length; at++) {
    let h = (n * 0x9e3779b1 + lane * 0x85ebca77 + (at >> 2) * 0xc2b2ae3d) | 0
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    bytes[at] = (h ^ (h >>> 16)) >>> ((at & 3) * 8)
  }
}

class Writer {
  readonly #bytes: Uint8Array
  #at = 0
  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity)
  }
  raw(values: ArrayLike<number>): void {
    this.#bytes.set(values, this.#at)
    this.#at += values.length
  }
  zeros(count: number): void {
    this.#at += count
  }
  noise(count: number, n: number, lane: number): void {
    fill(this.#bytes.subarray(this.#at, this.#at + count), 0, n, lane)
    this.#at += count
  }
  u32(value: number): void {
    this.raw([value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24])
  }
  /** Numbers under 65,536 are all a block of this size has. */
  varint(value: number): void {
    if (value < 0xfd) this.raw([value])
    else this.raw([0xfd, value & 255, value >>> 8])
  }
  done(): Uint8Array {
    return this.#bytes.slice(0, this.#at)
  }
}
