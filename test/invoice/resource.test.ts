import { describe, expect, test } from 'vitest'
import { invoiceResource } from '../../src/invoice/resource.ts'
import type { Invoice } from '../../src/invoice/types.ts'
import { violations } from '../api/schema.ts'
import { feeRequest, newInvoice, observation, observe, percent, registry } from './builders.ts'

const ORIGIN = 'https://pay.example'
const PARTNER = { id: 'acme', shareBps: 2_500 }
const plan = { default: percent(100), methods: { ETH: { model: 'margin' as const, bps: 50 }, USDC: percent(0) }, partner: PARTNER }

function show(invoice: Invoice) {
  const resource = invoiceResource(invoice, registry, ORIGIN)
  expect(violations('Invoice', resource)).toEqual([])
  return resource
}

describe('what an invoice shows of fees', () => {
  test('is what each method costs when it pays everything, and who holds its key', () => {
    const { paymentMethods, fees } = show(newInvoice(feeRequest(plan)))
    expect(paymentMethods.map(({ asset, custody, fee }) => ({ asset, custody, fee }))).toEqual([
      {
        asset: 'BTC',
        custody: 'platform',
        fee: { model: 'fee', amount: '0.00001000', marginBps: null, partner: { id: 'acme', amount: '0.00000250' } },
      },
      {
        asset: 'ETH',
        custody: 'platform',
        fee: {
          model: 'margin',
          amount: '0.000100502512562815',
          marginBps: 50,
          partner: { id: 'acme', amount: '0.000025125628140703' },
        },
      },
      { asset: 'USDC', custody: 'platform', fee: null },
    ])
    expect(paymentMethods[1]).toMatchObject({ amount: '0.020100502512562815', rate: { pair: 'ETH/EUR', value: '2985.00' } })
    expect(fees).toEqual([])
  })

  test('is what is owed so far, in each asset that was paid in', () => {
    const { invoice } = observe(
      newInvoice(feeRequest(plan)),
      observation('t1', { units: 30_000n, status: 'confirmed', confirmations: 2, height: 5, blockHash: 'aa' }),
      observation('t2', { units: 70_000n }),
    )
    expect(show(invoice).fees).toEqual([{ asset: 'BTC', amount: '0.00000300', partner: { id: 'acme', amount: '0.00000075' } }])
  })

  test('is nothing without a plan', () => {
    const { paymentMethods, fees } = show(newInvoice())
    expect(paymentMethods.map(({ custody, fee }) => [custody, fee])).toEqual(Array.from({ length: 3 }, () => ['self', null]))
    expect(fees).toEqual([])
  })
})
