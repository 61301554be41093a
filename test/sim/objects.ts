import { copyOf, type Network, type Outcome, type Party } from './network.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import { type CommitFate, Disk, Storage } from './storage.ts'

/** A Durable Object class, as far as the host uses it. */
export type ObjectClass = new (ctx: never, env: never) => object

/** After a ring that failed: so long, doubling; after so many the platform gives up. */
const ALARM_RETRY_MS = 2_000
const ALARM_TRIES_MAX = 6
const LATE_ALARM_MS_MAX = 20_000

export interface HostPorts {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly network: Network
  readonly envOf: (party: Party) => object
  readonly classes: Readonly<Record<string, ObjectClass>>
  /** By how much the clock of a new instance is wrong, where it has one of its own. */
  readonly skewOf: (kind: string) => number
  /** The rows of this object have changed. */
  readonly committed: (object: SimObject) => void
  /** A promise given to `waitUntil` was rejected, or an alarm threw. */
  readonly failed: (what: string, thrown: unknown) => void
}

/** Every object that was ever reached, by `kind/name`. */
export class Host {
  readonly objects = new Map<string, SimObject>()
  readonly ports: HostPorts

  constructor(ports: HostPorts) {
    this.ports = ports
  }

  object(kind: string, name: string): SimObject {
    const id = `${kind}/${name}`
    const known = this.objects.get(id)
    if (known) return known
    const made = new SimObject(kind, name, this.ports)
    this.objects.set(id, made)
    return made
  }

  ofKind(kind: string): SimObject[] {
    return [...this.objects.values()].filter((object) => object.kind === kind)
  }

  /** A namespace binding as one party has it. Each call is a message of its own, so no order holds between them. */
  namespace(kind: string, party: Party) {
    const { network } = this.ports
    return {
      getByName: (name: string) =>
        new Proxy(
          {},
          {
            get: (_target, method) => {
              if (typeof method !== 'string' || method === 'then') return undefined
              return (...args: unknown[]) => {
                const sent = copyOf(args)
                const label = `${kind}/${name.slice(0, 24)}.${method}`
                return network.call(party, label, (answer) => this.object(kind, name).deliver(method, sent, answer))
              }
            },
          },
        ),
    }
  }

  close(): void {
    for (const { disk } of this.objects.values()) disk.database.close()
  }
}

/** One object: its disk for ever, its instance as long as nothing happens to it. */
export class SimObject {
  readonly kind: string
  readonly name: string
  readonly disk = new Disk()
  readonly #ports: HostPorts
  #instance: Instance | null = null
  #isRinging = false
  #waiting: (() => void)[] = []
  #tries = 0
  /** Alarms ring no more, messages still come. */
  isMuted = false

  constructor(kind: string, name: string, ports: HostPorts) {
    this.kind = kind
    this.name = name
    this.#ports = ports
  }

  get isAwake(): boolean {
    return this.#instance !== null
  }

  deliver(method: string, args: unknown[], answer: (outcome: Outcome<unknown>) => void): void {
    const instance = this.#awake()
    const drop = () => answer({ error: new Error('the object was reset') })
    instance.calls.add(drop)
    const end = (outcome: Outcome<unknown>) => {
      instance.gate(() => {
        if (instance.calls.delete(drop)) answer(outcome)
      })
    }
    instance.run(method, args).then(
      (value) => end({ value: copyOf(value) }),
      (thrown: unknown) => end({ error: thrown instanceof Error ? thrown : new Error(String(thrown)) }),
    )
  }

  /** The instance is gone, with its memory; what was under way fails for who waits for it. */
  kill(): void {
    const instance = this.#instance
    if (!instance) return
    this.#instance = null
    instance.alive = false
    for (const drop of instance.calls) drop()
    instance.calls.clear()
    if (this.#isRinging) this.#rangInVain(false)
  }

  setAlarm(atMs: number | null): void {
    this.disk.alarmAtMs = atMs
    if (atMs !== null) this.#schedule(atMs)
  }

  /** An alarm that was not heard rings now. */
  unmute(): void {
    this.isMuted = false
    const { alarmAtMs } = this.disk
    if (alarmAtMs !== null) this.setAlarm(Math.max(alarmAtMs, this.#ports.scheduler.nowMs))
  }

  #awake(): Instance {
    if (this.#instance) return this.#instance
    const instance = new Instance(this, this.#ports)
    this.#instance = instance
    return instance
  }

  #schedule(atMs: number): void {
    const { scheduler, random, network } = this.#ports
    const { lateAlarms, doubledAlarms } = network.faults
    const lateMs = random.chance(lateAlarms) ? random.between(0, LATE_ALARM_MS_MAX) : random.between(0, 5)
    const ring = (isSecond: boolean): void => {
      if (!isSecond && this.disk.alarmAtMs !== atMs) return
      // One at a time: the next waits for the end of the one before.
      if (this.#isRinging) return void this.#waiting.push(() => ring(isSecond))
      if (!this.isMuted) this.#ring(isSecond)
    }
    const label = `alarm of ${this.kind}/${this.name.slice(0, 24)}`
    const atLeast = Math.max(atMs, scheduler.nowMs) + lateMs
    scheduler.at(atLeast, label, () => ring(false))
    if (random.chance(doubledAlarms)) scheduler.at(atLeast + random.between(1, 3_000), `${label}, again`, () => ring(true))
  }

  #ring(isSecond: boolean): void {
    if (!isSecond) this.disk.alarmAtMs = null
    const instance = this.#awake()
    this.#isRinging = true
    instance.run('alarm', []).then(
      () => {
        if (!instance.alive) return
        this.#tries = 0
        this.#rang()
      },
      (thrown: unknown) => {
        if (!instance.alive) return
        this.#ports.failed(`alarm of ${this.kind}`, thrown)
        this.#rangInVain(true)
      },
    )
  }

  /** At least once: an alarm whose handler did not come to its end rings again. */
  #rangInVain(isCounted: boolean): void {
    const isGivenUp = isCounted && ++this.#tries >= ALARM_TRIES_MAX
    if (!isGivenUp && this.disk.alarmAtMs === null) this.setAlarm(this.#ports.scheduler.nowMs + ALARM_RETRY_MS * 2 ** this.#tries)
    this.#rang()
  }

  #rang(): void {
    this.#isRinging = false
    for (const ring of this.#waiting.splice(0)) this.#ports.scheduler.after(1, `next alarm of ${this.kind}`, ring)
  }
}

/** One life of an object. */
class Instance implements Party {
  readonly label: string
  readonly calls = new Set<() => void>()
  alive = true
  readonly #storage: Storage
  readonly #ready: Promise<unknown>
  readonly #target: Record<string, (...args: unknown[]) => unknown>

  constructor(object: SimObject, ports: HostPorts) {
    const { random, network } = ports
    this.label = `${object.kind}/${object.name.slice(0, 24)}`
    const fate = (): CommitFate => (random.chance(network.faults.crashes) ? (random.chance(0.5) ? 'lost' : 'last') : 'kept')
    this.#storage = new Storage(object.disk, {
      isAlive: () => this.alive,
      fate,
      committed: () => ports.committed(object),
      crash: () => object.kill(),
      setAlarm: (atMs) => object.setAlarm(atMs),
    })
    let ready: Promise<unknown> = Promise.resolve()
    const noticed = (promise: Promise<unknown>): void => {
      promise.catch((thrown: unknown) => this.alive && ports.failed(`waitUntil of ${object.kind}`, thrown))
    }
    const ctx = {
      id: { name: object.name },
      storage: this.#storage,
      waitUntil: noticed,
      blockConcurrencyWhile: (run: () => Promise<unknown>) => {
        ready = run()
      },
      getWebSockets: () => [],
    }
    const made = new (ports.classes[object.kind] as ObjectClass)(ctx as never, ports.envOf(this) as never)
    const skewMs = 'clock' in made ? ports.skewOf(object.kind) : 0
    if (skewMs !== 0) Object.assign(made, { clock: () => ports.scheduler.nowMs + skewMs })
    this.#target = made as Record<string, (...args: unknown[]) => unknown>
    this.#ready = ready
  }

  isAlive(): boolean {
    return this.alive
  }

  gate(leave: () => void): void {
    this.#storage.gate(leave)
  }

  async run(method: string, args: unknown[]): Promise<unknown> {
    await this.#ready
    return this.#target[method]?.(...args)
  }
}
