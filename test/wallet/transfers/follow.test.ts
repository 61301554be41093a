import { describe, expect, test } from 'vitest'
import type { Sighting } from '../../../src/gateways/send.ts'
import type { AccountPlan, CoinPlan, SpendPlan } from '../../../src/gateways/spend.ts'
import type { Custody } from '../../../src/ledger/types.ts'
import * as decide from '../../../src/wallet/transfers/decide.ts'
import * as follow from '../../../src/wallet/transfers/follow.ts'
import type { TransferRecord } from '../../../src/wallet/transfers/record.ts'
import * as signing from '../../../src/wallet/transfers/signing.ts'
import { nextOf } from '../../../src/wallet/transfers/step.ts'
import * as wishes from '../../../src/wallet/transfers/wishes.ts'

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
  return signedBy('platform', ...plans)
}

function signedBy(custody: Custody, ...plans: readonly SpendPlan[]): TransferRecord {
  const request = {
    id: 'tr_1',
    kind: 'payout',
    merchantId: 'mer_1',
    shard: 0,
    storeId: 'st_1',
    custody,
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
    record = signing.takeSigned(record, record.attempt?.version ?? 0, { txid: `tx${n}`, raw: `raw${n}` }, NOW)
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

const conflict = (told: Partial<Extract<Sighting, { status: 'conflict' }>> = {}): Sighting => {
  return { status: 'conflict', byTxid: null, final: false, searchedHeight: 20, ...told }
}
const look = (record: TransferRecord, sighting: Sighting) => follow.takeSighting(record, sighting, 'COIN', NOW)

describe('a person’s word that what is unknown is ended', () => {
  const word = { by: 'Ada', reason: 'why' }
  const ending = () => {
    const settled = wishes.settled(look(signed(coinPlan(1, 5n)), conflict()), word, NOW)
    if (!settled.ok) throw new Error(settled.error.reason)
    return settled.value
  }

  test('waits while a node does not answer, or has blocks to search in which the payment itself may be', () => {
    const record = look(ending(), conflict({ open: true }))
    expect(record).toMatchObject({ settling: word, searchedHeight: 20 })
    expect(record.transfer).toMatchObject({ status: 'unknown', reason: 'being ended by Ada: looking for it once more' })
    expect(look(record, conflict({ byAll: true })).transfer).toMatchObject({ status: 'failed', reason: 'ended by Ada: why' })
  })

  test('leaves what is made instead of it to exclude its payment, whose bytes exist', () => {
    expect(look(ending(), conflict({ byAll: true })).givenUp).toEqual([coinPlan(1, 5n)])
    expect(look(signed(coinPlan(1, 5n)), conflict({ byAll: true, final: true })).givenUp).toBeUndefined()
  })

  test.each<[string, Sighting]>([
    ['one node says otherwise', conflict()],
    ['it is paid in another way', conflict({ byAll: true, pays: true })],
    ['it is there', { status: 'waiting', txid: 'tx0' }],
    ['what it spends is there', { status: 'absent', searchedHeight: 20 }],
  ])('is void when %s', (_what, sighting) => {
    const record = look(ending(), sighting)
    expect(record.settling ?? null).toBe(null)
    expect(['unknown', 'broadcast']).toContain(record.transfer.status)
  })

  test('is not needed, and not named, where the chain has decided', () => {
    const record = look(ending(), conflict({ byAll: true, final: true, byTxid: 'thief' }))
    expect(record.settling ?? null).toBe(null)
    expect(record.transfer).toMatchObject({ status: 'failed', reason: 'something else has spent what it spends: thief' })
  })
})

describe('what a merchant has signed here and sent again at another fee by themselves', () => {
  const inPlace = conflict({ byAll: true, byTxid: 'dearer', pays: true, final: true })

  test('is the transfer’s payment, and is followed as that', () => {
    const found = look(signedBy('self', coinPlan(1, 5n)), inPlace)
    expect(found.transfer).toMatchObject({ status: 'broadcast', signed: [{ txid: 'tx0' }, { txid: 'dearer', raw: '' }] })
    expect(found.signedPlans).toHaveLength(2)
    expect(next(found)).toMatchObject({ do: 'broadcast', txid: 'tx0' })
    const included = { height: 3, blockHash: 'b3', confirmations: 6, final: true, reverted: false, fee: 9n }
    const done = look(found, { status: 'included', txid: 'dearer', ...included })
    expect(done.transfer).toMatchObject({ status: 'confirmed', fee: 9n })
  })

  test('is neither paid nor failed by the word of one node, nor where no more can be kept', () => {
    const one = look(signedBy('self', coinPlan(1, 5n)), { ...inPlace, byAll: false, final: false } as Sighting)
    expect(one.transfer).toMatchObject({ status: 'unknown', signed: { length: 1 } })
    const full = signedBy('self', ...Array.from({ length: 20 }, (_, n) => coinPlan(1, BigInt(n))))
    expect(look(full, inPlace).transfer).toMatchObject({ status: 'unknown', signed: { length: 20 } })
  })
})
