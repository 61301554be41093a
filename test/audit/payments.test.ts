import { expect, test, vi } from 'vitest'
import { lookAtInvoice, type PaymentsEnv } from '../../src/audit/payments.ts'

test('an invoice whose books never end is not read to the end, accused of nothing, and named in the log', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const asked: number[] = []
  const ofInvoice = async (_storeId: string, _invoiceId: string, afterNo: number) => {
    asked.push(afterNo)
    return Array.from({ length: 250 }, (_, at) => ({ transaction: { no: afterNo + at + 1, payment: null, postings: [] } }))
  }
  const env = {
    INVOICES: { getByName: () => ({ read: async () => null }) },
    LEDGERS: { getByName: () => ({ ofInvoice }) },
  } as unknown as PaymentsEnv
  const question = { invoiceId: 'inv_1', owners: [{ merchantId: 'mer_1', storeId: 'st_1' }], payments: ['chain/tx/0'] }
  const { findings } = await lookAtInvoice(env, question, new Map(), 0)
  expect(findings).toEqual([])
  expect(asked).toEqual(Array.from({ length: 10 }, (_, at) => at * 250))
  expect(warn.mock.calls).toEqual([[expect.stringContaining('"audit_invoice_too_long","invoiceId":"inv_1"')]])
  warn.mockRestore()
})
