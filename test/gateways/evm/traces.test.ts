import { pad } from 'viem'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { DEVELOPMENT_CHAINS, EVM_LOCAL } from '../../../config/development.ts'
import type { RpcCall } from '../../../src/gateways/evm/rpc.ts'
import { createTracer, mayRunCode, readTraces } from '../../../src/gateways/evm/traces.ts'
import type { WireBlock, WireTransaction } from '../../../src/gateways/evm/wire.ts'
import { createRegistry } from '../../../src/money/registry.ts'
import { fakeFetch } from './fake-node.ts'

const chain = createRegistry(DEVELOPMENT_CHAINS).chain(EVM_LOCAL)
const [A, B, C] = ['0xaa', '0xbb', '0xcc'].map((byte) => pad(byte as '0x', { size: 20 })) as [string, string, string]
const TX_1 = pad('0x01')
const TX_2 = pad('0x02')

const transaction = (txid: string, over: Partial<WireTransaction> = {}): WireTransaction => {
  return { txid, from: A, to: B, value: 0n, nonce: 0n, input: '0x', gas: 100_000n, height: 1, ...over }
}
const call = (from: string, to: string, value: string, over: object = {}) => ({ type: 'CALL', from, to, value, ...over })
const blockAt = (height: number, transactions = [transaction(TX_1)]): WireBlock => {
  const hash = pad(`0x${(0xb000 + height).toString(16)}`)
  return { ref: { height, hash, parentHash: pad('0xb0'), timeMs: 0 }, bloom: pad('0x', { size: 256 }), transactions }
}

describe('traces of calls', () => {
  const moves = (...calls: object[]) => readTraces([{ txHash: TX_1, result: call(A, B, '0x9', { calls }) }], [transaction(TX_1)])

  test('tell what contracts move, at any depth, and not what the transaction itself does', () => {
    expect(moves(call(B, C, '0x1', { calls: [call(C, A, '0x2')] }), call(B, C, '0x3'))?.moves).toEqual([
      { txid: TX_1, to: C, units: 1n },
      { txid: TX_1, to: A, units: 2n },
      { txid: TX_1, to: C, units: 3n },
    ])
  })

  test.each<[string, object]>([
    ['moves nothing', call(B, C, '0x0')],
    ['has no value', { type: 'STATICCALL', from: B, to: C }],
    ['shows the value of the call around it', call(B, C, '0x9', { type: 'DELEGATECALL' })],
    ['runs other code in its own account', call(B, C, '0x9', { type: 'CALLCODE' })],
    ['makes a contract', call(B, C, '0x9', { type: 'CREATE2' })],
    ['pays itself', call(B, B, '0x9')],
    ['failed', call(B, C, '0x9', { error: 'execution reverted' })],
    ['failed, and what it called did not', call(B, B, '0x0', { error: 'out of gas', calls: [call(B, C, '0x9')] })],
  ])('do not take for a payment what %s', (_name, frame) => {
    expect(moves(frame)).toEqual({ moves: [], whole: true })
  })

  test('of a transaction that failed move nothing', () => {
    const failed = { txHash: TX_1, result: call(A, B, '0x9', { error: 'execution reverted', calls: [call(B, C, '0x1')] }) }
    expect(readTraces([failed], [transaction(TX_1)])).toEqual({ moves: [], whole: true })
  })

  test('without ids are those of the transactions in their order', () => {
    const traces = [{ result: call(A, B, '0x0') }, { result: call(A, B, '0x0', { calls: [call(B, C, '0x4')] }) }]
    const both = [transaction(TX_1), transaction(TX_2)]
    expect(readTraces(traces, both)).toEqual({ moves: [{ txid: TX_2, to: C, units: 4n }], whole: true })
    expect(readTraces(traces.slice(1), both)).toBeNull()
    expect(readTraces([], both)).toEqual({ moves: [], whole: false })
  })

  test('may leave out what runs no code, and are not whole without the rest', () => {
    const traces = [{ txHash: TX_1, result: call(A, B, '0x0') }]
    expect(readTraces(traces, [transaction(TX_1), transaction(TX_2, { gas: 21_000n })])?.whole).toBe(true)
    expect(readTraces(traces, [transaction(TX_1), transaction(TX_2)])?.whole).toBe(false)
    expect(readTraces([...traces, { txHash: TX_2, error: 'execution timeout' }], [transaction(TX_1), transaction(TX_2)])).toEqual({
      moves: [],
      whole: false,
    })
  })

  test.each<[string, unknown]>([
    ['no list', { txHash: TX_1 }],
    ['a transaction of another block', [{ txHash: TX_2, result: call(A, B, '0x0') }]],
    ['one twice', [1, 2].map(() => ({ txHash: TX_1, result: call(A, B, '0x0') }))],
    ['calls that are no list', [{ txHash: TX_1, result: { ...call(A, B, '0x0'), calls: {} } }]],
    ['a call without a type', [{ txHash: TX_1, result: { ...call(A, B, '0x0'), calls: [{ from: B, to: C, value: '0x1' }] } }]],
    ['a value that is no number', [{ txHash: TX_1, result: { ...call(A, B, '0x0'), calls: [call(B, C, '1')] } }]],
  ])('that are %s are none', (_name, json) => {
    expect(readTraces(json, [transaction(TX_1)])).toBeNull()
  })

  test('nested deeper than the machine goes are none', () => {
    let frame: object = call(B, C, '0x1')
    for (let depth = 0; depth < 1_100; depth++) frame = call(B, C, '0x0', { calls: [frame] })
    expect(moves(frame)).toBeNull()
  })
})

test('code can run where there is gas for it, or data', () => {
  expect(mayRunCode({ gas: 21_000n, input: '0x' })).toBe(false)
  expect(mayRunCode({ gas: 21_001n, input: '0x' })).toBe(true)
  expect(mayRunCode({ gas: 21_000n, input: '0x00' })).toBe(true)
  expect(mayRunCode({ gas: null, input: '0x' })).toBe(true)
})

describe('nodes and their traces', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  const TRACES = [{ txHash: TX_1, result: call(A, B, '0x0', { calls: [call(B, C, '0x4')] }) }]
  const MOVES = [{ txid: TX_1, to: C, units: 4n }]

  /** A tracer over nodes that answer as they are told to; the answers can be changed meanwhile. */
  function tracer(...traces: (() => unknown)[]) {
    const asked: number[] = []
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const error = vi.spyOn(console, 'error').mockImplementation(() => {})
    const answer = (rpc: RpcCall, url: string) => {
      const at = Number(new URL(url).port) - 1
      if (rpc.method === 'eth_chainId') return '0x7a69'
      if (rpc.method === 'eth_getBlockByHash') return known[at] ? {} : null
      asked.push(at)
      return traces[at]?.()
    }
    const known = traces.map(() => true)
    const endpoints = traces.map((_, at) => ({ url: `http://127.0.0.1:${at + 1}` }))
    return { trace: createTracer(chain, endpoints, fakeFetch(answer)), asked, known, warn, error }
  }
  const refuse = (): never => {
    throw { code: -32601, message: 'method not found' }
  }

  test('that serve none are said to, once, and asked again some blocks later', async () => {
    let serve: () => unknown = refuse
    const { trace, asked, warn } = tracer(() => serve())
    for (let height = 1; height <= 12; height++) expect(await trace(blockAt(height))).toEqual({ ok: true, value: [] })
    expect(asked).toHaveLength(2)
    expect(warn).toHaveBeenCalledTimes(1)
    serve = () => TRACES
    for (let height = 13; height <= 22; height++) await trace(blockAt(height))
    expect(await trace(blockAt(23))).toEqual({ ok: true, value: MOVES })
  })

  test('stand in for one another', async () => {
    const { trace, asked, warn } = tracer(refuse, () => TRACES)
    expect(await trace(blockAt(1))).toEqual({ ok: true, value: MOVES })
    expect(await trace(blockAt(2))).toEqual({ ok: true, value: MOVES })
    expect(asked).toEqual([0, 1, 1])
    expect(warn).not.toHaveBeenCalled()
  })

  test('that have served them and fail hold the block up, and not for ever', async () => {
    let serve: () => unknown = () => TRACES
    const { trace, error } = tracer(() => serve())
    await trace(blockAt(1))
    serve = () => {
      throw { code: -32000, message: 'busy' }
    }
    expect(await trace(blockAt(2))).toMatchObject({ ok: false, error: { reason: 'node_unreachable' } })
    expect(await trace(blockAt(2))).toMatchObject({ ok: false })
    serve = () => TRACES
    expect(await trace(blockAt(2))).toEqual({ ok: true, value: MOVES })
    serve = () => 'nonsense'
    for (let time = 0; time < 2; time++) expect(await trace(blockAt(3))).toMatchObject({ error: { reason: 'node_lied' } })
    expect(await trace(blockAt(3))).toEqual({ ok: true, value: [] })
    expect(error).toHaveBeenCalledTimes(1)
  })

  test('that do not know the block yet hold it up, and are not taken for nodes without traces', async () => {
    const { trace, known } = tracer(() => (known[0] ? TRACES : refuse()))
    known[0] = false
    expect(await trace(blockAt(1))).toMatchObject({ ok: false, error: { reason: 'node_refused' } })
    known[0] = true
    expect(await trace(blockAt(1))).toEqual({ ok: true, value: MOVES })
  })

  test('that are asked too often hold the block up though they never served any, and then do not hold up each', async () => {
    let serve = (): unknown => {
      throw { code: 429, message: 'Your app has exceeded its compute units per second capacity' }
    }
    const { trace, asked, error } = tracer(() => serve())
    expect(await trace(blockAt(1))).toMatchObject({ ok: false, error: { reason: 'node_unreachable' } })
    const limit = serve
    serve = () => TRACES
    expect(await trace(blockAt(1))).toEqual({ ok: true, value: MOVES })

    const never = tracer(limit)
    for (let time = 0; time < 2; time++) expect(await never.trace(blockAt(1))).toMatchObject({ ok: false })
    for (let height = 1; height <= 11; height++) expect(await never.trace(blockAt(height))).toEqual({ ok: true, value: [] })
    expect(asked).toHaveLength(2)
    expect(never.asked).toHaveLength(3)
    expect(error).toHaveBeenCalledTimes(1)
  })

  test('that have some of a block give those, and the log says that there are more', async () => {
    const { trace, warn } = tracer(() => [...TRACES, { txHash: TX_2, error: 'Resource not found' }])
    expect(await trace(blockAt(1, [transaction(TX_1), transaction(TX_2)]))).toEqual({ ok: true, value: MOVES })
    expect(warn).toHaveBeenCalledTimes(1)
  })

  test('are not asked about a block of plain transfers', async () => {
    const { trace, asked } = tracer(refuse)
    expect(await trace(blockAt(1, [transaction(TX_1, { gas: 21_000n })]))).toEqual({ ok: true, value: [] })
    expect(asked).toEqual([])
  })
})
