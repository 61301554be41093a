/** When something happens in a history. Cancelled ones are dropped when their time comes. */
export interface Happening {
  readonly atMs: number
  readonly order: number
  readonly label: string
  readonly run: () => void
  cancelled: boolean
}

/** Taken before anything is replaced: all microtasks have run when it comes. */
const realImmediate = setImmediate

/** A history that has not come to rest by then goes round in circles. */
const HAPPENINGS_MAX = 200_000

/** The one clock and the one order of things. Nothing happens beside it. */
export class Scheduler {
  nowMs: number
  readonly #heap: Happening[] = []
  #order = 0
  happened = 0
  readonly #trace: Trace

  constructor(startMs: number, trace: Trace) {
    this.nowMs = startMs
    this.#trace = trace
  }

  after(delayMs: number, label: string, run: () => void): Happening {
    const happening = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, label, run, cancelled: false }
    this.#push(happening)
    return happening
  }

  at(atMs: number, label: string, run: () => void): Happening {
    return this.after(atMs - this.nowMs, label, run)
  }

  sleep(ms: number, label = 'sleep'): Promise<void> {
    return new Promise((resolve) => void this.after(ms, label, resolve))
  }

  /** Goes on until this time, or until nothing is left to happen. `checked` runs after each happening and all that follows at once. */
  async runUntil(atMs: number, checked: () => void, isOver: () => boolean = () => false): Promise<void> {
    for (;;) {
      const next = this.#heap[0]
      if (!next || next.atMs > atMs || isOver()) break
      this.#pop()
      if (next.cancelled) continue
      this.nowMs = next.atMs
      if (++this.happened > HAPPENINGS_MAX) throw new Error(`more than ${HAPPENINGS_MAX} happenings`)
      this.#trace.note(this.nowMs, next.label)
      next.run()
      await new Promise<void>((resolve) => void realImmediate(resolve))
      checked()
    }
    if (!isOver()) this.nowMs = Math.max(this.nowMs, atMs)
  }

  #push(happening: Happening): void {
    const heap = this.#heap
    let at = heap.push(happening) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (isBefore(heap[parent] as Happening, happening)) break
      heap[at] = heap[parent] as Happening
      at = parent
    }
    heap[at] = happening
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (!last || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Happening, heap[child] as Happening)) child++
      if (isBefore(last, heap[child] as Happening)) break
      heap[at] = heap[child] as Happening
      at = child
    }
    heap[at] = last
  }
}

function isBefore(one: Happening, other: Happening): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
}

/** What happened, as lines when somebody reads them, and always as a number that two equal histories share. */
export class Trace {
  readonly lines: string[] | null
  #startMs: number
  #low = 0x811c9dc5
  #high = 0x01000193

  constructor(startMs: number, isKept: boolean) {
    this.#startMs = startMs
    this.lines = isKept ? [] : null
  }

  note(atMs: number, text: string): void {
    this.#mix(atMs - this.#startMs)
    for (let i = 0; i < text.length; i++) this.#mix(text.charCodeAt(i))
    this.lines?.push(`${((atMs - this.#startMs) / 1000).toFixed(3).padStart(9)}  ${text}`)
  }

  get digest(): string {
    return [this.#low, this.#high].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #mix(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193)
    this.#high = Math.imul(this.#high ^ (value + (this.#low >>> 7)), 0x85ebca6b)
  }
}
