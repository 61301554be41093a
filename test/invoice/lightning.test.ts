import { describe, expect, test } from 'vitest'
import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS } from '../../config/development.ts'
import { lightningBeside, lightningToRelease, lightningToRenew, memoOf } from '../../src/invoice/lightning.ts'
import { ADDRESSES_MAX, type Refund } from '../../src/invoice/refund.ts'
import { transferTold } from '../../src/invoice/refund-progress.ts'
import { buildTerms } from '../../src/invoice/terms.ts'
import type { Invoice } from '../../src/invoice/types.ts'
import { activationOf, deadlineOf } from '../../src/invoice/view.ts'
import { LIGHTNING, testLightning } from '../../src/money/lightning.ts'
import { createRegistry } from '../../src/money/registry.ts'
import { createRequest, NOW_MS, newInvoice, RATES, run } from './builders.ts'
import { REFUND_ID, refund } from './refund-fixture.ts'

const registry = createRegistry(DEVELOPMENT_CHAINS, [testLightning('regtest')])

function lightningInvoice(): Invoice {
  const { store } = createRequest()
  const methods = ['BTC', 'BTC-LN', 'ETH'].map((asset) => ({ asset, walletId: `wal_${asset}`, custody: 'self' as const }))
  const terms = buildTerms(createRequest({ store: { ...store, methods } }), registry, RATES, NOW_MS)
  if (!terms.ok) throw new Error(terms.error.reason)
  return { ...newInvoice(), terms: terms.value }
}

const activate = (invoice: Invoice, asset: string, changes: object = {}) =>
  run(invoice, { type: 'activate', activation: { asset, address: `to ${asset}`, index: 0, atMs: NOW_MS, ...changes } })

const paid = (units: bigint) => ({
  key: `${BITCOIN_REGTEST}/aa/0`,
  revision: Number(units),
  chainId: BITCOIN_REGTEST,
  txid: 'aa',
  index: '0',
  assetCode: 'BTC',
  units,
  status: 'unconfirmed' as const,
  confirmations: 0,
  height: null,
  blockHash: null,
  seenAtMs: NOW_MS,
  replacedBy: null,
})
const observe = (invoice: Invoice, units: bigint) =>
  run(invoice, { type: 'observe', observations: [paid(units)], lateRates: {} }).invoice

describe('a Lightning method', () => {
  test('is priced as bitcoin in whole satoshi, final at once, and open for a minute more', () => {
    const invoice = lightningInvoice()
    const method = invoice.terms.methods.find(({ asset }) => asset === 'BTC-LN')
    expect(method).toMatchObject({ whole: 100_000n, confirmationsWanted: 1, transitMs: 60_000, chainId: 'lightning:regtest' })
    expect(method?.finalityWanted).toBeUndefined()
    expect(deadlineOf(invoice)).toBe(invoice.terms.expiresAtMs)
    expect(deadlineOf(activate(invoice, 'BTC-LN', { units: 100_000n }).invoice)).toBe(invoice.terms.expiresAtMs + 60_000)
  })

  test('belongs to bitcoin of the same network, and to nothing else', () => {
    const { terms } = lightningInvoice()
    expect(lightningBeside(terms, 'BTC', registry)?.asset).toBe('BTC-LN')
    for (const asset of ['ETH', 'BTC-LN', 'EUR', 'nothing']) expect(lightningBeside(terms, asset, registry)).toBeNull()
    expect(lightningBeside(terms, 'BTC', createRegistry(DEVELOPMENT_CHAINS, [LIGHTNING]))).toBeNull()
    expect(lightningBeside({ ...terms, methods: terms.methods.slice(0, 1) }, 'BTC', registry)).toBeNull()
  })

  test('has another address for another amount, the same for the same', () => {
    const first = activate(lightningInvoice(), 'BTC-LN', { units: 100_000n }).invoice
    expect(activate(first, 'BTC-LN', { units: 100_000n }).events).toEqual([])
    const again = activate(first, 'BTC-LN', { units: 60_000n, address: 'for the rest' })
    expect(again.events).toHaveLength(1)
    expect(again.invoice.activations).toMatchObject([{ asset: 'BTC-LN', address: 'for the rest', units: 60_000n }])
    const onChain = activate(first, 'BTC').invoice
    expect(activate(onChain, 'BTC', { address: 'elsewhere' }).events).toEqual([])
  })

  test('that was made beside another is not what the payer chose', () => {
    const chosen = activate(lightningInvoice(), 'BTC').invoice
    const both = activate(chosen, 'BTC-LN', { units: 100_000n, beside: true }).invoice
    expect(both.activations.map(({ asset }) => asset)).toEqual(['BTC-LN', 'BTC'])
    const renewed = activate(both, 'BTC-LN', { units: 60_000n, address: 'for the rest' }).invoice
    expect(renewed.activations).toMatchObject([{ asset: 'BTC-LN', beside: true, units: 60_000n }, { asset: 'BTC' }])
  })

  test('is stale when another amount is due, while it can be paid, and is let go when nothing is', () => {
    const shown = activate(activate(lightningInvoice(), 'BTC').invoice, 'BTC-LN', { units: 100_000n }).invoice
    const method = shown.terms.methods[1]
    if (!method) throw new Error('there are three methods')
    expect(lightningToRenew(shown, shown, NOW_MS)).toEqual([])
    expect(activationOf(shown, method)?.units).toBe(100_000n)
    const part = observe(shown, 40_000n)
    expect(lightningToRenew(shown, part, NOW_MS)).toEqual([method])
    expect(lightningToRenew(shown, part, shown.terms.expiresAtMs)).toEqual([])
    expect(activationOf(part, method)).toBeNull()
    expect(lightningToRelease(shown, part)).toEqual([])
    const full = observe(part, 100_000n)
    expect([lightningToRenew(part, full, NOW_MS), lightningToRelease(part, full)]).toEqual([[], [method]])
    // The payment is lost: what was let go is asked for again.
    expect(lightningToRenew(full, shown, NOW_MS)).toEqual([method])
    expect(lightningToRelease(full, full)).toEqual([])
    expect(activationOf(full, method)?.units).toBe(100_000n)
  })

  test('says in the payer’s wallet who is paid, in a hundred characters without control', () => {
    const { terms } = lightningInvoice()
    expect(memoOf(terms)).toBe('Test store: order-1')
    expect(memoOf({ ...terms, orderId: null })).toBe('Test store')
    expect(memoOf({ ...terms, storeName: 'A\nB\u0000', orderId: null })).toBe('A B ')
    expect(memoOf({ ...terms, storeName: '☕'.repeat(150) })).toHaveLength(100)
    // As phoenixd counts, and without half a sign.
    expect(memoOf({ ...terms, storeName: `a${'🍕'.repeat(150)}` })).toBe(`a${'🍕'.repeat(49)}`)
    expect(memoOf({ ...terms, storeName: '\ud800', orderId: null }).isWellFormed()).toBe(true)
  })
})

test('networks of Lightning are entries of CHAINS', () => {
  const { lightning, payable } = createRegistry(DEVELOPMENT_CHAINS, [LIGHTNING])
  expect(lightning).toEqual([LIGHTNING])
  expect(payable.find(({ code }) => code === 'BTC-LN')).toMatchObject({ ticker: 'BTC', decimals: 8, chainId: 'lightning:mainnet' })
  expect(() => createRegistry(DEVELOPMENT_CHAINS, [LIGHTNING, testLightning('testnet')])).toThrow('BTC-LN is configured twice')
})

describe('a refund by Lightning whose invoice was not paid', () => {
  const told = (claims: number, changes: Partial<Refund> = {}) => {
    const transfer = { id: REFUND_ID, address: 'lnbcrt1', wantedAtMs: 0, replaced: false, version: 2, status: 'broadcast' } as const
    const before = refund('broadcast', {
      chainId: 'lightning:regtest',
      claims,
      address: 'lnbcrt1',
      transfers: [transfer],
      ...changes,
    })
    const change = { refundId: REFUND_ID, version: 3, status: 'failed', reason: 'no route', txid: 'aa', challenge: null } as const
    const [event] = transferTold({ refunds: [before] } as unknown as Invoice, change, 1)
    return event && 'refund' in event ? event.refund : null
  }

  test('waits for another one, and says why', () => {
    expect(told(1)).toMatchObject({ status: 'awaiting_address', address: null, txid: null, detail: 'no route' })
  })

  test('has failed after as many as may be given, and on a chain at once', () => {
    expect(told(ADDRESSES_MAX)).toMatchObject({ status: 'failed', address: 'lnbcrt1' })
    expect(told(1, { chainId: 'bip122:000000000019d6689c085ae165831e93' })).toMatchObject({ status: 'failed' })
  })

  test('is ended when somebody wanted that meanwhile', () => {
    expect(told(1, { cancelledBy: 'me' })).toMatchObject({ status: 'cancelled' })
  })
})
