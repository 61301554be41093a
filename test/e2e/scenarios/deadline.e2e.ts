import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEVELOPMENT_RATES } from '../../../config/development.ts'
import type { InvoiceResource } from '../../../src/invoice/resource.ts'
import { type Method, waitFor } from '../harness.ts'
import { audit } from './audit.ts'
import { endScene, errorsBesideDeepReorgs, open, readHealth, type Scene, startScene, unseen } from './scene.ts'

/**
 * Deadlines, and money that comes after them. The shortest that the API allows is a minute, so all invoices are made
 * first and their minute is waited for once. In it
 *
 * - the EVM node takes payments that no follower sees, and goes away until after the deadline;
 * - bitcoin doubles in price, so that late money shows which rate it is counted at;
 * - two bitcoin payments wait in the mempool, seen in time.
 *
 * The tests stand in the order of time. Webhooks may come twice here, since the Workers are killed once.
 */

const SECONDS = 60
const LATE_PAYMENT_SATS = 33_334n

let scene: Scene
let settledIn = ''
const invoices = new Map<string, InvoiceResource>()
const methods = new Map<string, Method>()
const txids = new Map<string, string>()

beforeAll(async () => {
  const rates = { ...DEVELOPMENT_RATES }
  scene = await startScene({ fixedRates: rates })
  const { stack } = scene
  await Promise.all([
    make('no address', []),
    make('bitcoin', ['BTC']),
    make('ether', ['ETH']),
    make('bitcoin and ether', ['BTC', 'ETH']),
    make('part', ['BTC']),
    make('settled', ['BTC']),
    make('bumped', ['BTC']),
    make('taken back', ['BTC']),
    make('unseen ether', ['ETH']),
    make('unseen dollars', ['USDC']),
    make('late at the locked rate', ['BTC'], 'accept_locked_rate'),
    make('late at the current rate', ['BTC'], 'accept_current_rate'),
    make('late and accepted', ['BTC'], 'hold'),
    make('late and refused', ['BTC'], 'hold'),
    make('rest late', ['BTC'], 'accept_locked_rate'),
  ])
  await pay('settled')
  await pay('part', 5_000n)
  await pay('rest late', 16_667n)
  settledIn = (await stack.wallets.bitcoin.mine(2))[0] ?? ''
  await stack.untilInvoice(idOf('settled'), ({ status }) => status === 'settled')
  await stack.untilInvoice(idOf('rest late'), ({ amountConfirmed }) => amountConfirmed === '10.00')
  for (const name of ['bumped', 'taken back']) {
    await pay(name)
    await stack.untilInvoice(idOf(name), ({ status }) => status === 'processing')
  }

  await stack.killWorkers()
  await pay('unseen ether')
  await pay('unseen dollars')
  await stack.wallets.evm.mine(3)
  await stack.stopEvm()
  rates['BTC/EUR'] = '120000'
  await stack.restartWorkers()
  expect(Date.now(), 'this machine is too slow to prepare everything in a minute').toBeLessThan(deadlineMs())
})

afterAll(() => endScene(scene))

describe('at the deadline', () => {
  it('an invoice that nobody paid expires', async () => {
    const waitMs = deadlineMs() - Date.now() + 30_000
    for (const name of ['no address', 'bitcoin']) {
      await scene.stack.untilInvoice(idOf(name), ({ status }) => status === 'expired', waitMs)
      const { statuses, invoice, events } = await audit(scene, idOf(name), { repeats: true })
      expect(statuses).toEqual(['new', 'expired'])
      expect(invoice.facts).toEqual({ short: false, over: null, late: false, held: false })
      expect(events.at(-1)?.data.cause).toBe('deadline')
    }
  })

  it('an invoice paid in part expires, and says so', async () => {
    await scene.stack.untilInvoice(idOf('part'), ({ status }) => status === 'expired')
    const { invoice } = await audit(scene, idOf('part'), { repeats: true })
    expect(invoice).toMatchObject({ amountPaid: '2.99', amountConfirmed: '2.99', facts: { short: true, late: false } })
    expect(invoice.paymentMethods.map(({ uri }) => uri)).toEqual([null, null, null])
  })

  it('an invoice stays open while a chain that it showed an address on cannot be read', async () => {
    expect(await readHealth(scene, 'evm')).toMatchObject({ status: 'down' })
    for (const name of ['ether', 'bitcoin and ether', 'unseen ether', 'unseen dollars']) {
      const invoice = await scene.stack.readInvoice(idOf(name))
      expect(invoice).toMatchObject({ status: 'new', payments: [] })
    }
    // It comes back now. Follower and invoices, which have asked in vain, ask again in some seconds: see the end.
    await scene.stack.startEvm()
  })
})

describe('after the deadline', () => {
  it('a fee bump pays for what was in time', async () => {
    await waitFor(() => Date.now() > deadlineMs())
    const old = txidOf('bumped')
    const { txid } = await scene.stack.wallets.bitcoin.bumpFee(old)
    const bumped = await scene.stack.untilInvoice(idOf('bumped'), ({ payments }) => payments.length === 2)
    expect(bumped).toMatchObject({ status: 'processing', amountPaid: '20.00' })
    expect(bumped.facts).toEqual({ short: false, over: null, late: false, held: false })
    expect(bumped.payments).toMatchObject([
      { txid: old, status: 'replaced', replacedBy: txid },
      { txid, status: 'unconfirmed', late: false, decision: 'counted' },
    ])
  })

  it('an invoice whose payment was taken back is invalid', async () => {
    const { txid } = await scene.stack.wallets.bitcoin.doubleSpend(txidOf('taken back'))
    const invoice = await scene.stack.untilInvoice(idOf('taken back'), ({ status }) => status === 'invalid')
    expect(invoice).toMatchObject({ amountPaid: '0.00', payments: [{ status: 'replaced', replacedBy: txid }] })
  })

  it('what comes late counts, is held, or completes a part, as the policy says', async () => {
    const names = ['late at the locked rate', 'late at the current rate', 'late and accepted', 'late and refused', 'rest late']
    for (const name of names) {
      await scene.stack.untilInvoice(idOf(name), ({ status }) => status === 'expired')
      await pay(name, name === 'rest late' ? 16_667n : LATE_PAYMENT_SATS)
    }
    for (const name of ['late at the locked rate', 'late at the current rate', 'rest late'])
      await scene.stack.untilInvoice(idOf(name), ({ status }) => status === 'processing')
    for (const name of ['late and accepted', 'late and refused']) {
      const held = await scene.stack.untilInvoice(idOf(name), ({ facts }) => facts.held)
      expect(held).toMatchObject({ status: 'expired', amountPaid: '0.00', facts: { late: true, short: false } })
    }
    await scene.stack.wallets.bitcoin.mine(2)
  })

  it('late money at the locked rate pays what it was to pay', async () => {
    await scene.stack.untilInvoice(idOf('late at the locked rate'), ({ status }) => status === 'settled')
    const { invoice, statuses } = await audit(scene, idOf('late at the locked rate'), { repeats: true })
    expect(statuses).toEqual(['new', 'expired', 'processing', 'settled'])
    expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00' })
    expect(invoice.facts).toEqual({ short: false, over: null, late: true, held: false })
  })

  it('late money at the current rate pays what it is worth by then', async () => {
    await scene.stack.untilInvoice(idOf('late at the current rate'), ({ status }) => status === 'settled')
    const { invoice, statuses } = await audit(scene, idOf('late at the current rate'), { repeats: true })
    expect(statuses).toEqual(['new', 'expired', 'processing', 'settled'])
    // 20 EUR are 16667 satoshi by now, and 33334 came.
    expect(invoice).toMatchObject({ amountPaid: '40.00', amountConfirmed: '40.00' })
    expect(invoice.facts).toEqual({ short: false, over: { asset: 'BTC', amount: '0.00016667' }, late: true, held: false })
  })

  it('late money that is held counts when a person accepts it', async () => {
    const id = idOf('late and accepted')
    await scene.stack.untilInvoice(id, ({ payments }) => payments[0]?.confirmations === 2)
    expect((await resolve(id, 'accept_late')).status).toBe(200)
    expect((await resolve(id, 'accept_late')).status).toBe(409)
    const { invoice, statuses } = await audit(scene, id, { repeats: true })
    expect(statuses).toEqual(['new', 'expired', 'settled'])
    expect(invoice).toMatchObject({ amountPaid: '20.00', facts: { late: true, held: false, over: null } })
  })

  it('late money that is held never counts when a person refuses it', async () => {
    const id = idOf('late and refused')
    expect((await resolve(id, 'refuse_late')).status).toBe(200)
    const { invoice, statuses } = await audit(scene, id, { repeats: true })
    expect(statuses).toEqual(['new', 'expired'])
    expect(invoice).toMatchObject({ amountPaid: '0.00', facts: { late: true, held: false }, payments: [{ decision: 'refused' }] })
  })

  it('the rest of a part payment may come late', async () => {
    const id = idOf('rest late')
    await scene.stack.untilInvoice(id, ({ status }) => status === 'settled')
    const { invoice, statuses } = await audit(scene, id, { repeats: true })
    expect(statuses).toEqual(['new', 'expired', 'processing', 'settled'])
    expect(invoice).toMatchObject({ amountPaid: '20.00', facts: { late: true, over: null } })
    expect(invoice.payments.map(({ late }) => late)).toEqual([false, true])
  })

  it('what was in the mempool in time is settled by blocks that came late', async () => {
    await scene.stack.untilInvoice(idOf('bumped'), ({ status }) => status === 'settled')
    const { invoice, statuses } = await audit(scene, idOf('bumped'), { repeats: true })
    expect(statuses).toEqual(['new', 'processing', 'settled'])
    expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { late: false, over: null } })
    expect(invoice.payments.map(({ status }) => status)).toEqual(['double_spent', 'confirmed'])

    await scene.stack.untilInvoice(idOf('taken back'), ({ payments }) => payments[0]?.status === 'double_spent')
    expect((await audit(scene, idOf('taken back'), { repeats: true })).statuses).toEqual(['new', 'processing', 'invalid'])
  })
})

describe('when the node is back', () => {
  it('what was paid while nobody could see it is in time, and what was not paid expires', async () => {
    for (const name of ['unseen ether', 'unseen dollars']) {
      await scene.stack.untilInvoice(idOf(name), ({ status }) => status === 'settled')
      const { invoice, statuses, events } = await audit(scene, idOf(name), { repeats: true })
      expect(statuses).toEqual(['new', 'settled'])
      expect(invoice).toMatchObject({ amountPaid: '20.00', payments: [{ txid: txidOf(name), late: false, decision: 'counted' }] })
      expect(invoice.facts).toEqual({ short: false, over: null, late: false, held: false })
      expect(events.find(({ data }) => data.change === 'confirmed')).toBeDefined()
    }
    for (const name of ['ether', 'bitcoin and ether']) {
      await scene.stack.untilInvoice(idOf(name), ({ status }) => status === 'expired', 60_000)
      expect((await audit(scene, idOf(name), { repeats: true })).statuses).toEqual(['new', 'expired'])
    }
  })

  it('a reorganisation in which a settled payment is taken back leaves the invoice invalid, and others as they were', async () => {
    const { stack } = scene
    const { bitcoin } = stack.wallets
    await unseen(scene, async () => {
      await bitcoin.invalidate(settledIn)
      await bitcoin.doubleSpend(txidOf('settled'))
      await bitcoin.mine(6)
    })
    await stack.untilInvoice(idOf('settled'), ({ status }) => status === 'invalid')
    const { invoice, statuses, events } = await audit(scene, idOf('settled'), { repeats: true })
    expect(statuses.slice(-2)).toEqual(['settled', 'invalid'])
    expect(events.flatMap(({ data }) => data.cause ?? []).slice(-1)).toEqual(['reorg'])
    expect(invoice).toMatchObject({ amountPaid: '0.00', settledAt: null, payments: [{ status: 'double_spent' }] })
    for (const name of ['bumped', 'rest late', 'late at the locked rate']) {
      await stack.untilInvoice(idOf(name), ({ status }) => status === 'settled')
      expect((await audit(scene, idOf(name), { repeats: true })).invoice.amountConfirmed).toBe('20.00')
    }
  })

  it('no Worker has spoken of a defect', () => {
    expect(errorsBesideDeepReorgs(scene)).toEqual([])
  })
})

async function make(name: string, assets: readonly string[], latePolicy = 'accept_locked_rate'): Promise<void> {
  const invoice = await open(scene, { expiresInSeconds: SECONDS, latePolicy })
  invoices.set(name, invoice)
  for (const asset of assets) methods.set(name, await scene.stack.activate(invoice.id, asset))
}

/** Pays to the address that was shown, whatever has become of the invoice and of us. */
async function pay(name: string, units?: bigint): Promise<void> {
  const method = methods.get(name)
  if (!method) throw new Error(`${name} was shown no address`)
  const { asset, address, unitsDue } = method
  txids.set(name, await scene.stack.wallets.pay({ asset, address, units: units ?? unitsDue }))
}

function idOf(name: string): string {
  return invoices.get(name)?.id ?? `no invoice called ${name}`
}

function txidOf(name: string): string {
  return txids.get(name) ?? `no payment of ${name}`
}

function deadlineMs(): number {
  return Math.max(...[...invoices.values()].map(({ expiresAt }) => Date.parse(expiresAt)))
}

function resolve(id: string, action: string) {
  return scene.stack.api('POST', `/v1/invoices/${id}/resolution`, { action })
}
