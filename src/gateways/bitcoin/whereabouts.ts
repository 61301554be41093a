import { err, ok, type Result } from '../../lib/result.ts'
import type { NodeError } from '../gateway.ts'
import { askAll, type BitcoinRpc, NOT_FOUND, type RpcCall, type RpcRefusal, refusalError } from './rpc.ts'

/** Of each coin, whether it is there to be spent: in the chain alone, or with what waits counted too. */
export async function areUnspent(
  rpc: BitcoinRpc,
  coins: readonly { readonly txid: string; readonly vout: number }[],
  withMempool: boolean,
): Promise<Result<boolean[], NodeError>> {
  const outputs = await readOutputs(rpc, coins, withMempool)
  return outputs.ok ? ok(outputs.value.map((output) => output !== null)) : outputs
}

/** Null for one that is spent, or never was. What a node refuses to say says neither. */
async function readOutputs(
  rpc: BitcoinRpc,
  coins: readonly { readonly txid: string; readonly vout: number }[],
  withMempool: boolean,
): Promise<Result<unknown[], NodeError>> {
  const answers = await askAll(
    rpc,
    coins.map(({ txid, vout }): RpcCall => ['gettxout', txid, vout, withMempool]),
  )
  if (!answers.ok) return answers
  const outputs: unknown[] = []
  for (const answer of answers.value) {
    if (!answer.ok) return err(refusalError('gettxout', answer.error))
    outputs.push(answer.value)
  }
  return ok(outputs)
}

/** Outputs of a transaction that are asked for, the first ones, besides those that are named. */
const OUTPUTS_ASKED = 20

/** How deep in the chain a transaction is, told by an output that nothing in a block spends; null where there is none. */
export async function depthOf(rpc: BitcoinRpc, txid: string, vouts: readonly number[]): Promise<Result<number | null, NodeError>> {
  const asked = new Set([...vouts, ...Array.from({ length: OUTPUTS_ASKED }, (_, vout) => vout)])
  const outputs = await readOutputs(
    rpc,
    Array.from(asked, (vout) => ({ txid, vout })),
    false,
  )
  if (!outputs.ok) return outputs
  for (const output of outputs.value) {
    const { confirmations } = (output ?? {}) as { confirmations?: unknown }
    if (typeof confirmations === 'number' && confirmations > 0) return ok(confirmations)
  }
  return ok(null)
}

/** Those of these that are in the mempool, in their order. */
export async function waitingOf(rpc: BitcoinRpc, txids: readonly string[]): Promise<Result<string[], NodeError>> {
  const answers = await askAll(rpc, [MEMPOOL_INFO, ...txids.map((txid): RpcCall => ['getmempoolentry', txid])])
  if (!answers.ok) return answers
  const [info, ...entries] = answers.value
  const fault = mempoolFault(info)
  if (fault) return err(fault)
  const refused = entries.find((answer) => !answer.ok && !NOT_FOUND.includes(answer.error.code))
  if (refused && !refused.ok) return err(refusalError('getmempoolentry', refused.error))
  return ok(txids.filter((_, i) => entries[i]?.ok))
}

/** Asked before anything that does not wait is taken for not waiting. */
export const MEMPOOL_INFO: RpcCall = ['getmempoolinfo']

/** After its start a node answers before it has loaded what waited (`loaded`): what it does not show by then may wait all the same. */
export function mempoolFault(info: Result<unknown, RpcRefusal> | undefined): NodeError | null {
  if (!info) return { reason: 'protocol', detail: 'getmempoolinfo was left unanswered' }
  if (!info.ok) return refusalError('getmempoolinfo', info.error)
  const { loaded } = (info.value ?? {}) as { loaded?: unknown }
  return loaded === false ? { reason: 'node_unreachable', detail: 'the node is loading its mempool' } : null
}
