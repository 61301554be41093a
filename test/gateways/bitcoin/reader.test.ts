import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS } from '../../../config/development.ts'
import { readHeader } from '../../../src/gateways/bitcoin/block.ts'
import { createBitcoinReader } from '../../../src/gateways/bitcoin/reader.ts'
import type { ChainReader, MempoolScan } from '../../../src/gateways/gateway.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { blockOf, coinbase, lists, merkleRoot, type SyntheticTransaction, synthetic } from './blocks.ts'

type Call = { id: number; method: string; params: (string | number | boolean)[] }

let chains = 0
/** A reader of a node that answers from a function; a chain of its own, so that nothing has been seen of its mempool. */
function readerOf(answer: (method: string, ...params: Call['params']) => unknown): ChainReader {
  const respond = ({ id, method, params }: Call) => {
    const result = answer(method, ...params)
    return result instanceof Error
      ? { id, result: null, error: { code: -5, message: result.message } }
      : { id, result, error: null }
  }
  const fetcher: typeof fetch = async (_url, init) => {
    const asked = JSON.parse(String(init?.body)) as Call | Call[]
    return Response.json(Array.isArray(asked) ? asked.map(respond) : respond(asked))
  }
  const chain = { ...(DEVELOPMENT_CHAINS[0] as ChainConfig), id: `${BITCOIN_REGTEST}-${chains++}` }
  return createBitcoinReader(chain, [{ url: 'http://127.0.0.1:1' }], fetcher)
}

const script = fromHex('0014751e76e8199196d454941c45d1b3a323f1433bd6')
const paying = (units: bigint, spent = 1): SyntheticTransaction =>
  synthetic(
    2,
    0,
    [
      {
        txid: new Uint8Array(32).fill(spent),
        index: spent,
        finalScriptSig: new Uint8Array(),
        sequence: 0xfffffffd,
        witness: [script],
      },
    ],
    [{ amount: units, script }],
  )
const hashOf = (raw: Uint8Array): string => {
  const header = readHeader(raw)
  if (!header.ok) throw new Error(header.error)
  return header.value.hash
}
/** A node that holds one block. `served` is what it gives for it. */
const nodeWith = (raw: Uint8Array, served: Uint8Array = raw) =>
  readerOf((method, _hash, verbose) => {
    if (method === 'getbestblockhash') return hashOf(raw)
    if (method === 'getblock') return toHex(served)
    return verbose ? { height: 500 } : toHex(raw.subarray(0, 80))
  })
const mempoolOf = async (reader: ChainReader): Promise<MempoolScan> => {
  const scan = await reader.mempool()
  if (!scan.ok || !scan.value) throw new Error('no mempool')
  return scan.value
}

test('the head: height from the node, the rest from the header itself', async () => {
  const raw = blockOf([coinbase(500, script)])
  expect(await nodeWith(raw).head()).toEqual({
    ok: true,
    value: { height: 500, hash: hashOf(raw), parentHash: '07'.repeat(32), timeMs: 1_700_000_000_000 },
  })
})

test('a header that has another hash is a lie', async () => {
  const raw = blockOf([coinbase(500, script)])
  const reader = readerOf((method, _hash, verbose) => {
    if (method === 'getbestblockhash') return 'ab'.repeat(32)
    return verbose ? { height: 500 } : toHex(raw.subarray(0, 80))
  })
  expect(await reader.head()).toMatchObject({ ok: false, error: { reason: 'node_lied' } })
})

test('another block than the one asked for, or a cut one, is a lie', async () => {
  const raw = blockOf([coinbase(500, script)])
  const other = blockOf([coinbase(501, script)])
  expect(await nodeWith(raw, other).block(hashOf(raw))).toMatchObject({ ok: false, error: { reason: 'node_lied' } })
  expect(await nodeWith(raw, raw.subarray(0, -1)).block(hashOf(raw))).toMatchObject({ ok: false, error: { reason: 'node_lied' } })
})

test('a payment or a conflict is told of a block only when the merkle root proves its transactions', async () => {
  const honest = [coinbase(500, script), paying(1_000n)]
  const root = merkleRoot(honest.map((tx) => tx.id))
  const forged = blockOf([coinbase(500, script), paying(9_000n)], root)
  const block = await nodeWith(forged).block(hashOf(forged))
  if (!block.ok) throw new Error('refused')
  expect(block.value.fingerprints.length).toBe(16)
  expect(await block.value.resolve([])).toEqual({ ok: true, value: [] })
  expect(await block.value.resolve([1])).toMatchObject({ ok: false, error: { reason: 'node_lied' } })
  const tracked = [{ txid: 'a'.repeat(64), spends: [`${'01'.repeat(32)}:1`] }]
  expect(block.value.conflicts(tracked)).toEqual([])

  const proven = blockOf(honest, root)
  const truth = await nodeWith(proven).block(hashOf(proven))
  if (!truth.ok) throw new Error('refused')
  expect(await truth.value.resolve([1])).toMatchObject({ ok: true, value: [{ units: 1_000n, txid: honest[1]?.id }] })
  expect(truth.value.conflicts(tracked)).toEqual([{ txid: 'a'.repeat(64), byTxid: honest[1]?.id }])
})

test('a waiting transaction is told until it is marked as seen, and again when it had left in between', async () => {
  const tx = paying(1_000n)
  let waiting = [tx]
  const reader = readerOf((method) => (method === 'getrawmempool' ? waiting.map((one) => one.id) : toHex(tx.raw)))
  const first = await mempoolOf(reader)
  expect(await first.resolve([0])).toMatchObject({ ok: true, value: [{ txid: tx.id, index: '0', units: 1_000n }] })
  expect((await mempoolOf(reader)).fingerprints.length).toBe(8)
  first.seen()
  const second = await mempoolOf(reader)
  expect(second.fingerprints.length).toBe(0)
  expect(await second.missing([tx.id, 'b'.repeat(64)], 0)).toEqual({ ok: true, value: ['b'.repeat(64)] })
  waiting = []
  expect(await (await mempoolOf(reader)).missing([tx.id], 0)).toEqual({ ok: true, value: [tx.id] })
  waiting = [tx]
  expect((await mempoolOf(reader)).fingerprints.length).toBe(8)
})

test('a transaction that vanished, or that nobody can read, hides no other one', async () => {
  const good = paying(1_000n)
  const vanished = paying(2_000n, 2)
  let back = false
  const reader = readerOf((method, txid) => {
    if (method === 'getrawmempool') return [vanished.id, 'c'.repeat(64), good.id]
    if (txid === good.id) return toHex(good.raw)
    if (txid !== vanished.id) return 'deadbeef'
    return back ? toHex(vanished.raw) : new Error('No such mempool or blockchain transaction')
  })
  const scan = await mempoolOf(reader)
  expect(await scan.resolve([0])).toMatchObject({ ok: true, value: [{ txid: good.id }] })
  scan.seen()
  back = true
  expect(await (await mempoolOf(reader)).resolve([0])).toMatchObject({ ok: true, value: [{ txid: vanished.id }] })
})

test('a node that has yet to load its mempool does not say what waits, and so not what is missing', async () => {
  let loaded = false
  const reader = readerOf((method) => (method === 'getmempoolinfo' ? { loaded } : []))
  expect(await reader.mempool()).toMatchObject({ error: { reason: 'node_unreachable' } })
  loaded = true
  expect(await (await mempoolOf(reader)).missing(['a'.repeat(64)], 0)).toEqual({ ok: true, value: ['a'.repeat(64)] })
})

test('a transaction under a false id is not believed', async () => {
  const reader = readerOf((method) => (method === 'getrawmempool' ? ['d'.repeat(64)] : toHex(paying(1_000n).raw)))
  expect(await (await mempoolOf(reader)).resolve([0])).toMatchObject({ ok: false, error: { reason: 'node_lied' } })
})

test('a full mempool is taken in by bounded steps, each transaction once', async () => {
  const all = new Map(Array.from({ length: 4_500 }, (_, n) => paying(BigInt(n))).map((tx) => [tx.id, toHex(tx.raw)]))
  let batches = 0
  const reader = readerOf((method, txid) => {
    if (method === 'getrawmempool') return [...all.keys()]
    if (method === 'getmempoolinfo') return { loaded: true }
    batches++
    return all.get(String(txid))
  })
  const sizes: number[] = []
  const more: (boolean | undefined)[] = []
  const found = new Set<string>()
  for (let look = 0; look < 4; look++) {
    const scan = await mempoolOf(reader)
    const count = scan.fingerprints.length / 8
    sizes.push(count)
    more.push(scan.more)
    const transfers = await scan.resolve(Array.from({ length: count }, (_, position) => position))
    if (transfers.ok) for (const transfer of transfers.value) found.add(transfer.txid)
    scan.seen()
  }
  expect(sizes).toEqual([2_000, 2_000, 500, 0])
  expect(more).toEqual([true, true, false, false])
  expect(found.size).toBe(4_500)
  expect(batches).toBe(4_500)
})

test('large transactions end a step early and are split over smaller requests', async () => {
  const large = (n: number) => {
    const witness = [new Uint8Array(390_000)]
    const input = { txid: new Uint8Array(32).fill(3), index: n, finalScriptSig: new Uint8Array(), sequence: 1, witness }
    return synthetic(2, 0, [input], [{ amount: BigInt(n), script }])
  }
  // 30 of them would be an answer of 23 MB in one batch.
  const all = new Map(Array.from({ length: 30 }, (_, n) => large(n)).map((tx) => [tx.id, toHex(tx.raw)]))
  const reader = readerOf((method, txid) => (method === 'getrawmempool' ? [...all.keys()] : all.get(String(txid))))
  let found = 0
  let looks = 0
  for (; found < 30 && looks < 10; looks++) {
    const scan = await mempoolOf(reader)
    found += scan.fingerprints.length / 8
    expect(scan.more).toBe(found < 30)
    scan.seen()
  }
  expect(found).toBe(30)
  expect(looks).toBeGreaterThan(1)
  // 12 MB as hexadecimal: a busy machine may need more than the usual five seconds.
}, 30_000)

test('the mempool and a block tell the same of the same transaction', async () => {
  await fc.assert(
    fc.asyncProperty(lists({ minLength: 1, maxLength: 4 }), async (txs) => {
      const raw = blockOf([coinbase(500, script), ...txs])
      const block = await nodeWith(raw).block(hashOf(raw))
      const byId = new Map(txs.map((tx) => [tx.id, toHex(tx.raw)]))
      const scan = await mempoolOf(
        readerOf((method, txid) => (method === 'getrawmempool' ? [...byId.keys()] : byId.get(String(txid)))),
      )
      if (!block.ok) throw new Error('refused')
      const positions = Array.from({ length: scan.fingerprints.length / 8 }, (_, position) => position)
      expect(await scan.resolve(positions)).toEqual(await block.value.resolve(positions.map((position) => position + 1)))
    }),
    { numRuns: 15 },
  )
})
