import { describe, expect, test } from 'vitest'
import { DEVELOPMENT_CHAINS } from '../../config/development.ts'
import { faultOfPayment } from '../../src/audit/compare.ts'
import type { PaymentObservation } from '../../src/chain/rpc.ts'
import { evolve } from '../../src/invoice/evolve.ts'
import { positionsOf } from '../../src/invoice/positions.ts'
import { invoiceResource } from '../../src/invoice/resource.ts'
import type { CreateInvoice } from '../../src/invoice/rpc.ts'
import { buildTerms } from '../../src/invoice/terms.ts'
import type { Invoice } from '../../src/invoice/types.ts'
import { confirmationProgress, isFinal } from '../../src/invoice/view.ts'
import { createRegistry } from '../../src/money/registry.ts'
import { createRequest, NOW_MS, observation, observe, RATES } from './builders.ts'

/** The local EVM chain with a finality tag, and three confirmations told on the way. */
const chains = DEVELOPMENT_CHAINS.map((chain) => (chain.gateway === 'evm' ? { ...chain, finality: 'finalized' as const } : chain))
const registry = createRegistry(chains)

function newInvoice(changes: Partial<CreateInvoice> = {}): Invoice {
  const terms = buildTerms(createRequest(changes), registry, RATES, NOW_MS)
  if (!terms.ok) throw new Error(terms.error.reason)
  return evolve(null, { type: 'created', terms: terms.value, version: 1, atMs: NOW_MS })
}

let revision = 0
const inBlock = (confirmations: number, final: boolean): PaymentObservation =>
  observation('e1', {
    assetCode: 'ETH',
    units: 20_000_000_000_000_000n,
    status: 'confirmed',
    height: 7,
    confirmations,
    final,
    revision: ++revision,
  })

describe('on a chain with a finality tag', () => {
  test('the tag decides unless the invoice asks for a number; other chains are as they were', () => {
    const policies = (changes: Partial<CreateInvoice>) =>
      newInvoice(changes).terms.methods.map(({ confirmationsWanted, finalityWanted }) => [confirmationsWanted, finalityWanted])
    expect(policies({})).toEqual([
      [2, undefined],
      [3, true],
      [3, true],
    ])
    expect(policies({ confirmationTiers: [{ upTo: null, confirmations: 1 }] })).toEqual(Array(3).fill([1, undefined]))
    expect(policies({ confirmationTiers: [{ upTo: null, confirmations: 0 }] })).toEqual(Array(3).fill([0, undefined]))
    // Over all tiers the tag is more careful than any number.
    expect(policies({ confirmationTiers: [{ upTo: 5_000n, confirmations: 9 }] })).toEqual([
      [9, undefined],
      [9, true],
      [9, true],
    ])
  })

  test('no number of confirmations settles an invoice that waits for the tag, and the tag does at once', () => {
    const waiting = observe(newInvoice(), inBlock(500, false))
    expect(waiting.invoice.status).toBe('processing')
    expect(waiting.invoice.payments.map(isFinal)).toEqual([false])
    const settled = observe(waiting.invoice, inBlock(501, true))
    expect(settled.invoice.status).toBe('settled')
    expect(settled.events).toMatchObject([{ change: 'confirmed' }, { to: 'settled', cause: 'enough_confirmed' }])
    expect(observe(newInvoice(), inBlock(2, true)).invoice.status).toBe('settled')
  })

  test('a number that the invoice asks for counts, tag or no tag', () => {
    const asked = newInvoice({ confirmationTiers: [{ upTo: null, confirmations: 5 }] })
    expect(observe(asked, inBlock(4, true)).invoice.status).toBe('processing')
    expect(observe(asked, inBlock(5, false)).invoice.status).toBe('settled')
  })

  test('a reorganisation of the final block takes the settlement back', () => {
    const settled = observe(newInvoice(), inBlock(9, true)).invoice
    const undone = observe(settled, { ...inBlock(0, false), status: 'unconfirmed', height: null })
    expect(undone.invoice).toMatchObject({ status: 'processing', settledAtMs: null })
    expect(undone.events.at(-1)).toMatchObject({ cause: 'reorg' })
  })

  test('progress stops one step before its end until the tag is there', () => {
    const at = (confirmations: number, final: boolean) =>
      confirmationProgress(observe(newInvoice(), inBlock(confirmations, final)).invoice)
    expect([at(1, false), at(40, false), at(41, true)]).toEqual([
      { have: 1, want: 3 },
      { have: 2, want: 3 },
      { have: 3, want: 3 },
    ])
  })

  test('the merchant reads whether a payment is final, and the books and their audit go by it', () => {
    const wait = inBlock(90, false)
    const waiting = observe(newInvoice(), wait).invoice
    const done = inBlock(91, true)
    const settled = observe(waiting, done).invoice
    expect(
      [waiting, settled].map((invoice) => invoiceResource(invoice, registry, 'https://pay.example').payments[0]?.final),
    ).toEqual([false, true])
    expect([waiting, settled].map((invoice) => positionsOf(invoice).payments[0]?.place)).toEqual(['pending', 'available'])
    const pending = { pending: { ETH: wait.units }, final: {}, walletIds: ['wal_test'] }
    const arrived = { pending: {}, final: { ETH: wait.units }, walletIds: ['wal_test'] }
    const fact = { ...wait, invoiceId: waiting.terms.id }
    expect(faultOfPayment(wait.key, fact, waiting, pending)).toBeNull()
    expect(faultOfPayment(wait.key, fact, waiting, arrived)).not.toBeNull()
    expect(faultOfPayment(wait.key, { ...fact, final: true }, settled, arrived)).toBeNull()
    expect(faultOfPayment(wait.key, { ...fact, final: true }, settled, pending)).not.toBeNull()
  })
})
