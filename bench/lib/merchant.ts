import type { Stack } from '../../scripts/stack/supervisor.ts'
import type { Client } from './load.ts'

/** An invoice as a shop makes one. The same body for every create, so that runs compare. */
export const INVOICE_BODY = JSON.stringify({
  amount: '12.50',
  currency: 'EUR',
  orderId: 'bench-1042',
  description: 'Two coffees and a cake',
  metadata: { table: '7' },
})

export function merchantHeaders(stack: Stack): Record<string, string> {
  return { authorization: `Bearer ${stack.apiKey}`, 'content-type': 'application/json' }
}

/** Creates one invoice and answers its id. Throws on any other answer. */
export async function newInvoice(client: Client, stack: Stack, body = INVOICE_BODY): Promise<string> {
  const answer = await client.send(`${stack.origin}/v1/invoices`, {
    method: 'POST',
    headers: merchantHeaders(stack),
    body,
  })
  if (answer.status !== 201) throw new Error(`creating an invoice: ${answer.status} ${answer.body.slice(0, 300)}`)
  return (JSON.parse(answer.body) as { id: string }).id
}

/** Chooses a payment method on the checkout page, as its form does, and answers the page's path. */
export async function chooseMethod(client: Client, stack: Stack, id: string, asset: string): Promise<string> {
  const answer = await client.send(`${stack.origin}/i/${id}/method`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `asset=${asset}`,
  })
  if (answer.status !== 303) throw new Error(`choosing ${asset}: ${answer.status} ${answer.body.slice(0, 300)}`)
  return String(answer.headers.location)
}
