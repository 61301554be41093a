import { toHex } from '../../lib/bytes.ts'

/** The bytes are not what they should be. Thrown and caught inside the scanner alone. */
export class Malformed extends Error {}

/** Reads Bitcoin's serialization forward; leaving the bytes is `Malformed`. */
export class Cursor {
  readonly raw: Uint8Array
  at: number

  constructor(raw: Uint8Array, offset: number) {
    this.raw = raw
    this.at = offset
  }

  skip(bytes: number): void {
    this.at += bytes
    if (this.at > this.raw.length) throw new Malformed('the data ends inside a transaction')
  }

  byte(): number {
    this.skip(1)
    return this.raw[this.at - 1] as number
  }

  peekU32(): number {
    const { raw, at } = this
    if (at + 4 > raw.length) throw new Malformed('the data ends inside a number')
    return (
      ((raw[at] as number) | ((raw[at + 1] as number) << 8) | ((raw[at + 2] as number) << 16) | ((raw[at + 3] as number) << 24)) >>>
      0
    )
  }

  u32(): number {
    const value = this.peekU32()
    this.at += 4
    return value
  }

  u64(): bigint {
    const low = this.u32()
    return (BigInt(this.u32()) << 32n) | BigInt(low)
  }

  /** CompactSize. As in Bitcoin Core, a longer form than needed is malformed, and so is a size over 2^32. */
  varint(): number {
    const first = this.byte()
    if (first < 0xfd) return first
    if (first === 0xfd) {
      this.skip(2)
      const value = (this.raw[this.at - 2] as number) | ((this.raw[this.at - 1] as number) << 8)
      if (value < 0xfd) throw new Malformed('a size written longer than needed')
      return value
    }
    if (first === 0xff) throw new Malformed('a size over 2^32')
    const value = this.u32()
    if (value < 0x10000) throw new Malformed('a size written longer than needed')
    return value
  }

  /** A count of things of at least `bytesEach`: more than fit in what is left is malformed. */
  count(bytesEach: number): number {
    const value = this.varint()
    if (value * bytesEach > this.raw.length - this.at) throw new Malformed('a count that the data cannot hold')
    return value
  }
}

/** A list of offsets that doubles its room. */
export class Growing {
  length = 0
  #room: Uint32Array

  constructor(room: number) {
    this.#room = new Uint32Array(room)
  }

  push(value: number): void {
    if (this.length === this.#room.length) {
      const wider = new Uint32Array(this.length * 2)
      wider.set(this.#room)
      this.#room = wider
    }
    this.#room[this.length++] = value
  }

  values(): Uint32Array {
    return this.#room.subarray(0, this.length)
  }
}

/**
 * A hash as people and RPC write it: bytes reversed, in hexadecimal. Works on a copy, and not by `slice`:
 * of a Node.js Buffer that is a view, and reversing it would reverse the block.
 */
export function reversedHex(hash: Uint8Array): string {
  return toHex(Uint8Array.from(hash).reverse())
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
