import { describe, expect, test } from 'vitest'
import { EVM_LOCAL } from '../../../config/development.ts'
import type { AccountPlan } from '../../../src/gateways/spend.ts'
import { begun } from '../../../src/wallet/transfers/decide.ts'
import { claimOf, promised, sumOfTakes } from '../../../src/wallet/transfers/funds.ts'
import { holderOf } from '../../../src/wallet/transfers/instead.ts'
import { firstWithin, IN_FRONT, inFront, lineOf, longestUnlooked, nextInFront } from '../../../src/wallet/transfers/line.ts'
import type { TransferRecord } from '../../../src/wallet/transfers/record.ts'

const TREASURY = 3
const DEPOSIT = 7

function sweep(index: number, changes: Partial<AccountPlan>, own: TransferRecord['own'], asset = 'ETH'): TransferRecord {
  const nobody = { outputs: [], invoiceId: null, reference: null, feeMax: null, targetBlocks: 6 }
  const whose = { merchantId: 'mer_1', shard: 0, storeId: 'st_1', custody: 'platform', chainId: EVM_LOCAL } as const
  const record = begun({ id: 'tr_1', kind: 'sweep', asset, ...whose, ...nobody }, 'wal_1', 10n ** 18n, 0)
  const fees = { gasLimit: 10n, maxFeePerGas: 2n, maxPriorityFeePerGas: 1n, fee: 20n }
  const call = { to: '0x', value: 0n, data: '0x' }
  const plan: AccountPlan = { kind: 'account', chainId: EVM_LOCAL, index, nonce: 4, ...call, ...fees, ...changes }
  const attempt = { plan, version: 2, plannedAtMs: 0, clearedAtMs: null, handedAtMs: [] }
  return { ...record, payer: { index, address: '0x' }, attempt, ...(own && { own }) }
}

describe('ether on its way between own addresses', () => {
  const topUp = claimOf(sweep(TREASURY, { value: 500n, payeeIndex: DEPOSIT }, { index: DEPOSIT, units: 500n }), 'ETH')
  const emptying = claimOf(sweep(DEPOSIT, { value: 900n, payeeIndex: TREASURY }, { index: TREASURY, units: null }), 'ETH')

  test('is nobody else’s to spend until the chain has moved it', () => {
    expect(promised([topUp, emptying], TREASURY, 4)).toEqual({ ETH: 520n })
    expect(promised([topUp, emptying], DEPOSIT, 4)).toEqual({ ETH: 920n })
    // In a block: what the node says the payer has is less already.
    expect(promised([topUp, emptying], TREASURY, 5)).toEqual({})
  })

  test('does not leave the wallet, but for its fee', () => {
    expect(sumOfTakes([topUp, emptying])).toEqual({ ETH: 40n })
  })

  test('is a sweep of the address that is emptied, and none of the treasury that gives gas', () => {
    expect([topUp.sweepOf, topUp.empties]).toEqual([null, null])
    expect([emptying.sweepOf, emptying.empties]).toEqual(['ETH', DEPOSIT])
  })
})

describe('what was ended, and may still be signed', () => {
  const plan = (nonce: number, index = DEPOSIT) => sweep(index, { nonce }, undefined).attempt?.plan as AccountPlan
  const has = (nonce: number, changes: Partial<AccountPlan> = {}) =>
    claimOf(sweep(DEPOSIT, { nonce, ...changes }, undefined), 'ETH')

  test('waits for whoever has its number and is not over; nobody else has it', () => {
    expect(holderOf([plan(4)], [has(5), has(4)])).toMatchObject({ nonce: { nonce: 4 } })
    expect(holderOf([plan(4)], [has(3), has(5)])).toBeUndefined()
    expect(holderOf([plan(4, TREASURY)], [has(4)])).toBeUndefined()
    expect(holderOf([plan(4)], [{ ...has(4), isOver: true }])).toBeUndefined()
    // An authorization of the payer's own has the number after it.
    const own = { authorizations: [{ index: DEPOSIT, nonce: 4, address: '0x' }] }
    expect(holderOf([plan(4)], [has(3, own)])).toMatchObject({ nonce: { nonce: 3, count: 2 } })
  })

  test('needs nobody to hold it as long as one of its coins is no other’s', () => {
    const coins = ['a', 'b'].map((name) => ({ txid: name.repeat(64), vout: 0, units: 1n, index: 0 }))
    const ended = {
      kind: 'coins',
      chainId: EVM_LOCAL,
      inputs: coins,
      outputs: [],
      change: null,
      fee: 1n,
      vsize: 100,
      lockTime: 0,
    } as const
    const [a, b] = coins.map(({ txid }) => ({ ...has(0), coins: [`${txid}:0`] }))
    if (!a || !b) throw new Error('two coins')
    expect(holderOf([ended], [a])).toBeUndefined()
    expect(holderOf([ended], [a, b])).toBe(a)
    expect(holderOf([ended], [a, { ...b, isOver: true }])).toBeUndefined()
  })
})

describe('a line', () => {
  const waits = (at: number, units = 10n, waitsFor: TransferRecord['waitsFor'] = 'funds') => {
    const record = sweep(TREASURY, {}, undefined)
    const transfer = { ...record.transfer, id: `tr_${at}`, kind: 'payout' as const, units, createdAtMs: 100 - at }
    return claimOf({ ...record, transfer, attempt: null, waitsFor }, 'ETH')
  }
  const ids = (claims: readonly { id: string }[]) => claims.map(({ id }) => id)
  const all = Array.from({ length: 10 }, (_, at) => waits(at))

  test('has the oldest in front, of each asset and each that is waited for', () => {
    expect(ids(inFront(all))).toEqual(['tr_9', 'tr_8', 'tr_7', 'tr_6', 'tr_5'])
    expect(inFront([...all, waits(20, 1n, 'gas'), waits(21, 1n, 'sending')])).toHaveLength(IN_FRONT + 1)
    expect(ids(inFront([...all, waits(20, 1n, 'gas')], new Set(['gas'])))).toEqual(['tr_20'])
    expect(nextInFront(all, 'ETH funds')?.id).toBe('tr_5')
    expect(nextInFront(all.slice(0, 4), 'ETH funds')).toBeUndefined()
    expect(lineOf(sweep(TREASURY, {}, undefined))).toBeNull()
  })

  test('lets the first go that there is enough for, whatever is waited for, and each look in its time', () => {
    const small = [...all, waits(3, 2n, 'deposits'), waits(2, 2n), waits(30, 1n, 'gas'), waits(31, 1n, 'balance')]
    const within = (left: bigint, looked: readonly string[] = [], asset = 'ETH') =>
      firstWithin(small, asset, left, new Map(looked.map((id, at) => [id, 1_000 + at])))?.id
    expect(within(5n)).toBe('tr_3')
    expect(within(5n, ['tr_3'])).toBe('tr_2')
    expect(within(5n, ['tr_3', 'tr_2'])).toBe('tr_3')
    expect(within(5n, [], 'USDC')).toBeUndefined()
    // What waits for gas, or for a merchant's balance, is another matter.
    expect(within(1n)).toBeUndefined()
    const looked = new Map([4, 3, 2, 1].map((at) => [`tr_${at}`, 1_000 + at]))
    expect(longestUnlooked(all, 'ETH funds', looked)?.id).toBe('tr_0')
    expect(longestUnlooked(all, 'ETH funds', looked.set('tr_0', 5_000))?.id).toBe('tr_1')
  })
})
