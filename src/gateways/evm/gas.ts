import { err, ok, type Result } from '../../lib/result.ts'
import type { NodeError } from '../gateway.ts'
import { encodeNumber } from './abi.ts'
import type { Call } from './calls.ts'
import type { RpcCall, RpcNode } from './rpc.ts'
import { malformed, readQuantity, readWord } from './wire.ts'

/** Of the OP stack: getL1FeeUpperBound(uint256) of the predeployed GasPriceOracle (Fjord). Elsewhere there is no code at it. */
const GAS_PRICE_ORACLE = '0x420000000000000000000000000000000000000f'
const L1_FEE_UPPER_BOUND = '0xf1c7a58b'
/** Of the same: getOperatorFee(uint256), what a transaction of so much gas pays the chain's operator (Isthmus; most ask for nothing). */
const OPERATOR_FEE = '0x275aedd2'
/** What the price on Ethereum may do before the transaction is in a block. */
const L1_FEE_MARGIN = 2n
/** Bytes of a transaction beside its data, and of each authorization in it. */
const TRANSACTION_BYTES = 150
const AUTHORIZATION_BYTES = 110
/** How an account that has delegated looks (EIP-7702): this, and the address. */
const DELEGATION = '0xef0100'
/** A node's words for a call that fails, as geth, Nethermind, Besu and anvil say it. Anything else says nothing of the call. */
const CALL_FAILS = /revert|insufficient|not enough|exceeds|gas required|out of ?gas|opcode|execution/i

/** Gas of a call, without a margin; null when it would fail as things are. */
export async function estimate(
  node: RpcNode,
  from: string,
  { to, value, data }: Call,
  state: object | null,
): Promise<Result<bigint | null, NodeError>> {
  const call = { from, to, value: `0x${value.toString(16)}`, data }
  const answer = await node.call([{ method: 'eth_estimateGas', params: state === null ? [call] : [call, 'latest', state] }])
  if (!answer.ok) return answer.error.reason === 'node_refused' && saysItFails(answer.error.detail) ? ok(null) : answer
  const gas = readQuantity(answer.value[0])
  return gas === null ? err(malformed('an estimate of gas')) : ok(gas)
}

function saysItFails(detail: string): boolean {
  // An execution that is aborted was so by the node.
  return /revert/i.test(detail) || (CALL_FAILS.test(detail) && !/aborted/i.test(detail))
}

/** Asks what the OP stack takes for a transaction with so many bytes of data and authorizations, a little over. */
export function l1FeeCall(dataBytes: number, authorizations: number): RpcCall {
  const bytes = TRANSACTION_BYTES + dataBytes + authorizations * AUTHORIZATION_BYTES
  const data = L1_FEE_UPPER_BOUND + encodeNumber(BigInt(Math.ceil(bytes)))
  return { method: 'eth_call', params: [{ to: GAS_PRICE_ORACLE, data }, 'latest'], optional: true }
}

/** Wei; zero where there is no such oracle. */
export function readL1Fee(json: unknown): bigint {
  return L1_FEE_MARGIN * (readWord(json) ?? 0n)
}

/** Asks what the OP stack's operator takes for so much gas at a block; the formula is another in each of its versions. */
export function operatorFeeCall(gas: bigint, block: string | { readonly blockHash: string }): RpcCall {
  return { method: 'eth_call', params: [{ to: GAS_PRICE_ORACLE, data: OPERATOR_FEE + encodeNumber(gas) }, block], optional: true }
}

/** The state in which an account has delegated. */
export function delegatedTo(delegate: string): { code: string } {
  return { code: DELEGATION + delegate.slice(2) }
}
