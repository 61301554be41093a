import { beforeAll, describe, expect, test } from 'vitest'
import { createApi } from '../../src/api/app.ts'
import { newInvoice, openTill, type Till } from '../lightning/till.ts'
import { migrateDatabases } from '../storage/databases.ts'
import { apiEnv, newMerchant } from './merchant.ts'
import { violations } from './schema.ts'

beforeAll(migrateDatabases)

async function call(till: Till, method: string, path: string, body?: object) {
  const headers = {
    authorization: `Bearer ${till.apiKey}`,
    'content-type': 'application/json',
    'idempotency-key': crypto.randomUUID(),
  }
  const init = { method, headers, ...(body && { body: JSON.stringify(body) }) }
  const reply = await till.serve(Promise.resolve(createApi().request(path, init, apiEnv)))
  return { status: reply.status, json: (await reply.json()) as Record<string, unknown> & { data: Record<string, unknown>[] } }
}

describe('a Lightning node in the API', () => {
  test('is a wallet among the others, and its balance is asked for by the same words', async () => {
    const till = await openTill('lnd')
    const { json } = await call(till, 'GET', '/v1/wallets')
    expect(violations('WalletList', json)).toEqual([])
    expect(json.data.map(({ script, node }) => [script, (node as { status: string } | null)?.status ?? null])).toEqual([
      ['p2wpkh', null],
      ['lightning', 'unknown'],
    ])
    const balance = await call(till, 'GET', `/v1/wallets/${till.walletId}/balance?refresh=true`)
    expect(violations('WalletBalance', balance.json)).toEqual([])
    expect(balance.json.chains).toMatchObject([
      { chain: 'lightning:regtest', error: null, assets: [{ asset: 'BTC-LN', confirmed: '0.00250000', pending: '0.00000000' }] },
    ])
    till.node.behave('broken')
    const broken = await call(till, 'GET', `/v1/wallets/${till.walletId}/balance`)
    expect(violations('WalletBalance', broken.json)).toEqual([])
    expect(broken.json.chains).toMatchObject([{ error: { reason: 'node_refused' }, assets: [{ confirmed: null }] }])
  })

  test('has no addresses, and none of its money is sent: by name', async () => {
    const till = await openTill()
    const addresses = await call(till, 'GET', `/v1/wallets/${till.walletId}/addresses`)
    expect([addresses.status, addresses.json.detail]).toEqual([404, expect.stringContaining('a Lightning node has no addresses')])
    const sent = await call(till, 'POST', '/v1/transfers', { asset: 'BTC-LN', address: 'lnbc1', amount: '0.001' })
    expect([sent.status, sent.json.param, sent.json.detail]).toEqual([
      400,
      'asset',
      expect.stringContaining('must be an asset of a chain'),
    ])
  })

  test('is nobody else’s', async () => {
    const till = await openTill()
    const stranger = await newMerchant()
    expect((await stranger.call('GET', `/v1/wallets/${till.walletId}/balance`)).status).toBe(404)
  })
})

describe('a Lightning invoice in the API', () => {
  test('is asked for like any address, and an event tells of it', async () => {
    const till = await openTill()
    const { id } = await newInvoice(till)
    const activated = await call(till, 'POST', `/v1/invoices/${id}/payment_methods/BTC-LN`)
    expect(activated.status).toBe(200)
    expect(violations('Invoice', activated.json)).toEqual([])
    const bolt11 = till.node.invoices()[0]?.bolt11
    expect(activated.json.paymentMethods).toContainEqual(
      expect.objectContaining({ asset: 'BTC-LN', chain: 'lightning:regtest', address: bolt11, uri: `lightning:${bolt11}` }),
    )
    const events = await call(till, 'GET', `/v1/invoices/${id}/events`)
    expect(events.json.data.at(-1)).toMatchObject({ type: 'method_activated', data: { asset: 'BTC-LN', address: bolt11 } })
  })

  test('that cannot be had now is a 503 that says when to try again', async () => {
    const till = await openTill()
    const { id } = await newInvoice(till)
    till.node.behave('away')
    const refused = await call(till, 'POST', `/v1/invoices/${id}/payment_methods/BTC-LN`)
    expect([refused.status, refused.json.code]).toEqual([503, 'method_unavailable'])
  })
})
