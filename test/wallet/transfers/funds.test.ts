import { describe, expect, test } from 'vitest'
import { EVM_LOCAL } from '../../../config/development.ts'
import type { AccountPlan } from '../../../src/gateways/spend.ts'
import { begun } from '../../../src/wallet/transfers/decide.ts'
import { claimOf, promised, sumOfTakes } from '../../../src/wallet/transfers/funds.ts'
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
