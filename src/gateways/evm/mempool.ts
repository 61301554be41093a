import { err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { MempoolScan, NodeError } from '../gateway.ts'
import type { RpcNode, RpcNodes } from './rpc.ts'
import { findConflicts, fingerprintsOf, nativeCandidates, pick, waitingTokenCandidates } from './scan.ts'
import { lie, malformed, readPending, readTransaction } from './wire.ts'

/** A transaction in a block this deep below the head that was taken in has been looked at, reorganised a little or not. */
const SETTLED_DEPTH = 2

/** What the node's `pending` block holds and `seen` does not. What contracts will move is not seen before it is in a block. */
export async function readMempool(
  node: RpcNode,
  nodes: RpcNodes,
  chain: ChainConfig,
  seen: ReadonlySet<string>,
  remember: (txids: ReadonlySet<string>) => void,
): Promise<Result<MempoolScan, NodeError>> {
  const answer = await node.call([{ method: 'eth_getBlockByNumber', params: ['pending', true] }])
  if (!answer.ok) return answer
  const pending = readPending(answer.value[0])
  if (pending === null) return err(malformed('the pending block'))
  const waiting = new Set(pending.map((transaction) => transaction.txid))
  const fresh = pending.filter((transaction) => !seen.has(transaction.txid))
  const candidates = [...nativeCandidates(chain, fresh), ...waitingTokenCandidates(chain, fresh)]
  return ok({
    fingerprints: fingerprintsOf(candidates),
    resolve: async (positions) => ok(pick(candidates, positions).map(({ transfer }) => transfer)),
    conflicts: (tracked) => findConflicts(pending, tracked),
    missing: async (txids, height) => {
      const absent = txids.filter((txid) => !waiting.has(txid))
      return await nodes.first((other) => readMissing(other, absent, height))
    },
    // Only what waits now: the set stays as small as a block, and what comes back after an absence is told again.
    seen: () => remember(waiting),
  })
}

/**
 * Where no node shows its pending block, as hosted ones do not: nothing that waits is seen, but what a reorganisation took
 * out of its block is still asked about, or nobody would ever know that it is gone.
 */
export function unseenMempool(nodes: RpcNodes): MempoolScan {
  return {
    fingerprints: new Uint8Array(0),
    resolve: async () => ok([]),
    conflicts: () => [],
    missing: (txids, height) => nodes.first((node) => readMissing(node, txids, height)),
    seen: () => {},
  }
}

/**
 * Those the node does not know, and those in a block so deep below the head that was taken in that a transfer in it would have
 * been found: their transaction failed. One in a newer block is not missing, since that block is read next.
 */
async function readMissing(node: RpcNode, txids: readonly string[], headHeight: number): Promise<Result<string[], NodeError>> {
  if (txids.length === 0) return ok([])
  const answer = await node.call(txids.map((txid) => ({ method: 'eth_getTransactionByHash', params: [txid] })))
  if (!answer.ok) return answer
  const missing: string[] = []
  for (const [at, txid] of txids.entries()) {
    const json = answer.value[at]
    const transaction = readTransaction(json)
    if (transaction === null && json !== null) return err(malformed(`transaction ${txid}`))
    if (transaction !== null && transaction.txid !== txid) return err(lie(`asked for ${txid}, got ${transaction.txid}`))
    if (transaction === null || (transaction.height !== null && transaction.height <= headHeight - SETTLED_DEPTH))
      missing.push(txid)
  }
  return ok(missing)
}
