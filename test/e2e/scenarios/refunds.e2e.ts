import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EVM_LOCAL } from '../../../config/development.ts'
import { waitFor } from '../harness.ts'
import { audit } from './audit.ts'
import { postingsOf } from './books.ts'
import {
  btc,
  checkCoins,
  claim,
  freshAddress,
  mineUntilConfirmed,
  type Refund,
  readAnew,
  requestRefund,
  send,
  settledWith,
  unitsOf,
  untilRefund,
  untilTransfer,
} from './money-out.ts'
import { balanceOf } from './nodes.ts'
import { endScene, errorsLogged, type Scene, startScene } from './scene.ts'

/** Money that was paid goes back: asked for by the merchant, claimed by the payer, signed by the signer, final on the node. */

let scene: Scene

beforeAll(async () => {
  scene = await startScene()
})

afterAll(() => endScene(scene))

/** From the payer's click to the block that makes it final. */
async function carried(refund: Refund, asset: string): Promise<{ address: string; txid: string }> {
  const address = freshAddress(asset)
  await claim(refund, address)
  const { txid } = await untilTransfer(scene, refund.id, 'broadcast')
  await mineUntilConfirmed(scene, asset, [refund.id])
  await untilRefund(scene, refund, ({ status }) => status === 'confirmed')
  return { address, txid: txid ?? '' }
}

/** Webhooks about a transfer, by type, in any order. */
async function heardOf(transferId: string): Promise<string[]> {
  const heard = () => scene.receiver.received.filter(({ data }) => data.transfer?.id === transferId)
  await waitFor(() => heard().some(({ type }) => type === 'transfer.confirmed'))
  expect(heard().every(({ verified }) => verified)).toBe(true)
  return heard()
    .map(({ type }) => type)
    .sort()
}

const EVERY_STEP = ['transfer.broadcast', 'transfer.confirmed', 'transfer.created']

describe('a refund in bitcoin', () => {
  it('reaches the address that its payer gave, to the satoshi, and is in the invoice, its webhooks and the books', async () => {
    await settledWith(scene, 'BTC', [1_000_000n])
    const id = await settledWith(scene, 'BTC', [33_334n])
    const refund = await requestRefund(scene, id, { type: 'full' })
    expect(refund).toMatchObject({ status: 'awaiting_address', amount: '0.00033334' })
    const { address, txid } = await carried(refund, 'BTC')
    expect(await balanceOf(scene.stack, 'BTC', address)).toBe(33_334n)

    const { invoice, webhooks, causes } = await audit(scene, id, { spent: true })
    expect(invoice).toMatchObject({
      status: 'settled',
      refunds: [{ id: refund.id, status: 'confirmed', address, txid, amount: '0.00033334' }],
    })
    expect(webhooks.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['invoice.refund_requested', 'invoice.refund_claimed', 'invoice.refund_changed']),
    )
    expect(await heardOf(refund.id)).toEqual(EVERY_STEP)
    const ways = (await postingsOf(scene, id)).flatMap(({ postings }) => postings.filter(({ amount }) => amount === '0.00033334'))
    expect(ways.slice(-3).map(({ from, to }) => `${from} > ${to.replace(/:.*/, '')}`)).toEqual([
      'available > reserved',
      'reserved > in_transit',
      'in_transit > wallet',
    ])
    expect(causes).toContain('network_fee')
    await checkCoins(scene, 'BTC')
  })

  it('may be a part in the invoice’s currency, then the rest, and never more', async () => {
    const id = await settledWith(scene, 'BTC', [33_334n])
    const part = await requestRefund(scene, id, { type: 'part', amount: '12.00', currency: 'EUR' })
    const rest = await requestRefund(scene, id, { type: 'full' })
    expect([part.amount, rest.amount]).toEqual(['0.00020000', '0.00013334'])
    const more = await send(scene, `/v1/invoices/${id}/refunds`, { type: 'full' })
    expect(more.status).toBe(409)
    const addresses = [freshAddress('BTC'), freshAddress('BTC')] as const
    await claim(part, addresses[0])
    await claim(rest, addresses[1])
    await mineUntilConfirmed(scene, 'BTC', [part.id, rest.id])
    expect(await balanceOf(scene.stack, 'BTC', addresses[0])).toBe(20_000n)
    expect(await balanceOf(scene.stack, 'BTC', addresses[1])).toBe(13_334n)
    await audit(scene, id, { spent: true })
    await checkCoins(scene, 'BTC')
  })
})

describe('a thousand refunds asked for at once', () => {
  it('are promised and paid as far as the invoice goes, each once', async () => {
    const { stack } = scene
    // Coins for the fees, so that no refund waits for the change of another.
    await settledWith(
      scene,
      'BTC',
      Array.from({ length: 8 }, () => 50_000n),
    )
    const id = await settledWith(scene, 'BTC', [25_000n, 25_000n, 25_000n, 25_000n])
    const body = { type: 'part', asset: 'BTC', amount: btc(12_000n) }
    const todo = Array.from({ length: 1_000 }, (_, at) => `refund-${at}`)
    const promised: Refund[] = []
    const refused: (string | undefined)[] = []
    const client = async () => {
      for (let key = todo.pop(); key; key = todo.pop()) {
        const answer = await send<Refund & { code?: string }>(scene, `/v1/invoices/${id}/refunds`, body, key)
        if (answer.status === 201) promised.push(answer.body)
        else refused.push(answer.body?.code)
      }
    }
    await Promise.all(Array.from({ length: 25 }, client))
    expect(promised).toHaveLength(8)
    expect(refused).toHaveLength(992)
    expect(new Set(refused)).toEqual(new Set(['refund_over_limit']))
    expect(new Set(promised.map((refund) => refund.id)).size).toBe(8)

    const address = freshAddress('BTC')
    // Twice each, as impatient payers click.
    await Promise.all([...promised, ...promised].map((refund) => claimed(refund, address)))
    await mineUntilConfirmed(
      scene,
      'BTC',
      promised.map((refund) => refund.id),
    )
    expect(await balanceOf(stack, 'BTC', address)).toBe(8n * 12_000n)
    const left = await stack.api<{ data: Refund[]; refundable: object[] }>('GET', `/v1/invoices/${id}/refunds`)
    await waitFor(async () => (await stack.readInvoice(id)).refunds.every(({ status }) => status === 'confirmed'))
    expect(left.body.refundable).toEqual([{ asset: 'BTC', amount: btc(4_000n) }])
    await audit(scene, id, { spent: true })
    await checkCoins(scene, 'BTC')
  })
})

/** Whoever comes second finds that it was confirmed, or confirms the same again. */
async function claimed({ claimUrl }: Refund, address: string): Promise<void> {
  const form = new URLSearchParams({ address, step: 'confirm' })
  const answer = await fetch(claimUrl ?? '', { method: 'POST', body: form, redirect: 'manual' })
  expect(answer.status).toBe(303)
}

describe('refunds on an EVM chain', () => {
  /** What the operator gave the treasury: for gas, and until deposits are swept. */
  const float = { ETH: 10n ** 17n, USDC: 50_000_000n }

  it('wait for the treasury to have something, say where it is, and go', async () => {
    const id = await settledWith(scene, 'ETH', [2n * 10n ** 16n])
    const refund = await requestRefund(scene, id, { type: 'part', asset: 'ETH', amount: '0.01' })
    const address = freshAddress('ETH')
    await claim(refund, address)
    const waiting = await untilTransfer(scene, refund.id, ({ reason }) => /0x[0-9a-fA-F]{40}/.test(reason ?? ''))
    expect(waiting.status).toBe('queued')
    const [treasury = ''] = /0x[0-9a-fA-F]{40}/.exec(waiting.reason ?? '') ?? []
    await scene.stack.wallets.pay({ asset: 'ETH', address: treasury, units: float.ETH })
    await scene.stack.wallets.pay({ asset: 'USDC', address: treasury, units: float.USDC })
    await scene.stack.wallets.evm.mine(1)
    await readAnew(scene, EVM_LOCAL)
    await untilTransfer(scene, refund.id, 'broadcast')
    await mineUntilConfirmed(scene, 'ETH', [refund.id])
    expect(await balanceOf(scene.stack, 'ETH', address)).toBe(10n ** 16n)
    await untilRefund(scene, refund, ({ status }) => status === 'confirmed')
    const { invoice } = await audit(scene, id, { spent: true })
    expect(invoice.refunds).toMatchObject([{ status: 'confirmed', address, amount: '0.010000000000000000' }])
    expect(await heardOf(refund.id)).toEqual(EVERY_STEP)
    await checkCoins(scene, 'ETH', { float: float.ETH })
  })

  it('in USDC take their gas from the platform’s own, and the full amount arrives', async () => {
    const id = await settledWith(scene, 'USDC', [21_739_131n])
    const refund = await requestRefund(scene, id, { type: 'full' })
    const { address, txid } = await carried(refund, 'USDC')
    expect(await balanceOf(scene.stack, 'USDC', address)).toBe(21_739_131n)
    const { invoice, causes } = await audit(scene, id, { spent: true })
    expect(invoice.refunds).toMatchObject([{ status: 'confirmed', address, txid, amount: '21.739131' }])
    expect(causes).toContain('network_fee')
    expect(await heardOf(refund.id)).toEqual(EVERY_STEP)
    await checkCoins(scene, 'USDC', { float: float.USDC })
    await checkCoins(scene, 'ETH', { float: float.ETH })
  })

  it('asked for at once each have a number of their own, and all are paid', async () => {
    const id = await settledWith(scene, 'ETH', [10n ** 16n])
    const all = await Promise.all(
      Array.from({ length: 4 }, () => requestRefund(scene, id, { type: 'part', asset: 'ETH', amount: '0.001' })),
    )
    const addresses = all.map(() => freshAddress('ETH'))
    await Promise.all(all.map((refund, at) => claim(refund, addresses[at] ?? '')))
    await mineUntilConfirmed(
      scene,
      'ETH',
      all.map((refund) => refund.id),
    )
    for (const address of addresses) expect(await balanceOf(scene.stack, 'ETH', address)).toBe(unitsOf('0.001000000000000000'))
    await checkCoins(scene, 'ETH', { float: float.ETH })
  })
})

describe('all of it', () => {
  it('no Worker has spoken of a defect', () => {
    expect(errorsLogged(scene)).toEqual([])
  })
})
