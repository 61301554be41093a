import { type ChildProcess, fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../ports.ts'
import type { GuardMessage, GuardOptions } from './guard.ts'
import { ensureUsdc } from './usdc.ts'

export interface EvmNodeOptions {
  /** Folder of the node's own; made when missing. Chain state survives in it. */
  readonly stateDir: string
  /** A free one when not given. */
  readonly port?: number
  readonly chainId: number
  /** 0: blocks only by `mine` of the demo wallet. */
  readonly blockTimeSeconds: number
  /** The `safe` block is so many below the head, `finalized` twice as many. Absent: 32. */
  readonly epochSlots?: number
  readonly log: (line: string) => void
}

export interface EvmNode {
  /** `http://127.0.0.1:<port>` */
  readonly rpcUrl: string
  readonly chainId: number
  /** Of the guard process, whose end ends anvil too (a kill -9 of it: by the next start in the same folder). */
  readonly pid: number
  /** Contract of the test USDC, lower case. */
  readonly usdc: string
  /** Settles when the node is gone, whether it was stopped or died. */
  readonly ended: Promise<void>
  /** Saves the state, ends the node and returns when it is gone. Harmless when it is gone already. */
  stop(): Promise<void>
}

const START_MS_MAX = 30_000
/** Longer than saving a long chain takes. */
const STOP_MS_MAX = 8_000

/** Starts anvil with the chain of `stateDir`, or a new one with the test USDC on it. Throws, with what to do, when it can't. */
export async function startEvmNode(options: EvmNodeOptions): Promise<EvmNode> {
  const { stateDir, chainId, blockTimeSeconds, epochSlots } = options
  const port = options.port ?? (await freePort())
  const rpcUrl = `http://127.0.0.1:${port}`
  const guard = forkGuard({ stateDir, anvil: findAnvil(), port, chainId, blockTimeSeconds, epochSlots }, options.log)
  const ended = new Promise<void>((resolve) => guard.once('exit', () => resolve()))
  const anvilPid = await untilReady(guard)

  async function stop(): Promise<void> {
    if (guard.connected) guard.send({ kind: 'stop' })
    const overdue = setTimeout(() => {
      guard.kill('SIGKILL')
      endAnvil(anvilPid)
    }, STOP_MS_MAX)
    await ended
    clearTimeout(overdue)
  }

  try {
    const usdc = await ensureUsdc(rpcUrl, chainId)
    return { rpcUrl, chainId, pid: guard.pid ?? 0, usdc, ended, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** In a process group of its own, so that Ctrl-C in a terminal does not take anvil away before its state is saved. */
function forkGuard(options: GuardOptions, log: (line: string) => void): ChildProcess {
  const path = join(dirname(fileURLToPath(import.meta.url)), 'guard.ts')
  const guard = fork(path, [JSON.stringify(options)], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    detached: true,
  })
  guard.stderr?.on('data', (text: Buffer) => log(text.toString().trimEnd()))
  return guard
}

function untilReady(guard: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const overdue = setTimeout(() => {
      guard.kill('SIGTERM')
      reject(new Error(`the EVM node did not start within ${START_MS_MAX / 1000} s`))
    }, START_MS_MAX)
    const settle = (act: () => void) => {
      clearTimeout(overdue)
      act()
    }
    guard.once('error', (error) => settle(() => reject(error)))
    guard.once('exit', (code, signal) => settle(() => reject(new Error(`the EVM node's guard ended (${signal ?? code})`))))
    guard.once('message', (message: GuardMessage) =>
      settle(() =>
        message.kind === 'ready' ? resolve(message.anvilPid) : reject(new Error(`the EVM node did not start: ${message.detail}`)),
      ),
    )
  })
}

function endAnvil(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone, which is what was wanted.
  }
}

/** The binary in the package of this platform: npm need not run anvil's install script. */
function findAnvil(): string {
  const name = `@foundry-rs/anvil-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`
  try {
    const path = join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'bin', 'anvil')
    if (existsSync(path)) return path
  } catch {
    // Not installed: said below.
  }
  throw new Error(`the EVM node (${name}) is not installed: run "npm ci" with optional dependencies`)
}
