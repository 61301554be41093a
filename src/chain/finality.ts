import type { ChainConfig } from '../money/chain.ts'
import type { Place } from './follow.ts'
import type { ChainBatch } from './rpc.ts'

/**
 * Up to which height blocks are final by the chain's own policy: a tag that its nodes give (`tagHeight`, as far as it was
 * taken in), else a number of confirmations. Null: none is.
 */
export function finalHeightOf(
  chain: Pick<ChainConfig, 'confirmations' | 'finality'>,
  tipHeight: number | null,
  tagHeight: number | null,
): number | null {
  if (chain.finality) return tagHeight
  if (tipHeight === null) return null
  const height = tipHeight - Math.max(1, chain.confirmations) + 1
  return height < 0 ? null : height
}

/**
 * Whether a batch takes blocks away that were final, by whatever policy: what no chain should do. Payments in are taken back
 * like any other; of what went out and was final nobody asks again.
 */
export function leavesFinal(finalBefore: number | null, { rolledBack, floor }: Pick<Place, 'rolledBack' | 'floor'>): boolean {
  return rolledBack && finalBefore !== null && finalBefore > floor
}

/** What a batch makes of the height of the tag. */
export interface TagMove {
  /** Where it stands before the batch is told of: lower than it was when blocks under it left the chain. */
  readonly from: number | null
  /** Where it comes to, never lower than `from`. */
  readonly to: number | null
  /** Blocks that were final left the chain. */
  readonly undone: boolean
  /** The node names a final block that is not on our chain. */
  readonly disagrees: boolean
}

/**
 * A tag only rises, except over a reorganisation: a node that lags behind another does not make final blocks less so. The
 * block it names must be ours: `hashAt` is the hash at a height of the chain we follow, the batch taken in; null where
 * that is too old to be kept, and too deep to be reorganised.
 */
export function moveTag(
  before: number | null,
  place: Place,
  final: ChainBatch['final'],
  hashAt: (height: number) => string | null,
): TagMove {
  const undone = leavesFinal(before, place)
  const from = undone ? place.floor : before
  const stay = { from, to: from, undone, disagrees: false }
  if (!final || final.height <= (from ?? -1)) return stay
  const ours = final.height > place.tip.height ? undefined : hashAt(final.height)
  if (ours !== null && ours !== final.hash) return { ...stay, disagrees: true }
  return { ...stay, to: final.height }
}
