import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { merkleFault, type ScannedBlock, scanBlock } from '../../../src/gateways/bitcoin/block.ts'
import { canonicalPart, pegOutConflicts, withPegOuts } from '../../../src/gateways/bitcoin/mweb.ts'
import { createBitcoinReader } from '../../../src/gateways/bitcoin/reader.ts'
import { scanTransactions, type Transactions, transactionId, transfersAt } from '../../../src/gateways/bitcoin/scan.ts'
import type { Transfer } from '../../../src/gateways/gateway.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import type { Result } from '../../../src/lib/result.ts'
import { blockOf, coinbase, type SyntheticTransaction, synthetic, transactions } from '../bitcoin/blocks.ts'
import { litecoinRegtest } from './chain.ts'

/** What a real node wrote: see fixtures/README.md. */
const fixture = (name: string) => fromHex(readFileSync(join(import.meta.dirname, 'fixtures', `${name}.hex`), 'utf8').trim())
const read = <T>(result: Result<T, string>): T => {
  if (!result.ok) throw new Error(result.error)
  return result.value
}

/** As `getblock 2` tells them. */
const PEG_OUTS = {
  hash: '060c81e71de619e6ea1b63ee50f74e025512445759fad9df922f09d0ca66c6a1',
  hogEx: '4a9835ab61a8e76ea22def033fe061dea19e52643d79b6e92975d85a3d41b42a',
  scripts: ['0014cadce92441cea3d3f7135014cbd8823a2cfd665e', '0014a6f49bf71859a104d4df376bfc67067265b3bb57'],
  units: [150_000_000n, 50_000_000n],
} as const

/** All transfers of a block, as the reader tells them. */
function transfersOf({ transactions }: ScannedBlock): Transfer[] {
  const positions = Array.from(transactions.outputs, (_, position) => position)
  return withPegOuts(transactions, positions, transfersAt(transactions, positions, 'LTC'))
}

test.each(['block-with-peg-outs', 'block-with-peg-outs-serialversion-1'])(
  '%s: the HogEx pays the peg-outs from output 1 on',
  (name) => {
    const block = read(scanBlock(fixture(name)))
    expect(block.header.hash).toBe(PEG_OUTS.hash)
    expect(merkleFault(block)).toBeNull()
    const spends = PEG_OUTS.scripts.map((script, n) => `pegout:${PEG_OUTS.units[n]}:${script}`)
    expect(
      transfersOf(block)
        .slice(-2)
        .map((transfer) => ({ ...transfer, watchKey: toHex(transfer.watchKey) })),
    ).toEqual([
      { txid: PEG_OUTS.hogEx, index: '1', watchKey: PEG_OUTS.scripts[0], assetCode: 'LTC', units: 150_000_000n, spends },
      { txid: PEG_OUTS.hogEx, index: '2', watchKey: PEG_OUTS.scripts[1], assetCode: 'LTC', units: 50_000_000n, spends },
    ])
    // Output 0 holds all coins of the MWEB: no peg-out, and its script is of a form that no address of ours has.
    const [hogAddress] = transfersOf(block).slice(-3)
    expect(hogAddress).toMatchObject({ txid: PEG_OUTS.hogEx, index: '0', units: 1_049_985_550n })
    expect(toHex(hogAddress?.watchKey as Uint8Array)).toMatch(/^5820/)
  },
)

test('a block with a peg-in: three transactions with the ids of the node, and none of them a peg-out', () => {
  const block = read(scanBlock(fixture('block-with-peg-in')))
  expect(block.header.hash).toBe('eec28ab98784a076d1fed745c53ac925becbf06041aff49665e64a69aad8d2b3')
  expect(merkleFault(block)).toBeNull()
  expect([0, 1, 2].map((n) => transactionId(block.transactions, n))).toEqual([
    'ed4b1cc248dd55575c5bbc904c07a558d31f248dce6216fea25ff4c25f31d908',
    'a177c38dfc97d8b6ce0a7c5ef70d9fa91b76e9926818f916644ccc6752ffd617',
    '4a1dfb36cf5a8ee2905cd9e77413b919aa17e8b920fb5f391743e8fdcba3eb07',
  ])
  expect(transfersOf(block).filter(({ spends }) => spends[0]?.startsWith('pegout:'))).toEqual([])
})

test('a waiting peg-in is read without its MWEB data, under the id it keeps in its block', () => {
  const scanned = read(scanTransactions(canonicalPart(fixture('waiting-peg-in')) ?? new Uint8Array()))
  expect(transfersAt(scanned, [0], 'LTC')).toMatchObject([
    {
      txid: '35e4020f730580cc65ac7b837414e0d497db37e49050a0d47d9f642ce65f9acb',
      units: 1_249_898_370n,
      spends: ['65522606287849533911a553d8144d52b45b0482ef7cd5b58cab000cb7ba20f2:0'],
    },
  ])
})

test('a waiting peg-out has nothing that will stand in a block', () => {
  expect(canonicalPart(fixture('waiting-peg-out'))).toBeNull()
})

test('the mempool: a peg-out is not told while it waits, a peg-in that takes the coins of a payment is a conflict', async () => {
  const waiting = {
    '806f9d769478b694e98f17265759f1eb976570443ab966a86094cf502a034f49': 'waiting-peg-out',
    '35e4020f730580cc65ac7b837414e0d497db37e49050a0d47d9f642ce65f9acb': 'waiting-peg-in',
  } as const
  let fetched = 0
  const fetcher: typeof fetch = async (_url, init) => {
    const asked = JSON.parse(String(init?.body)) as { id: number; method: string; params: (keyof typeof waiting)[] }
    const answer = ({ id, method, params }: typeof asked) => {
      if (method === 'getrawmempool') return { id, result: Object.keys(waiting), error: null }
      if (method === 'getmempoolinfo') return { id, result: { loaded: true }, error: null }
      fetched++
      return { id, result: toHex(fixture(waiting[params[0] as keyof typeof waiting])), error: null }
    }
    return Response.json(Array.isArray(asked) ? asked.map(answer) : answer(asked))
  }
  const reader = createBitcoinReader(litecoinRegtest, [{ url: 'http://127.0.0.1:1' }], fetcher)
  const scan = await reader.mempool()
  if (!scan.ok || !scan.value) throw new Error('no mempool')
  expect(scan.value.fingerprints.length).toBe(8)
  const [pegOut, pegIn] = Object.keys(waiting) as [string, string]
  const spends = ['65522606287849533911a553d8144d52b45b0482ef7cd5b58cab000cb7ba20f2:0']
  expect(scan.value.conflicts([{ txid: 'a'.repeat(64), spends }])).toEqual([{ txid: 'a'.repeat(64), byTxid: pegIn }])
  expect(await scan.value.missing([pegOut, pegIn], 0)).toEqual({ ok: true, value: [] })
  scan.value.seen()
  // What has been looked at is not fetched again, readable or not.
  await reader.mempool()
  expect(fetched).toBe(2)
})

/** A transaction as it waits with MWEB data: flag 8, and the data before the lock time. */
function withMweb({ raw }: SyntheticTransaction, data: Uint8Array): Uint8Array {
  const segwit = raw[4] === 0
  const flags = Uint8Array.of(0, segwit ? 9 : 8)
  return Buffer.concat([raw.subarray(0, 4), flags, raw.subarray(segwit ? 6 : 4, -4), Uint8Array.of(1), data, raw.subarray(-4)])
}

test('the MWEB data are cut out of any transaction exactly, and others are left as they are', () => {
  fc.assert(
    fc.property(transactions, fc.uint8Array({ maxLength: 300 }), (tx, data) => {
      expect(canonicalPart(tx.raw)).toEqual(tx.raw)
      expect(canonicalPart(withMweb(tx, data))).toEqual(Uint8Array.from(tx.raw))
    }),
    { numRuns: 100 },
  )
})

test('a large one too', () => {
  const input = { txid: new Uint8Array(32).fill(3), index: 0, finalScriptSig: new Uint8Array(), sequence: 1, witness: [] }
  const tx = synthetic(2, 0, [input], [{ amount: 1n, script: new Uint8Array(390_000) }])
  expect(canonicalPart(withMweb(tx, new Uint8Array(100_000)))?.length).toBe(tx.raw.length)
})

test('whatever is changed or cut off in what a node wrote, it ends in an answer', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 6 })
  const names = [
    'block-with-peg-in',
    'block-with-peg-outs',
    'block-with-peg-outs-serialversion-1',
    'waiting-peg-in',
    'waiting-peg-out',
  ]
  const whole = new Map(names.map((name) => [name, fixture(name)]))
  const lost = [{ txid: 'a'.repeat(64), spends: ['pegout:150000000:0014cadce92441cea3d3f7135014cbd8823a2cfd665e'] }]
  fc.assert(
    fc.property(fc.constantFrom(...names), changes, fc.double({ min: 0, max: 1, noNaN: true }), (name, bytes, kept) => {
      const all = Uint8Array.from(whole.get(name) as Uint8Array)
      // Where the ids, counts and flags are: the extension block is most of the rest, and nobody looks into it.
      for (const [at, byte] of bytes) all[at % Math.min(all.length, 620)] = byte
      const raw = all.subarray(0, Math.ceil(kept * all.length))
      const part = canonicalPart(raw)
      if (part) scanTransactions(part)
      const block = scanBlock(raw)
      if (!block.ok) return
      transfersOf(block.value)
      pegOutConflicts(block.value.transactions, lost)
    }),
    { numRuns: 600 },
  )
})

/** A block of a chain with MWEB: its last transaction pays these scripts. `spent` makes one HogEx differ from another. */
function hogExBlock(pegOuts: readonly { amount: bigint; script: Uint8Array }[], spent: number): Transactions {
  const input = { txid: new Uint8Array(32).fill(spent), index: 0, finalScriptSig: new Uint8Array(), sequence: 1, witness: [] }
  const hogAddress = { amount: 9n, script: fromHex(`5820${'ab'.repeat(32)}`) }
  const hogEx = synthetic(2, 0, [input], [hogAddress, ...pegOuts])
  return read(scanBlock(blockOf([coinbase(500, fromHex(`0014${'00'.repeat(20)}`)), hogEx]))).transactions
}

const scriptOf = (n: number) => fromHex(`0014${n.toString(16).padStart(40, '0')}`)
/** Small numbers, so that equal peg-outs are common. */
const pegOuts = fc.array(fc.record({ amount: fc.bigInt({ min: 1n, max: 3n }), script: fc.nat({ max: 2 }).map(scriptOf) }), {
  maxLength: 5,
})

test("a HogEx's place is taken by one that pays all our peg-outs of it again, each as often; by no other", () => {
  fc.assert(
    fc.property(pegOuts, pegOuts, fc.boolean(), (before, after, same) => {
      const lost = hogExBlock(before, 1)
      const now = hogExBlock(same ? before : after, same ? 1 : 2)
      const positions = before.map((_, n) => lost.outputs.length - before.length + n)
      const [first] = withPegOuts(lost, positions, transfersAt(lost, positions, 'LTC'))
      if (!first) return
      const again = [...after]
      const allPaid = before.every(({ amount, script }) => {
        const at = again.findIndex((one) => one.amount === amount && toHex(one.script) === toHex(script))
        if (at >= 0) again.splice(at, 1)
        return at >= 0
      })
      const byTxid = transactionId(now, 1)
      const expected = !same && allPaid ? [{ txid: first.txid, byTxid }] : []
      expect(pegOutConflicts(now, [{ txid: 'b'.repeat(64), spends: ['c'] }, first, { txid: 'd'.repeat(64), spends: [] }])).toEqual(
        expected,
      )
    }),
    { numRuns: 300 },
  )
})

test('names are kept of twenty peg-outs at most, for a stranger can pay as many as fit a block', () => {
  const many = hogExBlock(
    Array.from({ length: 500 }, (_, n) => ({ amount: 1n, script: scriptOf(n) })),
    1,
  )
  const positions = Array.from({ length: 500 }, (_, n) => many.outputs.length - 500 + n)
  const transfers = withPegOuts(many, positions, transfersAt(many, positions, 'LTC'))
  expect(transfers).toHaveLength(500)
  for (const { spends } of transfers) expect(spends).toHaveLength(20)
})
