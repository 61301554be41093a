import { err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { AccountKey } from '../gateway.ts'
import type { AccountPlan, PlanFault, Spender } from '../spend.ts'
import { payerOf } from './address.ts'
import { type Meaning, meaningOf } from './calls.ts'
import { ownDelegate } from './delegate.ts'

/**
 * Whether a plan pays exactly these outputs. One that pays nobody but the account itself is right for no outputs, too: it
 * brings money to its payer, or to the address at its `payeeIndex`, or moves none.
 */
export const checkPlan: Spender['check'] = (chain, account, plan, asset, outputs) => {
  if (plan.kind !== 'account') return fault('a plan of coins')
  if (plan.chainId !== chain.id) return fault(`a plan for ${plan.chainId}`)
  if (!isNumbered(plan)) return fault('a number in it is out of range')
  if (!/^0x[0-9a-f]{40}$/.test(plan.to) || !/^0x([0-9a-f]{2})*$/.test(plan.data)) return fault('it is not hexadecimal')
  if (plan.maxPriorityFeePerGas > plan.maxFeePerGas) return fault('the tip is over the whole fee')
  if (plan.fee < plan.gasLimit * plan.maxFeePerGas) return fault('it can cost more than it says')
  const payer = payerOf(chain, account, plan.index)
  const meaning = meaningOf(chain, payer, plan)
  if (meaning === null) return fault('it calls what nobody here calls')
  const delegates = checkAuthorizations(chain, account, plan, payer, meaning)
  if (!delegates.ok) return delegates
  if (meaning.does === 'deploy' || meaning.does === 'nothing') return outputs.length === 0 ? ok(null) : fault('it pays nobody')
  if (meaning.asset.code !== asset) return fault(`it moves ${meaning.asset.code}`)
  if (meaning.does === 'flush') {
    // It brings all there is, so no amounts are in it; where to is in the address of the delegate, and nobody else can be.
    if (outputs.some(({ address }) => address.toLowerCase() !== payer)) return fault(`it brings money to ${payer} alone`)
    return ok(null)
  }
  const paid = meaning.outputs
  if (plan.payeeIndex !== undefined) {
    if (!isIndex(plan.payeeIndex) || meaning.many || paid[0]?.address !== payerOf(chain, account, plan.payeeIndex)) {
      return fault(`it does not pay index ${plan.payeeIndex}`)
    }
    // What goes to the address of an invoice unmarked would be a payment of it.
    if (meaning.asset.kind === 'native' && !meaning.own) return fault('it does not say that it is no payment')
    if (outputs.length === 0) return ok(null)
  }
  if (meaning.own) return fault('it says that it is no payment')
  if (paid.length !== outputs.length) return fault(`it pays ${paid.length} outputs, not ${outputs.length}`)
  for (const [at, { address, units }] of outputs.entries()) {
    if (paid[at]?.address !== address.toLowerCase()) return fault(`output ${at} goes to ${paid[at]?.address}`)
    if (paid[at]?.units !== units) return fault(`output ${at} is ${paid[at]?.units} units`)
  }
  return ok(null)
}

/**
 * Every authorization must be to the payer's own delegate, which can move money to the payer alone, and by an address that
 * the call is about: the payer, once, when it pays many; those it flushes, which may have delegated before.
 */
function checkAuthorizations(
  chain: ChainConfig,
  account: AccountKey,
  plan: AccountPlan,
  payer: string,
  meaning: Meaning,
): Result<null, PlanFault> {
  const list = plan.authorizations ?? []
  const isMany = meaning.does === 'pay' && meaning.many
  if (plan.authorizations !== undefined && list.length === 0) return fault('a list of no authorizations')
  // Of what takes the place of a payment to many, the payer's own, too: it has a number.
  const most = meaning.does === 'flush' ? Number.POSITIVE_INFINITY : isMany || meaning.does === 'nothing' ? 1 : 0
  if (list.length > most || (isMany && list.length === 0)) return fault('its delegation does not fit what it does')
  for (const { index, nonce, address } of list) {
    if (!isIndex(index) || !isNonce(nonce)) return fault('a number in it is out of range')
    if (address !== ownDelegate(chain, payer)) return fault(`it delegates to ${address}, not to the delegate of ${payer}`)
    const isMeant =
      meaning.does === 'flush'
        ? meaning.accounts.includes(payerOf(chain, account, index))
        : index === plan.index && nonce === plan.nonce + 1
    if (!isMeant) return fault(`index ${index} delegates for no reason`)
  }
  return ok(null)
}

function isNumbered({ index, nonce, value, gasLimit, maxFeePerGas, maxPriorityFeePerGas, fee }: AccountPlan): boolean {
  if (![value, gasLimit, maxFeePerGas, maxPriorityFeePerGas, fee].every((number) => typeof number === 'bigint')) return false
  return isIndex(index) && isNonce(nonce) && value >= 0n && gasLimit > 0n && maxFeePerGas > 0n && maxPriorityFeePerGas >= 0n
}

function isIndex(index: number): boolean {
  return Number.isSafeInteger(index) && index >= 0 && index < 2 ** 31
}

/** EIP-2681 ends them at 2^64 - 1, far over what anybody uses. */
function isNonce(nonce: number): boolean {
  return Number.isSafeInteger(nonce) && nonce >= 0
}

function fault(detail: string): Result<never, PlanFault> {
  return err({ reason: 'bad_plan', detail })
}
