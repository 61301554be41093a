import { Transaction } from '@scure/btc-signer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dustLimit, feeOf, inputVsize, vsizeOf } from '../../../src/gateways/bitcoin/fees.ts'
import { recipientScript } from '../../../src/gateways/bitcoin/recipient.ts'
import { bitcoinSigner } from '../../../src/gateways/bitcoin/sign.ts'
import { bitcoinSpender as spender } from '../../../src/gateways/bitcoin/spend.ts'
import type { CoinPlan, Output, OwnCoin } from '../../../src/gateways/spend.ts'
import { fromHex } from '../../../src/lib/bytes.ts'
import { accountOf, CHANGE_INDEX, coin, coinPlan, must, regtest, request, SCRIPTS, SEED, stranger, sum } from './spending.ts'

const account = accountOf('p2wpkh')
const pay = (units: bigint, n = 0): Output => ({ address: stranger(n), units })
const scriptsOf = (plan: CoinPlan) => plan.outputs.map(({ address }) => must(recipientScript(regtest, address)))

describe('plan', () => {
  test('pays in the order of the request; what is left goes to a fresh address of the account', () => {
    const outputs = [pay(30_000n, 1), pay(10_000n, 2), pay(20_000n, 3)]
    const plan = coinPlan(spender.plan(regtest, account, request(outputs, [coin(1, 100_000n)])))
    expect(plan.outputs.filter((_, i) => i !== plan.change?.position)).toEqual(outputs)
    expect(plan.change).toMatchObject({ index: CHANGE_INDEX })
    expect(plan).toMatchObject({ chainId: regtest.id, lockTime: 500, inputs: [coin(1, 100_000n)] })
    expect(must(spender.check(regtest, account, plan, 'BTC', outputs))).toBeNull()
  })

  test('the place of change follows from the coins, and is not always the same', () => {
    const places = new Set<number | undefined>()
    for (let n = 0; n < 30; n++) {
      const wanted = request([pay(10_000n)], [coin(n, 100_000n)])
      const plan = coinPlan(spender.plan(regtest, account, wanted))
      expect(coinPlan(spender.plan(regtest, account, wanted))).toEqual(plan)
      places.add(plan.change?.position)
    }
    expect(places).toEqual(new Set([0, 1]))
  })

  test('what would be dust as change goes to the fee, and one unit more is change', () => {
    const { script } = { script: must(recipientScript(regtest, stranger(0))) }
    expect(dustLimit(regtest, script)).toBe(294n)
    // Two outputs and one input are 141 virtual bytes, one output 110.
    const fee = 2n * BigInt(vsizeOf('p2wpkh', 1, [script, script]))
    const without = coinPlan(spender.plan(regtest, account, request([pay(50_000n)], [coin(1, 50_000n + fee + 293n)])))
    expect(without).toMatchObject({ change: null, fee: fee + 293n, vsize: 110 })
    const having = coinPlan(spender.plan(regtest, account, request([pay(50_000n)], [coin(1, 50_000n + fee + 294n)])))
    expect(having.fee).toBe(fee)
    expect(having.outputs[having.change?.position ?? -1]?.units).toBe(294n)
  })

  test('a rate between two whole ones is kept to the satoshi, rounded up', () => {
    const plan = coinPlan(spender.plan(regtest, account, request([pay(50_000n)], [coin(1, 100_000n)], { satsPerKvb: 1_234n })))
    expect(plan.vsize).toBe(141)
    expect(plan.fee).toBe(174n)
    const least = coinPlan(spender.plan(regtest, account, request([pay(50_000n)], [coin(1, 100_000n)], { satsPerKvb: 1n })))
    expect(least.fee).toBe(141n)
  })

  test('where whole rates say too little, all there is may still be enough', () => {
    // 110 virtual bytes at 1.001 sat are 111 satoshi; at 2 they would be 220.
    const plan = coinPlan(spender.plan(regtest, account, request([pay(50_000n)], [coin(1, 50_111n)], { satsPerKvb: 1_001n })))
    expect(plan).toMatchObject({ fee: 111n, change: null })
    const short = spender.plan(regtest, account, request([pay(50_000n)], [coin(1, 50_110n)], { satsPerKvb: 1_001n }))
    expect(short).toMatchObject({ error: { reason: 'insufficient_funds', asset: 'BTC', missing: 1n } })
  })

  test('without coins it says how much is missing, fee included', () => {
    expect(spender.plan(regtest, account, request([pay(50_000n)], []))).toMatchObject({
      error: { reason: 'insufficient_funds', missing: 50_000n + 2n * 42n },
    })
  })

  test('a fee over the limit is refused, and coins that cost less are taken where there are some', () => {
    const small = Array.from({ length: 15 }, (_, n) => coin(n, 4_000n))
    const wanted = [...small, coin(99, 900_000n)]
    expect(coinPlan(spender.plan(regtest, account, request([pay(40_000n)], wanted))).inputs.length).toBeGreaterThan(10)
    const few = coinPlan(spender.plan(regtest, account, request([pay(40_000n)], wanted, { feeMax: 500n })))
    expect(few.inputs).toEqual([coin(99, 900_000n)])
    expect(spender.plan(regtest, account, request([pay(40_000n)], wanted, { feeMax: 281n }))).toEqual({
      ok: false,
      error: { reason: 'fee_over_limit', fee: 282n },
    })
  })

  test('at a high rate the fewest coins are spent, and none that cost more than they bring', () => {
    const coins = [...Array.from({ length: 15 }, (_, n) => coin(n, 6_000n)), coin(99, 900_000n)]
    const plan = coinPlan(spender.plan(regtest, account, request([pay(40_000n)], coins, { satsPerKvb: 90_000n })))
    expect(plan.inputs).toEqual([coin(99, 900_000n)])
    expect(spender.plan(regtest, account, request([pay(40_000n)], coins.slice(0, 15), { satsPerKvb: 90_000n }))).toMatchObject({
      error: { reason: 'insufficient_funds' },
    })
  })

  test('a coin that is listed twice is spent once', () => {
    const twice = [coin(1, 30_000n), coin(1, 30_000n)]
    expect(spender.plan(regtest, account, request([pay(40_000n)], twice))).toMatchObject({
      error: { reason: 'insufficient_funds' },
    })
  })

  test('of many coins the largest 500 are all there is; with as many outputs as there may be, nodes pass that on', () => {
    const coins = Array.from({ length: 700 }, (_, n) => coin(n, 10_000n + BigInt(n)))
    const most = sum(coins.slice(200))
    const fee = 2n * BigInt(vsizeOf('p2wpkh', 500, [must(recipientScript(regtest, stranger(0)))]))
    const plan = coinPlan(spender.plan(regtest, account, request([pay(most - fee)], coins)))
    expect(plan).toMatchObject({ fee, change: null, inputs: { length: 500 } })
    expect(must(spender.check(regtest, account, plan, 'BTC', [pay(most - fee)]))).toBeNull()
    expect(spender.plan(regtest, account, request([pay(most - fee + 1n)], coins))).toMatchObject({
      error: { reason: 'insufficient_funds', missing: 1n },
    })
    const heaviest = vsizeOf('p2wpkh', 500, new Array(1_001).fill(new Uint8Array(34)))
    expect(heaviest).toBeLessThanOrEqual(100_000)
    const more = { ...plan, inputs: [...plan.inputs, coin(0, 10_000n)], fee: plan.fee + 10_000n }
    expect(spender.check(regtest, account, more, 'BTC', [pay(most - fee)])).toMatchObject({
      error: { detail: expect.stringContaining('larger') },
    })
  })

  test('outputs that cannot be paid are refused with their position', () => {
    const bad = (output: Output, detail: RegExp) =>
      expect(spender.plan(regtest, account, request([pay(20_000n), output], [coin(1, 100_000n)]))).toMatchObject({
        error: { reason: 'bad_output', position: 1, detail: expect.stringMatching(detail) },
      })
    bad(pay(293n), /under 0.00000294 BTC/)
    bad({ address: stranger(0, 'p2tr'), units: 329n }, /under 0.00000330 BTC/)
    bad({ address: 'bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu', units: 20_000n }, /Bitcoin mainnet/)
    bad({ address: 'hello', units: 20_000n }, /no address/)
    const over = new Array<Output>(1_001).fill(pay(20_000n))
    expect(spender.plan(regtest, account, request(over, []))).toMatchObject({ error: { reason: 'bad_output', position: 1_000 } })
    expect(spender.plan(regtest, account, request([], []))).toMatchObject({ error: { reason: 'bad_output' } })
    expect(spender.plan(regtest, account, request([pay(20_000n)], [], { asset: 'LTC' }))).toMatchObject({
      error: { reason: 'bad_output', detail: expect.stringContaining('LTC') },
    })
  })
})

describe('bump', () => {
  const outputs = [pay(50_000n)]

  test('keeps inputs and outputs, pays more by at least what nodes ask for passing it on, and takes it from change', () => {
    const before = coinPlan(spender.plan(regtest, account, request(outputs, [coin(1, 100_000n)])))
    const after = coinPlan(spender.bump(regtest, account, before, request(outputs, [], { satsPerKvb: 2_100n })))
    expect(after.fee).toBe(before.fee + 141n)
    expect(after).toMatchObject({ inputs: before.inputs, change: before.change, vsize: before.vsize })
    expect(must(spender.check(regtest, account, after, 'BTC', outputs))).toBeNull()
    const faster = coinPlan(spender.bump(regtest, account, after, request(outputs, [], { satsPerKvb: 20_000n })))
    expect(faster.fee).toBe(20n * 141n)
  })

  test('change that would be dust is given up; then coins are added behind those that are there', () => {
    const before = coinPlan(spender.plan(regtest, account, request(outputs, [coin(1, 51_000n)])))
    expect(before.change).not.toBeNull()
    const without = coinPlan(spender.bump(regtest, account, before, request(outputs, [coin(7, 70_000n)], { satsPerKvb: 6_000n })))
    expect(without).toMatchObject({ change: null, inputs: before.inputs, fee: 1_000n })
    const added = coinPlan(spender.bump(regtest, account, without, request(outputs, [coin(7, 70_000n)], { satsPerKvb: 20_000n })))
    expect(added.inputs).toEqual([coin(1, 51_000n), coin(7, 70_000n)])
    expect(added.change).toMatchObject({ index: CHANGE_INDEX })
    expect(must(spender.check(regtest, account, added, 'BTC', outputs))).toBeNull()
  })

  test('without change and coins it is not bumpable, and says how much is short', () => {
    const before = coinPlan(spender.plan(regtest, account, request(outputs, [coin(1, 50_300n)])))
    expect(spender.bump(regtest, account, before, request(outputs, [coin(1, 50_300n)], { satsPerKvb: 9_000n }))).toMatchObject({
      error: { reason: 'not_bumpable', detail: expect.stringContaining('0.0000069 BTC short') },
    })
    expect(spender.bump(regtest, account, before, request([pay(50_001n)], []))).toMatchObject({ error: { reason: 'not_bumpable' } })
  })

  test('a fee over the limit is refused', () => {
    const before = coinPlan(spender.plan(regtest, account, request(outputs, [coin(1, 100_000n)])))
    const dear = request(outputs, [], { satsPerKvb: 50_000n, feeMax: 7_049n })
    expect(spender.bump(regtest, account, before, dear)).toEqual({ ok: false, error: { reason: 'fee_over_limit', fee: 7_050n } })
  })
})

describe('calling back', () => {
  const outputs = [pay(50_000n), pay(9_000n)]

  test('spends the same and pays nobody, by the rules of a bump', () => {
    const before = coinPlan(spender.plan(regtest, account, request(outputs, [coin(1, 100_000n), coin(2, 900n)])))
    const empty = coinPlan(spender.callBack(regtest, account, before, request(outputs, [])))
    expect(empty).toMatchObject({
      inputs: before.inputs,
      change: { position: 0, index: before.change?.index },
      outputs: { length: 1 },
    })
    expect(empty.fee).toBeGreaterThan(before.fee)
    expect(must(spender.check(regtest, account, empty, 'BTC', []))).toBeNull()
    expect(spender.check(regtest, account, empty, 'BTC', outputs)).toMatchObject({ error: { reason: 'bad_plan' } })
    // Hurried, it stays what it is.
    const faster = coinPlan(spender.callBack(regtest, account, empty, request(outputs, [], { satsPerKvb: 50_000n })))
    expect(faster).toMatchObject({
      inputs: before.inputs,
      change: empty.change,
      outputs: { length: 1 },
      fee: 50n * BigInt(empty.vsize),
    })
    const dear = request(outputs, [], { satsPerKvb: 50_000n, feeMax: 1_000n })
    expect(spender.callBack(regtest, account, before, dear)).toMatchObject({ error: { reason: 'fee_over_limit' } })
  })

  test('of what had no change goes to a fresh address', () => {
    const before = coinPlan(spender.plan(regtest, account, request([pay(50_000n)], [coin(1, 50_300n)])))
    expect(before.change).toBeNull()
    expect(coinPlan(spender.callBack(regtest, account, before, request([pay(50_000n)], []))).change).toEqual({
      position: 0,
      index: CHANGE_INDEX,
    })
  })
})

test('coins that are to be spent whatever else are, with as few beside them as will do', () => {
  const coins = [coin(1, 5_000n), coin(2, 90_000n), coin(3, 40_000n)]
  const required = [coins[0] as OwnCoin]
  const wish = request([pay(50_000n)], coins)
  const planned = coinPlan(spender.plan(regtest, account, { ...wish, funds: { ...wish.funds, required } as typeof wish.funds }))
  expect(planned.inputs).toEqual([coins[0], coins[1]])
  expect(must(spender.check(regtest, account, planned, 'BTC', wish.outputs))).toBeNull()
  const poor = request([pay(500_000n)], coins)
  expect(spender.plan(regtest, account, { ...poor, funds: { ...poor.funds, required } as typeof poor.funds })).toMatchObject({
    error: { reason: 'insufficient_funds' },
  })
})

/** Any coins, outputs and rate; addresses are few, for deriving them takes time. */
const wishes = fc.record({
  script: fc.constantFrom(...SCRIPTS),
  coins: fc.array(fc.bigInt({ min: 300n, max: 3_000_000n }), { minLength: 1, maxLength: 25 }),
  outputs: fc.array(
    fc.record({ to: fc.nat(5), script: fc.constantFrom(...SCRIPTS), units: fc.bigInt({ min: 330n, max: 900_000n }) }),
    {
      minLength: 1,
      maxLength: 6,
    },
  ),
  satsPerKvb: fc.bigInt({ min: 1n, max: 60_000n }),
})

test('plans: sums hold, no dust, the rate is what was asked for and little more, and what is signed is no larger than planned', () => {
  fc.assert(
    fc.property(wishes, ({ script, coins, outputs, satsPerKvb }) => {
      const own = accountOf(script)
      const wanted = outputs.map(({ to, script: kind, units }) => ({ address: stranger(to, kind), units }))
      const have = coins.map((units, n): OwnCoin => ({ ...coin(n, units), index: n % 7 }))
      const answer = spender.plan(regtest, own, request(wanted, have, { satsPerKvb }))
      if (!answer.ok) {
        // What every coin that is worth its cost brings, without change, is what it is short of.
        const rate = satsPerKvb > 1_000n ? satsPerKvb : 1_000n
        const worth = have.filter(({ units }) => units > feeOf(rate, inputVsize(script)))
        const payees = wanted.map(({ address }) => must(recipientScript(regtest, address)))
        const short = sum(wanted) + feeOf(rate, vsizeOf(script, worth.length, payees)) - sum(worth)
        expect(short).toBeGreaterThan(0n)
        expect(answer.error).toEqual({ reason: 'insufficient_funds', asset: 'BTC', missing: short })
        return
      }
      const plan = coinPlan(answer)
      expect(must(spender.check(regtest, own, plan, 'BTC', wanted))).toBeNull()
      expect(sum(plan.inputs)).toBe(sum(plan.outputs) + plan.fee)
      const scripts = scriptsOf(plan)
      for (const [i, { units }] of plan.outputs.entries())
        expect(units).toBeGreaterThanOrEqual(dustLimit(regtest, scripts[i] ?? new Uint8Array()))
      const rate = satsPerKvb > 1_000n ? satsPerKvb : 1_000n
      const exact = (rate * BigInt(plan.vsize) + 999n) / 1_000n
      if (plan.change) expect(plan.fee).toBe(exact)
      else {
        expect(plan.fee).toBeGreaterThanOrEqual(exact)
        expect(plan.fee).toBeLessThan(exact + dustLimit(regtest, scripts[0] ?? new Uint8Array()) + 36n + (rate * 43n) / 1_000n + 2n)
      }
      expect(new Set(plan.inputs.map(({ txid, vout }) => `${txid}:${vout}`)).size).toBe(plan.inputs.length)

      const signed = Transaction.fromRaw(fromHex(bitcoinSigner.sign(regtest, SEED, script, plan).raw))
      expect(signed.vsize).toBeLessThanOrEqual(plan.vsize)
      expect(signed.vsize).toBeGreaterThanOrEqual(plan.vsize - plan.inputs.length)

      const bumped = spender.bump(regtest, own, plan, request(wanted, have, { satsPerKvb }))
      if (!bumped.ok) return expect(bumped.error.reason).toBe('not_bumpable')
      const after = coinPlan(bumped)
      expect(must(spender.check(regtest, own, after, 'BTC', wanted))).toBeNull()
      expect(after.inputs.slice(0, plan.inputs.length)).toEqual(plan.inputs)
      expect(after.fee).toBeGreaterThanOrEqual(plan.fee + BigInt(after.vsize))
      expect(after.fee * BigInt(plan.vsize)).toBeGreaterThan(plan.fee * BigInt(after.vsize))
    }),
    { numRuns: 60 },
  )
}, 60_000)
