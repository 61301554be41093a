import { beforeAll, describe, expect, test } from 'vitest'
import { writePain002 } from '../../scripts/bank/status-report.ts'
import { nameAtBanks } from '../../src/gateways/sepa/pain001.ts'
import { readPain002 } from '../../src/gateways/sepa/pain002.ts'
import type { RequestRefund } from '../../src/invoice/refund-rpc.ts'
import { randomId } from '../../src/lib/ids.ts'
import { createRequest } from '../invoice/builders.ts'
import { migrateDatabases, testEnv } from '../storage/databases.ts'
import { accountOf, newStore, referenceIn } from './builders.ts'

/** The same refund as on chains, of an invoice that was paid by bank. */

const DAY = new Date().toISOString().slice(0, 10)
const PAYER = { iban: 'NL91ABNA0417164300', name: 'Ana Müller' }
const FRIEND = { iban: 'FR1420041010050500013M02606', name: 'Friend' }

beforeAll(migrateDatabases)

/** An invoice over 60.00 EUR, paid by these, each so many cents. */
async function paidInvoice(...payers: { cents: bigint; iban?: string; name?: string }[]) {
  const store = await newStore()
  const account = accountOf(store)
  const id = randomId('inv')
  const invoice = testEnv.INVOICES.getByName(id)
  const created = await invoice.create({ ...createRequest(), id, store, price: 6_000n, toleranceBps: 0 })
  if (!created.ok) throw new Error(created.error.reason)
  const activated = await invoice.activate('EUR')
  if (!activated.ok) throw new Error(activated.error.reason)
  const reference = referenceIn(activated.value.activations[0]?.address)
  await account.take({ id: 'S1', entries: payers.map((payer) => ({ date: DAY, reference, ...payer })) })
  await expect.poll(async () => (await invoice.read())?.status).toBe('settled')

  const refunds = async () => (await invoice.read())?.refunds ?? []
  return {
    account,
    merchantId: store.merchantId,
    reference,
    invoice,
    refunds,
    ask(rule: RequestRefund['rule'] = { type: 'full' }) {
      return invoice.requestRefund({ id: randomId('tr'), fingerprint: 'f', asset: null, rule, reason: null, by: 'me' })
    },
    status: async () => (await refunds()).map(({ status }) => status),
    async file(): Promise<string> {
      const file = await account.object.makePaymentFile(store.merchantId)
      if (!file.ok) throw new Error(file.error.detail)
      return file.value.id
    },
    async reject(fileId: string): Promise<void> {
      const report = readPain002(writePain002({ fileId: nameAtBanks(fileId), file: { code: 'RJCT', reason: 'AC04' } }))
      if (report.ok) await account.object.takeReport(store.merchantId, report.value)
    },
    entry: (id: string, changes: object) => ({ cents: 60_00n, date: DAY, endToEndId: nameAtBanks(id), ...changes }),
  }
}

const part = (units: bigint) => ({ type: 'part', amount: { asset: 'EUR', units }, at: 'then' }) as const

describe('a refund of an invoice that was paid by bank', () => {
  test('goes to the payer’s account without asking anybody, and ends with the statement; what comes back failed', async () => {
    const { account, ask, file, status, refunds, entry } = await paidInvoice({ cents: 60_00n, ...PAYER })
    const asked = await ask()
    expect(asked).toMatchObject({ ok: true, value: { refund: { status: 'queued', address: PAYER.iban, units: 60_00n } } })
    const id = asked.ok ? asked.value.refund.id : ''
    expect(await account.object.transfer(id)).toMatchObject({
      kind: 'refund',
      status: 'queued',
      bank: { recipientName: PAYER.name },
    })
    expect(await ask()).toMatchObject({ ok: false, error: { reason: 'nothing_to_refund' } })
    await file()
    await expect.poll(status).toEqual(['signing'])
    await account.take({ id: 'S2', entries: [entry(id, { direction: 'DBIT' })] })
    await expect.poll(status).toEqual(['confirmed'])
    await account.take({ id: 'S3', entries: [entry(id, { returnReason: 'AC04' })] })
    await expect.poll(status).toEqual(['failed'])
    expect((await refunds())[0]?.detail).toContain('AC04 (the account is closed)')
    expect(await ask()).toMatchObject({ ok: true })
  })

  test('of several payers goes to one whose payments cover it, and never beyond', async () => {
    const { ask, refunds } = await paidInvoice({ cents: 50_00n, ...PAYER }, { cents: 10_00n, ...FRIEND })
    expect(await ask()).toMatchObject({ ok: false, error: { reason: 'rail_cannot_refund', rail: 'SEPA' } })
    await ask(part(10_00n))
    await ask(part(10_00n))
    await ask(part(40_00n))
    expect((await refunds()).map(({ address }) => address).sort()).toEqual([FRIEND.iban, PAYER.iban, PAYER.iban])
    expect(await ask(part(1n))).toMatchObject({ ok: false })
  })

  test('is refused by name when the bank did not say who paid', async () => {
    const { ask } = await paidInvoice({ cents: 60_00n })
    expect(await ask()).toMatchObject({ ok: false, error: { reason: 'rail_cannot_refund', rail: 'SEPA' } })
  })

  test('that the bank refused may be asked for again; two asked for at once are one', async () => {
    const { ask, file, status, reject } = await paidInvoice({ cents: 60_00n, ...PAYER })
    const asked = await Promise.all([ask(), ask(), ask()])
    expect(asked.filter(({ ok }) => ok)).toHaveLength(1)
    await reject(await file())
    await expect.poll(status).toEqual(['failed'])
    expect(await ask()).toMatchObject({ ok: true })
    await expect.poll(status).toEqual(['failed', 'queued'])
  })

  test('waits while its payment is taken back: it is in no file, others are', async () => {
    const { account, merchantId, reference, ask, file, status } = await paidInvoice(
      { cents: 50_00n, ...PAYER },
      { cents: 10_00n, ...FRIEND },
    )
    await ask(part(45_00n))
    const good = await ask(part(10_00n))
    await account.take({ id: 'S2', entries: [{ cents: 50_00n, date: DAY, direction: 'DBIT', returnReason: 'FOCR', reference }] })
    await file()
    await expect.poll(status).toEqual(['queued', 'signing'])
    expect(good).toMatchObject({ ok: true, value: { refund: { address: FRIEND.iban } } })
    expect(await account.object.makePaymentFile(merchantId)).toMatchObject({ error: { reason: 'nothing_to_send' } })
  })

  test('is ended while it is in no payment file, and nobody can send it elsewhere', async () => {
    const { invoice, ask, file, status } = await paidInvoice({ cents: 60_00n, ...PAYER })
    const asked = await ask(part(1_00n))
    const id = asked.ok ? asked.value.refund.id : ''
    expect(await invoice.claimRefund(id, FRIEND.iban)).toMatchObject({ ok: false, error: { reason: 'refund_closed' } })
    expect(await invoice.cancelRefund(id, 'me')).toMatchObject({ ok: true })
    await expect.poll(status).toEqual(['cancelled'])
    const second = await ask(part(2_00n))
    await file()
    await expect.poll(status).toEqual(['cancelled', 'signing'])
    expect(await invoice.cancelRefund(second.ok ? second.value.refund.id : '', 'me')).toMatchObject({
      ok: false,
      error: { reason: 'refund_closed' },
    })
  })
})
