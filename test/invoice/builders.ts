import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS, EVM_LOCAL } from '../../config/development.ts'
import type { PaymentObservation } from '../../src/chain/rpc.ts'
import { type Command, decide } from '../../src/invoice/decide.ts'
import { evolve } from '../../src/invoice/evolve.ts'
import type { CreateInvoice } from '../../src/invoice/rpc.ts'
import { buildTerms } from '../../src/invoice/terms.ts'
import type { Invoice, InvoiceEvent } from '../../src/invoice/types.ts'
import { type FeePlan, type FeeRule, NO_FEES } from '../../src/money/fee.ts'
import type { Rate } from '../../src/money/rate.ts'
import { createRegistry } from '../../src/money/registry.ts'

export const registry = createRegistry(DEVELOPMENT_CHAINS)
export const NOW_MS = 1_790_000_000_000

const rate = (base: string, value: bigint): Rate => ({
  base,
  quote: 'EUR',
  value,
  scale: 2,
  sources: ['kraken', 'coinbase'],
  atMs: NOW_MS,
  fixed: false,
})
export const RATES: readonly Rate[] = [rate('BTC', 6_000_000n), rate('ETH', 300_000n), rate('USDC', 92n)]

/** 60.00 EUR: 100,000 satoshi, 0.02 ETH. */
export function createRequest(changes: Partial<CreateInvoice> = {}): CreateInvoice {
  return {
    id: `inv_${'0'.repeat(32)}`,
    store: {
      storeId: 'st_test',
      storeName: 'Test store',
      merchantId: 'mer_test',
      shard: 0,
      methods: ['BTC', 'ETH', 'USDC'].map((asset) => ({ asset, walletId: 'wal_test', custody: 'self' })),
      plan: NO_FEES,
      allowedOrigins: [],
      watchMs: 24 * 3_600_000,
      latePolicy: 'accept_locked_rate',
      toleranceBps: 0,
    },
    currency: 'EUR',
    price: 6_000n,
    orderId: 'order-1',
    description: null,
    metadata: {},
    redirectUrl: null,
    expiresInMs: 900_000,
    confirmationTiers: null,
    toleranceBps: null,
    latePolicy: null,
    assets: null,
    fingerprint: null,
    ...changes,
  }
}

/** A request of a store whose wallets are the platform's and whose merchant has this plan. */
export function feeRequest(plan: Partial<FeePlan>, changes: Partial<CreateInvoice> = {}): CreateInvoice {
  const { store } = createRequest()
  const methods = store.methods.map((method) => ({ ...method, custody: 'platform' as const }))
  return createRequest({ store: { ...store, methods, plan: { ...NO_FEES, ...plan } }, ...changes })
}

export function percent(bps: number, changes: Partial<FeeRule> = {}): FeeRule {
  return { model: 'fee', bps, fixed: 0n, min: null, max: null, ...changes } as FeeRule
}

export function newInvoice(changes: Partial<CreateInvoice> = {}): Invoice {
  const terms = buildTerms(createRequest(changes), registry, RATES, NOW_MS)
  if (!terms.ok) throw new Error(`no terms: ${terms.error.reason}`)
  return evolve(null, { type: 'created', terms: terms.value, version: 1, atMs: NOW_MS })
}

/** Runs a command; answers the invoice after it and its events. */
export function run(invoice: Invoice, command: Command, nowMs = NOW_MS + 60_000): { invoice: Invoice; events: InvoiceEvent[] } {
  const events = decide(invoice, command, nowMs)
  if (!events.ok) throw new Error(`refused: ${events.error.reason}`)
  return { invoice: events.value.reduce<Invoice>((state, event) => evolve(state, event), invoice), events: events.value }
}

export function observation(txid: string, changes: Partial<PaymentObservation> = {}): PaymentObservation {
  const assetCode = changes.assetCode ?? 'BTC'
  const chainId = assetCode === 'BTC' ? BITCOIN_REGTEST : EVM_LOCAL
  return {
    key: `${chainId}/${txid}/0`,
    revision: 1,
    chainId,
    txid,
    index: '0',
    assetCode,
    units: 100_000n,
    status: 'unconfirmed',
    confirmations: 0,
    height: null,
    blockHash: null,
    seenAtMs: NOW_MS + 60_000,
    replacedBy: null,
    ...changes,
  }
}

export function observe(invoice: Invoice, ...observations: PaymentObservation[]): { invoice: Invoice; events: InvoiceEvent[] } {
  return run(invoice, { type: 'observe', observations, lateRates: {} }, Math.max(...observations.map(({ seenAtMs }) => seenAtMs)))
}
