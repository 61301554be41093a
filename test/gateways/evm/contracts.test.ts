import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Abi, createWalletClient, defineChain, type Hex, http, publicActions } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { DEVELOPMENT_CHAINS, EVM_LOCAL, LOCAL_USDC } from '../../../config/development.ts'
import { ANVIL_MNEMONIC } from '../../../scripts/stack/evm/accounts.ts'
import { compileContract } from '../../../scripts/stack/evm/compile.ts'
import { createEvmDemoWallet, type EvmDemoWallet, type EvmNode, startEvmNode } from '../../../scripts/stack/evm/index.ts'
import { createEvmReader } from '../../../src/gateways/evm/reader.ts'
import { fingerprintOf, type NodeEndpoint, type Scan, type Transfer } from '../../../src/gateways/gateway.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import type { Result } from '../../../src/lib/result.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { createRegistry } from '../../../src/money/registry.ts'
import { meddle } from './fake-node.ts'

/** What contracts pay, and what tokens do, on a real node. */

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })
const GAS = 1_000_000n
const stateDir = mkdtempSync(join(tmpdir(), 'paytomat-evm-'))
let node: EvmNode
let miner: EvmDemoWallet
let chain: ChainConfig
let wallet: Made
let disperse: Made
let usdt: Made
let feeToken: Made

beforeAll(async () => {
  node = await startEvmNode({ stateDir, chainId: 31337, blockTimeSeconds: 0, log: () => {} })
  miner = createEvmDemoWallet(node)
  wallet = await make('TestWallet', 1_000_000n)
  disperse = await make('TestDisperse')
  usdt = await make('TestUsdt')
  feeToken = await make('TestFeeToken')
  const local = createRegistry(DEVELOPMENT_CHAINS).chain(EVM_LOCAL)
  const token = (code: string, contract: string) => ({ code, ticker: code, name: code, decimals: 6, contract })
  chain = { ...local, tokens: [...local.tokens, token('USDT', usdt.address), token('FEE', feeToken.address)] }
})

afterAll(async () => {
  await node.stop()
  rmSync(stateDir, { recursive: true, force: true })
})

describe('the native asset', () => {
  test('is found when a contract wallet pays, under an index of its own', async () => {
    const payee = newAddress()
    const txid = await wallet.write('execute', [payee, 5n, '0x'])
    const found = await newest(payee)
    expect(found).toMatchObject([{ txid, index: `internal:${payee}:0`, assetCode: 'ETH', units: 5n }])
    expect(found[0]?.spends).toHaveLength(1)
  })

  test('is found for everyone an exchange pays in one transaction, and the indices count for each by itself', async () => {
    const [one, two] = [newAddress(), newAddress()]
    const args = [
      [one, two, one],
      [1n, 2n, 3n],
    ]
    const txid = await disperse.write('disperseNative', args, 6n)
    expect(await newest(one, two)).toMatchObject([
      { txid, index: `internal:${one}:0`, units: 1n },
      { txid, index: `internal:${two}:0`, units: 2n },
      { txid, index: `internal:${one}:1`, units: 3n },
    ])
  })

  test('keeps its index wherever a reorganisation puts the transaction', async () => {
    const payee = newAddress()
    const txid = await disperse.write(
      'disperseNative',
      [
        [newAddress(), payee],
        [7n, 8n],
      ],
      15n,
    )
    const [before] = await newest(payee)
    await miner.reorg(1, { returnTransactions: true })
    await miner.sendNative({ to: newAddress(), units: 1n })
    await miner.mine(1)
    expect(await newest(payee)).toEqual([before])
    expect(before).toMatchObject({ txid, units: 8n })
  })

  test('is found when a contract ends and leaves it', async () => {
    const payee = newAddress()
    const ending = await make('TestWallet', 9n)
    const txid = await ending.write('end', [payee])
    expect(await newest(payee)).toMatchObject([{ txid, index: `internal:${payee}:0`, units: 9n }])
  })

  test('that was taken back inside the transaction, or whose transaction failed, is no payment', async () => {
    const payee = newAddress()
    await wallet.write('payInVain', [payee, 5n])
    expect(await newest(payee)).toEqual([])
    await disperse.write(
      'disperseNative',
      [
        [payee, newAddress()],
        [5n, 500n],
      ],
      6n,
    )
    expect(await newest(payee)).toEqual([])
  })

  test('costs no trace in a block of plain transfers', async () => {
    const methods: string[] = []
    const counting = meddle((method, result) => {
      methods.push(method)
      return result
    })
    await miner.sendNative({ to: newAddress(), units: 1n, gas: 21_000n })
    await miner.mine(1)
    await read({}, counting)
    expect(methods).not.toContain('debug_traceBlockByHash')
    await wallet.write('execute', [newAddress(), 1n, '0x'])
    await read({}, counting)
    expect(methods).toContain('debug_traceBlockByHash')
  })

  test('is not found without traces, which the log says; all else is', async () => {
    const said = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const [payee, plain] = [newAddress(), newAddress()]
    await miner.sendNative({ to: plain, units: 2n })
    await wallet.write('execute', [payee, 1n, '0x'])
    expect(await found(await read({ trace: false }), payee, plain)).toMatchObject([{ index: 'native', units: 2n }])
    const blind = meddle((method, result) => (method === 'debug_traceBlockByHash' ? null : result))
    expect(await found(await read({}, blind), payee, plain)).toMatchObject([{ index: 'native', units: 2n }])
    expect(said.mock.calls.flat().filter((line) => String(line).includes('internal_transfers_unseen'))).toHaveLength(2)
    said.mockRestore()
  })
})

describe('a token', () => {
  test('whose transfer answers nothing, as USDT, is received by its log', async () => {
    const payee = newAddress()
    const txid = await usdt.write('transfer', [payee, 12n])
    expect(await newest(payee)).toMatchObject([{ txid, index: `${usdt.address}:0`, assetCode: 'USDT', units: 12n }])
  })

  test('that says more than arrived is not money, and the log names it', async () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => {})
    const payee = newAddress()
    await miner.sendToken({ to: payee, units: 3n })
    await feeToken.write('transfer', [payee, 1_000n])
    expect(await newest(payee)).toMatchObject([{ assetCode: 'USDC', units: 3n }])
    expect(JSON.parse(String(said.mock.calls[0]?.[0]))).toMatchObject({
      what: 'token_moves_other_than_it_says',
      detail: `${feeToken.address} said 1000, 990 arrived`,
    })
    said.mockRestore()
  })

  test('is believed by its log where the node has no state to compare', async () => {
    const payee = newAddress()
    await usdt.write('transfer', [payee, 4n])
    const forgetful = meddle((method, result) => (method === 'eth_call' ? null : result))
    expect(await found(await read({}, forgetful), payee)).toMatchObject([{ units: 4n }])
  })

  test('is not refused because one node of two tells a wrong balance', async () => {
    const payee = newAddress()
    await miner.sendToken({ to: payee, units: 4n })
    await miner.mine(1)
    let calls = 0
    const wrongOnce = meddle((method, result) => (method === 'eth_call' && calls++ < 2 ? `0x${'0'.repeat(64)}` : result))
    const reader = createEvmReader(chain, [{ url: node.rpcUrl }, { url: node.rpcUrl }], wrongOnce)
    const block = value(await reader.block(value(await reader.head()).hash))
    expect(await found(block, payee)).toMatchObject([{ units: 4n }])
  })

  test('that nobody listed is nothing, whatever it calls itself; nor is a transfer of nothing', async () => {
    const payee = newAddress()
    const fake = await make('TestUsdt')
    await fake.write('transfer', [payee, 1_000n])
    expect(await newest(payee)).toEqual([])
    await usdt.write('transfer', [payee, 0n])
    expect(await newest(payee)).toEqual([])
  })
})

describe('a node', () => {
  test('of another chain is refused', async () => {
    const reader = createEvmReader({ ...chain, id: 'eip155:8453' }, [{ url: node.rpcUrl }], fetch)
    expect(await reader.head()).toMatchObject({
      ok: false,
      error: { reason: 'protocol', detail: 'the node of eip155:8453 follows chain eip155:31337' },
    })
  })

  test.each(['safe', 'finalized'] as const)('tells the %s block beside its head', async (finality) => {
    await miner.mine(100)
    const reader = createEvmReader({ ...chain, finality }, [{ url: node.rpcUrl }], fetch)
    const head = value(await reader.head())
    expect(head.final?.height).toBe(head.height - (finality === 'safe' ? 32 : 64))
    expect(value(await reader.hashAt(head.final?.height ?? 0))).toBe(head.final?.hash)
  })

  test('that keeps back the logs of one token only is found out by the bloom', async () => {
    const payee = newAddress()
    await miner.sendToken({ to: payee, units: 3n })
    await usdt.write('transfer', [payee, 4n])
    const withoutUsdt = (result: unknown) => (result as { address: Hex }[]).filter(({ address }) => address === LOCAL_USDC)
    const sly = meddle((method, result) => (method === 'eth_getLogs' ? withoutUsdt(result) : result))
    const units = (await found(await read({}, sly), payee)).map((transfer) => transfer.units)
    expect(units.toSorted()).toEqual([3n, 4n])
  })
})

interface Made {
  readonly address: Hex
  /** Sends and mines; the transaction may fail. Answers its id. */
  write(functionName: string, args: readonly unknown[], units?: bigint): Promise<string>
}

async function make(name: string, units = 0n): Promise<Made> {
  const client = clientOf(5)
  const { abi, bytecode } = await compileContract(name)
  const hash = await client.deployContract({ abi: abi as Abi, bytecode, gas: 2n * GAS, value: units })
  await miner.mine(1)
  const { contractAddress } = await client.getTransactionReceipt({ hash })
  if (!contractAddress) throw new Error(`${name} was not made`)
  const address = contractAddress.toLowerCase() as Hex
  return {
    address,
    async write(functionName, args, value = 0n) {
      const txid = await client.writeContract({ address, abi: abi as Abi, functionName, args, gas: GAS, value })
      await miner.mine(1)
      return txid
    },
  }
}

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

async function read(endpoint: Partial<NodeEndpoint> = {}, fetcher: typeof fetch = fetch) {
  const reader = createEvmReader(chain, [{ url: node.rpcUrl, ...endpoint }], fetcher)
  return value(await reader.block(value(await reader.head()).hash))
}

async function newest(...addresses: string[]): Promise<Transfer[]> {
  return await found(await read(), ...addresses)
}

async function found(scan: Scan, ...addresses: string[]): Promise<Transfer[]> {
  const wanted = addresses.map(fromHex)
  const prints = new Set(wanted.map((key) => toHex(fingerprintOf(key))))
  const positions = Array.from({ length: scan.fingerprints.length / 8 }, (_, at) => at).filter((at) =>
    prints.has(toHex(scan.fingerprints.subarray(at * 8, at * 8 + 8))),
  )
  return value(await scan.resolve(positions))
}

function newAddress(): Hex {
  return `0x${toHex(crypto.getRandomValues(new Uint8Array(20)))}`
}

function value<T>(result: Result<T, { detail: string }>): T {
  if (!result.ok) throw new Error(result.error.detail)
  return result.value
}
