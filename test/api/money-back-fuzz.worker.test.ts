import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readPain001 } from '../../scripts/bank/payment-file.ts'
import { openApiDocument } from '../../src/api/openapi/document.ts'
import { bankWallet, newIban } from '../bank/builders.ts'
import { faultsOf } from '../gateways/sepa/pain001-form.ts'
import { settled } from '../invoice/refund-builders.ts'
import { testEnv } from '../storage/databases.ts'
import { newMerchant, type Reply } from './merchant.ts'
import { violations } from './schema.ts'

const { paths } = openApiDocument('') as { paths: Record<string, Record<string, { responses: object }>> }

const value = (...right: unknown[]) =>
  fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(...right) },
    { weight: 1, arbitrary: fc.jsonValue() },
    { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
  )
const AMOUNTS = ['0.0000001', '0.0001', '0.001', '0.01', '1', '1.000', '60', '0', '-1', '1e2', '0,5', '9'.repeat(80), 1]
const keys = fc.integer({ min: 0, max: 40 }).map((n) => `k${n}`)

/** Statuses that the document knows, and none is a failure of ours. */
function known(path: string, { status, text }: Reply): void {
  expect(status, text).toBeLessThan(500)
  expect(Object.keys(paths[path]?.post?.responses ?? {}), `${path}: ${text}`).toContain(String(status))
}

test('whatever refunds are asked for, no answer is a failure, and never more is promised than came in', async () => {
  const shop = await newMerchant()
  const { json } = await shop.call('POST', '/v1/invoices', { amount: '60.00', currency: 'EUR' })
  await testEnv.INVOICES.getByName(json.id).observe([{ ...settled('t1'), seenAtMs: Date.now() }])
  const path = `/v1/invoices/${json.id}/refunds`
  const wish = fc.record(
    {
      type: value('full', 'part', 'part', 'part', 'over', '__proto__'),
      asset: value('BTC', 'ETH', 'EUR', 'constructor'),
      amount: value(...AMOUNTS),
      currency: value('EUR', 'BTC', 'USD', 'toString'),
      rate: value('then', 'now', 'later'),
      reason: value('a', '', 'x'.repeat(200), 'x'.repeat(201), '\u202e<script>', '\u0000', '\ud800', 'line\nline'),
    },
    { requiredKeys: ['type'] },
  )
  const statuses = new Map<number, number>()
  await fc.assert(
    fc.asyncProperty(wish, keys, fc.boolean(), async (body, key, ends) => {
      const reply = await shop.call('POST', path, body, { 'idempotency-key': key })
      known('/v1/invoices/{id}/refunds', reply)
      statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1)
      if (reply.status === 201) expect(violations('Refund', reply.json)).toEqual([])
      const list = (await shop.call('GET', path)).json.data as unknown as { id: string; status: string; amount: string }[]
      const live = list.filter(({ status }) => status !== 'cancelled')
      const promised = live.reduce((sum, { amount }) => sum + BigInt(amount.replace('.', '')), 0n)
      expect(promised <= 100_000n, `${promised}`).toBe(true)
      if (ends && live.length > 0)
        known('/v1/invoices/{id}/refunds/{refundId}/cancel', await shop.call('POST', `${path}/${live[0]?.id}/cancel`))
    }),
    { numRuns: 400 },
  )
  for (const status of [201, 400, 409, 422]) expect(statuses.get(status) ?? 0, `${status}`).toBeGreaterThan(0)
}, 120_000)

test('whatever is to be sent by bank, no answer is a failure, and every file is one that banks take', async () => {
  const shop = await newMerchant(undefined, undefined, { wallets: [bankWallet(newIban())] })
  const wish = fc.record(
    {
      iban: value('NL91 ABNA 0417 1643 00', 'de89370400440532013000', 'TR330006100519786457841326', 'NL91ABNA0417164301', ''),
      amount: value('12.34', '0.01', '999999999.99', '1000000000', '0.001', '12.340', ...AMOUNTS),
      name: value(
        'Ana Müller',
        ']]></Nm><Nm>&amp;',
        '<!--',
        '日本',
        '/',
        '🙂 a',
        'İ ß ŉ ﬃ',
        'x'.repeat(70),
        'ß'.repeat(70),
        '\ud800',
      ),
      bic: value('ABNANL2A', 'abnanl2a', 'X'),
      text: value('Invoice 7', '<Ustrd/>', '\u0000', '€'.repeat(140), 'a\r\nb', '\u202eevil', '//'),
      reference: value('mine', 'x'.repeat(101)),
    },
    { requiredKeys: ['iban', 'amount', 'name'] },
  )
  let made = 0
  await fc.assert(
    fc.asyncProperty(wish, keys, fc.nat(20), async (body, key, dice) => {
      const reply = await shop.call('POST', '/v1/bank/transfers', body, { 'idempotency-key': key })
      known('/v1/bank/transfers', reply)
      if (reply.status === 201) expect(violations('BankTransfer', reply.json)).toEqual([])
      if (dice > 0) return
      const file = await shop.call('POST', '/v1/bank/payment_files', {})
      known('/v1/bank/payment_files', file)
      if (file.status !== 201) return
      made++
      const { text } = await shop.call('GET', `/v1/bank/payment_files/${file.json.id}`)
      expect(faultsOf(text)).toEqual([])
      expect(readPain001(text)?.transfers).toHaveLength((file.json as unknown as { transfers: number }).transfers)
    }),
    { numRuns: 400 },
  )
  expect(made).toBeGreaterThan(0)
}, 120_000)
