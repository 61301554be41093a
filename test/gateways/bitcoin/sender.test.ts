import { describe, expect, test } from 'vitest'
import type { Sender } from '../../../src/gateways/send.ts'
import { type Answer, newChain, Refusal, senderOf } from './fake-node.ts'
import { must } from './spending.ts'

/** The real nodes are in test/gateways/contract; here is what they answer rarely, and how several answers make one. */

describe('facts', () => {
  const estimating =
    (feerate: unknown, floor: unknown = 1e-5): Answer =>
    (method, params) => {
      if (method === 'getblockcount') return 812
      if (method === 'getmempoolinfo') return { mempoolminfee: floor, minrelaytxfee: 1e-5 }
      expect(params).toEqual([3, 'ECONOMICAL'])
      return feerate === null ? { errors: ['Insufficient data or no feerate found'], blocks: 0 } : { feerate, blocks: 3 }
    }
  const rateOf = async (sender: Sender) => {
    const { fees, height, payer } = must(await sender.facts({ targetBlocks: 3, payer: null }))
    expect([height, payer]).toEqual([812, null])
    return fees.kind === 'coins' ? fees.satsPerKvb : null
  }

  test.each([
    ['the node’s estimate, to the satoshi', 0.00012345, 12_345n],
    ['not below what the node keeps', 0.00000999, 1_000n],
    ['and never above the cap', 5.5, 1_000_000n],
  ])('the rate is %s', async (_what, feerate, rate) => expect(await rateOf(senderOf([estimating(feerate)]))).toBe(rate))

  test('a full mempool raises the floor', async () => {
    expect(await rateOf(senderOf([estimating(0.00002, 0.000034)]))).toBe(3_400n)
  })

  test('without an estimate the last one holds, and where there was none, what the node keeps', async () => {
    const chain = newChain()
    expect(await rateOf(senderOf([estimating(null)], chain))).toBe(1_000n)
    expect(await rateOf(senderOf([estimating(0.0002)], chain))).toBe(20_000n)
    expect(await rateOf(senderOf([estimating(null)], chain))).toBe(20_000n)
    expect(await rateOf(senderOf([estimating(null)]))).toBe(1_000n)
  })

  const at =
    (feerate: unknown, height = 812, floor: unknown = 1e-5): Answer =>
    (method, params) =>
      method === 'getblockcount' ? height : estimating(feerate, floor)(method, params)

  test.each([
    ['of three nodes the one in the middle', [0.0001, 9, 0.0002], 20_000n],
    ['of two nodes the lower one: a fee that is too low can be raised', [0.0001, 9], 10_000n],
    ['that of those that estimate', [null, 0.0003, null], 30_000n],
  ])('the rate is %s, in whatever order they stand', async (_what, feerates, rate) => {
    for (const order of [feerates, feerates.toReversed()])
      expect(await rateOf(senderOf(order.map((feerate) => estimating(feerate))))).toBe(rate)
  })

  test('neither can one of three push what is paid at least, nor how high the chain is', async () => {
    const sender = senderOf([at(1e-5, 9_999_999, 9), at(1e-5), at(1e-5, 811)])
    expect(await rateOf(sender)).toBe(1_000n)
    expect(await rateOf(senderOf([at(1e-5, 0), at(1e-5), at(1e-5, 813)]))).toBe(1_000n)
  })

  test('a node that is away is a refusal, and another one answers in its place', async () => {
    const away: Answer = () => new Error('away')
    expect(await senderOf([away]).facts({ targetBlocks: 3, payer: null })).toMatchObject({ error: { reason: 'node_unreachable' } })
    expect(await rateOf(senderOf([away, estimating(0.0002)]))).toBe(20_000n)
  })
})

describe('broadcast', () => {
  const TAKEN = 'ab'.repeat(32)
  const away = new Error('connection refused')
  const spent = new Refusal(-25, 'bad-txns-inputs-missingorspent')
  const cheap = new Refusal(-26, 'min relay fee not met, 100 < 141')
  const bad = new Refusal(-26, 'scriptpubkey')

  test.each([
    ['Core 31', new Refusal(-27, 'Transaction outputs already in utxo set')],
    ['Core 24', new Refusal(-27, 'Transaction already in block chain')],
    ['waiting', new Refusal(-26, 'txn-already-in-mempool')],
    ['known', new Refusal(-26, 'txn-already-known')],
    ['with another witness', new Refusal(-26, 'txn-same-nonwitness-data-in-mempool')],
  ])('what a node has already is taken: %s', async (_name, refusal) => {
    expect(must(await senderOf([() => refusal]).broadcast('00'))).toEqual({ answer: 'taken' })
  })

  test.each([
    ['spent', spent],
    ['spent', new Refusal(-25, 'Missing inputs')],
    ['spent', new Refusal(-26, 'txn-mempool-conflict')],
    ['fee_too_low', cheap],
    ['fee_too_low', new Refusal(-26, 'mempool min fee not met, 141 < 500')],
    ['fee_too_low', new Refusal(-26, 'insufficient fee, rejecting replacement ab; new feerate 0.00002 <= old feerate 0.00003')],
    ['fee_too_low', new Refusal(-26, 'mempool full')],
    ['invalid', bad],
    ['invalid', new Refusal(-25, 'Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)')],
    ['invalid', new Refusal(-26, 'mandatory-script-verify-flag-failed (Signature must be zero)')],
    ['invalid', new Refusal(-22, 'TX decode failed')],
  ])('%s: %j', async (why, refusal) => {
    expect(must(await senderOf([() => refusal]).broadcast('00'))).toMatchObject({ answer: 'refused', why, detail: refusal.message })
  })

  test('what it costs is the plan’s to say, and no node’s own limit', async () => {
    const limited: Answer = (_method, [, maxFeeRate]) =>
      maxFeeRate === 0 ? TAKEN : new Refusal(-25, 'Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)')
    expect(must(await senderOf([limited]).broadcast('00'))).toEqual({ answer: 'taken' })
  })

  test.each([
    ['a block that it has not seen', new Refusal(-26, 'non-final')],
    ['others of ours to be mined', new Refusal(-26, 'too-long-mempool-chain, too many unconfirmed ancestors [limit: 25]')],
    ['others of ours, as Core 31 says it', new Refusal(-26, 'too-large-cluster')],
    ['its own start', new Refusal(-28, 'Loading block index...')],
    ['nobody knows what', new Refusal(-1, 'JSON value is not a string as expected')],
  ])('a node that waits for %s has said nothing', async (_what, refusal) => {
    expect(await senderOf([() => refusal]).broadcast('00')).toMatchObject({ ok: false })
  })

  test.each([
    ['one that took it', [spent, () => TAKEN, away], { answer: 'taken' }],
    ['who answered, not who is away', [away, spent], { answer: 'refused', why: 'spent' }],
    ['the refusal that leaves most to be done', [bad, spent, cheap], { answer: 'refused', why: 'fee_too_low' }],
    ['spent rather than invalid', [bad, spent], { answer: 'refused', why: 'spent' }],
  ])('of several nodes counts %s; all are asked', async (_what, given, expected) => {
    const asked = new Set<number>()
    const sender = senderOf(
      given.map((one, at) => () => {
        asked.add(at)
        return typeof one === 'function' ? one() : one
      }),
    )
    expect(must(await sender.broadcast('00'))).toMatchObject(expected)
    expect(asked.size).toBe(given.length)
  })
})
