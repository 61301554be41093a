import { spawn } from 'node:child_process'
import { chmodSync, closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { BitcoinNode, DemoWallet } from '../../../scripts/stack/bitcoin/index.ts'
import { freePort } from '../../../scripts/stack/ports.ts'
import type { LightningEndpoint } from '../../../src/gateways/lightning/node.ts'

/** Core Lightning on regtest, with clnrest on loopback. */
export interface Lightningd {
  /** As `NODES` would have it: a rune that receives, and one that pays in `sending`. */
  readonly endpoint: LightningEndpoint
  /** One command, as `lightning-cli` gives it. Throws what lightningd refuses. */
  call<T>(method: string, params?: object): Promise<T>
  /** Nobody else hears of it, and what it should have answered waits. */
  pause(): void
  resume(): void
  /** Ends it in peace and waits. */
  stop(): Promise<void>
  /** The power goes; the folder stays, and it can be started again there. */
  kill(): Promise<void>
}

/** The runes that docs/operations.md says to make. */
const RECEIVING = ['invoice', 'waitanyinvoice', 'listinvoices', 'delinvoice', 'listfunds']
const PAYING = ['pay', 'listpays']
const START_MS_MAX = 60_000
const CHANNEL_MS_MAX = 60_000
const STOP_MS_MAX = 5_000

/** `folder` is its own, and its ports are free ones each time. Its clnrest is looked for where it looks itself. */
export async function startLightningd(program: string, folder: string, chain: BitcoinNode): Promise<Lightningd> {
  mkdirSync(folder, { recursive: true })
  const plugin = join(folder, 'chain-plugin')
  writeFileSync(plugin, `#!/bin/sh\nexec '${process.execPath}' '${join(import.meta.dirname, 'lightningd-chain.ts')}'\n`)
  chmodSync(plugin, 0o755)
  const [port, restPort] = [await freePort(), await freePort()]
  const args = [
    `--lightning-dir=${folder}`,
    '--network=regtest',
    `--addr=127.0.0.1:${port}`,
    `--log-file=${join(folder, 'log')}`,
    '--disable-plugin=bcli',
    '--disable-plugin=wss-proxy',
    `--plugin=${plugin}`,
    '--clnrest-protocol=http',
    '--clnrest-host=127.0.0.1',
    `--clnrest-port=${restPort}`,
    // Blocks and neighbours are looked for each second.
    '--developer',
    '--dev-bitcoind-poll=1',
    '--dev-fast-gossip',
  ]
  const { rpcUrl: PAYTOMAT_RPC_URL, user: PAYTOMAT_RPC_USER, password: PAYTOMAT_RPC_PASSWORD } = chain
  const env = { ...process.env, PAYTOMAT_RPC_URL, PAYTOMAT_RPC_USER, PAYTOMAT_RPC_PASSWORD }
  // What it says before it has a log, and what its plugins say when it is killed.
  const output = openSync(join(folder, 'output'), 'a')
  const child = spawn(program, args, { stdio: ['ignore', output, output], env })
  closeSync(output)
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const end = () => child.kill('SIGTERM')
  process.once('exit', end)
  const call = <T>(method: string, params: object = {}) => ask<T>(join(folder, 'regtest', 'lightning-rpc'), method, params)

  async function kill(): Promise<void> {
    process.off('exit', end)
    child.kill('SIGKILL')
    await exited
  }

  async function stop(): Promise<void> {
    child.kill('SIGCONT')
    await call('stop').catch(() => {})
    await Promise.race([exited, new Promise((resolve) => setTimeout(resolve, STOP_MS_MAX))])
    await kill()
  }

  const url = `http://127.0.0.1:${restPort}`
  const ready = async () => {
    const info = await call<{ id: string; warning_lightningd_sync?: string }>('getinfo').catch(() => null)
    const rest = info && (await fetch(`${url}/v1/getinfo`, { method: 'POST' }).catch(() => null))
    return info && rest && info.warning_lightningd_sync === undefined ? info : null
  }
  const info = await until('lightningd with clnrest', START_MS_MAX, ready).catch(async (thrown) => {
    await stop()
    throw new Error(`${(thrown as Error).message}; look into log and output in ${folder}`)
  })
  const runeFor = async (commands: readonly string[]) => {
    const restrictions = [commands.map((command) => `method=${command}`)]
    return { Rune: (await call<{ rune: string }>('createrune', { restrictions })).rune }
  }
  const sending = { headers: await runeFor(PAYING), paymentMaxSats: 1_000_000, dayMaxSats: 10_000_000 }
  const endpoint: LightningEndpoint = {
    name: 'till',
    kind: 'cln',
    url,
    headers: await runeFor(RECEIVING),
    nodeId: info.id,
    sending,
  }
  const signal = (name: NodeJS.Signals) => () => void child.kill(name)
  return { endpoint, call, pause: signal('SIGSTOP'), resume: signal('SIGCONT'), stop, kill }
}

/** One finds the other again by itself only after a while, and not at a new port. Answers the other's key. */
export async function connectTo(from: Lightningd, to: Lightningd): Promise<string> {
  const { id, binding } = await to.call<{ id: string; binding: { port: number }[] }>('getinfo')
  await from.call('connect', { id, host: '127.0.0.1', port: binding[0]?.port })
  return id
}

/** A channel from one to the other, half of it on each side. */
export async function openChannel(from: Lightningd, to: Lightningd, wallet: DemoWallet, sats: number): Promise<void> {
  const id = await connectTo(from, to)
  const { bech32: address } = await from.call<{ bech32: string }>('newaddr', { addresstype: 'bech32' })
  await wallet.send({ address, units: BigInt(sats) * 2n })
  await wallet.mine(1)
  const hasCoins = async () => {
    const { outputs } = await from.call<{ outputs: { status: string }[] }>('listfunds')
    return outputs.some(({ status }) => status === 'confirmed') || null
  }
  await until('coins of lightningd', CHANNEL_MS_MAX, hasCoins)
  await from.call('fundchannel', { id, amount: sats, push_msat: sats * 500, announce: false })
  await wallet.mine(1)
  for (const node of [from, to]) {
    await until('a channel', CHANNEL_MS_MAX, async () => {
      const { channels } = await node.call<{ channels: { state: string }[] }>('listpeerchannels')
      return (channels.length > 0 && channels.every(({ state }) => state === 'CHANNELD_NORMAL')) || null
    })
  }
}

async function until<T>(what: string, maxMs: number, look: () => Promise<T | null>): Promise<T> {
  for (const deadline = Date.now() + maxMs; Date.now() < deadline; ) {
    const found = await look()
    if (found !== null) return found
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`there is no ${what} after ${maxMs / 1_000} s`)
}

/** An answer ends with an empty line. */
async function ask<T>(path: string, method: string, params: object): Promise<T> {
  const text = await new Promise<string>((resolve, reject) => {
    let read = ''
    const socket = connect(path, () => socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })}\n\n`))
    socket.setEncoding('utf8')
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`lightningd ended before it answered ${method}`)))
    socket.on('data', (part: string) => {
      read += part
      if (!read.endsWith('\n\n')) return
      resolve(read)
      socket.destroy()
    })
  })
  const { result, error } = JSON.parse(text) as { result: T; error?: { code: number; message: string } }
  if (error) throw new Error(`${method}: ${error.code} ${error.message}`)
  return result
}
