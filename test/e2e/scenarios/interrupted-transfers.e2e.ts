import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EVM_LOCAL } from '../../../config/development.ts'
import { call } from '../../../scripts/stack/evm/call.ts'
import type { TransferDetail } from '../../../src/wallet/transfers/resource.ts'
import { waitFor } from '../harness.ts'
import { audit } from './audit.ts'
import {
  bookOf,
  checkCoins,
  claim,
  freshAddress,
  mineUntilConfirmed,
  payOut,
  readAnew,
  readTransfer,
  requestRefund,
  send,
  settledWith,
  unitsOf,
  untilRefund,
  untilTransfer,
} from './money-out.ts'
import { balanceOf, bitcoinCall, broadcast, mineWithout, rawTransaction } from './nodes.ts'
import { endScene, errorsBesideDeepReorgs, killNow, mine, type Scene, startScene, unseen, untilRead } from './scene.ts'

/**
 * Transfers whose Workers are killed, whose transactions are dropped, replaced, or leave the chain again: each is paid once,
 * and the books come to what the node has.
 */

let scene: Scene
/** For gas, and for what has not been swept. */
const FLOAT = 10n ** 18n
/** Payouts that were called back: they have paid nobody. */
const calledBack = new Set<string>()

beforeAll(async () => {
  scene = await startScene()
  await settledWith(
    scene,
    'BTC',
    Array.from({ length: 20 }, () => 100_000n),
  )
  // Coins for everything here are known before: a reading that a kill takes with it begins anew after its lease.
  await readAnew(scene)
  await settledWith(scene, 'ETH', [10n ** 17n])
  const first = await payOut(scene, 'ETH', freshAddress('ETH'), '0.001')
  const { reason } = await untilTransfer(scene, first, (transfer) => /0x[0-9a-fA-F]{40}/.test(transfer.reason ?? ''))
  const [treasury = ''] = /0x[0-9a-fA-F]{40}/.exec(reason ?? '') ?? []
  await scene.stack.wallets.pay({ asset: 'ETH', address: treasury, units: FLOAT })
  await scene.stack.wallets.evm.mine(1)
  await readAnew(scene, EVM_LOCAL)
  await mineUntilConfirmed(scene, 'ETH', [first])
})

afterAll(() => endScene(scene))

/** Asked for again under one key until there is an answer, as a merchant's program does. */
async function insist(asset: string, address: string, amount: string): Promise<string> {
  const key = randomUUID()
  const answer = await waitFor(async () => {
    try {
      const sent = await send<TransferDetail>(scene, '/v1/transfers', { asset, address, amount }, key)
      return sent.status === 201 ? sent : null
    } catch {
      return null
    }
  })
  return answer.body.id
}

describe('a kill of the Workers', () => {
  it.each([
    { asset: 'BTC', amount: '0.0003', units: 30_000n },
    { asset: 'ETH', amount: '0.002', units: 2n * 10n ** 15n },
  ])('at any moment of a payout in $asset leaves it paid, once', async ({ asset, amount, units }) => {
    const payouts: { id: string; address: string }[] = []
    // From before the request is taken in to after its transaction is at the node.
    for (const afterMs of [5, 25, 60, 120, 240]) {
      const address = freshAddress(asset)
      const asked = insist(asset, address, amount)
      await pause(afterMs)
      await killNow(scene)
      payouts.push({ id: await asked, address })
    }
    await mineUntilConfirmed(
      scene,
      asset,
      payouts.map(({ id }) => id),
    )
    for (const { id, address } of payouts) {
      expect(await balanceOf(scene.stack, asset, address)).toBe(units)
      expect((await readTransfer(scene, id)).outputs).toMatchObject([{ address }])
    }
    await checkCoins(scene, asset, asset === 'ETH' ? { float: FLOAT } : {})
  })

  it('while the signer is asked, and once its bytes are sent, changes neither the transaction nor what is refunded', async () => {
    const id = await settledWith(scene, 'BTC', [33_334n])
    const refund = await requestRefund(scene, id, { type: 'full' })
    const address = freshAddress('BTC')
    await claim(refund, address)
    await waitFor(async () => /signing|broadcast/.test((await readTransferIfThere(refund.id))?.status ?? ''))
    await killNow(scene)
    const { txid } = await untilTransfer(scene, refund.id, 'broadcast')
    await killNow(scene)
    await mine(scene, 'BTC', 1)
    await untilTransfer(scene, refund.id, ({ block }) => block !== null)
    await killNow(scene)
    await mineUntilConfirmed(scene, 'BTC', [refund.id])
    expect((await readTransfer(scene, refund.id)).transactions.map((one) => one.txid)).toEqual([txid])
    expect(await balanceOf(scene.stack, 'BTC', address)).toBe(33_334n)
    await untilRefund(scene, refund, ({ status }) => status === 'confirmed')
    await checkCoins(scene, 'BTC')
  })
})

async function readTransferIfThere(id: string): Promise<TransferDetail | null> {
  const answer = await scene.stack.api<TransferDetail>('GET', `/v1/transfers/${id}`)
  return answer.status === 200 ? answer.body : null
}

describe('a transaction that a node forgets', () => {
  it('is sent again, the same bytes', async () => {
    const address = freshAddress('BTC')
    const id = await payOut(scene, 'BTC', address, '0.0003')
    const { txid } = await untilTransfer(scene, id, sent)
    const hex = await rawTransaction(scene.stack, txid ?? '')
    await scene.stack.wallets.bitcoin.evict(txid ?? '')
    await waitFor(async () => (await waiting()).includes(txid ?? ''))
    expect(await rawTransaction(scene.stack, txid ?? '')).toBe(hex)
    await mineUntilConfirmed(scene, 'BTC', [id])
    expect((await readTransfer(scene, id)).transactions).toMatchObject([{ txid }])
    expect(await balanceOf(scene.stack, 'BTC', address)).toBe(30_000n)
  })

  it('is sent again on an EVM chain, under its number', async () => {
    const { stack } = scene
    const address = freshAddress('ETH')
    const id = await payOut(scene, 'ETH', address, '0.003')
    const { txid } = await untilTransfer(scene, id, sent)
    await stack.wallets.evm.dropTransaction(txid ?? '')
    await waitFor(() => call<object | null>(stack.evm.rpcUrl, 'eth_getTransactionByHash', [txid]))
    await mineUntilConfirmed(scene, 'ETH', [id])
    expect((await readTransfer(scene, id)).transactions).toMatchObject([{ txid }])
    expect(await balanceOf(stack, 'ETH', address)).toBe(3n * 10n ** 15n)
  })
})

/** A node has it. */
function sent({ status, transactions }: TransferDetail): boolean {
  return status === 'broadcast' && transactions.at(-1)?.sentAt !== null
}

async function waiting(): Promise<string[]> {
  return (await bitcoinCall(scene.stack, 'getrawmempool')) as string[]
}

async function bumped(id: string): Promise<{ first: string; second: string }> {
  const { txid: first } = await untilTransfer(scene, id, sent)
  const answer = await send(scene, `/v1/transfers/${id}/bump`, { targetBlocks: 1 })
  expect(answer.status, answer.text).toBe(200)
  const { txid: second } = await untilTransfer(scene, id, (now) => now.transactions.length === 2 && sent(now))
  expect(second).not.toBe(first)
  return { first: first ?? '', second: second ?? '' }
}

describe('a higher fee', () => {
  it('replaces the transaction: the new one is mined, the old one never', async () => {
    const address = freshAddress('BTC')
    const id = await payOut(scene, 'BTC', address, '0.0003')
    const { first, second } = await bumped(id)
    expect(await waiting()).toContain(second)
    expect(await waiting()).not.toContain(first)
    await mineUntilConfirmed(scene, 'BTC', [id])
    const final = await readTransfer(scene, id)
    const [one, other] = final.transactions
    expect(Number(other?.fee.amount)).toBeGreaterThan(Number(one?.fee.amount))
    expect(final).toMatchObject({ txid: second, fee: other?.fee })
    expect(await balanceOf(scene.stack, 'BTC', address)).toBe(30_000n)
    await checkCoins(scene, 'BTC')
  })

  it('that comes too late leaves the old one paid, at its own fee', async () => {
    const { stack } = scene
    const address = freshAddress('BTC')
    const id = await payOut(scene, 'BTC', address, '0.0003')
    const { txid } = await untilTransfer(scene, id, sent)
    const old = await rawTransaction(stack, txid ?? '')
    const { first, second } = await bumped(id)
    await unseen(scene, async () => {
      await stack.wallets.bitcoin.evict(second)
      await broadcast(stack, old)
      await stack.wallets.bitcoin.mine(1)
    })
    await mineUntilConfirmed(scene, 'BTC', [id])
    const final = await readTransfer(scene, id)
    expect(final).toMatchObject({ txid: first, fee: final.transactions[0]?.fee })
    expect(await balanceOf(stack, 'BTC', address)).toBe(30_000n)
    await checkCoins(scene, 'BTC')
  })

  it('on an EVM chain has the same number', async () => {
    const address = freshAddress('ETH')
    const id = await payOut(scene, 'ETH', address, '0.003')
    const { second } = await bumped(id)
    await mineUntilConfirmed(scene, 'ETH', [id])
    expect((await readTransfer(scene, id)).txid).toBe(second)
    expect(await balanceOf(scene.stack, 'ETH', address)).toBe(3n * 10n ** 15n)
    await checkCoins(scene, 'ETH', { float: FLOAT })
  })
})

describe('what is called back', () => {
  it.each([
    ['BTC', '0.0003', 0n],
    ['ETH', '0.002', FLOAT],
  ])(
    'pays nobody in %s: what has its coins or its number is mined, and all but the fee of that is there again',
    async (asset, amount, float) => {
      const address = freshAddress(asset)
      const before = (await bookOf(scene, asset)).available ?? 0n
      const id = await payOut(scene, asset, address, amount)
      calledBack.add(id)
      const { txid: first } = await untilTransfer(scene, id, sent)
      const asked = await send(scene, `/v1/transfers/${id}/cancel`, undefined)
      expect(asked.status, asked.text).toBe(200)
      expect(asked.body).toMatchObject({ status: 'broadcast', reason: expect.stringContaining('being called back by') })
      const { txid: second } = await untilTransfer(scene, id, (now) => now.transactions.length === 2 && sent(now))
      expect(second).not.toBe(first)
      if (asset === 'BTC') expect(await waiting()).not.toContain(first)
      await waitFor(async () => {
        await mine(scene, asset, 1)
        await untilRead(scene, asset === 'BTC' ? 'bitcoin' : 'evm')
        return (await readTransfer(scene, id)).status !== 'broadcast'
      }, 90_000)
      const ended = await readTransfer(scene, id)
      expect(ended).toMatchObject({ status: 'failed', txid: second, reason: expect.stringContaining('called back by') })
      expect(await balanceOf(scene.stack, asset, address)).toBe(0n)
      const left = before - unitsOf(ended.fee?.amount ?? '0')
      await waitFor(async () => (await bookOf(scene, asset)).available === left)
      await checkCoins(scene, asset, { float })
    },
  )
})

describe('a reorganisation', () => {
  it('takes a refund out of its block, and it is mined again, once', async () => {
    const { stack } = scene
    const id = await settledWith(scene, 'BTC', [33_334n])
    const refund = await requestRefund(scene, id, { type: 'full' })
    const address = freshAddress('BTC')
    await claim(refund, address)
    const { txid } = await untilTransfer(scene, refund.id, sent)
    const [block = ''] = await stack.wallets.bitcoin.mine(1)
    await untilTransfer(scene, refund.id, ({ block: at }) => at?.hash === block)
    await unseen(scene, async () => {
      await stack.wallets.bitcoin.invalidate(block)
      await mineWithout(stack, txid ?? '', 2)
    })
    await untilTransfer(scene, refund.id, ({ block: at, status }) => at === null && status === 'broadcast')
    await mineUntilConfirmed(scene, 'BTC', [refund.id])
    const final = await readTransfer(scene, refund.id)
    expect(final.block?.hash).not.toBe(block)
    expect(final.transactions.map((one) => one.txid)).toEqual([txid])
    expect(await balanceOf(stack, 'BTC', address)).toBe(33_334n)
    await untilRefund(scene, refund, ({ status }) => status === 'confirmed')
    await audit(scene, id, { spent: true, repeats: true })
    await checkCoins(scene, 'BTC')
  })

  it('deeper than what is final takes a paid refund back to the mempool, and nobody pays it a second time', async () => {
    const { stack } = scene
    const id = await settledWith(scene, 'BTC', [33_334n])
    const refund = await requestRefund(scene, id, { type: 'full' })
    const address = freshAddress('BTC')
    await claim(refund, address)
    const { txid } = await untilTransfer(scene, refund.id, sent)
    const [block = ''] = await stack.wallets.bitcoin.mine(2)
    await untilTransfer(scene, refund.id, 'confirmed')
    await unseen(scene, async () => {
      await stack.wallets.bitcoin.invalidate(block)
      await mineWithout(stack, txid ?? '', 3)
    })
    await untilRead(scene, 'bitcoin')
    expect(await balanceOf(stack, 'BTC', address)).toBe(0n)
    await waitFor(async () => (await waiting()).includes(txid ?? ''))
    await mine(scene, 'BTC', 2)
    await untilRead(scene, 'bitcoin')
    expect(await balanceOf(stack, 'BTC', address)).toBe(33_334n)
    const more = await send(scene, `/v1/invoices/${id}/refunds`, { type: 'full' })
    expect(more.status).toBe(409)
    await checkCoins(scene, 'BTC')
  })

  it('on an EVM chain does the same', async () => {
    const { stack } = scene
    const address = freshAddress('ETH')
    const id = await payOut(scene, 'ETH', address, '0.003')
    const { txid } = await untilTransfer(scene, id, sent)
    await mine(scene, 'ETH', 1)
    const { block } = await untilTransfer(scene, id, (now) => now.block !== null)
    await stack.wallets.evm.reorg(1, { returnTransactions: false })
    // Gone from the node altogether: it has to be sent again.
    await waitFor(() => call<object | null>(stack.evm.rpcUrl, 'eth_getTransactionByHash', [txid]))
    await mineUntilConfirmed(scene, 'ETH', [id])
    const final = await readTransfer(scene, id)
    expect(final.block?.hash).not.toBe(block?.hash)
    expect(final.transactions.map((one) => one.txid)).toEqual([txid])
    expect(await balanceOf(stack, 'ETH', address)).toBe(3n * 10n ** 15n)
    await checkCoins(scene, 'ETH', { float: FLOAT })
  })
})

describe('all of it', () => {
  it('is confirmed or called back, each by a transaction of its own, and no Worker has spoken of a defect', async () => {
    let all: { id: string; status: string; txid: string }[] = []
    await waitFor(async () => {
      all = (await scene.stack.api<{ data: typeof all }>('GET', '/v1/transfers?kind=payout&limit=100')).body.data
      return all.every(({ id, status }) => status === (calledBack.has(id) ? 'failed' : 'confirmed'))
    })
    expect(new Set(all.map(({ txid }) => txid)).size).toBe(all.length)
    // Requests that were sent again after a kill made no other.
    expect(all.length - calledBack.size).toBe(17)
    expect(errorsBesideDeepReorgs(scene)).toEqual([])
  })
})

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
