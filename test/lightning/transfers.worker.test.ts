import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { sha256 } from '@noble/hashes/sha2.js'
import { beforeAll, describe, expect, test } from 'vitest'
import { createAdmin } from '../../src/audit/admin.ts'
import { fromHex, toHex } from '../../src/lib/bytes.ts'
import { randomId } from '../../src/lib/ids.ts'
import { ok } from '../../src/lib/result.ts'
import { LEASE_MS } from '../../src/lightning/transfers/state.ts'
import type { LightningTransfer } from '../../src/lightning/transfers/types.ts'
import { foreignInvoice } from '../gateways/lightning/purse.ts'
import { migrateDatabases, testEnv } from '../storage/databases.ts'
import { newInvoice, openTill, shownAt, type Till } from './till.ts'

const raw = (name: string) => (testEnv as unknown as { LIGHTNINGS: DurableObjectNamespace }).LIGHTNINGS.getByName(name)

beforeAll(migrateDatabases)

/** A till whose node may pay: the object knows that from a look. */
async function openPayingTill(kind?: Parameters<typeof openTill>[0]): Promise<Till> {
  const till = await openTill(kind)
  till.allow({ paymentMaxSats: 1_000_000, dayMaxSats: 10_000_000 })
  await till.look()
  return till
}

const nodeOf = ({ walletId }: Till) => testEnv.LIGHTNINGS.getByName(walletId)

async function send(till: Till, bolt11: string, units = 20_000n, changes: object = {}) {
  const { merchantId, shard, storeId } = till.store
  const id = randomId('tr')
  const made = await till.serve(
    nodeOf(till).createTransfer({
      id,
      kind: 'payout',
      merchantId,
      shard,
      storeId,
      custody: 'self',
      chainId: 'lightning:regtest',
      asset: 'BTC-LN',
      outputs: [{ address: bolt11, units }],
      invoiceId: null,
      reference: null,
      targetBlocks: 1,
      feeMax: null,
      ...changes,
    }),
  )
  const read = async () => (await nodeOf(till).transfer(id)) as LightningTransfer
  return { id, made, read, status: async () => (await read()).status }
}

/** As if so much time had passed since the node was told. */
async function age(till: Till, id: string, ms: number): Promise<void> {
  await runInDurableObject(raw(till.walletId), (_object, state) => {
    const { sql } = state.storage
    const body = JSON.parse(sql.exec('SELECT body FROM transfers WHERE id = ?', id).toArray()[0]?.body as string)
    body.facts.toldAtMs = body.facts.toldAtMs.map((atMs: number) => atMs - ms)
    if (body.facts.sight) body.facts.sight.atMs -= ms
    if (body.facts.knownAtMs) body.facts.knownAtMs -= ms
    sql.exec('UPDATE transfers SET body = ?, due_at_ms = 0 WHERE id = ?', JSON.stringify(body), id)
  })
}

describe.each(['phoenixd', 'lnd', 'cln'] as const)('a payout by %s', (kind) => {
  test('is paid once, with its proof and fee', async () => {
    const till = await openPayingTill(kind)
    const invoice = foreignInvoice(20_000n)
    const { id, made, read } = await send(till, invoice.bolt11.toUpperCase())
    expect(made).toMatchObject({ ok: true, value: { status: 'queued', signed: [], fee: null, feeMax: 200n } })
    await Promise.all([till.carry(id), till.carry(id), till.carry(id)])
    const paid = await read()
    expect(paid).toMatchObject({
      status: 'confirmed',
      reason: null,
      units: 20_000n,
      outputs: [{ address: invoice.bolt11, units: 20_000n }],
      signed: [{ txid: invoice.paymentHash }],
      lightning: { paymentHash: invoice.paymentHash },
    })
    expect(toHex(sha256(fromHex(paid.lightning.preimage ?? '')))).toBe(invoice.paymentHash)
    expect([1n, 2n]).toContain(paid.fee)
    expect(till.node.purse.orders).toBe(1)
  })

  test('that failed says why, and moved nothing', async () => {
    const till = await openPayingTill(kind)
    till.node.purse.network = 'poor'
    const { id, read } = await send(till, foreignInvoice(20_000n).bolt11)
    await till.carry(id)
    expect(await read()).toMatchObject({ status: 'failed', fee: null, lightning: { preimage: null }, reason: expect.any(String) })
    expect(await nodeOf(till).outgoing()).toEqual({ leaving: 0n, reserved: 0n })
  })

  test('whose answer was lost is looked for, and not paid again', async () => {
    const till = await openPayingTill(kind)
    const { id, status } = await send(till, foreignInvoice(20_000n).bolt11)
    till.node.purse.losesAnswers = true
    await till.carry(id)
    expect([await status(), till.node.purse.payments.length]).toEqual(['broadcast', 1])
    // Nobody looks while an answer may still come, and what cannot be asked is not told.
    await till.carry(id)
    await age(till, id, LEASE_MS)
    till.node.behave('away')
    await till.carry(id)
    expect(await status()).toBe('broadcast')
    till.node.behave('well')
    await till.carry(id)
    expect(await status()).toBe('confirmed')
    expect(till.node.purse.orders).toBe(1)
  })

  test('that is under way for minutes is so until the node says how it ended', async () => {
    const till = await openPayingTill(kind)
    till.node.purse.network = 'held'
    const invoice = foreignInvoice(20_000n)
    const { id, status } = await send(till, invoice.bolt11)
    const carry = till.carry(id)
    await expect.poll(() => till.node.purse.payments.length).toBe(1)
    expect(await status()).toBe('broadcast')
    expect(await nodeOf(till).outgoing()).toEqual({ leaving: 20_200n, reserved: 20_200n })
    // The object forgets whatever it has only in mind.
    await evictDurableObject(raw(till.walletId))
    till.node.purse.letGo(invoice.paymentHash)
    await carry.catch(() => {})
    await age(till, id, LEASE_MS)
    await till.carry(id)
    expect(await status()).toBe('confirmed')
  })
})

describe('sending by Lightning', () => {
  test('is off unless the node’s configuration says so', async () => {
    const till = await openTill()
    await till.look()
    const { made } = await send(till, foreignInvoice(20_000n).bolt11)
    expect(made).toMatchObject({ ok: false, error: { reason: 'sending_frozen' } })
    till.allow({ paymentMaxSats: 50_000, dayMaxSats: 50_000 })
    await till.look()
    expect(await nodeOf(till).sending()).toEqual({ paymentMaxSats: 50_000, dayMaxSats: 50_000 })
    const { id, status } = await send(till, foreignInvoice(20_000n).bolt11)
    till.allow(null)
    await till.carry(id)
    expect([await status(), till.node.purse.orders]).toEqual(['queued', 0])
  })

  test('waits while the day’s limit is used up, and none of many at once pass it', async () => {
    const till = await openPayingTill()
    till.allow({ paymentMaxSats: 50_000, dayMaxSats: 50_000 })
    await till.look()
    const sent = await Promise.all(Array.from({ length: 12 }, () => send(till, foreignInvoice(20_000n).bolt11)))
    await Promise.all(sent.flatMap(({ id }) => [till.carry(id), till.carry(id)]))
    const all = await Promise.all(sent.map(({ read }) => read()))
    expect(all.filter(({ status }) => status === 'confirmed')).toHaveLength(2)
    expect(all.filter(({ status, reason }) => status === 'queued' && /24 hours/.test(reason ?? ''))).toHaveLength(10)
    expect(till.node.purse.payments).toHaveLength(2)
  })

  test('is of this merchant’s node only, and pays no invoice of the node itself', async () => {
    const till = await openPayingTill()
    const { invoice } = await newInvoice(till)
    await till.serve(invoice.activate('BTC-LN'))
    const own = await send(till, shownAt(till).bolt11, 100_000n)
    expect(own.made).toMatchObject({ ok: false, error: { reason: 'bad_transfer', detail: expect.stringContaining('node itself') } })
    const foreign = await send(till, foreignInvoice(20_000n).bolt11, 20_000n, { merchantId: 'mer_other' })
    expect(foreign.made).toMatchObject({ ok: false, error: { reason: 'wallet_not_configured' } })
    const tooMuch = await send(till, foreignInvoice(260_000n).bolt11, 260_000n)
    expect(tooMuch.made).toEqual({ ok: false, error: { reason: 'insufficient_funds', asset: 'BTC-LN', available: 250_000n } })
  })

  test('of what is queued can be ended, of what the node was told not', async () => {
    const till = await openPayingTill()
    const [one, other] = [await send(till, foreignInvoice(20_000n).bolt11), await send(till, foreignInvoice(null).bolt11)]
    expect(await nodeOf(till).cancelTransfer(one.id, 'me')).toMatchObject({ ok: true, value: { status: 'failed' } })
    await till.carry(one.id)
    await till.carry(other.id)
    expect(await nodeOf(till).cancelTransfer(other.id, 'me')).toMatchObject({ ok: false, error: { reason: 'wrong_status' } })
    expect(await other.status()).toBe('confirmed')
    expect(till.node.purse.payments.map(({ msat }) => msat)).toEqual([20_000_000n])
  })

  test('that its node has forgotten ends by an operator’s word, and by nothing else', async () => {
    const till = await openPayingTill()
    const { id, status, read } = await send(till, foreignInvoice(20_000n).bolt11)
    const settle = async () => {
      const path = `/admin/wallets/${till.walletId}/transfers/${id}/settle`
      const body = JSON.stringify({ by: 'Ada', reason: 'the payee has nothing' })
      const reply = await createAdmin().request(path, { method: 'POST', body }, testEnv)
      return [reply.status, ((await reply.json()) as { code?: string }).code]
    }
    const payer = { policy: { credential: 'x', paymentMaxSats: 1_000_000, dayMaxSats: 10_000_000 }, ownFee: null }
    expect(await settle()).toEqual([409, 'wrong_status'])
    const node = nodeOf(till)
    await node.nextPayment(id, payer)
    expect(await node.takeSight(id, 0, ok({ status: 'unknown' }), payer)).toMatchObject({ do: 'pay', telling: 0 })
    await node.takeAnswer(id, 0, ok({ status: 'in_flight' }), payer)
    await node.takeSight(id, 1, ok({ status: 'unknown' }), payer)
    expect(await status()).toBe('unknown')
    expect(await settle()).toEqual([200, undefined])
    expect(await read()).toMatchObject({ status: 'failed', reason: 'ended by Ada: the payee has nothing' })
    expect(await settle()).toEqual([409, 'wrong_status'])
  })

  test('that waits for the node’s balance is known to who ends it meanwhile: it is never made after that', async () => {
    const till = await openPayingTill()
    const id = randomId('tr')
    const made = send(till, foreignInvoice(20_000n).bolt11, 20_000n, { id })
    // It asks the node, and nobody has served it yet.
    const ended = nodeOf(till).cancelTransfer(id, 'payer')
    expect(await made).toMatchObject({ made: { ok: true } })
    expect(await ended).toMatchObject({ ok: true, value: { id, status: 'failed' } })
    await till.carry(id)
    expect(till.node.purse.orders).toBe(0)
  })

  test('is asked for again by the alarm, whatever message was lost', async () => {
    const till = await openPayingTill()
    const { id } = await send(till, foreignInvoice(20_000n).bolt11)
    await age(till, id, 0)
    expect(await runDurableObjectAlarm(raw(till.walletId))).toBe(true)
    const due = await runInDurableObject(raw(till.walletId), (_object, state) => {
      return state.storage.sql.exec('SELECT due_at_ms FROM transfers WHERE id = ?', id).toArray()[0]?.due_at_ms
    })
    expect(due).toBeGreaterThan(Date.now())
  })

  test('writes nothing for a node that is not there', async () => {
    const object = testEnv.LIGHTNINGS.getByName(`wal_nobody_${randomId('wal')}`)
    expect([await object.transfer(randomId('tr')), await object.sending(), await object.outgoing()]).toEqual([
      null,
      null,
      { leaving: 0n, reserved: 0n },
    ])
    expect(await object.nextPayment(randomId('tr'), null)).toEqual({ do: 'nothing' })
  })
})

describe('a refund of an invoice that was paid by Lightning', () => {
  async function paid(till: Till) {
    const { id, invoice, read, status } = await newInvoice(till)
    const activated = await till.serve(invoice.activate('BTC-LN'))
    if (!activated.ok) throw new Error(activated.error.reason)
    till.node.pay(shownAt(till).paymentHash)
    await till.look()
    await expect.poll(status, { timeout: 20_000 }).toBe('settled')
    const refundOf = async () => (await read()).refunds?.[0]
    const ask = (rule: object = { type: 'full' }) =>
      invoice.requestRefund({
        id: randomId('tr'),
        fingerprint: 'f',
        asset: null,
        rule: rule as { type: 'full' },
        reason: null,
        by: 'me',
      })
    return { id, invoice, read, refundOf, ask }
  }

  test('goes to an invoice of the payer, for exactly its amount, and ends when it is paid', async () => {
    const till = await openPayingTill('lnd')
    const { invoice, refundOf, ask } = await paid(till)
    const asked = await ask()
    expect(asked).toMatchObject({
      ok: true,
      value: { refund: { status: 'awaiting_address', units: 100_000n, walletId: till.walletId } },
    })
    const refundId = asked.ok ? asked.value.refund.id : ''
    const claim = (address: string) => till.serve(invoice.claimRefund(refundId, address))
    expect(await claim(foreignInvoice(99_999n).bolt11)).toEqual({ ok: false, error: { reason: 'wrong_amount' } })
    expect(await claim(foreignInvoice(100_000n, { expiryS: 30 }).bolt11)).toEqual({ ok: false, error: { reason: 'expired' } })
    expect(await claim(foreignInvoice(100_000n, { network: 'bc' }).bolt11)).toEqual({
      ok: false,
      error: { reason: 'not_an_address' },
    })
    expect(await claim('ana@example.com')).toEqual({ ok: false, error: { reason: 'not_an_address' } })
    expect(await claim(shownAt(till).bolt11)).toEqual({ ok: false, error: { reason: 'own_address' } })
    const { bolt11, paymentHash } = foreignInvoice(null)
    expect(await claim(`lightning:${bolt11.toUpperCase()}`)).toMatchObject({ ok: true })
    expect(await refundOf()).toMatchObject({ status: 'queued', address: bolt11, claims: 1 })
    await till.carry(refundId)
    await expect.poll(async () => (await refundOf())?.status, { timeout: 20_000 }).toBe('confirmed')
    expect(await refundOf()).toMatchObject({ txid: paymentHash })
    expect(till.node.purse.payments.map(({ msat }) => msat)).toEqual([100_000_000n])
    expect(await ask()).toMatchObject({ ok: false, error: { reason: 'nothing_to_refund' } })
  })

  test('whose invoice cannot be paid is claimed again with another, once that is certain', async () => {
    const till = await openPayingTill('cln')
    const { invoice, refundOf, ask } = await paid(till)
    const asked = await ask()
    const refundId = asked.ok ? asked.value.refund.id : ''
    till.node.purse.network = 'held'
    const first = foreignInvoice(100_000n)
    await till.serve(invoice.claimRefund(refundId, first.bolt11))
    await till.carry(refundId)
    await expect.poll(async () => (await refundOf())?.status).toBe('broadcast')
    // While it may still be paid no other is taken.
    const second = foreignInvoice(100_000n)
    expect(await till.serve(invoice.claimRefund(refundId, second.bolt11))).toMatchObject({
      ok: false,
      error: { reason: 'refund_closed' },
    })
    till.node.purse.letGo(first.paymentHash, 'refused')
    // Nobody heard the node's answer: it may try again by itself for a quarter of an hour.
    for (const ms of [LEASE_MS, 60_000, 15 * 60_000]) {
      await age(till, refundId, ms)
      await till.carry(refundId)
    }
    await expect.poll(async () => (await refundOf())?.status, { timeout: 20_000 }).toBe('awaiting_address')
    expect(await refundOf()).toMatchObject({ address: null, detail: expect.any(String) })
    till.node.purse.network = 'well'
    expect(await till.serve(invoice.claimRefund(refundId, first.bolt11))).toMatchObject({ ok: true })
    // The object has the hash of the first: that one is not paid again.
    await expect.poll(async () => (await refundOf())?.status, { timeout: 20_000 }).toBe('awaiting_address')
    expect(await till.serve(invoice.claimRefund(refundId, second.bolt11))).toMatchObject({ ok: true })
    const transferId = (await refundOf())?.transfers.at(-1)?.id ?? ''
    await till.carry(transferId)
    await expect.poll(async () => (await refundOf())?.status, { timeout: 20_000 }).toBe('confirmed')
    expect(till.node.purse.payments.map(({ state }) => state)).toEqual(['failed', 'paid'])
  })

  test('is refused by name where the node may not send, or not so much', async () => {
    const till = await openTill()
    const { ask } = await paid(till)
    const rail = { reason: 'rail_cannot_refund', rail: 'Lightning regtest' }
    expect(await ask()).toMatchObject({ ok: false, error: { ...rail, detail: expect.stringContaining('does not let it send') } })
    till.allow({ paymentMaxSats: 100_000, dayMaxSats: 200_000 })
    await till.look()
    expect(await ask()).toMatchObject({ ok: false, error: { ...rail, detail: expect.stringContaining('100000 satoshi') } })
  })
})
