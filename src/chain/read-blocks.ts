import type { BlockRef, ChainReader, TrackedTransaction } from '../gateways/gateway.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { LookError } from './look.ts'
import { matchScan, type WatchShards } from './match.ts'
import type { ChainBatch, FollowState } from './rpc.ts'

export type ReadBlock = ChainBatch['blocks'][number]

/** Blocks in one commit, and payments after which no further block is added to it. */
const BLOCKS_MAX = 20
const PAYMENTS_MAX = 1_000
/** Where a new follower starts: so many blocks from the head, that a reorganisation of the very first ones is survived. */
const FIRST_BLOCKS = 6

/** At least one block, at most what fits a commit; and why there are no more of them, where something is wrong. */
interface Reading extends Pick<ChainBatch, 'rollbackTo' | 'blocks'> {
  readonly failure: LookError | null
}

/**
 * Reads the next blocks on the way from the cursor to the head, back over a reorganisation if there was one. Call it only
 * while the cursor is not at the head.
 */
export async function readBlocks(
  reader: ChainReader,
  state: FollowState,
  head: BlockRef,
  watch: WatchShards,
  trackedAbove: (height: number) => Promise<TrackedTransaction[]>,
): Promise<Result<Reading, LookError>> {
  const base = state.recent[0] ?? null
  const found = base ? await findAncestor(reader, state.recent, head) : ok(null)
  if (!found.ok) return found
  const rollbackTo = found.value?.hash === base?.hash ? null : found.value
  // A payment that leaves with its block may meet its double spend in the blocks that take its place.
  const tracked = rollbackTo ? [...state.unconfirmed, ...(await trackedAbove(rollbackTo.height))] : state.unconfirmed

  const blocks: ReadBlock[] = []
  let parent = found.value
  let payments = 0
  let height = parent ? parent.height + 1 : Math.max(0, head.height - FIRST_BLOCKS + 1)
  while (height <= head.height && blocks.length < BLOCKS_MAX && payments < PAYMENTS_MAX) {
    const count = Math.min(reader.ahead ?? 1, head.height - height + 1, BLOCKS_MAX - blocks.length)
    const heights = Array.from({ length: count }, (_, n) => height + n)
    const reads = await Promise.all(heights.map((at) => readBlock(reader, at, head, watch, tracked)))
    for (const read of reads) {
      if (payments >= PAYMENTS_MAX) break
      // What hangs together so far is as good as ever: a node that tires must not keep us where we are.
      const isNext = read.ok && read.value !== null && (parent === null || read.value.ref.parentHash === parent.hash)
      if (!isNext) {
        const failure = read.ok ? MOVED : read.error
        return blocks.length > 0 ? ok({ rollbackTo, blocks, failure }) : err(failure)
      }
      blocks.push(read.value)
      payments += read.value.payments.length
      parent = read.value.ref
      height++
    }
  }
  return blocks.length > 0 ? ok({ rollbackTo, blocks, failure: null }) : err(MOVED)
}

/** The node went over to another branch meanwhile. */
const MOVED: LookError = { reason: 'node_moved', detail: 'the node is changing branches' }

/** Null when there is no block at this height. */
async function readBlock(
  reader: ChainReader,
  height: number,
  head: BlockRef,
  watch: WatchShards,
  tracked: readonly TrackedTransaction[],
): Promise<Result<ReadBlock | null, LookError>> {
  const hash = height === head.height ? ok(head.hash) : await reader.hashAt(height)
  if (!hash.ok) return hash
  if (hash.value === null) return ok(null)
  const block = await reader.block(hash.value)
  if (!block.ok) return block
  const ref = { height, hash: block.value.hash, parentHash: block.value.parentHash, timeMs: block.value.timeMs }
  if (block.value.height !== height || ref.hash !== hash.value)
    return err({ reason: 'node_lied', detail: `asked for block ${hash.value} at ${height}, given another` })
  const payments = await matchScan(block.value, watch)
  if (!payments.ok) return payments
  return ok({ ref, payments: payments.value, conflicts: block.value.conflicts(tracked) })
}

/**
 * The newest block that we and the node share: our own tip when the chain only grew. A node that is behind us, or on
 * a branch shorter than ours, is waited out: it is not a reorganisation until the other branch is at least as long.
 */
async function findAncestor(
  reader: ChainReader,
  recent: FollowState['recent'],
  head: BlockRef,
): Promise<Result<{ height: number; hash: string } | null, LookError>> {
  const tip = recent[0] as FollowState['recent'][number]
  if (head.parentHash === tip.hash) return ok(tip)
  if (head.height < tip.height)
    return err({ reason: 'node_behind', detail: `the node is at block ${head.height}, we have read ${tip.height}` })
  // Shared blocks are the older ones, so the newest of them is found by halving.
  let low = 0
  let high = recent.length
  while (low < high) {
    const middle = low === 0 && high === recent.length ? 0 : (low + high) >> 1
    const ours = recent[middle] as FollowState['recent'][number]
    const theirs = await reader.hashAt(ours.height)
    if (!theirs.ok) return theirs
    if (theirs.value === ours.hash) high = middle
    else low = middle + 1
  }
  const ancestor = recent[low]
  if (!ancestor)
    return err({ reason: 'reorg_too_deep', detail: `no block in common with the node in the last ${recent.length} of ours` })
  return ok(ancestor)
}
