import fc from 'fast-check'
import { beforeAll, expect, test, vi } from 'vitest'
import type { LedgerRpc } from '../../src/ledger/rpc.ts'
import type { LedgerEntry } from '../../src/ledger/types.ts'
import { randomId } from '../../src/lib/ids.ts'
import { ledgerRow } from '../../src/storage/ledger-rows.ts'
import { migrateDatabases, testEnv } from './databases.ts'
import { ledgerOf, type Move, move, projectableLedger, projectLedgers, rowsOf } from './ledger-builders.ts'

beforeAll(migrateDatabases)

const usual: Move = { store: 0, cause: 'payment_seen', from: 0, to: 0, asset: 'BTC', amount: 5n, laterMs: 1, invoice: 0 }

function merchant(moves: readonly Move[]) {
  const stores = [randomId('st'), randomId('st')]
  return {
    merchantId: randomId('mer'),
    stores,
    entries: ledgerOf(moves, stores, [randomId('inv'), randomId('inv'), randomId('inv')]),
  }
}

async function expectCopied(stores: readonly string[], entries: readonly LedgerEntry[], shard = testEnv.SHARD_0) {
  for (const storeId of stores) {
    const expected = entries.filter(({ transaction }) => transaction.storeId === storeId).map(ledgerRow)
    expect(await rowsOf(storeId, shard)).toEqual(expected)
  }
}

test('any pages, repetitions, failures between any two steps: D1 ends with each transaction once, as the ledger has it', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const moves = fc.array(move, { minLength: 1, maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(
      moves,
      fc.integer({ min: 1, max: 9 }),
      fc.array(fc.boolean(), { maxLength: 20 }),
      fc.integer({ min: 1, max: 2 }),
      async (made, pageSize, failing, consumers) => {
        const { merchantId, stores, entries } = merchant(made)
        const { ledger, heard } = projectableLedger(entries, pageSize)
        const steps = [...failing]
        const flaky = async <T>(call: () => Promise<T>): Promise<T> => {
          const answer = steps.shift() ? null : await call()
          if (answer === null) throw new Error('failed')
          return answer
        }
        const deaf = { unprojected: () => flaky(ledger.unprojected), projected: (no: number) => flaky(() => ledger.projected(no)) }
        const SHARD_0 = {
          prepare: (statement: string) => testEnv.SHARD_0.prepare(statement),
          batch: (statements: D1PreparedStatement[]) => flaky(() => testEnv.SHARD_0.batch(statements)),
        }
        const message = { shard: 0, merchantId }
        const consume = () => projectLedgers([message, message], { [merchantId]: deaf as LedgerRpc }, { SHARD_0 })
        // Each round of a failure uses up one of at most 20.
        for (let round = 0; round <= 20 && heard.told < entries.length; round++)
          await Promise.all(Array.from({ length: consumers }, consume))
        await expectCopied(stores, entries)
        heard.told = 0
        await consume()
        await expectCopied(stores, entries)
      },
    ),
    { numRuns: 40 },
  )
}, 60_000)

test('messages of one merchant are one visit, and all are acknowledged', async () => {
  const { merchantId, stores, entries } = merchant(Array.from({ length: 5 }, () => usual))
  const { ledger, heard } = projectableLedger(entries)
  const told = await projectLedgers(
    Array.from({ length: 7 }, () => ({ shard: 1, merchantId })),
    { [merchantId]: ledger },
  )
  expect(told).toEqual({ acked: Array(7).fill(merchantId), retried: [] })
  expect(heard).toEqual({ told: 5, visits: 2 })
  await expectCopied(stores, entries, testEnv.SHARD_1)
})

test('a ledger or a shard that fails costs only its own merchant’s messages a retry', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const [good, bad, lost] = [merchant([usual]), merchant([usual]), merchant([usual])]
  const told = await projectLedgers(
    [good, bad, lost, bad].map(({ merchantId }) => ({ shard: merchantId === lost.merchantId ? 7 : 0, merchantId })),
    {
      [good.merchantId]: projectableLedger(good.entries).ledger,
      [bad.merchantId]: {
        unprojected: async () => {
          throw new Error('object reset')
        },
      } as unknown as LedgerRpc,
      [lost.merchantId]: projectableLedger(lost.entries).ledger,
    },
  )
  expect(told.acked).toEqual([good.merchantId])
  expect(told.retried.sort()).toEqual([bad.merchantId, bad.merchantId, lost.merchantId].sort())
  await expectCopied(good.stores, good.entries)
})

test('a ledger that never ends holds up nobody: the message comes again later', async () => {
  const { merchantId, entries } = merchant([usual])
  const projected = vi.fn(async () => {})
  const endless = { unprojected: async () => entries, projected } as unknown as LedgerRpc
  expect(await projectLedgers([{ shard: 0, merchantId }], { [merchantId]: endless })).toEqual({ acked: [], retried: [merchantId] })
  expect(projected.mock.calls.length).toBeLessThanOrEqual(50)
})

test('a payment’s transactions cost one row written each, rarer ones two, a repetition none', async () => {
  const { merchantId, entries } = merchant([usual, { ...usual, cause: 'payment_settled' }, { ...usual, cause: 'refund' }])
  const written: number[] = []
  const SHARD_0 = {
    prepare: (statement: string) => testEnv.SHARD_0.prepare(statement),
    batch: async (statements: D1PreparedStatement[]) => {
      const results = await testEnv.SHARD_0.batch(statements)
      written.push(results.reduce((sum, { meta }) => sum + meta.rows_written, 0))
      return results
    },
  }
  const { ledger, heard } = projectableLedger(entries, 1)
  await projectLedgers([{ shard: 0, merchantId }], { [merchantId]: ledger }, { SHARD_0 })
  heard.told = 0
  await projectLedgers([{ shard: 0, merchantId }], { [merchantId]: ledger }, { SHARD_0 })
  expect(written).toEqual([1, 1, 2, 0, 0, 0])
})

test('a page of long transactions is written in several statements that D1 takes', async () => {
  const { merchantId, stores, entries } = merchant(Array.from({ length: 100 }, () => usual))
  const long = entries.map(({ transaction, balances }) => ({
    balances,
    transaction: { ...transaction, reason: 'ß'.repeat(20_000) },
  }))
  expect((await projectLedgers([{ shard: 0, merchantId }], { [merchantId]: projectableLedger(long).ledger })).acked).toHaveLength(1)
  await expectCopied(stores, long)
})
