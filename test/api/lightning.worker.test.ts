import { beforeAll, describe, expect, test } from 'vitest'
import { createApi } from '../../src/api/app.ts'
import { foreignInvoice } from '../gateways/lightning/purse.ts'
import { newInvoice, openTill, shownAt, type Till } from '../lightning/till.ts'
import { migrateDatabases } from '../storage/databases.ts'
import { apiEnv, newMerchant } from './merchant.ts'
import { violations } from './schema.ts'

beforeAll(migrateDatabases)

async function call(till: Till, method: string, path: string, body?: object, key: string = crypto.randomUUID()) {
  const headers = {
    authorization: `Bearer ${till.apiKey}`,
    'content-type': 'application/json',
    'idempotency-key': key,
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

  test('sends by the same words as every wallet, to a Lightning invoice, once for each key', async () => {
    const till = await openTill('lnd')
    till.allow({ paymentMaxSats: 100_000, dayMaxSats: 100_000 })
    const { bolt11, paymentHash } = foreignInvoice(12_345n)
    const wish = { asset: 'BTC-LN', address: bolt11, amount: '0.00012345', reference: 'rent', feeMax: '0.00000050' }
    const early = await call(till, 'POST', '/v1/transfers', wish)
    expect([early.status, early.json.code]).toEqual([409, 'sending_frozen'])
    await till.look()
    const key = crypto.randomUUID()
    const sent = await call(till, 'POST', '/v1/transfers', wish, key)
    expect(sent.status).toBe(201)
    expect(violations('TransferDetail', sent.json)).toEqual([])
    expect(sent.json).toMatchObject({
      status: 'queued',
      kind: 'payout',
      custody: 'self',
      chain: 'lightning:regtest',
      walletId: till.walletId,
    })
    expect((await call(till, 'POST', '/v1/transfers', wish, key)).json.id).toBe(sent.json.id)
    expect((await call(till, 'POST', '/v1/transfers', { ...wish, reference: 'other' }, key)).status).toBe(422)
    await till.carry(String(sent.json.id))
    const paid = await call(till, 'GET', `/v1/transfers/${sent.json.id}`)
    expect(violations('TransferDetail', paid.json)).toEqual([])
    expect(paid.json).toMatchObject({
      status: 'confirmed',
      amount: '0.00012345',
      fee: { asset: 'BTC-LN', amount: '0.00000002' },
      feeMax: { amount: '0.00000050' },
      txid: paymentHash,
      outputs: [{ address: bolt11 }],
      lightning: { paymentHash, preimage: expect.any(String) },
    })
    const stranger = await newMerchant()
    expect((await stranger.call('GET', `/v1/transfers/${sent.json.id}`)).status).toBe(404)
    for (const step of ['bump', 'signed', 'cancel']) {
      const body = step === 'signed' ? { signed: 'x' } : step === 'bump' ? {} : undefined
      const refused = await call(till, 'POST', `/v1/transfers/${sent.json.id}/${step}`, body)
      expect([step, refused.status, refused.json.code]).toEqual([step, 409, 'wrong_transfer_status'])
    }
  })

  test.each([
    ['another amount', { amount: '0.0001' }, 'address', /asks for 12345000 millisatoshi/],
    ['what is no invoice', { address: 'ana@example.com' }, 'address', /no Lightning invoice/],
    ['a fraction of a satoshi', { amount: '0.000123456' }, 'amount', /./],
    [
      'several payees',
      { outputs: [1, 2].map(() => ({ address: 'lnbcrt1', amount: '0.1' })), address: null, amount: null },
      'outputs',
      /one payee/,
    ],
    ['a node that is not ours', { walletId: 'wal_nobody' }, 'walletId', /no Lightning node/],
  ])('does not send %s', async (_what, changes, param, detail) => {
    const till = await openTill()
    const wish = { asset: 'BTC-LN', address: foreignInvoice(12_345n).bolt11, amount: '0.00012345', ...changes }
    const { status, json } = await call(till, 'POST', '/v1/transfers', wish)
    expect([status === 400 || status === 404, json.param, json.detail]).toEqual([true, param, expect.stringMatching(detail)])
  })

  test('has an invoice of the node for each address: who has it, and what it was paid', async () => {
    const till = await openTill('lnd')
    const { id, invoice } = await newInvoice(till)
    await till.serve(invoice.activate('BTC-LN'))
    const { bolt11, paymentHash } = shownAt(till)
    const of = (path: string) => call(till, 'GET', `/v1/wallets/${till.walletId}/addresses${path}`)
    const page = await of('')
    expect(violations('WalletAddressList', page.json)).toEqual([])
    expect(page.json).toMatchObject({
      data: [{ index: 0, invoiceId: id, chains: [{ address: bolt11, assets: [] }] }],
      nextCursor: null,
    })
    till.node.pay(paymentHash)
    await till.look()
    for (const name of [bolt11, bolt11.toUpperCase(), paymentHash]) {
      const { status, json } = await of(`/${name}/balance`)
      expect([status, violations('AddressBalance', json)]).toEqual([200, []])
      expect(json).toMatchObject({
        address: bolt11,
        index: 0,
        invoiceId: id,
        chains: [{ assets: [{ asset: 'BTC-LN', confirmed: '0.00100000', pending: '0.00000000' }] }],
      })
    }
    expect((await of(`/${foreignInvoice(1n).bolt11}/balance`)).status).toBe(404)
    const stranger = await newMerchant()
    expect((await stranger.call('GET', `/v1/wallets/${till.walletId}/addresses`)).status).toBe(404)
  })

  test('says what its transfers take: those that wait, and those under way', async () => {
    const till = await openTill('lnd')
    till.allow({ paymentMaxSats: 100_000, dayMaxSats: 100_000 })
    await till.look()
    const send = async () => {
      const wish = { asset: 'BTC-LN', address: foreignInvoice(20_000n).bolt11, amount: '0.0002' }
      return (await call(till, 'POST', '/v1/transfers', wish)).json.id as string
    }
    const [held] = [await send(), await send()]
    till.node.purse.network = 'held'
    const carry = till.carry(held)
    await expect.poll(() => till.node.purse.payments.length).toBe(1)
    const { json } = await call(till, 'GET', `/v1/wallets/${till.walletId}/balance`)
    expect(json.chains).toMatchObject([{ assets: [{ leaving: '0.00020200', reserved: '0.00040400' }] }])
    till.node.purse.letGo(till.node.purse.payments[0]?.paymentHash ?? '')
    await carry
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
