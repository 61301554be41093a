import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HDKey } from '@scure/bip32'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { DEVELOPMENT_CHAINS } from '../../../config/development.ts'
import {
  type BitcoinNode,
  createDemoWallet,
  type DemoWallet,
  findBitcoind,
  startBitcoinNode,
} from '../../../scripts/stack/bitcoin/index.ts'
import { commandOf } from '../../../scripts/stack/processes.ts'
import { bitcoinAddresses } from '../../../src/gateways/bitcoin/address.ts'
import { createBitcoinReader } from '../../../src/gateways/bitcoin/reader.ts'
import type { ChainReader } from '../../../src/gateways/gateway.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { transfersTo } from '../scans.ts'
import { must } from './spending.ts'

/**
 * The gateway against real nodes: bcoin, as `npm start` runs it where there is no bitcoind, and bitcoind where that is. One
 * node and one chain of each for all tests, each of which finds what it needs by itself, in any state the ones before leave.
 */
const chain = DEVELOPMENT_CHAINS[0] as ChainConfig
const account = HDKey.fromMasterSeed(new Uint8Array(32).fill(9), { public: 0x043587cf, private: 0x04358394 }).derive("m/84'/1'/0'")
const bitcoind = findBitcoind()

describe.each(bitcoind === null ? ['bcoin'] : ['bcoin', bitcoind])('on %s', (program) => {
  const stateDir = mkdtempSync(join(tmpdir(), 'paytomat-bitcoin-'))
  let node: BitcoinNode
  let wallet: DemoWallet
  let reader: ChainReader
  let nextIndex = 0

  beforeAll(async () => {
    vi.stubEnv('PAYTOMAT_BITCOIND', program)
    await startNode()
    await wallet.fund()
  }, 60_000)

  afterAll(async () => {
    await node.stop()
    vi.unstubAllEnvs()
    rmSync(stateDir, { recursive: true, force: true })
  }, 30_000)

  async function startNode(): Promise<void> {
    node = await startBitcoinNode({ stateDir })
    wallet = createDemoWallet(node, stateDir)
    reader = createBitcoinReader(chain, [{ url: node.rpcUrl, user: node.user, password: node.password }], fetch)
  }

  /** An address nobody has used. */
  function freshAddress(script: 'p2wpkh' | 'p2tr' = 'p2wpkh') {
    const derived = bitcoinAddresses.derive(chain, { xpub: account.publicExtendedKey, script }, nextIndex++)
    if (!derived.ok) throw new Error(derived.error.detail)
    return derived.value
  }

  async function mempool() {
    const scan = must(await reader.mempool())
    if (!scan) throw new Error('no mempool')
    return scan
  }

  test('the reader follows the head: height, parent, and the hash at each height', async () => {
    const before = must(await reader.head())
    const [hash] = await wallet.mine(1)
    const head = must(await reader.head())
    expect(head).toMatchObject({ height: before.height + 1, hash, parentHash: before.hash })
    expect(Math.abs(head.timeMs - Date.now())).toBeLessThan(2 * 3_600_000)
    expect(must(await reader.hashAt(before.height))).toBe(before.hash)
    expect(must(await reader.hashAt(head.height + 1))).toBeNull()
    expect(await reader.block('00'.repeat(32))).toMatchObject({ ok: false, error: { reason: 'node_refused' } })
  })

  test.each(['p2wpkh', 'p2tr'] as const)(
    'a payment to a %s address is seen in the mempool once, and then in its block',
    async (script) => {
      const { address, watchKey } = freshAddress(script)
      const { txid } = await wallet.send({ address, units: 123_456n })
      const scan = await mempool()
      const [transfer] = await transfersTo([watchKey], scan)
      expect(transfer).toMatchObject({ txid, units: 123_456n, assetCode: 'BTC' })
      expect(transfer?.spends.length).toBeGreaterThan(0)
      scan.seen()
      expect(await transfersTo([watchKey], await mempool())).toEqual([])

      const [hash] = await wallet.mine(1)
      const block = must(await reader.block(hash as string))
      expect(await transfersTo([watchKey], block)).toEqual([transfer])
      expect(must(await (await mempool()).missing([txid], 0))).toEqual([txid])
    },
  )

  test('a fee bump is a conflict that pays the same; when it is mined the first transaction is replaced for good', async () => {
    const { address, watchKey } = freshAddress()
    const first = await wallet.send({ address, units: 70_000n })
    const scan = await mempool()
    const [transfer] = await transfersTo([watchKey], scan)
    scan.seen()
    const tracked = [{ txid: first.txid, spends: transfer?.spends ?? [] }]

    const bumped = await wallet.bumpFee(first.txid)
    const next = await mempool()
    expect(next.conflicts(tracked)).toEqual([{ txid: first.txid, byTxid: bumped.txid }])
    expect(must(await next.missing([first.txid], 0))).toEqual([first.txid])
    expect(await transfersTo([watchKey], next)).toMatchObject([{ txid: bumped.txid, units: 70_000n, spends: transfer?.spends }])

    const [hash] = await wallet.mine(1)
    expect(must(await reader.block(hash as string)).conflicts(tracked)).toEqual([{ txid: first.txid, byTxid: bumped.txid }])
  })

  test('a double spend is a conflict that pays us nothing', async () => {
    const { address, watchKey } = freshAddress()
    const first = await wallet.send({ address, units: 80_000n, replaceable: false })
    const scan = await mempool()
    const [transfer] = await transfersTo([watchKey], scan)
    scan.seen()
    const stolen = await wallet.doubleSpend(first.txid)
    const next = await mempool()
    expect(next.conflicts([{ txid: first.txid, spends: transfer?.spends ?? [] }])).toEqual([
      { txid: first.txid, byTxid: stolen.txid },
    ])
    expect(await transfersTo([watchKey], next)).toEqual([])
  })

  test('an evicted transaction is missing without a conflict, and is news when it is sent again', async () => {
    const { address, watchKey } = freshAddress()
    const { txid, hex } = await wallet.send({ address, units: 90_000n })
    const scan = await mempool()
    scan.seen()
    await wallet.evict(txid)
    const without = await mempool()
    expect(must(await without.missing([txid], 0))).toEqual([txid])
    expect(without.conflicts([{ txid, spends: [] }])).toEqual([])
    await rpc('sendrawtransaction', hex)
    expect(await transfersTo([watchKey], await mempool())).toMatchObject([{ txid }])
  })

  test('a block taken back returns its payments to the mempool; another may take its height, and the branch with more work wins', async () => {
    const { address, watchKey } = freshAddress()
    const { txid } = await wallet.send({ address, units: 60_000n })
    const [lost] = (await wallet.mine(1)) as [string]
    const { height } = must(await reader.head())
    await wallet.invalidate(lost)
    expect(must(await reader.head()).height).toBe(height - 1)
    expect(must(await reader.hashAt(height))).toBeNull()
    expect(await transfersTo([watchKey], await mempool())).toMatchObject([{ txid }])

    await wallet.evict(txid)
    const [other, second] = (await wallet.mine(2)) as [string, string]
    expect(must(await reader.hashAt(height))).toBe(other)
    expect(await transfersTo([watchKey], must(await reader.block(other)))).toEqual([])
    // A stale block can still be read, as a follower must to know what it lost.
    expect(await transfersTo([watchKey], must(await reader.block(lost)))).toMatchObject([{ txid }])
    await wallet.reconsider(lost)
    expect(must(await reader.head()).hash).toBe(second)

    await wallet.invalidate(other)
    await wallet.reconsider(other)
    expect(must(await reader.head()).hash).toBe(second)
  })

  test('several wallets at once never spend one coin twice', async () => {
    const wallets = Array.from({ length: 4 }, () => createDemoWallet(node, stateDir))
    const { address, watchKey } = freshAddress()
    const sent = await Promise.all(
      wallets.flatMap((one) => [one.send({ address, units: 10_000n }), one.send({ address, units: 10_001n })]),
    )
    const scan = await mempool()
    expect(
      must(
        await scan.missing(
          sent.map(({ txid }) => txid),
          0,
        ),
      ),
    ).toEqual([])
    expect(await transfersTo([watchKey], scan)).toHaveLength(8)
  })

  test('the node refuses what a Bitcoin node refuses: a replacement that pays no more, a coin that is not there', async () => {
    const { txid, hex } = await wallet.send({ address: freshAddress().address, units: 50_000n })
    expect(await rpc('sendrawtransaction', hex)).toMatchObject({ result: txid })
    const bumped = await wallet.bumpFee(txid)
    expect(await rpc('sendrawtransaction', hex)).toMatchObject({ error: { code: -26 } })
    expect(must(await (await mempool()).missing([bumped.txid], 0))).toEqual([])
    expect(await rpc('sendrawtransaction', '00')).toMatchObject({ error: { code: -22 } })
    await wallet.mine(1)
    expect(await rpc('sendrawtransaction', hex)).toMatchObject({ error: { code: -25 } })
    expect(await rpc('sendrawtransaction', bumped.hex)).toMatchObject({ error: { code: -27 } })
  })

  test('after kill -9 the node comes back with its chain, its mempool, its port and its password', async () => {
    const { address, watchKey } = freshAddress()
    const waiting = await wallet.send({ address, units: 40_000n })
    const head = must(await reader.head())
    const { rpcUrl, password } = node
    for (const pid of [node.pid, ...daemonOf(stateDir)]) process.kill(pid, 'SIGKILL')
    await node.exited
    expect(await reader.head()).toMatchObject({ ok: false, error: { reason: 'node_unreachable' } })
    await startNode()
    expect(node).toMatchObject({ rpcUrl, password })
    expect(must(await reader.head())).toEqual(head)
    expect(must(await (await mempool()).missing([waiting.txid], 0))).toEqual([])
    const [hash] = await wallet.mine(1)
    expect(await transfersTo([watchKey], must(await reader.block(hash as string)))).toMatchObject([{ txid: waiting.txid }])
  }, 30_000)

  test('the node ends when the process that started it is killed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'paytomat-bitcoin-orphan-'))
    const code = `
    import { startBitcoinNode } from './scripts/stack/bitcoin/index.ts'
    const node = await startBitcoinNode({ stateDir: ${JSON.stringify(folder)} })
    console.log(node.pid)`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
    const pid = await new Promise<number>((resolve) => parent.stdout.once('data', (line) => resolve(Number(line))))
    const pids = [pid, ...daemonOf(folder)]
    for (const one of pids) expect(commandOf(one)).toContain(folder)
    parent.kill('SIGKILL')
    for (const one of pids) await expect.poll(() => commandOf(one), { timeout: 10_000 }).toBeNull()
    rmSync(folder, { recursive: true, force: true })
  }, 30_000)

  async function rpc(method: string, ...params: unknown[]): Promise<unknown> {
    const response = await fetch(node.rpcUrl, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${node.user}:${node.password}`)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ id: 1, method, params }),
    })
    return response.json()
  }
})

/** bitcoind itself, which the guard runs; none of bcoin. */
function daemonOf(stateDir: string): number[] {
  const file = join(stateDir, 'bitcoind.pid')
  return existsSync(file) ? [Number(readFileSync(file, 'utf8'))] : []
}
