/**
 * Runs anvil for the process that forked this one, saves the chain as it grows, and ends anvil when told to or when the
 * parent is gone, however it went: the message channel closes even on kill -9. Started by node.ts, never by hand.
 *
 * anvil's own `--state` writes its file in place, so that a kill in the middle loses everything: the guard asks for
 * dumps instead and replaces the file whole. A kill of everything loses what came after the newest dump: blocks of the
 * last second or so (longer ones on a chain of many thousand blocks), and what was waiting in the mempool.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { isPortFree, whoListens } from '../ports.ts'
import { commandOf, endProcess, makeFolder, readJson, writePrivate } from '../processes.ts'
import { call } from './call.ts'
import { dropLoad, prepareLoad, saveState } from './state.ts'

export interface GuardOptions {
  readonly stateDir: string
  readonly anvil: string
  readonly port: number
  readonly chainId: number
  readonly blockTimeSeconds: number
  readonly epochSlots?: number | undefined
}

export type GuardMessage =
  | { readonly kind: 'ready'; readonly anvilPid: number }
  | { readonly kind: 'failed'; readonly detail: string }

const SAVE_PAUSE_MS = 1_000
/** Saving takes at most this part of the time, however long the chain. */
const SAVE_SHARE = 1 / 20
const READY_MS_MAX = 20_000
const READY_PAUSE_MS = 50
const WORDS_KEPT = 2_000
/** Reorganisations reach this deep, to blocks made since the start. */
const STATES_KEPT = 512

const options = JSON.parse(process.argv[2] ?? '') as GuardOptions
const rpcUrl = `http://127.0.0.1:${options.port}`
const pidPath = join(options.stateDir, 'anvil.json')
const cachePath = join(options.stateDir, 'cache')
let anvil: ChildProcess | null = null
let ending = false
let savedHash = ''
let saving: Promise<void> = Promise.resolve()

// The parent's end of the pipe may be gone: that must not keep anvil from being ended.
process.stderr.on('error', () => {})
// A terminal's Ctrl-C and hang-up are the parent's business, which then says stop.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
process.on('SIGTERM', () => void end())
process.on('message', () => void end())
process.on('disconnect', () => void end())
void start()

async function start(): Promise<void> {
  try {
    makeFolder(options.stateDir)
    await endLeftover()
    rmSync(cachePath, { recursive: true, force: true })
    if (!(await isPortFree(options.port)))
      throw new Error(`port ${options.port} is in use: ${whoListens(options.port) ?? 'by another process'}`)
    const pid = launch(prepareLoad(options.stateDir))
    await untilReady()
    dropLoad(options.stateDir)
    tell({ kind: 'ready', anvilPid: pid })
    while (!ending) {
      const startedMs = Date.now()
      await save().catch((error: unknown) => console.error(`the chain could not be saved: ${String(error)}`))
      await pause(Math.max(SAVE_PAUSE_MS, (Date.now() - startedMs) / SAVE_SHARE))
    }
  } catch (error) {
    await fail(error instanceof Error ? error.message : String(error))
  }
}

/** What a kill -9 of an earlier guard left behind. */
async function endLeftover(): Promise<void> {
  const left = readJson<{ pid: number; command: string }>(pidPath)
  if (left) await endProcess(left, 'SIGKILL', 3_000)
}

function launch(load: string | null): number {
  const blocks = options.blockTimeSeconds > 0 ? ['--block-time', String(options.blockTimeSeconds)] : ['--no-mining']
  const known = ['--host', '127.0.0.1', '--port', String(options.port), '--chain-id', String(options.chainId)]
  const epochs = options.epochSlots === undefined ? [] : ['--slots-in-an-epoch', String(options.epochSlots)]
  const kept = ['--prune-history', String(STATES_KEPT), '--cache-path', cachePath, ...(load ? ['--load-state', load] : [])]
  const started = spawn(options.anvil, [...known, ...blocks, ...epochs, ...kept, '--order', 'fifo', '--quiet'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let words = ''
  const listen = (text: Buffer) => {
    words = (words + text.toString()).slice(-WORDS_KEPT)
    if (!ending) console.error(text.toString().trimEnd())
  }
  started.stdout.on('data', listen)
  started.stderr.on('data', listen)
  started.once('error', (error) => void fail(`anvil could not be started: ${error.message}`))
  started.once('close', (code, signal) => void fail(`anvil ended (${signal ?? code}). ${words.trim()}`))
  anvil = started
  if (started.pid === undefined) throw new Error(`${options.anvil} could not be started`)
  const command = commandOf(started.pid)
  if (command) writePrivate(pidPath, JSON.stringify({ pid: started.pid, command }))
  return started.pid
}

async function untilReady(): Promise<void> {
  const deadline = Date.now() + READY_MS_MAX
  for (;;) {
    try {
      await call(rpcUrl, 'eth_chainId')
      return
    } catch (error) {
      if (ending) return
      if (Date.now() > deadline) throw new Error(`anvil does not answer: ${String(error)}`)
      await pause(READY_PAUSE_MS)
    }
  }
}

/** One at a time; nothing is written while the head stays where it was. */
function save(): Promise<void> {
  saving = saving
    .catch(() => {})
    .then(async () => {
      const { hash } = await call<{ hash: string }>(rpcUrl, 'eth_getBlockByNumber', ['latest', false])
      if (hash === savedHash) return
      saveState(options.stateDir, await call<string>(rpcUrl, 'anvil_dumpState'))
      savedHash = hash
    })
  return saving
}

/** Puts what waits into a block, since a dump has no mempool, saves, and ends anvil. */
async function end(): Promise<void> {
  if (ending) return
  ending = true
  try {
    const waiting = await call<{ pending: string; queued: string }>(rpcUrl, 'txpool_status')
    if (BigInt(waiting.pending) > 0n) await call(rpcUrl, 'evm_mine')
    await save()
  } catch (error) {
    console.error(`the chain could not be saved at the end: ${String(error)}`)
  }
  await finish(0)
}

async function fail(detail: string): Promise<void> {
  if (ending) return
  ending = true
  tell({ kind: 'failed', detail })
  await finish(1)
}

async function finish(code: number): Promise<void> {
  const running = anvil
  if (running && running.exitCode === null && running.signalCode === null && running.pid !== undefined) {
    const gone = new Promise((resolve) => running.once('close', resolve))
    running.kill('SIGKILL')
    await gone
  }
  for (const path of [pidPath, cachePath]) rmSync(path, { recursive: true, force: true })
  dropLoad(options.stateDir)
  process.exit(code)
}

function tell(message: GuardMessage): void {
  if (process.connected) process.send?.(message)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
