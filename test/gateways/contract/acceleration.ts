import { describe, expect, test } from 'vitest'
import { bitcoinAddresses } from '../../../src/gateways/bitcoin/address.ts'
import { feeOf } from '../../../src/gateways/bitcoin/fees.ts'
import type { LookQuestion, ParentFacts } from '../../../src/gateways/send.ts'
import type { CoinPlan, OwnCoin, SpendPlan, SpendRequest } from '../../../src/gateways/spend.ts'
import { toHex } from '../../../src/lib/bytes.ts'
import type { Result } from '../../../src/lib/result.ts'
import type { MoneyOutWorld } from './money-out.ts'

/** What there is to a node besides its way out. */
export interface AccelerationSide {
  /** Pays from somebody else's wallet at 1 sat/vB, so that it waits, the first and others; answers the transaction's id. */
  payCheaply(address: string, units: bigint, others?: readonly string[]): Promise<string>
  /** Somebody else spends the same coins at a higher fee, and pays us nothing. */
  replace(txid: string): Promise<string>
}

/** Addresses that nothing else in the tests of a chain's way out uses. */
const FIRST_INDEX = 150
const RATE = 20_000n

/** Hurrying what waits, on a real node: the child brings it and all it hangs on to the rate, and both are mined. */
export function runAccelerations(open: () => { world: MoneyOutWorld } & AccelerationSide): void {
  let next = FIRST_INDEX

  function at(script: 'p2wpkh' | 'p2tr' = 'p2wpkh') {
    const { world, ...side } = open()
    const { chain, signer, sender, spender, seed } = world
    const account = signer.account(chain, seed, script)
    const derive = (index: number) => must(bitcoinAddresses.derive(chain, account, index))
    const parentFacts = async (txid: string, vouts: readonly number[] = []): Promise<ParentFacts> => {
      const { parent } = must(await sender.facts({ targetBlocks: 1, payer: null, parent: { txid, vouts } }))
      if (!parent) throw new Error('a parent that was asked about is told of')
      return parent
    }
    /** What a wallet object would plan with, of what it was told. */
    const requestOf = async (txid: string, index: number, satsPerKvb = RATE): Promise<SpendRequest> => {
      const facts = await parentFacts(txid)
      if (facts.status !== 'waiting') throw new Error(`it is ${facts.status}`)
      const script = toHex(derive(index).watchKey)
      const coins = facts.outputs
        .filter((output) => output.script === script && !output.spent)
        .map(({ vout, units }): OwnCoin => ({ txid, vout, units, index }))
      const { height } = must(await sender.facts({ targetBlocks: 1, payer: null }))
      const parent = { txid, coins, ancestors: facts.ancestors }
      const funds = { kind: 'coins', coins: [], changeIndex: next++, height, parent } as const
      return { asset: chain.native.code, outputs: [], funds, fees: { kind: 'coins', satsPerKvb }, feeMax: 1_000_000n }
    }
    const sign = (plan: SpendPlan) => signer.sign(chain, seed, script, plan)
    const planned = (request: SpendRequest, before?: SpendPlan) => {
      const plan = must(before ? spender.bump(chain, account, before, request) : spender.plan(chain, account, request)) as CoinPlan
      must(spender.check(chain, account, plan, chain.native.code, []))
      return plan
    }
    const look = async (question: Pick<LookQuestion, 'plan' | 'txids' | 'ancestors' | 'searchedHeight'>) =>
      must(await sender.look({ payer: '', ...question }))
    return { ...side, world, chain, account, sender, derive, parentFacts, requestOf, sign, planned, look }
  }

  const ancestorsOf = ({ funds }: SpendRequest) => (funds.kind === 'coins' ? (funds.parent?.ancestors ?? []) : [])
  const heightOf = ({ funds }: SpendRequest) => (funds.kind === 'coins' ? funds.height : 0)

  describe('an acceleration', () => {
    test('brings a parent at 1 sat/vB to the rate; a bump brings it further; both are in the next block', async () => {
      const { world, payCheaply, derive, parentFacts, requestOf, planned, sign, sender, look } = at()
      const index = next++
      const txid = await payCheaply(derive(index).address, 90_000n)
      const request = await requestOf(txid, index)
      const [parent] = ancestorsOf(request)
      if (!parent) throw new Error('a parent that waits')
      // A byte more or less of a signature.
      expect(Number(parent.fee)).toBeGreaterThanOrEqual(parent.vsize - 3)
      expect(Number(parent.fee)).toBeLessThanOrEqual(parent.vsize + 3)
      const plan = planned(request)
      expect(plan.fee + parent.fee).toBe(feeOf(RATE, parent.vsize + plan.vsize))
      const child = sign(plan)
      expect(must(await sender.broadcast(child.raw))).toEqual({ answer: 'taken' })
      // It is spent now: nobody plans a second child of it.
      const after = await parentFacts(txid)
      expect(after.status === 'waiting' && after.outputs.filter(({ spent }) => spent)).toHaveLength(1)

      const dearer = planned({ ...request, fees: { kind: 'coins', satsPerKvb: 2n * RATE } }, plan)
      expect(dearer.inputs).toEqual(plan.inputs)
      expect(dearer.fee + parent.fee).toBe(feeOf(2n * RATE, parent.vsize + dearer.vsize))
      const again = sign(dearer)
      expect(must(await sender.broadcast(again.raw))).toEqual({ answer: 'taken' })
      const question = { plan, txids: [child.txid, again.txid], ancestors: ancestorsOf(request), searchedHeight: heightOf(request) }
      expect(await look(question)).toEqual({ status: 'waiting', txid: again.txid })
      await world.mine(1)
      expect(await look(question)).toMatchObject({ status: 'included', txid: again.txid, fee: dearer.fee })
      // The child has spent the output that tells it, so others of it do.
      expect(await parentFacts(txid)).toEqual({ status: 'in_block' })
      expect(await parentFacts('ab'.repeat(32))).toEqual({ status: 'unknown' })
    })

    test('pays for all that the parent hangs on, and counts nothing twice', async () => {
      const { world, account, chain, payCheaply, derive, requestOf, planned, sign, sender, look } = at()
      const [first, second] = [next++, next++]
      const grandparent = await payCheaply(derive(first).address, 120_000n)
      const { funds } = await requestOf(grandparent, first)
      if (funds.kind !== 'coins' || !funds.parent) throw new Error('coins')
      const own = must(
        world.spender.plan(chain, account, {
          asset: chain.native.code,
          outputs: [{ address: derive(second).address, units: 60_000n }],
          funds: { kind: 'coins', coins: funds.parent.coins, changeIndex: next++, height: funds.height },
          fees: { kind: 'coins', satsPerKvb: 1_000n },
          feeMax: 10_000n,
        }),
      ) as CoinPlan
      const parent = sign(own)
      expect(must(await sender.broadcast(parent.raw))).toEqual({ answer: 'taken' })

      const request = await requestOf(parent.txid, second)
      const ancestors = ancestorsOf(request)
      expect(ancestors.map(({ txid }) => txid)).toEqual([grandparent, parent.txid])
      const plan = planned(request)
      const sum = ancestors.reduce((all, { fee, vsize }) => ({ fee: all.fee + fee, vsize: all.vsize + vsize }), {
        fee: 0n,
        vsize: 0,
      })
      expect(plan.fee + sum.fee).toBe(feeOf(RATE, sum.vsize + plan.vsize))
      const child = sign(plan)
      expect(must(await sender.broadcast(child.raw))).toEqual({ answer: 'taken' })
      await world.mine(1)
      const question = { plan, txids: [child.txid], ancestors, searchedHeight: heightOf(request) }
      expect(await look(question)).toMatchObject({ status: 'included', txid: child.txid })
    })

    test('pays at any rate of its own for a parent that is a hundred times its size', async () => {
      const { world, payCheaply, derive, requestOf, planned, sign, sender, look } = at()
      const others = await Promise.all(Array.from({ length: 200 }, () => world.stranger()))
      const index = next++
      const txid = await payCheaply(derive(index).address, 8_000_000n, others)
      const request = { ...(await requestOf(txid, index, 20n * RATE)), feeMax: 5_000_000n }
      const plan = planned(request)
      // More than nodes take by themselves: 0.1 coin for 1,000 virtual bytes.
      expect(plan.fee / BigInt(plan.vsize)).toBeGreaterThan(10_000n)
      const child = sign(plan)
      expect(must(await sender.broadcast(child.raw))).toEqual({ answer: 'taken' })
      await world.mine(1)
      const question = { plan, txids: [child.txid], ancestors: ancestorsOf(request), searchedHeight: heightOf(request) }
      expect(await look(question)).toMatchObject({ status: 'included', txid: child.txid, fee: plan.fee })
    })

    test('ends with its parent: what takes the parent’s place takes the child’s, for good once it is final', async () => {
      const { world, chain, replace, payCheaply, derive, parentFacts, requestOf, planned, sign, sender, look } = at()
      const index = next++
      const txid = await payCheaply(derive(index).address, 70_000n)
      const request = await requestOf(txid, index)
      const plan = planned(request)
      const child = sign(plan)
      const question = { plan, txids: [child.txid], ancestors: ancestorsOf(request), searchedHeight: heightOf(request) }
      expect(await look(question)).toMatchObject({ status: 'absent' })
      const byTxid = await replace(txid)
      expect(must(await sender.broadcast(child.raw))).toMatchObject({ answer: 'refused', why: 'spent' })
      expect(await look(question)).toMatchObject({ status: 'conflict', final: false })
      expect(await parentFacts(txid)).toEqual({ status: 'unknown' })
      await world.mine(1)
      expect(await look(question)).toMatchObject({ status: 'conflict', byTxid, final: false })
      await world.mine(chain.confirmations - 1)
      expect(await look(question)).toMatchObject({ status: 'conflict', byTxid, final: true })
    })

    test('loses its block with its parent’s, and both go in again', async () => {
      const { world, payCheaply, derive, requestOf, planned, sign, sender, look } = at()
      const index = next++
      const txid = await payCheaply(derive(index).address, 80_000n)
      const request = await requestOf(txid, index)
      const plan = planned(request)
      const child = sign(plan)
      expect(must(await sender.broadcast(child.raw))).toEqual({ answer: 'taken' })
      await world.mine(1)
      const question = { plan, txids: [child.txid], ancestors: ancestorsOf(request), searchedHeight: heightOf(request) }
      expect(await look(question)).toMatchObject({ status: 'included' })
      await world.takeBack()
      expect(['waiting', 'absent']).toContain((await look(question)).status)
      await sender.broadcast(child.raw)
      await world.mine(1)
      expect(await look(question)).toMatchObject({ status: 'included', txid: child.txid })
    })
  })
}

function must<T>(result: Result<T, unknown>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error, (_key, value) => (typeof value === 'bigint' ? `${value}` : value)))
  return result.value
}
