import { writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type DevFile, readDevFile } from './dev-file.ts'

/** What a person is told instead of a stack trace. */
export class Refusal extends Error {}

/**
 * Runs a command-line tool: its answer is the exit code; a `Refusal` is told as it is, with exit code 1. Who asks for help gets
 * `usage`.
 */
export async function runTool(usage: string, main: () => Promise<number>): Promise<void> {
  // Whoever reads along has gone, `head` for example.
  process.stdout.on('error', () => process.exit(1))
  const [first, ...rest] = process.argv.slice(2)
  if (first === 'help' || [first, ...rest].some((word) => word === '--help' || word === '-h')) {
    console.log(usage)
    return
  }
  try {
    process.exitCode = await main()
  } catch (error) {
    console.error(error instanceof Refusal ? error.message : error)
    process.exitCode = 1
  }
}

/** Writes a file that somebody named. Throws a `Refusal` that says why it can't. */
export function writeOut(path: string, content: string | Uint8Array): void {
  try {
    writeFileSync(path, content)
  } catch (error) {
    throw new Refusal(`${path} can't be written: ${error instanceof Error ? error.message : error}`)
  }
}

/** The development system that runs on this machine, and the folder of its state. */
export function runningSystem(): { readonly dev: DevFile; readonly stateDir: string } {
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
  const stateDir = resolve(root, process.env.PAYTOMAT_STATE || '.paytomat')
  const dev = readDevFile(stateDir)
  if (dev === null) throw new Refusal('Paytomat is not running here: run "npm start" first.')
  return { dev, stateDir }
}

/** One of its doors: the merchant API as one store's key opens it, or core's `/admin/…`. */
export interface Door {
  readonly url: string
  readonly token: string
}

export interface Sent {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** JSON already, unless `type` says otherwise. */
  readonly body?: string
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer that is not an error; who asks says in which form they want it. Throws a `Refusal` that says why. */
export async function ask({ url, token }: Door, { method, path, body, type, headers }: Sent): Promise<Response> {
  const all = new Headers({ authorization: `Bearer ${token}`, ...headers })
  if (body !== undefined) all.set('content-type', type ?? 'application/json')
  const response = await fetch(new URL(path, url), { method, headers: all, body }).catch(() => null)
  if (response === null) throw new Refusal(`Nobody answers at ${url}: run "npm start" first.`)
  if (response.ok) return response
  const problem = (await response.json().catch(() => ({}))) as Problem
  const why = problem.detail ?? problem.title ?? 'no reason given'
  const rows = (problem.errors ?? []).map(({ line, detail }) => `\n  line ${line}: ${detail}`)
  throw new Refusal(`Paytomat refused (${response.status} ${problem.code ?? ''}): ${why}${rows.join('')}`)
}

export async function askJson<T>(door: Door, sent: Sent): Promise<T> {
  const response = await ask(door, sent)
  return (await response.json().catch(() => ({}))) as T
}

interface Problem {
  readonly code?: string
  readonly title?: string
  readonly detail?: string
  readonly errors?: readonly { readonly line: number; readonly detail: string }[]
}
