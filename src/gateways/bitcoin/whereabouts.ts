import { err, ok, type Result } from '../../lib/result.ts'
import type { NodeError } from '../gateway.ts'
import { askAll, type BitcoinRpc, NOT_FOUND, type RpcCall, refusalError } from './rpc.ts'

/** Of each coin, whether it is there to be spent: in the chain alone, or with what waits counted too. */
export async function areUnspent(
  rpc: BitcoinRpc,
  coins: readonly { readonly txid: string; readonly vout: number }[],
  withMempool: boolean,
): Promise<Result<boolean[], NodeError>> {
  const calls = coins.map(({ txid, vout }): RpcCall => ['gettxout', txid, vout, withMempool])
  const answers = await askAll(rpc, calls)
  if (!answers.ok) return answers
  const refused = answers.value.find((answer) => !answer.ok)
  if (refused && !refused.ok) return err(refusalError('gettxout', refused.error))
  return ok(answers.value.map((answer) => answer.ok && answer.value !== null))
}

/** Those of these that are in the mempool, in their order. */
export async function waitingOf(rpc: BitcoinRpc, txids: readonly string[]): Promise<Result<string[], NodeError>> {
  const answers = await askAll(
    rpc,
    txids.map((txid): RpcCall => ['getmempoolentry', txid]),
  )
  if (!answers.ok) return answers
  const refused = answers.value.find((answer) => !answer.ok && !NOT_FOUND.includes(answer.error.code))
  if (refused && !refused.ok) return err(refusalError('getmempoolentry', refused.error))
  return ok(txids.filter((_, i) => answers.value[i]?.ok))
}
