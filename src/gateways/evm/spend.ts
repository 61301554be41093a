import { toHex } from '../../lib/bytes.ts'
import { assert, err, ok, type Result } from '../../lib/result.ts'
import type { AccountPlan, Funds, PlanRefusal, SignedRefusal, Spender, SpendPlan, SpendRequest } from '../spend.ts'
import { payerOf } from './address.ts'
import { checkPlan } from './check.ts'
import { bumpOwn, planOwn } from './own.ts'
import { planPayment } from './payment.ts'
import { dearer, type GasFees, over, planNothing } from './pricing.ts'
import { planSweep } from './sweep.ts'
import { chainNumber, encodeUnsigned, type ReadFailure, readRaw } from './transaction.ts'

type AccountFunds = Extract<Funds, { kind: 'account' }>

/**
 * Transactions of EVM chains. One output is a plain payment or a token's `transfer`; several are one call of the payer's
 * own delegate (docs/evm-sweeping.md), where the chain has a factory for it.
 */
export const evmSpender: Spender = {
  plan(chain, account, request) {
    const { funds, fees } = accountKinds(request)
    if (funds.own !== undefined) return planOwn(chain, account, request, funds.own)
    if (funds.deposits !== undefined) return planSweep(chain, account, request, funds.deposits)
    return planPayment(chain, account, request, { index: funds.index, nonce: funds.nonce, fees, gasMin: 0n })
  },

  bump(chain, account, before, request) {
    const { funds, fees: market } = accountKinds(request)
    if (before.kind !== 'account' || before.index !== funds.index) return notBumpable('it was planned for another payer')
    if (funds.own !== undefined) return bumpOwn(chain, account, before, request, funds.own)
    const fees = over(before, market)
    const { index, nonce, to, value, data, gasLimit: gasMin } = before
    if (funds.deposits !== undefined) return dearer(chain, before, fees, { native: funds.native, feeMax: request.feeMax })
    const again = planPayment(chain, account, request, { index, nonce, fees, gasMin })
    if (!again.ok) return again
    const { to: payee, value: paid, data: said } = again.value
    return payee === to && paid === value && said === data ? again : notBumpable('it was planned for another payment')
  },

  callBack(chain, account, before, request) {
    const { funds, fees } = accountKinds(request)
    const { native, gas } = funds
    return planNothing(chain, account, { native, gas, fees, feeMax: request.feeMax, before: accountPlan(before) })
  },

  txidOf: () => null,

  unsigned(chain, account, plan) {
    const evm = accountPlan(plan)
    // No wallet signs authorizations for others: what needs them is signed by the signer alone.
    if (evm.authorizations !== undefined) return {}
    const fields = {
      type: '0x2',
      chainId: quantity(chainNumber(chain.id)),
      from: payerOf(chain, account, evm.index),
      nonce: quantity(evm.nonce),
      to: evm.to,
      value: quantity(evm.value),
      data: evm.data,
      gas: quantity(evm.gasLimit),
      maxFeePerGas: quantity(evm.maxFeePerGas),
      maxPriorityFeePerGas: quantity(evm.maxPriorityFeePerGas),
    }
    return { evm: { fields, serialized: `0x${toHex(encodeUnsigned(evm, []))}` } }
  },

  readSigned(chain, account, plan, text) {
    const evm = accountPlan(plan)
    if (evm.authorizations !== undefined)
      return err({ reason: 'differs', detail: 'this transaction is signed by the signer alone' })
    const trimmed = text.trim()
    const read = readRaw(trimmed)
    if (typeof read === 'string') return err(READ_FAILURES[read])
    const payer = payerOf(chain, account, evm.index)
    const said: readonly (readonly [name: string, is: bigint | string, wanted: bigint | string])[] = [
      ['chain', read.chainNumber, chainNumber(evm.chainId)],
      ['nonce', read.nonce, BigInt(evm.nonce)],
      ['recipient', read.to, evm.to],
      ['value', read.value, evm.value],
      ['data', read.data, evm.data],
      ['gas limit', read.gasLimit, evm.gasLimit],
      ['maxFeePerGas', read.maxFeePerGas, evm.maxFeePerGas],
      ['maxPriorityFeePerGas', read.maxPriorityFeePerGas, evm.maxPriorityFeePerGas],
    ]
    for (const [name, is, wanted] of said) if (is !== wanted) return differs(`the ${name} is ${is}, not ${wanted}`)
    if (read.hasAccessList) return differs('it has an access list')
    if (read.sender === null) return err({ reason: 'not_signed', detail: 'the signature is not valid' })
    if (read.sender !== payer) return err({ reason: 'not_signed', detail: `it is signed by ${read.sender}, not by ${payer}` })
    return ok({ txid: read.txid, raw: `0x${trimmed.replace(/^0x/, '').toLowerCase()}` })
  },

  check: checkPlan,
}

function accountKinds({ funds, fees }: SpendRequest): { funds: AccountFunds; fees: GasFees } {
  assert(funds.kind === 'account' && fees.kind === 'account', 'funds and fees of an EVM chain')
  return { funds, fees }
}

function accountPlan(plan: SpendPlan): AccountPlan {
  assert(plan.kind === 'account', 'a plan of an EVM chain')
  return plan
}

const READ_FAILURES: Record<ReadFailure, SignedRefusal> = {
  not_hexadecimal: { reason: 'unreadable', detail: 'a signed transaction is hexadecimal' },
  not_type_2: { reason: 'differs', detail: 'it is not a transaction of type 2 (EIP-1559)' },
  malformed: { reason: 'unreadable', detail: 'it is no transaction of type 2 (EIP-1559)' },
  unsigned: { reason: 'not_signed', detail: 'it has no signature' },
}

function quantity(value: number | bigint): string {
  return `0x${value.toString(16)}`
}

function differs(detail: string): Result<never, SignedRefusal> {
  return err({ reason: 'differs', detail })
}

function notBumpable(detail: string): Result<never, PlanRefusal> {
  return err({ reason: 'not_bumpable', detail })
}
