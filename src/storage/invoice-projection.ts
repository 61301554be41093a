import { sql } from 'drizzle-orm'
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1'
import type { InvoiceRpc } from '../invoice/rpc.ts'
import type { Invoice } from '../invoice/types.ts'
import { figuresOf } from '../invoice/view.ts'
import { decodeJson } from '../lib/json.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import { type ProjectionItem, retryLater } from './projection-item.ts'
import type { InvoiceProjection } from './rpc.ts'
import { invoices } from './shard-schema.ts'
import { shardOf } from './shards.ts'

export interface InvoiceProjectionEnv {
  readonly INVOICES: ObjectNamespace<InvoiceRpc>
}

type InvoiceItem = ProjectionItem<InvoiceProjection>

/**
 * Writes each invoice to its shard, where only a higher version wins, then tells the invoice object, which asks again
 * until it has heard. So any order, repetition or loss of messages ends with the newest row. Each message is
 * acknowledged or retried by itself; this never throws.
 */
export async function projectInvoices(messages: readonly InvoiceItem[], env: InvoiceProjectionEnv): Promise<void> {
  await Promise.all(writeGroups(messages).map((group) => project(group, env)))
}

/**
 * One group is one D1 batch. A shard's messages go together the first time; one that has failed before goes alone, so
 * that a row D1 will not take holds up no other.
 */
function writeGroups(messages: readonly InvoiceItem[]): InvoiceItem[][] {
  const groups = new Map<string, InvoiceItem[]>()
  for (const message of messages) {
    const key = message.attempts > 1 ? `message ${message.id}` : `shard ${message.body.shard}`
    const group = groups.get(key)
    if (group) group.push(message)
    else groups.set(key, [message])
  }
  return [...groups.values()]
}

async function project(group: readonly InvoiceItem[], env: InvoiceProjectionEnv): Promise<void> {
  const newest = newestOf(group)
  try {
    const database = drizzle(shardOf(env, group[0]?.body.shard ?? 0))
    const [first, ...others] = newest.map((message) => upsert(database, message))
    if (first) await database.batch([first, ...others])
  } catch (thrown) {
    logEvent('warn', 'projection_write_failed', { shard: group[0]?.body.shard, messages: group.length, reason: reasonOf(thrown) })
    for (const message of group) retryLater(message)
    return
  }
  const unheard = new Set<string>()
  await Promise.all(
    newest.map(async ({ body }) => {
      try {
        await env.INVOICES.getByName(body.invoiceId).projected(body.version)
      } catch (thrown) {
        unheard.add(body.invoiceId)
        logEvent('warn', 'projection_unheard', { invoiceId: body.invoiceId, reason: reasonOf(thrown) })
      }
    }),
  )
  for (const message of group) {
    if (unheard.has(message.body.invoiceId)) retryLater(message)
    else message.ack()
  }
}

/** Of several messages of one invoice only the newest is worth a write. */
function newestOf(group: readonly InvoiceItem[]): InvoiceItem[] {
  const newest = new Map<string, InvoiceItem>()
  for (const message of group) {
    const known = newest.get(message.body.invoiceId)
    if (!known || message.body.version > known.body.version) newest.set(message.body.invoiceId, message)
  }
  return [...newest.values()]
}

/** One statement a row: D1 takes 100 bound parameters in a statement. */
function upsert(database: DrizzleD1Database, message: InvoiceItem) {
  const invoice = decodeJson<Invoice>(message.body.invoice)
  const { terms } = invoice
  const { facts } = figuresOf(invoice)
  const fixed = {
    storeId: terms.storeId,
    createdAtMs: terms.createdAtMs,
    id: terms.id,
    currency: terms.currency,
    price: terms.price.toString(),
    orderId: terms.orderId,
    description: terms.description,
    expiresAtMs: terms.expiresAtMs,
  }
  // Only these are updated: SQLite rewrites the index of each column that is named, changed or not.
  const changing = {
    version: invoice.version,
    status: invoice.status,
    updatedAtMs: invoice.updatedAtMs,
    settledAtMs: invoice.settledAtMs,
    isShort: Number(facts.short),
    isOver: Number(facts.over !== null),
    isLate: Number(facts.late),
    isHeld: Number(facts.held),
    body: message.body.invoice,
  }
  return database
    .insert(invoices)
    .values({ ...fixed, ...changing })
    .onConflictDoUpdate({
      target: [invoices.storeId, invoices.createdAtMs, invoices.id],
      set: changing,
      setWhere: sql`excluded.version > ${invoices.version}`,
    })
}
