import { beforeAll, describe, expect, test } from 'vitest'
import { readPain001 } from '../../scripts/bank/payment-file.ts'
import { writeCamt } from '../../scripts/bank/statement.ts'
import { type WrittenReport, writePain002 } from '../../scripts/bank/status-report.ts'
import { consumeProjections } from '../../src/storage/projection.ts'
import { bankWallet, newIban } from '../bank/builders.ts'
import { faultsOf } from '../gateways/sepa/pain001-form.ts'
import { bitcoinAccount } from '../storage/accounts.ts'
import { testEnv } from '../storage/databases.ts'
import { type Merchant, newMerchant } from './merchant.ts'
import { violations } from './schema.ts'

const DAY = new Date().toISOString().slice(0, 10)
const XML = { 'content-type': 'application/xml' }
const TRANSFER = { iban: 'NL91 ABNA 0417 1643 00', amount: '12.34', name: 'Ana Müller', text: 'Thanks', reference: 'mine' }

let keys = 0
const key = () => ({ 'idempotency-key': `bank-${++keys}` })

async function newBank() {
  const iban = newIban()
  const merchant = await newMerchant(undefined, undefined, { wallets: [bankWallet(iban)] })
  const { call } = merchant
  return {
    ...merchant,
    iban,
    pay: async (changes: object = {}) => (await call('POST', '/v1/bank/transfers', { ...TRANSFER, ...changes }, key())).json,
    file: async () => (await call('POST', '/v1/bank/payment_files', {})).json,
    report: (report: WrittenReport) => call('POST', '/v1/bank/status_reports', writePain002(report), XML),
    statement: (entry: object) =>
      call('POST', '/v1/bank/statements', writeCamt({ id: 'S1', iban, entries: [{ cents: 12_34n, date: DAY, ...entry }] }), XML),
  }
}

let bank: Awaited<ReturnType<typeof newBank>>
beforeAll(async () => {
  bank = await newBank()
})

describe('a transfer by bank', () => {
  test('goes from the request over the file and the bank’s answer to the statement', async () => {
    const made = await bank.pay()
    expect(violations('BankTransfer', made)).toEqual([])
    expect(made).toMatchObject({
      object: 'transfer',
      kind: 'payout',
      status: 'queued',
      asset: 'EUR',
      amount: '12.34',
      chain: 'sepa:eur',
      custody: 'self',
      outputs: [{ address: 'NL91ABNA0417164300', amount: '12.34' }],
      reference: 'mine',
      bank: { recipientName: 'Ana Müller', text: 'Thanks', paymentFileId: null, word: null, bookedOn: null, returned: null },
    })
    const file = await bank.file()
    expect(violations('PaymentFile', file)).toEqual([])
    expect(file).toMatchObject({ object: 'payment_file', transfers: 1, amount: '12.34', withdrawn: false })
    const answer = await bank.call('GET', `/v1/bank/payment_files/${file.id}`)
    expect(answer.headers.get('content-type')).toBe('application/xml; charset=utf-8')
    expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="${file.id}.xml"`)
    expect(faultsOf(answer.text)).toEqual([])
    const order = readPain001(answer.text)
    expect((await bank.call('GET', `/v1/bank/payment_files/${file.id}`)).text).toBe(answer.text)
    const [inFile] = order?.transfers ?? []
    if (!order || !inFile) throw new Error('the file can be read')

    const report = await bank.report({ fileId: order.id, file: { code: 'ACTC' } })
    expect(violations('BankStatusReport', report.json)).toEqual([])
    expect(report.json).toMatchObject({ paymentFileId: file.id, accepted: 1, changed: 1 })
    const listed = await bank.call('GET', '/v1/bank/payment_files')
    expect(violations('PaymentFileList', listed.json)).toEqual([])
    expect(listed.json.data).toMatchObject([{ id: file.id, word: { code: 'ACTC' } }])

    const read = async () => (await bank.call('GET', `/v1/bank/transfers/${made.id}`)).json
    expect(await read()).toMatchObject({ status: 'broadcast' })
    const debit = { direction: 'DBIT', endToEndId: inFile.endToEndId }
    expect((await bank.statement(debit)).json).toMatchObject({ statements: [{ transfers: 1 }] })
    expect(await read()).toMatchObject({ status: 'confirmed', bank: { bookedOn: DAY } })
    await bank.statement({ endToEndId: inFile.endToEndId, returnReason: 'AC04' })
    const returned = await read()
    expect(violations('BankTransfer', returned)).toEqual([])
    expect(returned).toMatchObject({ status: 'failed', bank: { returned: { on: DAY, amount: '12.34', reason: 'AC04' } } })
  })

  test('is made once for each key: sent again it says so, and the key makes nothing else in any wallet', async () => {
    const wallets = [bankWallet(newIban()), { account: bitcoinAccount('by bank and by chain'), assets: ['BTC'] }]
    const { call } = await newMerchant(undefined, undefined, { wallets })
    const same = key()
    const [made, again] = [
      await call('POST', '/v1/bank/transfers', TRANSFER, same),
      await call('POST', '/v1/bank/transfers', TRANSFER, same),
    ]
    expect([made, again].map(({ status, headers }) => [status, headers.get('idempotent-replayed')])).toEqual([
      [201, null],
      [201, 'true'],
    ])
    expect(again.json).toEqual(made.json)
    const reused = { status: 422, json: { code: 'idempotency_key_reused', param: 'Idempotency-Key' } }
    expect(await call('POST', '/v1/bank/transfers', { ...TRANSFER, amount: '12.35' }, same)).toMatchObject(reused)
    const onChain = { asset: 'BTC', address: 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080', amount: '0.001' }
    expect(await call('POST', '/v1/transfers', onChain, same)).toMatchObject(reused)
    const other = key()
    expect((await call('POST', '/v1/transfers', onChain, other)).status).toBe(201)
    expect(await call('POST', '/v1/bank/transfers', TRANSFER, other)).toMatchObject(reused)
  })

  test('is a transfer as any other: read, listed and told of by webhook', async () => {
    const shop = await newBank()
    await shop.call('POST', '/v1/webhook_endpoints', { url: 'https://shop.example/hooks' })
    const { id } = await shop.pay()
    await shop.file()
    const read = await shop.call('GET', `/v1/transfers/${id}`)
    expect(violations('TransferDetail', read.json)).toEqual([])
    expect(read.json).toMatchObject({ id, status: 'signing', custody: 'self', explorerUrl: null })
    for (const action of ['cancel', 'bump']) {
      const reply = await shop.call('POST', `/v1/transfers/${id}/${action}`, {})
      expect([reply.status, reply.json.code]).toEqual([409, 'wrong_transfer_status'])
    }
    const told = async () => {
      const { data } = (await shop.call('GET', `/v1/transfers/${id}/deliveries`)).json
      return (data as unknown as { eventType: string }[]).map(({ eventType }) => eventType).sort()
    }
    await expect.poll(told).toEqual(['transfer.created', 'transfer.needs_signature'])

    const walletId = (read.json as unknown as { walletId: string }).walletId
    const body = { kind: 'transfer', shard: shop.shard, walletId, transferId: id, bank: true } as const
    const message = { body, attempts: 1, ack: () => {}, retry: () => {} }
    await consumeProjections({ messages: [message] } as never, testEnv as never)
    const listed = await shop.call('GET', '/v1/transfers')
    expect(violations('TransferList', listed.json)).toEqual([])
    expect(listed.json.data).toMatchObject([{ id, status: 'signing', amount: '12.34', asset: 'EUR' }])

    // Also when its account was taken away from the store.
    const { merchantId, storeId, apiKey } = shop
    const wallets = [{ account: bitcoinAccount('the wallet that is left'), assets: ['BTC'] }]
    const changed = await newMerchant(undefined, undefined, { merchantId, storeId, apiKey, wallets })
    expect((await changed.call('GET', `/v1/transfers/${id}`)).json).toMatchObject({ id, status: 'signing' })
  })

  test('is made once for each key, and needs one', async () => {
    const headers = key()
    const first = await bank.call('POST', '/v1/bank/transfers', TRANSFER, headers)
    const again = await bank.call('POST', '/v1/bank/transfers', TRANSFER, headers)
    expect([first.status, again.status, again.json.id]).toEqual([201, 201, first.json.id])
    expect(first.headers.get('location')).toBe(`/v1/bank/transfers/${first.json.id}`)
    const other = await bank.call('POST', '/v1/bank/transfers', { ...TRANSFER, amount: '1' }, headers)
    expect([other.status, other.json.code]).toEqual([422, 'idempotency_key_reused'])
    expect((await bank.call('POST', '/v1/bank/transfers', TRANSFER)).json.code).toBe('idempotency_key_missing')
  })

  test.each([
    [{ iban: 'NL91ABNA0417164301' }, 400, 'invalid_request'],
    [{ iban: 'BR1800360305000010009795493C1' }, 422, 'bad_transfer'],
    [{ amount: '0' }, 400, 'invalid_request'],
    [{ amount: '1.234' }, 400, 'invalid_request'],
    [{ amount: '1000000000' }, 422, 'bad_transfer'],
    [{ name: '' }, 400, 'invalid_request'],
    [{ name: '王小明' }, 422, 'bad_transfer'],
    [{ bic: 'nope' }, 400, 'invalid_request'],
    [{ text: 'x'.repeat(141) }, 400, 'invalid_request'],
    [{ speed: 'fast' }, 400, 'unknown_field'],
  ])('%j is refused', async (changes, status, code) => {
    const reply = await bank.call('POST', '/v1/bank/transfers', { ...TRANSFER, ...changes }, key())
    expect([reply.status, reply.json.code]).toEqual([status, code])
  })

  test('is ended while it waits, and not once it is in a file', async () => {
    const shop = await newBank()
    const [one, two] = [await shop.pay(), await shop.pay()]
    const ended = await shop.call('POST', `/v1/bank/transfers/${one.id}/cancel`, {})
    expect(violations('BankTransfer', ended.json)).toEqual([])
    expect(ended.json).toMatchObject({ status: 'failed' })
    await shop.file()
    const late = await shop.call('POST', `/v1/bank/transfers/${two.id}/cancel`, {})
    expect([late.status, late.json.code]).toEqual([409, 'wrong_transfer_status'])
  })
})

describe('payment files', () => {
  test('are made of what waits: nothing makes none', async () => {
    const shop = await newBank()
    const reply = await shop.call('POST', '/v1/bank/payment_files', {})
    expect([reply.status, reply.json.code]).toEqual([409, 'nothing_to_send'])
    expect((await shop.call('GET', '/v1/bank/payment_files')).json.data).toEqual([])
    expect((await shop.call('GET', '/v1/bank/payment_files/pf_x')).json.code).toBe('payment_file_not_found')
  })

  test('are withdrawn by who knows that the bank never got them', async () => {
    const shop = await newBank()
    const { id } = await shop.pay()
    const file = await shop.file()
    const withdrawn = await shop.call('POST', `/v1/bank/payment_files/${file.id}/withdrawal`, {})
    expect(violations('PaymentFile', withdrawn.json)).toEqual([])
    expect(withdrawn.json).toMatchObject({ id: file.id, withdrawn: true })
    const gone = await shop.call('GET', `/v1/bank/payment_files/${file.id}`)
    expect([gone.status, gone.json.code]).toEqual([409, 'payment_file_withdrawn'])
    expect((await shop.call('GET', `/v1/bank/transfers/${id}`)).json).toMatchObject({ status: 'failed' })
  })

  test('that the bank has spoken of are not', async () => {
    const shop = await newBank()
    await shop.pay()
    const file = await shop.file()
    await shop.report({ fileId: file.id.replace('_', '').toUpperCase(), file: { code: 'RCVD' } })
    const reply = await shop.call('POST', `/v1/bank/payment_files/${file.id}/withdrawal`, {})
    expect([reply.status, reply.json.code]).toEqual([409, 'payment_file_taken'])
  })
})

describe('status reports', () => {
  test.each([
    ['no XML', 'hello', XML, 422, 'statement_not_readable'],
    ['a document type', '<!DOCTYPE a><a/>', XML, 422, 'statement_not_readable'],
    ['a statement', writeCamt({ id: 'S', iban: 'NL91ABNA0417164300', entries: [] }), XML, 422, 'statement_not_readable'],
    ['one of another file', writePain002({ fileId: 'OTHER', file: { code: 'RJCT' } }), XML, 404, 'payment_file_not_found'],
    ['JSON', '{}', {}, 415, 'unsupported_media_type'],
  ])('%s is refused', async (_what, body, headers, status, code) => {
    const reply = await bank.call('POST', '/v1/bank/status_reports', body, headers)
    expect([reply.status, reply.json.code]).toEqual([status, code])
  })
})

test('of one merchant it is nothing to another, nor to a store without an account', async () => {
  const transfer = await bank.pay()
  const file = await bank.file()
  const rejection = writePain002({ fileId: file.id.replace('_', '').toUpperCase(), file: { code: 'RJCT' } })
  const strangers: Merchant[] = [await newBank(), await newMerchant()]
  for (const { call } of strangers) {
    expect((await call('GET', `/v1/bank/transfers/${transfer.id}`)).json.code).toBe('transfer_not_found')
    expect((await call('POST', `/v1/bank/transfers/${transfer.id}/cancel`, {})).json.code).toBe('transfer_not_found')
    expect((await call('GET', `/v1/bank/payment_files/${file.id}`)).json.code).toBe('payment_file_not_found')
    expect((await call('POST', `/v1/bank/payment_files/${file.id}/withdrawal`, {})).status).toBeGreaterThan(400)
    expect((await call('POST', '/v1/bank/status_reports', rejection, XML)).status).toBeGreaterThan(400)
    expect((await call('GET', '/v1/bank/payment_files')).json.data).toEqual([])
  }
  const [, plain] = strangers
  expect((await plain?.call('POST', '/v1/bank/transfers', TRANSFER, key()))?.json.code).toBe('bank_account_not_found')
  expect((await bank.call('GET', `/v1/bank/transfers/${transfer.id}`)).json.status).toBe('signing')
})
