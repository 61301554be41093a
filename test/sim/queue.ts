import { copyOf, type Party } from './network.ts'
import type { Host } from './objects.ts'

const BATCH_WAIT_MS = 300
const BATCH_MAX = 10
const TRIES_MAX = 10
const LATE_MS_MAX = 30_000

interface Message {
  readonly id: string
  readonly body: unknown
  attempts: number
}

/** An isolate of a Worker at work, until it ends or is ended. */
export class Isolate implements Party {
  readonly label: string
  #alive = true
  readonly #ended: () => void

  constructor(label: string, ended: () => void = () => undefined) {
    this.label = label
    this.#ended = ended
  }

  isAlive(): boolean {
    return this.#alive
  }

  gate(leave: () => void): void {
    if (this.#alive) leave()
  }

  /** Its work is done: nobody misses it. */
  finish(): void {
    this.#alive = false
  }

  end(): void {
    if (!this.#alive) return
    this.#alive = false
    this.#ended()
  }
}

export type Consumer = (batch: MessageBatch<never>, isolate: Isolate) => Promise<unknown>

/** A queue with what it promises: every message at least once, in any order, whenever. */
export class Queue {
  readonly #name: string
  readonly #host: Host
  readonly #consume: Consumer
  readonly #retriesMax: number
  #ready: Message[] = []
  #isCollecting = false
  #made = 0
  /** Messages sent and not yet done with. */
  waiting = 0

  constructor(name: string, host: Host, consume: Consumer, retriesMax = TRIES_MAX) {
    this.#name = name
    this.#host = host
    this.#consume = consume
    this.#retriesMax = retriesMax
  }

  port(party: Party) {
    return {
      send: (message: unknown): Promise<unknown> => {
        const body = copyOf(message)
        return this.#host.ports.network.call(party, `queue ${this.#name}`, (answer) => {
          this.#take(body)
          answer({ value: null })
        })
      },
    }
  }

  #take(body: unknown): void {
    const { random, network } = this.#host.ports
    const copies = random.chance(network.faults.doubledMessages) ? random.between(2, 3) : 1
    for (let copy = 0; copy < copies; copy++) this.#later({ id: `${this.#name}-${this.#made++}`, body, attempts: 1 }, 0)
  }

  #later(message: Message, delayMs: number): void {
    const { scheduler, random, network } = this.#host.ports
    const lateMs = random.chance(network.faults.slow) ? random.between(0, LATE_MS_MAX) : random.between(1, 100)
    this.waiting++
    scheduler.after(delayMs + lateMs, `${message.id} is due`, () => {
      this.#ready.push(message)
      if (this.#isCollecting) return
      this.#isCollecting = true
      scheduler.after(random.between(1, BATCH_WAIT_MS), `batch of ${this.#name}`, () => this.#hand())
    })
  }

  #hand(): void {
    const { random } = this.#host.ports
    this.#isCollecting = false
    const all = random.shuffled(this.#ready)
    this.#ready = []
    while (all.length > 0) this.#handOne(all.splice(0, random.between(1, BATCH_MAX)))
  }

  #handOne(batch: Message[]): void {
    const { scheduler, random, network, failed } = this.#host.ports
    const settled = new Map<string, number | null>()
    const isolate = new Isolate(`consumer of ${this.#name}`, () => this.#again(batch))
    const messages = batch.map((message) => ({
      id: message.id,
      timestamp: new Date(scheduler.nowMs),
      body: copyOf(message.body),
      attempts: message.attempts,
      ack: () => void settled.set(message.id, null),
      retry: (options?: { delaySeconds?: number }) => void settled.set(message.id, (options?.delaySeconds ?? 0) * 1_000),
    }))
    if (random.chance(network.faults.consumersLost))
      scheduler.after(random.between(0, 60), `${isolate.label} ends`, () => isolate.end())
    const handed = { queue: this.#name, messages } as unknown as MessageBatch<never>
    this.#consume(handed, isolate).then(
      () => {
        if (!isolate.isAlive()) return
        isolate.finish()
        for (const message of batch) {
          const delayMs = settled.get(message.id) ?? null
          this.waiting--
          if (delayMs !== null) this.#retry(message, delayMs)
        }
      },
      (thrown: unknown) => {
        failed(`consumer of ${this.#name}`, thrown)
        isolate.end()
      },
    )
  }

  #again(batch: readonly Message[]): void {
    for (const message of batch) {
      this.waiting--
      this.#retry(message, 1_000)
    }
  }

  #retry(message: Message, delayMs: number): void {
    if (message.attempts > this.#retriesMax) return
    this.#later({ ...message, attempts: message.attempts + 1 }, delayMs)
  }
}
