import { ok, type Result } from '../../lib/result.ts'
import type { NodeError } from '../gateway.ts'
import { isRecord, type RpcNode } from './rpc.ts'

/** Receipts of one block that are asked for one by one. All of a block cost a hosted node no more than about so many. */
const ONE_BY_ONE_MAX = 20

/**
 * What a node answers for the receipts of transactions of one block, in their order; null for one it does not have. Many are
 * asked for by their block: a block of a thousand payments is then one call.
 */
export async function askReceipts(node: RpcNode, hash: string, txids: readonly string[]): Promise<Result<unknown[], NodeError>> {
  if (txids.length <= ONE_BY_ONE_MAX) return await askEach(node, 'eth_getTransactionReceipt', txids)
  const all = await askAllReceipts(node, hash, txids)
  return all.ok ? ok(all.value.receipts) : all
}

/**
 * The same of all there are in the block; one by one where the node does not tell them by their block, or not of this one
 * (bor has such blocks: `receipts length mismatch`). Null is then for one that it does not have yet, not for one it left out.
 */
export async function askAllReceipts(
  node: RpcNode,
  hash: string,
  txids: readonly string[],
): Promise<Result<{ receipts: unknown[]; byBlock: boolean }, NodeError>> {
  const answer = await node.call([{ method: 'eth_getBlockReceipts', params: [hash], optional: true }])
  if (!answer.ok) return answer
  const [receipts] = answer.value
  if (Array.isArray(receipts)) return ok({ receipts: pickByTxid(receipts, 'transactionHash', txids), byBlock: true })
  const each = await askEach(node, 'eth_getTransactionReceipt', txids)
  return each.ok ? ok({ receipts: each.value, byBlock: false }) : each
}

/** The transactions themselves. */
export async function askTransactions(
  node: RpcNode,
  hash: string,
  txids: readonly string[],
): Promise<Result<unknown[], NodeError>> {
  if (txids.length <= ONE_BY_ONE_MAX) return await askEach(node, 'eth_getTransactionByHash', txids)
  const answer = await node.call([{ method: 'eth_getBlockByHash', params: [hash, true] }])
  if (!answer.ok) return answer
  const [block] = answer.value
  return ok(pickByTxid(isRecord(block) && Array.isArray(block.transactions) ? block.transactions : [], 'hash', txids))
}

function askEach(node: RpcNode, method: string, txids: readonly string[]): Promise<Result<unknown[], NodeError>> {
  return node.call(txids.map((txid) => ({ method, params: [txid] })))
}

function pickByTxid(list: readonly unknown[], field: string, txids: readonly string[]): unknown[] {
  const byTxid = new Map(
    list.map((item) => {
      const txid = isRecord(item) ? item[field] : null
      return [typeof txid === 'string' ? txid.toLowerCase() : null, item]
    }),
  )
  return txids.map((txid) => byTxid.get(txid) ?? null)
}
