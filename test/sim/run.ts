import { ratesSnapshot } from '../../src/exchange/cache.ts'
import { rememberAddresses } from './addresses.ts'
import { Auditor, Violation } from './auditor.ts'
import { Ending } from './ending.ts'
import { surroundWith, takeOverGlobals } from './globals.ts'
import { SLOW_MS_MAX } from './network.ts'
import { moveOut, openStores, resolveSomething, shopAndPay } from './people.ts'
import { Plot } from './plot.ts'
import { Trace } from './scheduler.ts'
import { World } from './world.ts'

export interface Told {
  readonly seed: number
  /** What did not hold, in words; null when all did. */
  readonly fault: string | null
  /** Equal for equal histories. */
  readonly digest: string
  readonly lines: readonly string[] | null
  readonly figures: { readonly happened: number; readonly commits: number; readonly forks: number; readonly payments: number }
}

const START_MS = 1_790_000_000_000
/** In looks: how long trouble goes on. */
const TROUBLE_LOOKS = [4, 10] as const
/** Chains are looked at no more; what is left are the slow schedules: of webhooks, of queues. */
const TAIL_MS = 4 * 3_600_000
const BLOCKS_TO_FINAL = 5
/** What could not be told for long is told again a minute later at most; a look that hangs is given up before. */
const ROUNDS_MAX = 8
const ROUND_MS = 12_000
const INVOICES_MAX = 8
/** What a log line of level `error` may say: of calls that failed, not of defects. */
const EXPECTED_ERRORS = ['rate_board_unreachable']

let isPrepared = false

/** One history. Everything in it follows from the seed. */
export async function runSeed(seed: number, options: { trace: boolean }): Promise<Told> {
  if (!isPrepared) {
    takeOverGlobals()
    rememberAddresses()
    isPrepared = true
  }
  const trace = new Trace(START_MS, options.trace)
  const history = new History(seed, trace)
  try {
    await history.run()
  } finally {
    surroundWith(null)
    history.world.host.close()
    history.world.shard.disk.database.close()
  }
  const { world, auditor, plot } = history
  return {
    seed,
    fault: history.fault,
    digest: trace.digest,
    lines: trace.lines,
    figures: {
      happened: world.scheduler.happened,
      commits: auditor.commits,
      forks: world.chains.reduce((sum, { forks }) => sum + forks, 0),
      payments: plot.outputs.size,
    },
  }
}

class History {
  readonly world: World
  readonly plot: Plot
  readonly auditor: Auditor
  fault: string | null = null

  constructor(seed: number, trace: Trace) {
    const failed = (thrown: unknown) =>
      this.#fail(thrown instanceof Violation ? thrown.message : thrown instanceof Error ? (thrown.stack ?? '') : String(thrown))
    this.world = new World(seed, START_MS, trace, { committed: (object) => this.auditor.committed(object), failed })
    this.plot = new Plot(this.world, failed, (chainId, key, invoiceId) =>
      this.#checked(() => this.auditor.checkWatched(chainId, key, invoiceId)),
    )
    this.auditor = new Auditor(this.plot)
    surroundWith({ scheduler: this.world.scheduler, random: this.world.random, logged: (line) => this.#logged(line), failed })
  }

  async run(): Promise<void> {
    const { world, plot } = this
    await forgetRates()
    let stores: Awaited<ReturnType<typeof openStores>> = []
    openStores(plot).then((opened) => {
      stores = opened
    }, plot.failed)
    world.wakeFollowers()
    await this.#go(1_000)
    if (stores.length === 0) return this.#fail('the stores could not be opened')

    world.network.faults = world.faults
    const { pollMs } = world
    const troubleMs = world.random.between(...TROUBLE_LOOKS) * pollMs + world.random.between(0, 20_000)
    this.#plan(troubleMs, stores)
    await this.#go(troubleMs)
    world.heal()
    const healedAtMs = world.nowMs
    plot.isOver = true
    world.wakeFollowers()
    for (let i = 0; i < BLOCKS_TO_FINAL; i++) {
      for (const chain of world.chains) chain.mine(1)
      await this.#go(pollMs)
    }
    // An invoice may have been made at the last moment, by a call that was slow.
    await this.#go(healedAtMs + SLOW_MS_MAX + pollMs - world.nowMs)
    await this.#go(Math.max(pollMs, this.auditor.lastExpiryMs + pollMs - world.nowMs))
    for (let n = 0; n < ROUNDS_MAX && this.#isBehind(); n++) await this.#go(ROUND_MS)
    world.isLooking = false
    for (const object of world.host.ofKind('chain')) object.isMuted = true
    await this.#go(TAIL_MS)
    if (this.fault === null) this.#checked(() => new Ending(plot, this.auditor).check())
  }

  /** Everything that people, miners and misfortune will do, spread over the time of trouble. */
  #plan(troubleMs: number, stores: Awaited<ReturnType<typeof openStores>>): void {
    const { world, plot } = this
    const { random, scheduler } = world
    const often = (times: number, label: string, act: () => void): void => {
      for (let n = 0; n < times; n++) scheduler.after(random.between(0, troubleMs), label, act)
    }
    const start = (promise: Promise<void>): void => void promise.catch(plot.failed)
    const invoices = random.between(2, INVOICES_MAX)
    for (let n = 0; n < invoices; n++) {
      const store = random.pick(stores)
      scheduler.after(random.between(0, troubleMs * 0.5), `shop of ${store.storeId}`, () => start(shopAndPay(plot, store, n)))
    }
    often(random.between(0, 3), 'a person resolves', () => start(resolveSomething(plot)))
    often(random.between(0, 5), 'money out', () => start(moveOut(plot, random.pick(stores))))
    often(1 + Math.floor(troubleMs / 60_000), 'cron', () => world.wakeFollowers())
    often(random.between(0, 2), 'rates move', () => world.moveRates())
    for (const chain of world.chains) {
      often(Math.floor(troubleMs / (world.pollMs * (0.5 + 1.5 * random.fraction()))), `${chain.config.native.code} block`, () =>
        chain.mine(0.7),
      )
      often(random.chance(0.6) ? random.between(1, 3) : 0, `${chain.config.native.code} fork`, () => chain.fork())
      const node = () => random.pick(chain.nodes)
      often(random.chance(0.4) ? random.between(1, 3) : 0, 'node down', () => {
        node().isUp = false
      })
      often(random.chance(0.6) ? random.between(1, 4) : 0, 'node restarts', () => node().restart())
      often(random.chance(0.4) ? random.between(1, 2) : 0, 'node lags', () => {
        node().lagMs = random.pick([0, 1_000, 8_000, 30_000])
      })
    }
    const kills = random.chance(0.6) ? random.between(1, 12) : 0
    often(kills, 'kill', () => {
      const awake = [...world.host.objects.values()].filter(({ isAwake }) => isAwake)
      if (awake.length > 0) random.pick(awake).kill()
    })
    often(random.chance(0.4) ? random.between(1, 4) : 0, 'gateway ends', () => world.endGateway())
    often(random.chance(0.3) ? 1 : 0, 'deploy', () => {
      for (const object of world.host.objects.values()) object.kill()
      world.endGateway()
    })
  }

  /** A follower is not at the best block, has not read up to the last deadline, or has something to tell. */
  #isBehind(): boolean {
    return this.world.host.ofKind('chain').some(({ name, disk }) => {
      const [tip] = disk.rows('SELECT hash FROM blocks ORDER BY height DESC LIMIT 1')
      const [facts] = disk.rows('SELECT synced_at_ms FROM follower')
      const isRead = ((facts?.synced_at_ms as number | null) ?? 0) >= this.auditor.lastExpiryMs
      return !isRead || tip?.hash !== this.world.chain(name).best.ref.hash || disk.rows('SELECT 1 FROM outbox LIMIT 1').length > 0
    })
  }

  async #go(ms: number): Promise<void> {
    const { scheduler } = this.world
    const check = () => this.#checked(() => this.auditor.check())
    await scheduler.runUntil(scheduler.nowMs + ms, check, () => this.fault !== null)
  }

  #checked(check: () => void): void {
    try {
      check()
    } catch (thrown) {
      this.#fail(thrown instanceof Violation ? thrown.message : ((thrown as Error).stack ?? String(thrown)))
    }
  }

  /** The code says of itself that something is wrong. */
  #logged(line: string): void {
    const { level, what, reason } = JSON.parse(line) as { level: string; what: string; reason?: string }
    if (level !== 'error' || EXPECTED_ERRORS.includes(what) || reason === 'the instance is gone') return
    this.#fail(`logged ${line}`)
  }

  #fail(fault: string): void {
    this.fault ??= fault
  }
}

/** The isolate's copy of the rates is of the history before. */
async function forgetRates(): Promise<void> {
  const nothing = {
    getByName: () => ({ current: async () => ({ rates: [], atMs: 0, failures: [] }), publish: async () => undefined }),
  }
  await ratesSnapshot({ RATES: nothing }, Number.MAX_SAFE_INTEGER)
}
