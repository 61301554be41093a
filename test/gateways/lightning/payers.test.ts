import { sha256 } from '@noble/hashes/sha2.js'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decodeBolt11 } from '../../../src/gateways/lightning/bolt11.ts'
import type { LightningEndpoint } from '../../../src/gateways/lightning/node.ts'
import { lightningPayerOf } from '../../../src/gateways/lightning/nodes.ts'
import { createClnPayer } from '../../../src/gateways/lightning/pay/cln.ts'
import { createLndPayer } from '../../../src/gateways/lightning/pay/lnd.ts'
import { createPhoenixdPayer } from '../../../src/gateways/lightning/pay/phoenixd.ts'
import type { LightningPayer, PaymentOrder } from '../../../src/gateways/lightning/payer.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import { testLightning } from '../../../src/money/lightning.ts'
import { cln } from './cln.ts'
import { lnd } from './lnd.ts'
import { phoenixd } from './phoenixd.ts'
import { foreignInvoice } from './purse.ts'
import { serve } from './serve.ts'
import type { StandIn } from './stand-in.ts'

const RAIL = testLightning('regtest')
const payerOf = (endpoint: LightningEndpoint) =>
  lightningPayerOf({ NODES: JSON.stringify({ [RAIL.id]: [endpoint] }) }, RAIL, endpoint.name)

function connect(endpoint: LightningEndpoint): LightningPayer {
  const found = payerOf(endpoint)
  if (!found) throw new Error('the node is configured to pay')
  return found.payer
}

function orderOf({ bolt11, paymentHash }: { bolt11: string; paymentHash: string }, units = 12_345n): PaymentOrder {
  const read = decodeBolt11(bolt11)
  return { bolt11, paymentHash, units, isOpen: read.ok && read.value.msat === null, feeMax: 123n }
}

/** What stands between, or a node that is no such node: every request is answered so. */
const always = (status: number, body: unknown) =>
  (async () => new Response(typeof body === 'string' ? body : JSON.stringify(body), { status })) as typeof fetch

test.each([
  [502, { code: 502, message: 'Bad Gateway' }],
  [503, { error: { code: 14, message: 'transport is closing' } }],
  [200, { error: { code: 1, message: 'context canceled' } }],
  [504, '<html>Gateway Time-out</html>'],
  [200, '<html>Sign in</html>'],
  [200, {}],
])('a word that is not LND’s own refusal says nothing about a payment: %i %j', async (status, body) => {
  const payer = createLndPayer({ url: 'http://localhost' }, always(status, body))
  expect(await payer.pay(orderOf(foreignInvoice(12_345n)))).toMatchObject({ ok: false })
})

test.each([
  // `xpay` answers `pay` from 26.06 on, and 24.08 forgets the code of what it gives up.
  [500, { code: 0, message: 'not reachable', attempts: [] }, 'failed'],
  [500, { code: 209, message: 'Failed after 3 attempts' }, 'failed'],
  [500, { code: 215, message: 'too little' }, 'failed'],
  [500, { code: -32602, message: 'Invalid bolt11' }, 'failed'],
  [401, { code: 1502, message: 'Not permitted' }, 'failed'],
  [500, { code: 200, message: 'Already have 1 payments in progress' }, 'in_flight'],
  [500, { code: 219, message: 'Already paid this invoice successfully' }, 'in_flight'],
  [500, { code: -1, message: 'database is locked' }, null],
  [500, { code: -4, message: 'Plugin terminated before replying to RPC call.' }, null],
  // Said by something in between, which may have passed the order on.
  [502, { code: 0, message: 'Bad Gateway' }, null],
  [502, { code: 200, message: 'Bad Gateway' }, null],
  [408, { code: 408, message: 'Request Timeout' }, null],
  [401, '<html>Sign in</html>', null],
  [201, {}, null],
] as const)('what Core Lightning says of an order, and nobody else: %i %j', async (status, body, expected) => {
  const payer = createClnPayer({ url: 'http://localhost' }, always(status, body))
  const answer = await payer.pay(orderOf(foreignInvoice(12_345n)))
  expect(answer).toMatchObject(expected === null ? { ok: false } : { ok: true, value: { status: expected } })
})

test.each([408, 425, 429, 499])('what stands before phoenixd may have passed an order on: %i', async (status) => {
  const payer = createPhoenixdPayer({ url: 'http://localhost' }, always(status, 'Too late'))
  expect(await payer.pay(orderOf(foreignInvoice(12_345n)))).toMatchObject({ ok: false })
})

test('a fee that no node has told is not known, and not nothing', async () => {
  const [paymentHash, preimage] = ['ab'.repeat(32), 'cd'.repeat(32)]
  const paid = { ok: true, value: { status: 'succeeded', preimage, fee: null } }
  const url = 'http://localhost'
  const amounts = [{}, { amount_sent_msat: 12_345_000 }, { amount_msat: 12_345_000, amount_sent_msat: 2_345_000 }]
  for (const amount of amounts) {
    const pay = { payment_hash: paymentHash, status: 'complete', ...amount }
    expect(await createClnPayer({ url }, always(201, { pays: [{ ...pay, preimage }] })).find(paymentHash)).toEqual(paid)
    const answer = always(201, { ...pay, payment_preimage: preimage })
    expect(await createClnPayer({ url }, answer).pay(orderOf(foreignInvoice(12_345n)))).toEqual(paid)
  }
  const [row, sent] = [
    { paymentHash, isPaid: true, preimage },
    { paymentHash, paymentPreimage: preimage },
  ]
  expect(await createPhoenixdPayer({ url }, always(200, row)).find(paymentHash)).toEqual(paid)
  expect(await createPhoenixdPayer({ url }, always(200, sent)).pay(orderOf(foreignInvoice(12_345n)))).toEqual(paid)
  const payment = { payment_hash: paymentHash, status: 'SUCCEEDED', payment_preimage: preimage }
  expect(await createLndPayer({ url }, always(200, { result: payment })).find(paymentHash)).toEqual(paid)
})

describe.each([
  ['phoenixd', phoenixd],
  ['lnd', lnd],
  ['cln', cln],
] as const)('a node of kind %s that pays', (_kind, create) => {
  let standIn: StandIn & { close(): Promise<void> }
  let payer: LightningPayer

  beforeEach(async () => {
    standIn = await serve(create())
    payer = connect(standIn.sendingEndpoint())
  })
  afterEach(() => standIn.close())

  test('pays an invoice, with its proof and its fee, and tells the same of it ever after', async () => {
    for (const units of [12_345n, null]) {
      const invoice = foreignInvoice(units)
      expect(await payer.find(invoice.paymentHash)).toEqual({ ok: true, value: { status: 'unknown' } })
      const paid = await payer.pay(orderOf(invoice))
      if (!paid.ok || paid.value.status !== 'succeeded') throw new Error(JSON.stringify(paid, (_k, v) => String(v)))
      expect(toHex(sha256(fromHex(paid.value.preimage)))).toBe(invoice.paymentHash)
      // 1,500 millisatoshi; phoenixd answers whole ones, and its books say the rest.
      expect([1n, 2n]).toContain(paid.value.fee)
      expect(await payer.find(invoice.paymentHash)).toEqual({ ok: true, value: { ...paid.value, fee: 2n } })
      expect(standIn.purse.of(invoice.paymentHash)?.msat).toBe(12_345_000n)
    }
  })

  test('pays a hash once, however often it is told', async () => {
    const invoice = foreignInvoice(12_345n)
    const all = await Promise.all(Array.from({ length: 4 }, () => payer.pay(orderOf(invoice))))
    expect(all.every((answer) => answer.ok && ['succeeded', 'in_flight'].includes(answer.value.status))).toBe(true)
    expect(await payer.find(invoice.paymentHash)).toMatchObject({ value: { status: 'succeeded' } })
    expect(standIn.purse.payments).toHaveLength(1)
    expect(standIn.purse.orders).toBe(4)
  })

  test.each(['no_route', 'poor', 'refused'] as const)('says that it has failed: %s', async (network) => {
    standIn.purse.network = network
    const invoice = foreignInvoice(12_345n)
    expect(await payer.pay(orderOf(invoice))).toMatchObject({ ok: true, value: { status: 'failed', detail: expect.any(String) } })
    expect(await payer.find(invoice.paymentHash)).toMatchObject({ ok: true, value: { status: 'failed' } })
  })

  test('pays no more for the way than it may, or says what it takes', async () => {
    standIn.purse.feeMsat = 124_000n
    const answer = await payer.pay(orderOf(foreignInvoice(12_345n)))
    if (standIn.kind === 'phoenixd') expect(payer.ownFee?.(12_345n)).toBe(54n)
    else expect(answer).toMatchObject({ ok: true, value: { status: 'failed' } })
  })

  test('tells of a payment that is under way, and how it ended', async () => {
    standIn.purse.network = 'held'
    standIn.purse.patienceMs = 20_000
    const [one, other] = [foreignInvoice(12_345n), foreignInvoice(12_345n)]
    for (const invoice of [one, other]) {
      const asked = payer.pay(orderOf(invoice))
      await expect.poll(() => standIn.purse.of(invoice.paymentHash)?.state).toBe('in_flight')
      expect(await payer.find(invoice.paymentHash)).toEqual({ ok: true, value: { status: 'in_flight' } })
      standIn.purse.letGo(invoice.paymentHash, invoice === one ? 'well' : 'refused')
      expect(await asked).toMatchObject({ ok: true, value: { status: invoice === one ? 'succeeded' : 'failed' } })
    }
    expect(await payer.find(one.paymentHash)).toMatchObject({ value: { status: 'succeeded' } })
    expect(await payer.find(other.paymentHash)).toMatchObject({ value: { status: 'failed' } })
  })

  test('a lost answer, a broken node and a wrong credential say nothing about a payment', async () => {
    const invoice = foreignInvoice(12_345n)
    standIn.behave('lost')
    expect(await payer.pay(orderOf(invoice))).toMatchObject({ ok: false })
    standIn.behave('well')
    expect(await payer.find(invoice.paymentHash)).toMatchObject({ value: { status: 'succeeded' } })
    for (const behaviour of ['away', 'broken'] as const) {
      standIn.behave(behaviour)
      expect(await payer.find(invoice.paymentHash)).toMatchObject({ ok: false })
    }
    standIn.behave('well')
    const { password, headers } = standIn.endpoint
    const receiving = {
      ...standIn.endpoint,
      sending: { paymentMaxSats: 1, dayMaxSats: 1, ...(password && { password }), ...(headers && { headers }) },
    }
    const before = standIn.purse.orders
    await connect(receiving).pay(orderOf(foreignInvoice(12_345n)))
    expect(standIn.purse.orders).toBe(before)
  })

  test('is asked to pay only where its configuration says so, with both limits', () => {
    const sending = standIn.sendingEndpoint().sending
    expect(payerOf(standIn.endpoint)).toBeNull()
    for (const changes of [{ paymentMaxSats: 0 }, { dayMaxSats: -1 }, { paymentMaxSats: 1.5 }, { dayMaxSats: undefined }])
      expect(payerOf({ ...standIn.endpoint, sending: { ...sending, ...changes } as never })).toBeNull()
    expect(payerOf(standIn.sendingEndpoint({ paymentMaxSats: 1, dayMaxSats: 2 }))?.policy).toEqual({
      paymentMaxSats: 1,
      dayMaxSats: 2,
    })
  })
})
