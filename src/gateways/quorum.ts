import type { Head, NodeSight } from './gateway.ts'

/** Branches this short come and go at the tip of any chain; nodes that differ below it are in disagreement. */
export const FORK_DEPTH_ORDINARY = 3
/** A node whose newest block is so much older than the others' may still be the one to read: blocks are on their way. */
const ON_THE_WAY_MS = 6_000
/** One that is behind by more blocks than an ordinary fork, and by more time than this, is called lagging. */
const LAG_MS = 30_000

/** What one node said when all were asked. */
export interface Sight {
  /** Null when it did not answer in time. */
  readonly head: Head | null
  /** Hashes of its chain by height: its head's, and those it was asked for. */
  readonly hashes: ReadonlyMap<number, string>
  /** Which of them to read from, the lowest first. */
  readonly rank: number
}

export interface Comparison {
  /** In the order of the configuration. */
  readonly sights: readonly Sight[]
  /** The chain read so far, newest first. */
  readonly ours: readonly Place[]
  readonly nowMs: number
  /** `ChainConfig.headAgeMaxMs`. */
  readonly headAgeMaxMs: number
}

/** The newest block of each node, null of one that did not answer; and how old a healthy chain's may be. */
interface Heads extends Pick<Comparison, 'nowMs' | 'headAgeMaxMs'> {
  readonly sights: readonly { readonly head: { readonly timeMs: number } | null }[]
}

export interface Place {
  readonly height: number
  readonly hash: string
}

export interface Verdict {
  readonly statuses: readonly NodeSight['status'][]
  /** Null when there is nothing that enough nodes agree on. */
  readonly follow: Choice | null
}

export interface Choice {
  /** The newest block to follow. */
  readonly target: Place
  /** Nodes that have it in their chain, the one to read from first. */
  readonly by: readonly number[]
  /** The first of them has gone on from there. */
  readonly partial: boolean
}

/**
 * Who is asked what is newest: everybody who answers, except nodes that hang. One whose newest block is older than that of
 * a healthy chain may be says nothing of now, as one that is away. But where most of them are so, it is the chain that
 * stands still, and whoever claims more is the odd one out.
 */
export function votersOf({ sights, nowMs, headAgeMaxMs }: Heads): number[] {
  const answering = sights.flatMap(({ head }, node) => (head ? [{ node, head }] : []))
  const fresh = answering.filter(({ head }) => nowMs - head.timeMs <= headAgeMaxMs)
  const voters = fresh.length > 0 && 2 * fresh.length >= answering.length ? fresh : answering
  return voters.map(({ node }) => node)
}

/** How many must agree: the majority of the voters, and where three or more nodes are configured never one alone. */
export function neededOf(configured: number, voters: number): number {
  return Math.max(Math.floor(voters / 2) + 1, configured >= 3 ? 2 : 1)
}

/** The heights that each node is to be asked the hash at, so that all can be compared; none while all have the same head. */
export function heightsToAsk(comparison: Comparison): number[][] {
  const { sights, ours } = comparison
  const heads = sights.flatMap(({ head }) => (head ? [head] : []))
  if (new Set(heads.map(({ hash }) => hash)).size <= 1) return sights.map(() => [])
  const heights = new Set(heads.map(({ height }) => height))
  const { newest } = pollOf(comparison)
  if (newest !== null) heights.add(deepOf(newest))
  if (ours[0]) heights.add(ours[0].height)
  return sights.map(({ head }) => [...heights].filter((height) => head !== null && height < head.height))
}

/** Compares what the nodes said. Pure: the same words, the same verdict. See decision 012. */
export function judge(comparison: Comparison): Verdict {
  const { sights } = comparison
  const poll = pollOf(comparison)
  const { newest } = poll
  if (newest === null) return { statuses: sights.map(({ head }) => (head ? 'ok' : 'away')), follow: null }
  const agreed = highestAgreed(poll, sights)
  // Nodes that differ below an ordinary fork: whoever is right, it is not for us to guess.
  if (agreed === null || agreed.height < deepOf(newest))
    return { statuses: sights.map(({ head }) => (head ? 'disagrees' : 'away')), follow: null }
  const newestMs = Math.max(...poll.voters.map((node) => sights[node]?.head?.timeMs ?? 0))
  return { statuses: sights.map((sight) => statusOf(sight, poll, newest, newestMs)), follow: choose(comparison, poll, agreed) }
}

/** Who votes on what. */
interface Poll {
  readonly voters: readonly number[]
  /** Up to this height there are as many voters as must agree; null when there are not as many at all. */
  readonly newest: number | null
  /** The hash that as many voters have at a height as must agree. */
  agreedAt(height: number): string | null
}

function pollOf(comparison: Comparison): Poll {
  const { sights } = comparison
  const voters = votersOf(comparison)
  const needed = neededOf(sights.length, voters.length)
  const heights = voters.map((node) => sights[node]?.head?.height ?? 0).sort((one, other) => other - one)
  return {
    voters,
    newest: heights[needed - 1] ?? null,
    agreedAt(height) {
      const votes = new Map<string, number>()
      for (const node of voters) {
        const hash = sights[node]?.hashes.get(height)
        if (hash !== undefined) votes.set(hash, (votes.get(hash) ?? 0) + 1)
      }
      return [...votes].find(([, count]) => count >= needed)?.[0] ?? null
    },
  }
}

/** Where nodes that differ are more than an ordinary fork apart. */
function deepOf(newest: number): number {
  return Math.max(0, newest - FORK_DEPTH_ORDINARY)
}

function highestAgreed({ voters, agreedAt }: Poll, sights: readonly Sight[]): Place | null {
  const heights = new Set(voters.flatMap((node) => [...(sights[node]?.hashes.keys() ?? [])]))
  for (const height of [...heights].sort((one, other) => other - one)) {
    const hash = agreedAt(height)
    if (hash !== null) return { height, hash }
  }
  return null
}

/**
 * The node to read, and up to where. One whose newest block is the agreed one is best: what its mempool does not show is
 * in blocks up to there. One that is a moment behind will do, up to its own head. When what is agreed on is below what we
 * have read, we stay where we are, with a node that has our newest block.
 */
function choose({ sights, ours }: Comparison, { voters, agreedAt }: Poll, agreed: Place): Choice {
  const tip = ours[0] ?? null
  const has = (node: number, { height, hash }: Place): boolean => sights[node]?.hashes.get(height) === hash
  const agreedMs = Math.min(
    ...voters.map((node) => (sights[node]?.head?.hash === agreed.hash ? sights[node].head.timeMs : Number.POSITIVE_INFINITY)),
  )
  const candidates: { node: number; target: Place; isExact: boolean }[] = []
  for (const node of voters) {
    const head = sights[node]?.head
    if (!head) continue
    if (tip !== null && agreed.height < tip.height) {
      if (has(node, tip) && has(node, agreed)) candidates.push({ node, target: tip, isExact: head.hash === tip.hash })
    } else if (has(node, agreed)) {
      candidates.push({ node, target: agreed, isExact: head.hash === agreed.hash })
    } else if (
      agreedAt(head.height) === head.hash &&
      head.height >= (tip?.height ?? 0) &&
      agreedMs - head.timeMs <= ON_THE_WAY_MS
    ) {
      candidates.push({ node, target: head, isExact: true })
    }
  }
  const rankOf = (node: number): number => sights[node]?.rank ?? 0
  const [best] = candidates.sort(
    (one, other) => rankOf(one.node) - rankOf(other.node) || Number(other.isExact) - Number(one.isExact) || one.node - other.node,
  )
  // Nobody has our newest block: what is agreed on is below it, and a reader waits for such nodes.
  const { target, isExact } = best ?? { target: agreed, isExact: false }
  const by = voters.filter((node) => has(node, target) && node !== best?.node)
  return {
    target: { height: target.height, hash: target.hash },
    by: best ? [best.node, ...by] : by,
    partial: !isExact,
  }
}

function statusOf({ head, hashes }: Sight, poll: Poll, newest: number, newestMs: number): NodeSight['status'] {
  if (head === null) return 'away'
  const height = Math.min(head.height, deepOf(newest))
  const own = hashes.get(height)
  const agreed = poll.agreedAt(height)
  if (own !== undefined && agreed !== null && own !== agreed) return 'disagrees'
  return newest - head.height > FORK_DEPTH_ORDINARY && newestMs - head.timeMs > LAG_MS ? 'lagging' : 'ok'
}
