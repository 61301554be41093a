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
