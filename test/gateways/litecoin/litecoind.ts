import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../../scripts/stack/ports.ts'
import type { NodeEndpoint } from '../../../src/gateways/gateway.ts'
import { isExecutable, programOnPath } from '../../programs.ts'

/** Litecoin Core on regtest, with its own wallets: they alone can spend and receive inside the MWEB. */
export interface Litecoind {
  readonly endpoint: NodeEndpoint
  /** Result of a call, of any shape. Throws what the node refuses. `wallet` names one of the node's wallets. */
  call<T = string>(method: string, params?: readonly unknown[], wallet?: string): Promise<T>
  /** Ends the node and waits for it. */
  stop(): Promise<void>
}

const GUARD = join(import.meta.dirname, '..', '..', '..', 'scripts', 'stack', 'bitcoin', 'guard.cjs')
const START_MS_MAX = 30_000
const USER = 'paytomat'

/** `litecoind` on the PATH, or what PAYTOMAT_LITECOIND names; null where there is none. */
export function findLitecoind(): string | null {
  const named = process.env.PAYTOMAT_LITECOIND
  if (!named) return programOnPath('litecoind')
  return isExecutable(named) ? named : null
}

/** Under the guard of the Bitcoin node, so that it ends when these tests are killed. `folder` is its own. */
export async function startLitecoind(program: string, folder: string): Promise<Litecoind> {
  const port = await freePort()
  const password = randomBytes(18).toString('hex')
  const config = join(folder, 'litecoin.conf')
  // Litecoin Core replaces nothing by itself; nodes and miners that do are what we must stand.
  const settings = [
    'server=1',
    'rest=1',
    'dnsseed=0',
    'printtoconsole=0',
    'fallbackfee=0.0001',
    'mintxfee=0.00001',
    'keypool=5',
    'mempoolreplacement=1',
  ]
  const section = [`rpcuser=${USER}`, `rpcpassword=${password}`, `rpcport=${port}`, 'rpcbind=127.0.0.1', 'rpcallowip=127.0.0.1']
  const lines = ['regtest=1', ...settings, '[regtest]', 'listen=0', 'connect=0', ...section]
  writeFileSync(config, `${lines.join('\n')}\n`, { mode: 0o600 })
  const pidFile = join(folder, 'litecoind.pid')
  const child = spawn(process.execPath, [GUARD, program, `-datadir=${folder}`, `-conf=${config}`, `-pid=${pidFile}`], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let ended = false
  void exited.then(() => {
    ended = true
  })
  const url = `http://127.0.0.1:${port}`

  async function call<T>(method: string, params: readonly unknown[] = [], wallet?: string): Promise<T> {
    const response = await fetch(wallet === undefined ? url : `${url}/wallet/${wallet}`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${USER}:${password}`)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ id: 1, method, params }),
    })
    const { result, error } = (await response.json()) as { result: T; error: { message: string } | null }
    if (error) throw new Error(`${method}: ${error.message}`)
    return result
  }

  async function stop(): Promise<void> {
    // At once, for nothing of it is kept: in peace it takes seconds to write its state. The guard ends with it.
    try {
      process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL')
    } catch {
      child.kill('SIGTERM')
    }
    await exited
  }

  const deadline = Date.now() + START_MS_MAX
  while (
    !(await call('getblockcount')
      .catch(() => null)
      .then((height) => height !== null))
  ) {
    if (ended || Date.now() > deadline) {
      await stop()
      throw new Error(`litecoind did not start; look into ${join(folder, 'regtest', 'debug.log')}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return { endpoint: { url, user: USER, password }, call, stop }
}
