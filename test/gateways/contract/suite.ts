import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Result } from '../../../src/lib/result.ts'
import type { TransferStatus } from '../../../src/wallet/transfers/types.ts'
import { CLAIMS, type Claim, EXEMPT, type GatewayName } from './claims.ts'

/**
 * The contract of every gateway: the four operations as a merchant knows them, the same claims for all. (1) An address to
 * receive on, (2) what that address has, (3) what the wallet has over all of them, (4) money out, refunds among it.
 *
 * A gateway adds a file beside this one: `runContract('<its name>', open)`, where `open` makes a `World` of the gateway and
 * whatever plays its other side: a node, a stand-in that keeps to a node's documented answers, a bank's files. Asked is the
 * gateway as the product has it; what the world adds is only the other side, and who asks. What a rail can't do by its nature
 * stands in `EXEMPT` (claims.ts), with why, and in docs/adding-a-gateway.md: there is no other way to be held to less, and every claim
 * that is left out is shown as skipped with those words.
 *
 * Where a payment is final at once, `pay` makes it so and `confirm` and `finalise` do nothing; where an address takes one
 * amount once, `receive` and `payee` are told it. What is claimed of chains besides (blocks that are read, many addresses,
 * plans, bumps) stands in chain.ts and money-out.ts.
 */
export interface World {
  /** What is received and sent, by code. Each claim about money is tried with each. */
  readonly assets: readonly [string, ...string[]]
  /** (1) Where an order is to be paid so much. */
  receive(order: string, asset: string, units: bigint): Promise<string>
  /** (2) What an address has, and (3) what all of the wallet has. */
  balanceOf(address: string, asset: string): Promise<Balance>
  walletBalance(asset: string): Promise<WalletBalance>
  /** (4) Refuses, or has begun it when this returns. The same id again is the same transfer. */
  send(id: string, transfer: Sending): Promise<Result<null, Refusal>>
  /** The same to whoever paid the order last. */
  refund(id: string, order: string, asset: string, units: bigint): Promise<Result<null, Refusal>>
  /** What has become of it, asked anew. Null when there was never one of this id. */
  transfer(id: string): Promise<Outcome | null>

  /** Somebody else pays. It can be seen when this returns. */
  pay(address: string, asset: string, units: bigint): Promise<unknown>
  /** All that waits, in and out, is carried out: in a block, booked. */
  confirm(): Promise<unknown>
  /** What was carried out is final, as far as anything is. */
  finalise(): Promise<unknown>
  /** What was confirmed last is taken back by others: a reorganisation, a return. */
  takeBack(): Promise<unknown>
  /** The wallet can send so much of the asset, and what that costs, from here on. */
  fund(asset: string, units: bigint): Promise<unknown>
  /** Somebody who was never paid, and takes so much. */
  payee(asset: string, units: bigint): Promise<string>
  /** What somebody else was paid, carried out and not sent back. */
  paidTo(address: string, asset: string): Promise<bigint>
  /** The address that refunds of this order go to. */
  payerOf(order: string): Promise<string>
  /** A transfer that has begun comes to nothing, and that is final: spent elsewhere, refused, no way. */
  thwart(id: string): Promise<unknown>
  /** An address that the rail does not reach: of another network, or mistyped. */
  readonly unreachable: readonly [string, ...string[]]
  /** Asks for a balance while nobody on the other side answers. */
  balanceWhileAway(): Promise<Result<unknown, Refusal>>
  stop(): Promise<unknown>
}

/** Base units; the same words for every gateway. */
export interface Balance {
  readonly confirmed: bigint
  /** Seen, and not confirmed. */
  readonly pending: bigint
}

export interface WalletBalance extends Balance {
  /** The part of `confirmed` that transfers on their way take or have set aside. */
  readonly reserved: bigint
}

export interface Sending {
  readonly asset: string
  readonly address: string
  readonly units: bigint
}

export interface Outcome {
  readonly status: TransferStatus
  /** What it cost besides, as far as the other side tells. */
  readonly fee: { readonly asset: string; readonly units: bigint } | null
}

export interface Refusal {
  readonly reason: string
}

/** Over any chain's dust, a fraction of what is paid in development. */
const UNITS = 150_000n

export function runContract(gateway: GatewayName, open: () => Promise<World>): void {
  let world: World
  let made = 0
  beforeAll(async () => {
    world = await open()
  })
  afterAll(() => world?.stop())

  /** A name that no other claim has used. */
  const fresh = (what: string) => `${what} ${++made}`

  function claim(name: Claim, run: () => Promise<void>): void {
    const why = EXEMPT[gateway][name]
    if (why === undefined) test(CLAIMS[name], run)
    else test.skip(`${CLAIMS[name]}: not here, ${why}`, () => {})
  }

  function claimOfEach(name: Claim, run: (asset: string) => Promise<void>): void {
    claim(name, async () => {
      for (const asset of world.assets) await run(asset)
    })
  }

  /** An order's address that was paid and confirmed. */
  async function paid(asset: string, units: bigint): Promise<{ order: string; address: string }> {
    const order = fresh('order')
    const address = await world.receive(order, asset, units)
    await world.pay(address, asset, units)
    await world.confirm()
    return { order, address }
  }

  /** A transfer that has begun, out of a wallet with enough. */
  async function begun(asset: string): Promise<{ id: string; sending: Sending; before: WalletBalance }> {
    await world.fund(asset, 4n * UNITS)
    const before = await world.walletBalance(asset)
    const sending = { asset, address: await world.payee(asset, UNITS), units: UNITS }
    const id = fresh('transfer')
    must(await world.send(id, sending))
    return { id, sending, before }
  }

  const statusOf = async (id: string) => (await world.transfer(id))?.status

  async function carriedOut(): Promise<void> {
    await world.confirm()
    await world.finalise()
  }

  claimOfEach('address', async (asset) => {
    const orders = Array.from({ length: 5 }, () => fresh('order'))
    const addresses: string[] = []
    for (const order of orders) addresses.push(await world.receive(order, asset, UNITS))
    expect(new Set(addresses).size).toBe(orders.length)
    for (const [at, order] of orders.entries()) expect(await world.receive(order, asset, UNITS)).toBe(addresses[at])
  })

  claimOfEach('nothing', async (asset) => {
    const address = await world.receive(fresh('order'), asset, UNITS)
    expect(await world.balanceOf(address, asset)).toEqual({ confirmed: 0n, pending: 0n })
  })

  claimOfEach('waiting', async (asset) => {
    const address = await world.receive(fresh('order'), asset, UNITS)
    const before = await world.walletBalance(asset)
    await world.pay(address, asset, UNITS)
    expect(await world.balanceOf(address, asset)).toEqual({ confirmed: 0n, pending: UNITS })
    const { confirmed, pending } = await world.walletBalance(asset)
    expect([confirmed, pending]).toEqual([before.confirmed, before.pending + UNITS])
    await world.confirm()
    expect(await world.balanceOf(address, asset)).toEqual({ confirmed: UNITS, pending: 0n })
    expect(await world.walletBalance(asset)).toMatchObject({ confirmed: before.confirmed + UNITS, pending: before.pending })
  })

  claimOfEach('received', async (asset) => {
    const before = await world.walletBalance(asset)
    const [one, two] = [await paid(asset, UNITS + 1n), await paid(asset, UNITS + 2n)]
    await world.finalise()
    expect(await world.balanceOf(one.address, asset)).toEqual({ confirmed: UNITS + 1n, pending: 0n })
    expect(await world.balanceOf(two.address, asset)).toEqual({ confirmed: UNITS + 2n, pending: 0n })
    expect(await world.walletBalance(asset)).toEqual({ ...before, confirmed: before.confirmed + 2n * UNITS + 3n })
  })

  claimOfEach('more', async (asset) => {
    const other = await world.receive(fresh('order'), asset, UNITS)
    const { address } = await paid(asset, UNITS)
    await world.pay(address, asset, UNITS + 5n)
    await world.confirm()
    expect(await world.balanceOf(address, asset)).toEqual({ confirmed: 2n * UNITS + 5n, pending: 0n })
    expect(await world.balanceOf(other, asset)).toEqual({ confirmed: 0n, pending: 0n })
  })

  claimOfEach('takenBack', async (asset) => {
    const before = await world.walletBalance(asset)
    const { address } = await paid(asset, UNITS)
    expect(await world.balanceOf(address, asset)).toEqual({ confirmed: UNITS, pending: 0n })
    await world.takeBack()
    expect((await world.balanceOf(address, asset)).confirmed).toBe(0n)
    expect((await world.walletBalance(asset)).confirmed).toBe(before.confirmed)
    // Where it waits again now, it is not to surprise another claim.
    await world.confirm()
  })

  claim('away', async () => {
    expect(await world.balanceWhileAway()).toMatchObject({ ok: false, error: { reason: expect.any(String) } })
  })

  claimOfEach('sent', async (asset) => {
    const { id, sending, before } = await begun(asset)
    expect(await statusOf(id)).toBe('broadcast')
    expect(await world.paidTo(sending.address, asset)).toBe(0n)
    await carriedOut()
    const outcome = await world.transfer(id)
    expect(outcome?.status).toBe('confirmed')
    expect(await world.paidTo(sending.address, asset)).toBe(UNITS)
    const cost = outcome?.fee?.asset === asset ? outcome.fee.units : 0n
    expect(await world.walletBalance(asset)).toEqual({ ...before, confirmed: before.confirmed - UNITS - cost })
  })

  claimOfEach('reserved', async (asset) => {
    const { id, before } = await begun(asset)
    expect((await world.walletBalance(asset)).reserved - before.reserved).toBeGreaterThanOrEqual(UNITS)
    await carriedOut()
    expect(await statusOf(id)).toBe('confirmed')
    expect((await world.walletBalance(asset)).reserved).toBe(before.reserved)
  })

  claimOfEach('once', async (asset) => {
    const { id, sending } = await begun(asset)
    for (let again = 0; again < 3; again++) must(await world.send(id, sending))
    await carriedOut()
    const { confirmed } = await world.walletBalance(asset)
    must(await world.send(id, sending))
    await carriedOut()
    expect(await statusOf(id)).toBe('confirmed')
    expect(await world.paidTo(sending.address, asset)).toBe(UNITS)
    expect((await world.walletBalance(asset)).confirmed).toBe(confirmed)
  })

  claim('unknown', async () => {
    expect(await world.transfer(fresh('transfer'))).toBeNull()
  })

  claimOfEach('covered', async (asset) => {
    await world.fund(asset, UNITS)
    const { confirmed } = await world.walletBalance(asset)
    const units = 2n * confirmed
    const address = await world.payee(asset, units)
    expect(await world.send(fresh('transfer'), { asset, address, units })).toMatchObject({
      ok: false,
      error: { reason: 'insufficient_funds' },
    })
    await carriedOut()
    expect(await world.paidTo(address, asset)).toBe(0n)
    expect((await world.walletBalance(asset)).confirmed).toBe(confirmed)
  })

  claimOfEach('reachable', async (asset) => {
    await world.fund(asset, 4n * UNITS)
    const { confirmed } = await world.walletBalance(asset)
    for (const address of world.unreachable) {
      const id = fresh('transfer')
      expect(await world.send(id, { asset, address, units: UNITS })).toMatchObject({
        ok: false,
        error: { reason: expect.stringMatching(/^bad_(output|transfer)$/) },
      })
      expect(await world.transfer(id)).toBeNull()
    }
    await carriedOut()
    expect((await world.walletBalance(asset)).confirmed).toBe(confirmed)
  })

  claimOfEach('thwarted', async (asset) => {
    const { id, sending } = await begun(asset)
    await world.thwart(id)
    expect(await statusOf(id)).toBe('failed')
    await carriedOut()
    expect(await statusOf(id)).toBe('failed')
    expect(await world.paidTo(sending.address, asset)).toBe(0n)
  })

  claimOfEach('refunded', async (asset) => {
    await world.fund(asset, UNITS)
    const { order } = await paid(asset, UNITS)
    const payer = await world.payerOf(order)
    const had = await world.paidTo(payer, asset)
    const id = fresh('refund')
    for (let again = 0; again < 3; again++) must(await world.refund(id, order, asset, UNITS - 7n))
    await carriedOut()
    must(await world.refund(id, order, asset, UNITS - 7n))
    await carriedOut()
    expect(await statusOf(id)).toBe('confirmed')
    expect((await world.paidTo(payer, asset)) - had).toBe(UNITS - 7n)
  })

  claimOfEach('limited', async (asset) => {
    const { order } = await paid(asset, UNITS)
    await world.fund(asset, 4n * UNITS)
    expect(await world.refund(fresh('refund'), order, asset, UNITS + 1n)).toMatchObject({ ok: false })
    const first = fresh('refund')
    must(await world.refund(first, order, asset, UNITS - 1n))
    expect(await world.refund(fresh('refund'), order, asset, 2n)).toMatchObject({ ok: false })
    await carriedOut()
    expect(await world.refund(fresh('refund'), order, asset, 2n)).toMatchObject({ ok: false })
    expect(await world.paidTo(await world.payerOf(order), asset)).toBe(UNITS - 1n)
  })
}

function must(result: Result<unknown, Refusal>): void {
  if (!result.ok) throw new Error(JSON.stringify(result.error, (_key, value) => (typeof value === 'bigint' ? `${value}` : value)))
}
