import { dirname, resolve } from 'node:path'
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, type V4WorkerOptions } from 'miniflare'
import { unstable_getMiniflareWorkerOptions, unstable_readConfig } from 'wrangler'
import type { NodeEndpoint } from '../../src/gateways/gateway.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import type { LightningRail } from '../../src/money/lightning.ts'
import { type Bundle, bundleWorker } from './bundle.ts'
import { applyMigrations } from './migrations.ts'
import { childrenRunning, endProcess, type RunningProcess } from './processes.ts'

/** All Workers, the public one first: Miniflare gives its port to the first. */
const CONFIGS = {
  edge: 'wrangler.toml',
  core: 'workers/core/wrangler.toml',
  gateways: 'workers/gateways/wrangler.toml',
  signer: 'workers/signer/wrangler.toml',
  courier: 'workers/courier/wrangler.toml',
} as const
type WorkerKey = keyof typeof CONFIGS

const CRON_EVERY_MS = 60_000
/** A database id in wrangler.toml ends in the shard's number; further shards count on from there. */
const SHARD_ID_PREFIX = '00000000-0000-4000-8000-00000000'
const SHARD_ID_FIRST = 0xa000

export interface WorkersOptions {
  /** The project folder. */
  readonly root: string
  /** Where D1, Durable Objects and queues keep their files. */
  readonly stateDir: string
  readonly port: number
  readonly origin: string
  /** As `CHAINS` has them: whole, or by the name of a preset. */
  readonly chains: readonly (ChainConfig | LightningRail | string)[]
  /** By CAIP-2 id. */
  readonly nodes: Readonly<Record<string, readonly NodeEndpoint[]>>
  readonly shards: number
  readonly idSecret: string
  readonly webhookSecret: string
  /** 32 bytes in base64. */
  readonly signerKek: string
  readonly fixedRates: Readonly<Record<string, string>>
  readonly demoWalletUrl: string
  /** A line of a Worker's log: JSON of ours, or words of the runtime. */
  readonly log: (level: string, line: string) => void
  /** Told the process id of workerd at start and again whenever it had to be started anew. */
  readonly onProcess: (pid: number) => void
}

/** What is used of a Worker that was asked for by its name. */
interface PrivateWorker {
  fetch(url: string, init?: RequestInit): Promise<Response>
  scheduled(options: { cron: string }): Promise<unknown>
}

export interface Workers {
  readonly origin: string
  /** The process id of workerd. */
  readonly pid: number
  /** Calls the core Worker, which has no public address: for `POST /admin/stores`. */
  dispatchCore(path: string, init?: RequestInit): Promise<Response>
  /** Calls the signer Worker, which has none either: for its operators' routes. */
  dispatchSigner(path: string, init?: RequestInit): Promise<Response>
  /** Puts a message on a queue of core's, by the name of its binding: for tests of messages that come twice. */
  send(binding: string, message: unknown): Promise<void>
  /** Runs core's cron sweep now. */
  sweep(): Promise<void>
  /** Ends workerd at once, as a power cut would, and keeps it down. */
  kill(): Promise<void>
  stop(): Promise<void>
}

/**
 * Starts all Workers in one workerd, from the same wrangler.toml files they are deployed with, applies the
 * migrations, and fires the cron trigger. workerd that crashes is started again by Miniflare.
 * Throws when a Worker does not build, the port is taken, or a migration fails.
 */
export async function startWorkers(options: WorkersOptions): Promise<Workers> {
  const composed = await Promise.all((Object.keys(CONFIGS) as WorkerKey[]).map((key) => composeWorker(key, options)))
  const named = (said: string) => composed.reduce((text, { bundle }) => bundle.named(text), said)
  const before = new Set(childrenRunning('workerd').map((child) => child.pid))
  let workerd: RunningProcess | undefined
  const findProcess = () => {
    workerd = childrenRunning('workerd').find((child) => !before.has(child.pid))
    if (workerd) options.onProcess(workerd.pid)
  }
  const miniflare = withoutSignalHandlers(
    () =>
      new Miniflare({
        ...convertV4MiniflareOptions({
          workers: composed.map(({ worker }) => worker),
          host: '127.0.0.1',
          port: options.port,
          cf: false,
          log: new StackLog(options.log),
          handleStructuredLogs: ({ level, message }) => options.log(level, named(message)),
        }),
        resourcePersistencePath: options.stateDir,
        unsafeHandleRuntimeRestart: () => {
          findProcess()
          void sweep()
        },
      }),
  )

  const worker = async (key: WorkerKey) => (await miniflare.getWorker(nameOf(key, options.root))) as unknown as PrivateWorker
  const sweep = async () => {
    const cron = readToml('core', options.root).triggers.crons?.[0] ?? '* * * * *'
    await worker('core')
      .then((core) => core.scheduled({ cron }))
      // Without an answer workerd was killed meanwhile: it is started again, and swept then.
      .catch((error: unknown) =>
        options.log(String(error).includes('fetch failed') ? 'info' : 'error', `the cron sweep failed: ${String(error)}`),
      )
  }

  let timer: NodeJS.Timeout | undefined
  const dispose = async () => {
    clearInterval(timer)
    await miniflare.dispose()
  }
  try {
    await miniflare.ready
    findProcess()
    await applyMigrations(miniflare, nameOf('core', options.root), databases(options))
    await sweep()
  } catch (error) {
    await dispose().catch(() => {})
    throw error
  }
  timer = setInterval(sweep, CRON_EVERY_MS)

  return {
    origin: options.origin,
    get pid() {
      return workerd?.pid ?? 0
    },
    dispatchCore: async (path, init) => (await worker('core')).fetch(new URL(path, 'http://core.internal').href, init),
    dispatchSigner: async (path, init) => (await worker('signer')).fetch(new URL(path, 'http://signer.internal').href, init),
    async send(binding, message) {
      const queue = await miniflare.getQueueProducer(binding, nameOf('core', options.root))
      await queue.send(message)
    },
    sweep,
    async kill() {
      if (workerd) await endProcess(workerd, 'SIGKILL', 5_000)
      await dispose()
    },
    stop: dispose,
  }
}

/**
 * Miniflare exits the process at SIGINT and SIGTERM as soon as it is made. Whoever runs us decides that: what it
 * listens to is taken off again. (At `exit` it still ends workerd.)
 */
function withoutSignalHandlers<T>(make: () => T): T {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const before = new Map(signals.map((signal) => [signal, new Set(process.listeners(signal))]))
  const made = make()
  for (const signal of signals) {
    for (const listener of process.listeners(signal)) if (!before.get(signal)?.has(listener)) process.off(signal, listener)
  }
  return made
}

/** Miniflare's own words go where the Workers' do. */
class StackLog extends Log {
  readonly #write: (level: string, line: string) => void
  constructor(write: (level: string, line: string) => void) {
    super(LogLevel.WARN)
    this.#write = write
  }
  override log(message: string): void {
    this.#write('warn', message)
  }
  override logWithLevel(level: LogLevel, message: string): void {
    if (level <= LogLevel.WARN && level !== LogLevel.NONE) this.#write(level === LogLevel.ERROR ? 'error' : 'warn', message)
  }
}

async function composeWorker(key: WorkerKey, options: WorkersOptions): Promise<{ worker: V4WorkerOptions; bundle: Bundle }> {
  const { workerOptions, main } = unstable_getMiniflareWorkerOptions(resolve(options.root, CONFIGS[key]))
  if (!main) throw new Error(`${CONFIGS[key]} names no main module`)
  const { modulesRules: _rules, ...rest } = workerOptions
  const databases = (rest.d1Databases ?? {}) as Record<string, unknown>
  const path = `${key}.mjs`
  const bundle = await bundleWorker(main, path)
  const worker = {
    ...rest,
    name: nameOf(key, options.root),
    bindings: variables(key, options),
    d1Databases: 'SHARD_0' in databases ? { ...withoutShards(databases), ...shardDatabases(options.shards) } : databases,
    modules: [{ type: 'ESModule', path, contents: bundle.code }],
  } as V4WorkerOptions
  return { worker, bundle }
}

/** Variables and secrets of each Worker: those of its env.ts and no others, as in production. */
function variables(key: WorkerKey, options: WorkersOptions): Record<string, string> {
  const all = { ENVIRONMENT: 'development' }
  const chains = { CHAINS: JSON.stringify(options.chains) }
  switch (key) {
    case 'edge':
      return {
        ...all,
        ...chains,
        ORIGIN: options.origin,
        ID_SECRET: options.idSecret,
        DEMO_WALLET_URL: options.demoWalletUrl,
      }
    case 'core':
      return {
        ...all,
        ...chains,
        ORIGIN: options.origin,
        WEBHOOK_SECRET: options.webhookSecret,
        FIXED_RATES: JSON.stringify(options.fixedRates),
      }
    case 'gateways':
      return { ...all, ...chains, NODES: JSON.stringify(options.nodes) }
    case 'signer':
      return { ...chains, SIGNER_KEK: options.signerKek }
    case 'courier':
      return all
  }
}

/** What is used here of a wrangler.toml. */
interface WorkerToml {
  readonly name?: string
  readonly d1_databases: readonly { readonly binding: string; readonly migrations_dir?: string }[]
  readonly triggers: { readonly crons?: readonly string[] }
}

function readToml(key: WorkerKey, root: string): WorkerToml {
  return unstable_readConfig({ config: resolve(root, CONFIGS[key]) }, { hideWarnings: true }) as WorkerToml
}

function nameOf(key: WorkerKey, root: string): string {
  const { name } = readToml(key, root)
  if (!name) throw new Error(`${CONFIGS[key]} has no name`)
  return name
}

function shardDatabases(count: number): Record<string, { id: string }> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, shard) => [
      `SHARD_${shard}`,
      { id: `${SHARD_ID_PREFIX}${(SHARD_ID_FIRST + shard).toString(16)}` },
    ]),
  )
}

function withoutShards(databases: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(databases).filter(([binding]) => !binding.startsWith('SHARD_')))
}

/** Each database binding of core with its folder of migrations, as core's wrangler.toml says; shards share one folder. */
function databases(options: WorkersOptions): { binding: string; folder: string }[] {
  const from = dirname(resolve(options.root, CONFIGS.core))
  const declared = readToml('core', options.root).d1_databases.map((database) => ({
    binding: database.binding,
    folder: resolve(from, database.migrations_dir ?? 'migrations'),
  }))
  const shard = declared.find((database) => database.binding === 'SHARD_0')
  return [
    ...declared.filter((database) => !database.binding.startsWith('SHARD_')),
    ...(shard ? Object.keys(shardDatabases(options.shards)).map((binding) => ({ binding, folder: shard.folder })) : []),
  ]
}
