/** 2^24 bits: 2 MiB whatever it holds. One output in 2,000 passes wrongly with 1,000,000 keys, and then the table decides. */
const BITS = 2 ** 24
const MASK = BITS - 1
/** Near the best for 16 bits a key; an output nobody watches is out after fewer than two on average. */
const PROBES = 8

/**
 * A Bloom filter of 8-byte fingerprints. It never misses what was added, so an output it passes over is nobody's.
 * The fingerprints are parts of hashes, so their halves serve as the two hashes that the probes are made of
 * (Kirsch and Mitzenmacher, "Less Hashing, Same Performance").
 */
export class FingerprintFilter {
  readonly #words = new Int32Array(BITS / 32)

  add(fingerprint: Uint8Array): void {
    let at = wordAt(fingerprint, 0)
    const step = wordAt(fingerprint, 4) | 1
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = at & MASK
      this.#words[bit >>> 5] = (this.#words[bit >>> 5] as number) | (1 << (bit & 31))
      at = (at + step) | 0
    }
  }

  /** Positions of the fingerprints (eight bytes each) that may have been added. */
  select(fingerprints: Uint8Array): number[] {
    const words = this.#words
    const passed: number[] = []
    for (let offset = 0; offset + 8 <= fingerprints.length; offset += 8) {
      let at = wordAt(fingerprints, offset)
      const step = wordAt(fingerprints, offset + 4) | 1
      let probe = 0
      while (probe < PROBES && ((words[(at & MASK) >>> 5] as number) >>> (at & 31)) & 1) {
        at = (at + step) | 0
        probe++
      }
      if (probe === PROBES) passed.push(offset / 8)
    }
    return passed
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)
  )
}
