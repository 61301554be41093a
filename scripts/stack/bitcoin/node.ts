import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { ask, type BitcoinRpc, createBitcoinRpc } from '../../../src/gateways/bitcoin/rpc.ts'
import { freePort, isPortFree, whoListens } from '../ports.ts'
import { commandOf, endProcess, makeFolder, readJson, writePrivate } from '../processes.ts'
import type { NodeAccess } from './rpc.ts'

export interface BitcoinNodeOptions {
  /** A folder of the node's own; made when missing. Chain, mempool, port and password in it survive restarts and kill -9. */
  readonly stateDir: string
  /** Fixed JSON-RPC port on 127.0.0.1. Without it a free one is chosen at the first start and kept. */
  readonly rpcPort?: number
  /** One line at a time of what the node says. */
  readonly log?: (line: string) => void
}

export interface BitcoinNode extends NodeAccess {
  readonly kind: 'bitcoind' | 'bcoin'
  /** Of the process that is ours: bcoin itself, or the guard that runs bitcoind. Its end ends the node. */
  readonly pid: number
  /** Resolves when the node's process has ended, wanted or not. */
  readonly exited: Promise<void>
  /** Ends the process and waits for it. Harmless when it has ended. */
  stop(): Promise<void>
}

/** `node.json` in the state folder: what must be the same at the next start, and who ran last. */
interface NodeRecord {
  readonly rpcPort: number
  readonly password: string
  readonly pid: number
  readonly command: string
}

const RPC_USER = 'paytomat'
/** A chain of some thousand blocks is replayed in seconds; a first start of bitcoind is quick too. */
const START_MS_MAX = 60_000
const STOP_MS_MAX = 10_000
const POLL_MS = 25

/**
 * Starts the node and waits until it answers. One node a folder: one that an earlier start left running is ended first.
 * Throws with a sentence for a person when it cannot.
 */
export async function startBitcoinNode(options: BitcoinNodeOptions): Promise<BitcoinNode> {
  const { stateDir } = options
  makeFolder(stateDir)
  const recordPath = join(stateDir, 'node.json')
  const record = readJson<NodeRecord>(recordPath)
  await endEarlier(record, stateDir)

  const bitcoind = findBitcoind()
  const rpcPort = await choosePort(options.rpcPort, record?.rpcPort)
  const access = {
    rpcUrl: `http://127.0.0.1:${rpcPort}`,
    user: RPC_USER,
    password: record?.password ?? randomBytes(18).toString('hex'),
  }
  const child = bitcoind
    ? spawnBitcoind(bitcoind, stateDir, rpcPort, access.password)
    : spawnBcoin(stateDir, rpcPort, access.password)
  const { pid } = child
  if (pid === undefined) throw new Error(`The Bitcoin node cannot be started: ${process.execPath} does not run.`)
  writePrivate(
    recordPath,
    JSON.stringify({ rpcPort, password: access.password, pid, command: commandOf(pid) ?? '' } satisfies NodeRecord),
  )

  const lastLines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue
    createInterface({ input: stream }).on('line', (line) => {
      lastLines.push(line)
      if (lastLines.length > 20) lastLines.shift()
      options.log?.(line)
    })
  }
  let ended = false
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve())).then(() => {
    ended = true
  })
  const stop = async () => {
    if (!ended) await endProcess(pid, 'SIGTERM', STOP_MS_MAX)
    await exited
  }

  const rpc = createBitcoinRpc([{ url: access.rpcUrl, ...access }], fetch)
  const deadline = Date.now() + START_MS_MAX
  while (!(await isReady(rpc))) {
    if (ended || Date.now() > deadline) {
      await stop()
      const why = ended ? 'ended while starting' : `did not answer within ${START_MS_MAX / 1000} s`
      throw new Error(
        `The Bitcoin node ${why}. Its last words:\n${lastLines.join('\n')}\n` +
          `Start again; if it stays so, delete ${stateDir}: a new chain begins.`,
      )
    }
    await Promise.race([exited, new Promise((resolve) => setTimeout(resolve, POLL_MS))])
  }
  return { kind: bitcoind ? 'bitcoind' : 'bcoin', ...access, pid, exited, stop }
}

/** With its chain and with what waited. */
async function isReady(rpc: BitcoinRpc): Promise<boolean> {
  const info = await ask(rpc, 'getmempoolinfo')
  return info.ok && (info.value as { loaded?: boolean }).loaded !== false
}

/** bcoin, with the Node.js that runs us. Its end comes with the end of our side of the IPC channel. */
function spawnBcoin(stateDir: string, rpcPort: number, password: string): ChildProcess {
  const script = join(import.meta.dirname, 'bcoin-process.cjs')
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, stateDir, String(rpcPort)], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, PAYTOMAT_RPC_PASSWORD: password },
  })
}

/** bitcoind under a guard that ends it when we end. The password is in a file, for a command line can be read by anybody. */
function spawnBitcoind(program: string, stateDir: string, rpcPort: number, password: string): ChildProcess {
  const dataDir = join(stateDir, 'bitcoind')
  makeFolder(dataDir)
  const config = join(stateDir, 'bitcoind.conf')
  writePrivate(
    config,
    `regtest=1\n[regtest]\nrpcuser=${RPC_USER}\nrpcpassword=${password}\nrpcport=${rpcPort}\nrpcbind=127.0.0.1\n`,
  )
  // No index and no wallet of it is needed, so it has none.
  const options = ['-server', '-rest', '-listen=0', '-dnsseed=0', '-connect=0', '-disablewallet', '-printtoconsole=0']
  const args = [program, `-datadir=${dataDir}`, `-conf=${config}`, `-pid=${pidFile(stateDir)}`, '-rpcallowip=127.0.0.1', ...options]
  return spawn(process.execPath, [join(import.meta.dirname, 'guard.cjs'), ...args], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
}

const pidFile = (stateDir: string) => join(stateDir, 'bitcoind.pid')

/** `bitcoind` on the PATH, or what PAYTOMAT_BITCOIND names (`bcoin` there means: none). */
export function findBitcoind(): string | null {
  const named = process.env.PAYTOMAT_BITCOIND
  if (named === 'bcoin') return null
  if (named) {
    if (spawnSync(named, ['-version'], { stdio: 'ignore' }).status === 0) return named
    throw new Error(`PAYTOMAT_BITCOIND names ${named}, which does not run. Correct it, or unset it to use bcoin.`)
  }
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const program = join(folder, 'bitcoind')
    if (folder && spawnSync(program, ['-version'], { stdio: 'ignore' }).status === 0) return program
  }
  return null
}

/** Waits for a node of an earlier start that is just ending, and ends one that is not. */
async function endEarlier(record: NodeRecord | null, stateDir: string): Promise<void> {
  if (record && commandOf(record.pid) === record.command) await endProcess(record.pid, 'SIGTERM', STOP_MS_MAX)
  // bitcoind outlives its guard when that is killed with -9. Its command line names our folder.
  let pid: number
  try {
    pid = Number(readFileSync(pidFile(stateDir), 'utf8'))
  } catch {
    return
  }
  if (pid > 0 && commandOf(pid)?.includes(pidFile(stateDir))) await endProcess(pid, 'SIGTERM', STOP_MS_MAX)
}

async function choosePort(wanted: number | undefined, recorded: number | undefined): Promise<number> {
  if (wanted !== undefined) {
    if (await isPortFree(wanted)) return wanted
    throw new Error(
      `The Bitcoin node's port ${wanted} is taken by ${whoListens(wanted) ?? 'another process'}. Free it or choose another.`,
    )
  }
  return recorded !== undefined && (await isPortFree(recorded)) ? recorded : freePort()
}
