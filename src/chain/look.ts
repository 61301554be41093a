import type { ChainReader, Head, MempoolScan, NodeError } from '../gateways/gateway.ts'
import type { Clock } from '../lib/clock.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { matchScan, type WatchShards } from './match.ts'
import { readBlocks } from './read-blocks.ts'
import type { ChainBatch, ChainRpc, CommitRefusal, FollowState } from './rpc.ts'

export interface LookPorts {
  readonly follower: Pick<ChainRpc, 'begin' | 'commit' | 'trackedAbove' | 'fail'>
  readonly watch: WatchShards
  readonly reader: ChainReader
  readonly clock: Clock
}

/** synced: all the node knew is taken in. behind: the time was up first. stale: another look was faster. */
export type LookOutcome = 'synced' | 'behind' | 'stale' | 'failed'

/** Why a look ends early; what `/health` shows. */
export interface LookError {
  readonly reason: NodeError['reason'] | CommitRefusal['reason'] | 'node_behind' | 'node_moved'
  readonly detail: string
}

/** How long one look goes on taking in blocks. Shorter than the time after which a queue would give it up. */
export const LOOK_BUDGET_MS = 20_000
/** Nodes change places so often before what waits is left for the next look. */
const OPENINGS_MAX = 2

/**
 * One look at a chain: blocks since the cursor, oldest first, then what waits in the mempool.
 *
 * The mempool is read before the blocks and taken in after them. So a transaction is in the mempool we read, or was
 * mined before we read it and is in the blocks; none slips between. What is missing from that mempool is in those
 * blocks or nowhere; the blocks first, so that a node is not asked about each payment that the next block brings. And
 * when all is taken in, we know all that the node knew when the look began.
 *
 * Whatever is matched was fetched from the node before the watch list is asked. An address is watched before it is
 * shown, hence before it is paid: the list as it stands after the fetch knows every address the data can pay. Asked
 * the other way round, an address watched in between could be paid in data that nobody would ever match again.
 */
export async function look(ports: LookPorts): Promise<LookOutcome> {
  const startedAtMs = ports.clock()
  const state = await ports.follower.begin()
  const done = await takeIn(ports, state, startedAtMs)
  if (done.ok) return done.value
  if (done.error.reason === 'stale_cursor') return 'stale'
  await ports.follower.fail({ ...done.error, nodes: ports.reader.nodes?.() })
  return 'failed'
}

async function takeIn(ports: LookPorts, begun: FollowState, startedAtMs: number): Promise<Result<LookOutcome, LookError>> {
  const { reader, clock } = ports
  const endsAtMs = startedAtMs + LOOK_BUDGET_MS
  const begin = await open(reader, begun)
  if (!begin.ok) return begin
  const { opened, head } = begin.value

  const forward = await takeBlocks(ports, begun, head, startedAtMs)
  if (!forward.ok || forward.value === null) return forward.ok ? ok('behind') : forward
  let state = forward.value

  // A mempool that can't be read must not keep blocks from being taken in, so it is reported only now.
  if (!opened.ok) return opened
  let glance = opened.value
  for (;;) {
    const more = glance.scan.more === true && clock() < endsAtMs
    const taken = await takeMempool(ports, state, glance, { head, startedAtMs, more })
    if (!taken.ok) return taken
    if (!more) return ok(glance.scan.more ? 'behind' : 'synced')
    state = taken.value
    const next = await reader.mempool()
    if (!next.ok) return next
    // What it no longer shows may be in a block above our head by now: what is missing is told by the first alone.
    glance = { scan: next.value, loose: new Set() }
  }
}

/**
 * What waits, and after it the head, of the same node: where another of several is read from by then, what waits is read
 * again, from that one.
 */
async function open(
  reader: ChainReader,
  state: FollowState,
): Promise<Result<{ opened: Result<Glance, LookError>; head: Head }, LookError>> {
  for (let opening = 1; ; opening++) {
    const opened = await readMempool(reader, state)
    const head = await reader.head(state.recent)
    if (!head.ok) return head
    if (!head.value.moved) return ok({ opened, head: head.value })
    if (opening < OPENINGS_MAX) continue
    return ok({ opened: err({ reason: 'node_moved', detail: 'the nodes are changing places' }), head: head.value })
  }
}

/** Blocks up to the head, a bounded number in each commit. Null when the time is up before the head is reached. */
async function takeBlocks(
  ports: LookPorts,
  begun: FollowState,
  head: Head,
  startedAtMs: number,
): Promise<Result<FollowState | null, LookError>> {
  const { follower, watch, reader, clock } = ports
  let state = begun
  // Each round takes in a block or more of a finite way, or ends.
  while (state.recent[0]?.hash !== head.hash) {
    const read = await readBlocks(reader, state, head, watch, (height) => follower.trackedAbove(height))
    if (!read.ok) return read
    const { rollbackTo, blocks, failure } = read.value
    const reached = blocks.at(-1)?.ref.hash === head.hash
    // How a look ends that fails is told after this.
    const more = failure !== null || reached || clock() < startedAtMs + LOOK_BUDGET_MS
    const here = place(reader, state, head, startedAtMs)
    const committed = await follower.commit({ ...here, rollbackTo, blocks, mempool: null, more })
    if (!committed.ok) return committed
    // Asked again by the next look, not at once.
    if (failure) return err(failure)
    if (!more) return ok(null)
    state = committed.value
  }
  return ok(state)
}

/** What was read of the mempool, matched by nobody yet, and what was in no block that we knew by then. */
interface Glance {
  readonly scan: MempoolScan
  readonly loose: ReadonlySet<string>
}

async function readMempool(reader: ChainReader, state: FollowState): Promise<Result<Glance, NodeError>> {
  const scan = await reader.mempool()
  return scan.ok ? ok({ scan: scan.value, loose: new Set(looseOf(state)) }) : scan
}

function looseOf({ unconfirmed, replacements }: FollowState): string[] {
  return [...new Set([...unconfirmed.map(({ txid }) => txid), ...replacements])]
}

async function takeMempool(
  { follower, watch, reader }: LookPorts,
  state: FollowState,
  { scan, loose }: Glance,
  { head, startedAtMs, more }: { head: Head; startedAtMs: number; more: boolean },
): Promise<Result<FollowState, LookError>> {
  // What the blocks have brought is settled. What they have set loose may have come into the mempool after it was read.
  const asked = looseOf(state).filter((txid) => loose.has(txid))
  const unseen = asked.length > 0 ? await scan.missing(asked, head.height) : ok([])
  if (!unseen.ok) return unseen
  const gone = new Set(unseen.value)
  const payments = await matchScan(scan, watch)
  if (!payments.ok) return payments
  const conflicts = scan.conflicts(state.unconfirmed)
  // The node knows of a block that the others have yet to confirm: what it no longer shows may be in there. What is in
  // there came after the block that all have, so up to that one's time nothing is unknown.
  const isPartial = head.partial === true
  const asOfMs = isPartial ? Math.min(startedAtMs, head.timeMs) : startedAtMs
  const waiting = asked.filter((txid) => !gone.has(txid))
  const mempool = { payments: payments.value, conflicts, waiting, missing: isPartial ? [] : unseen.value, asOfMs }
  const here = place(reader, state, head, startedAtMs)
  // What is final is told at the head only: then every block up to it is known, and its hash can be compared with ours.
  const committed = await follower.commit({ ...here, rollbackTo: null, blocks: [], mempool, more, final: head.final ?? null })
  // Only now: what is marked as seen and not committed would never be told.
  if (committed.ok) scan.seen()
  return committed
}

function place(
  reader: ChainReader,
  state: FollowState,
  head: Head,
  startedAtMs: number,
): Pick<ChainBatch, 'base' | 'head' | 'startedAtMs' | 'nodes'> {
  const { height, hash } = head
  return { base: state.recent[0] ?? null, head: { height, hash }, startedAtMs, nodes: reader.nodes?.() }
}
