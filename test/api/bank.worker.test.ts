import { beforeAll, describe, expect, test } from 'vitest'
import { type WrittenStatement, writeCamt } from '../../scripts/bank/statement.ts'
import type { InvoiceResource } from '../../src/invoice/resource.ts'
import { bankWallet, newIban, referenceIn } from '../bank/builders.ts'
import { bitcoinAccount } from '../storage/accounts.ts'
import { type Merchant, newMerchant } from './merchant.ts'
import { violations } from './schema.ts'

const DAY = new Date().toISOString().slice(0, 10)
const XML = { 'content-type': 'application/xml' }

interface Bank extends Merchant {
  readonly iban: string
  send(...statements: Omit<WrittenStatement, 'iban'>[]): ReturnType<Merchant['call']>
  invoice(): Promise<{ id: string; reference: string }>
  status(id: string): Promise<unknown>
}

async function newBank(changes: object = {}): Promise<Bank> {
  const iban = newIban()
  const wallets = [bankWallet(iban), { account: bitcoinAccount(iban), assets: ['BTC'] }]
  const merchant = await newMerchant(undefined, undefined, { wallets, ...changes })
  return {
    ...merchant,
    iban,
    send: (...statements) =>
      merchant.call('POST', '/v1/bank/statements', writeCamt(...statements.map((one) => ({ iban, ...one }))), XML),
    async invoice() {
      const { id } = (await merchant.call('POST', '/v1/invoices', { amount: '60.00', currency: 'EUR' })).json
      const { json } = await merchant.call('POST', `/v1/invoices/${id}/payment_methods/EUR`)
      return { id, reference: referenceIn(methodOf(json).address ?? '') }
    },
    status: async (id) => (await merchant.call('GET', `/v1/invoices/${id}`)).json.status,
  }
}

function methodOf({ paymentMethods }: Pick<InvoiceResource, 'paymentMethods'>) {
  const found = paymentMethods.find(({ asset }) => asset === 'EUR')
  if (!found) throw new Error('EUR is offered')
  return found
}

let bank: Bank
beforeAll(async () => {
  bank = await newBank()
})

describe('the method', () => {
  test('costs exactly the price, and its address names account, recipient and reference', async () => {
    const { id } = await bank.invoice()
    const { json } = await bank.call('GET', `/v1/invoices/${id}`)
    expect(violations('Invoice', json)).toEqual([])
    const method = methodOf(json)
    expect(method).toMatchObject({
      chain: 'sepa:eur',
      name: 'Euro',
      amount: '60.00',
      amountDue: '60.00',
      rate: null,
      custody: 'self',
    })
    expect(method.address).toMatch(
      new RegExp(`^payto://iban/${bank.iban}\\?receiver-name=Northwind%20Coffee%20GmbH&instruction=RF\\d{18}$`),
    )
    expect(method.uri).toBe(`${method.address}&amount=EUR:60.00`)
  })

  test('is among what the store is paid in, and a policy on confirmations does not touch it', async () => {
    const { json } = await bank.call('GET', '/v1/payment_methods')
    expect(json.data.map(({ code }) => code)).toEqual(['EUR', 'BTC'])
    const made = await bank.call('POST', '/v1/invoices', { amount: '1', currency: 'EUR', confirmations: 6 })
    expect(made.json.paymentMethods.map(({ asset, confirmationsRequired }) => [asset, confirmationsRequired])).toEqual([
      ['EUR', 1],
      ['BTC', 6],
    ])
  })
})

describe('statements', () => {
  test('pay invoices; the same file again answers the same', async () => {
    const { id, reference } = await bank.invoice()
    const statement = {
      id: 'S1',
      opening: { cents: -5n, date: DAY },
      closing: { cents: 59_95n, date: DAY },
      entries: [{ cents: 60_00n, date: DAY, reference }],
    }
    const { status, json } = await bank.send(statement)
    expect(status).toBe(200)
    expect(violations('BankImport', json)).toEqual([])
    expect(json).toEqual({
      object: 'bank_import',
      replayed: false,
      skipped: 0,
      statements: [
        {
          id: 'S1',
          kind: 'camt.053',
          closing: { amount: '59.95', date: DAY },
          balance: 'ok',
          gap: null,
          entries: 1,
          matched: 1,
          unmatched: 0,
          returned: 0,
          transfers: 0,
          duplicates: 0,
          other: 0,
        },
      ],
    })
    expect((await bank.send(statement)).json).toEqual({ ...json, replayed: true })
    await expect.poll(() => bank.status(id)).toBe('settled')
    const read = await bank.call('GET', `/v1/invoices/${id}`)
    expect(violations('Invoice', read.json)).toEqual([])
    const accounts = await bank.call('GET', '/v1/bank/accounts')
    expect(violations('BankAccountList', accounts.json)).toEqual([])
    expect(accounts.json.data).toMatchObject([
      { iban: bank.iban, balance: { amount: '59.95', date: DAY }, gap: null, unmatched: 0 },
    ])
  })

  test('after a return the invoice and its log say so, by their schemas', async () => {
    const { id, reference } = await bank.invoice()
    await bank.send({ id: 'S2', entries: [{ cents: 60_00n, date: DAY, reference }] })
    await expect.poll(() => bank.status(id)).toBe('settled')
    await bank.send({ id: 'S3', entries: [{ cents: 60_00n, date: DAY, direction: 'DBIT', reversal: true, reference }] })
    await expect.poll(() => bank.status(id)).toBe('new')
    const read = await bank.call('GET', `/v1/invoices/${id}`)
    expect(violations('Invoice', read.json)).toEqual([])
    expect(read.json.payments).toMatchObject([{ status: 'returned' }])
    const events = await bank.call('GET', `/v1/invoices/${id}/events`)
    expect(violations('InvoiceEventList', events.json)).toEqual([])
    const postings = await bank.call('GET', `/v1/invoices/${id}/postings`)
    expect(violations('InvoicePostings', postings.json)).toEqual([])
  })

  test.each([
    ['no XML', 'hello', XML, 422, 'statement_not_readable'],
    ['a document type', '<!DOCTYPE a><a/>', XML, 422, 'statement_not_readable'],
    ['JSON', '{}', {}, 415, 'unsupported_media_type'],
    ['too much', ' '.repeat(4 * 1024 * 1024 + 1), XML, 413, 'body_too_large'],
    ['another account', writeCamt({ id: 'S', iban: 'NL91ABNA0417164300', entries: [] }), XML, 422, 'bank_account_not_found'],
  ])('%s is refused', async (_what, body, headers, status, code) => {
    const reply = await bank.call('POST', '/v1/bank/statements', body, headers)
    expect([reply.status, reply.json.code]).toEqual([status, code])
  })

  test('one that does not add up is refused', async () => {
    const balances = { opening: { cents: 0n, date: DAY }, closing: { cents: 1n, date: DAY } }
    const reply = await bank.send({ id: 'S', ...balances, entries: [] })
    expect([reply.status, reply.json.code]).toEqual([422, 'balance_mismatch'])
  })

  test('statements of other accounts in the file are left alone', async () => {
    const { json } = await bank.send({ id: 'S', entries: [] }, { id: 'T', iban: 'NL91ABNA0417164300', entries: [] } as never)
    expect(json).toMatchObject({ skipped: 1, statements: [{ id: 'S' }] })
  })

  test('of one merchant are nothing to another, nor to a store without an account', async () => {
    const other = await newBank()
    const { reference } = await bank.invoice()
    const entries = [{ cents: 1_00n, date: DAY, reference }]
    const foreign = await other.call('POST', '/v1/bank/statements', writeCamt({ id: 'S', iban: bank.iban, entries }), XML)
    expect(foreign.json.code).toBe('bank_account_not_found')
    // A reference of another account means nothing here.
    expect((await other.send({ id: 'S', entries })).json).toMatchObject({ statements: [{ matched: 0, unmatched: 1 }] })
    const plain = await newMerchant()
    expect((await plain.call('GET', '/v1/bank/accounts')).json).toEqual({ data: [] })
    expect((await plain.call('GET', '/v1/bank/unmatched')).json).toEqual({ data: [], nextCursor: null })
  })
})

describe('what no invoice is found for', () => {
  test('is listed, and a person says whose it is', async () => {
    const shop = await newBank()
    const { id } = await shop.invoice()
    const entries = [10n, 20n, 60_00n].map((cents) => ({
      cents,
      date: DAY,
      text: 'thanks',
      name: 'Payer',
      iban: 'NL91ABNA0417164300',
    }))
    await shop.send({ id: 'S1', entries })
    const first = await shop.call('GET', '/v1/bank/unmatched?limit=2')
    expect(violations('BankEntryList', first.json)).toEqual([])
    const rest = await shop.call('GET', `/v1/bank/unmatched?limit=2&cursor=${encodeURIComponent(first.json.nextCursor ?? '')}`)
    expect(rest.json.nextCursor).toBeNull()
    const listed = [...first.json.data, ...rest.json.data] as unknown as { id: string; amount: string }[]
    expect(listed.map(({ amount }) => amount).sort()).toEqual(['0.10', '0.20', '60.00'])
    const path = (entry: string) => `/v1/bank/unmatched/${entry}/assignment`
    const wanted = listed.find(({ amount }) => amount === '60.00')?.id ?? ''
    const other = await shop.invoice()

    const assigned = await shop.call('POST', path(wanted), { invoiceId: id })
    expect(violations('BankEntry', assigned.json)).toEqual([])
    expect(assigned.json).toMatchObject({ id: wanted, invoiceId: id })
    await expect.poll(() => shop.status(id)).toBe('settled')
    expect((await shop.call('POST', path(wanted), { invoiceId: id })).status).toBe(200)
    expect((await shop.call('POST', path(wanted), { invoiceId: other.id })).json.code).toBe('entry_not_open')
    expect((await shop.call('GET', '/v1/bank/unmatched')).json.data).toHaveLength(2)
    expect((await shop.call('POST', path('nothing'), { invoiceId: id })).json.code).toBe('entry_not_found')
    const foreign = await (await newBank()).invoice()
    expect((await shop.call('POST', path(wanted), { invoiceId: foreign.id })).json.code).toBe('invoice_not_found')
    const coinsOnly = await shop.call('POST', '/v1/invoices', { amount: '1', currency: 'EUR', paymentMethods: ['BTC'] })
    expect((await shop.call('POST', path(wanted), { invoiceId: coinsOnly.json.id })).json.code).toBe('asset_not_offered')
    expect((await shop.call('POST', path(wanted), { invoiceId: id, extra: 1 })).json.code).toBe('unknown_field')
  })

  test.each(['?cursor=x', '?limit=0', '?limit=1000', '?who=1'])('%s is refused', async (query) => {
    expect((await bank.call('GET', `/v1/bank/unmatched${query}`)).status).toBe(400)
  })
})

describe('the account is a wallet as others are', () => {
  const wallets = async (shop: Bank) =>
    (await shop.call('GET', '/v1/wallets')).json as unknown as { data: { id: string; script: string }[] }
  const closing = (cents: bigint) => ({ cents, date: DAY })

  test('its balance has the same words: confirmed, pending, leaving, reserved; its addresses are references', async () => {
    const shop = await newBank()
    const listed = await wallets(shop)
    expect(violations('WalletList', listed)).toEqual([])
    const wallet = listed.data.find(({ script }) => script === 'sepa')
    expect(wallet).toMatchObject({
      object: 'wallet',
      custody: 'self',
      addressesUsed: 0,
      chains: [{ chain: 'sepa:eur', name: 'SEPA', assets: ['EUR'], firstAddresses: [shop.iban], payer: null }],
      node: null,
    })
    const path = `/v1/wallets/${wallet?.id}`
    const balance = async (query = '') =>
      (await shop.call('GET', `${path}/balance${query}`)).json as unknown as { chains: object[] }
    expect(await balance()).toMatchObject({
      chains: [{ readAt: null, stale: true, assets: [{ confirmed: null, pending: '0.00', leaving: '0.00', reserved: '0.00' }] }],
    })

    const [paid, waiting, unpaid] = [await shop.invoice(), await shop.invoice(), await shop.invoice()]
    await shop.send({
      id: 'S1',
      opening: closing(-5_00n),
      closing: closing(55_00n),
      entries: [{ cents: 60_00n, date: DAY, reference: paid.reference }],
    })
    await shop.send({
      kind: 'camt.052',
      id: 'R',
      entries: [{ cents: 7_00n, date: DAY, status: 'PDNG', reference: waiting.reference }],
    })
    const transfer = { iban: 'NL91ABNA0417164300', amount: '12.34', name: 'Ana' }
    await shop.call('POST', '/v1/bank/transfers', transfer, { 'idempotency-key': 'w1' })
    const after = await balance('?refresh=true')
    expect(violations('WalletBalance', after)).toEqual([])
    expect(after).toMatchObject({
      object: 'wallet_balance',
      custody: 'self',
      chains: [
        {
          chain: 'sepa:eur',
          asOf: null,
          addresses: 3,
          stale: false,
          refreshing: false,
          error: null,
          assets: [{ asset: 'EUR', confirmed: '55.00', pending: '7.00', leaving: '0.00', reserved: '12.34' }],
        },
      ],
    })

    const first = (await shop.call('GET', `${path}/addresses?limit=2`)).json
    expect(violations('WalletAddressList', first)).toEqual([])
    expect(first.data).toMatchObject([
      {
        index: 0,
        invoiceId: paid.id,
        chains: [{ chain: 'sepa:eur', assets: [{ asset: 'EUR', confirmed: '60.00', pending: '0.00' }] }],
      },
      { index: 1, invoiceId: waiting.id, chains: [{ assets: [{ asset: 'EUR', confirmed: '0.00', pending: '7.00' }] }] },
    ])
    const rest = (await shop.call('GET', `${path}/addresses?limit=2&cursor=${first.nextCursor}`)).json
    expect(rest).toMatchObject({ data: [{ index: 2, invoiceId: unpaid.id, chains: [{ assets: [] }] }], nextCursor: null })

    const [{ chains }] = first.data as unknown as [{ chains: { address: string }[] }]
    for (const address of [chains[0]?.address ?? '', paid.reference, paid.reference.replace(/(.{4})/g, '$1 ').trim()]) {
      const one = (await shop.call('GET', `${path}/addresses/${encodeURIComponent(address)}/balance`)).json
      expect(violations('AddressBalance', one)).toEqual([])
      expect(one).toMatchObject({
        object: 'address_balance',
        index: 0,
        invoiceId: paid.id,
        chains: [{ assets: [{ asset: 'EUR', confirmed: '60.00', pending: '0.00', leaving: '0.00' }] }],
      })
    }

    const other = await newBank()
    const foreign = await other.invoice()
    for (const address of [foreign.reference, 'RF00', chains[0]?.address.replace(shop.iban, other.iban) ?? ''])
      expect((await shop.call('GET', `${path}/addresses/${encodeURIComponent(address)}/balance`)).json.code).toBe(
        'address_not_found',
      )
    for (const rest of ['/balance', '/addresses', `/addresses/${paid.reference}/balance`])
      expect((await other.call('GET', path + rest)).json.code).toBe('wallet_not_found')
  })

  test('a difference is shown and stops payment files until a person has looked', async () => {
    const shop = await newBank()
    const [wallet] = (await wallets(shop)).data.filter(({ script }) => script === 'sepa')
    await shop.send({ id: 'S1', opening: closing(0n), closing: closing(10n), entries: [{ cents: 10n, date: DAY, text: 'x' }] })
    const key = { 'idempotency-key': 'd1' }
    await shop.call('POST', '/v1/bank/transfers', { iban: 'NL91ABNA0417164300', amount: '0.01', name: 'Ana' }, key)
    expect((await shop.send({ id: 'S2', opening: closing(10n), closing: closing(20n), entries: [] })).json.code).toBe(
      'balance_mismatch',
    )

    const accounts = (await shop.call('GET', '/v1/bank/accounts')).json
    expect(violations('BankAccountList', accounts)).toEqual([])
    expect(accounts.data).toMatchObject([{ frozen: true, differences: [{ detail: expect.stringContaining('S2') }] }])
    const balance = (await shop.call('GET', `/v1/wallets/${wallet?.id}/balance`)).json
    expect(violations('WalletBalance', balance)).toEqual([])
    expect(balance).toMatchObject({ chains: [{ error: { reason: 'balance_difference' } }] })
    const refused = await shop.call('POST', '/v1/bank/payment_files', {})
    expect([refused.status, refused.json.code]).toEqual([409, 'sending_frozen'])

    const [{ differences }] = accounts.data as unknown as [{ differences: { id: string }[] }]
    const path = `/v1/bank/differences/${differences[0]?.id}/clear`
    expect((await bank.call('POST', path)).json.code).toBe('difference_not_found')
    const cleared = await shop.call('POST', path)
    expect(violations('BankDifference', cleared.json)).toEqual([])
    expect((await shop.call('POST', path)).json.code).toBe('difference_not_found')
    expect((await shop.call('GET', '/v1/bank/accounts')).json.data).toMatchObject([{ frozen: false, differences: [] }])
    expect((await shop.call('POST', '/v1/bank/payment_files', {})).status).toBe(201)
  })
})
