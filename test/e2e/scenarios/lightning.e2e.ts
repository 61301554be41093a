import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../../scripts/stack/ports.ts'
import { startWorkers, type Workers, type WorkersOptions } from '../../../scripts/stack/workers.ts'
import type { InvoiceResource } from '../../../src/invoice/resource.ts'
import { cln } from '../../gateways/lightning/cln.ts'
import { lnd } from '../../gateways/lightning/lnd.ts'
import { phoenixd } from '../../gateways/lightning/phoenixd.ts'
import { serve } from '../../gateways/lightning/serve.ts'

/**
 * All Workers with their real queues, and stand-ins for the nodes on loopback: what is between an invoice and a payment by
 * Lightning, while everything is killed. No chain is needed, and none is configured.
 */
const stateDir = mkdtempSync(join(tmpdir(), 'paytomat-lightning-'))
const nodes = [phoenixd(), lnd(), cln()]
let served: Awaited<ReturnType<typeof serve>>[]
let options: WorkersOptions
let workers: Workers
/** Of the store that has the node of this name. */
const keys = new Map<string, string>()

beforeAll(async () => {
  served = await Promise.all(nodes.map(serve))
  const port = await freePort()
  options = {
    root: join(import.meta.dirname, '../../..'),
    stateDir,
    port,
    origin: `http://127.0.0.1:${port}`,
    chains: ['lightning-regtest'],
    nodes: { 'lightning:regtest': served.map(({ endpoint }) => endpoint) },
    shards: 1,
    idSecret: 'test-only-id-secret',
    webhookSecret: 'test-only-webhook-secret',
    signerKek: 'dGVzdC1vbmx5IGtleSBvZiB0aGlydHktdHdvIGJ5dGU',
    fixedRates: { 'BTC/EUR': '60000' },
    demoWalletUrl: '',
    log: () => {},
    onProcess: () => {},
  }
  workers = await startWorkers(options)
})

afterAll(async () => {
  await workers?.stop()
  await Promise.all((served ?? []).map((node) => node.close()))
  rmSync(stateDir, { recursive: true, force: true })
})

async function newStore(node: string): Promise<string> {
  const body = JSON.stringify({ name: 'Northwind', wallets: [{ account: { lightning: node }, assets: ['BTC-LN'] }] })
  const made = await workers.dispatchCore('/admin/stores', {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  })
  const answer = (await made.json()) as { apiKey: string }
  expect(made.status, JSON.stringify(answer)).toBe(200)
  keys.set(node, answer.apiKey)
  return answer.apiKey
}

async function api<T>(apiKey: string, method: string, path: string, body?: object): Promise<{ status: number; body: T }> {
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() }
  const answer = await fetch(`${options.origin}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })
  return { status: answer.status, body: (await answer.json()) as T }
}

describe.each([0, 1, 2])('node %i', (at) => {
  test('a shopper opens the page, pays by Lightning, and sees that it is paid', async () => {
    const node = served[at] as (typeof served)[number]
    const key = await newStore(node.endpoint.name)
    const { body: invoice } = await api<InvoiceResource>(key, 'POST', '/v1/invoices', { amount: '60.00', currency: 'EUR' })
    const chosen = await fetch(`${invoice.checkoutUrl}/method`, {
      method: 'POST',
      body: new URLSearchParams({ asset: 'BTC-LN' }),
      headers: { origin: options.origin },
    })
    expect(chosen.status).toBe(200)
    const { bolt11, paymentHash } = node.invoices().at(-1) as { bolt11: string; paymentHash: string }
    expect(await chosen.text()).toContain(`href="lightning:${bolt11}"`)

    const startedMs = Date.now()
    node.pay(paymentHash)
    const read = async () => (await api<InvoiceResource>(key, 'GET', `/v1/invoices/${invoice.id}`)).body
    await expect.poll(async () => (await read()).status, { timeout: 20_000, interval: 100 }).toBe('settled')
    // The look waits at the node: nobody waits for the look.
    expect(Date.now() - startedMs).toBeLessThan(5_000)
    expect(await (await fetch(invoice.checkoutUrl)).text()).toContain('Payment complete')
    expect((await read()).payments).toMatchObject([{ asset: 'BTC-LN', txid: paymentHash, amount: '0.00100000', final: true }])
  })
})

test('what is paid while everything is down is found when it is back, once', async () => {
  const node = served[2] as (typeof served)[number]
  const key = keys.get(node.endpoint.name) ?? ''
  const { body: invoice } = await api<InvoiceResource>(key, 'POST', '/v1/invoices', { amount: '60.00', currency: 'EUR' })
  expect((await api(key, 'POST', `/v1/invoices/${invoice.id}/payment_methods/BTC-LN`)).status).toBe(200)
  await workers.kill()
  node.pay((node.invoices().at(-1) as { paymentHash: string }).paymentHash)
  workers = await startWorkers(options)
  const read = async () => (await api<InvoiceResource>(key, 'GET', `/v1/invoices/${invoice.id}`)).body
  await expect.poll(async () => (await read()).status, { timeout: 90_000, interval: 500 }).toBe('settled')
  expect((await read()).payments).toHaveLength(1)
})
