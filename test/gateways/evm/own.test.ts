import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { payerOf } from '../../../src/gateways/evm/address.ts'
import { OWN_MARK } from '../../../src/gateways/evm/calls.ts'
import { isWorthBringing } from '../../../src/gateways/evm/own.ts'
import { evmSpender } from '../../../src/gateways/evm/spend.ts'
import type { AccountPlan, Output, OwnPayment, SpendRequest } from '../../../src/gateways/spend.ts'
import { account, BOB, withoutDelegates as chain, ETHER, fees, GWEI, planOf } from './money-out.ts'

/** Sweeping where there are no delegates: the treasury gives an address its gas, and the address sends all it has. */

const TREASURY = 3
const ADDRESS = 10
const treasury = payerOf(chain, account, TREASURY)
/** 20 gwei are twice a base fee of 9.5, and a tip of 1: the next block takes 10.5, and three full ones later 15.25. */
const NEXT = 105n * (GWEI / 10n)
const MODEST = 1_525n * (GWEI / 100n)
const GAS_LIMIT = 60_000n
/** Of the chain's own asset: a fifth over what a node says. */
const GAS = 25_776n

const emptying = { index: TREASURY, units: null }

function request(asset: string, own: OwnPayment, held: { units?: bigint; native: bigint; gas?: bigint | null }): SpendRequest {
  const index = own.units === null ? ADDRESS : TREASURY
  const funds = { kind: 'account' as const, index, nonce: 4, units: 5_000_000n, gas: 50_000n, ...held, own }
  return { asset, outputs: [], funds, fees, feeMax: ETHER }
}

function missingOf(asked: SpendRequest): bigint | null {
  const plan = evmSpender.plan(chain, account, asked)
  if (plan.ok) return null
  if (plan.error.reason !== 'insufficient_funds') throw new Error(plan.error.reason)
  expect(plan.error.asset).toBe('ETH')
  return plan.error.missing
}

function over(fee: bigint) {
  return { ok: false, error: { reason: 'fee_over_limit', fee } }
}

/** The half of `fees` that a test wants another of. */
function bumped(before: AccountPlan, asked: SpendRequest, maxFeePerGas: bigint = fees.maxFeePerGas) {
  return evmSpender.bump(chain, account, before, { ...asked, fees: { ...fees, maxFeePerGas } })
}

describe('of a token', () => {
  test('without gas the address lacks enough for three full blocks, and offers all that it is then given', () => {
    expect(missingOf(request('USDC', emptying, { native: 0n }))).toBe(GAS_LIMIT * MODEST)
    const plan = planOf(request('USDC', emptying, { native: GAS_LIMIT * MODEST }), chain)
    expect(plan).toMatchObject({ index: ADDRESS, nonce: 4, payeeIndex: TREASURY, maxFeePerGas: MODEST, gasLimit: GAS_LIMIT })
    expect(plan.fee).toBe(GAS_LIMIT * MODEST)
    // What a block takes now is enough; a wei less for each gas is not.
    expect(planOf(request('USDC', emptying, { native: GAS_LIMIT * NEXT }), chain).maxFeePerGas).toBe(NEXT)
    expect(missingOf(request('USDC', emptying, { native: GAS_LIMIT * NEXT - 1n }))).toBe(GAS_LIMIT * (MODEST - NEXT) + 1n)
    expect(planOf(request('USDC', emptying, { native: ETHER }), chain).maxFeePerGas).toBe(fees.maxFeePerGas)
  })

  test('a rollup’s fee for data is part of what is missing', () => {
    const asked = request('USDC', emptying, { native: 0n })
    const dear = { ...asked, fees: { ...fees, dataFee: 7n } }
    expect(missingOf(dear)).toBe(GAS_LIMIT * MODEST + 7n)
  })

  test('whatever it has and blocks cost, a top-up of what is missing is enough, and no more than the market is offered', () => {
    const gwei = fc.bigInt({ min: 0n, max: 500n * GWEI })
    const native = fc.bigInt({ min: 0n, max: ETHER / 10n })
    fc.assert(
      fc.property(gwei, gwei, native, fc.bigInt({ min: 21_000n, max: 400_000n }), gwei, (base, tip, has, gas, dataFee) => {
        const market = { kind: 'account' as const, maxFeePerGas: 2n * base + tip + 1n, maxPriorityFeePerGas: tip, dataFee }
        const asked = { ...request('USDC', emptying, { native: has, gas }), fees: market }
        const missing = missingOf(asked) ?? 0n
        const plan = planOf({ ...request('USDC', emptying, { native: has + missing, gas }), fees: market }, chain)
        expect(plan.fee).toBeLessThanOrEqual(has + missing)
        expect(plan.maxFeePerGas).toBeLessThanOrEqual(market.maxFeePerGas)
        expect(plan.maxFeePerGas).toBeGreaterThanOrEqual(base + tip)
        expect(evmSpender.check(chain, account, plan, 'USDC', []).ok).toBe(true)
      }),
    )
  })

  test('over the limit of its fee nothing is brought for it, and never more than that limit', () => {
    // A node, or a token, that wants as much gas as a block has.
    const absurd = request('USDC', emptying, { native: 0n, gas: 30_000_000n })
    const feeMax = 100_000n * 300n * GWEI
    const least = 36_000_000n * NEXT
    expect(evmSpender.plan(chain, account, { ...absurd, feeMax })).toEqual(over(least))
    const asked = { ...request('USDC', emptying, { native: 7n }), feeMax: GAS_LIMIT * (NEXT + 5n) + 1n }
    expect(missingOf(asked)).toBe(asked.feeMax - 7n)
    expect(evmSpender.plan(chain, account, { ...asked, feeMax: GAS_LIMIT * NEXT - 1n })).toEqual(over(GAS_LIMIT * NEXT))
    const given = { ...request('USDC', emptying, { native: ETHER }), feeMax: asked.feeMax }
    const plan = planOf(given, chain)
    expect(plan).toMatchObject({ maxFeePerGas: NEXT + 5n, fee: GAS_LIMIT * (NEXT + 5n) })
    const bump = bumped(plan, given)
    expect(bump.ok ? null : bump.error.reason).toBe('fee_over_limit')
  })

  test('a replacement offers what the address has gas for, and lacks the rest', () => {
    const before = planOf(request('USDC', emptying, { native: GAS_LIMIT * MODEST }), chain)
    const dearest = bumped(before, request('USDC', emptying, { native: ETHER }), 100n * GWEI)
    expect(dearest).toMatchObject({ value: { maxFeePerGas: 100n * GWEI, nonce: 4, data: before.data } })
    // Nodes take it from an eighth more on.
    const raised = (MODEST * 1_125n + 999n) / 1_000n
    const some = bumped(before, request('USDC', emptying, { native: GAS_LIMIT * raised }))
    expect(some).toMatchObject({ value: { maxFeePerGas: raised, payeeIndex: TREASURY } })
    const none = bumped(before, request('USDC', emptying, { native: GAS_LIMIT * raised - 1n }))
    expect(none).toMatchObject({ error: { reason: 'insufficient_funds', asset: 'ETH' } })
  })

  test('is planned by nobody of whom a node says that it would fail', () => {
    const plan = evmSpender.plan(chain, account, request('USDC', emptying, { native: ETHER, gas: null }))
    expect(plan).toMatchObject({ error: { reason: 'bad_output' } })
  })
})

describe('of the chain’s own asset', () => {
  const all = (native: bigint) => request('ETH', emptying, { units: native, native, gas: 21_480n })

  test('all but the gas is sent, when it is worth that', () => {
    expect(planOf(all(ETHER), chain)).toMatchObject({ to: treasury, value: ETHER - GAS * MODEST, data: OWN_MARK, gasLimit: GAS })
    const worth = 20n * GAS * MODEST
    expect(missingOf(all(worth))).toBeNull()
    expect(missingOf(all(worth - 1n))).toBe(1n)
    expect(isWorthBringing(20n * 21_000n * MODEST, { maxFeePerGas: MODEST })).toBe(true)
    expect(isWorthBringing(20n * 21_000n * MODEST - 1n, { maxFeePerGas: MODEST })).toBe(false)
  })

  test('a replacement sends less, under the same number', () => {
    const before = planOf(all(ETHER), chain)
    const again = bumped(before, all(ETHER), 100n * GWEI)
    expect(again).toMatchObject({ value: { nonce: 4, value: ETHER - GAS * 100n * GWEI, payeeIndex: TREASURY } })
  })
})

describe('a top-up', () => {
  const own = { index: ADDRESS, units: 7n * GWEI }
  const plan = planOf(request('ETH', own, { native: ETHER, units: ETHER, gas: 21_480n }), chain)

  test('is a payment of the treasury to that address, replaced by a dearer one of as much', () => {
    expect(plan).toMatchObject({ index: TREASURY, to: payerOf(chain, account, ADDRESS), value: 7n * GWEI, payeeIndex: ADDRESS })
    const again = bumped(plan, request('ETH', own, { native: ETHER, units: ETHER, gas: 21_480n }), 100n * GWEI)
    expect(again).toMatchObject({
      value: { ...plan, maxFeePerGas: 100n * GWEI, fee: GAS * 100n * GWEI, maxPriorityFeePerGas: expect.anything() },
    })
  })

  test('passes as a sweep only if it pays what it says, an address of the account, and that alone', () => {
    const check = (changed: AccountPlan, outputs: readonly Output[] = [], asset = 'ETH') =>
      evmSpender.check(chain, account, changed, asset, outputs).ok
    expect(check(plan)).toBe(true)
    expect(check({ ...plan, to: BOB.toLowerCase() })).toBe(false)
    expect(check({ ...plan, data: '0x00' })).toBe(false)
    // Unmarked it would be a payment of the invoice that the address is of.
    expect(check({ ...plan, data: '0x' })).toBe(false)
    const { payeeIndex: _, ...elsewhere } = plan
    expect(check(elsewhere)).toBe(false)
    for (const payeeIndex of [4, -1, 2 ** 31]) expect(check({ ...elsewhere, payeeIndex })).toBe(false)
    expect(check(plan, [{ address: BOB, units: plan.value }])).toBe(false)
    expect(check(elsewhere, [{ address: plan.to, units: plan.value }])).toBe(false)
    expect(check({ ...elsewhere, data: '0x' }, [{ address: plan.to, units: plan.value }])).toBe(true)
    expect(check(plan, [], 'USDC')).toBe(false)
  })
})
