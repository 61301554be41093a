import type { BlockRef, Head, NodeError, Transfer } from '../../src/gateways/gateway.ts'
import type { NodeReader } from '../../src/gateways/quorum-survey.ts'
import { err, ok, type Result } from '../../src/lib/result.ts'
import { type SimTransaction, scanOf } from '../chain/simulator.ts'

export interface FakeBlock {
  readonly ref: BlockRef
  readonly transactions: readonly SimTransaction[]
}

/** What one node shows: a chain, oldest first, from height 0. */
export type Chain = readonly FakeBlock[]

export const BLOCK_MS = 12_000

/** A block on top of a chain. Its name says on which branch it was made. */
export function extend(chain: Chain, branch: string, transactions: readonly SimTransaction[] = []): Chain {
  const parent = chain.at(-1)?.ref
  const height = chain.length
  const ref = {
    height,
    hash: `${branch}-${height}-${transactions.map(({ txid }) => txid).join()}`,
    parentHash: parent?.hash ?? 'none',
  }
  return [...chain, { ref: { ...ref, timeMs: 1_000_000 + height * BLOCK_MS }, transactions }]
}

export function grow(chain: Chain, branch: string, blocks: number): Chain {
  let longer = chain
  for (let n = 0; n < blocks; n++) longer = extend(longer, branch)
  return longer
}

export interface FakeNode extends NodeReader {
  chain: Chain
  isUp: boolean
  /** Shown on the way to a head that is the others', in the place of its own chain. */
  misleads: Chain | null
  /** So many calls are answered before it fails. */
  patience: number
  /** What its mempool shows. */
  waiting: readonly SimTransaction[]
  /** Names of the calls made. */
  readonly calls: string[]
  /** Changes a block on its way out, under the same hash. */
  forge: ((block: FakeBlock) => FakeBlock) | null
  final: number | null
}

/** A node that shows one chain. `isEvm`: its blocks do not prove what is in them, so nodes confirm to each other. */
export function fakeNode(host: string, chain: Chain, { isEvm = true }: { isEvm?: boolean } = {}): FakeNode {
  const answer = <T>(call: string, make: () => Result<T, NodeError>): Promise<Result<T, NodeError>> => {
    node.calls.push(call)
    return Promise.resolve(
      node.isUp && node.patience-- > 0 ? make() : err({ reason: 'node_unreachable', detail: `${host}: connection refused` }),
    )
  }
  const byHash = (hash: string): Result<FakeBlock, NodeError> => {
    const found = [...node.chain, ...(node.misleads ?? [])].find(({ ref }) => ref.hash === hash)
    return found ? ok(found) : err({ reason: 'node_refused', detail: `${host}: block ${hash} is not known` })
  }
  const served = (hash: string): Result<FakeBlock, NodeError> => {
    const found = byHash(hash)
    return found.ok && node.forge ? ok(node.forge(found.value)) : found
  }
  const node: FakeNode = {
    chain,
    host,
    isUp: true,
    misleads: null,
    patience: Number.POSITIVE_INFINITY,
    waiting: [],
    calls: [],
    forge: null,
    final: null,
    showsMempool: true,
    head: () =>
      answer('head', (): Result<Head, NodeError> => {
        const { ref } = node.chain.at(-1) as FakeBlock
        const final = node.final === null ? undefined : node.chain[node.final]?.ref
        return ok(final ? { ...ref, final: { height: final.height, hash: final.hash } } : ref)
      }),
    hashAt: (height) => answer('hashAt', () => ok((node.misleads ?? node.chain)[height]?.ref.hash ?? null)),
    hashesAt: (heights) => answer('hashesAt', () => ok(heights.map((height) => node.chain[height]?.ref.hash ?? null))),
    refOf: (hash) =>
      answer('refOf', () => {
        const block = byHash(hash)
        return block.ok ? ok(block.value.ref) : block
      }),
    block: (hash) =>
      answer('block', () => {
        const block = served(hash)
        return block.ok ? ok({ ...block.value.ref, ...scanOf(block.value.transactions) }) : block
      }),
    mempool: () =>
      answer('mempool', () => {
        const shown = new Set(node.waiting.map(({ txid }) => txid))
        const missing = async (txids: readonly string[]) => ok(txids.filter((txid) => !shown.has(txid)))
        return ok({ ...scanOf(node.waiting), missing, seen: () => {} })
      }),
  }
  if (!isEvm) return node
  return Object.assign(node, {
    confirm: (hash: string, transfers: readonly Transfer[]) =>
      answer('confirm', (): Result<null, NodeError> => {
        const block = served(hash)
        const has = ({ txid, index, units }: Transfer): boolean => {
          const output = block.ok && block.value.transactions.find((one) => one.txid === txid)?.outputs[Number(index)]
          return !!output && output.units === units
        }
        return transfers.every(has) ? ok(null) : err({ reason: 'nodes_disagree', detail: `${host} has no such payment` })
      }),
  })
}
