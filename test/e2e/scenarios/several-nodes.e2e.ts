import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEVELOPMENT_CHAINS, EVM_LOCAL, LOCAL_USDC } from '../../../config/development.ts'
import { createEvmDemoWallet, type EvmDemoWallet, type EvmNode, startEvmNode } from '../../../scripts/stack/evm/index.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { type Meddling, viewOf } from '../../gateways/several/views.ts'
import { waitFor } from '../harness.ts'
import { checkBooks } from './books.ts'
import { endScene, errorsLogged, open, type Scene, startScene } from './scene.ts'

/** A chain with three nodes: proxies in front of one anvil, each of which may show it otherwise than it is. */

const SECOND_ID = 31339
const SECOND = `eip155:${SECOND_ID}`
const stateDir = mkdtempSync(join(tmpdir(), 'paytomat-several-'))
const chains: readonly ChainConfig[] = [
  ...DEVELOPMENT_CHAINS,
  {
    ...(DEVELOPMENT_CHAINS.find(({ id }) => id === EVM_LOCAL) as ChainConfig),
    id: SECOND,
    name: 'Second Ethereum',
    native: { code: 'ETH-2', ticker: 'ETH', name: 'Ether on the second chain', decimals: 18 },
    tokens: [{ code: 'USDC-2', ticker: 'USDC', name: 'USD Coin on the second chain', decimals: 6, contract: LOCAL_USDC }],
    confirmations: 2,
    pollMs: 200,
  },
]
const API_KEY = 'key-that-nobody-may-read'
const BLOCK_MS = 1_000
const honest: Meddling = () => undefined
const shown = [honest, honest, honest].map((current) => ({ current, isUp: true, change: (text: string) => text }))
const proxies: Server[] = []
let scene: Scene
let node: EvmNode
let wallet: EvmDemoWallet

beforeAll(async () => {
  node = await startEvmNode({ stateDir, chainId: SECOND_ID, blockTimeSeconds: 0, log: () => {} })
  wallet = createEvmDemoWallet(node)
  const endpoints = []
  for (const view of shown) {
    const url = await proxyOf(view)
    endpoints.push({ url: `${url}/v3/${API_KEY}`, pending: true, headers: { 'x-api-key': API_KEY } })
  }
  scene = await startScene({ chains, otherNodes: { [SECOND]: endpoints } })
})

afterAll(async () => {
  await endScene(scene)
  for (const proxy of proxies) proxy.close()
  await node.stop()
  rmSync(stateDir, { recursive: true, force: true })
})

/** Asks for its key as hosted nodes do. */
async function proxyOf(view: (typeof shown)[number]): Promise<string> {
  const ask = viewOf(node.rpcUrl, view)
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    if (!view.isUp || request.headers['x-api-key'] !== API_KEY) return void response.writeHead(view.isUp ? 401 : 503).end(API_KEY)
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: Buffer.concat(chunks).toString() }
    const answer = await ask(node.rpcUrl, init)
    response.writeHead(200, { 'content-type': 'application/json' }).end(view.change(await answer.text()))
  })
  proxies.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

interface HealthLine {
  readonly chain: string
  readonly status: string
  readonly error: string | null
  readonly nodes: readonly { readonly status: string }[] | null
}

async function health(): Promise<{ whole: string; line: HealthLine; nodes: string }> {
  const { body } = await scene.stack.api<{ status: string; chains: HealthLine[] }>('GET', '/health')
  const line = body.chains.find(({ chain }) => chain === SECOND) as HealthLine
  return { whole: body.status, line, nodes: (line.nodes ?? []).map(({ status }) => status).join(' ') }
}

async function pay(): Promise<{ id: string; txid: string; unitsDue: bigint }> {
  const { id } = await open(scene)
  const { address, unitsDue } = await scene.stack.activate(id, 'ETH-2')
  return { id, txid: await wallet.sendNative({ to: address, units: unitsDue }), unitsDue }
}

const settled = (id: string) => scene.stack.untilInvoice(id, ({ status }) => status === 'settled')

describe('a chain with three nodes', () => {
  it('is read from one that the others agree with', async () => {
    const { id } = await pay()
    await scene.stack.untilInvoice(id, ({ status }) => status === 'processing')
    await wallet.mine(2)
    await settled(id)
    await waitFor(async () => (await health()).nodes === 'ok ok ok')
  })

  it('credits what was paid when the first says that it was more, and shows who it is', async () => {
    const { id, txid, unitsDue } = await pay()
    await scene.stack.untilInvoice(id, ({ status }) => status === 'processing')
    const [first] = shown as [(typeof shown)[number]]
    const value = `"value":"0x${unitsDue.toString(16)}"`
    first.change = (text) => text.replaceAll(value, `"value":"0x${(unitsDue * 100n).toString(16)}"`)
    await wallet.mine(2)
    const invoice = await settled(id)
    expect(invoice.payments).toMatchObject([{ txid, decision: 'counted' }])
    expect(invoice.amountPaid).toBe('20.00')
    await waitFor(async () => (await health()).nodes === 'disagrees ok ok')
    expect((await health()).whole).toBe('degraded')
    await checkBooks(scene, invoice)
    first.change = (text) => text
  })

  it('goes on when another is away, or stays where it was', async () => {
    const second = shown[1] as (typeof shown)[number]
    second.isUp = false
    const one = await pay()
    await wallet.mine(2)
    await settled(one.id)
    expect((await health()).nodes).toBe('disagrees away ok')
    second.isUp = true
    const height = await wallet.height()
    second.current = ({ method, params }) => {
      if (method !== 'eth_getBlockByNumber') return undefined
      if (params[0] === 'latest') return { ask: [`0x${height.toString(16)}`, params[1]] }
      return Number(params[0]) > height ? { answer: null } : undefined
    }
    const two = await pay()
    await wallet.mine(2)
    // The chain goes on: who is behind by a moment may have a block on the way, and is read from until it is more.
    await waitFor(async () => {
      if ((await scene.stack.readInvoice(two.id)).status === 'settled') return true
      await new Promise((resolve) => setTimeout(resolve, BLOCK_MS))
      await wallet.mine(1)
      return false
    })
    second.current = honest
    await checkBooks(scene, await scene.stack.readInvoice(two.id))
  })

  it('stands still, by name, when one alone answers, and tells no key', async () => {
    for (const view of shown.slice(1)) view.isUp = false
    const { id } = await pay()
    await wallet.mine(2)
    await waitFor(async () => (await health()).line.status === 'down')
    const { line } = await health()
    expect(line.error).toContain('node_unreachable: of 3 nodes one alone answers')
    expect(JSON.stringify(line)).not.toContain(API_KEY)
    expect((await scene.stack.readInvoice(id)).status).not.toBe('settled')
    for (const view of shown) view.isUp = true
    await settled(id)
  })
})

it('no Worker has spoken of a defect', () => {
  expect(errorsLogged(scene)).toEqual([])
})
