import { type InvoiceResource, invoiceResource } from '../invoice/resource.ts'
import type { Invoice } from '../invoice/types.ts'
import { isId } from '../lib/ids.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { registryOf } from '../money/registry.ts'
import { type Call, steadily } from './call.ts'
import type { Problem } from './problems.ts'

/**
 * The invoice that the path names, when it is the caller's own store's. No such invoice, another store's, or an id of
 * the wrong form are one answer: nobody learns what exists.
 */
export async function ownInvoice(call: Call): Promise<Result<Invoice, Problem>> {
  const id = call.param('id')
  const invoice = isId('inv', id) ? await steadily(() => call.env.INVOICES.getByName(id).read()) : null
  return invoice && invoice.terms.storeId === call.identity.store.storeId ? ok(invoice) : invoiceNotFound()
}

export function invoiceNotFound(): Result<never, Problem> {
  return err({ reason: 'invoice_not_found', detail: 'this store has no invoice with this id' })
}

export function showInvoice(call: Call, invoice: Invoice): InvoiceResource {
  return invoiceResource(invoice, registryOf(call.env), call.env.ORIGIN)
}
