/** The one source of chance of a history: sfc32 seeded by splitmix32, so that a seed is a history. */
export class Random {
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(seed: number) {
    let state = seed | 0
    const split = (): number => {
      state = (state + 0x9e3779b9) | 0
      let word = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
      word = Math.imul(word ^ (word >>> 15), 0x735a2d97)
      return (word ^ (word >>> 15)) | 0
    }
    this.#a = split()
    this.#b = split()
    this.#c = split()
    this.#d = Math.floor(seed / 2 ** 32) | 1
    for (let i = 0; i < 12; i++) this.word()
  }

  /** 32 bits. */
  word(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    this.#c |= 0
    return sum >>> 0
  }

  /** In [0, 1). */
  fraction(): number {
    return this.word() / 2 ** 32
  }

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1))
  }

  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error('nothing to pick from')
    return list[this.between(0, list.length - 1)] as T
  }

  shuffled<T>(list: readonly T[]): T[] {
    const mixed = [...list]
    for (let i = mixed.length - 1; i > 0; i--) {
      const j = this.between(0, i)
      ;[mixed[i], mixed[j]] = [mixed[j] as T, mixed[i] as T]
    }
    return mixed
  }

  /** Base units from 1 to `max`. */
  units(max: bigint): bigint {
    return max <= 1n ? 1n : 1n + (BigInt(this.word()) * (max - 1n)) / 2n ** 32n
  }
}
