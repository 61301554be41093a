import { expect, test } from 'vitest'
import { BITCOIN_REGTEST, DEVELOPMENT_CHAINS } from '../../../config/development.ts'
import { ok } from '../../../src/lib/result.ts'
import { registryOf } from '../../../src/money/registry.ts'
import { giveChange, indexOf, nextIndex } from '../../../src/wallet/addresses.ts'
import { excludes } from '../../../src/wallet/transfers/decide.ts'
import { FUNDS_WAIT_MS, READING_WAIT_MS } from '../../../src/wallet/transfers/limits.ts'
import { IN_FRONT } from '../../../src/wallet/transfers/line.ts'
import { bitcoinAccount } from '../../storage/accounts.ts'
import { DeskWorld, PlanChain } from './desk-world.ts'

const PAYEE = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080'
const chains = JSON.stringify(DEVELOPMENT_CHAINS)
const outputs = [{ address: PAYEE, units: 0n }]

/** A wallet of coins, one at an address. */
function coinWorld(coins: readonly bigint[]) {
  const chain: PlanChain = new PlanChain(() => world)
  const world: DeskWorld = new DeskWorld({
    chainId: BITCOIN_REGTEST,
    account: bitcoinAccount('waiting'),
    chains,
    sender: chain.sender,
  })
  const held = new Map(coins.map((units) => [world.give(`inv_${units}`), units]))
  world.balancesOf = (index) => {
    const units = held.get(index)
    if (units === undefined || index >= coins.length) return []
    const coin = { txid: String(index).padStart(64, '0'), vout: 0, units, height: 1, coinbase: false, leaving: false }
    return [{ assetCode: 'BTC', confirmed: units, leaving: 0n, coins: [coin] }]
  }
  world.read()
  world.nowMs += 60_000
  return { world, chain, pay: (units: bigint) => world.pay(units, 'BTC', { outputs }) }
}

/** What was called meanwhile. */
async function callsOf(world: DeskWorld, work: () => Promise<void>): Promise<Record<string, number>> {
  const before = { ...world.calls }
  await work()
  return Object.fromEntries(Object.entries(world.calls).map(([name, count]) => [name, count - (before[name] ?? 0)]))
}

const goneOf = (world: DeskWorld) => world.transfers().flatMap(({ status }, at) => (status === 'queued' ? [] : [at]))

test('of a thousand that wait for a coin a few look whenever one comes back, and the oldest go first', async () => {
  const { world, chain, pay } = coinWorld([1_000_000_000n])
  await pay(1_000n)
  await world.work()
  world.fill(1_000, 1_000n, 'BTC', { outputs })
  await world.later(2_000)
  const blocks = 5
  const calls = await callsOf(world, async () => {
    for (let block = 0; block < blocks; block++) {
      chain.mine()
      await world.later(60_000)
    }
  })
  // One coin, so one transfer in each block.
  const gone = goneOf(world)
  expect(gone).toHaveLength(blocks + 1)
  expect(gone.at(-1)).toBeLessThan(blocks + IN_FRONT)
  expect(calls['sender.facts']).toBeLessThan(3 * IN_FRONT * blocks)
  expect(calls['wallet.nextStep']).toBeLessThan(6 * IN_FRONT * blocks)
  expect(calls['rows written']).toBeLessThan(10 * IN_FRONT * blocks)
}, 120_000)

test('one in front that is too large keeps nobody waiting whom there is enough for', async () => {
  const { world, chain, pay } = coinWorld([100_000_000n])
  await pay(1_000n)
  await world.work()
  for (let count = 0; count < 2 * IN_FRONT; count++) await pay(150_000_000n)
  const small = []
  for (let count = 0; count < 12; count++) {
    small.push(await pay(2_000n))
    world.nowMs++
  }
  await world.work()
  for (let block = 0; block < 13; block++) {
    chain.mine()
    await world.later(60_000)
  }
  const isPaid = ({ id }: { id: string }) => ['broadcast', 'confirmed'].includes(world.desk.read(id)?.status ?? '')
  expect(small.filter(isPaid)).toHaveLength(12)
})

test('one that there seems to be enough for, but for the fee of its many outputs, keeps nobody of another store waiting', async () => {
  const { world, chain, pay } = coinWorld([100_000_000n])
  await pay(1_000n)
  await world.work()
  for (let count = 0; count < IN_FRONT; count++) await pay(150_000_000n)
  world.nowMs++
  const many = await world.pay(499_950n, 'BTC', { outputs: Array.from({ length: 200 }, () => ({ address: PAYEE, units: 0n })) })
  world.nowMs++
  const small = await world.pay(2_000n, 'BTC', { outputs, storeId: 'st_other' })
  await world.work()
  chain.mine()
  await world.later(200_000)
  expect(world.desk.read(many.id)?.status).toBe('queued')
  expect(world.desk.read(small.id)?.status).toBe('broadcast')
})

test('whoever is ended in front, or whatever was in memory is lost, the next have their turn', async () => {
  const { world, chain, pay } = coinWorld([100_000_000n])
  for (let count = 0; count < 40; count++) {
    await pay(60_000_000n)
    world.nowMs++
  }
  await world.work()
  for (const { id, status } of world.transfers().slice(0, 30)) if (status === 'queued') world.desk.cancel(id, 'Ada')
  await world.work()
  await world.later(61_000)
  world.restart()
  chain.mine()
  await world.later(120_000)
  // All that is left is enough for none of them.
  expect(goneOf(world)).toHaveLength(30)
  const coin = { txid: 'c'.repeat(64), vout: 0, units: 70_000_000n, height: 90, coinbase: false, leaving: false }
  const index = world.give('inv_later')
  world.balancesOf = (at) => (at === index ? [{ assetCode: 'BTC', confirmed: coin.units, leaving: 0n, coins: [coin] }] : [])
  world.read()
  await world.work()
  expect(goneOf(world)).toEqual([...Array(31).keys()])
  // What nobody is woken for ends all the same.
  world.nowMs += FUNDS_WAIT_MS
  await world.later(120_000)
  expect(goneOf(world)).toHaveLength(40)
})

test('whoever is ended while they wait for a reading that is lost lets those behind them look', async () => {
  const { world } = coinWorld([])
  const index = world.give('inv_later')
  const coin = { txid: 'c'.repeat(64), vout: 0, units: 1_000_000n, height: 90, coinbase: false, leaving: false }
  world.balancesOf = (at) => (at === index ? [{ assetCode: 'BTC', confirmed: coin.units, leaving: 0n, coins: [coin] }] : [])
  world.isReadingLost = true
  world.fill(2 * IN_FRONT, 2_000n, 'BTC', { outputs })
  await world.later(2_000)
  const waiting = () => world.transfers().filter(({ status }) => status === 'queued')
  const first = waiting().filter(({ reason }) => reason === 'waiting for the wallet to be read')
  expect(first).toHaveLength(IN_FRONT)
  for (const { id } of first) world.desk.cancel(id, 'Ada')
  world.isReadingLost = false
  await world.later(READING_WAIT_MS + 60_000)
  expect(waiting()).toHaveLength(IN_FRONT - 1)
})

test('a refund made anew waits for whoever took the coin of what was ended, so that both are never paid', async () => {
  const { world, chain } = coinWorld([30_000_000n, 40_000_000n, 10_000_000n])
  const own = { custody: 'self', outputs } as const
  const refund = { ...own, kind: 'refund', invoiceId: 'inv_1' } as const
  const look = async () => {
    await world.work()
    await world.later(61_000)
  }
  const first = await world.pay(25_000_000n, 'BTC', refund)
  await world.work()
  const ended = world.desk.read(first.id)?.plan
  world.desk.cancel(first.id, 'Ada')
  await look()
  expect(world.desk.read(first.id)).toMatchObject({ status: 'failed' })
  // Another takes every coin of it.
  const other = await world.pay(38_000_000n, 'BTC', own)
  const third = await world.pay(29_000_000n, 'BTC', own)
  await world.work()
  const again = await world.pay(5_000_000n, 'BTC', { ...refund, insteadOf: [first.id] })
  await look()
  expect(world.desk.read(again.id)).toMatchObject({ status: 'queued', reason: expect.stringMatching(/^waiting for tr_/) })
  const { version } = world.desk.read(again.id) ?? {}
  const calls = await callsOf(world, look)
  // It says so once, and costs little.
  expect(world.desk.read(again.id)?.version).toBe(version)
  expect(calls['sender.look']).toBe(0)
  for (const { id } of [other, third]) world.desk.cancel(id, 'Ada')
  await look()
  await look()
  const { plan, status } = world.desk.read(again.id) ?? {}
  expect(status).toBe('signing')
  expect(ended && plan && excludes(ended, plan)).toBe(true)
  chain.mine()
})

test('and what was prepared before is looked for once more when that is over: it may have been sent meanwhile', async () => {
  const { world } = coinWorld([30_000_000n, 10_000_000n])
  const refund = { custody: 'self', outputs, kind: 'refund', invoiceId: 'inv_1' } as const
  const look = async () => {
    await world.work()
    await world.later(61_000)
  }
  const first = await world.pay(25_000_000n, 'BTC', refund)
  await world.work()
  world.desk.cancel(first.id, 'Ada')
  await look()
  const other = await world.pay(29_000_000n, 'BTC', { custody: 'self', outputs })
  await world.work()
  const again = await world.pay(5_000_000n, 'BTC', { ...refund, insteadOf: [first.id] })
  await look()
  expect(world.desk.read(again.id)?.reason).toContain(`waiting for ${other.id}`)
  const byTxid = 'b'.repeat(64)
  const pays = { status: 'conflict', byTxid, final: true, pays: true, byAll: true, searchedHeight: world.height } as const
  world.desk.cancel(other.id, 'Ada')
  await world.work()
  expect(world.desk.read(other.id)).toMatchObject({ status: 'failed' })
  world.sender = { ...world.sender, look: async () => ok(pays) }
  await look()
  await look()
  const reason = `what was prepared before was signed all the same, and pays: ${byTxid}`
  expect(world.desk.read(again.id)).toMatchObject({ status: 'failed', reason })
})

test('the place of a change that was never signed for is the next one’s, and nobody else’s meanwhile', async () => {
  const { world } = coinWorld([30_000_000n, 40_000_000n, 50_000_000n])
  const before = nextIndex(world.sql)
  const placeOf = ({ id }: { id: string }) => {
    const plan = world.desk.read(id)?.plan
    return plan?.kind === 'coins' ? plan.change?.index : undefined
  }
  const pay = async () => {
    const made = await world.pay(1_000_000n, 'BTC', { custody: 'self', outputs })
    await world.work()
    return made
  }
  for (let count = 0; count < 5; count++) {
    const [one, other] = [await pay(), await pay()]
    expect([placeOf(one), placeOf(other)].sort()).toEqual([before, before + 1])
    for (const { id } of [one, other]) world.desk.cancel(id, 'Ada')
    await world.work()
    for (const { id } of [one, other]) expect(world.desk.read(id)).toMatchObject({ status: 'failed' })
  }
  // What an invoice is given is never one of these.
  expect(world.give('inv_next')).toBe(before + 2)
  const signed = await world.pay(1_000_000n, 'BTC', { outputs })
  await world.work()
  expect(placeOf(signed)).toBe(before)
  expect([placeOf(await pay()), placeOf(await pay())]).toEqual([before + 1, before + 3])
})

test('no plan takes the address of an invoice, or of another transfer, for its change', async () => {
  const { world } = coinWorld([30_000_000n])
  const { id } = await world.pay(1_000_000n, 'BTC', { custody: 'self', outputs })
  await world.work()
  const owners = ['inv_30000000', `change/${id}`]
  const before = owners.map((owner) => indexOf(world.sql, owner))
  const chain = registryOf({ CHAINS: chains }).chain(BITCOIN_REGTEST)
  for (const index of before) expect(() => giveChange(world.sql, chain, world.account, index ?? -1, 'tr_other')).toThrow('nobody')
  expect(owners.map((owner) => indexOf(world.sql, owner))).toEqual(before)
})
