import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EVM_LOCAL } from '../../../config/development.ts'
import { waitFor } from '../harness.ts'
import { audit } from './audit.ts'
import {
  bookOf,
  checkCoins,
  claim,
  freshAddress,
  mineUntilConfirmed,
  requestRefund,
  send,
  settledWith,
  unitsOf,
  untilRefund,
  untilTransfer,
  walletOf,
} from './money-out.ts'
import { balanceOf } from './nodes.ts'
import { endScene, errorsLogged, mine, type Scene, startScene, untilRead } from './scene.ts'

/**
 * Deposits of an EVM hot wallet on a real node, with the whole system around it: nobody asks for a sweep, and what was paid at
 * the addresses of invoices is brought to where refunds and payouts are paid from.
 */

interface SweepLine {
  readonly status: string
}

/** What an operator gives the treasury for gas. */
const GAS = 10n ** 17n

let scene: Scene
let treasury = ''

beforeAll(async () => {
  scene = await startScene()
})

afterAll(() => endScene(scene))

async function payerOf(): Promise<{ address: string; native: string | null; low: boolean }> {
  const { id } = await walletOf(scene, EVM_LOCAL)
  const { body } = await scene.stack.api<{ chains: { chain: string; payer: never }[] }>('GET', `/v1/wallets/${id}/balance`)
  const payer = body.chains.find(({ chain }) => chain === EVM_LOCAL)?.payer
  if (!payer) throw new Error('the demo store pays from an address')
  return payer
}

async function sweeps(): Promise<readonly SweepLine[]> {
  return (await scene.stack.api<{ data: SweepLine[] }>('GET', '/v1/transfers?kind=sweep&limit=50')).body.data
}

/** Blocks are made until no sweep is under way: their gas is in the books then. */
async function untilSwept(): Promise<void> {
  let last: readonly SweepLine[] = []
  await waitFor(
    async () => {
      await mine(scene, 'ETH', 1)
      await untilRead(scene, 'evm')
      last = await sweeps()
      return last.every(({ status }) => status === 'confirmed' || status === 'failed')
    },
    90_000,
    () => JSON.stringify(last),
  )
}

/** A reading wakes what waits, sooner than its own minute. */
async function readAnew(): Promise<void> {
  const sinceMs = Date.now()
  const { id } = await walletOf(scene, EVM_LOCAL)
  await waitFor(async () => {
    const path = `/v1/wallets/${id}/balance?refresh=true`
    const { body } = await scene.stack.api<{ chains: { readAt: string | null }[] }>('GET', path)
    return body.chains.every(({ readAt }) => readAt !== null && Date.parse(readAt) > sinceMs)
  })
}

describe('a wallet whose treasury is empty', () => {
  it('is shown to the operator with the address that needs gas', async () => {
    const payer = await payerOf()
    expect(payer).toEqual({ address: expect.stringMatching(/^0x/), native: null, low: true })
    treasury = payer.address
  })

  it('refunds a token by itself once it has gas: made ready, swept in one batch, paid', async () => {
    const { stack } = scene
    const other = await settledWith(scene, 'USDC', [21_739_131n])
    const id = await settledWith(scene, 'USDC', [21_739_131n])
    const refund = await requestRefund(scene, id, { type: 'full' })
    const address = freshAddress('USDC')
    await claim(refund, address)
    const waiting = await untilTransfer(scene, refund.id, ({ reason }) => /network fee/.test(reason ?? ''), 90_000)
    expect(waiting.reason?.toLowerCase()).toContain(treasury.toLowerCase())

    await stack.wallets.pay({ asset: 'ETH', address: treasury, units: GAS })
    await mine(scene, 'ETH', 1)
    await readAnew()
    await mineUntilConfirmed(scene, 'USDC', [refund.id])
    expect(await balanceOf(stack, 'USDC', address)).toBe(21_739_131n)
    await untilRefund(scene, refund, ({ status }) => status === 'confirmed')
    await untilSwept()
    // Both invoices' deposits came in one transaction, after one that made the treasury ready.
    expect((await sweeps()).map(({ status }) => status)).toEqual(['confirmed', 'confirmed'])
    expect(await balanceOf(stack, 'USDC', treasury)).toBe(21_739_131n)
    await audit(scene, id, { spent: true })
    await audit(scene, other, { spent: true })
    await checkCoins(scene, 'USDC')
    // What gas was taken is the platform's; what the operator gave is beside the books, whole.
    await checkCoins(scene, 'ETH', { float: GAS })
    const { treasury: gas } = await bookOf(scene, 'ETH')
    expect(-(gas ?? 0n)).toBe(GAS - (await balanceOf(stack, 'ETH', treasury)))
    expect(await payerOf()).toMatchObject({ low: false })
  })

  it('pays many in one transaction out of what it has, and what it has brought in for them', async () => {
    const { stack } = scene
    await settledWith(scene, 'USDC', [30_000_000n])
    const payees = Array.from({ length: 20 }, () => freshAddress('USDC'))
    const csv = `address,amount,asset\n${payees.map((address) => `${address},2.5,USDC\n`).join('')}`
    const headers = { 'content-type': 'text/csv', 'idempotency-key': 'many' }
    const answer = await stack.api<{ data: { id: string; outputCount: number }[] }>('POST', '/v1/payouts', csv, headers)
    expect(answer.status, answer.text).toBe(201)
    expect(answer.body.data).toMatchObject([{ outputCount: 20 }])
    const ids = answer.body.data.map(({ id }) => id)
    await mineUntilConfirmed(scene, 'USDC', ids)
    for (const address of payees) expect(await balanceOf(stack, 'USDC', address)).toBe(2_500_000n)
    await untilSwept()
    expect(await balanceOf(stack, 'USDC', treasury)).toBe(21_739_131n + 30_000_000n - 50_000_000n)
    await checkCoins(scene, 'USDC')
    await checkCoins(scene, 'ETH', { float: GAS })
  })

  it('brings in ether when somebody asks for it, and once more when there is more', async () => {
    const { stack } = scene
    for (const round of [1n, 2n]) {
      await settledWith(scene, 'ETH', [10n ** 16n])
      const { id: walletId } = await walletOf(scene, EVM_LOCAL)
      const { body, status, text } = await send<{ id: string }>(scene, `/v1/wallets/${walletId}/sweeps`, { asset: 'ETH' })
      expect(status, text).toBe(201)
      const before = await balanceOf(stack, 'ETH', treasury)
      await mineUntilConfirmed(scene, 'ETH', [body.id])
      const { fee } = await untilTransfer(scene, body.id, 'confirmed')
      const gas = unitsOf(fee?.amount ?? '')
      expect(await balanceOf(stack, 'ETH', treasury), `round ${round}`).toBe(before + 10n ** 16n - gas)
    }
    await checkCoins(scene, 'ETH', { float: GAS })
  })
})

describe('all of it', () => {
  it('no Worker has spoken of a defect', () => {
    expect(errorsLogged(scene)).toEqual([])
  })
})
