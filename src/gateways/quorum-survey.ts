import type { Result } from '../lib/result.ts'
import type { BlockRef, ChainReader, Head, NodeError, Transfer } from './gateway.ts'
import { type Comparison, heightsToAsk, type Place, type Sight } from './quorum.ts'

/** How long the slowest node is waited for when all are compared. */
const SURVEY_WAIT_MS = 2_000
/** One that was too slow the last time is given only this. */
const LATE_WAIT_MS = 300

/** One node of several: a reader of its own, and what comparing it takes. */
export interface NodeReader extends ChainReader {
  readonly host: string
  /** Whether it shows what waits. */
  readonly showsMempool: boolean
  /** Hashes of its chain, in one request for up to a hundred heights; null above its head. */
  hashesAt(heights: readonly number[]): Promise<Result<(string | null)[], NodeError>>
  refOf(hash: string): Promise<Result<BlockRef, NodeError>>
  /**
   * Chains of work: how much is proven by the headers above `base` up to `head`, at most `PROOF_BLOCKS_MAX` of them; they
   * must hang together, meet the targets they state, and state those that follow from that of `base`.
   */
  work?(base: Place, head: Place): Promise<Result<bigint, NodeError>>
  /** Chains whose blocks do not prove what is in them: whether this node has the same transfers in the block. */
  confirm?(hash: string, transfers: readonly Transfer[]): Promise<Result<null, NodeError>>
}

/** Asks every node for its head, and then, where those differ, for the hashes that they are compared by. */
export async function compare(
  nodes: readonly NodeReader[],
  late: Set<NodeReader>,
  { ours, nowMs, headAgeMaxMs }: Omit<Comparison, 'sights'>,
  rankOf: (node: NodeReader) => number,
): Promise<{ comparison: Comparison; answers: readonly (Result<Head, NodeError> | undefined)[] }> {
  const answers = await survey(nodes, late)
  const sights = nodes.map((node, at): Sight => {
    const answer = answers[at]
    const head = answer?.ok ? answer.value : null
    return { head, hashes: new Map(head ? [[head.height, head.hash]] : []), rank: rankOf(node) }
  })
  const draft = { sights, ours, nowMs, headAgeMaxMs }
  const asked = heightsToAsk(draft)
  const whole = await Promise.all(nodes.map((node, at) => withHashes(node, sights[at] as Sight, asked[at] ?? [])))
  return { comparison: { ...draft, sights: whole }, answers }
}

/** What every node answers, as soon as all have or the wait is over. */
async function survey(
  nodes: readonly NodeReader[],
  late: Set<NodeReader>,
): Promise<readonly (Result<Head, NodeError> | undefined)[]> {
  const answers: (Result<Head, NodeError> | undefined)[] = nodes.map(() => undefined)
  const asked = nodes.map(async (node, at) => {
    const answer = await node.head()
    answers[at] = answer
    late.delete(node)
  })
  const prompt = asked.filter((_, at) => !late.has(nodes[at] as NodeReader))
  const isLateWaited = prompt.length > 0 && prompt.length < asked.length
  await within(SURVEY_WAIT_MS, async () => {
    await Promise.all(isLateWaited ? prompt : asked)
    if (isLateWaited) await within(LATE_WAIT_MS, () => Promise.all(asked))
  })
  for (const [at, node] of nodes.entries()) if (answers[at] === undefined) late.add(node)
  return [...answers]
}

async function withHashes(node: NodeReader, sight: Sight, heights: readonly number[]): Promise<Sight> {
  if (heights.length === 0) return sight
  const answer = await within(SURVEY_WAIT_MS, () => node.hashesAt(heights))
  if (!answer?.ok) return { ...sight, head: null, hashes: new Map() }
  const hashes = new Map(sight.hashes)
  for (const [at, height] of heights.entries()) {
    const hash = answer.value[at]
    if (hash) hashes.set(height, hash)
  }
  return { ...sight, hashes }
}

/** What `work` comes to, or undefined after the wait: it may go on, and nobody listens. */
async function within<T>(waitMs: number, work: () => Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const over = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), waitMs)
  })
  try {
    return await Promise.race([work(), over])
  } finally {
    clearTimeout(timer)
  }
}
