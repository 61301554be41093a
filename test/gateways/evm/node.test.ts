import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { type Abi, createWalletClient, defineChain, erc20Abi, type Hex, http, publicActions } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { DEVELOPMENT_CHAINS, EVM_LOCAL, LOCAL_USDC } from '../../../config/development.ts'
import { ANVIL_MNEMONIC } from '../../../scripts/stack/evm/accounts.ts'
import { compileContract } from '../../../scripts/stack/evm/compile.ts'
import { createEvmDemoWallet, type EvmDemoWallet, type EvmNode, startEvmNode } from '../../../scripts/stack/evm/index.ts'
import { commandOf } from '../../../scripts/stack/processes.ts'
import { createEvmReader } from '../../../src/gateways/evm/reader.ts'
import {
  type Block,
  type ChainReader,
  fingerprintOf,
  type MempoolScan,
  type Scan,
  type Transfer,
} from '../../../src/gateways/gateway.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import type { Result } from '../../../src/lib/result.ts'
import { createRegistry } from '../../../src/money/registry.ts'
import { meddle } from './fake-node.ts'

const chain = createRegistry(DEVELOPMENT_CHAINS).chain(EVM_LOCAL)
// Seconds on an idle machine; several processes are started, and other tests may run beside.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const folders: string[] = []
/** Ids of processes that a failed test could leave behind. */
const started: number[] = []
const stateDir = newFolder()
/** Of the nodes that are killed. */
const killedDir = newFolder()
let node: EvmNode
let wallet: EvmDemoWallet
let reader: ChainReader

beforeAll(async () => {
  await start()
})

afterAll(async () => {
  for (const pid of started.filter(isRunning)) process.kill(pid, 'SIGKILL')
  await node.stop()
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

async function start(): Promise<void> {
  node = await startEvmNode({ stateDir, chainId: 31337, blockTimeSeconds: 0, log: () => {} })
  wallet = createEvmDemoWallet(node)
  reader = readerWith(fetch)
}

describe('payments on a real node', () => {
  test('the test USDC is where the configuration says', () => {
    expect(node.usdc).toBe(LOCAL_USDC)
  })

  test('are seen waiting, then in a block, with the same key, and are new only once', async () => {
    const [native, token] = [newAddress(), newAddress()]
    const nativeTx = await wallet.sendNative({ to: native, units: 3n })
    const tokenTx = await wallet.sendToken({ to: token, units: 4n })
    const waiting = await mempool()
    const expected = [
      { txid: nativeTx, index: 'native', assetCode: 'ETH', units: 3n },
      { txid: tokenTx, index: `${LOCAL_USDC}:0`, assetCode: 'USDC', units: 4n },
    ]
    expect(await found(waiting, native, token)).toMatchObject(expected)
    expect((await mempool()).fingerprints).toEqual(waiting.fingerprints)
    waiting.seen()
    expect((await mempool()).fingerprints).toHaveLength(0)
    expect(value(await waiting.missing([nativeTx, tokenTx], await wallet.height()))).toEqual([])

    await wallet.mine(1)
    const block = await newestBlock()
    const transfers = await found(block, native, token)
    expect(transfers).toMatchObject(expected)
    expect(transfers).toEqual(await found(waiting, native, token))
    expect(transfers.map(({ watchKey }) => `0x${toHex(watchKey)}`)).toEqual([native, token])
    expect(transfers[0]?.spends).not.toEqual(transfers[1]?.spends)
    expect(await wallet.height()).toBe(block.height)
    expect(value(await (await mempool()).missing([nativeTx], await wallet.height()))).toEqual([])
  })

  test('that failed are in the block and are no payment, waiting or calls of a token that revert alike', async () => {
    const client = clientOf(2)
    const recipient = newAddress()
    const nativeTx = await client.sendTransaction({ to: node.usdc as Hex, value: 9n, gas: 100_000n })
    const tokenTx = await client.writeContract({ ...usdc, functionName: 'transfer', args: [recipient as Hex, 5n], gas: 100_000n })
    const waiting = await mempool()
    expect(await found(waiting, recipient)).toMatchObject([{ txid: tokenTx, units: 5n }])
    await wallet.mine(1)
    const block = await newestBlock()
    expect(block.fingerprints).toEqual(fingerprintOf(fromHex(node.usdc)))
    expect(await found(block, node.usdc, recipient)).toEqual([])
    await wallet.mine(2)
    expect(value(await (await mempool()).missing([nativeTx, tokenTx], await wallet.height()))).toEqual([nativeTx, tokenTx])
  })

  test('of several recipients in one transaction have indices of their own', async () => {
    const client = clientOf(3)
    const { abi, bytecode } = await compileContract('TestDisperse')
    const made = client.deployContract({ abi: abi as Abi, bytecode, gas: 1_000_000n })
    await wallet.sendToken({ to: client.account.address, units: 100n })
    await wallet.mine(1)
    const { contractAddress } = await client.getTransactionReceipt({ hash: await made })
    if (!contractAddress) throw new Error('the contract was not made')
    await client.writeContract({ ...usdc, functionName: 'approve', args: [contractAddress, 100n], gas: 100_000n })
    const [one, two, three] = [newAddress(), newAddress(), newAddress()]
    const txid = await client.writeContract({
      address: contractAddress,
      abi: abi as Abi,
      functionName: 'disperse',
      args: [node.usdc, [one, two, one, three], [1n, 2n, 3n, 0n]],
      gas: 1_000_000n,
    })
    await wallet.mine(1)
    expect(await found(await newestBlock(), one, two, three)).toMatchObject([
      { txid, index: `${LOCAL_USDC}:0`, units: 1n },
      { txid, index: `${LOCAL_USDC}:1`, units: 2n },
      { txid, index: `${LOCAL_USDC}:2`, units: 3n },
    ])
  })

  test('that are replaced are conflicts, waiting and in a block', async () => {
    const payee = newAddress()
    const txid = await wallet.sendNative({ to: payee, units: 8n })
    const [payment] = await found(await mempool(), payee)
    const tracked = [{ txid, spends: payment?.spends ?? [] }]
    const byTxid = await wallet.replace(txid)
    const waiting = await mempool()
    expect(waiting.conflicts(tracked)).toEqual([{ txid, byTxid }])
    expect(value(await waiting.missing([txid, byTxid], await wallet.height()))).toEqual([txid])
    await wallet.mine(1)
    const block = await newestBlock()
    expect(block.conflicts(tracked)).toEqual([{ txid, byTxid }])
    expect(await found(block, payee)).toEqual([])
  })

  test('that are dropped are missing, and the wallet pays on', async () => {
    const kept = await wallet.sendNative({ to: newAddress(), units: 8n })
    const dropped = await wallet.sendNative({ to: newAddress(), units: 9n })
    await wallet.dropTransaction(dropped)
    expect(value(await (await mempool()).missing([dropped, kept], await wallet.height()))).toEqual([dropped])
    const payee = newAddress()
    await wallet.sendNative({ to: payee, units: 10n })
    await wallet.mine(1)
    expect(await found(await newestBlock(), payee)).toMatchObject([{ units: 10n }])
  })

  test('from several wallets at once all arrive, equal ones too', async () => {
    const payee = newAddress()
    const wallets = [wallet, createEvmDemoWallet(node), createEvmDemoWallet(node)]
    const txids = await Promise.all(
      wallets.flatMap((one) => Array.from({ length: 6 }, () => one.sendNative({ to: payee, units: 1n }))),
    )
    await wallet.mine(1)
    expect((await found(await newestBlock(), payee)).map(({ txid }) => txid).toSorted()).toEqual(txids.toSorted())
  })
})

describe('the chain of a real node', () => {
  test('has no hash above its head', async () => {
    expect(value(await reader.hashAt((await wallet.height()) + 1))).toBeNull()
  })

  test('changes its hashes in a reorganisation, which may bring the payment back or lose it', async () => {
    const payee = newAddress()
    await wallet.mine(1)
    const fork = await newestBlock()
    const txid = await wallet.sendToken({ to: payee, units: 6n })
    await wallet.mine(2)
    const { height, parentHash } = await newestBlock()
    const [before] = await found(value(await reader.block(parentHash)), payee)

    await wallet.reorg(2, { returnTransactions: true })
    expect(value(await reader.hashAt(fork.height))).toBe(fork.hash)
    expect(value(await reader.hashAt(height - 1))).not.toBe(parentHash)
    expect(await reader.block(parentHash)).toMatchObject({ ok: false, error: { reason: 'node_refused' } })
    await wallet.mine(1)
    expect(await found(await newestBlock(), payee)).toEqual([before])

    await wallet.reorg(1)
    expect(value(await (await mempool()).missing([txid], await wallet.height()))).toEqual([txid])
  })

  test('is believed only if its logs fit its blooms', async () => {
    const payee = newAddress()
    await wallet.sendToken({ to: payee, units: 7n })
    await wallet.mine(1)
    const { hash } = value(await reader.head())
    const forgetful = readerWith(meddle((method, result) => (method === 'eth_getLogs' ? [] : result)))
    expect(await found(value(await forgetful.block(hash)), payee)).toMatchObject([{ index: `${LOCAL_USDC}:0`, units: 7n }])
    const lying = readerWith(meddle((method, result) => (/Logs|BlockReceipts/.test(method) ? [] : result)))
    expect(await lying.block(hash)).toMatchObject({ ok: false, error: { reason: 'node_lied' } })
  })
})

describe('the development node', () => {
  test('keeps its chain over a stop, what waits included', async () => {
    const payee = newAddress()
    await wallet.mine(1)
    const before = await newestBlock()
    const txid = await wallet.sendToken({ to: payee, units: 11n })
    await node.stop()
    await start()
    expect(value(await reader.hashAt(before.height))).toBe(before.hash)
    const after = await newestBlock()
    expect(after.height).toBe(before.height + 1)
    expect(await found(after, payee)).toMatchObject([{ txid, units: 11n }])
  })

  test('keeps what was saved when everything is killed at once', async () => {
    const { child, access, pids } = await supervise()
    const payer = createEvmDemoWallet(access)
    const payee = newAddress()
    const txid = await payer.sendToken({ to: payee, units: 12n })
    await payer.mine(3)
    const at = readerWith(fetch, access.rpcUrl)
    const before = value(await at.block(value(await at.head()).parentHash))
    await expect.poll(() => savedHeight(), { timeout: 30_000 }).toBe(before.height + 1)
    for (const pid of [child.pid ?? 0, ...pids]) process.kill(pid, 'SIGKILL')

    const again = await supervise()
    const after = readerWith(fetch, again.access.rpcUrl)
    expect(value(await after.hashAt(before.height))).toBe(before.hash)
    const payment = value(await after.block(before.parentHash))
    expect(await found(payment, payee)).toMatchObject([{ txid, units: 12n }])
    await createEvmDemoWallet(again.access).sendNative({ to: payee, units: 1n })
    again.child.kill('SIGKILL')
    await expect.poll(() => again.pids.filter(isRunning), { timeout: 30_000 }).toEqual([])
  })

  test('ends what a killed guard left behind', async () => {
    const { child, access, pids } = await supervise()
    const { height } = value(await readerWith(fetch, access.rpcUrl).head())
    const [guard = 0, anvil = 0] = pids
    for (const pid of [child.pid ?? 0, guard]) process.kill(pid, 'SIGKILL')
    expect(isRunning(anvil)).toBe(true)
    const next = await startEvmNode({ stateDir: killedDir, chainId: 31337, blockTimeSeconds: 0, log: () => {} })
    expect(isRunning(anvil)).toBe(false)
    expect(await createEvmDemoWallet(next).height()).toBe(height)
    await next.stop()
    await next.stop()
    expect(isRunning(next.pid)).toBe(false)
  })

  test('says so when its port is taken', async () => {
    const port = Number(new URL(node.rpcUrl).port)
    const again = startEvmNode({ stateDir: newFolder(), port, chainId: 31337, blockTimeSeconds: 0, log: () => {} })
    await expect(again).rejects.toThrow(`port ${port} is in use`)
  })
})

const usdc = { address: LOCAL_USDC as Hex, abi: erc20Abi } as const

function clientOf(addressIndex: number) {
  const local = defineChain({
    id: node.chainId,
    name: 'local',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [node.rpcUrl] } },
  })
  const account = mnemonicToAccount(ANVIL_MNEMONIC, { addressIndex })
  return createWalletClient({ account, chain: local, transport: http() }).extend(publicActions)
}

function readerWith(fetcher: typeof fetch, url: string = node.rpcUrl): ChainReader {
  return createEvmReader(chain, [{ url, pending: true }], fetcher)
}

async function newestBlock(): Promise<Block> {
  return value(await reader.block(value(await reader.head()).hash))
}

async function mempool(): Promise<MempoolScan> {
  const scan = value(await reader.mempool())
  if (scan === null) throw new Error('the node serves no pending block')
  return scan
}

/** The transfers to these addresses, found as the watch list finds them: by fingerprint, then by whole key. */
async function found(scan: Scan, ...addresses: string[]): Promise<Transfer[]> {
  const wanted = addresses.map(fromHex)
  const prints = new Set(wanted.map((key) => toHex(fingerprintOf(key))))
  const positions = Array.from({ length: scan.fingerprints.length / 8 }, (_, at) => at).filter((at) =>
    prints.has(toHex(scan.fingerprints.subarray(at * 8, at * 8 + 8))),
  )
  const keys = new Set(wanted.map(toHex))
  return value(await scan.resolve(positions)).filter(({ watchKey }) => keys.has(toHex(watchKey)))
}

/** A supervisor in a process of its own, and the ids of its guard and of anvil. */
async function supervise() {
  const path = join(dirname(fileURLToPath(import.meta.url)), 'supervisor.ts')
  const child = spawn(process.execPath, [path, killedDir], { stdio: ['ignore', 'pipe', 'inherit'] })
  if (child.pid !== undefined) started.push(child.pid)
  for await (const line of createInterface({ input: child.stdout })) {
    const access = JSON.parse(line) as { rpcUrl: string; chainId: number; usdc: string; pid: number }
    const anvil = JSON.parse(readFileSync(join(killedDir, 'anvil.json'), 'utf8')) as { pid: number }
    started.push(access.pid, anvil.pid)
    return { child, access, pids: [access.pid, anvil.pid] }
  }
  throw new Error('the supervisor ended')
}

function savedHeight(): number {
  const path = join(killedDir, 'chain.json.gz')
  if (!existsSync(path)) return -1
  return Number(JSON.parse(gunzipSync(readFileSync(path)).toString()).best_block_number)
}

/** Only for ids that were ours a moment ago: an id is used again in time. */
function isRunning(pid: number): boolean {
  return commandOf(pid) !== null
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'paytomat-evm-'))
  folders.push(folder)
  return folder
}

function newAddress(): string {
  return `0x${toHex(crypto.getRandomValues(new Uint8Array(20)))}`
}

function value<T>(result: Result<T, { detail: string }>): T {
  if (!result.ok) throw new Error(result.error.detail)
  return result.value
}
