import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS, EVM_LOCAL } from '../../../config/development.ts'
import { type BitcoinNode, createDemoWallet, type DemoWallet, startBitcoinNode } from '../../../scripts/stack/bitcoin/index.ts'
import { createEvmDemoWallet, type EvmDemoWallet, type EvmNode, startEvmNode } from '../../../scripts/stack/evm/index.ts'
import { createBitcoinReader } from '../../../src/gateways/bitcoin/reader.ts'
import { createEvmReader } from '../../../src/gateways/evm/reader.ts'
import { fromHex } from '../../../src/lib/bytes.ts'
import { createRegistry } from '../../../src/money/registry.ts'
import { type Meddling, viewOf, watching } from './views.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 })

const registry = createRegistry(DEVELOPMENT_CHAINS)
const honest: Meddling = () => undefined
const folders: string[] = []
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'paytomat-several-'))
  folders.push(folder)
  return folder
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** Two anvils with the same beginning, and proxies in front of them. */
describe('several EVM nodes', () => {
  const chain = { ...registry.chain(EVM_LOCAL), headAgeMaxMs: 3_600_000 }
  const nodes: EvmNode[] = []
  let main: EvmDemoWallet
  let fork: EvmDemoWallet
  const [alice, bob] = [`0x${'a1'.repeat(20)}`, `0x${'b0'.repeat(20)}`] as const
  const keys = [alice, bob].map((address) => fromHex(address))

  beforeAll(async () => {
    const [one, other] = [newFolder(), newFolder()]
    const options = { chainId: 31337, blockTimeSeconds: 0, log: () => {} }
    const first = await startEvmNode({ ...options, stateDir: one })
    await createEvmDemoWallet(first).mine(12)
    await first.stop()
    cpSync(one, other, { recursive: true })
    for (const stateDir of [one, other]) nodes.push(await startEvmNode({ ...options, stateDir }))
    main = createEvmDemoWallet(nodes[0] as EvmNode)
    fork = createEvmDemoWallet(nodes[1] as EvmNode)
  })

  afterAll(async () => {
    for (const node of nodes) await node.stop()
  })

  /** Endpoints by what they show: 0 the first anvil, 1 the second. Each can be changed as the test goes. */
  function endpointsOf(...shown: number[]) {
    const meddling = shown.map(() => ({ current: honest }))
    const views = shown.map((_, at) => (input: Parameters<typeof fetch>[0], init?: RequestInit) => {
      return viewOf((nodes[shown[at] as number] as EvmNode).rpcUrl, meddling[at] as { current: Meddling })(input, init)
    })
    const endpoints = shown.map((_, at) => ({
      url: `http://127.0.0.1:${at + 1}`,
      pending: true,
      fetcher: views[at] as typeof fetch,
    }))
    return { endpoints, meddling, shown }
  }

  test('a lagging one is no reorganisation; a branch of one is not followed; when most have it, it is', async () => {
    const at = endpointsOf(0, 0, 0)
    const eyes = watching(chain, createEvmReader(chain, at.endpoints, fetch), keys)
    expect(await eyes.look()).toBe('synced')
    const paid = await main.sendNative({ to: alice, units: 5n })
    await main.mine(1)
    expect(await eyes.look()).toBe('synced')
    expect(eyes.confirmed()).toEqual([paid])

    // The first one stays at an old block.
    const height = await main.height()
    const old = `0x${(height - 6).toString(16)}`
    const lagging: Meddling = ({ method, params }) => {
      if (method !== 'eth_getBlockByNumber') return undefined
      if (params[0] === 'latest') return { ask: [old, params[1]] }
      return Number(params[0]) > height - 6 ? { answer: null } : undefined
    }
    ;(at.meddling[0] as { current: Meddling }).current = lagging
    await main.mine(3)
    expect(await eyes.look()).toBe('synced')
    expect(eyes.follower.tip?.height).toBe(height + 3)
    expect(eyes.rollbacks()).toBe(0)

    // The first one is on another branch, which has grown longer.
    ;(at.meddling[0] as { current: Meddling }).current = honest
    at.shown[0] = 1
    const other = await fork.sendToken({ to: bob, units: 7n })
    await fork.mine(10)
    expect(await eyes.look()).toBe('synced')
    expect(eyes.told()).toBe('disagrees ok ok')
    expect(eyes.confirmed()).toEqual([paid])

    at.shown[1] = 1
    expect(await eyes.look()).toBe('synced')
    expect(eyes.rollbacks()).toBe(1)
    expect(eyes.confirmed()).toEqual([other])
  })

  test('two that disagree: nothing is taken in, and the disagreement is told by name', async () => {
    const at = endpointsOf(0, 1)
    await main.mine(6)
    const eyes = watching(chain, createEvmReader(chain, at.endpoints, fetch), keys)
    expect(await eyes.look()).toBe('failed')
    expect(eyes.follower.failures.at(-1)?.reason).toBe('nodes_disagree')
    expect(eyes.follower.tip).toBeUndefined()
  })

  test('a payment that one of three makes up, in a block that all have, is never credited', async () => {
    const at = endpointsOf(0, 0, 0)
    const eyes = watching(chain, createEvmReader(chain, at.endpoints, fetch), keys)
    await eyes.look()
    const paid = await main.sendNative({ to: alice, units: 5n })
    await main.mine(1)
    // Once a transaction has the address, the liar says it is ten times as much, and its receipts and balances agree.
    const [first] = at.endpoints as [(typeof at.endpoints)[number]]
    const liar: typeof fetch = async (input, init) => {
      const answer = await first.fetcher(input, init)
      return new Response((await answer.text()).replaceAll('"value":"0x5"', '"value":"0x50"'))
    }
    const endpoints = [{ ...first, fetcher: liar }, ...at.endpoints.slice(1)]
    const deceived = watching(chain, createEvmReader(chain, endpoints, fetch), keys)
    for (let looks = 0; looks < 3 && deceived.confirmed().length === 0; looks++) await deceived.look()
    expect(deceived.confirmed()).toEqual([paid])
    expect([...deceived.follower.payments.values()].map(({ units }) => units)).toEqual([5n])
    // Told from the next comparison of heads on.
    expect(await deceived.look()).toBe('synced')
    expect(deceived.told()).toBe('disagrees ok ok')
  })
})

/** One node, the one that is there: bitcoind, else bcoin; and proxies that show its chain as it was, or a branch that it has left. */
describe('two Bitcoin nodes', () => {
  const chain = { ...registry.chain(BITCOIN_REGTEST), headAgeMaxMs: 3_600_000 }
  let node: BitcoinNode
  let wallet: DemoWallet

  beforeAll(async () => {
    const stateDir = newFolder()
    node = await startBitcoinNode({ stateDir })
    wallet = createDemoWallet(node, stateDir)
    await wallet.mine(20)
  })

  afterAll(async () => {
    await node.stop()
  })

  /** Shows this branch for the node's own: hashes of its blocks from a height on. */
  function branch(from: number, hashes: readonly string[]): Meddling {
    return ({ method, params }) => {
      if (method === 'getbestblockhash') return { answer: hashes.at(-1) }
      if (method !== 'getblockhash' || Number(params[0]) < from) return undefined
      const hash = hashes[Number(params[0]) - from]
      return hash ? { answer: hash } : { refusal: -8 }
    }
  }

  function setting() {
    const meddling: [{ current: Meddling }, { current: Meddling }] = [{ current: honest }, { current: honest }]
    const credentials = { user: node.user, password: node.password }
    const endpoints = meddling.map((one, at) => ({
      url: `http://127.0.0.1:${at + 1}`,
      ...credentials,
      fetcher: viewOf(node.rpcUrl, one),
    }))
    return { meddling, eyes: watching(chain, createBitcoinReader(chain, endpoints, fetch), []) }
  }

  test('the one with more work is followed, behind or on another branch as the other may be', async () => {
    const { meddling, eyes } = setting()
    expect(await eyes.look()).toBe('synced')
    const height = await wallet.height()

    // The first one stays where it is; the second goes on.
    meddling[0].current = branch(height + 1, [])
    meddling[0].current = withBest(meddling[0].current, eyes.follower.tip?.hash as string)
    const left = await wallet.mine(5)
    expect(await eyes.look()).toBe('synced')
    expect(eyes.follower.tip?.height).toBe(height + 5)
    expect(eyes.rollbacks()).toBe(0)

    // The second leaves that branch for a shorter one, and the first has come to where it was: we stay.
    meddling[0].current = branch(height + 1, left)
    await wallet.invalidate(left[0] as string)
    await wallet.mine(4)
    expect(await eyes.look()).toBe('synced')
    expect(eyes.follower.tip?.hash).toBe(left.at(-1))
    expect(eyes.told()).toBe('ok disagrees')

    // As long is no better; longer is.
    await wallet.mine(1)
    expect(await eyes.look()).toBe('failed')
    expect(eyes.follower.failures.at(-1)?.reason).toBe('nodes_disagree')
    expect(eyes.follower.tip?.hash).toBe(left.at(-1))
    const [newest] = await wallet.mine(1)
    expect(await eyes.look()).toBe('synced')
    expect(eyes.follower.tip?.hash).toBe(newest)
    expect(eyes.told()).toBe('disagrees ok')
    expect(eyes.rollbacks()).toBe(1)
  })

  test('blocks that one makes up, without work or of others, are not followed', async () => {
    const { meddling, eyes } = setting()
    expect(await eyes.look()).toBe('synced')
    const tip = eyes.follower.tip
    const madeUp = Array.from({ length: 8 }, (_, n) => (n + 1).toString(16).padStart(64, '0'))
    const showing = branch((tip?.height ?? 0) + 1, madeUp)
    meddling[1].current = (call) => {
      const { method, params } = call
      if (method === 'getblockheader' && params[0] === madeUp.at(-1)) {
        return params[1] ? { answer: { height: (tip?.height ?? 0) + 8 } } : { answer: '00'.repeat(80) }
      }
      return showing(call)
    }
    await eyes.look()
    expect(eyes.follower.tip).toEqual(tip)
    expect(eyes.told()).toBe('ok disagrees')
  })

  function withBest(meddling: Meddling, hash: string): Meddling {
    return (call) => (call.method === 'getbestblockhash' ? { answer: hash } : meddling(call))
  }
})
