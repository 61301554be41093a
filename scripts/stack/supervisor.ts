import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DEVELOPMENT_LIGHTNING, DEVELOPMENT_SENDING } from '../../config/development.ts'
import type { NodeEndpoint } from '../../src/gateways/gateway.ts'
import type { ChainConfig } from '../../src/money/chain.ts'
import { startShop } from '../shop/server.ts'
import { type AdminDoor, startAdminDoor } from './admin-door.ts'
import type { BitcoinNode } from './bitcoin/index.ts'
import { startDemoWalletService } from './demo-wallet-service.ts'
import { type DemoWallets, openDemoWallets } from './demo-wallets.ts'
import { devFilePath, writeDevFile } from './dev-file.ts'
import type { EvmNode } from './evm/index.ts'
import { fillTreasuries } from './fill-treasuries.ts'
import { type LightningStandIn, startLightning } from './lightning/index.ts'
import { openLog } from './log.ts'
import { startMiner } from './miner.ts'
import { nodeEndpoints, nodeKeeper } from './nodes.ts'
import { freePort, isPortFree, whoListens } from './ports.ts'
import { endLeftovers, endProcess, makeFolder, openProcessBook, type ProcessBook } from './processes.ts'
import { type Progress, StartError } from './progress.ts'
import { provision } from './provision.ts'
import { openSecrets } from './secrets.ts'
import type { Workers } from './workers.ts'

export interface StackOptions {
  /** The project folder. */
  readonly root: string
  /** Everything that survives a restart is in here. */
  readonly stateDir: string
  /** Null: a free one. */
  readonly port: number | null
  readonly shards: number
  readonly chains: readonly ChainConfig[]
  readonly fixedRates: Readonly<Record<string, string>>
  /** Nodes that somebody else keeps, by CAIP-2 id of a chain among `chains`. */
  readonly otherNodes?: Readonly<Record<string, readonly NodeEndpoint[]>>
  /** Seconds between blocks of the EVM node; 0: only when a test mines. */
  readonly evmBlockSeconds: number
  /** Mine Bitcoin blocks as a shopper needs them. */
  readonly miner: boolean
  /** Ether for the demo store's treasury on the EVM chain, so that refunds and payouts have their gas. Absent: none is sent. */
  readonly treasuryGas?: boolean
  /** A Lightning node for the demo store, a stand-in, and a payer. Absent: nothing is paid by Lightning. */
  readonly lightning?: boolean
  /** The demo shop, on the port after ours when that is free. */
  readonly shop: boolean
  readonly progress: Progress
  /** Warnings and errors of the Workers, one line each. The whole log is in `<state>/logs`. */
  readonly onTrouble: (line: string) => void
  /** Aborted while things are being started: what runs by then is ended, and the start throws. */
  readonly signal?: AbortSignal
}

/** A running system and the handles that tests and `npm start` hold it by. */
export interface Stack {
  readonly origin: string
  readonly stateDir: string
  readonly storeId: string
  readonly apiKey: string
  readonly shopOrigin: string | null
  /** What private Workers have for operators: core's `/admin/…`, the signer's `/signer/…`. */
  readonly admin: Pick<AdminDoor, 'url' | 'token'>
  readonly wallets: DemoWallets
  readonly bitcoin: BitcoinNode
  readonly evm: EvmNode
  readonly workers: Workers
  /** Ends workerd with SIGKILL and keeps it down until `restartWorkers`. */
  killWorkers(): Promise<void>
  restartWorkers(): Promise<void>
  stopBitcoin(): Promise<void>
  startBitcoin(): Promise<void>
  stopEvm(): Promise<void>
  startEvm(): Promise<void>
  /** Ends everything in order; harmless when it has ended. */
  stop(): Promise<void>
}

const STOP_ALL_MS = 8_000
/** What workerd notes for its own makers: that an alarm was moved as it came, for example. In the log, and nobody's trouble. */
const RUNTIME_NOTE = 'NOSENTRY'

interface Closer {
  readonly name: string
  close(): Promise<unknown> | unknown
}

/**
 * Brings the whole system up in a state folder that the caller holds the lock of. Throws a StartError that says
 * what is wrong and what to do; whatever had been started by then is ended first.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  makeFolder(options.stateDir)
  const leftovers = await endLeftovers(options.stateDir)
  if (leftovers.length > 0) options.progress.line(`  Ended what an earlier start left running: ${leftovers.join(', ')}`)
  const book = openProcessBook(options.stateDir)
  const closers: Closer[] = []
  const stopAll = () => closeAll(closers, book)
  try {
    return await Promise.race([raise(options, book, closers, stopAll), aborted(options.signal)])
  } catch (error) {
    await stopAll()
    throw error
  }
}

/** Never resolves; rejects when the signal comes. */
function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = () => reject(new Error('asked to stop'))
    if (signal?.aborted) stop()
    signal?.addEventListener('abort', stop)
  })
}

async function raise(options: StackOptions, book: ProcessBook, closers: Closer[], stop: () => Promise<void>): Promise<Stack> {
  const { progress, stateDir } = options
  const port = options.port ?? (await freePort())
  await requirePort(port)
  const origin = `http://localhost:${port}`
  const shopPort = options.shop ? ((await isPortFree(port + 1)) ? port + 1 : await freePort()) : null
  const secrets = openSecrets(stateDir)
  const nodes = nodeKeeper(options, book)
  closers.push({ name: 'nodes', close: () => Promise.all([nodes.stopBitcoin(), nodes.stopEvm()]) })

  const lightning = options.lightning
    ? await progress.step('Lightning node', (say) => raiseLightning(stateDir, closers, say))
    : null
  // Wrangler is a large module: it is loaded while the nodes start. Nobody is asked meanwhile: a machine that is busy takes
  // longer to load it than a call may take.
  const workersModule = import('./workers.ts')
  await Promise.all([
    progress.step('Bitcoin regtest node', (say) => nodes.startBitcoin(say)),
    progress.step('EVM node with test USDC', (say) => nodes.startEvm(say)),
  ])
  const { startWorkers } = await workersModule
  const wallets = openDemoWallets({
    chains: options.chains,
    bitcoin: nodes.bitcoin,
    bitcoinStateDir: nodes.bitcoinStateDir,
    evm: nodes.evm,
    lightning: lightning?.payer ?? null,
  })
  await progress.step('Demo wallet funded', () => wallets.bitcoin.fund())
  const walletService = await startDemoWalletService(wallets, openLog(stateDir, 'demo-wallet'))
  closers.push({ name: 'demo wallet', close: walletService.stop })

  const workersLog = openLog(stateDir, 'workers')
  let stopping = false
  const raiseWorkers = () =>
    startWorkers({
      root: options.root,
      stateDir: join(stateDir, 'workers'),
      port,
      origin,
      chains: lightning ? [...options.chains, DEVELOPMENT_LIGHTNING] : options.chains,
      nodes: {
        ...nodeEndpoints(options.chains, nodes.bitcoin, nodes.evm),
        ...options.otherNodes,
        ...(lightning && { [DEVELOPMENT_LIGHTNING.id]: [lightning.endpoint] }),
      },
      shards: options.shards,
      idSecret: secrets.idSecret,
      webhookSecret: secrets.webhookSecret,
      signerKek: secrets.signerKek,
      fixedRates: options.fixedRates,
      demoWalletUrl: walletService.url,
      log(level, line) {
        workersLog(`${level} ${line}`)
        if (!stopping && (level === 'error' || level === 'warn') && !line.startsWith(RUNTIME_NOTE)) options.onTrouble(line)
      },
      onProcess: (pid) => book.add(pid, 'workers'),
    })
  let workers = await progress.step('Workers, databases, migrations', async (say) => {
    const started = await raiseWorkers()
    say(`${options.shards} shards`)
    return started
  })
  closers.push({
    name: 'workers',
    close() {
      stopping = true
      return workers.stop()
    },
  })

  const admin = await startAdminDoor({
    '/admin/': (path, init) => workers.dispatchCore(path, init),
    '/signer/': (path, init) => workers.dispatchSigner(path, init),
  })
  closers.push({ name: 'admin door', close: admin.stop })

  const shopOrigin = shopPort === null ? null : `http://localhost:${shopPort}`
  await progress.step('Demo store', () => provision(workers, secrets, options.chains, lightning?.endpoint ?? null, shopOrigin))
  if (options.treasuryGas)
    await progress.step('Gas for the demo store', () =>
      fillTreasuries({ origin, apiKey: secrets.apiKey }, nodes.evm.rpcUrl, wallets),
    )
  if (shopPort !== null && shopOrigin !== null) {
    const shop = await progress.step('Demo shop', () =>
      startShop({
        port: shopPort,
        origin: shopOrigin,
        paytomat: { origin, apiKey: secrets.apiKey },
        stateDir: join(stateDir, 'shop'),
        log: openLog(stateDir, 'shop'),
      }),
    )
    closers.push({ name: 'demo shop', close: shop.stop })
  }
  if (options.miner) {
    const miner = startMiner(nodes.bitcoin, wallets.bitcoin, confirmationsOf(options.chains))
    closers.push({ name: 'miner', close: miner.stop })
  }

  const stack: Stack = {
    origin,
    stateDir,
    storeId: secrets.storeId,
    apiKey: secrets.apiKey,
    shopOrigin,
    admin: { url: admin.url, token: admin.token },
    wallets,
    get bitcoin() {
      return nodes.bitcoin
    },
    get evm() {
      return nodes.evm
    },
    get workers() {
      return workers
    },
    killWorkers: () => workers.kill(),
    async restartWorkers() {
      await workers.stop()
      workers = await raiseWorkers()
    },
    stopBitcoin: nodes.stopBitcoin,
    startBitcoin: () => nodes.startBitcoin(() => {}),
    stopEvm: nodes.stopEvm,
    startEvm: () => nodes.startEvm(() => {}),
    stop,
  }
  writeDevFile(stateDir, {
    origin,
    apiKey: secrets.apiKey,
    storeId: secrets.storeId,
    bitcoin: { rpcUrl: nodes.bitcoin.rpcUrl, user: nodes.bitcoin.user, password: nodes.bitcoin.password },
    evm: { rpcUrl: nodes.evm.rpcUrl, chainId: nodes.evm.chainId, usdc: nodes.evm.usdc },
    lightning: lightning?.payer ?? null,
    shop: shopOrigin === null ? null : { origin: shopOrigin },
    admin: { url: admin.url, token: admin.token },
    pids: { supervisor: process.pid, workers: workers.pid, bitcoin: nodes.bitcoin.pid, evm: nodes.evm.pid },
  })
  closers.push({ name: 'dev.json', close: () => rmSync(devFilePath(stateDir), { force: true }) })
  return stack
}

async function raiseLightning(stateDir: string, closers: Closer[], say: (note: string) => void): Promise<LightningStandIn> {
  const log = openLog(stateDir, 'lightning')
  const started = await startLightning({ stateDir: join(stateDir, 'lightning'), sending: DEVELOPMENT_SENDING, log })
  closers.push({ name: 'Lightning node', close: started.stop })
  say('a stand-in for phoenixd, not a real one')
  return started
}

async function requirePort(port: number): Promise<void> {
  if (await isPortFree(port)) return
  const who = whoListens(port)
  throw new StartError(
    `port ${port} is taken${who === null ? '' : ` by ${who}`}`,
    `End that process, or choose another port: PORT=${port + 1000} npm start`,
  )
}

function confirmationsOf(chains: readonly ChainConfig[]): number {
  return Math.max(1, ...chains.filter((chain) => chain.gateway === 'bitcoin').map((chain) => chain.confirmations))
}

/** Ends things in the opposite order of their start, all within `STOP_ALL_MS`; what is left then is killed. */
async function closeAll(closers: Closer[], book: ProcessBook): Promise<void> {
  const deadline = Date.now() + STOP_ALL_MS
  for (let closer = closers.pop(); closer; closer = closers.pop()) {
    const { close } = closer
    const timeUp = new Promise((resolve) => setTimeout(resolve, Math.max(deadline - Date.now(), 0)).unref())
    await Promise.race([Promise.resolve().then(close), timeUp]).catch(() => {})
  }
  await Promise.all(book.all.map((record) => endProcess(record, 'SIGKILL', 1_000)))
  book.clear()
}
