import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Stack, startStack, waitFor } from './harness.ts'
import { type Receiver, startReceiver } from './receiver.ts'

let stack: Stack
let receiver: Receiver

beforeAll(async () => {
  receiver = await startReceiver()
  stack = await startStack()
  const endpoint = await stack.api<{ secret: string }>('POST', '/v1/webhook_endpoints', { url: receiver.url })
  expect(endpoint.status).toBe(201)
  receiver.setSecret(endpoint.body.secret)
})

afterAll(async () => {
  await stack?.stop()
  await receiver?.stop()
})

describe('an invoice paid in full on a real chain', () => {
  it.each(['BTC', 'ETH', 'USDC'])('is settled and told by webhook: %s', async (asset) => {
    const invoice = await stack.createInvoice({ orderId: `order-${asset}` })
    expect(invoice.status).toBe('new')
    const method = await stack.activate(invoice.id, asset)

    const txid = await stack.pay(invoice.id, asset)
    const seen = await stack.untilInvoice(invoice.id, ({ status }) => status !== 'new')
    expect(seen.status).toBe('processing')
    expect(seen.payments).toHaveLength(1)
    expect(seen.payments[0]).toMatchObject({ asset, txid, amount: method.amountDue, decision: 'counted', late: false })

    await mine(asset, seen.payments[0]?.confirmationsRequired ?? 0)
    const settled = await stack.untilInvoice(invoice.id, ({ status }) => status === 'settled')
    expect(settled).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', orderId: `order-${asset}` })
    expect(settled.facts).toEqual({ short: false, over: null, late: false, held: false })
    expect(settled.paymentMethods.find((candidate) => candidate.asset === asset)?.amountDue).toMatch(/^0\.?0*$/)

    const types = () => receiver.of(invoice.id).map(({ type }) => type)
    await waitFor(
      () => types().includes('invoice.settled'),
      undefined,
      () => `webhooks so far: ${types().join(', ')}`,
    )
    expect(new Set(types())).toContain('invoice.created')
    expect(new Set(types())).toContain('invoice.processing')
    expect(receiver.of(invoice.id).every(({ verified }) => verified)).toBe(true)
  })

  it('is in the list of the store', async () => {
    const listed = await waitFor(async () => {
      const { body } = await stack.api<{ data: { orderId: string | null; status: string }[] }>(
        'GET',
        '/v1/invoices?orderId=order-BTC',
      )
      return body.data.some(({ status }) => status === 'settled') && body.data
    })
    expect(listed).toHaveLength(1)
  })
})

async function mine(asset: string, blocks: number): Promise<void> {
  if (asset === 'BTC') await stack.wallets.bitcoin.mine(blocks)
  else await stack.wallets.evm.mine(blocks)
}
