import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sha256 } from '@noble/hashes/sha2.js'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type BitcoinNode, createDemoWallet, startBitcoinNode } from '../../../scripts/stack/bitcoin/index.ts'
import { decodeBolt11 } from '../../../src/gateways/lightning/bolt11.ts'
import { checkInvoice } from '../../../src/gateways/lightning/check.ts'
import type { LightningNode } from '../../../src/gateways/lightning/node.ts'
import { lightningNodeOf, lightningPayerOf } from '../../../src/gateways/lightning/nodes.ts'
import type { LightningPayer, PaymentOrder } from '../../../src/gateways/lightning/payer.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import { testLightning } from '../../../src/money/lightning.ts'
import { programOnPath } from '../../programs.ts'
import { connectTo, type Lightningd, openChannel, startLightningd } from './lightningd.ts'

/**
 * The gateway against Core Lightning and its clnrest, with a channel to a second node on regtest: what the stand-in claims of
 * it. One world for all tests, in the order they stand.
 */
const program = programOnPath('lightningd')
vi.setConfig({ testTimeout: 60_000, hookTimeout: 240_000 })
const RAIL = testLightning('regtest')
const CHANNEL_SATS = 2_000_000
const EXPIRY_S = 900

let folder: string
let chain: BitcoinNode
let till: Lightningd
let other: Lightningd
let node: LightningNode
let payer: LightningPayer

const newLabel = () => `inv_${randomBytes(16).toString('hex')}.0`
const wish = (label = newLabel(), expirySeconds = EXPIRY_S) => ({
  label,
  units: 12_345n,
  memo: 'Northwind: order 7 ☕',
  expirySeconds,
})

function reach(endpoint: Lightningd['endpoint']) {
  const env = { NODES: JSON.stringify({ [RAIL.id]: [endpoint] }) }
  const [receiving, sending] = [lightningNodeOf(env, RAIL, 'till'), lightningPayerOf(env, RAIL, 'till')]
  if (!receiving || !sending) throw new Error('the node is configured')
  return { node: receiving.node, payer: sending.payer }
}

async function make(label = newLabel(), expirySeconds = EXPIRY_S) {
  const made = await node.makeInvoice(wish(label, expirySeconds))
  if (!made.ok) throw new Error(made.error.detail)
  return { label, ...made.value }
}

/** An invoice of the other node. */
async function foreign(units: bigint | null, expiry = EXPIRY_S): Promise<PaymentOrder & { readonly label: string }> {
  const label = newLabel()
  const amount_msat = units === null ? 'any' : Number(units) * 1_000
  const terms = { label, description: 'for you', expiry, amount_msat }
  const made = await other.call<{ bolt11: string; payment_hash: string }>('invoice', terms)
  const paid = units ?? 12_345n
  return { label, bolt11: made.bolt11, paymentHash: made.payment_hash, units: paid, isOpen: units === null, feeMax: 123n }
}

const paidAfter = async (cursor: string | null, waitMs = 0) => {
  const answer = await node.paidAfter({ cursor, sinceMs: 0, waitMs, open: [] })
  if (!answer.ok) throw new Error(answer.error.detail)
  return answer.value
}

describe.skipIf(program === null)(`Core Lightning${program === null ? ' (no lightningd on the PATH)' : ''}`, () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'paytomat-cln-'))
    const stateDir = join(folder, 'bitcoin')
    chain = await startBitcoinNode({ stateDir })
    const wallet = createDemoWallet(chain, stateDir)
    await wallet.fund()
    const start = (name: string) => startLightningd(program as string, join(folder, name), chain)
    ;[till, other] = await Promise.all([start('till'), start('other')])
    await openChannel(till, other, wallet, CHANNEL_SATS)
    ;({ node, payer } = reach(till.endpoint))
  })

  afterAll(async () => {
    await Promise.all([till?.stop(), other?.stop()])
    await chain?.stop()
    if (folder) rmSync(folder, { recursive: true, force: true })
  })

  test('an invoice says what was asked for, and is made once', async () => {
    const { label, bolt11, paymentHash } = await make()
    const wanted = { network: RAIL.network, units: 12_345n, expiresAtMs: Date.now() + EXPIRY_S * 1_000, paymentHash }
    const nodeId = till.endpoint.nodeId ?? null
    expect(checkInvoice(bolt11, { ...wanted, nodeId }, Date.now())).toEqual({ ok: true, value: bolt11 })
    expect(checkInvoice(bolt11, { ...wanted, network: 'testnet', nodeId }, Date.now())).toMatchObject({ ok: false })
    expect(decodeBolt11(bolt11)).toMatchObject({ ok: true, value: { description: 'Northwind: order 7 ☕' } })
    expect(await make(label)).toEqual({ label, bolt11, paymentHash })
  })

  test('a payment is told while it is waited for, counted once, and found by its label', async () => {
    const made = await make()
    expect(await node.lookUp(made)).toEqual({ ok: true, value: null })
    const { cursor } = await paidAfter(null)
    const looking = paidAfter(cursor, 15_000)
    const startedMs = Date.now()
    await other.call('pay', { bolt11: made.bolt11 })
    const payment = { paymentHash: made.paymentHash, msat: 12_345_000n, atMs: expect.any(Number) }
    const { payments, cursor: next } = await looking
    expect(payments).toEqual([payment])
    expect(Date.now() - startedMs).toBeLessThan(10_000)
    expect(await node.lookUp(made)).toEqual({ ok: true, value: payments[0] })
    expect(await paidAfter(next)).toEqual({ payments: [], cursor: next })
    // Paid again by the same invoice: it was paid once.
    await other.call('pay', { bolt11: made.bolt11 })
    expect((await paidAfter(next)).payments).toEqual([])
    expect(await node.cancel(made)).toEqual({ ok: true, value: null })
    expect(await node.lookUp(made)).toMatchObject({ ok: true, value: { msat: 12_345_000n } })
  })

  test('what is cancelled, expired or unknown is not paid, and nobody can pay it', async () => {
    const [cancelled, expired] = [await make(), await make(newLabel(), 1)]
    for (const invoice of [cancelled, cancelled, { label: newLabel(), paymentHash: '00'.repeat(32) }]) {
      expect(await node.cancel(invoice)).toEqual({ ok: true, value: null })
      expect(await node.lookUp(invoice)).toEqual({ ok: true, value: null })
    }
    await expect(other.call('pay', { bolt11: cancelled.bolt11, retry_for: 5 })).rejects.toThrow(/pay: 203/)
    await expect.poll(() => other.call('pay', { bolt11: expired.bolt11 }).catch(String), { timeout: 10_000 }).toMatch(/pay: 207/)
    expect(await node.lookUp(expired)).toEqual({ ok: true, value: null })
    expect(await node.cancel(expired)).toEqual({ ok: true, value: null })
  })

  test('its balance is what is its own in channels, in whole satoshi', async () => {
    expect(await node.balance()).toEqual({ ok: true, value: BigInt(CHANNEL_SATS) / 2n + 12_345n })
  })

  test('it pays, with a proof and a fee, an invoice of an amount and one of any, and each hash once', async () => {
    for (const units of [12_345n, null]) {
      const order = await foreign(units)
      expect(await payer.find(order.paymentHash)).toEqual({ ok: true, value: { status: 'unknown' } })
      const paid = await payer.pay(order)
      if (!paid.ok || paid.value.status !== 'succeeded') throw new Error(JSON.stringify(paid, (_k, v) => String(v)))
      expect(toHex(sha256(fromHex(paid.value.preimage)))).toBe(order.paymentHash)
      expect(paid.value.fee).toBe(0n)
      const before = await node.balance()
      expect(await payer.pay(order)).toEqual(paid)
      expect(await payer.find(order.paymentHash)).toEqual(paid)
      expect(await node.balance()).toEqual(before)
    }
  })

  test('what it will not or cannot pay has failed, by its own word', async () => {
    const [expired, poor, gone, wrong] = [await foreign(5n, 1), await foreign(9_000_000n), await foreign(5n), await foreign(null)]
    await other.call('delinvoice', { label: gone.label, status: 'unpaid' })
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    for (const order of [expired, poor, gone, { ...wrong, isOpen: false }]) {
      const said = { ok: true, value: { status: 'failed', detail: expect.stringMatching(/\w+/) } }
      expect(await payer.pay(order)).toMatchObject(said)
      // What never became a try is not in its books.
      expect(await payer.find(order.paymentHash)).toMatchObject({
        ok: true,
        value: { status: order === gone ? 'failed' : expect.stringMatching(/unknown|failed/) },
      })
    }
  })

  test('a payment that hangs is under way, whoever asks, until it has ended', async () => {
    const order = await foreign(12_345n)
    other.pause()
    const paying = payer.pay(order)
    await expect.poll(() => payer.find(order.paymentHash)).toEqual({ ok: true, value: { status: 'in_flight' } })
    other.resume()
    expect(await paying).toMatchObject({ ok: true, value: { status: 'succeeded', fee: 0n } })
    expect(await payer.find(order.paymentHash)).toMatchObject({ ok: true, value: { status: 'succeeded' } })
  })

  test('a rune does what it is for and nothing else, and a wrong one says nothing about a payment', async () => {
    const { headers, sending } = till.endpoint
    const swapped = reach({ ...till.endpoint, ...(sending?.headers && { headers: sending.headers }) })
    const refused = { ok: false, error: { reason: 'node_refused', detail: expect.stringMatching(/HTTP 401 .*[Nn]ot permitted/) } }
    expect(await swapped.node.makeInvoice(wish())).toMatchObject(refused)
    const order = await foreign(5n)
    for (const Rune of [headers?.Rune ?? '', 'nothing']) {
      const wrong = reach({ ...till.endpoint, sending: { ...sending, headers: { Rune } } as typeof sending })
      expect(await wrong.payer.pay(order)).toMatchObject({ ok: true, value: { status: 'failed' } })
      expect(await wrong.payer.find(order.paymentHash)).toMatchObject({ ok: false, error: { reason: 'node_refused' } })
    }
    expect(await payer.find(order.paymentHash)).toEqual({ ok: true, value: { status: 'unknown' } })
  })

  test('killed and started again it knows its invoices and payments, and is away meanwhile', async () => {
    const [made, { cursor }, order] = [await make(), await paidAfter(null), await foreign(5n)]
    other.pause()
    const paying = payer.pay(order)
    await expect.poll(() => payer.find(order.paymentHash)).toEqual({ ok: true, value: { status: 'in_flight' } })
    await till.kill()
    // It ended in the middle of a payment: that is no word about it.
    expect(await paying).toMatchObject({ ok: false })
    other.resume()
    expect(await node.lookUp(made)).toMatchObject({ ok: false })
    expect(await payer.pay(await foreign(5n))).toMatchObject({ ok: false })
    till = await startLightningd(program as string, join(folder, 'till'), chain)
    ;({ node, payer } = reach(till.endpoint))
    await connectTo(till, other)
    expect(await make(made.label)).toEqual(made)
    expect((await paidAfter(cursor)).payments).toEqual([])
    // Not forgotten, and not failed. What was not yet in the channel when it was killed 24.08 calls pending for good.
    const known = { ok: true, value: { status: expect.stringMatching(/in_flight|succeeded/) } }
    expect(await payer.find(order.paymentHash)).toMatchObject(known)
    await expect
      .poll(() => other.call('pay', { bolt11: made.bolt11, retry_for: 5 }).then(() => 'paid', String), { timeout: 30_000 })
      .toBe('paid')
    expect((await paidAfter(cursor, 5_000)).payments).toMatchObject([{ paymentHash: made.paymentHash }])
  })
})
