import type { Head } from './gateway.ts'
import { type Comparison, FORK_DEPTH_ORDINARY, type Place, type Sight } from './quorum.ts'
import type { NodeReader } from './quorum-survey.ts'

/** The longest branches whose work is compared: a hundred headers are one request. */
const PROOF_BLOCKS_MAX = 100

export interface Heavier {
  readonly node: number
  readonly than: number
  readonly head: Head
  /** Their branches differ by more than comes and goes at the tip. */
  readonly isApart: boolean
}

/** Which of two nodes has more proven work above the newest block they share; null where it cannot be told. */
export async function heavierOf(
  nodes: readonly NodeReader[],
  { sights }: Comparison,
  one: number,
  other: number,
): Promise<Heavier | null> {
  const heads = [sights[one]?.head, sights[other]?.head]
  const [a, b] = heads
  if (!a || !b || a.hash === b.hash || !nodes[one]?.work || !nodes[other]?.work) return null
  const base = await sharedOf(
    [nodes[one], nodes[other]],
    [sights[one] as Sight, sights[other] as Sight],
    Math.min(a.height, b.height),
  )
  if (base === null) return null
  const [workA, workB] = await Promise.all([workOf(nodes[one], base, a), workOf(nodes[other], base, b)])
  if (workA === null || workB === null || workA === workB) return null
  const [node, than, head, loser] = workA > workB ? [one, other, a, b] : [other, one, b, a]
  return { node, than, head, isApart: loser.height - base.height > FORK_DEPTH_ORDINARY }
}

async function workOf(node: NodeReader, base: Place, head: Head): Promise<bigint | null> {
  if (head.hash === base.hash) return 0n
  if (head.height - base.height > PROOF_BLOCKS_MAX) return null
  const work = await node.work?.(base, head)
  return work?.ok ? work.value : null
}

/** The newest block that both have, when it is not far below `height`. */
async function sharedOf(
  nodes: readonly [NodeReader, NodeReader],
  [one, other]: readonly [Sight, Sight],
  height: number,
): Promise<Place | null> {
  const known = one.hashes.get(height)
  if (known !== undefined && known === other.hashes.get(height)) return { height, hash: known }
  const heights = Array.from({ length: Math.min(PROOF_BLOCKS_MAX, height) }, (_, depth) => height - 1 - depth)
  const [mine, theirs] = await Promise.all(nodes.map((node) => node.hashesAt(heights)))
  if (!mine?.ok || !theirs?.ok) return null
  const at = mine.value.findIndex((hash, depth) => hash !== null && hash === theirs.value[depth])
  return at < 0 ? null : { height: heights[at] as number, hash: mine.value[at] as string }
}
