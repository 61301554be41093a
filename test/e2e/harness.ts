import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DEVELOPMENT_CHAINS, DEVELOPMENT_RATES } from '../../config/development.ts'
import { endLeftovers, isAlive, takeLock } from '../../scripts/stack/processes.ts'
import { silentProgress } from '../../scripts/stack/progress.ts'
import { type Stack as RunningStack, type StackOptions, startStack as startRunningStack } from '../../scripts/stack/supervisor.ts'
import type { InvoiceResource } from '../../src/invoice/resource.ts'

/**
 * The whole system for one test file: the same code as `npm start`, in a folder and on ports of its own, without
 * the miner (tests mine themselves), and without the shop unless asked for.
 *
 *   let stack: Stack
 *   beforeAll(async () => { stack = await startStack() })
 *   afterAll(() => stack.stop())
 */
export interface Stack extends RunningStack {
  /** The same system as another store's merchant sees it. */
  as(apiKey: string): Stack
  /** A call to the merchant API with the demo store's key. */
  api<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<ApiAnswer<T>>
  createInvoice(terms?: Record<string, unknown>): Promise<InvoiceResource>
  readInvoice(id: string): Promise<InvoiceResource>
  /** Shows the address of an asset, as choosing it in the checkout does. */
  activate(id: string, asset: string): Promise<Method>
  /** Sends what is due, or `units`, from the demo wallet; answers the transaction id. */
  pay(id: string, asset: string, units?: bigint): Promise<string>
  /** Waits until the invoice is as wanted; on time-out the error shows it as it is. */
  untilInvoice(id: string, isWanted: (invoice: InvoiceResource) => boolean, withinMs?: number): Promise<InvoiceResource>
}

export interface ApiAnswer<T> {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly body: T
}

export interface Method {
  readonly asset: string
  readonly address: string
  readonly amountDue: string
  /** `amountDue` in base units: it is written with all digits of its asset. */
  readonly unitsDue: bigint
  readonly uri: string | null
}

export type StackOverrides = Partial<
  Pick<
    StackOptions,
    'chains' | 'otherNodes' | 'fixedRates' | 'shards' | 'miner' | 'shop' | 'lightning' | 'evmBlockSeconds' | 'stateDir'
  >
>

/** Then the id of the process whose tests the folder belongs to. */
const FOLDER_PREFIX = 'paytomat-e2e-'
/** As long as anything here may take on a machine that is busy with something else. */
const WAIT_MS = 60_000
const POLL_MS = 50
const root = join(import.meta.dirname, '../..')

export async function startStack(overrides: StackOverrides = {}): Promise<Stack> {
  await endAbandoned()
  const stateDir = overrides.stateDir ?? makeStateDir()
  const lock = await takeLock(stateDir)
  if (!lock.held) throw new Error(`${stateDir} is in use by process ${lock.pid}`)
  const leave = () => {
    lock.release()
    if (overrides.stateDir === undefined && process.env.PAYTOMAT_KEEP === undefined)
      rmSync(stateDir, { recursive: true, force: true })
  }
  const running = await startRunningStack({
    root,
    stateDir,
    port: null,
    shards: 2,
    chains: DEVELOPMENT_CHAINS,
    fixedRates: DEVELOPMENT_RATES,
    evmBlockSeconds: 0,
    miner: false,
    shop: false,
    progress: silentProgress,
    onTrouble: () => {},
    ...overrides,
  }).catch((error: unknown) => {
    leave()
    throw error
  })
  return withHelpers(running, async () => {
    await running.stop()
    leave()
  })
}

/** Getters of the running stack (workers, nodes) change when parts are restarted, so it is extended, not copied. */
function withHelpers(running: RunningStack, stop: () => Promise<void>): Stack {
  const api = async <T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(new URL(path, running.origin), {
      method,
      headers: {
        authorization: `Bearer ${running.apiKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, body: parse<T>(text) }
  }
  const need = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await api<T>(method, path, body)
    if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${answer.text.slice(0, 500)}`)
    return answer.body
  }
  const readInvoice = (id: string) => need<InvoiceResource>('GET', `/v1/invoices/${id}`)
  const activate = async (id: string, asset: string): Promise<Method> => {
    const invoice = await need<InvoiceResource>('POST', `/v1/invoices/${id}/payment_methods/${asset}`)
    const method = invoice.paymentMethods.find((candidate) => candidate.asset === asset)
    if (!method?.address) throw new Error(`invoice ${id} gave no address for ${asset}`)
    const { address, amountDue, uri } = method
    return { asset, address, amountDue, unitsDue: BigInt(amountDue.replace('.', '')), uri }
  }
  return Object.assign(Object.create(running) as RunningStack, {
    as: (apiKey: string) => withHelpers(Object.create(running, { apiKey: { value: apiKey } }) as RunningStack, stop),
    api,
    readInvoice,
    activate,
    stop,
    createInvoice: (terms: Record<string, unknown> = {}) =>
      need<InvoiceResource>('POST', '/v1/invoices', { amount: '20.00', currency: 'EUR', ...terms }),
    async pay(id: string, asset: string, units?: bigint) {
      const method = await activate(id, asset)
      return running.wallets.pay({ asset, address: method.address, units: units ?? method.unitsDue })
    },
    async untilInvoice(id: string, isWanted: (invoice: InvoiceResource) => boolean, withinMs?: number) {
      let last: InvoiceResource | undefined
      return waitFor(
        async () => {
          last = await readInvoice(id)
          return isWanted(last) ? last : null
        },
        withinMs,
        () => `invoice is ${JSON.stringify(last, null, 1)}`,
      )
    },
  })
}

/** Asks again and again until there is an answer that is not null, undefined or false. Throws after `withinMs`. */
export async function waitFor<T>(
  ask: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  withinMs: number = WAIT_MS,
  describe: () => string = () => 'no answer',
): Promise<T> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (answer !== null && answer !== undefined && answer !== false) return answer
    if (Date.now() > deadline) throw new Error(`waited ${withinMs} ms in vain: ${describe()}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** A state folder of this test file's. While its process lives nobody else touches it, whatever has been killed in it. */
export function makeStateDir(): string {
  return mkdtempSync(join(tmpdir(), `${FOLDER_PREFIX}${process.pid}-`))
}

/** Test runs that were killed leave nodes and workerd behind: whoever starts a stack next ends them. */
async function endAbandoned(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(FOLDER_PREFIX) || isAlive(Number.parseInt(name.slice(FOLDER_PREFIX.length), 10))) continue
    const stateDir = join(tmpdir(), name)
    await endLeftovers(stateDir)
    rmSync(stateDir, { recursive: true, force: true })
  }
}

/** The Workers' log of a stack, for tests that look for something said, and for people who look why a test failed. */
export function workersLog(stack: RunningStack): string {
  const path = join(stack.stateDir, 'logs', 'workers.log')
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

function parse<T>(text: string): T {
  try {
    return JSON.parse(text) as T
  } catch {
    return undefined as T
  }
}
