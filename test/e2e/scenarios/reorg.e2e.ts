import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { waitFor } from '../harness.ts'
import { audit } from './audit.ts'
import { mineWithout } from './nodes.ts'
import { endScene, errorsBesideDeepReorgs, mine, open, readHealth, type Scene, startScene, unseen } from './scene.ts'

/** Blocks that leave the best chain with payments in them, before and after these were final. */

let scene: Scene

beforeAll(async () => {
  scene = await startScene()
})

afterAll(() => endScene(scene))

describe('a Bitcoin reorganisation', () => {
  it('before settlement puts the payment back among those that wait; it is credited once in the other branch', async () => {
    const { stack } = scene
    const { bitcoin } = stack.wallets
    const { id, txid } = await paid('BTC')
    const [block = ''] = await bitcoin.mine(1)
    await stack.untilInvoice(id, ({ payments }) => payments[0]?.confirmations === 1)

    await unseen(scene, async () => {
      await bitcoin.invalidate(block)
      await mineWithout(stack, txid, 2)
    })
    const back = await stack.untilInvoice(id, ({ payments }) => payments[0]?.status !== 'confirmed')
    expect(back).toMatchObject({ status: 'processing', amountPaid: '20.00', amountConfirmed: '0.00' })
    expect(back.payments).toMatchObject([{ txid, status: 'unconfirmed', confirmations: 0, height: null }])

    await mine(scene, 'BTC', 2)
    await stack.untilInvoice(id, ({ status }) => status === 'settled')
    const { invoice, statuses, changesOf } = await audit(scene, id)
    expect(statuses).toEqual(['new', 'processing', 'settled'])
    expect(changesOf(txid).filter((change) => change !== 'included')).toEqual(['seen', 'reorged', 'confirmed'])
    expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { over: null } })
    expect(invoice.payments).toHaveLength(1)
  })

  it('after settlement takes the settlement back, and another follows', async () => {
    const { stack } = scene
    const { bitcoin } = stack.wallets
    const { id, txid } = await paid('BTC')
    const [block = ''] = await bitcoin.mine(2)
    const before = await stack.untilInvoice(id, ({ status }) => status === 'settled')

    await unseen(scene, async () => {
      await bitcoin.invalidate(block)
      await mineWithout(stack, txid, 2)
    })
    const undone = await stack.untilInvoice(id, ({ status }) => status !== 'settled')
    expect(undone).toMatchObject({ status: 'processing', amountPaid: '20.00', amountConfirmed: '0.00', settledAt: null })

    await mine(scene, 'BTC', 2)
    const again = await stack.untilInvoice(id, ({ status }) => status === 'settled')
    expect(again.settledAt).not.toBe(before.settledAt)
    const { invoice, statuses, events, webhooks, causes } = await audit(scene, id)
    expect(statuses).toEqual(['new', 'processing', 'settled', 'processing', 'settled'])
    expect(causes).toEqual(['payment_seen', 'payment_settled', 'reorg', 'payment_seen', 'payment_settled'])
    expect(events.flatMap(({ data }) => data.cause ?? [])).toEqual(['enough_seen', 'enough_confirmed', 'reorg', 'enough_confirmed'])
    expect(webhooks.filter(({ type }) => type === 'invoice.settled')).toHaveLength(2)
    expect(webhooks.filter(({ type }) => type === 'invoice.processing')).toHaveLength(2)
    expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { over: null } })
    expect(invoice.payments).toHaveLength(1)
  })

  it('that holds the payment as deep as before changes nothing but its block', async () => {
    const { stack } = scene
    const { bitcoin } = stack.wallets
    const { id } = await paid('BTC')
    const [block = ''] = await bitcoin.mine(2)
    const before = await stack.untilInvoice(id, ({ status }) => status === 'settled')
    await unseen(scene, async () => {
      await bitcoin.invalidate(block)
      await bitcoin.mine(3)
    })
    await untilHeight('bitcoin', await bitcoin.height())
    const { invoice, statuses } = await audit(scene, id)
    expect(statuses).toEqual(['new', 'processing', 'settled'])
    expect(invoice).toMatchObject({ settledAt: before.settledAt, amountConfirmed: '20.00' })
  })

  it('in which the payment is taken back leaves the invoice open, to be paid again', async () => {
    const { stack } = scene
    const { bitcoin } = stack.wallets
    const { id, txid } = await paid('BTC')
    const [block = ''] = await bitcoin.mine(2)
    await stack.untilInvoice(id, ({ status }) => status === 'settled')
    const elsewhere = await unseen(scene, async () => {
      await bitcoin.invalidate(block)
      const { txid: other } = await bitcoin.doubleSpend(txid)
      await bitcoin.mine(3)
      return other
    })
    const reopened = await stack.untilInvoice(id, ({ status }) => status !== 'settled')
    expect(reopened).toMatchObject({ status: 'new', amountPaid: '0.00', amountConfirmed: '0.00', settledAt: null })
    expect(reopened.payments).toMatchObject([{ txid, status: 'double_spent', replacedBy: elsewhere, height: null }])

    await stack.pay(id, 'BTC')
    await stack.untilInvoice(id, ({ status }) => status === 'processing')
    await mine(scene, 'BTC', 2)
    await stack.untilInvoice(id, ({ status }) => status === 'settled')
    const { invoice, statuses, webhooks } = await audit(scene, id)
    expect(statuses).toEqual(['new', 'processing', 'settled', 'new', 'processing', 'settled'])
    expect(webhooks.map(({ type }) => type)).toContain('invoice.reopened')
    expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { over: null } })
  })

  it('that is itself reorganised away leaves nothing of what it did', async () => {
    const { stack } = scene
    const { bitcoin } = stack.wallets
    const { id, txid } = await paid('BTC')
    const [first = ''] = await bitcoin.mine(2)
    await stack.untilInvoice(id, ({ status }) => status === 'settled')
    const { second, elsewhere } = await unseen(scene, async () => {
      await bitcoin.invalidate(first)
      const { txid: other } = await bitcoin.doubleSpend(txid)
      return { elsewhere: other, second: (await bitcoin.mine(3))[0] ?? '' }
    })
    await stack.untilInvoice(id, ({ payments }) => payments[0]?.status === 'double_spent')
    // What took the coins waits again, and a branch follows that has neither.
    const third = await unseen(scene, async () => {
      await bitcoin.invalidate(second)
      return (await mineWithout(stack, elsewhere, 4))[0] ?? ''
    })
    const open = await stack.untilInvoice(id, ({ payments }) => payments[0]?.status !== 'double_spent')
    expect(open).toMatchObject({ status: 'new', payments: [{ status: 'replaced', replacedBy: elsewhere }] })
    await unseen(scene, async () => {
      await bitcoin.invalidate(third)
      await bitcoin.reconsider(first)
      await bitcoin.mine(4)
    })
    await stack.untilInvoice(id, ({ status }) => status === 'settled')
    const { invoice, statuses } = await audit(scene, id)
    expect(statuses.filter((status) => status === 'settled')).toHaveLength(2)
    expect(invoice.payments).toMatchObject([{ txid, status: 'confirmed', replacedBy: null }])
    expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { over: null } })
  })
})

describe('an EVM reorganisation', () => {
  it.each(['ETH', 'USDC'])('before settlement puts the payment back among those that wait: %s', async (asset) => {
    const { stack } = scene
    const { id, txid } = await paid(asset)
    await mine(scene, asset, 2)
    await stack.untilInvoice(id, ({ payments }) => payments[0]?.confirmations === 2)
    await unseen(scene, () => stack.wallets.evm.reorg(2, { returnTransactions: true }))
    const back = await stack.untilInvoice(id, ({ payments }) => payments[0]?.status !== 'confirmed')
    expect(back).toMatchObject({ status: 'processing', amountPaid: '20.00', payments: [{ status: 'unconfirmed', height: null }] })
    await mine(scene, asset, 3)
    await stack.untilInvoice(id, ({ status }) => status === 'settled')
    const { invoice, statuses } = await audit(scene, id)
    expect(statuses).toEqual(['new', 'processing', 'settled'])
    expect(invoice.payments).toMatchObject([{ txid, status: 'confirmed' }])
    expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { over: null } })
  })

  it.each(['ETH', 'USDC'])('after settlement takes the settlement back, and another follows: %s', async (asset) => {
    const { stack } = scene
    const { id } = await paid(asset)
    await mine(scene, asset, 3)
    await stack.untilInvoice(id, ({ status }) => status === 'settled')
    await unseen(scene, () => stack.wallets.evm.reorg(3, { returnTransactions: true }))
    const undone = await stack.untilInvoice(id, ({ status }) => status !== 'settled')
    expect(undone).toMatchObject({ status: 'processing', amountConfirmed: '0.00', settledAt: null })
    await mine(scene, asset, 3)
    await stack.untilInvoice(id, ({ status }) => status === 'settled')
    const { invoice, statuses, events } = await audit(scene, id)
    expect(statuses).toEqual(['new', 'processing', 'settled', 'processing', 'settled'])
    expect(events.flatMap(({ data }) => data.cause ?? [])).toContain('reorg')
    expect(invoice.payments).toHaveLength(1)
    expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { over: null } })
  })

  it.each(['ETH', 'USDC'])('in which the payment is taken back leaves the invoice open: %s', async (asset) => {
    const { stack } = scene
    const { evm } = stack.wallets
    const { id, txid } = await paid(asset)
    await mine(scene, asset, 3)
    await stack.untilInvoice(id, ({ status }) => status === 'settled')
    const elsewhere = await unseen(scene, async () => {
      await evm.reorg(3)
      // The nonce is free again, and the next transaction takes it.
      const other = await evm.sendNative({ to: evm.address, units: 1n })
      await evm.mine(1)
      return other
    })
    await stack.untilInvoice(id, ({ payments }) => payments[0]?.status === 'double_spent')
    await stack.pay(id, asset)
    await stack.untilInvoice(id, ({ status }) => status === 'processing')
    await mine(scene, asset, 3)
    await stack.untilInvoice(id, ({ status }) => status === 'settled')
    const { invoice, statuses } = await audit(scene, id)
    expect(statuses.slice(0, 3)).toEqual(['new', 'processing', 'settled'])
    expect(statuses.slice(-3)).toEqual(['new', 'processing', 'settled'])
    expect(invoice.payments[0]).toMatchObject({ txid, status: 'double_spent', replacedBy: elsewhere })
    expect(invoice).toMatchObject({ amountPaid: '20.00', amountConfirmed: '20.00', facts: { over: null } })
  })
})

it('no Worker has spoken of a defect', () => {
  expect(errorsBesideDeepReorgs(scene)).toEqual([])
})

/** An invoice with its whole amount seen, and the payment's id. */
async function paid(asset: string): Promise<{ id: string; txid: string }> {
  const { id } = await open(scene)
  const txid = await scene.stack.pay(id, asset)
  await scene.stack.untilInvoice(id, ({ status }) => status === 'processing')
  return { id, txid }
}

function untilHeight(gateway: 'bitcoin' | 'evm', height: number): Promise<boolean> {
  return waitFor(async () => (await readHealth(scene, gateway)).height === height)
}
