import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { randomId } from '../../src/lib/ids.ts'
import type { ListPosition } from '../../src/storage/cursor.ts'
import { consumeProjections } from '../../src/storage/projection.ts'
import type { ProjectionMessage, TransferProjection } from '../../src/storage/rpc.ts'
import { countBatch, listBatch, listTransfers, type TransferFilter, walletOfTransfer } from '../../src/storage/transfers.ts'
import type { Transfer, TransferStatus } from '../../src/wallet/transfers/types.ts'
import { TRANSFER_AT_MS, transferOf } from '../wallet/transfers/transfer-of.ts'
import { migrateDatabases, testEnv } from './databases.ts'

beforeAll(migrateDatabases)

interface Told {
  readonly acked: number[]
  readonly retried: number[]
  readonly projected: { readonly id: string; readonly version: number }[]
}

/** Puts messages through the consumer; `wallet` answers what a wallet has of each. */
async function consume(
  messages: readonly TransferProjection[],
  wallet: (id: string) => Transfer | null,
  projected: () => Promise<void> = async () => {},
): Promise<Told> {
  const told: Told = { acked: [], retried: [], projected: [] }
  const WALLETS = {
    getByName: () => ({
      transfer: async (id: string) => wallet(id),
      projectedTransfer: async (id: string, version: number) => {
        await projected()
        told.projected.push({ id, version })
      },
    }),
  }
  const batch = {
    messages: messages.map((body, at) => ({
      id: `${at}`,
      body,
      attempts: 1,
      ack: () => told.acked.push(at),
      retry: () => told.retried.push(at),
    })),
  } as unknown as MessageBatch<ProjectionMessage>
  await consumeProjections(batch, { ...testEnv, WALLETS } as never)
  return told
}

const messageOf = ({ id: transferId, walletId, shard }: Transfer): TransferProjection => {
  return { kind: 'transfer', shard, walletId, transferId }
}

async function project(...transfers: readonly Transfer[]): Promise<Told> {
  return consume(transfers.map(messageOf), (id) => transfers.find((transfer) => transfer.id === id) ?? null)
}

const rowOf = async (id: string, shard = testEnv.SHARD_0) => {
  const { results } = await shard.prepare('SELECT version, status, kind, batch_id FROM transfers WHERE id = ?').bind(id).all()
  return results
}

describe('a copy', () => {
  test('is what the wallet has now, in the shard that is named, and the wallet hears its version', async () => {
    const transfer = transferOf({ shard: 1, version: 3, status: 'broadcast' })
    const told = await consume([messageOf(transfer), messageOf(transfer)], () => transfer)
    expect(told).toEqual({ acked: [0, 1], retried: [], projected: [{ id: transfer.id, version: 3 }] })
    expect(await rowOf(transfer.id)).toEqual([])
    expect(await rowOf(transfer.id, testEnv.SHARD_1)).toEqual([{ version: 3, status: 'broadcast', kind: 'payout', batch_id: null }])
  })

  test('ends at the newest version, whatever order copies are made in', async () => {
    const statuses: readonly TransferStatus[] = ['queued', 'signing', 'broadcast', 'unknown', 'confirmed']
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(4), { minLength: 1, maxLength: 8 }), async (order) => {
        const made = transferOf()
        for (const at of order) await project({ ...made, version: at + 1, status: statuses[at] ?? 'queued' })
        const newest = Math.max(...order)
        expect(await rowOf(made.id)).toMatchObject([{ version: newest + 1, status: statuses[newest] }])
      }),
      { numRuns: 30 },
    )
  })

  test('is made again when the wallet or D1 could not be reached', async () => {
    const transfer = transferOf()
    const away = await consume([messageOf(transfer)], () => {
      throw new Error('away')
    })
    expect(away).toMatchObject({ acked: [], retried: [0] })
    const unheard = await consume(
      [messageOf(transfer)],
      () => transfer,
      () => Promise.reject(new Error('away')),
    )
    expect(unheard).toMatchObject({ acked: [], retried: [0] })
    const unbound = await consume([{ ...messageOf(transfer), shard: 99 }], () => transfer)
    expect(unbound).toMatchObject({ acked: [], retried: [0] })
    expect(await project(transfer)).toMatchObject({ acked: [0], retried: [] })
  })

  test('of a transfer that no wallet knows is not asked for for ever', async () => {
    expect(await consume([messageOf(transferOf())], () => null)).toEqual({ acked: [0], retried: [], projected: [] })
  })

  test('costs four rows, a later version two, an old one none', async () => {
    const cost = async (transfer: Transfer) => {
      const database = testEnv.SHARD_0
      let written = 0
      const counting = {
        prepare: (statement: string) => ({
          bind: (...values: unknown[]) => ({
            run: async () => {
              const { meta } = await database
                .prepare(statement)
                .bind(...values)
                .run()
              written += meta.rows_written
              return { success: true, meta }
            },
          }),
        }),
      }
      const WALLETS = { getByName: () => ({ transfer: async () => transfer, projectedTransfer: async () => {} }) }
      const message = { body: messageOf(transfer), attempts: 1, ack() {}, retry() {} }
      await consumeProjections({ messages: [message] } as never, { ...testEnv, WALLETS, SHARD_0: counting } as never)
      return written
    }
    const made = transferOf()
    expect(await cost(made)).toBe(4)
    expect(await cost({ ...made, version: 2, status: 'confirmed' })).toBe(2)
    expect(await cost(made)).toBe(0)
  })
})

describe('the list', () => {
  const all = async (filter: Partial<TransferFilter> & { storeId: string }) => {
    const found: string[] = []
    let after: ListPosition | null = null
    for (let page = 0; page < 20; page++) {
      const { transfers, next } = await listTransfers(testEnv.SHARD_0, { status: null, kind: null, limit: 2, after, ...filter })
      found.push(...transfers.map(({ id }) => id))
      if (next === null) return found
      after = next
    }
    throw new Error('it has no end')
  }

  test('is newest first, page by page, of one store, by status and kind', async () => {
    const storeId = randomId('st')
    const kinds = ['payout', 'refund', 'payout', 'sweep', 'payout'] as const
    const statuses = ['confirmed', 'confirmed', 'failed', 'queued', 'confirmed'] as const
    const made = kinds.map((kind, at) =>
      // Two at one moment.
      transferOf({ storeId, kind, status: statuses[at] ?? 'queued', createdAtMs: TRANSFER_AT_MS + (at === 1 ? 0 : at) }),
    )
    await project(...made, transferOf({ storeId: randomId('st') }))
    const ids = (wanted: (transfer: Transfer) => boolean) =>
      made
        .filter(wanted)
        .sort((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1))
        .map(({ id }) => id)
    expect(await all({ storeId })).toEqual(ids(() => true))
    expect(await all({ storeId, status: 'confirmed' })).toEqual(ids(({ status }) => status === 'confirmed'))
    expect(await all({ storeId, kind: 'payout' })).toEqual(ids(({ kind }) => kind === 'payout'))
    expect(await all({ storeId, kind: 'payout', status: 'confirmed' })).toEqual(
      ids(({ kind, status }) => kind === 'payout' && status === 'confirmed'),
    )
    expect(await all({ storeId, status: 'unknown' })).toEqual([])
  })

  test('of a batch has its transfers and how many are in which status', async () => {
    const storeId = randomId('st')
    const batch = { id: randomId('po'), size: 3, references: ['a'] }
    const made = ['queued', 'confirmed', 'queued'].map((status, at) =>
      transferOf({ storeId, batch, status: status as TransferStatus, createdAtMs: TRANSFER_AT_MS + at }),
    )
    await project(...made, transferOf({ storeId }))
    const first = await listBatch(testEnv.SHARD_0, { storeId, batchId: batch.id, after: null, limit: 2 })
    const rest = await listBatch(testEnv.SHARD_0, { storeId, batchId: batch.id, after: first.next, limit: 2 })
    expect([...first.transfers, ...rest.transfers].map(({ id }) => id)).toEqual(made.map(({ id }) => id))
    expect(rest.next).toBeNull()
    expect(first.transfers[0]?.batch).toEqual(batch)
    expect(await countBatch(testEnv.SHARD_0, storeId, batch.id)).toEqual({ queued: 2, confirmed: 1 })
    expect(await countBatch(testEnv.SHARD_0, randomId('st'), batch.id)).toEqual({})
  })

  test('a transfer’s wallet is found by its id, in its own store', async () => {
    const transfer = transferOf({ storeId: randomId('st'), walletId: 'wal_former' })
    await project(transfer)
    expect(await walletOfTransfer(testEnv.SHARD_0, transfer.storeId, transfer.id)).toBe('wal_former')
    expect(await walletOfTransfer(testEnv.SHARD_0, randomId('st'), transfer.id)).toBeNull()
  })
})
