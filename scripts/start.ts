/**
 * `npm start`: the whole system on this machine, until Ctrl-C.
 *   PORT             port of the public Worker, default 8787; the demo shop takes the next one
 *   PAYTOMAT_STATE   state folder, default .paytomat
 *   PAYTOMAT_SHARDS  merchant databases, default 2
 *   PAYTOMAT_MINE    `off`: nobody mines Bitcoin blocks
 */
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DEVELOPMENT_CHAINS, DEVELOPMENT_RATES } from '../config/development.ts'
import { buildClient } from './build-client.ts'
import { isAlive, killDescendants, launchersOfThis, makeFolder, takeLock } from './stack/processes.ts'
import { paintFor, StartError, terminalProgress } from './stack/progress.ts'
import { type Stack, startStack } from './stack/supervisor.ts'

const DEFAULT_PORT = 8787
const SHARDS_MAX = 100
/** Signals this soon after the first are the same Ctrl-C, told to us by the terminal and by npm. */
const SAME_SIGNAL_MS = 1_000

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const paint = paintFor(process.stdout)

await main()

async function main(): Promise<void> {
  const stateDir = resolve(root, process.env.PAYTOMAT_STATE || '.paytomat')
  const asked = catchSignals()
  try {
    const port = readNumber('PORT', DEFAULT_PORT, 65_534)
    const shards = readNumber('PAYTOMAT_SHARDS', 2, SHARDS_MAX)
    makeFolder(stateDir)
    const lock = await takeLock(stateDir)
    if (!lock.held) {
      throw new StartError(
        `Paytomat is already running here, as process ${lock.pid}`,
        `End it with Ctrl-C in its window or "kill ${lock.pid}", or start another one: PAYTOMAT_STATE=.paytomat-2 PORT=${port + 1000} npm start`,
      )
    }
    // Whatever way this process ends, short of kill -9, nothing it started outlives it.
    process.on('exit', () => {
      killDescendants()
      lock.release()
    })
    const started = performance.now()
    console.log(`\n${paint.bold('Paytomat')}${paint.dim(', for development')}\n`)
    const progress = terminalProgress(paint)
    await progress.step('Client scripts', () => buildClient())
    const stack = await startStack({
      root,
      stateDir,
      port,
      shards,
      chains: DEVELOPMENT_CHAINS,
      fixedRates: DEVELOPMENT_RATES,
      evmBlockSeconds: 2,
      miner: process.env.PAYTOMAT_MINE !== 'off',
      treasuryGas: true,
      lightning: true,
      shop: true,
      progress,
      onTrouble(line) {
        // After Ctrl-C everything ends, some of it before we say so: the terminal tells the nodes too.
        if (!asked.aborted) console.log(paint.dim(`  ${line.slice(0, 300)}`))
      },
      signal: asked,
    })
    announce(stack, (performance.now() - started) / 1000)
    if (!asked.aborted) await new Promise((stop) => asked.addEventListener('abort', stop))
    console.log('\nStopping…')
    await stack.stop()
    console.log('Stopped.')
  } catch (error) {
    if (asked.aborted) console.log('\nStopped before everything was up.')
    else complain(error)
    process.exitCode = asked.aborted ? 0 : 1
  }
  process.exit()
}

function announce(stack: Stack, seconds: number): void {
  const line = (what: string, where: string) => console.log(`  ${what.padEnd(12)} ${paint.cyan(where)}`)
  console.log(`\nReady in ${seconds.toFixed(1)} s.\n`)
  if (stack.shopOrigin !== null) line('Demo shop', stack.shopOrigin)
  line('Paytomat', stack.origin)
  line('Health', `${stack.origin}/health`)
  line('API key', stack.apiKey)
  line('State', stack.stateDir)
  console.log(`\nOpen the demo shop and buy something. ${paint.dim('Ctrl-C ends everything.')}\n`)
}

function complain(error: unknown): void {
  console.error(`\n${paint.red('Paytomat could not start:')} ${error instanceof Error ? error.message : error}`)
  if (error instanceof StartError) {
    console.error(`${error.advice}\n`)
    return
  }
  if (error instanceof Error) console.error(paint.dim(error.stack ?? ''))
  console.error('The logs folder in the state folder says more. Deleting the state folder begins anew.\n')
}

function readNumber(name: string, fallback: number, max: number): number {
  const text = process.env[name]
  if (!text) return fallback
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= max) return value
  throw new StartError(`${name} is "${text}"`, `It must be a whole number from 1 to ${max}.`)
}

/**
 * Aborts at the first Ctrl-C or SIGTERM, or when whoever started us was killed and can send no signal any more.
 * Another signal a second or more later ends everything at once.
 */
function catchSignals(): AbortSignal {
  const controller = new AbortController()
  let askedAtMs = 0
  const ask = () => {
    if (!controller.signal.aborted) {
      askedAtMs = Date.now()
      controller.abort()
    } else if (Date.now() - askedAtMs >= SAME_SIGNAL_MS) process.exit(130)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask)
  const launchers = launchersOfThis()
  const watch = setInterval(() => {
    if (launchers.every(({ pid }) => isAlive(pid))) return
    clearInterval(watch)
    ask()
  }, 500)
  return controller.signal
}
