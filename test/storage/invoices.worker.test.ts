import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import type { InvoiceRpc } from '../../src/invoice/rpc.ts'
import type { Invoice, InvoiceStatus } from '../../src/invoice/types.ts'
import { randomId } from '../../src/lib/ids.ts'
import { encodeJson } from '../../src/lib/json.ts'
import { decodePosition, encodePosition, type ListPosition } from '../../src/storage/cursor.ts'
import { type InvoiceFilter, listInvoices } from '../../src/storage/invoices.ts'
import { consumeProjections } from '../../src/storage/projection.ts'
import type { ProjectionMessage } from '../../src/storage/rpc.ts'
import { NOW_MS, newInvoice } from '../invoice/builders.ts'
import { migrateDatabases, testEnv } from './databases.ts'

beforeAll(migrateDatabases)

/** Projects invoices of one store as the queue would. */
async function project(storeId: string, made: readonly { createdAtMs: number; status: InvoiceStatus; orderId: string | null }[]) {
  const invoices = made.map(({ createdAtMs, status, orderId }): Invoice => {
    const invoice = newInvoice({ id: randomId('inv'), orderId })
    return { ...invoice, status, terms: { ...invoice.terms, storeId, createdAtMs } }
  })
  for (let at = 0; at < invoices.length; at += 100) {
    const messages = invoices.slice(at, at + 100).map((invoice) => ({
      id: invoice.terms.id,
      attempts: 1,
      body: { kind: 'invoice', shard: 0, invoiceId: invoice.terms.id, version: 1, invoice: encodeJson(invoice) },
      ack: () => {},
      retry: () => expect.unreachable('the projection must not fail'),
    }))
    const INVOICES = { getByName: () => ({ projected: async () => {} }) as unknown as InvoiceRpc }
    await consumeProjections({ messages } as unknown as MessageBatch<ProjectionMessage>, { ...testEnv, INVOICES })
  }
  return invoices
}

async function allPages(filter: Omit<InvoiceFilter, 'after'>, between: () => Promise<unknown> = async () => {}): Promise<string[]> {
  const ids: string[] = []
  let after: ListPosition | null = null
  do {
    const page: Awaited<ReturnType<typeof listInvoices>> = await listInvoices(testEnv.SHARD_0, { ...filter, after })
    expect(page.invoices.length).toBeLessThanOrEqual(filter.limit)
    expect(ids.length, 'paging comes to an end').toBeLessThan(200)
    ids.push(...page.invoices.map((invoice) => invoice.terms.id))
    after = page.next && decodePosition('inv', encodePosition(page.next))
    await between()
  } while (after)
  return ids
}

test('pages hold every invoice of the store once, newest first, for any times, filter and page size', async () => {
  const status = fc.constantFrom<InvoiceStatus>('new', 'settled', 'expired')
  const orderId = fc.constantFrom(null, 'a', 'b')
  // Few distinct times, so that many invoices are made in the same millisecond.
  const made = fc.array(fc.record({ createdAtMs: fc.integer({ min: NOW_MS, max: NOW_MS + 3 }), status, orderId }), {
    maxLength: 40,
  })
  await fc.assert(
    fc.asyncProperty(
      made,
      fc.option(status),
      orderId,
      fc.integer({ min: 1, max: 7 }),
      async (rows, wantedStatus, wantedOrder, limit) => {
        const storeId = randomId('st')
        await project(randomId('st'), rows.slice(0, 3))
        const invoices = await project(storeId, rows)
        const expected = invoices
          .filter(
            ({ status, terms }) =>
              (wantedStatus === null || status === wantedStatus) && (wantedOrder === null || terms.orderId === wantedOrder),
          )
          .sort((a, b) => b.terms.createdAtMs - a.terms.createdAtMs || (a.terms.id < b.terms.id ? 1 : -1))
          .map(({ terms }) => terms.id)
        expect(await allPages({ storeId, status: wantedStatus, orderId: wantedOrder, limit })).toEqual(expected)
      },
    ),
    { numRuns: 30 },
  )
}, 60_000)

test('invoices made while paging move nothing', async () => {
  const storeId = randomId('st')
  const row = (createdAtMs: number) => ({ createdAtMs, status: 'new', orderId: null }) as const
  const before = await project(
    storeId,
    Array.from({ length: 25 }, (_, index) => row(NOW_MS + index)),
  )
  const ids = await allPages({ storeId, status: null, orderId: null, limit: 4 }, () => project(storeId, [row(NOW_MS + 1_000)]))
  expect(ids).toEqual(before.map(({ terms }) => terms.id).reverse())
})

test('a cursor is read only as it was written', () => {
  const id = randomId('inv')
  const position = { createdAtMs: NOW_MS, id }
  expect(decodePosition('inv', encodePosition(position))).toEqual(position)
  const changed = [`0${NOW_MS}.${id}`, `${NOW_MS}.${id}.`, `-1.${id}`, `1e3.${id}`, `${NOW_MS}.we_${id.slice(4)}`, `${NOW_MS}.`, '']
  for (const text of changed) expect(decodePosition('inv', btoa(text).replaceAll('=', '')), text).toBeNull()
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(decodePosition('inv', text)).toBeNull()
    }),
  )
})
