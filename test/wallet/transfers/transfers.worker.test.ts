import { beforeEach, describe, expect, test, vi } from 'vitest'
import { World } from './world.ts'

beforeEach(() => {
  for (const level of ['error', 'warn', 'log'] as const) vi.spyOn(console, level).mockImplementation(() => {})
})

describe('a payout of a hot wallet', () => {
  test('is reserved, signed, sent, and booked when it is final; everybody hears of it, and its row is done with', async () => {
    const world = await new World().open([60_000n, 50_000n])
    const { id, status } = await world.pay(40_000n)
    expect(status).toBe('queued')
    expect(await world.books()).toMatchObject({ available: 70_000n, reserved: 40_000n })
    await world.work()
    const sent = await world.wallet.transfer(id)
    expect(sent).toMatchObject({ status: 'broadcast', reason: null, signed: [{ takenAtMs: expect.any(Number) }] })
    const fee = sent?.fee ?? 0n
    expect(fee).toBeGreaterThan(0n)
    await vi.waitFor(async () => expect(await world.books()).toMatchObject({ in_transit: 40_000n + fee, available: 70_000n - fee }))
    expect(await world.wallet.outgoing(world.chainId)).toEqual({ BTC: 40_000n + fee })
    const [done] = await world.untilOver([id])
    expect(done).toMatchObject({ status: 'confirmed', fee, included: { confirmations: 2 } })
    expect(await world.books()).toEqual({ available: 70_000n - fee, wallet: -(70_000n - fee) })
    expect(world.received).toBe(40_000n)
    expect(await world.wallet.outgoing(world.chainId)).toEqual({})
    expect(world.webhooks.map(({ type }) => type)).toEqual(['transfer.created', 'transfer.broadcast', 'transfer.confirmed'])
    expect(await world.sql('SELECT id FROM transfers WHERE live_height IS NOT NULL')).toEqual([])
    expect(world.signed).toHaveLength(1)
  })

  test('that asks for more than there is by the books is refused, and leaves nothing', async () => {
    const world = await new World().open([60_000n], 50_000n)
    const request = world.request(50_001n)
    const refused = { error: { reason: 'insufficient_funds', asset: 'BTC', available: 50_000n } }
    expect(await world.wallet.createTransfer(request)).toMatchObject(refused)
    expect(await world.wallet.transfer(request.id)).toBeNull()
    expect(await world.sql('SELECT * FROM transfers')).toEqual([])
    // The same again is tried again.
    await world.earn(1n)
    expect(await world.wallet.createTransfer(request)).toMatchObject({ ok: true })
    expect(await world.wallet.createTransfer(request)).toMatchObject({ ok: true, value: { id: request.id } })
    expect(await world.wallet.createTransfer({ ...request, reference: 'other' })).toMatchObject({
      error: { reason: 'transfer_id_reused' },
    })
    expect(await world.books()).toMatchObject({ reserved: 50_001n })
  })

  test('whose fee the balance does not cover fails, and all of it is available again', async () => {
    const world = await new World().open([60_000n])
    const { id } = await world.pay(59_999n)
    await world.work()
    expect(await world.wallet.transfer(id)).toMatchObject({ status: 'queued', reason: 'waiting for the wallet to be read' })
    const short = await world.pay(1_000n, { id: `${id}x` }).catch((thrown) => thrown)
    expect(short).toMatchObject({ message: 'insufficient_funds' })
    const [done] = await world.untilOver([id])
    expect(done).toMatchObject({ status: 'failed', plan: null })
    expect(await world.books()).toEqual({ available: 60_000n, wallet: -60_000n })
  })
})
