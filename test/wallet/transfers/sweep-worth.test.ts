import { expect, test } from 'vitest'
import { DEVELOPMENT_CHAINS, EVM_LOCAL } from '../../../config/development.ts'
import type { AccountPlan } from '../../../src/gateways/spend.ts'
import { ok } from '../../../src/lib/result.ts'
import type { ChainConfig } from '../../../src/money/chain.ts'
import { addressAt } from '../../../src/wallet/addresses.ts'
import { EMPTYINGS_AT_ONCE } from '../../../src/wallet/transfers/limits.ts'
import { treasuryIndex } from '../../../src/wallet/transfers/treasury.ts'
import { evmAccount } from '../../storage/accounts.ts'
import { DeskWorld } from './desk-world.ts'
import { PlainChain } from './plain-chain.ts'
import { SweepChain } from './sweep-chain.ts'

const USDC = 1_000_000n
const GWEI = 10n ** 9n
const PAYEE = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'
const [local] = DEVELOPMENT_CHAINS.flatMap((chain): ChainConfig[] =>
  chain.id === EVM_LOCAL ? [{ ...chain, tokens: chain.tokens.map((token) => ({ ...token, perNativeMax: 10_000 })) }] : [],
)

/** A treasury that is ready, with gas, and USDC at deposit addresses; one coin of ether is taken for 10,000 USDC. */
function sweepWorld(deposits: readonly bigint[]) {
  if (!local) throw new Error('no chain')
  const account = evmAccount('worth')
  const made = new Map<string, { txid: string; plan: AccountPlan }>()
  const addressOf = (index: number) => addressAt(local, account, index).address.toLowerCase()
  const chain: SweepChain = new SweepChain(made, local, () => addressOf(deposits.length))
  const chains = JSON.stringify(DEVELOPMENT_CHAINS.map((one) => (one.id === EVM_LOCAL ? local : one)))
  const world = new DeskWorld({ chainId: EVM_LOCAL, account, chains, sender: chain.node, made })
  chain.isDelegateMade = true
  for (const [at, units] of deposits.entries()) chain.deposits.set(addressOf(world.give(`inv_${at}`)), units)
  treasuryIndex(world.sql, local, account)
  world.balancesOf = (index) => {
    const confirmed = chain.deposits.get(addressOf(index))
    return confirmed === undefined ? [] : [{ assetCode: 'USDC', confirmed, leaving: 0n, coins: [] }]
  }
  const rounds = async (count: number) => {
    for (let round = 0; round < count; round++) {
      chain.mine()
      world.height = chain.height
      await world.later(61_000)
    }
  }
  const sweeps = () => world.transfers().filter(({ kind }) => kind === 'sweep')
  world.nowMs += 60_000
  const deposit = (units: bigint) => chain.deposits.set(addressOf(world.give(`inv_${units}`)), units)
  return { world, chain, rounds, sweeps, deposit }
}

test('a sweep waits while it would cost more than a quarter of what it brings, and says so to who waits for it', async () => {
  const { world, chain, rounds, sweeps } = sweepWorld([100n * USDC])
  const outputs = [{ address: PAYEE, units: 0n }]
  const { id } = await world.pay(50n * USDC, 'USDC', { outputs })
  await world.work()
  await rounds(3)
  // 200,000 gas, a fifth more, and an authorization, at 10 gwei: over a quarter of 0.01 ether.
  const words = 'waiting for a lower network fee: 0.00265 ETH would be more than a quarter of the 100 USDC that it brings'
  expect(sweeps().map(({ status, reason }) => [status, reason])).toEqual([['queued', words]])
  expect(world.desk.read(id)?.reason).toContain(words)
  expect(chain.done).toEqual([])
  chain.gwei = 9n
  await rounds(8)
  expect(chain.done).toEqual(['flush', 'pay'])
  expect(world.desk.read(id)).toMatchObject({ status: 'confirmed' })
})

test('whoever forces a sweep, however much they offer, has it no dearer; crumbs are left where they are', async () => {
  const { world, chain, rounds, sweeps } = sweepWorld([1n, 300n * USDC, 10n, 1_000n])
  await world.pay(0n, 'USDC', { kind: 'sweep', feeMax: 10n ** 18n })
  chain.gwei = 500n
  await world.work()
  await rounds(3)
  expect(sweeps()).toMatchObject([{ status: 'queued', reason: expect.stringContaining('waiting for a lower network fee') }])
  expect(chain.sent).toEqual([])
  chain.gwei = 5n
  await rounds(6)
  expect(sweeps()).toMatchObject([{ status: 'confirmed' }])
  expect(chain.units).toBe(300n * USDC)
  expect([...chain.deposits.values()]).toEqual([1n, 10n, 1_000n])
})

test('an answer about more addresses than are brought since, told once more, is taken for nobody else’s', async () => {
  const { world, chain, rounds } = sweepWorld([0n, 300n * USDC])
  chain.gwei = 5n
  // By the newest reading the first has the most.
  const read = world.balancesOf
  world.balancesOf = (index) =>
    index === 0 ? [{ assetCode: 'USDC', confirmed: 500n * USDC, leaving: 0n, coins: [] }] : read(index)
  const { id } = await world.pay(0n, 'USDC', { kind: 'sweep', feeMax: 10n ** 18n })
  const { facts } = chain.node
  const told: Awaited<ReturnType<typeof facts>>[] = []
  const counts: (number | undefined)[] = []
  world.sender = {
    ...chain.node,
    facts: async (question) => {
      counts.push(question.payer?.deposits?.length)
      const [first] = told
      if (first) await world.desk.steps.takeFacts(id, first)
      const answer = await facts(question)
      // The first has delegated already.
      if (answer.ok)
        told.push(ok({ ...answer.value, deposits: answer.value.deposits?.map((one) => ({ ...one, delegated: one.units === 0n })) }))
      return told.at(-1) ?? answer
    },
  }
  await world.work()
  await rounds(3)
  expect(counts).toEqual([2, 1])
  expect(chain.sent.map(({ plan }) => plan.authorizations?.map(({ index }) => index))).toEqual([[1]])
})

test('one that is too dear brings what has come since, so that nobody waits a day for crumbs', async () => {
  const { world, chain, rounds, sweeps, deposit } = sweepWorld([5n * USDC])
  const outputs = [{ address: PAYEE, units: 0n }]
  await world.pay(3n * USDC, 'USDC', { outputs })
  await world.work()
  await rounds(3)
  expect(sweeps()).toMatchObject([{ status: 'queued', reason: expect.stringContaining('of the 5 USDC') }])
  deposit(10_000n * USDC)
  const { id } = await world.pay(9_000n * USDC, 'USDC', { outputs, storeId: 'st_other' })
  await world.work()
  await rounds(6)
  expect(world.desk.read(id)).toMatchObject({ status: 'confirmed' })
  expect(chain.done).toEqual(['flush', 'pay', 'pay'])
})

test('and has the limit of so many, not of those that it was made for', async () => {
  const { world, chain, rounds, sweeps, deposit } = sweepWorld([5n * USDC])
  chain.gwei = 1_000n
  const outputs = [{ address: PAYEE, units: 0n }]
  await world.pay(3n * USDC, 'USDC', { outputs })
  await world.work()
  await rounds(2)
  const [first] = sweeps()
  for (let count = 0; count < 10; count++) deposit(BigInt(10_000_000 + count) * USDC)
  await world.pay(3n * USDC, 'USDC', { outputs, storeId: 'st_other' })
  await world.work()
  await rounds(3)
  const [sweep] = sweeps()
  const [signed] = sweep?.signed ?? []
  expect(sweep?.id).toBe(first?.id)
  expect(chain.sent[0]?.plan.authorizations).toHaveLength(10)
  const fees = [first?.feeMax ?? 0n, signed?.fee ?? 0n, sweep?.feeMax ?? 0n]
  expect(fees.toSorted((one, other) => Number(one - other))).toEqual(fees)
})

test('whoever offers too little for a sweep hears so at once: what is of all waits for nobody’s limit', async () => {
  const { world, chain, rounds, sweeps } = sweepWorld([1_000n * USDC])
  await world.pay(0n, 'USDC', { kind: 'sweep', feeMax: 1n })
  const { id } = await world.pay(500n * USDC, 'USDC', { outputs: [{ address: PAYEE, units: 0n }], storeId: 'st_other' })
  await world.work()
  await rounds(6)
  const reason = expect.stringMatching(/^the network fee would be 0.00265 ETH, over the limit of this transfer/)
  expect(sweeps()).toContainEqual(expect.objectContaining({ status: 'failed', reason }))
  expect(world.desk.read(id)).toMatchObject({ status: 'confirmed' })
  expect(chain.done).toEqual(['flush', 'pay'])
})

test('crumbs alone are not brought at all', async () => {
  const { world, chain, rounds, sweeps } = sweepWorld([1n, 2n])
  await world.pay(0n, 'USDC', { kind: 'sweep', feeMax: 10n ** 18n })
  await world.work()
  await rounds(2)
  world.nowMs += 24 * 3_600_000
  await rounds(2)
  expect(sweeps()).toMatchObject([{ status: 'failed', reason: expect.stringContaining('waiting for a lower network fee') }])
  expect(chain.sent).toEqual([])
})

test('one that is signed, and has the treasury’s number, is replaced for at most all that it brings', async () => {
  const { world, chain, rounds, sweeps } = sweepWorld([100n * USDC])
  chain.gwei = 5n
  await world.pay(0n, 'USDC', { kind: 'sweep', feeMax: 10n ** 18n })
  await world.work()
  const dearest = () => sweeps()[0]?.signed.at(-1)?.fee ?? 0n
  const stay = async (count: number) => {
    for (let round = 0; round < count; round++) {
      for (const { txid } of chain.sent) chain.stuck.add(txid)
      await rounds(1)
    }
  }
  await stay(2)
  expect(dearest()).toBe(1_325_000n * GWEI)
  chain.gwei = 30n
  await stay(4)
  expect(dearest()).toBe(7_950_000n * GWEI)
  chain.gwei = 60n
  await stay(35)
  expect(dearest()).toBe(7_950_000n * GWEI)
  const reason = 'waiting for a lower network fee: 0.0159 ETH would be more than the 100 USDC that it brings'
  expect(sweeps()).toMatchObject([{ status: 'broadcast', reason }])
})

/** A treasury with gas and USDC at deposit addresses, where there are no delegates. */
function plainWorld(deposits: readonly bigint[]) {
  if (!local) throw new Error('no chain')
  const { delegateFactory: _, ...without } = local
  const account = evmAccount('worth plain')
  const made = new Map<string, { txid: string; plan: AccountPlan }>()
  const chain = new PlainChain(made, without, account)
  const chains = JSON.stringify(DEVELOPMENT_CHAINS.map((one) => (one.id === EVM_LOCAL ? without : one)))
  const world = new DeskWorld({ chainId: EVM_LOCAL, account, chains, sender: chain.sender, made })
  const at = (index: number) => chain.at(addressAt(without, account, index).address)
  const deposit = (units: bigint) => {
    at(world.give(`inv_${world.nowMs++}`)).USDC = units
  }
  for (const units of deposits) deposit(units)
  const treasury = at(treasuryIndex(world.sql, without, account))
  treasury.ETH = 10n ** 18n
  world.balancesOf = (index) => chain.balancesOf(addressAt(without, account, index).watchKey)
  const rounds = async (count: number) => {
    for (let round = 0; round < count; round++) {
      chain.mine()
      world.height = chain.height
      await world.later(61_000)
    }
  }
  const emptied = () =>
    chain.done.filter(({ to, asset }) => asset === 'USDC' && to !== PAYEE.toLowerCase()).map(({ units }) => units)
  world.nowMs += 60_000
  return { world, chain, deposit, treasury, rounds, emptied }
}

test('without delegates too crumbs are left, and keep no address that is worth it from being emptied', async () => {
  const { world, deposit, rounds, emptied } = plainWorld(Array(EMPTYINGS_AT_ONCE).fill(USDC))
  const outputs = [{ address: PAYEE, units: 0n }]
  const small = await world.pay(10n * USDC, 'USDC', { outputs })
  await world.work()
  await rounds(3)
  const reason = 'waiting for a lower network fee: too little of what lies at deposit addresses is worth it now'
  expect(world.desk.read(small.id)).toMatchObject({ status: 'queued', reason })
  deposit(10_000n * USDC)
  const rich = await world.pay(9_000n * USDC, 'USDC', { outputs, storeId: 'st_other' })
  await world.work()
  await rounds(12)
  for (const { id } of [small, rich]) expect(world.desk.read(id)).toMatchObject({ status: 'confirmed' })
  expect(emptied()).toEqual([10_000n * USDC])
  // Nothing is in the way of who asks for a sweep, and there is nothing for it.
  const { id } = await world.pay(0n, 'USDC', { kind: 'sweep' })
  await world.work()
  await rounds(2)
  const nothing = 'what lies at deposit addresses is not worth its network fee now'
  expect(world.desk.read(id)).toMatchObject({ status: 'failed', reason: nothing })
})

test('without delegates what was not worth the fee is brought once blocks are cheaper', async () => {
  const { world, chain, rounds, emptied } = plainWorld([20n * USDC])
  const { id } = await world.pay(15n * USDC, 'USDC', { outputs: [{ address: PAYEE, units: 0n }] })
  await world.work()
  await rounds(3)
  expect(emptied()).toEqual([])
  chain.baseFee = 10n ** 9n
  await rounds(12)
  expect(emptied()).toEqual([20n * USDC])
  expect(world.desk.read(id)).toMatchObject({ status: 'confirmed' })
})

test('whoever asks for a sweep without delegates is answered by the price of now, whatever it was when it was last noted', async () => {
  const { world, chain, rounds, emptied } = plainWorld([20n * USDC])
  chain.baseFee = 10n ** 12n
  await world.pay(1n, 'ETH', { outputs: [{ address: PAYEE, units: 0n }] })
  await world.work()
  await rounds(4)
  chain.baseFee = 10n ** 9n
  world.nowMs += 86_400_000
  const { id } = await world.pay(0n, 'USDC', { kind: 'sweep' })
  await world.work()
  await rounds(12)
  expect(emptied()).toEqual([20n * USDC])
  expect(world.desk.read(id)).toMatchObject({ status: 'confirmed' })
})
