import { ratesSnapshot } from '../../src/exchange/cache.ts'
import { rememberAddresses } from './addresses.ts'
import { Auditor, Violation } from './auditor.ts'
import { Ending } from './ending.ts'
import { surroundWith, takeOverGlobals } from './globals.ts'
import { makeSeededWallets } from './hot.ts'
import { SLOW_MS_MAX } from './network.ts'
import type { SimObject } from './objects.ts'
import { OutAuditor } from './out-auditor.ts'
import { allowAll, endWaiting } from './payers.ts'
import { openStores } from './people.ts'
import { Plot } from './plot.ts'
import { Trace } from './scheduler.ts'
import { planTrouble } from './trouble.ts'
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
/** What is paid in is to be final, and to go out again. */
const TROUBLE_LOOKS_OUT = [8, 16] as const
/** Chains are looked at no more; what is left are the slow schedules: of webhooks, of queues. */
const TAIL_MS = 4 * 3_600_000
const BLOCKS_TO_FINAL = 5
const QUIET = 0.08
/** What could not be told for long is told again a minute later at most; a look that hangs is given up before. */
const ROUNDS_MAX = 8
const ROUND_MS = 12_000
/** With money out: blocks come so often while transfers are waited for, at most so many, and people end what waits after so many. */
const OUT_BLOCK_MS = 15_000
const OUT_BLOCKS_MAX = 40
const OUT_PATIENCE_BLOCKS = 8
/** Nobody looks for an hour and a half: what waits for a block is replaced. */
const QUIET_MS = 90 * 60_000
/** What waits for people asks again each minute, so few of them are enough. */
const QUIET_OPEN_MAX = 4
/** What a log line of level `error` may say: of calls that failed, of forks deeper than what is final; not of defects. */
const EXPECTED_ERRORS = ['rate_board_unreachable', 'sending_frozen', 'final_blocks_left']

let isPrepared = false

/** One history. Everything in it follows from the seed. */
export async function runSeed(seed: number, options: { trace: boolean }): Promise<Told> {
  if (!isPrepared) {
    takeOverGlobals()
    rememberAddresses()
    await makeSeededWallets()
    isPrepared = true
  }
  const trace = new Trace(START_MS, options.trace)
  const history = new History(seed, trace)
  try {
    await history.run()
  } catch (thrown) {
    history.fault ??= (thrown as Error).stack ?? String(thrown)
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

type Stores = Awaited<ReturnType<typeof openStores>>

class History {
  readonly world: World
  readonly plot: Plot
  readonly auditor: Auditor
  readonly outAuditor: OutAuditor
  fault: string | null = null

  constructor(seed: number, trace: Trace) {
    const failed = (thrown: unknown) =>
      this.#fail(thrown instanceof Violation ? thrown.message : thrown instanceof Error ? (thrown.stack ?? '') : String(thrown))
    const committed = (object: SimObject) => {
      this.auditor.committed(object)
      this.outAuditor.committed(object)
    }
    this.world = new World(seed, START_MS, trace, { committed, failed })
    this.plot = new Plot(this.world, failed, (chainId, key, invoiceId) =>
      this.#checked(() => this.auditor.checkWatched(chainId, key, invoiceId)),
    )
    this.auditor = new Auditor(this.plot)
    this.outAuditor = new OutAuditor(this.plot)
    surroundWith({ scheduler: this.world.scheduler, random: this.world.random, logged: (line) => this.#logged(line), failed })
  }

  async run(): Promise<void> {
    const { world, plot } = this
    await forgetRates()
    let stores: Stores = []
    openStores(plot).then((opened) => {
      stores = opened
    }, plot.failed)
    world.wakeFollowers()
    await this.#go(1_000)
    if (stores.length === 0) return this.#fail('the stores could not be opened')

    world.network.faults = world.faults
    const { pollMs } = world
    const [least, most] = world.hasMoneyOut ? TROUBLE_LOOKS_OUT : TROUBLE_LOOKS
    const troubleMs = world.random.between(least, most) * pollMs + world.random.between(0, 20_000)
    planTrouble(plot, stores, troubleMs)
    await this.#go(troubleMs)
    if (world.hasMoneyOut && world.random.chance(QUIET) && this.outAuditor.open <= QUIET_OPEN_MAX) await this.#waitQuietly()
    world.heal()
    const healedAtMs = world.nowMs
    plot.isOver = true
    allowAll(plot, stores).catch(plot.failed)
    world.wakeFollowers()
    for (let i = 0; i < BLOCKS_TO_FINAL; i++) {
      for (const chain of world.chains) chain.mine(1)
      await this.#go(pollMs)
    }
    // An invoice may have been made at the last moment, by a call that was slow.
    await this.#go(healedAtMs + SLOW_MS_MAX + pollMs - world.nowMs)
    await this.#go(Math.max(pollMs, this.auditor.lastExpiryMs + pollMs - world.nowMs))
    await this.#catchUp()
    if (world.hasMoneyOut) await this.#endTransfers()
    this.#stopLooking()
    await this.#go(TAIL_MS)
    if (this.fault === null) this.#checked(() => new Ending(plot, this.auditor).check())
  }

  #stopLooking(): void {
    this.world.isLooking = false
    for (const object of this.world.host.ofKind('chain')) object.isMuted = true
  }

  #look(): void {
    this.world.isLooking = true
    for (const object of this.world.host.ofKind('chain')) object.unmute()
    this.world.wakeFollowers()
  }

  /** Everything goes on but blocks and looks. */
  async #waitQuietly(): Promise<void> {
    this.#stopLooking()
    await this.#go(QUIET_MS)
    this.#look()
  }

  /** Blocks come until no transfer is under way; what waits for people is ended by people. */
  async #endTransfers(): Promise<void> {
    const { world, plot } = this
    for (let n = 0; n < OUT_BLOCKS_MAX && !this.outAuditor.isQuiet(); n++) {
      // What a question to the signer that was lost holds up takes twenty minutes.
      if (n === OUT_BLOCKS_MAX / 2) this.#stopLooking()
      for (const chain of world.chains) chain.mine(1)
      if (n % OUT_PATIENCE_BLOCKS === OUT_PATIENCE_BLOCKS - 1) endWaiting(plot).catch(plot.failed)
      await this.#go(n < OUT_BLOCKS_MAX / 2 ? OUT_BLOCK_MS : 6 * OUT_BLOCK_MS)
    }
    this.#look()
    await this.#go(world.pollMs)
    await this.#catchUp()
  }

  /**
   * Blocks go on coming: what a node says that claims more than the others is known up to the newest block that they share, and
   * it may be the one to read when those were set aside.
   */
  async #catchUp(): Promise<void> {
    for (let n = 0; n < ROUNDS_MAX && this.#isBehind(); n++) {
      for (const chain of this.world.chains) chain.mine(1)
      await this.#go(ROUND_MS)
    }
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
    const check = () =>
      this.#checked(() => {
        this.auditor.check()
        this.outAuditor.check()
      })
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
    const { level, what, reason, transferId } = JSON.parse(line) as {
      level: string
      what: string
      reason?: string
      transferId?: string
    }
    if (level !== 'error' || EXPECTED_ERRORS.includes(what) || reason === 'the instance is gone') return
    // A replacement that was put aside while its signature was still on the way: it takes the place of what is signed, or of nothing.
    if (what === 'signature_of_no_plan' && this.outAuditor.isSigned(transferId ?? '')) return
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
