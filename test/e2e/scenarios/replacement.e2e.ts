import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { audit } from './audit.ts'
import { bitcoinCall, broadcast, rawTransaction, sendTokenInVain } from './nodes.ts'
import { endScene, errorsLogged, mine, open, type Scene, startScene, untilRead } from './scene.ts'

/** Payments that are seen and then change, or go away, before they are final. */

let scene: Scene

beforeAll(async () => {
  scene = await startScene()
})

afterAll(() => endScene(scene))

describe('a Bitcoin payment that waits', () => {
  it('may be replaced by one with a higher fee, twice, and is credited once', async () => {
    const { bitcoin } = scene.stack.wallets
    const { id, first } = await paid('BTC')
    const { txid: second } = await bitcoin.bumpFee(first)
    await scene.stack.untilInvoice(id, ({ payments }) => payments.length === 2)
    const { txid: third } = await bitcoin.bumpFee(second)
    const bumped = await scene.stack.untilInvoice(id, ({ payments }) => payments.length === 3)
    expect(bumped).toMatchObject({ status: 'processing', amountPaid: '20.00', facts: { over: null, short: false } })
    expect(bumped.payments).toMatchObject([
      { txid: first, status: 'replaced', replacedBy: third },
      { txid: second, status: 'replaced', replacedBy: third },
      { txid: third, status: 'unconfirmed', replacedBy: null },
    ])

    await mine(scene, 'BTC', 2)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'settled')
    const { invoice, statuses, webhooks } = await audit(scene, id)
    expect(statuses).toEqual(['new', 'processing', 'settled'])
    expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { over: null } })
    expect(invoice.payments.map(({ status }) => status)).toEqual(['double_spent', 'double_spent', 'confirmed'])
    // Both change in one step: no merchant is ever told of twice the money, or of none.
    for (const { type, data } of webhooks)
      expect(data.invoice).toMatchObject({
        facts: { over: null, short: false },
        amountPaid: type === 'invoice.created' ? '0.00' : '20.00',
      })
  })

  it('is credited when a miner takes the old one after all', async () => {
    const { bitcoin } = scene.stack.wallets
    const { id, first } = await paid('BTC')
    const old = await rawTransaction(scene.stack, first)
    const { txid: second } = await bitcoin.bumpFee(first)
    await scene.stack.untilInvoice(id, ({ payments }) => payments.length === 2)
    if (scene.stack.bitcoin.kind === 'bitcoind') await bitcoinCall(scene.stack, 'generateblock', bitcoin.address, [old])
    else {
      await bitcoin.evict(second)
      await broadcast(scene.stack, old)
      await mine(scene, 'BTC', 1)
    }
    await mine(scene, 'BTC', 1)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'settled')
    const { invoice } = await audit(scene, id)
    expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { over: null } })
    expect(invoice.payments).toMatchObject([
      { txid: first, status: 'confirmed', replacedBy: null },
      { txid: second, status: 'double_spent', replacedBy: first },
    ])
  })

  it('may be taken back: what is due is due again, and can be paid', async () => {
    const { bitcoin } = scene.stack.wallets
    const { id, first } = await paid('BTC')
    const { txid: elsewhere } = await bitcoin.doubleSpend(first)
    const reopened = await scene.stack.untilInvoice(id, ({ status }) => status !== 'processing')
    expect(reopened).toMatchObject({ status: 'new', amountPaid: '0.00', facts: { short: false, over: null } })
    expect(reopened.payments).toMatchObject([{ txid: first, status: 'replaced', replacedBy: elsewhere }])
    expect(reopened.paymentMethods.find(({ asset }) => asset === 'BTC')).toMatchObject({ amountDue: '0.00033334' })
    expect(reopened.paymentMethods.find(({ asset }) => asset === 'BTC')?.uri).toContain('amount=0.00033334')

    await mine(scene, 'BTC', 1)
    const lost = await scene.stack.untilInvoice(id, ({ payments }) => payments[0]?.status !== 'replaced')
    expect(lost).toMatchObject({ status: 'new', payments: [{ txid: first, status: 'double_spent', replacedBy: elsewhere }] })

    const second = await scene.stack.pay(id, 'BTC')
    await scene.stack.untilInvoice(id, ({ status }) => status === 'processing')
    await mine(scene, 'BTC', 2)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'settled')
    const { invoice, statuses, changesOf, webhooks } = await audit(scene, id)
    expect(statuses).toEqual(['new', 'processing', 'new', 'processing', 'settled'])
    expect(changesOf(first)).toEqual(['seen', 'replaced', 'double_spent'])
    expect(changesOf(second).at(-1)).toBe('confirmed')
    expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { over: null } })
    expect(webhooks.map(({ type }) => type)).toContain('invoice.reopened')
  })

  it('may be dropped by the node, and come back', async () => {
    const { bitcoin } = scene.stack.wallets
    const { id, first } = await paid('BTC')
    const hex = await rawTransaction(scene.stack, first)
    await bitcoin.evict(first)
    const dropped = await scene.stack.untilInvoice(id, ({ status }) => status !== 'processing')
    expect(dropped).toMatchObject({ status: 'new', amountPaid: '0.00', payments: [{ txid: first, status: 'missing' }] })
    await broadcast(scene.stack, hex)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'processing')
    await mine(scene, 'BTC', 2)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'settled')
    const { invoice, statuses, changesOf } = await audit(scene, id)
    expect(statuses).toEqual(['new', 'processing', 'new', 'processing', 'settled'])
    expect(changesOf(first).slice(0, 3)).toEqual(['seen', 'missing', 'reappeared'])
    expect(invoice.payments).toMatchObject([{ txid: first, status: 'confirmed' }])
    expect(invoice.amountConfirmed).toBe('20.00')
  })
})

describe('a payment that needs no confirmation', () => {
  it('settles at first sight, and can still be taken back', async () => {
    const { id } = await open(scene, { confirmations: 0 })
    const first = await scene.stack.pay(id, 'BTC')
    await scene.stack.untilInvoice(id, ({ status }) => status === 'settled')
    await scene.stack.wallets.bitcoin.doubleSpend(first)
    const reopened = await scene.stack.untilInvoice(id, ({ status }) => status !== 'settled')
    expect(reopened).toMatchObject({ status: 'new', amountPaid: '0.00', settledAt: null })
    await scene.stack.pay(id, 'BTC')
    await scene.stack.untilInvoice(id, ({ status }) => status === 'settled')
    await mine(scene, 'BTC', 1)
    await scene.stack.untilInvoice(id, ({ payments }) =>
      payments.every(({ status }) => status !== 'replaced' && status !== 'unconfirmed'),
    )
    const { invoice, statuses, events } = await audit(scene, id)
    expect(statuses).toEqual(['new', 'settled', 'new', 'settled'])
    expect(events.flatMap(({ data }) => data.cause ?? [])).toEqual(['enough_confirmed', 'payment_lost', 'enough_confirmed'])
    expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { over: null } })
    expect(invoice.payments.map(({ status }) => status)).toEqual(['double_spent', 'confirmed'])
  })
})

describe('an EVM payment that waits', () => {
  it.each(['ETH', 'USDC'])('may be taken back with its own nonce: %s', async (asset) => {
    const { evm } = scene.stack.wallets
    const { id, first } = await paid(asset)
    const elsewhere = await evm.replace(first)
    const reopened = await scene.stack.untilInvoice(id, ({ status }) => status !== 'processing')
    expect(reopened).toMatchObject({ status: 'new', amountPaid: '0.00' })
    expect(reopened.payments).toMatchObject([{ txid: first, status: 'replaced', replacedBy: elsewhere }])
    await mine(scene, asset, 1)
    await scene.stack.untilInvoice(id, ({ payments }) => payments[0]?.status === 'double_spent')

    await scene.stack.pay(id, asset)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'processing')
    await mine(scene, asset, 3)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'settled')
    const { invoice, statuses, changesOf } = await audit(scene, id)
    expect(statuses).toEqual(['new', 'processing', 'new', 'processing', 'settled'])
    expect(changesOf(first)).toEqual(['seen', 'replaced', 'double_spent'])
    expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { over: null } })
  })

  it.each(['ETH', 'USDC'])('may be dropped by the node, and sent again: %s', async (asset) => {
    const { id, first } = await paid(asset)
    await scene.stack.wallets.evm.dropTransaction(first)
    const dropped = await scene.stack.untilInvoice(id, ({ status }) => status !== 'processing')
    expect(dropped).toMatchObject({ status: 'new', amountPaid: '0.00', payments: [{ txid: first, status: 'missing' }] })
    // The same nonce, recipient and amount make the same transaction.
    expect(await scene.stack.pay(id, asset)).toBe(first)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'processing')
    await mine(scene, asset, 3)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'settled')
    const { invoice, statuses, changesOf } = await audit(scene, id)
    expect(statuses).toEqual(['new', 'processing', 'new', 'processing', 'settled'])
    expect(changesOf(first).filter((change) => change !== 'included')).toEqual(['seen', 'missing', 'reappeared', 'confirmed'])
    expect(invoice.payments).toMatchObject([{ txid: first, status: 'confirmed' }])
    expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { over: null } })
  })

  it.each(['ETH', 'USDC'])('may be dropped by the node, and its nonce used for something else: %s', async (asset) => {
    const { evm } = scene.stack.wallets
    const { id, first } = await paid(asset)
    await evm.dropTransaction(first)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'new')
    const elsewhere = await evm.sendNative({ to: evm.address, units: 1n })
    await mine(scene, asset, 1)
    const lost = await scene.stack.untilInvoice(id, ({ payments }) => payments[0]?.status === 'double_spent')
    expect(lost).toMatchObject({ status: 'new', payments: [{ txid: first, replacedBy: elsewhere }] })
    const second = await scene.stack.pay(id, asset)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'processing')
    await mine(scene, asset, 3)
    await scene.stack.untilInvoice(id, ({ status }) => status === 'settled')
    const { invoice } = await audit(scene, id)
    expect(invoice.payments).toMatchObject([
      { txid: first, status: 'double_spent' },
      { txid: second, status: 'confirmed' },
    ])
    expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { over: null } })
  })

  it('that fails in its block is not credited', async () => {
    const { id } = await open(scene)
    const { address, unitsDue } = await scene.stack.activate(id, 'USDC')
    const txid = await sendTokenInVain(scene.stack, address, unitsDue)
    await scene.stack.untilInvoice(id, ({ payments }) => payments.length === 1)
    await mine(scene, 'USDC', 6)
    const failed = await scene.stack.untilInvoice(id, ({ status }) => status === 'new')
    expect(failed).toMatchObject({
      amountPaid: '0.00',
      amountConfirmed: '0.00',
      payments: [{ txid, status: 'missing', confirmations: 0 }],
    })
    await untilRead(scene, 'evm')
    expect((await audit(scene, id)).invoice.status).toBe('new')
  })

  it('that fails in its block before anybody saw it leaves no trace', async () => {
    const { id } = await open(scene)
    const { address, unitsDue } = await scene.stack.activate(id, 'USDC')
    await sendTokenInVain(scene.stack, address, unitsDue)
    await mine(scene, 'USDC', 6)
    await untilRead(scene, 'evm')
    const { invoice } = await audit(scene, id)
    expect(invoice.status).toBe('new')
    expect(invoice.payments.filter(({ status }) => status !== 'missing')).toEqual([])
  })
})

it('no Worker has spoken of a defect', () => {
  expect(errorsLogged(scene)).toEqual([])
})

/** An invoice with its whole amount seen, and the payment's id. */
async function paid(asset: string): Promise<{ id: string; first: string }> {
  const { id } = await open(scene)
  const first = await scene.stack.pay(id, asset)
  const seen = await scene.stack.untilInvoice(id, ({ status }) => status !== 'new')
  expect(seen).toMatchObject({ status: 'processing', amountPaid: '20.00', payments: [{ txid: first, status: 'unconfirmed' }] })
  return { id, first }
}
