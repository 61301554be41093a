import { describe, expect, test } from 'vitest'
import type { AccountPlan, CoinPlan, Sighting, SpendPlan } from '../../../src/gateways/spend.ts'
import * as decide from '../../../src/wallet/transfers/decide.ts'
import * as follow from '../../../src/wallet/transfers/follow.ts'
import type { TransferRecord } from '../../../src/wallet/transfers/record.ts'
import { nextOf } from '../../../src/wallet/transfers/step.ts'

const NOW = 1_000_000
const OUTPUTS = [{ address: 'a', units: 100n }]

const accountPlan: AccountPlan = {
  kind: 'account',
  chainId: 'chain',
  index: 0,
  nonce: 7,
  to: 'a',
  value: 100n,
  data: '0x',
  gasLimit: 21_000n,
  maxFeePerGas: 1n,
  maxPriorityFeePerGas: 1n,
  fee: 21_000n,
}

function coinPlan(coins: number, fee: bigint): CoinPlan {
  const inputs = Array.from({ length: coins }, (_, n) => ({ txid: `c${n}`, vout: 0, units: 500n, index: n }))
  return { kind: 'coins', chainId: 'chain', inputs, outputs: OUTPUTS, change: null, fee, vsize: 100, lockTime: 0 }
}

const heldAll = (record: TransferRecord): TransferRecord => ({
  ...record,
  holds: record.holds.map((hold) => ({ ...hold, is: hold.want === 'posted' ? 'posted' : 'held' })),
})

/** A payout for which these plans were signed, one after another, as `tx0`, `tx1`, … */
function signed(...plans: readonly SpendPlan[]): TransferRecord {
  const request = {
    id: 'tr_1',
    kind: 'payout',
    merchantId: 'mer_1',
    shard: 0,
    storeId: 'st_1',
    custody: 'platform',
    chainId: 'chain',
    asset: 'COIN',
    outputs: OUTPUTS,
    invoiceId: null,
    reference: null,
    targetBlocks: 2,
    feeMax: null,
  } as const
  let record = heldAll(decide.begun(request, 'wal_1', 1_000_000n, NOW))
  for (const [n, plan] of plans.entries()) {
    if (n > 0) record = { ...record, bumpBlocks: 2 }
    record = heldAll(decide.takePlan(record, { plan, unsigned: null, feeAsset: 'COIN', height: 1 }, NOW))
    record = decide.takeSigned(record, record.attempt?.version ?? 0, { txid: `tx${n}`, raw: `raw${n}` }, NOW)
    record = heldAll(record)
  }
  return record
}

const refused = (record: TransferRecord, txid: string, why: 'spent' | 'invalid' = 'spent') =>
  follow.takeBroadcast(record, txid, { answer: 'refused', why, detail: 'no' }, NOW)
const next = (record: TransferRecord) => nextOf(record, false, NOW)

describe('what every node refuses', () => {
  test.each(['spent', 'invalid'] as const)('as %s is looked for, also when it is all that was ever signed', (why) => {
    const record = signed(accountPlan)
    expect(next(record)).toMatchObject({ do: 'broadcast', txid: 'tx0' })
    expect(next(refused(record, 'tx0', why))).toMatchObject({ do: 'look', question: { txids: ['tx0'] } })
  })

  test('and is nowhere gives way to the transaction before it; after the first, all are tried anew', () => {
    const absent: Sighting = { status: 'absent', searchedHeight: 9 }
    let record = signed(coinPlan(1, 5n), coinPlan(2, 9n))
    expect(next(record)).toMatchObject({ do: 'broadcast', txid: 'tx1' })
    record = refused(record, 'tx1')
    expect(next(record)).toMatchObject({ do: 'look' })
    expect(follow.isToBeSentAgain(record, absent)).toBe(true)
    expect(follow.toBroadcast(follow.takeSighting(record, absent, 'COIN', NOW)).txid).toBe('tx0')
    record = refused(record, 'tx0')
    expect(next(record)).toMatchObject({ do: 'look' })
    expect(follow.isToBeSentAgain(record, absent)).toBe(false)
    expect(next(follow.takeSighting(record, absent, 'COIN', NOW))).toMatchObject({ do: 'broadcast', txid: 'tx1' })
  })
})

test('of coins the fee is what the plan says, whatever a node makes of the coins that a replacement added', () => {
  const included: Sighting = {
    status: 'included',
    txid: 'tx1',
    height: 3,
    blockHash: 'b3',
    confirmations: 6,
    final: true,
    reverted: false,
    fee: -500n,
  }
  const record = follow.takeSighting(signed(coinPlan(1, 5n), coinPlan(2, 9n)), included, 'COIN', NOW)
  expect(record.transfer).toMatchObject({ status: 'confirmed', fee: 9n })
  const moves = record.bookings.flatMap(({ postings }) => postings.map(({ from, to, amount }) => [from, to, amount]))
  expect(moves).toEqual([
    ['in_transit', 'wallet:wal_1', 100n],
    ['in_transit', 'wallet:wal_1', 9n],
  ])
})
