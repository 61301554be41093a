import fc from 'fast-check'
import { type Hex, hexToBytes, keccak256, pad, toHex } from 'viem'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { DEVELOPMENT_CHAINS, EVM_LOCAL, LOCAL_USDC } from '../../../config/development.ts'
import { look } from '../../../src/chain/look.ts'
import { TRANSFER_TOPIC } from '../../../src/gateways/evm/erc20.ts'
import { createEvmReader } from '../../../src/gateways/evm/reader.ts'
import type { RpcCall } from '../../../src/gateways/evm/rpc.ts'
import type { NodeEndpoint } from '../../../src/gateways/gateway.ts'
import { createRegistry } from '../../../src/money/registry.ts'
import { MemoryFollower, memoryWatch } from '../../chain/memory.ts'
import { fakeFetch } from './fake-node.ts'

const chain = createRegistry(DEVELOPMENT_CHAINS).chain(EVM_LOCAL)
const ENDPOINT = { url: 'http://127.0.0.1:1', pending: true }
const HASH = pad('0xb1')
const PAYER = pad('0xaa', { size: 20 })
const PAYEE = pad('0xbb', { size: 20 })
const TX_1 = pad('0x01')
const TX_2 = pad('0x02')

const transaction = (over: object = {}) => ({
  hash: TX_1,
  from: PAYER,
  to: PAYEE,
  value: '0x5',
  nonce: '0x0',
  input: '0x',
  gas: '0x5208',
  ...over,
})
const receipt = (over: object = {}) => ({ transactionHash: TX_1, blockHash: HASH, status: '0x1', logs: [], ...over })
const block = (transactions: readonly object[], over: object = {}) => ({
  number: '0x10',
  hash: HASH,
  parentHash: pad('0xb0'),
  timestamp: '0x64',
  logsBloom: pad('0x', { size: 256 }),
  transactions,
  ...over,
})
const log = (logIndex: number, over: object = {}) => ({
  address: LOCAL_USDC,
  topics: [TRANSFER_TOPIC, pad(PAYER), pad(PAYEE)],
  data: pad('0x07'),
  blockHash: HASH,
  transactionHash: TX_1,
  logIndex: `0x${logIndex.toString(16)}`,
  ...over,
})

type Answers = Record<string, (call: RpcCall) => unknown>

function readerOf(...nodes: Answers[]) {
  return readerAt(ENDPOINT, ...nodes)
}

function readerAt(endpoint: NodeEndpoint, ...nodes: Answers[]) {
  const endpoints = nodes.map((_, at) => ({ ...endpoint, url: `http://127.0.0.1:${at + 1}` }))
  return createEvmReader(
    chain,
    endpoints,
    fakeFetch((call, url) => {
      const answers: Answers = { eth_chainId: () => '0x7a69', ...nodes[Number(new URL(url).port) - 1] }
      const answer = answers[call.method]
      if (answer === undefined) throw { code: -32601, message: 'method not found' }
      return answer(call)
    }),
  )
}

const honest: Answers = {
  eth_getBlockByHash: () => block([transaction(), transaction({ hash: TX_2, nonce: '0x1', to: LOCAL_USDC, value: '0x0' })]),
  eth_getBlockByNumber: () => block([transaction()]),
  eth_getLogs: () => [log(0, { transactionHash: TX_2 })],
  eth_getTransactionReceipt: ({ params }) => receipt({ transactionHash: params[0] }),
  eth_getTransactionByHash: () => null,
  eth_getBlockReceipts: () => [],
}

async function transfersOf(answers: Answers) {
  const read = await readerOf(answers).block(HASH)
  if (!read.ok) return read.error.reason
  const resolved = await read.value.resolve(Array.from({ length: read.value.fingerprints.length / 8 }, (_, at) => at))
  return resolved.ok ? resolved.value : resolved.error.reason
}

describe('a block', () => {
  test('holds native and token transfers with what they spend', async () => {
    expect(await transfersOf(honest)).toEqual([
      { txid: TX_1, index: 'native', watchKey: expect.anything(), assetCode: 'ETH', units: 5n, spends: [`${PAYER}:0`] },
      { txid: TX_2, index: `${LOCAL_USDC}:0`, watchKey: expect.anything(), assetCode: 'USDC', units: 7n, spends: [`${PAYER}:1`] },
    ])
  })

  test('holds no payment where a wallet moves its own ether and says so, whatever else anybody writes beside theirs', async () => {
    const marked = { input: '0x706179746f6d61743a6f776e' }
    expect(await transfersOf({ ...honest, eth_getLogs: () => [], eth_getBlockByHash: () => block([transaction(marked)]) })).toEqual(
      [],
    )
    const noted = { input: '0x706179746f6d6174' }
    expect(
      await transfersOf({ ...honest, eth_getLogs: () => [], eth_getBlockByHash: () => block([transaction(noted)]) }),
    ).toMatchObject([{ index: 'native', units: 5n }])
  })

  test('numbers all Transfer logs of a contract in a transaction, those that are no money too', async () => {
    const logs = [
      log(9, { transactionHash: TX_2 }),
      log(4, { data: pad('0x00') }),
      log(5, { topics: [TRANSFER_TOPIC, pad(PAYEE), pad(PAYEE)] }),
      log(3),
      log(6),
      log(7, { topics: [TRANSFER_TOPIC, pad(PAYER), pad(PAYEE), pad('0x01')], data: '0x' }),
      log(8),
    ]
    const transfers = await transfersOf({ ...honest, eth_getLogs: () => logs })
    expect(transfers).toMatchObject([
      { index: 'native' },
      { txid: TX_1, index: `${LOCAL_USDC}:0` },
      { txid: TX_1, index: `${LOCAL_USDC}:3` },
      { txid: TX_1, index: `${LOCAL_USDC}:5` },
      { txid: TX_2, index: `${LOCAL_USDC}:0` },
    ])
  })

  test.each([
    ['a transfer of nothing', transaction({ value: '0x0' })],
    ['the making of a contract', transaction({ to: null })],
    ['a transfer to oneself', transaction({ to: PAYER })],
  ])('does not take %s for a payment', async (_name, only) => {
    expect(await transfersOf({ ...honest, eth_getBlockByHash: () => block([only]), eth_getLogs: () => [] })).toEqual([])
  })

  test('leaves out a failed transaction', async () => {
    const failed = { ...honest, eth_getLogs: () => [], eth_getTransactionReceipt: () => receipt({ status: '0x0' }) }
    expect(await transfersOf(failed)).toEqual([])
  })

  test('is searched for tokens receipt by receipt where its bloom wants that and the node does not tell them by their block', async () => {
    const bloom = { logsBloom: bloomOf([LOCAL_USDC, TRANSFER_TOPIC, pad(PAYER), pad(PAYEE)]) }
    const kept: Answers = {
      ...honest,
      eth_getBlockByHash: () =>
        block([transaction(), transaction({ hash: TX_2, nonce: '0x1', to: LOCAL_USDC, value: '0x0' })], bloom),
      eth_getLogs: () => [],
      eth_getTransactionReceipt: ({ params: [txid] }) =>
        receipt({ transactionHash: txid, logs: txid === TX_2 ? [log(0, { transactionHash: TX_2 })] : [] }),
      eth_getBlockReceipts: () => {
        throw { code: -32000, message: 'receipts length mismatch: 1 vs 0' }
      },
    }
    expect(await transfersOf(kept)).toMatchObject([{ index: 'native' }, { txid: TX_2, index: `${LOCAL_USDC}:0`, units: 7n }])
    const silent = ({ params: [txid] }: RpcCall) => receipt({ transactionHash: txid })
    expect(await transfersOf({ ...kept, eth_getTransactionReceipt: silent })).toBe('node_lied')
    // A block that is so new that the node has yet to make its receipts is no lie; a list that lacks some is.
    const late = { ...kept, eth_getTransactionReceipt: () => null }
    expect(await transfersOf({ ...late, eth_getBlockReceipts: () => null })).toBe('node_refused')
    expect(await transfersOf({ ...late, eth_getBlockReceipts: () => [receipt({ transactionHash: TX_1 })] })).toBe('node_lied')
  })

  test('takes transactions without a nonce, as rollups have them', async () => {
    const deposit = transaction({ nonce: undefined, type: '0x7e' })
    const transfers = await transfersOf({ ...honest, eth_getBlockByHash: () => block([deposit]), eth_getLogs: () => [] })
    expect(transfers).toMatchObject([{ index: 'native', spends: [] }])
  })

  test.each<[string, Answers, string]>([
    ['another block', { eth_getBlockByHash: () => block([], { hash: pad('0xb2') }) }, 'node_lied'],
    ['logs of another block', { eth_getLogs: () => [log(0, { blockHash: pad('0xb2') })] }, 'node_lied'],
    ['logs of a transaction not in the block', { eth_getLogs: () => [log(0, { transactionHash: pad('0x09') })] }, 'node_lied'],
    ['logs of a contract not asked for', { eth_getLogs: () => [log(0, { address: PAYEE })] }, 'node_lied'],
    ['another event', { eth_getLogs: () => [log(0, { topics: [pad('0x01')] })] }, 'node_lied'],
    ['one log twice', { eth_getLogs: () => [log(0), log(0)] }, 'node_lied'],
    ['a receipt of another transaction', { eth_getTransactionReceipt: () => receipt({ transactionHash: TX_2 }) }, 'node_lied'],
    ['a receipt of another block', { eth_getTransactionReceipt: () => receipt({ blockHash: pad('0xb2') }) }, 'node_refused'],
    ['no receipt', { eth_getTransactionReceipt: () => null }, 'node_refused'],
    ['a receipt without status', { eth_getTransactionReceipt: () => receipt({ status: undefined }) }, 'protocol'],
    ['no such block', { eth_getBlockByHash: () => null }, 'node_refused'],
    ['a block with half a transaction', { eth_getBlockByHash: () => block([{ hash: TX_1 }]) }, 'protocol'],
    ['no logs, though the bloom is full', { ...fullBloom(), eth_getLogs: () => [] }, 'node_lied'],
  ])('told wrongly is an error: %s', async (_name, wrong, reason) => {
    expect(await transfersOf({ ...honest, ...wrong })).toBe(reason)
  })

  test('is asked of the next node when one lies', async () => {
    const read = await readerOf({ ...honest, eth_getLogs: () => [log(0, { address: PAYEE })] }, honest).block(HASH)
    expect(read).toMatchObject({ ok: true, value: { hash: HASH, height: 16, timeMs: 100_000 } })
  })

  test('tells which tracked transactions it replaces, and none by themselves', async () => {
    const read = await readerOf(honest).block(HASH)
    if (!read.ok) throw new Error(read.error.detail)
    const tracked = [
      { txid: pad('0x0c'), spends: [`${PAYER}:0`] },
      { txid: TX_2, spends: [`${PAYER}:1`] },
      { txid: pad('0x0d'), spends: [`${PAYEE}:0`, `${PAYER}:7`] },
      { txid: pad('0x0e'), spends: [] },
    ]
    expect(read.value.conflicts(tracked)).toEqual([{ txid: pad('0x0c'), byTxid: TX_1 }])
  })
})

describe('a block of a thousand payments', () => {
  const txids = Array.from({ length: 1_000 }, (_, at) => pad(`0x${(at + 1).toString(16)}`))
  const FAILED = txids[7]
  const full: Answers = {
    ...honest,
    eth_getLogs: () => [],
    eth_getBlockByHash: () => block(txids.map((hash, at) => transaction({ hash, nonce: `0x${at.toString(16)}` }))),
    eth_getBlockReceipts: () =>
      txids.map((transactionHash) => receipt({ transactionHash, status: transactionHash === FAILED ? '0x0' : '0x1' })),
    eth_getTransactionByHash: ({ params }) => transaction({ hash: params[0] }),
  }

  /** How often nodes are asked what, to have the payments of the block. Which chain they are of they are asked once for ever. */
  async function asked(...nodes: Answers[]) {
    const counts: Record<string, number> = {}
    const counted = nodes.map((answers) => {
      const count = (call: RpcCall) => {
        counts[call.method] = (counts[call.method] ?? 0) + 1
        return answers[call.method]?.(call)
      }
      return Object.fromEntries(Object.keys(answers).map((method) => [method, count]))
    })
    const read = await readerOf(...counted).block(HASH)
    if (!read.ok) throw new Error(read.error.detail)
    const found = await read.value.resolve(txids.map((_, at) => at))
    return { counts, found: found.ok ? found.value.map(({ txid }) => txid) : found.error.reason }
  }
  const paid = txids.filter((txid) => txid !== FAILED)

  test('costs a node a few calls, and as many a node that confirms it', async () => {
    const alone = { eth_getBlockByHash: 1, eth_getLogs: 1, eth_getBlockReceipts: 1 }
    expect(await asked(full)).toEqual({ counts: alone, found: paid })
    const both = { eth_getBlockByHash: 2, eth_getLogs: 1, eth_getBlockReceipts: 2 }
    expect(await asked(full, full)).toEqual({ counts: both, found: paid })
  })

  test('is five calls of a look that had seen them all waiting', async () => {
    const payees = txids.map((txid) => keccak256(txid).slice(0, 42) as Hex)
    const paying = txids.map((hash, at) => transaction({ hash, nonce: `0x${at.toString(16)}`, to: payees[at] }))
    const genesis = block([], { number: '0x0', hash: pad('0xb0'), parentHash: pad('0x') })
    const mined = { number: '0x1', parentHash: pad('0xb0') }
    let isMined = false
    const counts: Record<string, number> = {}
    const answers: Answers = {
      ...full,
      eth_getBlockByNumber: ({ params }) => {
        if (params[0] === 'pending') return block(isMined ? [] : paying)
        return isMined ? block([], mined) : genesis
      },
      eth_getBlockByHash: () => (isMined ? block(paying, mined) : genesis),
      eth_getBlockReceipts: () => txids.map((transactionHash) => receipt({ transactionHash })),
    }
    const reader = createEvmReader(
      chain,
      [ENDPOINT],
      fakeFetch((call) => {
        counts[call.method] = (counts[call.method] ?? 0) + 1
        return call.method === 'eth_chainId' ? '0x7a69' : answers[call.method]?.(call)
      }),
    )
    const follower = new MemoryFollower(chain)
    const list = memoryWatch(4)
    for (const payee of payees) list.add(hexToBytes(payee), 'inv')
    const ports = { follower, watch: list.watch, reader, clock: () => 1_000_000 }
    const statuses = () => [...new Set([...follower.payments.values()].map(({ status }) => status))]
    expect(await look(ports)).toBe('synced')
    expect([follower.payments.size, statuses()]).toEqual([1_000, ['unconfirmed']])
    isMined = true
    for (const method of Object.keys(counts)) delete counts[method]
    expect(await look(ports)).toBe('synced')
    expect([follower.payments.size, statuses()]).toEqual([1_000, ['confirmed']])
    const { eth_chainId: _, ...asked } = counts
    expect(asked).toEqual({ eth_getBlockByNumber: 2, eth_getBlockByHash: 1, eth_getLogs: 1, eth_getBlockReceipts: 1 })
  })

  test('is read receipt by receipt where a node does not tell them by their block', async () => {
    const { eth_getBlockReceipts: _, ...older } = full
    const { counts, found } = await asked({ ...older, eth_getTransactionReceipt: full.eth_getTransactionReceipt ?? (() => null) })
    expect({ counts, found }).toMatchObject({ counts: { eth_getTransactionReceipt: 1_000 }, found: txids })
    expect(await asked({ ...full, eth_getBlockReceipts: () => null })).toMatchObject({ found: txids })
  })

  test('is not taken in when a receipt is missing, is of another block, or the other node has less of it', async () => {
    const all = (over: object) => () => txids.map((transactionHash) => receipt({ transactionHash, ...over }))
    expect(await asked({ ...full, eth_getBlockReceipts: () => all({})().slice(1) })).toMatchObject({ found: 'node_refused' })
    expect(await asked({ ...full, eth_getBlockReceipts: all({ blockHash: pad('0xb2') }) })).toMatchObject({ found: 'node_refused' })
    expect(await asked({ ...full, eth_getBlockReceipts: all({ status: 'x' }) })).toMatchObject({ found: 'protocol' })
    const poorer = { ...full, eth_getBlockReceipts: () => all({})().slice(1) }
    expect(await asked(full, poorer)).toMatchObject({ found: 'nodes_disagree' })
  })
})

test('several blocks are read at one time where they are small, and fewer the more is in them', async () => {
  const txids = Array.from({ length: 1_000 }, (_, at) => pad(`0x${(at + 1).toString(16)}`))
  let count = 0
  const reader = readerOf({
    ...honest,
    eth_getLogs: () => [],
    eth_getBlockByHash: () => block(txids.slice(0, count).map((hash, at) => transaction({ hash, nonce: `0x${at.toString(16)}` }))),
  })
  expect(reader.ahead).toBe(1)
  for (const [transactions, ahead] of [
    [0, 4],
    [20, 4],
    [150, 2],
    [1_000, 1],
    [1, 4],
  ] as const) {
    count = transactions
    expect(await reader.block(HASH)).toMatchObject({ ok: true })
    expect(reader.ahead).toBe(ahead)
  }
})

test('a height above the head has no hash; the wrong height is a lie', async () => {
  expect(await readerOf({ eth_getBlockByNumber: () => null }).hashAt(16)).toEqual({ ok: true, value: null })
  expect(await readerOf(honest).hashAt(16)).toEqual({ ok: true, value: HASH })
  expect(await readerOf(honest).hashAt(17)).toMatchObject({ error: { reason: 'node_lied' } })
})

describe('the head of a chain with a finality tag', () => {
  const tagged = (final: unknown) => {
    const answers: Answers = {
      eth_getBlockByNumber: ({ params }) => {
        if (params[0] === 'latest') return block([])
        if (final instanceof Error) throw { code: -32000, message: final.message }
        return final
      },
    }
    return createEvmReader(
      { ...chain, finality: 'safe' },
      [ENDPOINT],
      fakeFetch((call) => (call.method === 'eth_chainId' ? '0x7a69' : answers[call.method]?.(call))),
    ).head()
  }

  test('comes with the block under it', async () => {
    const final = block([], { number: '0xe', hash: pad('0xae') })
    expect(await tagged(final)).toMatchObject({ value: { height: 16, final: { height: 14, hash: pad('0xae') } } })
  })

  test.each<[string, unknown]>([
    ['does not know one', null],
    ['refuses to name one', new Error('safe block not found')],
  ])('is read all the same while the node %s', async (_name, final) => {
    expect(await tagged(final)).toMatchObject({ value: { height: 16, final: null } })
  })

  test('is a lie when the final block is above it', async () => {
    expect(await tagged(block([], { number: '0x11' }))).toMatchObject({ error: { reason: 'node_lied' } })
  })
})

test('nodes that serve no pending block show nothing that waits, and still tell what is gone', async () => {
  const known: Record<string, object | null> = {
    [pad('0x0a')]: null,
    [pad('0x0b')]: transaction({ hash: pad('0x0b'), blockNumber: null }),
    [pad('0x0c')]: transaction({ hash: pad('0x0c'), blockNumber: '0xf' }),
    [pad('0x0d')]: transaction({ hash: pad('0x0d'), blockNumber: '0xe' }),
  }
  const answers = {
    ...honest,
    eth_getTransactionByHash: ({ params }: { params: readonly unknown[] }) => known[String(params[0])],
    eth_getBlockByNumber: () => {
      throw new Error('nobody asks for a pending block')
    },
  }
  const mempool = await readerAt({ url: ENDPOINT.url }, answers).mempool()
  if (!mempool.ok) throw new Error('no mempool')
  expect(mempool.value.fingerprints).toHaveLength(0)
  expect(await mempool.value.missing([], 0x10)).toEqual({ ok: true, value: [] })
  expect(await mempool.value.missing(Object.keys(known), 0x10)).toEqual({ ok: true, value: [pad('0x0a'), pad('0x0d')] })
  const behind = 'by what was taken in, however far the node has come'
  expect(await mempool.value.missing(Object.keys(known), 0x0e), behind).toEqual({ ok: true, value: [pad('0x0a')] })
})

test('what waits is missing when the node forgot it, or when its block is old and held no transfer', async () => {
  const known: Record<string, object | null> = {
    [pad('0x0a')]: null,
    [pad('0x0b')]: transaction({ hash: pad('0x0b'), blockNumber: null }),
    [pad('0x0c')]: transaction({ hash: pad('0x0c'), blockNumber: '0xf' }),
    [pad('0x0d')]: transaction({ hash: pad('0x0d'), blockNumber: '0xd' }),
  }
  const mempool = await readerOf({ ...honest, eth_getTransactionByHash: ({ params }) => known[String(params[0])] }).mempool()
  if (!mempool.ok) throw new Error('no mempool')
  expect(await mempool.value.missing([TX_1, ...Object.keys(known)], 0x0f)).toEqual({ ok: true, value: [pad('0x0a'), pad('0x0d')] })
})

describe('whatever a node answers', () => {
  beforeEach(() => {
    for (const level of ['warn', 'error'] as const) vi.spyOn(console, level).mockImplementation(() => {})
  })
  afterEach(() => {
    vi.restoreAllMocks()
  })
  const anything = fc.jsonValue()

  async function readAll(answers: Answers): Promise<void> {
    const reader = readerOf(answers)
    const results: { ok: boolean }[] = [await reader.head(), await reader.hashAt(16)]
    const read = await reader.block(HASH)
    results.push(read)
    if (read.ok) results.push(await read.value.resolve(Array.from({ length: read.value.fingerprints.length / 8 }, (_, at) => at)))
    const mempool = await reader.mempool()
    results.push(mempool)
    if (mempool.ok) results.push(await mempool.value.missing([TX_2], 0x10))
    for (const result of results) expect(typeof result.ok).toBe('boolean')
  }

  /** With a transaction that runs code, its trace, and balances that agree. */
  const call = { type: 'CALL', from: PAYER, to: PAYEE, value: '0x5' }
  const traced: Answers = {
    ...honest,
    eth_getBlockByHash: () => block([transaction({ gas: '0xffff' }), transaction({ hash: TX_2, nonce: '0x1', to: LOCAL_USDC })]),
    debug_traceBlockByHash: () => [
      { txHash: TX_1, result: { ...call, calls: [call, { ...call, error: 'reverted', calls: [call] }] } },
      { txHash: TX_2, result: call },
    ],
    eth_call: ({ params }) => pad((params[1] as { blockHash: string }).blockHash === HASH ? '0x07' : '0x00'),
  }

  test('nothing throws: any JSON', async () => {
    await fc.assert(
      fc.asyncProperty(fc.record(Object.fromEntries(Object.keys(traced).map((method) => [method, anything]))), async (answers) => {
        await readAll(Object.fromEntries(Object.entries(answers).map(([method, answer]) => [method, () => answer])))
      }),
      { numRuns: 150 },
    )
  })

  test('nothing throws: one field of an honest answer changed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...Object.keys(traced)), fc.nat(), anything, async (method, at, value) => {
        await readAll({ ...traced, [method]: (call) => replaceLeaf(traced[method]?.(call), at, value) })
      }),
      { numRuns: 400 },
    )
  })
})

/** In the form of a block: three bits for each address and topic (yellow paper, section 4.3.1). */
function bloomOf(items: readonly Hex[]): Hex {
  const bits = items.flatMap((item) => [2, 6, 10].map((at) => Number(`0x${keccak256(item).slice(at, at + 4)}`) & 2047))
  return toHex(
    [...new Set(bits)].reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n),
    { size: 256 },
  )
}

function fullBloom(): Answers {
  return { eth_getBlockByHash: () => block([transaction()], { logsBloom: `0x${'ff'.repeat(256)}` }) }
}

/** The same JSON with the `at`-th value of it, counted through, replaced. */
function replaceLeaf(json: unknown, at: number, value: unknown): unknown {
  let count = 0
  JSON.stringify(json, (_key, field) => {
    count++
    return field
  })
  let left = at % Math.max(count, 1)
  return JSON.parse(JSON.stringify(json, (_key, field) => (left-- === 0 ? value : field)) ?? 'null')
}
