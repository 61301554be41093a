import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DEVELOPMENT_CHAINS, EVM_LOCAL, LOCAL_USDC } from '../../../config/development.ts'
import { createEvmBalances } from '../../../src/gateways/evm/balance.ts'
import type { RpcCall } from '../../../src/gateways/evm/rpc.ts'
import { fromHex } from '../../../src/lib/bytes.ts'
import { createRegistry } from '../../../src/money/registry.ts'
import { fakeFetch } from './fake-node.ts'

/** anvil is in test/gateways/contract; here are answers that it never gives, and what is asked of a node. */
const chain = createRegistry(DEVELOPMENT_CHAINS).chain(EVM_LOCAL)
const HASH = `0x${'ab'.repeat(32)}`
const BLOCK = { number: '0x7', hash: HASH, parentHash: `0x${'cd'.repeat(32)}`, timestamp: '0x10' }
const word = (units: number) => `0x${units.toString(16).padStart(64, '0')}`
const keys = (count: number) => Array.from({ length: count }, (_, at) => fromHex(at.toString(16).padStart(40, '0')))

const honest = ({ method }: RpcCall) =>
  method === 'eth_chainId'
    ? `0x${Number(EVM_LOCAL.slice('eip155:'.length)).toString(16)}`
    : method.startsWith('eth_getBlockBy')
      ? BLOCK
      : method === 'eth_getBalance'
        ? '0x5'
        : word(6)
const read = (answer: (call: RpcCall) => unknown, count = 1, at: { height: number; hash: string } | null = null) =>
  createEvmBalances(chain, [{ url: 'http://127.0.0.1:1' }], fakeFetch(answer)).read(keys(count), at)

test('every question is of one block, by its hash, and only while that is in the best chain', async () => {
  const calls: RpcCall[] = []
  const answer = (call: RpcCall) => {
    calls.push(call)
    return honest(call)
  }
  const sight = await read(answer, 1_000)
  expect(sight).toMatchObject({ ok: true, value: { block: { height: 7, hash: HASH, timeMs: 16_000 } } })
  expect(sight.ok && sight.value.balances.length).toBe(2_000)
  expect(
    sight.ok && sight.value.balances.filter(({ assetCode }) => assetCode === 'USDC').every(({ confirmed }) => confirmed === 6n),
  ).toBe(true)
  const [block, ...rest] = calls.filter(({ method }) => method !== 'eth_chainId')
  expect(block).toMatchObject({ method: 'eth_getBlockByNumber', params: ['latest', false] })
  expect(rest).toHaveLength(2_000)
  for (const { params } of rest) expect(params[1]).toEqual({ blockHash: HASH, requireCanonical: true })
  const tokens = rest.filter(({ method }) => method === 'eth_call').map(({ params }) => params[0] as { to: string; data: string })
  expect(tokens[999]).toMatchObject({ to: LOCAL_USDC, data: `0x70a08231${(999).toString(16).padStart(64, '0')}` })
  await expect(read(honest, 1_001)).rejects.toThrow('1001 keys')
})

test('a node of another chain is not believed', async () => {
  const elsewhere = (call: RpcCall) => (call.method === 'eth_chainId' ? '0x1' : honest(call))
  expect(await read(elsewhere)).toMatchObject({ ok: false })
})

test('a block that is named is the one that is read, or none', async () => {
  const named = (call: RpcCall) => (call.method === 'eth_getBlockByHash' ? BLOCK : honest(call))
  expect(await read(named, 1, { height: 7, hash: HASH })).toMatchObject({ value: { block: { hash: HASH } } })
  const other = `0x${'ef'.repeat(32)}`
  expect(await read(named, 1, { height: 7, hash: other })).toMatchObject({ error: { reason: 'node_lied' } })
  const unknown = (call: RpcCall) => (call.method === 'eth_getBlockByHash' ? null : honest(call))
  expect(await read(unknown, 1, { height: 7, hash: HASH })).toMatchObject({ error: { reason: 'node_refused' } })
})

test('state that is gone, a token that is not there, and answers in another form are refused, whole', async () => {
  const instead = (method: string, result: unknown) => (call: RpcCall) => {
    if (call.method !== method) return honest(call)
    if (result instanceof Error) throw { code: -32000, message: result.message }
    return result
  }
  expect(await read(instead('eth_getBalance', new Error('header not found')))).toMatchObject({ error: { reason: 'node_refused' } })
  for (const result of ['0x', `${word(1)}00`, null, 6]) {
    expect(await read(instead('eth_call', result))).toMatchObject({
      error: { reason: 'protocol', detail: expect.stringContaining('USDC') },
    })
  }
  expect(await read(instead('eth_getBalance', word(5)))).toMatchObject({ ok: true })
  expect(await read(instead('eth_getBalance', 'five'))).toMatchObject({ error: { reason: 'protocol' } })
})

test('nothing a node says makes it throw', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.jsonValue(),
      fc.constantFrom('eth_getBlockByNumber', 'eth_getBalance', 'eth_call'),
      async (value, method) => {
        expect(await read((call) => (call.method === method ? value : honest(call)))).toHaveProperty('ok')
      },
    ),
    { numRuns: 300 },
  )
})
