import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS, EVM_LOCAL } from '../../config/development.ts'
import { look } from '../../src/chain/look.ts'
import { ChainObject } from '../../src/chain/object.ts'
import type { ChainRpc, LookMessage, WatchRpc } from '../../src/chain/rpc.ts'
import { watchShardName } from '../../src/chain/watch.ts'
import { WatchObject } from '../../src/chain/watch-object.ts'
import { DeliveryObject } from '../../src/delivery/object.ts'
import { consumeResults } from '../../src/delivery/results.ts'
import { RatesObject } from '../../src/exchange/object.ts'
import type { ChainReader } from '../../src/gateways/gateway.ts'
import { InvoiceObject } from '../../src/invoice/object.ts'
import { LedgerObject } from '../../src/ledger/object.ts'
import type { ObjectNamespace } from '../../src/lib/objects.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import { signFor } from '../../src/signer/door.ts'
import { SignerObject } from '../../src/signer/object.ts'
import type { SignerRpc } from '../../src/signer/rpc.ts'
import { consumeProjections, type ProjectionEnv } from '../../src/storage/projection.ts'
import { WalletObject } from '../../src/wallet/object.ts'
import { readBalance } from '../../src/wallet/read-balance.ts'
import type { BalanceMessage } from '../../src/wallet/rpc.ts'
import { carryOut } from '../../src/wallet/transfers/carry-out.ts'
import type { TransferMessage } from '../../src/wallet/transfers/rpc.ts'
import type { CoreEnv } from '../../workers/core/env.ts'
import type { SignerEnv } from '../../workers/signer/env.ts'
import { SimChain } from './chain.ts'
import { createCourier, type Receiver } from './courier.ts'
import { SimD1 } from './d1.ts'
import { chooseFaults, type Faults, NO_FAULTS } from './faults.ts'
import { KEK } from './hot.ts'
import { Network, type Party } from './network.ts'
import { Host, type ObjectClass, type SimObject } from './objects.ts'
import { Isolate, Queue } from './queue.ts'
import { Random } from './random.ts'
import { createSimReader } from './reader.ts'
import { Scheduler, type Trace } from './scheduler.ts'
import { hasMoneyOut, isStill } from './seeds.ts'
import { createSimBalances, createSimSender } from './sender.ts'

const CLASSES = {
  invoice: InvoiceObject,
  wallet: WalletObject,
  chain: ChainObject,
  watch: WatchObject,
  rates: RatesObject,
  delivery: DeliveryObject,
  ledger: LedgerObject,
  signer: SignerObject,
} as unknown as Readonly<Record<string, ObjectClass>>

/** Depths that no fork of a history passes. */
const CHAINS: readonly ChainConfig[] = DEVELOPMENT_CHAINS.map((chain) => ({ ...chain, watchShards: 2, reorgDepthMax: 40 }))
const CLOGGABLE = ['ledger/', 'ledger/', 'ledger/', 'invoice/', 'chain/', 'watch/', 'queue', 'D1']
/** Rarer looks than in life, so that a history is short. */
const POLLS_MS = [1_500, 6_000, 6_000]
const RATES: Readonly<Record<string, readonly string[]>> = {
  'BTC/EUR': ['60000', '61234.5', '48000'],
  'ETH/EUR': ['3000', '2950.07', '3500'],
  'USDC/EUR': ['0.92', '0.9', '1.01'],
}
/** One look at a time and isolate, as the gateways Worker has it. */
const LOOK_MAX_MS = 60_000
/** Clocks of two machines differ by so much. */
const SKEW_MS_MAX = 3_000
/** How wrong the clock of an instance of these can be. */
const CLOCK_SKEWS_MS: Readonly<Record<string, readonly number[]>> = {
  wallet: [0, 0, 2_000],
  signer: [0, 0, -5_000, 60_000, -3_600_000, 7_200_000],
}

export interface WorldWatchers {
  readonly committed: (object: SimObject) => void
  readonly failed: (what: string) => void
}

/** The whole system in one place: chains, objects, queues, databases, and whoever stands between them. */
export class World {
  readonly random: Random
  readonly scheduler: Scheduler
  readonly network: Network
  readonly faults: Faults
  readonly host: Host
  readonly chains: readonly SimChain[]
  /** Between two looks; the measure of a history's length. */
  readonly pollMs: number
  readonly shard: SimD1
  readonly projections: Queue
  readonly looks: Queue
  readonly deliveries: Queue
  readonly results: Queue
  readonly transfers: Queue
  readonly readings: Queue
  /** Whether money goes out by the wallets, or only in the books. */
  readonly hasMoneyOut: boolean
  /** Whether hardly any block comes, and looks overtake each other. */
  readonly isStill: boolean
  readonly receiver: Receiver
  /** Whoever is outside: shops, shoppers, persons. Nothing happens to them. */
  readonly outside = new Isolate('outside')
  rates = Object.fromEntries(Object.entries(RATES).map(([pair, [first]]) => [pair, first as string]))
  /** False: looks are no longer carried out. */
  isLooking = true
  readonly #chainsText: string
  readonly #isGuarded: boolean
  #gateway = new Isolate('gateway')
  /** By how much its clock is wrong. */
  #skewMs = 0
  /** Whether it ever was. */
  wasSkewed = false
  #readers = new Map<string, ChainReader>()
  #looking = new Map<string, number>()

  constructor(seed: number, startMs: number, trace: Trace, watchers: WorldWatchers) {
    this.random = new Random(seed)
    this.scheduler = new Scheduler(startMs, trace)
    this.network = new Network(this.scheduler, this.random)
    this.faults = chooseFaults(this.random)
    if (this.random.chance(0.5)) this.network.clogged = this.random.pick(CLOGGABLE)
    const ids = this.random.pick([[BITCOIN_REGTEST], [EVM_LOCAL], [BITCOIN_REGTEST, EVM_LOCAL]])
    this.hasMoneyOut = hasMoneyOut(seed)
    this.isStill = isStill(seed)
    this.pollMs = this.random.pick(POLLS_MS)
    // Where there are none, deposits are brought in one by one.
    const hasDelegates = this.hasMoneyOut && this.random.chance(0.5)
    const configs = CHAINS.filter(({ id }) => ids.includes(id)).map(({ delegateFactory, ...chain }) => {
      return { ...chain, ...(hasDelegates && delegateFactory && { delegateFactory }), pollMs: this.pollMs }
    })
    this.#chainsText = JSON.stringify(configs)
    this.chains = configs.map((config) => new SimChain(config, this.scheduler, this.random, this.network, this.hasMoneyOut))
    this.#isGuarded = this.random.chance(0.5) && !this.isStill
    this.host = new Host({
      scheduler: this.scheduler,
      random: this.random,
      network: this.network,
      envOf: (party) => this.envOf(party),
      classes: CLASSES,
      skewOf: (kind) => {
        const skews = this.hasMoneyOut && this.network.faults !== NO_FAULTS ? CLOCK_SKEWS_MS[kind] : undefined
        return skews ? this.random.pick(skews) : 0
      },
      committed: watchers.committed,
      failed: (what, thrown) =>
        watchers.failed(`${what} failed: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : thrown}`),
    })
    this.shard = new SimD1(this.network, () => undefined)
    this.projections = new Queue('projections', this.host, (batch, isolate) =>
      consumeProjections(batch, this.envOf(isolate) as unknown as ProjectionEnv),
    )
    this.looks = new Queue('looks', this.host, async (batch: MessageBatch<LookMessage>) => {
      for (const message of batch.messages) {
        message.ack()
        this.#look(message.body.chainId)
      }
    })
    const courier = createCourier(this)
    this.receiver = courier.receiver
    this.deliveries = new Queue('deliveries', this.host, courier.consume)
    this.transfers = new Queue('transfers', this.host, async (batch: MessageBatch<TransferMessage>) => {
      for (const message of batch.messages) {
        message.ack()
        this.#carry(message.body)
      }
    })
    this.readings = new Queue('readings', this.host, async (batch: MessageBatch<BalanceMessage>, isolate) => {
      await Promise.all(batch.messages.map((message) => this.#readBalance(message.body, isolate).catch(() => message.retry())))
    })
    this.results = new Queue('results', this.host, (batch, isolate) => consumeResults(batch, this.envOf(isolate)))
  }

  get nowMs(): number {
    return this.scheduler.nowMs
  }

  /** The bindings of every Worker at once, as one party has them. */
  envOf(party: Party): CoreEnv & SignerEnv {
    const bound = <T>(kind: string) => this.host.namespace(kind, party) as unknown as ObjectNamespace<T>
    const env = {
      CHAINS: this.#chainsText,
      ENVIRONMENT: 'development',
      FIXED_RATES: JSON.stringify(this.rates),
      WEBHOOK_SECRET: 'simulated-webhook-secret',
      ORIGIN: 'https://pay.example',
      INVOICES: bound('invoice'),
      WALLETS: bound('wallet'),
      CHAINS_FOLLOWED: bound('chain'),
      WATCH: bound('watch'),
      RATES: bound('rates'),
      DELIVERIES: bound('delivery'),
      LEDGERS: bound('ledger'),
      PROJECTIONS: this.projections.port(party),
      GATEWAY_BITCOIN: this.looks.port(party),
      GATEWAY_EVM: this.looks.port(party),
      DELIVER: this.deliveries.port(party),
      TRANSFERS: this.transfers.port(party),
      WALLET_BALANCES: this.readings.port(party),
      SIGNER_KEK: KEK,
      SIGNERS: bound('signer'),
      SHARD_0: this.shard.binding(party),
    }
    Object.defineProperty(env, 'FIXED_RATES', { get: () => JSON.stringify(this.rates) })
    return env as unknown as CoreEnv & SignerEnv
  }

  chain(id: string): SimChain {
    const found = this.chains.find(({ config }) => config.id === id)
    if (!found) throw new Error(`no chain ${id}`)
    return found
  }

  moveRates(): void {
    for (const [pair, values] of Object.entries(RATES)) this.rates[pair] = this.random.pick(values)
  }

  /** The isolate that looks at chains ends; the next look has a new one. */
  endGateway(): void {
    this.#gateway.end()
    this.#gateway = new Isolate('gateway')
    this.#readers = new Map()
    this.#looking = new Map()
    this.#skewMs = this.random.chance(0.3) ? this.random.between(-SKEW_MS_MAX, SKEW_MS_MAX) : 0
    this.wasSkewed ||= this.#skewMs !== 0
  }

  /** Cron, every minute. */
  wakeFollowers(): void {
    const env = this.envOf(this.outside)
    for (const { config } of this.chains)
      env.CHAINS_FOLLOWED.getByName(config.id)
        .wake(config.id)
        .catch(() => undefined)
  }

  /** A message of a queue that comes once more, late. */
  lookAgain({ config: { id } }: SimChain): void {
    this.#look(id)
  }

  /** From here on nothing goes wrong, and what had gone wrong is mended. */
  heal(): void {
    this.network.faults = NO_FAULTS
    for (const { nodes } of this.chains)
      for (const node of nodes) {
        node.lagMs = 0
        node.restart()
      }
  }

  /** As `lookOnce` of the gateways Worker, over simulated nodes. */
  #look(chainId: string): void {
    const { nowMs } = this
    if (!this.isLooking) return
    if (this.#isGuarded && nowMs - (this.#looking.get(chainId) ?? Number.NEGATIVE_INFINITY) < LOOK_MAX_MS) return
    const looking = this.#looking
    const skewMs = this.#skewMs
    looking.set(chainId, nowMs)
    const env = this.envOf(this.#gateway)
    const chain = this.chain(chainId)
    const watch: WatchRpc[] = Array.from({ length: chain.config.watchShards }, (_, n) =>
      env.WATCH.getByName(watchShardName(chain.config, n)),
    )
    const follower: ChainRpc = env.CHAINS_FOLLOWED.getByName(chainId)
    look({ follower, watch, reader: this.#readerOf(chain), clock: () => this.nowMs + skewMs })
      // Calls that got no answer: the next look comes by the alarm.
      .catch(() => undefined)
      .finally(() => {
        if (looking.get(chainId) === nowMs) looking.delete(chainId)
      })
  }

  /** As `carryOnce` of the gateways Worker. What is lost on the way is asked for again by the wallet's alarm. */
  #carry(message: TransferMessage): void {
    const party = this.#gateway
    const env = this.envOf(party)
    const signer: SignerRpc = { sign: (request) => signFor(env, request) }
    const sender = createSimSender(this.chain(message.chainId), { ...this.#ports, party })
    carryOut({ wallet: env.WALLETS.getByName(message.walletId), sender, signer }, message).catch(() => undefined)
  }

  async #readBalance(message: BalanceMessage, party: Party): Promise<void> {
    const env = this.envOf(party)
    const reader = createSimBalances(this.chain(message.chainId), { ...this.#ports, party })
    const follower = env.CHAINS_FOLLOWED.getByName(message.chainId)
    await readBalance({ wallet: env.WALLETS.getByName(message.walletId), follower, reader }, message)
  }

  get #ports() {
    const { scheduler, random, network } = this
    return { scheduler, random, network }
  }

  #readerOf(chain: SimChain): ChainReader {
    const { id } = chain.config
    const known = this.#readers.get(id)
    if (known) return known
    const reader = createSimReader(chain, { ...this.#ports, party: this.#gateway })
    this.#readers.set(id, reader)
    return reader
  }
}
