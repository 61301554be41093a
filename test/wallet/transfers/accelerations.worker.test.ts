import { beforeEach, describe, expect, test, vi } from 'vitest'
import { registryOf } from '../../../src/money/registry.ts'
import { addressAt } from '../../../src/wallet/addresses.ts'
import type { CreateTransfer } from '../../../src/wallet/transfers/rpc.ts'
import type { Transfer } from '../../../src/wallet/transfers/types.ts'
import { testEnv } from '../../storage/databases.ts'
import { World } from './world.ts'

beforeEach(() => {
  for (const level of ['error', 'warn', 'log'] as const) vi.spyOn(console, level).mockImplementation(() => {})
})

const RATE = 10_000n
const STUCK = 60_000n

/** A wallet with money, and a payment to an invoice of it that waits with a fee of 1 sat/vB. */
async function stuckWorld(coins: readonly bigint[] = [50_000n], fees = {}, available?: bigint) {
  const world = await new World().open(coins, available)
  world.chain.satsPerKvb = RATE
  const given = await world.wallet.allocate(world.chainId, 'inv_stuck')
  if (!given.ok) throw new Error('an address')
  const { watchKey } = given.value
  return { world, watchKey, parentTxid: world.chain.receive(watchKey, STUCK, fees) }
}

/** A payout of 30,000 sat out of 100,000 that was sent when fees were low, with change to its wallet. */
async function stuckPayout() {
  const world = await new World().open([100_000n])
  world.chain.satsPerKvb = 1_000n
  const { id: payout } = await world.pay(30_000n)
  await world.work()
  const parentTxid = (await seen(world, payout)).signed[0]?.txid ?? ''
  world.chain.satsPerKvb = RATE
  return { world, payout, parentTxid }
}

function wish(world: World, parentTxid: string, changes: Partial<CreateTransfer> = {}): CreateTransfer {
  return world.request(0n, { kind: 'sweep', outputs: [], targetBlocks: 1, parentTxid, ...changes })
}

async function accelerate(world: World, parentTxid: string, changes: Partial<CreateTransfer> = {}): Promise<Transfer> {
  const made = await world.wallet.createTransfer(wish(world, parentTxid, changes))
  if (!made.ok) throw new Error(made.error.reason)
  return made.value
}

async function seen(world: World, id: string): Promise<Transfer> {
  const transfer = await world.wallet.transfer(id)
  if (!transfer) throw new Error('a transfer that was made')
  return transfer
}

/** What the chain has at all addresses of the wallet. */
async function held(world: World): Promise<bigint> {
  const chain = registryOf(testEnv).chain(world.chainId)
  const count = await world.wallet.used()
  const keys = Array.from({ length: count }, (_, index) => addressAt(chain, world.account, index).watchKey)
  return keys.reduce((sum, key) => sum + (world.chain.balanceOf(key)?.confirmed ?? 0n), 0n)
}

describe('an acceleration of a hot wallet', () => {
  test('is a child that pays for both; its fee is the merchant’s, and books and chain agree to the unit', async () => {
    const { world, parentTxid } = await stuckWorld()
    const { id } = await accelerate(world, parentTxid)
    expect(await world.books()).toEqual({ available: 50_000n, wallet: -50_000n })
    await world.work()
    const sent = await seen(world, id)
    expect(sent).toMatchObject({ status: 'broadcast', kind: 'sweep', parentTxid, outputs: [], units: 0n })
    const fee = sent.fee ?? 0n
    expect(sent.plan).toMatchObject({ inputs: [{ txid: parentTxid, vout: 1, units: STUCK }] })
    expect(world.signed[0]?.intent).toMatchObject({ kind: 'sweep', outputs: [], invoiceId: null })
    // 150 virtual bytes that pay 150, and 110 of its own.
    expect(fee).toBe(10n * 260n - 150n)
    await vi.waitFor(async () => expect(await world.books()).toMatchObject({ in_transit: fee, available: 50_000n - fee }))
    expect(await world.wallet.outgoing(world.chainId)).toEqual({ BTC: fee })
    const [done] = await world.untilOver([id])
    expect(done).toMatchObject({ status: 'confirmed', fee })
    // The invoice books its payment by itself.
    await world.earn(STUCK)
    expect(await world.books()).toEqual({ available: 110_000n - fee, wallet: -(110_000n - fee) })
    expect(await held(world)).toBe(110_000n - fee)
    expect(world.webhooks.map(({ type }) => type)).toEqual(['transfer.created', 'transfer.broadcast', 'transfer.confirmed'])
    expect(await world.sql('SELECT id FROM transfers WHERE live_height IS NOT NULL')).toEqual([])
    const [{ intent } = { intent: null }] = world.signed
    expect([world.signed.length, intent?.id]).toEqual([1, id])
  })

  test('under its id again is the same one; another under way for the same transaction is refused by name', async () => {
    const { world, parentTxid } = await stuckWorld()
    const request = wish(world, parentTxid)
    const made = await world.wallet.createTransfer(request)
    expect(await world.wallet.createTransfer(request)).toEqual(made)
    expect(await world.wallet.createTransfer({ ...request, parentTxid: 'ab'.repeat(32) })).toMatchObject({
      error: { reason: 'transfer_id_reused' },
    })
    expect(await world.wallet.createTransfer(wish(world, parentTxid))).toMatchObject({
      error: { reason: 'already_accelerated', detail: expect.stringContaining(request.id) },
    })
    const many = await Promise.all(Array.from({ length: 100 }, () => world.wallet.createTransfer(wish(world, parentTxid))))
    expect(many.some(({ ok }) => ok)).toBe(false)
    await world.work()
    await world.untilOver([request.id])
    // Its change is no part of the parent, and the reading tells that it is in a block.
    expect(await world.wallet.createTransfer(wish(world, parentTxid))).toMatchObject({ ok: true })
  })

  test('keeps its coin from every other transfer, before and after its parent is in a block, and its change is money again', async () => {
    const { world, parentTxid } = await stuckWorld([50_000n], {}, 110_000n)
    const { id } = await accelerate(world, parentTxid)
    await world.work()
    const fee = (await seen(world, id)).fee ?? 0n
    // More than the coin in blocks.
    const { id: payout } = await world.pay(80_000n)
    await world.work()
    await world.read()
    await world.later(60_000)
    expect(await seen(world, payout)).toMatchObject({ status: 'queued', plan: null })
    await world.untilOver([id, payout])
    const paid = await seen(world, payout)
    expect(paid).toMatchObject({ status: 'confirmed' })
    const total = 110_000n - fee - 80_000n - (paid.fee ?? 0n)
    expect(await world.books()).toEqual({ available: total, wallet: -total })
    expect(await held(world)).toBe(total)
  })

  test.each([
    ['that no node has', async () => 'ab'.repeat(32), 'no node has it waiting'],
    ['in which nothing is the wallet’s', async ({ world }: Stuck) => world.chain.receive(null, 5_000n), 'nothing in it is paid'],
    [
      'that has the rate',
      async ({ world, watchKey }: Stuck) => world.chain.receive(watchKey, 9_000n, { fee: 1_500n }),
      'need not be hurried',
    ],
    [
      'of version 3',
      async ({ world, watchKey }: Stuck) => world.chain.receive(watchKey, 9_000n, { version: 3 }),
      'it is of version 3',
    ],
    [
      'whose output somebody else with the key spends',
      async ({ world, watchKey }: Stuck) => {
        const txid = world.chain.receive(watchKey, 9_000n)
        const spends = [`${txid}:1`]
        world.chain.seen.push({ txid: 'e'.repeat(64), spends, outputs: [], vsize: 110, fee: 110n, height: null })
        return txid
      },
      'another transaction that waits spends',
    ],
    ['that pays too little for it', async ({ world, watchKey }: Stuck) => world.chain.receive(watchKey, 2_000n), 'BTC too little'],
    [
      'that came into a block meanwhile',
      async ({ world, watchKey }: Stuck) => {
        const txid = world.chain.receive(watchKey, 30_000n)
        world.chain.mine()
        return txid
      },
      'in a block already',
    ],
  ])('of a transaction %s fails by name, and nothing is set aside', async (_what, make, words) => {
    const stuck = await stuckWorld()
    const { world } = stuck
    const { id } = await accelerate(world, await make(stuck))
    await world.work()
    expect(await seen(world, id)).toMatchObject({ status: 'failed', reason: expect.stringContaining(words), signed: [] })
    expect(await world.books()).toEqual({ available: 50_000n, wallet: -50_000n })
    expect(world.signed).toEqual([])
  })

  test('of what the wallet knows to be in a block, or has spent, is refused or fails by that name', async () => {
    const { world, parentTxid, watchKey } = await stuckWorld()
    world.chain.mine()
    await world.read()
    expect(await world.wallet.createTransfer(wish(world, parentTxid))).toMatchObject({ error: { reason: 'already_in_block' } })
    // Two outputs of one transaction to the wallet: a child of it has the only one by now.
    const other = world.chain.receive(watchKey, 70_000n)
    const { id } = await accelerate(world, other)
    await world.work()
    expect((await seen(world, id)).status).toBe('broadcast')
    expect(await world.wallet.createTransfer(wish(world, other))).toMatchObject({ error: { reason: 'already_accelerated' } })
  })

  test('waits while its fee is over its limit, and fails as not needed when the parent comes into a block meanwhile', async () => {
    const { world, parentTxid } = await stuckWorld()
    const { id } = await accelerate(world, parentTxid, { feeMax: 2_000n })
    await world.work()
    expect(await seen(world, id)).toMatchObject({ status: 'queued', reason: expect.stringContaining('over the limit') })
    world.chain.mine()
    await world.later(120_000)
    expect(await seen(world, id)).toMatchObject({ status: 'failed', reason: expect.stringContaining('in a block already') })
    expect(await world.books()).toEqual({ available: 50_000n, wallet: -50_000n })
  })

  test('fails when the balance does not cover its fee: the payment that it hurries is not money yet', async () => {
    const { world, parentTxid } = await stuckWorld([50_000n], {}, 1_000n)
    const { id } = await accelerate(world, parentTxid)
    await world.work()
    const failed = await seen(world, id)
    expect(failed).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('is needed for the network fee'),
      signed: [],
    })
    expect(await world.books()).toEqual({ available: 1_000n, wallet: -1_000n })
  })

  test('that was planned goes out though its parent is in a block by then: it costs what was agreed, and pays the wallet', async () => {
    const { world, parentTxid } = await stuckWorld()
    const { id } = await accelerate(world, parentTxid)
    world.around = async (name, call) => {
      if (name === 'signer.sign') world.chain.mine()
      return call()
    }
    await world.work()
    const [done] = await world.untilOver([id])
    expect(done?.status).toBe('confirmed')
    await world.earn(STUCK)
    const total = 110_000n - (done?.fee ?? 0n)
    expect(await world.books()).toEqual({ available: total, wallet: -total })
    expect(await held(world)).toBe(total)
  })

  test('is bumped as any transfer, with the same coin and what it still waits for', async () => {
    const { world, parentTxid } = await stuckWorld()
    const { id } = await accelerate(world, parentTxid)
    await world.work()
    world.chain.satsPerKvb = 3n * RATE
    expect(await world.wallet.bumpTransfer(id, 1)).toMatchObject({ ok: true })
    await world.work()
    const bumped = await seen(world, id)
    expect(bumped.signed).toHaveLength(2)
    expect(bumped.fee).toBe(30n * 260n - 150n)
    expect(bumped.plan).toMatchObject({ inputs: [{ txid: parentTxid }] })
    await world.untilOver([id])
    await world.earn(STUCK)
    const total = 110_000n - (30n * 260n - 150n)
    expect(await world.books()).toEqual({ available: total, wallet: -total })
    expect(await held(world)).toBe(total)
  })

  test('whose parent the payer replaces is not known, then failed for certain, and its fee is the merchant’s again', async () => {
    const { world, parentTxid } = await stuckWorld()
    const { id } = await accelerate(world, parentTxid)
    await world.work()
    world.chain.steal(world.chain.spentBy(parentTxid))
    await world.later(60_000)
    expect(await seen(world, id)).toMatchObject({ status: 'unknown', reason: expect.stringContaining('something else has spent') })
    expect(await world.books()).toMatchObject({ in_transit: 10n * 260n - 150n })
    const [lost] = await world.untilOver([id])
    expect(lost).toMatchObject({ status: 'failed', fee: 0n })
    expect(await world.books()).toEqual({ available: 50_000n, wallet: -50_000n })
    expect(await held(world)).toBe(50_000n)
  })

  test('whose parent nodes have dropped waits for it, and a person may end it; not while there is a node that has the parent', async () => {
    const { world, parentTxid } = await stuckWorld()
    const word = { by: 'Ada', reason: 'the payer paid in another way' }
    const { id } = await accelerate(world, parentTxid)
    await world.work()
    expect(await world.wallet.settleTransfer(id, word)).toMatchObject({ ok: true, value: { status: 'broadcast' } })
    await world.later(60_000)
    expect(await seen(world, id)).toMatchObject({ status: 'broadcast', reason: null })
    const parent = world.chain.seen.find(({ txid }) => txid === parentTxid)
    world.chain.forget()
    await world.later(60_000)
    if (parent) world.chain.seen.push(parent)
    await world.later(60_000)
    const { txid } = (await seen(world, id)).signed[0] ?? {}
    expect(world.chain.seen.map((one) => one.txid)).toEqual([parentTxid, txid])
    world.chain.forget()
    await world.later(60_000)
    expect(await seen(world, id)).toMatchObject({ status: 'broadcast' })
    expect(await world.books()).toMatchObject({ in_transit: 10n * 260n - 150n })
    expect(await world.wallet.settleTransfer(id, word)).toMatchObject({ ok: true })
    await world.later(60_000)
    expect(await seen(world, id)).toMatchObject({
      status: 'failed',
      reason: 'ended by Ada: the payer paid in another way',
      fee: 0n,
    })
    expect(await world.books()).toEqual({ available: 50_000n, wallet: -50_000n })
  })

  test('loses its block to a reorganisation and is sent again, the same bytes', async () => {
    const { world, parentTxid } = await stuckWorld()
    const { id } = await accelerate(world, parentTxid)
    await world.work()
    world.chain.mine()
    await world.later(60_000)
    expect((await seen(world, id)).included).not.toBeNull()
    world.chain.reorganise(1)
    await world.later(60_000)
    expect(await seen(world, id)).toMatchObject({ status: 'broadcast', included: null })
    const [done] = await world.untilOver([id])
    expect(done).toMatchObject({ status: 'confirmed', signed: [{ txid: expect.any(String) }] })
  })

  test('of the change of an own payout keeps that from being replaced, and both are booked', async () => {
    const { world, payout, parentTxid } = await stuckPayout()
    const { id } = await accelerate(world, parentTxid)
    await world.work()
    expect((await seen(world, id)).status).toBe('broadcast')
    expect(await world.wallet.bumpTransfer(payout, 1)).toMatchObject({
      error: { reason: 'wrong_status', detail: expect.stringContaining(id) },
    })
    // Not by itself either, however long it waits.
    await world.later(5 * 3_600_000)
    expect((await seen(world, payout)).signed).toHaveLength(1)
    const done = await world.untilOver([payout, id])
    expect(done.map(({ status }) => status)).toEqual(['confirmed', 'confirmed'])
    const total = 70_000n - done.reduce((sum, { fee }) => sum + (fee ?? 0n), 0n)
    expect(await world.books()).toEqual({ available: total, wallet: -total })
    expect(await held(world)).toBe(total)
    expect(world.received).toBe(30_000n)
  })
})

test('a store has fifty at most that have no plan: they cost it nothing, and take room from others of the wallet', async () => {
  const world = await new World().open([])
  const ask = (at: number, storeId = world.storeId) =>
    world.wallet.createTransfer(wish(world, at.toString(16).padStart(64, '0'), { storeId }))
  const made = await Promise.all(Array.from({ length: 60 }, (_, at) => ask(at)))
  expect(made.filter(({ ok }) => ok)).toHaveLength(50)
  expect(made.at(-1)).toMatchObject({ error: { reason: 'too_many_transfers', detail: expect.stringContaining('50') } })
  expect(await ask(99, 'st_other')).toMatchObject({ ok: true })
  await world.work()
  expect(await ask(99)).toMatchObject({ ok: true })
})

test('an acceleration that has no plan keeps nobody else from hurrying the same, and an own transfer from nothing', async () => {
  const { world, payout, parentTxid } = await stuckPayout()
  // Another store of the same wallet, which would never pay so much.
  const idle = await accelerate(world, parentTxid, { storeId: 'st_other', feeMax: 1n })
  await world.work()
  expect(await seen(world, idle.id)).toMatchObject({ status: 'queued', plan: null })
  expect(await world.wallet.createTransfer(wish(world, parentTxid, { storeId: 'st_other' }))).toMatchObject({
    error: { reason: 'already_accelerated' },
  })
  const { id } = await accelerate(world, parentTxid, { feeMax: 1n })
  expect(await world.wallet.cancelTransfer(id, 'test')).toMatchObject({ ok: true })
  expect(await world.wallet.bumpTransfer(payout, 1)).toMatchObject({ ok: true })
  await world.work()
  expect((await seen(world, payout)).signed).toHaveLength(2)
  await world.later(60_000)
  expect(await seen(world, idle.id)).toMatchObject({ status: 'failed', reason: expect.stringContaining('no node has it') })
})

test('two stores ask at once for what pays their wallet twice: the first plan is the only child', async () => {
  const { world, watchKey } = await stuckWorld()
  const key = Array.from(watchKey, (byte) => byte.toString(16).padStart(2, '0')).join('')
  const parentTxid = 'd'.repeat(64)
  const paid = [40_000n, 30_000n].map((units) => ({ key, units }))
  world.chain.seen.push({ txid: parentTxid, spends: ['theirs:0'], outputs: paid, vsize: 150, fee: 150n, height: null })
  const [first, second] = [await accelerate(world, parentTxid), await accelerate(world, parentTxid, { storeId: 'st_other' })]
  await world.work()
  expect(await seen(world, first.id)).toMatchObject({ status: 'broadcast' })
  const reason = `${first.id} hurries it: bump that one`
  expect(await seen(world, second.id)).toMatchObject({ status: 'failed', reason: expect.stringContaining(reason), signed: [] })
})

test('a transfer that was to be replaced is left as it is once a child of it has a plan', async () => {
  const { world, payout, parentTxid } = await stuckPayout()
  expect(await world.wallet.bumpTransfer(payout, 1)).toMatchObject({ ok: true })
  let child = ''
  // What the chain costs is asked for the replacement, and the child is made before the answer comes.
  world.around = async (name, call) => {
    const answer = await call()
    if (name !== 'sender.facts' || child !== '') return answer
    child = 'asked'
    child = (await accelerate(world, parentTxid)).id
    await world.work()
    return answer
  }
  await world.work()
  expect(await seen(world, child)).toMatchObject({ status: 'broadcast' })
  expect((await seen(world, payout)).signed).toHaveLength(1)
  expect((await world.untilOver([payout, child])).map(({ status }) => status)).toEqual(['confirmed', 'confirmed'])
})

describe('an acceleration of a merchant’s own wallet', () => {
  test('is prepared for their signature, and touches no books', async () => {
    const { world, parentTxid } = await stuckWorld([50_000n], {}, 0n)
    const { id } = await accelerate(world, parentTxid, { custody: 'self' })
    await world.work()
    const prepared = await seen(world, id)
    expect(prepared).toMatchObject({ status: 'signing', unsigned: { psbt: { v0: expect.any(String) } } })
    if (!prepared.plan) throw new Error('a plan')
    const signed = await world.signer.sign({ intent: {} as never, plan: prepared.plan, approvals: [] })
    if (!signed.ok) throw new Error('signed')
    expect(await world.wallet.submitSigned(id, signed.value.raw)).toMatchObject({ ok: true, value: { status: 'broadcast' } })
    await world.work()
    expect(await world.untilOver([id])).toMatchObject([{ status: 'confirmed' }])
    expect(await world.books()).toEqual({})
    expect(world.webhooks.map(({ type }) => type)).toContain('transfer.needs_signature')
  })
})

test('what is no acceleration, or on no chain of coins, is refused as a transfer that cannot be made', async () => {
  const { world, parentTxid } = await stuckWorld()
  const bad = async (changes: Partial<CreateTransfer>) => world.wallet.createTransfer(wish(world, parentTxid, changes))
  const refused = { error: { reason: 'bad_transfer' } }
  expect(await bad({ kind: 'payout' })).toMatchObject(refused)
  expect(await bad({ outputs: [{ address: 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080', units: 1_000n }] })).toMatchObject(
    refused,
  )
  expect(await bad({ parentTxid: 'AB' })).toMatchObject(refused)
  expect(await bad({ parentTxid: null })).toMatchObject(refused)
})

type Stuck = Awaited<ReturnType<typeof stuckWorld>>
