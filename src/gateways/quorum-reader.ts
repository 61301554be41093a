import { type Clock, systemClock } from '../lib/clock.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { Block, ChainReader, Head, NodeError, NodeSight } from './gateway.ts'
import { type Choice, type Comparison, judge, neededOf, votersOf } from './quorum.ts'
import { compare, type NodeReader } from './quorum-survey.ts'
import { heavierOf } from './quorum-work.ts'

/** A node that failed is read from last for so long, one that was found lying for longer. */
const ASIDE_MS = 30_000
const LIAR_ASIDE_MS = 10 * 60_000

interface Aside {
  readonly untilMs: number
  readonly hasLied: boolean
}

/**
 * Several nodes as one reader. Each look compares their heads (`judge`) and follows no further than enough of them agree;
 * it reads from one of them. Hashes and, where blocks do not prove themselves, payments are checked with others.
 * What a node gives by a block's hash comes from the next one when it fails.
 */
export function createQuorumReader(
  nodes: readonly NodeReader[],
  { headAgeMaxMs }: { readonly headAgeMaxMs: number },
  clock: Clock = systemClock,
): ChainReader {
  /** As many say the hash of a block that is read, and the payments in it, where as many can be asked. */
  const quorum = Math.floor(nodes.length / 2) + 1
  const aside = new Map<NodeReader, Aside>()
  const late = new Set<NodeReader>()
  /** Those that have the chain we follow, the one to read from first. Before the first look nobody knows better. */
  let usable: readonly NodeReader[] = [...nodes].sort((one, other) => rankOf(one) - rankOf(other))
  let mempoolOf: NodeReader | null = null
  let statuses: readonly NodeSight[] | undefined

  function asideOf(node: NodeReader): Aside | null {
    const entry = aside.get(node)
    return entry && entry.untilMs > clock() ? entry : null
  }

  function rankOf(node: NodeReader): number {
    return (asideOf(node) ? 2 : 0) + (node.showsMempool ? 0 : 1)
  }

  function setAside(node: NodeReader, { reason }: Pick<NodeError, 'reason'>): void {
    const hasLied = reason === 'node_lied'
    if (!hasLied && asideOf(node)?.hasLied) return
    aside.set(node, { hasLied, untilMs: clock() + (hasLied ? LIAR_ASIDE_MS : ASIDE_MS) })
  }

  /** Those that have the chain we follow; what failed lately comes last. */
  function inOrder(): readonly NodeReader[] {
    return [...usable].sort((one, other) => Number(asideOf(one) !== null) - Number(asideOf(other) !== null))
  }

  /** From the first usable node that gives it: what is named by its hash is the same from all. */
  async function fromAny<T>(read: (node: NodeReader) => Promise<Result<T, NodeError>>): Promise<Result<T, NodeError>> {
    const failures: NodeError[] = []
    for (const node of inOrder()) {
      const answer = await read(node)
      if (answer.ok) return answer
      setAside(node, answer.error)
      failures.push(answer.error)
    }
    return err(worstOf(failures))
  }

  /** What nodes agree on, or, where two are all there is and blocks prove work, what the heavier of them has. */
  async function decide(comparison: Comparison): Promise<{ follow: Choice | null; statuses: readonly NodeSight['status'][] }> {
    const verdict = judge(comparison)
    const [one, other, ...more] = votersOf(comparison)
    if (one === undefined || other === undefined || more.length > 0) return verdict
    const heavier = await heavierOf(nodes, comparison, one, other)
    if (heavier === null) return verdict
    const statuses = verdict.statuses.map((status, node) => {
      if (node === heavier.node) return 'ok'
      if (node !== heavier.than) return status
      return heavier.isApart ? 'disagrees' : status === 'disagrees' ? 'ok' : status
    })
    return { follow: { target: heavier.head, by: [heavier.node], partial: false }, statuses }
  }

  /** As a quorum of nodes says it; where they differ, or one of them does not say, as most of all do. */
  async function hashAt(height: number): Promise<Result<string | null, NodeError>> {
    const votes: { node: NodeReader; hash: string }[] = []
    const failures: NodeError[] = []
    const ask = async (some: readonly NodeReader[]) => {
      const answers = await Promise.all(some.map((node) => node.hashAt(height)))
      for (const [at, node] of some.entries()) {
        const answer = answers[at]
        if (answer?.ok && answer.value !== null) votes.push({ node, hash: answer.value })
        if (answer && !answer.ok) failures.push(answer.error)
        if (answer && !answer.ok) setAside(node, answer.error)
      }
    }
    const all = inOrder()
    await ask(all.slice(0, quorum))
    if (votes.length < quorum || new Set(votes.map(({ hash }) => hash)).size !== 1) await ask(all.slice(quorum))
    if (votes.length === 0) return failures.length > 0 ? err(worstOf(failures)) : ok(null)
    const needed = neededOf(nodes.length, votes.length)
    if (votes.length < needed && failures.length > 0) return err(worstOf(failures))
    const most = votes.find(({ hash }) => votes.filter((vote) => vote.hash === hash).length >= needed)
    const detail = `at ${height} ${votes.map(({ node, hash }) => `${node.host} has ${hash}`).join(', ')}`.slice(0, 300)
    if (!most) return err({ reason: 'nodes_disagree', detail })
    for (const { node, hash } of votes) if (hash !== most.hash) setAside(node, { reason: 'node_lied' })
    return ok(most.hash)
  }

  /** A payment that only one of several nodes knows of is none. Who is outvoted is read no longer. */
  function confirmed(block: Block, teller: NodeReader): Block {
    return {
      ...block,
      async resolve(positions) {
        const transfers = await block.resolve(positions)
        if (!transfers.ok) setAside(teller, transfers.error)
        if (!transfers.ok || transfers.value.length === 0) return transfers
        const failures: NodeError[] = []
        const denials: NodeReader[] = []
        let agreed = 1
        for (const witness of inOrder()) {
          if (witness === teller || !witness.confirm) continue
          const answer = await witness.confirm(block.hash, transfers.value)
          if (answer.ok && ++agreed < quorum) continue
          if (answer.ok) {
            for (const liar of denials) setAside(liar, { reason: 'node_lied' })
            return transfers
          }
          failures.push(answer.error)
          if (answer.error.reason === 'nodes_disagree') denials.push(witness)
          else setAside(witness, answer.error)
          if (denials.length < quorum) continue
          setAside(teller, { reason: 'node_lied' })
          break
        }
        return failures.length === 0 ? transfers : err(worstOf(failures))
      },
    }
  }

  return {
    async head(ours = []) {
      const { comparison, answers } = await compare(nodes, late, { ours, nowMs: clock(), headAgeMaxMs }, rankOf)
      const failures = answers.flatMap((answer) => (answer && !answer.ok ? [answer.error] : []))
      for (const [at, answer] of answers.entries())
        if (answer && !answer.ok && answer.error.reason === 'node_lied') setAside(nodes[at] as NodeReader, answer.error)
      const { follow, statuses: told } = await decide(comparison)
      statuses = nodes.map((node, at) => {
        const status = told[at] ?? 'away'
        return { host: node.host, status: asideOf(node)?.hasLied ? 'disagrees' : status }
      })
      if (!follow) return err(refusalOf(nodes, comparison, failures))
      usable = follow.by.map((node) => nodes[node] as NodeReader)
      const [first] = usable as [NodeReader, ...NodeReader[]]
      const head = await headOf(first, comparison, follow)
      if (!head.ok) return head
      return ok({ ...head.value, moved: first !== mempoolOf, partial: follow.partial })
    },
    hashAt,
    block: (hash) =>
      fromAny(async (node) => {
        const block = await node.block(hash)
        return block.ok ? ok(confirmed(block.value, node)) : block
      }),
    async mempool() {
      const [first] = inOrder() as [NodeReader, ...NodeReader[]]
      mempoolOf = first
      const scan = await first.mempool()
      if (!scan.ok) setAside(first, scan.error)
      return scan
    },
    nodes: () => statuses ?? [],
  }
}

/** The block to follow, as a node that has it for its newest tells it, and how far enough nodes hold the chain final. */
async function headOf(first: NodeReader, { sights }: Comparison, { target, by }: Choice): Promise<Result<Head, NodeError>> {
  const known = by.map((node) => sights[node]?.head).find((head) => head?.hash === target.hash)
  const ref = known ? ok(known) : await first.refOf(target.hash)
  if (!ref.ok) return ref
  const { height, hash, parentHash, timeMs } = ref.value
  if (height !== target.height) return err({ reason: 'node_lied', detail: `${first.host} has block ${hash} at ${height}` })
  const finals = by.map((node) => sights[node]?.head?.final)
  if (finals.every((final) => final === undefined)) return ok({ height, hash, parentHash, timeMs })
  const named = finals.filter((final) => !!final).sort((one, other) => other.height - one.height)
  const final = named[neededOf(sights.length, by.length) - 1]
  return ok({ height, hash, parentHash, timeMs, final: final && final.height <= height ? final : null })
}

function refusalOf(nodes: readonly NodeReader[], { sights }: Comparison, failures: readonly NodeError[]): NodeError {
  const told = sights.flatMap(({ head }, at) => (head ? [`${nodes[at]?.host} is at block ${head.height} ${head.hash}`] : []))
  if (told.length === 0) return worstOf(failures)
  const detail = told.join(', ').slice(0, 300)
  if (told.length > 1) return { reason: 'nodes_disagree', detail }
  return { reason: 'node_unreachable', detail: `of ${nodes.length} nodes one alone answers, and two must agree: ${detail}` }
}

/** A node that answers wrongly says more than one that does not answer. */
function worstOf(failures: readonly NodeError[]): NodeError {
  const [first = { reason: 'node_unreachable', detail: 'no node answers' } as const] = failures
  return failures.find(({ reason }) => reason !== 'node_unreachable') ?? first
}
