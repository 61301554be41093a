import type { ChainConfig } from '../money/chain.ts'
import { finalHeightOf } from './finality.ts'
import type { ChainHealth } from './rpc.ts'
import type { FollowerFacts } from './tables.ts'

/** So many polls without a word of the node, and no less than this time, mean the chain is down. */
const SILENT_POLLS = 10
const SILENT_MS = 30_000

/** How a chain is, from what its follower knows. `facts` is null while the follower has never been woken. */
export function healthOf(
  chain: ChainConfig,
  facts: FollowerFacts | null,
  cursor: { height: number; hash: string } | null,
  nowMs: number,
): ChainHealth {
  const lagBlocks = cursor && facts?.headHeight != null ? Math.max(0, facts.headHeight - cursor.height) : null
  return {
    chainId: chain.id,
    name: chain.name,
    status: statusOf(chain, facts, lagBlocks, nowMs),
    height: cursor?.height ?? null,
    hash: cursor?.hash ?? null,
    headHeight: facts?.headHeight ?? null,
    finalHeight: finalHeightOf(chain, cursor?.height ?? null, facts?.tagHeight ?? null),
    lagBlocks,
    headAdvancedAtMs: facts?.headAdvancedAtMs ?? null,
    syncedAtMs: facts?.syncedAtMs ?? null,
    error: facts ? facts.error : 'not_started: the follower has not been woken',
    nodes: facts?.nodes ?? null,
    finalLeft: facts?.finalLeft ?? null,
  }
}

function statusOf(chain: ChainConfig, facts: FollowerFacts | null, lagBlocks: number | null, nowMs: number): ChainHealth['status'] {
  if (!facts || facts.failures > 0) return 'down'
  // While blocks are taken in after an outage the node is heard, though not all it knows is known yet.
  if (nowMs - facts.heardAtMs > Math.max(SILENT_POLLS * chain.pollMs, SILENT_MS)) return 'down'
  if (facts.headAdvancedAtMs !== null && nowMs - facts.headAdvancedAtMs > chain.headAgeMaxMs) return 'lagging'
  if (lagBlocks === null || lagBlocks > 1 || (lagBlocks > 0 && !facts.atHead)) return 'catching_up'
  return 'ok'
}
