import fc from 'fast-check'
import { beforeAll, expect, test, vi } from 'vitest'
import type { InvoiceRpc } from '../../src/invoice/rpc.ts'
import type { Invoice } from '../../src/invoice/types.ts'
import { randomId } from '../../src/lib/ids.ts'
import { decodeJson, encodeJson } from '../../src/lib/json.ts'
import { consumeProjections } from '../../src/storage/projection.ts'
import type { InvoiceProjection, ProjectionMessage } from '../../src/storage/rpc.ts'
import { newInvoice, observation, run } from '../invoice/builders.ts'
import { migrateDatabases, testEnv } from './databases.ts'

beforeAll(migrateDatabases)

interface Told {
  acked: number[]
  retried: { version: number; delaySeconds: number | undefined }[]
  projected: { invoiceId: string; version: number }[]
}

/** Puts messages through the consumer; tells what became of each, and what the invoice objects heard. */
async function consume(
  messages: readonly InvoiceProjection[],
  options: { attempts?: number; env?: object; projected?: () => Promise<void> } = {},
): Promise<Told> {
  const told: Told = { acked: [], retried: [], projected: [] }
  const INVOICES = {
    getByName: (invoiceId: string) =>
      ({
        projected: async (version: number) => {
          await options.projected?.()
          told.projected.push({ invoiceId, version })
        },
      }) as InvoiceRpc,
  }
  const batch = {
    queue: 'projections',
    messages: messages.map((body, index) => ({
      id: `message-${index}`,
      timestamp: new Date(),
      body,
      attempts: options.attempts ?? 1,
      ack: () => told.acked.push(body.version),
      retry: (retryOptions?: { delaySeconds?: number }) =>
        told.retried.push({ version: body.version, delaySeconds: retryOptions?.delaySeconds }),
    })),
  } as unknown as MessageBatch<ProjectionMessage>
  const { SHARD_0, SHARD_1 } = testEnv
  await consumeProjections(batch, { SHARD_0, SHARD_1, INVOICES, ...options.env } as never)
  return told
}

function messageOf(invoice: Invoice): InvoiceProjection {
  const { id: invoiceId, shard } = invoice.terms
  return { kind: 'invoice', shard, invoiceId, version: invoice.version, invoice: encodeJson(invoice) }
}

/** An invoice through part payment, full payment, confirmation: one message for each version there is. */
function life(): { messages: InvoiceProjection[]; last: Invoice } {
  let invoice = newInvoice({ id: randomId('inv') })
  const messages = [messageOf(invoice)]
  const steps = [
    observation('aa', { units: 40_000n }),
    observation('bb', { units: 60_000n }),
    observation('aa', { units: 40_000n, revision: 2, status: 'confirmed', confirmations: 2, height: 7 }),
    observation('bb', { units: 60_000n, revision: 2, status: 'confirmed', confirmations: 2, height: 7 }),
  ]
  for (const seen of steps) {
    invoice = run(invoice, { type: 'observe', observations: [seen], lateRates: {} }).invoice
    messages.push(messageOf(invoice))
  }
  return { messages, last: invoice }
}

async function rowOf(invoiceId: string, shard: D1Database = testEnv.SHARD_0) {
  const { results } = await shard.prepare('SELECT * FROM invoices WHERE id = ?').bind(invoiceId).all()
  expect(results.length).toBeLessThanOrEqual(1)
  return results[0]
}

test('messages in any order, repeated and split over any batches, end with the newest invoice', async () => {
  const order = fc.array(fc.nat(4), { minLength: 1, maxLength: 12 })
  const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 12, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(order, sizes, async (picks, batchSizes) => {
      const { messages } = life()
      const sent = picks.flatMap((pick) => messages[pick] ?? [])
      for (let at = 0, batch = 0; at < sent.length; batch++) {
        const size = batchSizes[batch] ?? 1
        const told = await consume(sent.slice(at, at + size))
        expect(told.retried).toEqual([])
        at += size
      }
      const newest = sent.reduce((a, b) => (b.version > a.version ? b : a))
      const row = await rowOf(newest.invoiceId)
      expect(row).toMatchObject({
        version: newest.version,
        body: newest.invoice,
        status: decodeJson<Invoice>(newest.invoice).status,
      })
    }),
    { numRuns: 40 },
  )
}, 60_000)

test('a row carries what lists filter and show, and the invoice whole', async () => {
  const { messages, last } = life()
  await consume(messages.slice(-1))
  expect(last.status).toBe('settled')
  const { terms } = last
  const row = await rowOf(terms.id)
  expect(row).toMatchObject({
    store_id: terms.storeId,
    status: 'settled',
    price: '6000',
    order_id: 'order-1',
    created_at_ms: terms.createdAtMs,
  })
  expect(row).toMatchObject({
    settled_at_ms: last.settledAtMs,
    is_short: 0,
    is_over: 0,
    is_late: 0,
    is_held: 0,
    version: last.version,
  })
  expect(decodeJson<Invoice>(String(row?.body))).toEqual(last)
})

test('each invoice is written to its own shard, and the object hears of the newest version once', async () => {
  const first = newInvoice({ id: randomId('inv') })
  const { messages, last } = life()
  const other: Invoice = { ...first, terms: { ...first.terms, shard: 1 } }
  const told = await consume([...messages, messageOf(other)])
  expect(told.acked).toHaveLength(messages.length + 1)
  expect(told.projected).toContainEqual({ invoiceId: last.terms.id, version: last.version })
  expect(told.projected).toContainEqual({ invoiceId: other.terms.id, version: 1 })
  expect(told.projected).toHaveLength(2)
  expect(await rowOf(other.terms.id)).toBeUndefined()
  expect(await rowOf(other.terms.id, testEnv.SHARD_1)).toMatchObject({ version: 1 })
})

test('a shard that fails costs only its own messages a retry', async () => {
  const here = messageOf(newInvoice({ id: randomId('inv') }))
  const nowhere: InvoiceProjection = { ...here, shard: 7, version: 99, invoiceId: randomId('inv') }
  const told = await consume([here, nowhere])
  expect(told.acked).toEqual([1])
  expect(told.retried).toEqual([{ version: 99, delaySeconds: 2 }])
})

test('a message that cannot be written holds up the others only until its first retry', async () => {
  const good = messageOf(newInvoice({ id: randomId('inv') }))
  const bad: ProjectionMessage = { ...good, invoiceId: randomId('inv'), version: 99, invoice: 'not json' }
  expect((await consume([good, bad])).retried).toHaveLength(2)
  const again = await consume([good, bad], { attempts: 2 })
  expect(again.acked).toEqual([1])
  expect(again.retried).toEqual([{ version: 99, delaySeconds: 4 }])
})

test('a row is acknowledged only when its object has heard', async () => {
  const message = messageOf(newInvoice({ id: randomId('inv') }))
  const deaf = vi.fn(async () => {
    throw new Error('object reset')
  })
  const told = await consume([message], { projected: deaf })
  expect(told.acked).toEqual([])
  expect(told.retried).toEqual([{ version: 1, delaySeconds: 2 }])
  expect(await rowOf(message.invoiceId)).toMatchObject({ version: 1 })
})

test('the first projection writes three rows, a newer one two, an old one none', async () => {
  const { messages } = life()
  const written: number[] = []
  const counting = {
    prepare: (statement: string) => testEnv.SHARD_0.prepare(statement),
    batch: async (statements: D1PreparedStatement[]) => {
      const results = await testEnv.SHARD_0.batch(statements)
      written.push(results.reduce((sum, { meta }) => sum + meta.rows_written, 0))
      return results
    },
  }
  for (const message of [...messages, ...messages]) await consume([message], { env: { SHARD_0: counting } })
  expect(written).toEqual([3, 2, 2, 2, 2, 0, 0, 0, 0, 0])
})
