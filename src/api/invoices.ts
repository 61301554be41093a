import type { ActivateRefusal, ResolveRefusal } from '../invoice/rpc.ts'
import { err, ok, type Result, unreachable } from '../lib/result.ts'
import { registryOf } from '../money/registry.ts'
import { encodePosition } from '../storage/cursor.ts'
import { listInvoices as listRows } from '../storage/invoices.ts'
import { shardOf } from '../storage/shards.ts'
import { readBody, readNoBody, readQuery } from './body.ts'
import { type Answer, type Call, steadily, Unavailable } from './call.ts'
import { eventResource } from './event-resource.ts'
import { invoiceNotFound, ownInvoice, showInvoice } from './invoice-access.ts'
import type { Problem } from './problems.ts'
import { readLimit, readPosition } from './query.ts'

/** As many as `InvoiceRpc.events` answers. */
const EVENTS_PAGE = 200

export async function readInvoice(call: Call): Promise<Result<Answer, Problem>> {
  const invoice = await ownInvoice(call)
  return invoice.ok ? ok({ status: 200, body: showInvoice(call, invoice.value) }) : invoice
}

/** Newest first, from D1: an invoice is in the list moments after it changed. */
export async function listInvoices(call: Call): Promise<Result<Answer, Problem>> {
  const { storeId, shard } = call.identity.store
  const query = readQuery(call.request, ['status', 'orderId', 'limit', 'cursor'], (fields) => ({
    storeId,
    status: fields.optional('status', (name) => fields.choice(name, ['new', 'processing', 'settled', 'expired', 'invalid'])),
    orderId: fields.optional('orderId', (name) => fields.text(name, { max: 100 })),
    limit: readLimit(fields),
    after: readPosition(fields, 'inv'),
  }))
  if (!query.ok) return query
  const page = await listRows(shardOf(call.env, shard), query.value).catch((cause: unknown) => {
    throw new Unavailable('the list cannot be read', { cause })
  })
  const data = page.invoices.map((invoice) => showInvoice(call, invoice))
  return ok({ status: 200, body: { data, nextCursor: page.next && encodePosition(page.next) } })
}

/** The invoice's log, oldest first. */
export async function listEvents(call: Call): Promise<Result<Answer, Problem>> {
  const query = readQuery(call.request, ['cursor'], (fields) =>
    fields.optional('cursor', (name) =>
      Number(fields.text(name, { max: 9, pattern: /^\d+$/, form: 'the nextCursor of a page before' })),
    ),
  )
  if (!query.ok) return query
  const invoice = await ownInvoice(call)
  if (!invoice.ok) return invoice
  const events = await steadily(() => call.env.INVOICES.getByName(invoice.value.terms.id).events(query.value ?? 0))
  const registry = registryOf(call.env)
  const last = events.length >= EVENTS_PAGE ? events.at(-1) : undefined
  return ok({
    status: 200,
    body: { data: events.map((event) => eventResource(event, registry)), nextCursor: last ? String(last.version) : null },
  })
}

/** Gives the invoice an address of this asset. Asking again changes nothing. */
export async function activateMethod(call: Call): Promise<Result<Answer, Problem>> {
  const body = await readNoBody(call.request)
  if (!body.ok) return body
  const invoice = await ownInvoice(call)
  if (!invoice.ok) return invoice
  const activated = await steadily(() => call.env.INVOICES.getByName(invoice.value.terms.id).activate(call.param('asset')))
  if (!activated.ok) return describeActivate(activated.error)
  return ok({ status: 200, body: showInvoice(call, activated.value) })
}

/** A person's word on late money or on the whole invoice. */
export async function resolveInvoice(call: Call): Promise<Result<Answer, Problem>> {
  const body = await readBody(call.request, ['action'], (fields) =>
    fields.choice('action', ['accept_late', 'refuse_late', 'mark_invalid', 'reopen']),
  )
  if (!body.ok) return body
  const invoice = await ownInvoice(call)
  if (!invoice.ok) return invoice
  const by = `api_key:${call.identity.keyId}`
  const resolved = await steadily(() => call.env.INVOICES.getByName(invoice.value.terms.id).resolve(body.value.value, by))
  if (!resolved.ok) return describeResolve(resolved.error)
  return ok({ status: 200, body: showInvoice(call, resolved.value) })
}

function describeActivate(refusal: ActivateRefusal): Result<never, Problem> {
  switch (refusal.reason) {
    case 'invoice_not_found':
      return invoiceNotFound()
    case 'asset_not_offered':
      return err({ reason: refusal.reason, detail: 'this invoice has no such payment method', param: 'asset' })
    case 'invoice_closed':
      return err({ reason: refusal.reason, detail: `the invoice is ${refusal.status}` })
    default:
      return err({ reason: refusal.reason, detail: refusal.detail })
  }
}

function describeResolve(refusal: ResolveRefusal): Result<never, Problem> {
  switch (refusal.reason) {
    case 'invoice_not_found':
      return invoiceNotFound()
    case 'nothing_to_resolve':
      return err({
        reason: refusal.reason,
        detail: `the invoice is ${refusal.status}; see its facts and payments`,
        param: 'action',
      })
    default:
      return unreachable(refusal)
  }
}
