import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../../scripts/stack/ports.ts'
import { startWorkers, type Workers, type WorkersOptions } from '../../../scripts/stack/workers.ts'
import type { RefundLine } from '../../../scripts/wallet/transfers.ts'
import type { InvoiceResource } from '../../../src/invoice/resource.ts'
import type { TransferDetail } from '../../../src/wallet/transfers/resource.ts'
import { cln } from '../../gateways/lightning/cln.ts'
import { lnd } from '../../gateways/lightning/lnd.ts'
import { phoenixd } from '../../gateways/lightning/phoenixd.ts'
import { foreignInvoice } from '../../gateways/lightning/purse.ts'
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
/** The invoice that was paid by the node of this name. */
const paid = new Map<string, string>()

beforeAll(async () => {
  served = await Promise.all(nodes.map(serve))
  const port = await freePort()
  options = {
    root: join(import.meta.dirname, '../../..'),
    stateDir,
    port,
    origin: `http://127.0.0.1:${port}`,
    chains: ['lightning-regtest'],
    nodes: { 'lightning:regtest': served.map((node) => node.sendingEndpoint()) },
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
    paid.set(node.endpoint.name, invoice.id)
    node.pay(paymentHash)
    const read = async () => (await api<InvoiceResource>(key, 'GET', `/v1/invoices/${invoice.id}`)).body
    await expect.poll(async () => (await read()).status, { timeout: 20_000, interval: 100 }).toBe('settled')
    // The look waits at the node: nobody waits for the look.
    expect(Date.now() - startedMs).toBeLessThan(5_000)
    expect(await (await fetch(invoice.checkoutUrl)).text()).toContain('Payment complete')
    expect((await read()).payments).toMatchObject([{ asset: 'BTC-LN', txid: paymentHash, amount: '0.00100000', final: true }])
  })
})

test('a refund goes to the payer’s invoice while everything is killed, and a payout to anybody’s: each is paid once', async () => {
  const node = served[1] as (typeof served)[number]
  const key = keys.get(node.endpoint.name) ?? ''
  const read = async <T>(path: string) => (await api<T>(key, 'GET', path)).body
  const refundsOf = `/v1/invoices/${paid.get(node.endpoint.name)}/refunds`
  const refund = await api<RefundLine>(key, 'POST', refundsOf, { type: 'full' })
  expect([refund.status, refund.body.amount]).toEqual([201, '0.00100000'])
  const claimUrl = refund.body.claimUrl ?? ''
  expect(await (await fetch(claimUrl)).text()).toMatch(/Your Lightning invoice for 0.001.BTC .100.000.sat./)

  // The node is away while the payer claims it, and then so is everything else.
  node.behave('away')
  const payer = foreignInvoice(100_000n)
  const claimed = await fetch(claimUrl, {
    method: 'POST',
    body: new URLSearchParams({ address: payer.bolt11.toUpperCase(), step: 'check' }),
    headers: { origin: options.origin },
  })
  expect(await claimed.text()).toContain('Your refund')
  await workers.kill()
  node.behave('well')
  workers = await startWorkers(options)

  const { bolt11, paymentHash } = foreignInvoice(null)
  const sent = await api<TransferDetail>(key, 'POST', '/v1/transfers', { asset: 'BTC-LN', address: bolt11, amount: '0.00012345' })
  expect(sent.status, JSON.stringify(sent.body)).toBe(201)
  const transfer = () => read<TransferDetail>(`/v1/transfers/${sent.body.id}`)
  await expect.poll(async () => (await transfer()).status, { timeout: 30_000, interval: 200 }).toBe('confirmed')
  expect((await transfer()).lightning).toMatchObject({ paymentHash })
  const refunded = async () => (await read<{ data: RefundLine[] }>(refundsOf)).data[0]
  await expect.poll(async () => (await refunded())?.status, { timeout: 60_000, interval: 500 }).toBe('confirmed')
  expect((await refunded())?.txid).toBe(payer.paymentHash)
  expect(node.purse.payments.map(({ msat }) => msat).sort()).toEqual([100_000_000n, 12_345_000n])
  expect(node.purse.orders).toBe(2)
  // Both are in the list, which D1 has.
  const listed = async () =>
    (await read<{ data: TransferDetail[] }>('/v1/transfers')).data.map(({ kind, status }) => `${kind} ${status}`)
  await expect.poll(async () => (await listed()).sort(), { timeout: 30_000 }).toEqual(['payout confirmed', 'refund confirmed'])
})

test('the command line sends, shows and lists by the same words as for every wallet', async () => {
  const node = served[2] as (typeof served)[number]
  writeFileSync(join(stateDir, 'dev.json'), JSON.stringify({ origin: options.origin, apiKey: keys.get(node.endpoint.name) }))
  const wallet = async (...args: string[]) => {
    const env = { ...process.env, PAYTOMAT_STATE: stateDir, PAYTOMAT_API_KEY: '' }
    const run = promisify(execFile)(process.execPath, ['scripts/wallet.ts', ...args], { cwd: options.root, env })
    return (await run.catch((failed: { stdout: string; stderr: string }) => failed)).stdout
  }
  const { bolt11, paymentHash } = foreignInvoice(12_345n)
  const sent = await wallet('send', 'BTC-LN', bolt11, '0.00012345', '--reference', 'rent', '--wait')
  expect(sent).toMatch(/payout of 0\.00012345 BTC-LN, rent\n {2}confirmed/)
  expect(sent).toContain(`signed ${paymentHash}`)
  expect(sent).toMatch(/paid, which this proves: [0-9a-f]{64}/)
  expect(await wallet('list')).toContain('lightning, your own node')
  // What the shopper paid, less this payout and a satoshi and a half.
  expect(await wallet('balance', 'BTC-LN')).toMatch(/BTC-LN +0\.00337654 +0\.00000000 +0\.00000000 +0\.00000000/)
  expect(await wallet('address', 'BTC-LN', node.invoices()[0]?.bolt11 ?? '')).toContain('0.00100000')
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
