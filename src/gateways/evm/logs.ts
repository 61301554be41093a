import { fromHex } from '../../lib/bytes.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import type { NodeError } from '../gateway.ts'
import { explains, mayContain } from './bloom.ts'
import { TRANSFER_TOPIC } from './erc20.ts'
import { askAllReceipts } from './receipts.ts'
import type { RpcNode } from './rpc.ts'
import { lie, malformed, readReceiptLogs, type WireBlock, type WireLog } from './wire.ts'

/**
 * The tokens' Transfer logs of a block in its order, when they are what was asked for. None of a token though the block's
 * bloom may hold some: then those of all receipts count, and they must explain the whole bloom.
 */
export async function checkLogs(
  node: RpcNode,
  block: WireBlock,
  contracts: readonly string[],
  found: readonly WireLog[],
): Promise<Result<WireLog[], NodeError>> {
  const { hash } = block.ref
  const txids = block.transactions.map(({ txid }) => txid)
  const isOurs = (log: WireLog) => contracts.includes(log.contract) && log.topics[0] === TRANSFER_TOPIC
  let logs = found
  if (isSuspicious(block, contracts, found)) {
    const answer = await askAllReceipts(node, hash, txids)
    if (!answer.ok) return answer
    const { receipts, byBlock } = answer.value
    const all = readReceiptLogs(receipts.filter((receipt) => receipt !== null))
    if (all === null) return err(malformed(`receipts of block ${hash}`))
    if (!explains(all, fromHex(block.bloom))) {
      const missing = byBlock ? undefined : txids[receipts.indexOf(null)]
      if (missing !== undefined) return err({ reason: 'node_refused', detail: `no receipt of ${missing} yet` })
      return err(lie(`logs of block ${hash} are kept back`))
    }
    logs = all.filter(isOurs)
  }
  const known = new Set(txids)
  const asked = logs.every((log) => log.blockHash === hash && known.has(log.txid) && isOurs(log))
  if (!asked || new Set(logs.map((log) => log.logIndex)).size !== logs.length) {
    return err(lie(`logs of block ${hash} are not those asked for`))
  }
  return ok(logs.toSorted((a, b) => a.logIndex - b.logIndex))
}

function isSuspicious({ bloom: hex }: WireBlock, contracts: readonly string[], found: readonly WireLog[]): boolean {
  const silent = contracts.filter((contract) => !found.some((log) => log.contract === contract))
  if (silent.length === 0) return false
  const bloom = fromHex(hex)
  return mayContain(bloom, TRANSFER_TOPIC) && silent.some((contract) => mayContain(bloom, contract))
}
