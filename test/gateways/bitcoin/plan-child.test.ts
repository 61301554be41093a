import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dustLimit, feeOf, vsizeOf } from '../../../src/gateways/bitcoin/fees.ts'
import { leftBehind } from '../../../src/gateways/bitcoin/package.ts'
import { recipientScript } from '../../../src/gateways/bitcoin/recipient.ts'
import { bitcoinSpender as spender } from '../../../src/gateways/bitcoin/spend.ts'
import type { OwnCoin, WaitingTransaction } from '../../../src/gateways/spend.ts'
import { accountOf, CHANGE_INDEX, coin, coinPlan, must, regtest, request, SCRIPTS, sum } from './spending.ts'

const accounts = { p2wpkh: accountOf('p2wpkh'), p2tr: accountOf('p2tr') }
const account = accounts.p2wpkh
const idOf = (n: number) => n.toString(16).padStart(64, '0')
const PARENT = idOf(99)

/** The n-th waits, and spends outputs of these, or what is in blocks. */
function waits(n: number, fee: bigint, vsize: number, ...of: number[]): WaitingTransaction {
  const spends = of.length === 0 ? [`${idOf(1_000 + n)}:0`] : of.map((from) => `${idOf(from)}:${n}`)
  return { txid: idOf(n), spends, fee, vsize }
}

function wish(
  ancestors: readonly WaitingTransaction[],
  coins: readonly OwnCoin[],
  { satsPerKvb = 10_000n, feeMax = 100_000n } = {},
) {
  const { funds, ...rest } = request([], [], { satsPerKvb, feeMax })
  return { ...rest, funds: { ...funds, parent: { txid: ancestors.at(-1)?.txid ?? PARENT, coins, ancestors } } }
}

const stuck = [waits(99, 150n, 150)]
const own = (units: bigint, n = 4): OwnCoin => ({ ...coin(n, units), txid: PARENT, vout: n })

describe('a child', () => {
  test('brings itself and its parent to the rate together, to an own index and nobody else', () => {
    const plan = coinPlan(spender.plan(regtest, account, wish(stuck, [own(80_000n)])))
    expect(plan.fee + 150n).toBe(10n * BigInt(150 + plan.vsize))
    expect(plan.change).toEqual({ position: 0, index: CHANGE_INDEX })
    expect(must(spender.check(regtest, account, plan, 'BTC', []))).toBeNull()
    // What pays anybody else, or nobody at all, is none.
    const elsewhere = { ...plan, change: null }
    expect(spender.check(regtest, account, elsewhere, 'BTC', [])).toMatchObject({ error: { reason: 'bad_plan' } })
  })

  test('is not made for a parent that has the rate', () => {
    const paid = [waits(99, 1_500n, 150)]
    expect(spender.plan(regtest, account, wish(paid, [own(80_000n)]))).toMatchObject({
      error: { reason: 'no_child', detail: expect.stringContaining('it pays 10 sat/vB') },
    })
    expect(spender.plan(regtest, account, wish([waits(99, 1_499n, 150)], [own(80_000n)])).ok).toBe(true)
  })

  test('spends as few of its parent’s outputs as pay for it, the largest first; too little is told by how much', () => {
    const one = coinPlan(spender.plan(regtest, account, wish(stuck, [own(300n, 1), own(5_000n, 2), own(9_000n, 3)])))
    expect(one.inputs).toEqual([own(9_000n, 3)])
    const two = coinPlan(spender.plan(regtest, account, wish(stuck, [own(1_900n, 1), own(2_000n, 2)])))
    expect(two.inputs).toEqual([own(2_000n, 2), own(1_900n, 1)])
    expect(two.fee).toBe(10n * BigInt(150 + two.vsize) - 150n)
    const short = spender.plan(regtest, account, wish(stuck, [own(2_000n)]))
    // 110 virtual bytes, and dust of 294.
    expect(short).toMatchObject({ error: { reason: 'no_child', detail: expect.stringContaining('0.00000744 BTC too little') } })
  })

  test('costs no more than the limit', () => {
    expect(spender.plan(regtest, account, wish(stuck, [own(80_000n)], { feeMax: 2_449n }))).toEqual({
      ok: false,
      error: { reason: 'fee_over_limit', fee: 2_450n },
    })
  })

  test('is replaced with the same coin first, at the rate of then for all that still waits, adding others when it must', () => {
    const plan = coinPlan(spender.plan(regtest, account, wish(stuck, [own(5_000n)])))
    const dearer = wish(stuck, [], { satsPerKvb: 15_000n })
    const bumped = coinPlan(spender.bump(regtest, account, plan, dearer))
    expect(bumped.inputs).toEqual(plan.inputs)
    expect(bumped.fee + 150n).toBe(15n * BigInt(150 + bumped.vsize))
    // Its parent is in a block by now: what is left to be paid is its own place, and that of what it replaces.
    const alone = coinPlan(spender.bump(regtest, account, plan, wish([], [], { satsPerKvb: 15_000n })))
    expect(alone.fee).toBe(plan.fee + BigInt(alone.vsize))
    const more = wish(stuck, [], { satsPerKvb: 40_000n })
    expect(spender.bump(regtest, account, plan, more)).toMatchObject({ error: { reason: 'not_bumpable' } })
    const added = coinPlan(spender.bump(regtest, account, plan, { ...more, funds: { ...more.funds, coins: [coin(7, 50_000n)] } }))
    expect(added.inputs).toEqual([...plan.inputs, coin(7, 50_000n)])
    expect(must(spender.check(regtest, account, added, 'BTC', []))).toBeNull()
  })
})

describe('what miners leave behind', () => {
  const left = (all: readonly WaitingTransaction[], satsPerKvb = 10_000n) => leftBehind(all, satsPerKvb)

  test('is the parent and all that it hangs on, each once', () => {
    expect(left([waits(1, 100n, 100), waits(2, 200n, 200, 1), waits(3, 300n, 300, 1), waits(4, 400n, 400, 2, 3)])).toEqual({
      fee: 1_000n,
      vsize: 1_000,
    })
  })

  test('is not what they take anyway: a dear ancestor does not pay for a cheap parent', () => {
    expect(left([waits(1, 50_000n, 100), waits(2, 150n, 150, 1)])).toEqual({ fee: 150n, vsize: 150 })
    // Another child of the ancestor pays for it, but not for the parent.
    expect(left([waits(1, 100n, 100), waits(2, 150n, 150, 1)])).toEqual({ fee: 250n, vsize: 250 })
  })

  test('is nothing where a dear parent brings its cheap ancestor with it', () => {
    expect(left([waits(1, 100n, 100), waits(2, 4_000n, 150, 1)])).toBeNull()
  })
})

/** Each may spend of those before it. */
const packages = fc
  .array(
    fc.record({ fee: fc.bigInt({ min: 0n, max: 5_000n }), vsize: fc.integer({ min: 80, max: 600 }), of: fc.array(fc.nat(7)) }),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((all) => all.map(({ fee, vsize, of }, n) => waits(n, fee, vsize, ...new Set(of.filter((from) => from < n)))))

test('any package: no part of what is left behind has the rate, and with the child all of it has', () => {
  fc.assert(
    fc.property(
      packages,
      fc.constantFrom(...SCRIPTS),
      fc.bigInt({ min: 1_000n, max: 50_000n }),
      fc.array(fc.bigInt({ min: 330n, max: 60_000n }), { minLength: 1, maxLength: 4 }),
      (ancestors, script, satsPerKvb, units) => {
        const coins = units.map((one, n) => own(one, n))
        const answer = spender.plan(regtest, accounts[script], wish(ancestors, coins, { satsPerKvb, feeMax: 10n ** 9n }))
        const owing = leftBehind(ancestors, satsPerKvb)
        if (owing === null) return void expect(answer).toMatchObject({ error: { reason: 'no_child' } })
        expect(owing.fee).toBeLessThan(feeOf(satsPerKvb, owing.vsize))
        const all = ancestors.reduce((sums, { fee, vsize }) => ({ fee: sums.fee + fee, vsize: sums.vsize + vsize }), {
          fee: 0n,
          vsize: 0,
        })
        expect(owing.vsize).toBeLessThanOrEqual(all.vsize)
        if (!answer.ok) return void expect(answer.error.reason).toBe('no_child')
        const plan = coinPlan(answer)
        expect(must(spender.check(regtest, accounts[script], plan, 'BTC', []))).toBeNull()
        expect(plan.fee + owing.fee).toBe(feeOf(satsPerKvb, owing.vsize + plan.vsize))
        // The child by itself has the rate too: else miners would take its parent without it.
        expect(plan.fee).toBeGreaterThanOrEqual(feeOf(satsPerKvb, plan.vsize))
        expect(sum(plan.inputs)).toBe(sum(plan.outputs) + plan.fee)
        const to = must(recipientScript(regtest, plan.outputs[0]?.address ?? ''))
        expect(plan.outputs[0]?.units).toBeGreaterThanOrEqual(dustLimit(regtest, to))
        expect(plan.vsize).toBe(vsizeOf(script, plan.inputs.length, [to]))
      },
    ),
    { numRuns: 60 },
  )
})
