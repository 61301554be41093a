import { assert, err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { NodeError } from '../gateway.ts'
import type { FactsQuestion } from '../send.ts'
import { encodeAddress } from './abi.ts'
import type { NodeFacts } from './agree.ts'
import { assetOf, type Call, deployCall, flushCall, nothingCall, paymentCall } from './calls.ts'
import { ownDelegate } from './delegate.ts'
import { readDeposits } from './deposits.ts'
import { BALANCE_OF } from './erc20.ts'
import { FEE_CALLS, readFees } from './fees.ts'
import { delegatedTo, estimate, l1FeeCall, operatorFeeCall, readL1Fee } from './gas.ts'
import { AUTHORIZATION_GAS, nothingGas, withMargin } from './pricing.ts'
import type { RpcCall, RpcNode } from './rpc.ts'
import { malformed, readNumber, readQuantity, readRef, readWord } from './wire.ts'

type Payer = NonNullable<FactsQuestion['payer']>

/** What a plan needs to know, by one node. */
export async function readFacts(node: RpcNode, chain: ChainConfig, question: FactsQuestion): Promise<Result<NodeFacts, NodeError>> {
  const { payer, targetBlocks } = question
  const asked = payer === null ? null : askedOf(chain, payer)
  const answer = await node.call([
    { method: 'eth_getBlockByNumber', params: ['latest', false] },
    l1FeeCall((asked?.call.data.length ?? 0) / 2, asked?.delegating.length ?? 0),
    ...FEE_CALLS,
    ...(payer === null ? [] : payerCalls(chain, payer)),
  ])
  if (!answer.ok) return answer
  const [headJson, l1Fee, ...rest] = answer.value
  const [nonce, pendingNonce, native, units] = rest.slice(FEE_CALLS.length)
  const head = readRef(headJson)
  if (head === null) return err(malformed('the latest block'))
  const fees = readFees(rest, targetBlocks)
  if (fees === null) return err(malformed('the fees of the last blocks'))
  const dataFee = readL1Fee(l1Fee)
  const factsWith = (aside: bigint) => {
    return { fees: { kind: 'account' as const, ...fees, ...(aside > 0n ? { dataFee: aside } : {}) }, height: head.height }
  }
  const headTimeMs = head.timeMs
  if (payer === null) return ok({ facts: { ...factsWith(dataFee), payer: null }, headTimeMs })

  const isToken = assetOf(chain, payer.asset).contract !== null
  const read = {
    nonce: readNumber(nonce),
    pendingNonce: readNumber(pendingNonce),
    native: readQuantity(native),
    units: isToken ? readWord(units) : readQuantity(native),
  }
  if (read.nonce === null || read.pendingNonce === null || read.native === null || read.units === null) {
    return err(malformed(`what ${payer.address} has`))
  }
  const gas = asked === null ? ok(null) : await estimateAsked(node, chain, payer.address, asked)
  if (!gas.ok) return gas
  const hasOracle = readWord(l1Fee) !== null
  const operatorFee = await askOperatorFee(node, hasOracle ? gasLimitOf(payer, gas.value, asked) : null)
  if (!operatorFee.ok) return operatorFee
  const facts = factsWith(dataFee + operatorFee.value)
  const refusing = gas.value === null ? await refusingOutput(node, chain, payer) : null
  const known = {
    nonce: read.nonce,
    pendingNonce: read.pendingNonce,
    units: read.units,
    native: read.native,
    gas: gas.value,
    ...(refusing !== null && { refusing }),
  }
  if (payer.deposits === undefined) return ok({ facts: { ...facts, payer: known }, headTimeMs })
  const deposits = await readDeposits(node, chain, payer.address, payer.asset, payer.deposits)
  return deposits.ok ? ok({ facts: { ...facts, payer: known, deposits: deposits.value }, headTimeMs }) : deposits
}

/** The gas that what is planned by this may take; null for what has no estimate, and needs one. */
function gasLimitOf({ outputs, deposits }: Payer, gas: bigint | null, asked: Asked | null): bigint | null {
  if (outputs.length === 0 && deposits === undefined) return nothingGas(gas)
  return gas === null ? null : withMargin(gas) + BigInt(asked?.delegating.length ?? 0) * AUTHORIZATION_GAS
}

/** What the operator of an OP-stack chain takes besides for so much gas; zero elsewhere. */
async function askOperatorFee(node: RpcNode, gas: bigint | null): Promise<Result<bigint, NodeError>> {
  if (gas === null) return ok(0n)
  const answer = await node.call([operatorFeeCall(gas, 'latest')])
  return answer.ok ? ok(readWord(answer.value[0]) ?? 0n) : answer
}

/** What the payer will call, and which addresses will delegate with it, or have. */
interface Asked {
  readonly call: Call
  readonly delegating: readonly string[]
}

/**
 * The first of several outputs that would fail by itself: tokens have lists of those whom they pay nothing (USDC, USDT), and
 * contracts may take no ether. Null where none would, or all: then it is something else.
 */
async function refusingOutput(node: RpcNode, chain: ChainConfig, { address, asset, outputs }: Payer): Promise<number | null> {
  if (outputs.length < 2) return null
  const calls = outputs.flatMap((output): RpcCall[] => {
    const call = paymentCall(chain, address.toLowerCase(), asset, [output])
    if (!call.ok) return []
    const { to, value, data } = call.value
    const params = [{ from: address, to, value: `0x${value.toString(16)}`, data }, 'latest']
    return [{ method: 'eth_call', params, optional: true }]
  })
  if (calls.length < outputs.length) return null
  const answer = await node.call(calls)
  if (!answer.ok) return null
  // Refused, or a token that answers `false`.
  const refused = answer.value.map((result) => result === null || readWord(result) === 0n)
  return refused.includes(true) && refused.includes(false) ? refused.indexOf(true) : null
}

/** Null for what no plan would be made of: the plan says why. */
function askedOf(chain: ChainConfig, { address, asset, outputs, deposits, isOwn = false }: Payer): Asked | null {
  assert(/^0x[0-9a-fA-F]{40}$/.test(address), 'the address of a payer')
  const payer = address.toLowerCase()
  if (deposits !== undefined) {
    const { delegateFactory } = chain
    if (delegateFactory === undefined) return null
    if (deposits.length === 0) return { call: deployCall(delegateFactory, payer), delegating: [] }
    return { call: flushCall(ownDelegate(chain, payer), assetOf(chain, asset), deposits), delegating: deposits }
  }
  if (outputs.length === 0) return { call: nothingCall(payer), delegating: [] }
  const call = paymentCall(chain, payer, asset, outputs, isOwn)
  return call.ok ? { call: call.value, delegating: outputs.length > 1 ? [payer] : [] } : null
}

function payerCalls(chain: ChainConfig, { address, asset }: Payer): RpcCall[] {
  const { contract } = assetOf(chain, asset)
  const balanceOf = { to: contract, data: BALANCE_OF + encodeAddress(address) }
  return [
    { method: 'eth_getTransactionCount', params: [address, 'latest'] },
    { method: 'eth_getTransactionCount', params: [address, 'pending'] },
    { method: 'eth_getBalance', params: [address, 'latest'] },
    ...(contract === null ? [] : [{ method: 'eth_call', params: [balanceOf, 'latest'] }]),
  ]
}

/**
 * Nobody can sign an authorization for an estimate, so it is made in the state where all have delegated. The delegate must
 * be there: to delegate to an address without code succeeds, and moves nothing.
 */
async function estimateAsked(
  node: RpcNode,
  chain: ChainConfig,
  payer: string,
  { call, delegating }: Asked,
): Promise<Result<bigint | null, NodeError>> {
  if (delegating.length === 0) return await estimate(node, payer, call, null)
  const delegate = ownDelegate(chain, payer)
  const code = await node.call([{ method: 'eth_getCode', params: [delegate, 'latest'] }])
  if (!code.ok) return code
  if (code.value[0] === '0x') return ok(null)
  return await estimate(node, payer, call, Object.fromEntries(delegating.map((address) => [address, delegatedTo(delegate)])))
}
