import fc from 'fast-check'
import { expect, test } from 'vitest'
import { merkleFault, readHeader, scanBlock } from '../../../src/gateways/bitcoin/block.ts'
import {
  conflictsIn,
  scanTransactions,
  type Transactions,
  transactionId,
  transactionOf,
  transfersAt,
} from '../../../src/gateways/bitcoin/scan.ts'
import { fingerprintOf } from '../../../src/gateways/gateway.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import type { Result } from '../../../src/lib/result.ts'
import { blockOf, coinbase, lists, merkleRoot, type SyntheticTransaction, transactions } from './blocks.ts'

const minerScript = fromHex('0014751e76e8199196d454941c45d1b3a323f1433bd6')
const blocks = fc.array(transactions, { maxLength: 12 }).map((txs): SyntheticTransaction[] => [coinbase(500, minerScript), ...txs])

const read = <T>(result: Result<T, string>): T => {
  if (!result.ok) throw new Error(result.error)
  return result.value
}
const outpoint = (input: { txid: Uint8Array; index: number }) => `${toHex(input.txid)}:${input.index}`

/** The first block ever: header, one legacy transaction with a 65-byte key in its script. */
const GENESIS =
  '0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c0101000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000'

test('the genesis block: hash, parent, time, transaction id, amount and merkle root', () => {
  const block = read(scanBlock(fromHex(GENESIS)))
  expect(block.header).toMatchObject({
    hash: '000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f',
    parentHash: '0'.repeat(64),
    timeMs: 1_231_006_505_000,
  })
  expect(merkleFault(block)).toBeNull()
  expect(transfersAt(block.transactions, [0], 'BTC')).toMatchObject([
    { txid: '4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b', index: '0', units: 5_000_000_000n },
  ])
})

test('every output of any block is told exactly: id, number, amount, script, what its transaction spends', () => {
  fc.assert(
    fc.property(blocks, (txs) => {
      const block = read(scanBlock(blockOf(txs)))
      const expected = txs.flatMap((tx) =>
        tx.outputs.map((output, index) => ({
          txid: tx.id,
          index: String(index),
          watchKey: Uint8Array.from(output.script),
          assetCode: 'BTC',
          units: output.amount,
          spends: tx.inputs.map(outpoint),
        })),
      )
      const positions = expected.map((_, position) => position)
      expect(transfersAt(block.transactions, positions, 'BTC')).toEqual(expected)
      expect(block.transactions.fingerprints).toEqual(
        new Uint8Array(Buffer.concat(expected.map((transfer) => fingerprintOf(transfer.watchKey)))),
      )
      expect(merkleFault(block)).toBeNull()
    }),
    { numRuns: 60 },
  )
})

test('transactions one after another scan as in a block, and an empty list has none', () => {
  expect(read(scanTransactions(new Uint8Array())).count).toBe(0)
  fc.assert(
    fc.property(lists({ minLength: 1, maxLength: 5 }), (txs) => {
      const scanned = read(scanTransactions(Buffer.concat(txs.map((tx) => tx.raw))))
      expect(txs.map((_, n) => transactionId(scanned, n))).toEqual(txs.map((tx) => tx.id))
    }),
    { numRuns: 30 },
  )
})

test('a block cut anywhere, or with bytes too many, is refused', () => {
  fc.assert(
    fc.property(blocks, fc.double({ min: 0, max: 1, noNaN: true }), (txs, where) => {
      const raw = blockOf(txs)
      expect(scanBlock(raw.subarray(0, Math.floor(where * (raw.length - 1)))).ok).toBe(false)
      expect(scanBlock(Buffer.concat([raw, Uint8Array.of(0)])).ok).toBe(false)
    }),
    { numRuns: 100 },
  )
})

test('bytes of any kind end in an answer, and what is read stays inside them', () => {
  const damaged = fc.tuple(blocks, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 6 }))
  fc.assert(
    fc.property(damaged, ([txs, changes]) => {
      const raw = Uint8Array.from(blockOf(txs))
      for (const [at, byte] of changes) raw[80 + (at % (raw.length - 80))] = byte
      const scanned = scanBlock(raw)
      if (scanned.ok) tellEverything(scanned.value.transactions)
    }),
    { numRuns: 120 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (raw) => {
      const scanned = scanTransactions(raw)
      if (scanned.ok) tellEverything(scanned.value)
    }),
    { numRuns: 120 },
  )
})

function tellEverything(scanned: Transactions): void {
  const positions = Array.from(scanned.outputs, (_, position) => position)
  expect(transfersAt(scanned, positions, 'BTC')).toHaveLength(scanned.outputs.length)
  expect(conflictsIn(scanned, [{ txid: 'a'.repeat(64), spends: [`${'b'.repeat(64)}:0`] }])).toEqual([])
}

test.each([
  ['a count of 2^32 transactions', 'feffffffff'],
  ['a size of nine bytes', 'ffffffffffffffffff'],
  ['a count written longer than needed', 'fd0100'],
  ['flags nobody knows', `0101000000${'0002'}`],
])('%s is refused at once', (_what, body) => {
  const started = performance.now()
  const padding = new Uint8Array(200_000)
  expect(scanBlock(Buffer.concat([new Uint8Array(80), fromHex(body), padding])).ok).toBe(false)
  expect(performance.now() - started).toBeLessThan(1_000)
})

test('a position outside the outputs is a defect, not a payment', () => {
  const { transactions: scanned } = read(scanBlock(fromHex(GENESIS)))
  for (const position of [-1, 1, 0.5]) expect(() => transactionOf(scanned, position)).toThrow('no output at position')
})

test('a transaction that spends a tracked outpoint is a conflict; the tracked one itself, or a neighbour output, is not', () => {
  fc.assert(
    fc.property(blocks, fc.nat(), fc.nat(), (txs, which, input) => {
      const scanned = read(scanBlock(blockOf(txs))).transactions
      const spender = txs[1 + (which % Math.max(txs.length - 1, 1))]
      if (!spender) return
      const spent = spender.inputs[input % spender.inputs.length] as { txid: Uint8Array; index: number }
      const loser = { txid: 'a'.repeat(64), spends: [`${'b'.repeat(64)}:1`, outpoint(spent)] }
      const itself = { txid: spender.id, spends: spender.inputs.map(outpoint) }
      const neighbour = { txid: 'c'.repeat(64), spends: [outpoint({ ...spent, index: spent.index + 1_000 })] }
      expect(conflictsIn(scanned, [itself, loser, neighbour])).toEqual([{ txid: loser.txid, byTxid: spender.id }])
    }),
    { numRuns: 60 },
  )
})

test('what is tracked may be of another kind: names that are no outpoints match nothing', () => {
  const { transactions: scanned } = read(scanBlock(fromHex(GENESIS)))
  expect(conflictsIn(scanned, [{ txid: 'x', spends: ['', '0x00:5', `${'0'.repeat(64)}`] }])).toEqual([])
  expect(conflictsIn(scanned, [])).toEqual([])
})

test('transactions that the header does not commit to are found out', () => {
  fc.assert(
    fc.property(lists({ minLength: 1, maxLength: 8 }), fc.nat(), (others, which) => {
      const txs = [coinbase(500, minerScript), ...others]
      const root = merkleRoot(txs.map((tx) => tx.id))
      const dropped = txs.filter((_, n) => n !== 1 + (which % others.length))
      expect(merkleFault(read(scanBlock(blockOf(dropped, root))))).not.toBeNull()
      // One payment made larger.
      const raw = Uint8Array.from(blockOf(txs))
      const scanned = read(scanBlock(raw)).transactions
      const at = scanned.outputs[which % scanned.outputs.length] as number
      raw[at] = (raw[at] ?? 0) ^ 1
      expect(merkleFault(read(scanBlock(raw)))).toBe('the transactions do not give the merkle root')
    }),
    { numRuns: 40 },
  )
})

test('a list with its last transaction twice has the same root and is refused all the same (CVE-2012-2459)', () => {
  const [second, third] = fc.sample(transactions, 2) as [SyntheticTransaction, SyntheticTransaction]
  const txs = [coinbase(500, minerScript), second, third]
  const twice = blockOf([...txs, third])
  expect(read(scanBlock(twice)).header.hash).toBe(read(readHeader(blockOf(txs))).hash)
  expect(merkleFault(read(scanBlock(twice)))).toBe('the same transactions twice')
})

test("Litecoin's last transaction of a block: flag 8, an empty MWEB part, and the extension block after it", () => {
  const plain = coinbase(500, minerScript)
  const [hogEx] = fc.sample(
    transactions.filter((tx) => tx.raw[4] !== 0),
    1,
  ) as [SyntheticTransaction]
  const { raw } = hogEx
  const flagged = Buffer.concat([raw.subarray(0, 4), fromHex('0008'), raw.subarray(4, -4), fromHex('00'), raw.subarray(-4)])
  const block = Buffer.concat([blockOf([plain, { ...hogEx, raw: flagged }]), fromHex('01deadbeef')])
  const scanned = read(scanBlock(block))
  expect(transactionId(scanned.transactions, 1)).toBe(hogEx.id)
  expect(merkleFault(scanned)).toBeNull()
})
