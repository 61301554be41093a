import fc from 'fast-check'
import { type Hex, serializeTransaction } from 'viem'
import { describe, expect, test } from 'vitest'
import { payerOf } from '../../../src/gateways/evm/address.ts'
import { delegateOf } from '../../../src/gateways/evm/delegate.ts'
import { evmSigner } from '../../../src/gateways/evm/sign.ts'
import { evmSpender } from '../../../src/gateways/evm/spend.ts'
import { SWEEP_MAX } from '../../../src/gateways/evm/sweep.ts'
import type { AccountPlan, Deposit, SpendRequest } from '../../../src/gateways/spend.ts'
import { account, ask, BOB, chain, ETHER, FACTORY, fees, planOf, seed, viemAccount, withoutDelegates } from './money-out.ts'

const TREASURY = 3
const treasury = { index: TREASURY, nonce: 7, native: ETHER, gas: 500_000n }
const address = payerOf(chain, account, TREASURY)
const delegate = delegateOf(FACTORY, address) as Hex

function deposit(index: number, changes: Partial<Deposit> = {}): Deposit {
  return { index, units: 5_000_000n, native: 0n, nonce: 0, delegated: false, ...changes }
}

function requestOf(deposits: readonly Deposit[], asset = 'USDC'): SpendRequest {
  const held = { kind: 'account' as const, ...treasury, units: 0n, deposits }
  return { asset, outputs: [], funds: held, fees, feeMax: ETHER }
}

function sweepOf(deposits: readonly Deposit[], asset = 'USDC'): AccountPlan {
  return planOf(requestOf(deposits, asset))
}

/** The same transaction, made and signed by viem alone. */
async function byViem(plan: AccountPlan): Promise<string> {
  const authorizationList = await Promise.all(
    (plan.authorizations ?? []).map(async ({ index, nonce }) => {
      const signed = await viemAccount(index).signAuthorization?.({ contractAddress: delegate, chainId: 31337, nonce })
      if (signed === undefined) throw new Error('viem signs no authorizations')
      return signed
    }),
  )
  return await viemAccount(plan.index).signTransaction(
    {
      type: 'eip7702',
      chainId: 31337,
      nonce: plan.nonce,
      to: plan.to as Hex,
      value: plan.value,
      data: plan.data as Hex,
      gas: plan.gasLimit,
      maxFeePerGas: plan.maxFeePerGas,
      maxPriorityFeePerGas: plan.maxPriorityFeePerGas,
      authorizationList,
    },
    { serializer: serializeTransaction },
  )
}

describe('a sweep', () => {
  test('is one transaction of the treasury, with an authorization of each address that has not delegated', () => {
    const plan = sweepOf([deposit(10), deposit(11, { delegated: true, nonce: 1 }), deposit(12, { nonce: 4 })])
    expect(plan).toMatchObject({ index: TREASURY, nonce: 7, to: delegate, value: 0n, gasLimit: 600_000n + 50_000n })
    expect(plan.authorizations).toEqual([
      { index: 10, nonce: 0, address: delegate },
      { index: 12, nonce: 4, address: delegate },
    ])
    expect(sweepOf([deposit(11, { delegated: true })])).not.toHaveProperty('authorizations')
  })

  test('is, signed, byte for byte what viem makes of it', async () => {
    const deposits = fc.uniqueArray(
      fc.record({ index: fc.integer({ min: 4, max: 40 }), nonce: fc.integer({ min: 0, max: 300 }) }),
      {
        selector: ({ index }) => index,
        minLength: 1,
        maxLength: 4,
      },
    )
    await fc.assert(
      fc.asyncProperty(deposits, fc.constantFrom('ETH', 'USDC'), async (some, asset) => {
        const plan = sweepOf(
          some.map(({ index, nonce }) => deposit(index, { nonce })),
          asset,
        )
        expect(evmSigner.sign(chain, seed, 'evm', plan).raw).toBe(await byViem(plan))
      }),
      { numRuns: 10 },
    )
  })

  test('is kept in the limit of its fee, and what the treasury has', () => {
    const request = requestOf([deposit(10)])
    expect(evmSpender.plan(chain, account, { ...request, feeMax: 1n })).toMatchObject({ error: { reason: 'fee_over_limit' } })
    const poor = { ...request, funds: { ...request.funds, native: 1n } as SpendRequest['funds'] }
    expect(evmSpender.plan(chain, account, poor)).toMatchObject({ error: { reason: 'insufficient_funds', asset: 'ETH' } })
  })

  test('is refused where the chain has no delegates, and where a node says that it would fail', () => {
    const request = requestOf([deposit(10)])
    expect(evmSpender.plan(withoutDelegates, account, request)).toMatchObject({ error: { reason: 'bad_output' } })
    const failing = { ...request, funds: { ...request.funds, gas: null } as SpendRequest['funds'] }
    expect(evmSpender.plan(chain, account, failing)).toMatchObject({ error: { reason: 'bad_output' } })
  })

  test('bumped is the same at a higher fee, whatever has been delegated since', () => {
    const before = sweepOf([deposit(10), deposit(11)])
    const bumped = evmSpender.bump(chain, account, before, requestOf([deposit(10, { delegated: true })]))
    const maxFeePerGas = 22_500_000_000n
    expect(bumped).toEqual({
      ok: true,
      value: { ...before, maxFeePerGas, maxPriorityFeePerGas: 1_125_000_000n, fee: before.gasLimit * maxFeePerGas },
    })
  })

  test('has a bound, and never sweeps the treasury itself', () => {
    const many = Array.from({ length: SWEEP_MAX + 1 }, (_, at) => deposit(100 + at))
    expect(() => sweepOf(many)).toThrow(/addresses in a sweep/)
    expect(() => sweepOf([deposit(TREASURY)])).toThrow(/not swept/)
    const paying = { ...requestOf([deposit(10)]), outputs: [{ address: BOB, units: 1n }] }
    expect(() => planOf(paying)).toThrow(/pays nobody/)
  })

  test('is given to nobody else to sign', () => {
    const plan = sweepOf([deposit(10)])
    expect(evmSpender.unsigned(chain, account, plan)).toEqual({})
    const { raw } = evmSigner.sign(chain, seed, 'evm', plan)
    expect(evmSpender.readSigned(chain, account, plan, raw)).toMatchObject({ ok: false })
  })
})

describe('the check of a sweep', () => {
  const plan = sweepOf([deposit(10), deposit(11)])
  const to = (...addresses: string[]) => addresses.map((one) => ({ address: one, units: 10_000_000n }))
  const check = (changed: AccountPlan, outputs = to(address), asset = 'USDC') =>
    evmSpender.check(chain, account, changed, asset, outputs).ok

  test('accepts money that comes to the treasury, and to nobody else', () => {
    expect(check(plan)).toBe(true)
    expect(check(plan, to(viemAccount(TREASURY).address))).toBe(true)
    expect(check(plan, to(BOB))).toBe(false)
    expect(check(plan, to(address, BOB))).toBe(false)
    expect(check(plan, to(address), 'ETH')).toBe(false)
  })

  test.each<[string, Partial<AccountPlan>]>([
    ['sent by another address, whose delegate that is not', { index: 4 }],
    ['to somebody else, with the same words', { to: BOB.toLowerCase() }],
    ['to the delegate of another treasury', { to: delegateOf(FACTORY, BOB) }],
    ['with money beside it', { value: 1n }],
    ['that lets another contract act', { authorizations: [{ index: 10, nonce: 0, address: delegateOf(FACTORY, BOB) }] }],
    ['that lets an address act which is not swept', { authorizations: [{ index: 12, nonce: 0, address: delegate }] }],
    ['that lets an address act at no number', { authorizations: [{ index: 10, nonce: -1, address: delegate }] }],
    ['that lets an address act which is none', { authorizations: [{ index: -1, nonce: 0, address: delegate }] }],
  ])('refuses one %s', (_name, change) => {
    expect(check({ ...plan, ...change })).toBe(false)
  })

  test('refuses whatever differs by a digit of its call', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: plan.data.length - 1 }), fc.constantFrom(...'0123456789abcdef'), (at, digit) => {
        fc.pre(plan.data[at] !== digit)
        const data = plan.data.slice(0, at) + digit + plan.data.slice(at + 1)
        // Another address may be flushed in place of one of ours, to the treasury too; then ours delegates for no reason.
        expect(check({ ...plan, data })).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  test('refuses it where the chain has no delegates', () => {
    expect(evmSpender.check(withoutDelegates, account, plan, 'USDC', to(address))).toMatchObject({ error: { reason: 'bad_plan' } })
  })

  test('refuses a payment of many that delegates otherwise than to its own', () => {
    const outputs = [1n, 2n].map((units) => ({ address: BOB, units }))
    const many = planOf(ask('USDC', outputs, { index: TREASURY, gas: 90_000n }))
    expect(check(many, outputs)).toBe(true)
    const { authorizations: _, ...bare } = many
    expect(check(bare, outputs)).toBe(false)
    for (const one of [
      { index: TREASURY, nonce: many.nonce, address: delegate },
      { index: 4, nonce: many.nonce + 1, address: delegate },
      { index: TREASURY, nonce: many.nonce + 1, address: BOB.toLowerCase() },
    ]) {
      expect(check({ ...many, authorizations: [one] }, outputs)).toBe(false)
    }
    expect(check(many, [...outputs].reverse())).toBe(false)
  })
})

describe('the making of a delegate', () => {
  test('is a call of the factory that pays nobody', () => {
    const plan = sweepOf([])
    expect(plan).toMatchObject({ to: FACTORY.toLowerCase(), value: 0n, gasLimit: 600_000n })
    expect(plan).not.toHaveProperty('authorizations')
    expect(evmSpender.check(chain, account, plan, 'ETH', [])).toEqual({ ok: true, value: null })
    expect(evmSpender.check(chain, account, { ...plan, index: 4 }, 'ETH', []).ok).toBe(false)
    expect(evmSpender.check(chain, account, plan, 'ETH', [{ address: BOB, units: 1n }]).ok).toBe(false)
  })
})
