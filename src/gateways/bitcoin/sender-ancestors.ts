import { ok, type Result } from '../../lib/result.ts'
import type { NodeError, TrackedTransaction } from '../gateway.ts'
import type { BitcoinRpc } from './rpc.ts'
import { areUnspent, waitingOf } from './whereabouts.ts'

/** Of what the inputs of an acceleration hang on. */
export interface Lost {
  /** In no block, and nothing in a block excludes them. */
  readonly open: ReadonlySet<string>
  /** Those of them that do not wait either. */
  readonly gone: ReadonlySet<string>
  /** Something else waits in the place of one of them. */
  readonly isReplaced: boolean
}

export const NONE_LOST: Lost = { open: new Set(), gone: new Set(), isReplaced: false }

/** `ancestors`: parents before children. */
export async function lostAncestors(rpc: BitcoinRpc, ancestors: readonly TrackedTransaction[]): Promise<Result<Lost, NodeError>> {
  if (ancestors.length === 0) return ok(NONE_LOST)
  const coins = [...new Set(ancestors.flatMap(({ spends }) => spends))].map((outpoint) => ({ outpoint, ...coinOf(outpoint) }))
  const inBlocks = await areUnspent(rpc, coins, false)
  if (!inBlocks.ok) return inBlocks
  const withMempool = await areUnspent(rpc, coins, true)
  if (!withMempool.ok) return withMempool
  // Asked last: what came back in between counts as there.
  const waiting = await waitingOf(
    rpc,
    ancestors.map(({ txid }) => txid),
  )
  if (!waiting.ok) return waiting

  const unspent = new Set(coins.filter((_, at) => inBlocks.value[at]).map(({ outpoint }) => outpoint))
  const taken = new Set(coins.filter((_, at) => inBlocks.value[at] && !withMempool.value[at]).map(({ outpoint }) => outpoint))
  const open = new Set<string>()
  for (const { txid, spends } of ancestors)
    if (spends.every((outpoint) => unspent.has(outpoint) || open.has(coinOf(outpoint).txid))) open.add(txid)
  const gone = ancestors.filter(({ txid }) => open.has(txid) && !waiting.value.includes(txid))
  const isReplaced = gone.some(({ spends }) => spends.some((outpoint) => taken.has(outpoint)))
  return ok({ open, gone: new Set(gone.map(({ txid }) => txid)), isReplaced })
}

function coinOf(outpoint: string): { txid: string; vout: number } {
  const [txid = '', vout] = outpoint.split(':')
  return { txid, vout: Number(vout) }
}
