import { equalBytes } from '../../lib/bytes.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { NodeError, Transfer } from '../gateway.ts'
import { TRANSFER_TOPIC } from './erc20.ts'
import { askReceipts, askTransactions } from './receipts.ts'
import { isRecord, type RpcNode } from './rpc.ts'
import { nativeCandidates, tokenCandidates, tokenCodes } from './scan.ts'
import { malformed, readLogs, readReceipt, readTransaction, type WireTransaction } from './wire.ts'

/**
 * Whether this node, too, has the transfers in the block that another one found there: by each transaction and its receipt.
 * What contracts pay in the chain's own asset only traces tell, which this node may not serve: of such a transfer it
 * confirms that its transaction is in the block and was carried out.
 */
export async function confirm(
  node: RpcNode,
  chain: ChainConfig,
  hash: string,
  transfers: readonly Transfer[],
): Promise<Result<null, NodeError>> {
  const txids = [...new Set(transfers.map(({ txid }) => txid))]
  const [transactions, receipts] = await Promise.all([askTransactions(node, hash, txids), askReceipts(node, hash, txids)])
  if (!transactions.ok) return transactions
  if (!receipts.ok) return receipts
  const byTxid = Map.groupBy(transfers, (transfer) => transfer.txid)
  for (const [at, txid] of txids.entries()) {
    const [transactionJson, receiptJson] = [transactions.value[at], receipts.value[at]]
    const transaction = readTransaction(transactionJson)
    const receipt = readReceipt(receiptJson)
    const logs = isRecord(receiptJson) ? readLogs(receiptJson.logs) : null
    if (transaction === null && transactionJson !== null) return err(malformed(`transaction ${txid}`))
    if ((receipt === null || logs === null) && receiptJson !== null) return err(malformed(`receipt of ${txid}`))
    const isThere = transaction?.txid === txid && receipt?.txid === txid && receipt.blockHash === hash && receipt.succeeded
    const found = isThere && logs ? transfersOf(chain, transaction, logs) : []
    const missing = byTxid.get(txid)?.find((transfer) => {
      return transfer.index.startsWith('internal:') ? !isThere : !found.some((other) => isSame(transfer, other))
    })
    if (missing)
      return err({ reason: 'nodes_disagree', detail: `another node has no ${missing.index} of ${txid} in block ${hash}` })
  }
  return ok(null)
}

function transfersOf(chain: ChainConfig, transaction: WireTransaction, logs: NonNullable<ReturnType<typeof readLogs>>): Transfer[] {
  const codes = tokenCodes(chain)
  const ours = logs.filter(({ contract, topics }) => codes.has(contract) && topics[0] === TRANSFER_TOPIC)
  const byId = new Map([[transaction.txid, transaction]])
  const inOrder = ours.toSorted((one, other) => one.logIndex - other.logIndex)
  return [...nativeCandidates(chain, [transaction]), ...tokenCandidates(chain, byId, inOrder)].map(({ transfer }) => transfer)
}

function isSame(one: Transfer, other: Transfer): boolean {
  const { index, assetCode, units, watchKey } = one
  return index === other.index && assetCode === other.assetCode && units === other.units && equalBytes(watchKey, other.watchKey)
}
