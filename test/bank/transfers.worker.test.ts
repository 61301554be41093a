import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { readPain001 } from '../../scripts/bank/payment-file.ts'
import { type WrittenReport, writePain002 } from '../../scripts/bank/status-report.ts'
import type { CreateBankTransfer } from '../../src/bank/transfers/types.ts'
import { nameAtBanks } from '../../src/gateways/sepa/pain001.ts'
import { readPain002 } from '../../src/gateways/sepa/pain002.ts'
import type { StoreConfig } from '../../src/invoice/types.ts'
import { randomId } from '../../src/lib/ids.ts'
import { HEARERS } from '../../src/wallet/transfers/hearers.ts'
import { faultsOf } from '../gateways/sepa/pain001-form.ts'
import { createRequest } from '../invoice/builders.ts'
import { migrateDatabases, testEnv } from '../storage/databases.ts'
import { accountOf, newStore, referenceIn } from './builders.ts'
import { bankWish } from './wish.ts'

const DAY = new Date().toISOString().slice(0, 10)
const PAYER = { iban: 'NL91ABNA0417164300', name: 'Ana Müller' }
const raw = (name: string) => (testEnv as unknown as { BANKS: DurableObjectNamespace }).BANKS.getByName(name)

beforeAll(migrateDatabases)

async function newAccount() {
  const store = await newStore()
  const account = accountOf(store)
  const { object } = account

  const { merchantId, shard, storeId } = store
  const wish = (changes: Partial<CreateBankTransfer> = {}) => bankWish({ merchantId, shard, storeId, ...changes })
  return {
    ...account,
    store,
    wish,
    async pay(changes: Partial<CreateBankTransfer> = {}): Promise<string> {
      const created = await object.createTransfer(wish(changes))
      if (!created.ok) throw new Error(JSON.stringify(created.error, (_key, value) => String(value)))
      return created.value.id
    },
    async file() {
      const info = await object.makePaymentFile(store.merchantId)
      if (!info.ok) throw new Error(info.error.detail)
      const file = await object.paymentFile(store.merchantId, info.value.id)
      const xml = file?.xml ?? ''
      const order = readPain001(xml)
      if (!order) throw new Error('the file can be read')
      return { ...info.value, xml, order }
    },
    async report(report: WrittenReport) {
      const read = readPain002(writePain002(report))
      if (!read.ok) throw new Error(read.error.detail)
      return object.takeReport(store.merchantId, read.value)
    },
    status: async (id: string) => (await object.transfer(id))?.status,
    debit: (id: string, changes: object = {}) =>
      ({ cents: 12_34n, date: DAY, direction: 'DBIT', endToEndId: nameAtBanks(id), ...changes }) as const,
    back: (id: string, changes: object = {}) =>
      ({ cents: 12_34n, date: DAY, endToEndId: nameAtBanks(id), returnReason: 'AC04', ...changes }) as const,
  }
}

type Account = Awaited<ReturnType<typeof newAccount>>

/** An invoice over 60.00 EUR, paid by the payer. */
async function paidInvoice({ store, take }: Account, entry: object = PAYER) {
  const id = randomId('inv')
  const invoice = testEnv.INVOICES.getByName(id)
  const created = await invoice.create({ ...createRequest(), id, store: store as StoreConfig, price: 6_000n, toleranceBps: 0 })
  if (!created.ok) throw new Error(created.error.reason)
  const activated = await invoice.activate('EUR')
  if (!activated.ok) throw new Error(activated.error.reason)
  const reference = referenceIn(activated.value.activations[0]?.address)
  await take({ id: `P-${id}`, entries: [{ cents: 60_00n, date: DAY, reference, ...entry }] })
  await expect.poll(async () => (await invoice.read())?.status).toBe('settled')
  const key = (await invoice.read())?.payments[0]?.key ?? ''
  return { id, reference, key }
}

describe('a payout', () => {
  test('goes into a file, is accepted by the bank, and is confirmed by the statement that books it', async () => {
    const account = await newAccount()
    const id = await account.pay({ text: 'Invoice 7 & more', reference: 'mine' })
    expect(await account.object.transfer(id)).toMatchObject({
      status: 'queued',
      version: 1,
      custody: 'self',
      walletId: account.id,
      outputs: [{ address: PAYER.iban, units: 12_34n }],
      reference: 'mine',
      bank: { fileId: null, bookedOn: null },
    })
    const file = await account.file()
    expect(faultsOf(file.xml)).toEqual([])
    expect(file).toMatchObject({ transfers: 1, cents: 12_34n, word: null })
    expect(file.order).toEqual({
      id: nameAtBanks(file.id),
      iban: account.iban,
      transfers: [
        { endToEndId: nameAtBanks(id), cents: 12_34n, name: 'Ana Mueller', iban: PAYER.iban, bic: null, text: 'Invoice 7 + more' },
      ],
    })
    expect(await account.object.transfer(id)).toMatchObject({ status: 'signing', bank: { fileId: file.id } })

    const report = { fileId: file.order.id, file: { code: 'ACTC' } }
    expect(await account.report(report)).toEqual({
      ok: true,
      value: { fileId: file.id, accepted: 1, rejected: 0, pending: 0, changed: 1 },
    })
    expect(await account.object.transfer(id)).toMatchObject({ status: 'broadcast', reason: 'the bank says ACTC' })
    expect(await account.report(report)).toMatchObject({ ok: true, value: { changed: 0 } })

    const opening = { cents: 100_00n, date: DAY }
    const statement = { id: 'S1', opening, closing: { cents: 87_66n, date: DAY }, entries: [account.debit(id)] }
    expect(await account.take(statement)).toMatchObject({ statements: [{ transfers: 1, other: 0, balance: 'ok' }] })
    const confirmed = await account.object.transfer(id)
    expect(confirmed).toMatchObject({ status: 'confirmed', reason: null, bank: { bookedOn: DAY, returned: null } })
    expect(await account.take({ ...statement, id: 'S1 again' })).toMatchObject({ statements: [{ transfers: 0, duplicates: 1 }] })
    expect(await account.object.transfer(id)).toEqual(confirmed)
    expect(await account.object.standing(account.store.merchantId)).toMatchObject({ unmatched: 0, balance: { cents: 87_66n } })
  })

  test('is failed when the bank refuses it, with the bank’s reason', async () => {
    const account = await newAccount()
    const [good, bad] = [await account.pay(), await account.pay({ outputs: [{ address: PAYER.iban, units: 1n }] })]
    const { order } = await account.file()
    const transfers = [{ endToEndId: nameAtBanks(bad), code: 'RJCT', reason: 'AC04', detail: 'sorry' }]
    await account.report({ fileId: order.id, file: { code: 'PART' }, transfers })
    expect(await account.object.transfer(bad)).toMatchObject({
      status: 'failed',
      reason: 'the bank refused it: RJCT, AC04 (the account is closed), sorry',
    })
    expect(await account.object.transfer(good)).toMatchObject({ status: 'signing', reason: 'the bank says PART' })
  })

  test('of a whole file that is refused is failed; nothing else may be taken for a refusal', async () => {
    const account = await newAccount()
    const id = await account.pay()
    const { order } = await account.file()
    // The same file brought twice: the first is carried out.
    await account.report({ fileId: order.id, file: { code: 'RJCT', reason: 'AM05' } })
    expect(await account.status(id)).toBe('signing')
    await account.report({ fileId: order.id, file: { code: 'CANC' } })
    expect(await account.status(id)).toBe('signing')
    await account.report({ fileId: order.id, block: { code: 'RJCT', reason: 'FF01' } })
    expect(await account.status(id)).toBe('failed')
    await account.report({ fileId: order.id, file: { code: 'ACCP' } })
    expect(await account.status(id)).toBe('failed')
  })

  test('that was sent back after it was carried out is failed, by a booked entry of the bank alone', async () => {
    const account = await newAccount()
    const id = await account.pay()
    await account.file()
    await account.take({ id: 'S1', entries: [account.debit(id)] })
    // Whoever got the money knows its name, and can send a cent with it.
    await account.take({ id: 'S2', entries: [account.back(id, { returnReason: undefined, cents: 1n })] })
    await account.take({ kind: 'camt.052', id: 'R1', entries: [account.back(id, { status: 'PDNG' })] })
    expect(await account.status(id)).toBe('confirmed')
    expect(await account.take({ id: 'S3', entries: [account.back(id)] })).toMatchObject({ statements: [{ transfers: 1 }] })
    expect(await account.object.transfer(id)).toMatchObject({
      status: 'failed',
      reason: `it was sent back on ${DAY} with 12.34 EUR: AC04 (the account is closed)`,
      bank: { bookedOn: DAY, returned: { on: DAY, units: 12_34n, reason: 'AC04' } },
    })
    // The cent is a credit that fits no invoice.
    expect((await account.object.unmatched(account.store.merchantId, null, 10)).entries).toMatchObject([{ cents: 1n }])
  })

  test('that comes back before it was seen to leave ends the same', async () => {
    const account = await newAccount()
    const id = await account.pay()
    await account.file()
    await account.take({ kind: 'camt.054', id: 'N1', entries: [account.back(id)] })
    await account.take({ id: 'S1', entries: [account.debit(id), account.back(id)] })
    expect(await account.object.transfer(id)).toMatchObject({ status: 'failed', bank: { bookedOn: DAY, returned: { on: DAY } } })
  })

  test('is seen on its way when the bank announces it, and waits again when that came to nothing', async () => {
    const account = await newAccount()
    const id = await account.pay()
    await account.file()
    await account.take({ kind: 'camt.052', id: 'R1', entries: [account.debit(id, { status: 'PDNG' })] })
    expect(await account.object.transfer(id)).toMatchObject({ status: 'broadcast', reason: 'the bank has announced it' })
    const later = new Date(Date.now() + 20 * 86_400_000).toISOString().slice(0, 10)
    await account.take({ id: 'S1', opening: { cents: 0n, date: later }, closing: { cents: 0n, date: later }, entries: [] })
    expect(await account.status(id)).toBe('signing')
    await account.take({ id: 'S2', entries: [account.debit(id, { date: later })] })
    expect(await account.status(id)).toBe('confirmed')
  })

  test('that the bank carried out although it had refused it is confirmed: money that moved has moved', async () => {
    const account = await newAccount()
    const id = await account.pay()
    const { order } = await account.file()
    await account.report({ fileId: order.id, file: { code: 'RJCT', reason: 'FF01' } })
    await account.take({ id: 'S1', entries: [account.debit(id)] })
    expect(await account.status(id)).toBe('confirmed')
  })

  test('that was carried out twice, or at another amount, is shown to a person', async () => {
    const account = await newAccount()
    const id = await account.pay()
    await account.file()
    const entries = [account.debit(id, { bankReference: 'B1' }), account.debit(id, { bankReference: 'B2' })]
    expect(await account.take({ id: 'S1', entries })).toMatchObject({ statements: [{ transfers: 1, unmatched: 1 }] })
    await account.take({ id: 'S2', entries: [account.debit(id, { cents: 99n })] })
    const { entries: listed } = await account.object.unmatched(account.store.merchantId, null, 10)
    expect(listed.map(({ direction, cents }) => [direction, cents]).sort()).toEqual([
      ['debit', 12_34n],
      ['debit', 99n],
    ])
    expect(await account.object.assign(account.store.merchantId, listed[0]?.id ?? '', randomId('inv'), 'me')).toMatchObject({
      error: { reason: 'entry_not_open' },
    })
  })
})

describe('a transfer is made once', () => {
  test('the same again answers it, another under its id is refused', async () => {
    const account = await newAccount()
    const wish = account.wish()
    const made = await account.object.createTransfer(wish)
    await account.file()
    expect(await account.object.createTransfer(wish)).toMatchObject({ ok: true, value: { id: wish.id, status: 'signing' } })
    expect(made.ok && made.value.status).toBe('queued')
    const other = { ...wish, outputs: [{ address: PAYER.iban, units: 1n }] }
    expect(await account.object.createTransfer(other)).toEqual({ ok: false, error: { reason: 'transfer_id_reused' } })
  })

  test('and is in one file, whoever asks for files at once', async () => {
    const account = await newAccount()
    const ids = await Promise.all(Array.from({ length: 10 }, () => account.pay()))
    const made = await Promise.all(Array.from({ length: 5 }, () => account.object.makePaymentFile(account.store.merchantId)))
    expect(made.filter(({ ok }) => ok)).toHaveLength(1)
    await account.pay()
    const second = await account.file()
    const files = await account.object.paymentFiles(account.store.merchantId)
    expect(files.map(({ transfers }) => transfers)).toEqual([1, 10])
    expect(second.order.transfers).toHaveLength(1)
    const first = await account.object.paymentFile(account.store.merchantId, files[1]?.id ?? '')
    const names = readPain001(first?.xml ?? '')?.transfers.map(({ endToEndId }) => endToEndId)
    expect(names?.sort()).toEqual(ids.map(nameAtBanks).sort())
    await evictDurableObject(raw(account.id))
    expect(await account.object.paymentFile(account.store.merchantId, files[1]?.id ?? '')).toEqual(first)
  })

  test.each<[string, Partial<CreateBankTransfer>, string]>([
    ['no IBAN', { outputs: [{ address: 'NL91ABNA0417164301', units: 1n }] }, 'is no IBAN'],
    ['out of SEPA', { outputs: [{ address: 'BR1800360305000010009795493C1', units: 1n }] }, 'not reached by SEPA'],
    ['two recipients', { outputs: [PAYER, PAYER].map(({ iban }) => ({ address: iban, units: 1n })) }, 'one recipient'],
    ['nothing', { outputs: [{ address: PAYER.iban, units: 0n }] }, '0.01 to 999999999.99'],
    ['no name', { recipientName: '王' }, 'no letter that banks can write'],
    ['no BIC', { recipientBic: 'x' }, 'is no BIC'],
    ['coins', { asset: 'BTC' }, 'sends euro'],
    ['a sweep', { kind: 'sweep' }, 'not swept'],
    ['a refund of nothing', { kind: 'refund' }, 'of an invoice'],
    ['a payout of an invoice', { invoiceId: 'inv_1' }, 'of an invoice'],
    ['an id of another kind', { id: 'inv_1' }, 'tr_'],
  ])('%s is refused', async (_what, changes, words) => {
    const { object, wish } = await newAccount()
    expect(await object.createTransfer(wish(changes))).toEqual({
      ok: false,
      error: { reason: 'bad_transfer', detail: expect.stringContaining(words) },
    })
  })

  test('it is refused where the holder’s own name is none that banks can write', async () => {
    const { object, wish, iban, store } = await newAccount()
    await object.configure({ iban, bic: null, holder: '王小明' }, store.merchantId)
    expect(await object.createTransfer(wish())).toMatchObject({ error: { reason: 'bad_transfer' } })
  })

  test('to the own account, or of another merchant’s, it is refused', async () => {
    const { object, wish, iban } = await newAccount()
    expect(await object.createTransfer(wish({ outputs: [{ address: iban, units: 1n }] }))).toMatchObject({
      error: { reason: 'bad_transfer' },
    })
    expect(await object.createTransfer(wish({ merchantId: 'mer_other' }))).toMatchObject({
      error: { reason: 'wallet_not_configured' },
    })
  })
})

describe('a refund', () => {
  test('goes to the account that paid, by its name, with the invoice’s reference', async () => {
    const account = await newAccount()
    const { id: invoiceId, reference, key } = await paidInvoice(account)
    expect(await account.object.debtorOf(key)).toEqual(PAYER)
    const id = await account.pay({ kind: 'refund', invoiceId, recipientName: null })
    const { order } = await account.file()
    expect(order.transfers).toMatchObject([
      { endToEndId: nameAtBanks(id), iban: PAYER.iban, name: 'Ana Mueller', text: `Refund ${reference}` },
    ])
  })

  test('to any other account is refused, and when nobody knows who paid', async () => {
    const account = await newAccount()
    const { id: invoiceId } = await paidInvoice(account)
    const wish = (invoiceId: string, address: string) =>
      account.object.createTransfer(account.wish({ kind: 'refund', invoiceId, outputs: [{ address, units: 1n }] }))
    expect(await wish(invoiceId, 'DE89370400440532013000')).toMatchObject({
      error: { reason: 'bad_transfer', detail: 'a refund goes to the account that paid' },
    })
    const unknown = await paidInvoice(account, {})
    expect(await account.object.debtorOf(unknown.key)).toBeNull()
    expect(await wish(unknown.id, PAYER.iban)).toMatchObject({
      error: { reason: 'bad_transfer', detail: 'the bank’s statements do not say who paid' },
    })
    expect(await account.object.debtorOf(`sepa:eur/x/${account.id}`)).toBeNull()
  })

  test('never passes what came in, however many ask at once; what failed may be asked for again', async () => {
    const account = await newAccount()
    const { id: invoiceId } = await paidInvoice(account)
    const refund = () =>
      account.object.createTransfer(account.wish({ kind: 'refund', invoiceId, outputs: [{ address: PAYER.iban, units: 25_00n }] }))
    const asked = await Promise.all(Array.from({ length: 10 }, refund))
    expect(asked.filter(({ ok }) => ok)).toHaveLength(2)
    expect(await refund()).toEqual({ ok: false, error: { reason: 'insufficient_funds', asset: 'EUR', available: 10_00n } })
    const { order } = await account.file()
    const [first] = order.transfers
    await account.report({ fileId: order.id, transfers: [{ endToEndId: first?.endToEndId ?? '', code: 'RJCT', reason: 'AC04' }] })
    expect(await refund()).toMatchObject({ ok: true })
    expect(await refund()).toMatchObject({ ok: false })
  })

  test('to one of several payers never passes what came from that account', async () => {
    const account = await newAccount()
    const { id: invoiceId, reference } = await paidInvoice(account)
    const friend = { iban: 'FR1420041010050500013M02606', name: 'Friend' }
    await account.take({ id: 'S2', entries: [{ cents: 5_00n, date: DAY, reference, ...friend }] })
    const to = (address: string, units: bigint) =>
      account.object.createTransfer(account.wish({ kind: 'refund', invoiceId, outputs: [{ address, units }], recipientName: null }))
    expect(await to(friend.iban, 5_01n)).toMatchObject({ error: { reason: 'insufficient_funds', available: 5_00n } })
    expect(await to(friend.iban, 5_00n)).toMatchObject({ ok: true, value: { bank: { recipientName: 'Friend' } } })
    expect(await to(PAYER.iban, 60_00n)).toMatchObject({ ok: true, value: { bank: { recipientName: PAYER.name } } })
    expect(await to(PAYER.iban, 1n)).toMatchObject({ ok: false })
  })

  test('is told to its invoice at every step, and again until it has heard', async () => {
    const account = await newAccount()
    const { id: invoiceId } = await paidInvoice(account)
    const heard: { refundId: string; status: string; version: number }[] = []
    let isDown = false
    await runInDurableObject(raw(account.id), (object) => {
      const refundChanged = async (change: { refundId: string; status: string; version: number }) => {
        if (isDown) throw new Error('down')
        heard.push(change)
      }
      const env = { ...testEnv, INVOICES: { getByName: (name: string) => (name === invoiceId ? { refundChanged } : null) } }
      Object.assign(object, { env })
    })
    const id = await account.pay({ kind: 'refund', invoiceId })
    await expect.poll(() => heard.at(-1)?.status).toBe('queued')
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    isDown = true
    const { order } = await account.file()
    await account.report({ fileId: order.id, file: { code: 'ACSP' } })
    expect(heard).toHaveLength(1)
    isDown = false
    await expect
      .poll(
        async () => {
          await runInDurableObject(raw(account.id), (_object, state) => {
            state.storage.sql.exec('UPDATE transfers SET tell_at_ms = 0')
          })
          await runDurableObjectAlarm(raw(account.id))
          return heard.at(-1)
        },
        { timeout: 20_000 },
      )
      .toMatchObject({ refundId: id, status: 'broadcast', version: 3 })
    const untold = () =>
      runInDurableObject(raw(account.id), (_object, state) => state.storage.sql.exec('SELECT untold FROM transfers').one().untold)
    expect(await untold()).toBe(HEARERS.d1)
    await account.object.projectedTransfer(id, 2)
    expect(await untold()).toBe(HEARERS.d1)
    await account.object.projectedTransfer(id, 3)
    expect(await untold()).toBe(0)
  })
})

describe('a person ends', () => {
  test('a transfer that is in no file, and no other', async () => {
    const account = await newAccount()
    const [one, two] = [await account.pay(), await account.pay()]
    expect(await account.object.cancelTransfer(one, 'me')).toMatchObject({
      ok: true,
      value: { status: 'failed', reason: 'me ended it' },
    })
    expect(await account.object.cancelTransfer(one, 'me')).toMatchObject({ ok: true, value: { version: 2 } })
    const { order } = await account.file()
    expect(order.transfers.map(({ endToEndId }) => endToEndId)).toEqual([nameAtBanks(two)])
    expect(await account.object.cancelTransfer(two, 'me')).toMatchObject({ error: { reason: 'wrong_status', status: 'signing' } })
    expect(await account.object.cancelTransfer(randomId('tr'), 'me')).toMatchObject({ error: { reason: 'transfer_not_found' } })
  })

  test('a file that the bank never got; one that it has spoken of is with the bank', async () => {
    const account = await newAccount()
    const { merchantId } = account.store
    const lost = await account.pay()
    const file = await account.file()
    expect(await account.object.withdrawPaymentFile(merchantId, file.id, 'me')).toMatchObject({
      ok: true,
      value: { withdrawnBy: 'me' },
    })
    expect(await account.object.withdrawPaymentFile(merchantId, file.id, 'you')).toMatchObject({ value: { withdrawnBy: 'me' } })
    expect(await account.status(lost)).toBe('failed')
    expect(await account.object.paymentFile(merchantId, file.id)).toMatchObject({ xml: null })
    // It was brought to the bank all the same.
    await account.report({ fileId: file.order.id, file: { code: 'ACSP' } })
    expect(await account.status(lost)).toBe('broadcast')

    await account.pay()
    const second = await account.file()
    await account.report({ fileId: second.order.id, file: { code: 'RCVD' } })
    expect(await account.object.withdrawPaymentFile(merchantId, second.id, 'me')).toMatchObject({
      error: { reason: 'payment_file_taken' },
    })
  })
})

test('another merchant sees, makes and reports nothing; an account that does not exist is left as it is', async () => {
  const [account, other] = [await newAccount(), await newAccount()]
  const id = await account.pay()
  const file = await account.file()
  const { object } = account
  const { merchantId } = other.store
  expect(await object.makePaymentFile(merchantId)).toMatchObject({ error: { reason: 'account_not_found' } })
  expect(await object.paymentFiles(merchantId)).toEqual([])
  expect(await object.paymentFile(merchantId, file.id)).toBeNull()
  expect(await object.withdrawPaymentFile(merchantId, file.id, 'me')).toMatchObject({ error: { reason: 'account_not_found' } })
  const rejection = { fileId: file.order.id, file: { code: 'RJCT' } }
  expect(await other.report(rejection)).toMatchObject({ error: { reason: 'payment_file_not_found' } })
  const nobody = testEnv.BANKS.getByName(randomId('wal'))
  expect(await nobody.createTransfer(account.wish())).toMatchObject({ error: { reason: 'wallet_not_configured' } })
  expect(await nobody.transfer(id)).toBeNull()
  expect(await nobody.cancelTransfer(id, 'me')).toMatchObject({ error: { reason: 'transfer_not_found' } })
  expect(await account.status(id)).toBe('signing')
})
