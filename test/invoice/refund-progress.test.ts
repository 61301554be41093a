import { describe, expect, test } from 'vitest'
import { MAX_PAYMENTS } from '../../src/invoice/decide.ts'
import { claimRefund, refundOf } from '../../src/invoice/decide-refund.ts'
import { effectsOf } from '../../src/invoice/effects.ts'
import { ADDRESSES_MAX, REFUNDS_MAX } from '../../src/invoice/refund.ts'
import { nextStep } from '../../src/invoice/refund-progress.ts'
import { refundFault } from '../../src/invoice/refundable.ts'
import type { Invoice } from '../../src/invoice/types.ts'
import { encodeJson } from '../../src/lib/json.ts'
import { newInvoice, observation, observe, registry } from './builders.ts'
import {
  ADDRESS,
  btc,
  cancelled,
  claimed,
  gone,
  LATER_MS,
  OTHER_ADDRESS,
  refundId,
  refused,
  requested,
  settled,
  told,
} from './refund-builders.ts'

const A = refundId('a')
const asked = () => requested(observe(newInvoice(), settled('t1')).invoice, 'a', { type: 'full' })
const refund = (invoice: Invoice) => {
  const found = refundOf(invoice, A)
  if (!found) throw new Error('no refund')
  return found
}
const step = (invoice: Invoice) => nextStep(invoice, refund(invoice))
const second = (invoice: Invoice) => refund(invoice).transfers[1]?.id ?? ''

test('a transfer that is paid after all ends its refund, though its payer was asked for another invoice', () => {
  const given = told(claimed(asked(), 'a'), { refundId: A, status: 'failed', version: 2 })
  const waiting = { ...given, refunds: [{ ...refund(given), status: 'awaiting_address', address: null } as const] }
  const paid = told(waiting, { refundId: A, status: 'confirmed', version: 3 })
  expect(refund(paid)).toMatchObject({ status: 'confirmed', address: ADDRESS })
  expect(step(paid)).toBeNull()
})

describe('a claim', () => {
  test('makes the transfer that is to be created, under the refund’s own id', () => {
    expect(step(asked())).toBeNull()
    const invoice = claimed(asked(), 'a')
    expect(refund(invoice)).toMatchObject({ status: 'queued', address: ADDRESS, transfers: [{ id: A, address: ADDRESS }] })
    expect(step(invoice)).toEqual({ do: 'create', transferId: A })
  })

  test('of the same address again changes nothing', () => {
    const invoice = claimed(asked(), 'a')
    expect(claimRefund(invoice, A, ADDRESS, registry, LATER_MS)).toEqual({ ok: true, value: [] })
  })

  test.each(['signing', 'broadcast', 'unknown', 'confirmed', 'failed'] as const)(
    'of another is too late once it is %s',
    (status) => {
      const invoice = told(claimed(asked(), 'a'), { refundId: A, status })
      expect(claimRefund(invoice, A, OTHER_ADDRESS, registry, LATER_MS)).toEqual({
        ok: false,
        error: { reason: 'refund_closed', status },
      })
    },
  )

  test('is refused for what is no address, the invoice’s own, and what cannot be paid', () => {
    const own = { asset: 'BTC', address: OTHER_ADDRESS, index: 0, atMs: LATER_MS }
    const invoice = { ...asked(), activations: [own] }
    const reason = (address: string) => {
      const answer = claimRefund(invoice, A, address, registry, LATER_MS)
      return answer.ok ? null : answer.error.reason
    }
    expect(reason('bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4')).toBe('not_an_address')
    expect(reason(ADDRESS.replace('w508', 'w509'))).toBe('not_an_address')
    expect(reason('0x8Ba1f109551bD432803012645Ac136ddd64DBA72')).toBe('not_an_address')
    expect(reason(OTHER_ADDRESS)).toBe('own_address')
    expect(reason(OTHER_ADDRESS.toUpperCase())).toBe('own_address')
    expect(reason(ADDRESS)).toBeNull()
    const eth = requested(observe(newInvoice(), settled('t1', { assetCode: 'ETH', units: 10n ** 16n })).invoice, 'a', {
      type: 'full',
    })
    const ethReason = (address: string) => {
      const answer = claimRefund(eth, A, address, registry, LATER_MS)
      return answer.ok ? null : answer.error.reason
    }
    expect(ethReason('0x8ba1f109551bd432803012645ac136ddd64dba72')).toBeNull()
    expect(ethReason('0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed')).toBeNull()
    expect(ethReason('0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed')).toBe('not_payable')
    expect(ethReason(`0x${'0'.repeat(40)}`)).toBe('not_payable')
  })
})

describe('another address', () => {
  test('waits until the transfer to the first has ended, and is a transfer of its own', () => {
    const changed = claimed(told(claimed(asked(), 'a'), { refundId: A, status: 'needs_approval' }), 'a', OTHER_ADDRESS)
    expect(refund(changed)).toMatchObject({ address: OTHER_ADDRESS, transfers: [{ id: A, replaced: true }] })
    expect(step(changed)).toEqual({ do: 'cancel', transferId: A })
    const ended = told(changed, { refundId: A, status: 'failed', version: 2 })
    expect(refund(ended)).toMatchObject({ status: 'queued', transfers: [{}, { address: OTHER_ADDRESS, status: 'wanted' }] })
    expect(second(ended)).toMatch(/^tr_[0-9a-hjkmnp-tv-z]{32}$/)
    expect(second(ended)).not.toBe(A)
    expect(step(ended)).toEqual({ do: 'create', transferId: second(ended) })
  })

  test('follows at once where the first was never made', () => {
    const changed = gone(claimed(claimed(asked(), 'a'), 'a', OTHER_ADDRESS), A)
    expect(step(changed)).toEqual({ do: 'create', transferId: second(changed) })
  })

  test('and back again is a new transfer too: the first is being ended', () => {
    const back = claimed(claimed(claimed(asked(), 'a'), 'a', OTHER_ADDRESS), 'a', ADDRESS)
    const ended = told(back, { refundId: A, status: 'failed' })
    expect(refund(ended)).toMatchObject({ status: 'queued', address: ADDRESS })
    expect(step(ended)).toEqual({ do: 'create', transferId: second(ended) })
    const transfer = { chainId: refund(ended).chainId, asset: 'BTC', outputs: [{ address: ADDRESS, units: 100_000n }] }
    expect(refundFault(ended, { ...transfer, id: A })).toContain('no such refund')
    expect(refundFault(ended, { ...transfer, id: second(ended) })).toBeNull()
  })

  test('came too late when the first was signed meanwhile', () => {
    const changed = claimed(told(claimed(asked(), 'a'), { refundId: A, status: 'queued' }), 'a', OTHER_ADDRESS)
    const signed = told(changed, { refundId: A, status: 'broadcast', version: 3, txid: 'ab' })
    expect(refund(signed)).toMatchObject({ status: 'broadcast', address: ADDRESS, txid: 'ab' })
    expect(step(signed)).toBeNull()
  })

  test('is asked for while the signer decides, until that has said', () => {
    const changed = claimed(told(claimed(asked(), 'a'), { refundId: A, status: 'queued' }), 'a', OTHER_ADDRESS)
    const signing = told(changed, { refundId: A, status: 'signing', version: 2 })
    expect(refund(signing).address).toBe(OTHER_ADDRESS)
    expect(step(signing)).toEqual({ do: 'cancel', transferId: A })
  })

  test('a transfer that was taken for dead and lives is ended before another is made', () => {
    const next = gone(claimed(claimed(asked(), 'a'), 'a', OTHER_ADDRESS), A)
    const revived = told(next, { refundId: A, status: 'queued' })
    expect(step(revived)).toEqual({ do: 'cancel', transferId: A })
    const paid = told(revived, { refundId: A, status: 'broadcast', version: 2 })
    expect(refund(paid)).toMatchObject({ status: 'broadcast', address: ADDRESS })
    expect(step(paid)).toBeNull()
  })

  test('may be given so often and no more', () => {
    let invoice = asked()
    for (let at = 0; at < ADDRESSES_MAX; at++) invoice = claimed(invoice, 'a', at % 2 === 0 ? ADDRESS : OTHER_ADDRESS)
    expect(claimRefund(invoice, A, OTHER_ADDRESS, registry, LATER_MS)).toEqual({
      ok: false,
      error: { reason: 'too_many_addresses' },
    })
  })
})

describe('ending', () => {
  test('before an address is known is at once', () => {
    expect(refund(cancelled(asked(), 'a'))).toMatchObject({ status: 'cancelled', cancelledBy: 'somebody' })
  })

  test('waits for the wallet’s word, and takes no other address meanwhile', () => {
    const wanted = cancelled(claimed(asked(), 'a'), 'a')
    expect(refund(wanted)).toMatchObject({ status: 'queued', cancelledBy: 'somebody' })
    expect(step(wanted)).toEqual({ do: 'cancel', transferId: A })
    expect(claimRefund(wanted, A, OTHER_ADDRESS, registry, LATER_MS)).toMatchObject({ error: { reason: 'refund_closed' } })
    expect(refund(told(wanted, { refundId: A, status: 'failed' }))).toMatchObject({ status: 'cancelled' })
    expect(refund(gone(wanted, A))).toMatchObject({ status: 'cancelled' })
  })

  test('is asked for while the own wallet has not signed yet, however long that takes', () => {
    const signing = told(claimed(asked(), 'a'), { refundId: A, status: 'signing' })
    const wanted = cancelled(signing, 'a')
    expect(refund(wanted)).toMatchObject({ status: 'signing', cancelledBy: 'somebody' })
    expect(step(wanted)).toEqual({ do: 'cancel', transferId: A })
    expect(refund(told(wanted, { refundId: A, version: 2, status: 'failed' }))).toMatchObject({ status: 'cancelled' })
    expect(refund(told(wanted, { refundId: A, version: 2, status: 'broadcast' }))).toMatchObject({ cancelledBy: null })
  })

  test('is too late when it was signed meanwhile', () => {
    const signed = told(cancelled(claimed(asked(), 'a'), 'a'), { refundId: A, status: 'broadcast' })
    expect(refund(signed)).toMatchObject({ status: 'broadcast', cancelledBy: null })
  })
})

describe('what the wallet says', () => {
  test('an older version and one that changes nothing make no event', () => {
    const invoice = told(claimed(asked(), 'a'), { refundId: A, status: 'broadcast', version: 5, txid: 'ab' })
    expect(told(invoice, { refundId: A, status: 'failed', version: 4 })).toEqual(invoice)
    expect(told(invoice, { refundId: A, status: 'broadcast', version: 6, txid: 'ab' })).toEqual(invoice)
    expect(told(invoice, { refundId: refundId('x'), status: 'failed', version: 9 })).toEqual(invoice)
  })

  test('too little money is waited for, for a month', () => {
    const refusal = { reason: 'insufficient_funds', asset: 'BTC', available: 0n } as const
    const waits = refused(claimed(asked(), 'a'), A, refusal)
    expect(refund(waits)).toMatchObject({ status: 'queued', detail: expect.stringContaining('too little BTC') })
    expect(step(waits)).toEqual({ do: 'create', transferId: A })
    expect(refund(refused(waits, A, refusal, LATER_MS + 31 * 86_400_000))).toMatchObject({ status: 'failed' })
  })

  test('what can never be sent fails, with the reason, and may be asked for again', () => {
    const failed = refused(claimed(asked(), 'a'), A, { reason: 'bad_transfer', detail: 'too large' })
    expect(refund(failed)).toMatchObject({ status: 'failed', detail: 'too large' })
    expect(requested(failed, 'b', { type: 'full' }).refunds).toHaveLength(2)
  })

  test('another transfer under the id never frees the money', () => {
    const reused = refused(claimed(asked(), 'a'), A, { reason: 'transfer_id_reused' }, LATER_MS + 400 * 86_400_000)
    expect(refund(reused).status).toBe('queued')
  })
})

describe('a payment that is no longer final', () => {
  const lost = (invoice: Invoice) => observe(invoice, observation('t1', { revision: 6 })).invoice

  test('stops what is not in the wallet yet, until it is final again', () => {
    const waits = lost(claimed(asked(), 'a'))
    expect(step(waits)).toBeNull()
    const again = observe(waits, settled('t1', { revision: 7 })).invoice
    expect(step(again)).toEqual({ do: 'create', transferId: A })
  })

  test('is what the signer is told', () => {
    const invoice = claimed(asked(), 'a')
    const transfer = { id: A, chainId: refund(invoice).chainId, asset: 'BTC', outputs: [{ address: ADDRESS, units: 100_000n }] }
    expect(refundFault(invoice, transfer)).toBeNull()
    expect(refundFault(lost(invoice), transfer)).toContain('does not cover')
    expect(refundFault(claimed(invoice, 'a', OTHER_ADDRESS), transfer)).toContain('being ended')
    expect(refundFault(cancelled(invoice, 'a'), transfer)).toContain('being ended')
    expect(refundFault(asked(), transfer)).toContain('no such refund')
    const elsewhere = [{ address: OTHER_ADDRESS, units: 100_000n }]
    expect(refundFault(invoice, { ...transfer, outputs: elsewhere })).toContain('another amount')
    expect(refundFault(invoice, { ...transfer, outputs: [{ address: ADDRESS, units: 99_999n }] })).toContain('another amount')
    expect(refundFault(invoice, { ...transfer, outputs: [...transfer.outputs, ...elsewhere] })).toContain('another amount')
  })
})

describe('who hears of it', () => {
  const effects = (before: Invoice, after: Invoice) => {
    const refundNow = refund(after)
    const event = { type: 'refund_changed', refund: refundNow, version: after.version, atMs: LATER_MS } as const
    return effectsOf(before, after, [event])
  }
  const claimedNow = (custody: 'self' | 'platform') => {
    const invoice = claimed(asked(), 'a')
    return { ...invoice, refunds: [{ ...refund(invoice), custody }] }
  }

  test.each([
    ['platform', 'needs_approval', 'invoice.refund_changed'],
    ['platform', 'signing', null],
    ['self', 'signing', 'invoice.refund_changed'],
    ['platform', 'broadcast', 'invoice.refund_changed'],
    ['platform', 'failed', 'invoice.refund_changed'],
  ] as const)('with a wallet of custody %s, that it is %s: %s', (custody, status, webhook) => {
    const before = claimedNow(custody)
    const after = told(before, { refundId: A, status })
    expect(effects(before, after)).toEqual({ webhook, project: webhook !== null, book: false })
  })

  test('that it waits for money, once', () => {
    const refusal = { reason: 'insufficient_funds', asset: 'BTC', available: 0n } as const
    const before = claimedNow('platform')
    const waits = refused(before, A, refusal)
    expect(effects(before, waits).webhook).toBe('invoice.refund_changed')
    expect(refused(waits, A, refusal)).toEqual(waits)
  })
})

test('an invoice full of payments and refunds fits into a message of a queue', () => {
  const txid = (at: number) => `${at}`.padStart(64, 'f')
  const payments = Array.from({ length: MAX_PAYMENTS }, (_, at) => settled(txid(at), { blockHash: txid(at) }))
  let invoice = observe(newInvoice(), ...payments).invoice
  for (let at = 0; at < REFUNDS_MAX; at++) {
    const reason = 'r'.repeat(200)
    invoice = claimed(requested(invoice, `${at}`, btc(330n), { reason, by: `api_key:key_${'k'.repeat(32)}` }), `${at}`)
    invoice = told(invoice, { refundId: refundId(`${at}`), status: 'broadcast', txid: txid(at) })
  }
  // As it is sent: JSON in a field of JSON.
  expect(new TextEncoder().encode(JSON.stringify({ invoice: encodeJson(invoice) })).length).toBeLessThan(128_000)
})
