import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type DevFile, devFilePath, readDevFile } from '../../scripts/stack/dev-file.ts'
import { freePort } from '../../scripts/stack/ports.ts'
import { commandOf, endLeftovers, isAlive, listProcesses } from '../../scripts/stack/processes.ts'
import type { InvoiceResource } from '../../src/invoice/resource.ts'
import { makeStateDir, waitFor } from './harness.ts'

/** `npm start` as a person meets it: started, started twice, ended, killed, started again. */

const root = join(import.meta.dirname, '../..')
/** No measure of speed: on a machine that does nothing else it is ten seconds. */
const READY_MS_MAX = 150_000
let stateDir: string
let started: Started[]

beforeEach(() => {
  stateDir = makeStateDir()
  started = []
})

afterEach(async () => {
  for (const { child } of started) child.kill('SIGTERM')
  await Promise.all(started.map(({ exited }) => exited))
  await endLeftovers(stateDir)
  rmSync(stateDir, { recursive: true, force: true })
})

describe('npm start', () => {
  it('writes dev.json for tools, refuses to run twice, pays by `npm run pay`, keeps its state, survives kill -9', async () => {
    const port = await freePort()
    const first = run('scripts/start.ts', [], port)
    const dev = await untilReady(first)
    expect(statSync(devFilePath(stateDir)).mode & 0o777).toBe(0o600)
    expect(dev).toMatchObject({
      origin: `http://localhost:${port}`,
      apiKey: expect.stringMatching(/^ptm_test_/),
      storeId: expect.stringMatching(/^st_/),
      bitcoin: { rpcUrl: expect.stringMatching(/^http:/), user: expect.any(String), password: expect.any(String) },
      evm: { rpcUrl: expect.stringMatching(/^http:/), chainId: 31337, usdc: expect.stringMatching(/^0x[0-9a-f]{40}$/) },
      lightning: { url: expect.stringMatching(/^http:/), password: expect.any(String) },
    })

    const second = run('scripts/start.ts', [], port)
    expect(await second.exited).toBe(1)
    expect(second.output()).toContain('already running')

    const invoice = await createInvoice(dev)
    const paid = run('scripts/pay.ts', [invoice.id, '--method', 'eth'], port)
    expect(await paid.exited).toBe(0)
    expect(paid.output()).toMatch(/txid 0x[0-9a-f]{64}[\s\S]*processing: 20\.00 of 20\.00 EUR paid/)
    const nothingDue = run('scripts/pay.ts', [invoice.id], port)
    expect(await nothingDue.exited).toBe(1)
    expect(nothingDue.output()).toContain('Nothing is due')

    const asked = run('scripts/pay.ts', ['--invoice', '0.0001'], port)
    expect(await asked.exited).toBe(0)
    const [bolt11 = ''] = /^lnbcrt\w+$/m.exec(asked.output()) ?? []

    // A kill -9 of everything in the process group but the parts that have one of their own.
    process.kill(dev.pids.supervisor ?? 0, 'SIGKILL')
    expect(await first.exited).not.toBe(0)
    const again = run('scripts/start.ts', [], port)
    const anew = await untilReady(again)
    expect(anew).toMatchObject({ origin: dev.origin, apiKey: dev.apiKey, storeId: dev.storeId })
    expect(isAlive(dev.pids.workers ?? 0)).toBe(false)
    expect((await readInvoice(anew, invoice.id)).payments).toHaveLength(1)
    await waitFor(async () => (await readInvoice(anew, invoice.id)).status === 'settled')
    // The Lightning nodes know what they knew: an invoice of before is paid by a payout, within the limits of development.
    const sent = run('scripts/wallet.ts', ['send', 'BTC-LN', bolt11, '0.0001', '--wait'], port)
    expect(await sent.exited, sent.output()).toBe(0)
    expect(sent.output()).toMatch(/paid, which this proves: [0-9a-f]{64}/)

    const family = familyOf(again.child.pid ?? 0)
    expect(family.length).toBeGreaterThanOrEqual(5)
    const askedAtMs = Date.now()
    again.child.kill('SIGTERM')
    expect(await again.exited).toBe(0)
    expect(Date.now() - askedAtMs).toBeLessThan(10_000)
    expect(family.filter(({ pid, command }) => commandOf(pid) === command)).toEqual([])
    expect(readDevFile(stateDir)).toBeNull()
  })

  it('says which port is taken and what to do', async () => {
    const port = await freePort()
    const squatter = createServer().listen(port, '127.0.0.1')
    await new Promise((resolve) => squatter.once('listening', resolve))
    const refused = run('scripts/start.ts', [], port)
    const code = await refused.exited.finally(() => squatter.close())
    expect(code).toBe(1)
    expect(refused.output()).toContain(`port ${port} is taken`)
    expect(refused.output()).toContain('PORT=')
  })

  it('is asked for by `npm run pay` when it does not run', async () => {
    const refused = run('scripts/pay.ts', ['inv_x'], await freePort())
    expect(await refused.exited).toBe(1)
    expect(refused.output()).toContain('run "npm start" first')
  })
})

interface Started {
  readonly child: ChildProcess
  readonly exited: Promise<number | null>
  output(): string
}

function run(script: string, args: readonly string[], port: number): Started {
  const child = spawn(process.execPath, [join(root, 'scripts/run.mjs'), script, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PAYTOMAT_STATE: stateDir, PORT: String(port), NO_COLOR: '1' },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text: Buffer) => {
      output += text
    })
  }
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  const run = { child, exited, output: () => output }
  started.push(run)
  return run
}

async function untilReady(start: Started): Promise<DevFile> {
  await waitFor(() => start.output().includes('Ready in') || start.child.exitCode !== null, READY_MS_MAX, start.output)
  const dev = readDevFile(stateDir)
  if (dev === null) throw new Error(`did not start: ${start.output()}`)
  return dev
}

function familyOf(pid: number): { pid: number; command: string }[] {
  const all = listProcesses()
  const family = all.filter((running) => running.pid === pid)
  for (const member of family) family.push(...all.filter(({ parent }) => parent === member.pid))
  return family
}

async function createInvoice(dev: DevFile): Promise<InvoiceResource> {
  const response = await fetch(`${dev.origin}/v1/invoices`, {
    method: 'POST',
    headers: { authorization: `Bearer ${dev.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ amount: '20.00', currency: 'EUR' }),
  })
  expect(response.status).toBe(201)
  return (await response.json()) as InvoiceResource
}

async function readInvoice(dev: DevFile, id: string): Promise<InvoiceResource> {
  const response = await fetch(`${dev.origin}/v1/invoices/${id}`, { headers: { authorization: `Bearer ${dev.apiKey}` } })
  return (await response.json()) as InvoiceResource
}
