import {
  type Block,
  type ChainReader,
  fingerprintOf,
  type NodeError,
  type Scan,
  type TrackedTransaction,
  type Transfer,
} from '../../src/gateways/gateway.ts'
import { createQuorumReader } from '../../src/gateways/quorum-reader.ts'
import type { NodeReader } from '../../src/gateways/quorum-survey.ts'
import { err, ok, type Result } from '../../src/lib/result.ts'
import type { SimChain } from './chain.ts'
import type { Network, Party } from './network.ts'
import type { SimNode } from './node.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import { contradicts, effective, OWN_INDEX, type SimBlock, type SimTransaction } from './transactions.ts'

/** New transactions in one look at the mempool: few, so that the bound is met. */
const MEMPOOL_MAX = 4

export interface NodePorts {
  readonly party: Party
  readonly scheduler: Scheduler
  readonly random: Random
  readonly network: Network
}

/** Reads the simulated nodes as a gateway does: several are compared by the real code. */
export function createSimReader(chain: SimChain, ports: NodePorts): ChainReader {
  const readers = chain.nodes.map((node) => readNode(chain, node, ports))
  return readers.length === 1 ? (readers[0] as NodeReader) : createQuorumReader(readers, chain.config)
}

/** One node. What has been seen of its mempool lives as long as its isolate. */
function readNode(chain: SimChain, node: SimNode, ports: NodePorts): NodeReader {
  const { random, network } = ports
  let seen = new Set<string>()

  const ask = <T>(what: string, read: () => Result<T, NodeError>) => askNode(node, ports, what, read)
  const lies = (): boolean => random.chance(network.faults.nodeLies)

  const scanOf = (transactions: readonly SimTransaction[]): Scan => {
    const outputs = transactions.flatMap((transaction) =>
      transaction.outputs.filter(({ index }) => index !== OWN_INDEX).map((output) => ({ transaction, output })),
    )
    const fingerprints = new Uint8Array(outputs.length * 8)
    for (const [i, { output }] of outputs.entries()) fingerprints.set(fingerprintOf(output.key), i * 8)
    return {
      fingerprints,
      resolve: (positions) =>
        ask('resolve', () =>
          ok(
            positions.map((position): Transfer => {
              const { transaction, output } = outputs[position] as (typeof outputs)[number]
              const { txid, spends } = transaction
              return { txid, index: output.index, watchKey: output.key, assetCode: output.asset, units: output.units, spends }
            }),
          ),
        ),
      conflicts: (tracked) => conflictsOf(tracked, transactions),
    }
  }

  /** What the node says is in a block. Of chains whose blocks do not prove it, a lying one says more than there is. */
  function contentOf(block: SimBlock): SimTransaction[] {
    const isForged = node.isLiar && chain.config.gateway === 'evm'
    return [...effective(block), ...(isForged ? chain.madeUp() : [])]
  }

  const find = (hash: string): Result<SimBlock, NodeError> => {
    const block = chain.byHash.get(hash)
    return block && knows(node, block) ? ok(block) : err({ reason: 'node_refused', detail: 'no such block' })
  }

  return {
    host: node.label,
    showsMempool: true,
    head: () => ask('head', () => ok((lies() ? (node.head.parent ?? node.head) : node.head).ref)),
    hashAt: (height) => ask('hashAt', () => ok(node.at(height)?.ref.hash ?? null)),
    hashesAt: (heights) => ask('hashesAt', () => ok(heights.map((height) => node.at(height)?.ref.hash ?? null))),
    refOf: (hash) =>
      ask('refOf', () => {
        const block = find(hash)
        return block.ok ? ok(block.value.ref) : block
      }),
    block: (hash) =>
      ask('block', (): Result<Block, NodeError> => {
        const found = lies() ? err({ reason: 'node_lied', detail: 'another block' } as const) : find(hash)
        if (!found.ok) return found
        const { ref, transactions } = found.value
        // Conflicts are of all that is in the block, whether carried out or not: the coin or nonce is used up.
        return ok({ ...ref, ...scanOf(contentOf(found.value)), conflicts: (tracked) => conflictsOf(tracked, transactions) })
      }),
    mempool: () =>
      ask('mempool', () => {
        const waiting = new Set(node.mempool.keys())
        seen = new Set([...seen].filter((txid) => waiting.has(txid)))
        const shown = chain.hasMempool ? [...node.mempool.values()] : []
        const unseen = shown.filter(({ txid }) => !seen.has(txid))
        const fresh = unseen.slice(0, MEMPOOL_MAX)
        return ok({
          ...scanOf(fresh),
          more: fresh.length < unseen.length,
          missing: (txids: readonly string[]) => ask('missing', () => ok(txids.filter((txid) => !waiting.has(txid)))),
          seen: () => {
            for (const { txid } of fresh) seen.add(txid)
          },
        })
      }),
    ...(chain.config.gateway === 'evm' && {
      confirm: (hash: string, transfers: readonly Transfer[]) =>
        ask('confirm', (): Result<null, NodeError> => {
          const block = find(hash)
          if (!block.ok) return block
          const there = new Set(
            contentOf(block.value).flatMap(({ txid, outputs }) => outputs.map(({ index }) => `${txid}/${index}`)),
          )
          const isThere = transfers.every(({ txid, index }) => there.has(`${txid}/${index}`))
          return isThere ? ok(null) : err({ reason: 'nodes_disagree', detail: `${node.label} has no such payment` })
        }),
    }),
  }
}

/** One question to one node, which answers late, or not at all. */
export function askNode<T>(
  node: SimNode,
  { party, scheduler, random, network }: NodePorts,
  what: string,
  read: () => Result<T, NodeError>,
): Promise<Result<T, NodeError>> {
  if (!party.isAlive()) return new Promise(() => undefined)
  return new Promise((resolve) => {
    scheduler.after(network.latencyMs(), `${node.label} ${what}`, () => {
      if (!party.isAlive()) return
      const answers = node.isUp && !random.chance(network.faults.nodeFailures)
      resolve(answers ? read() : err({ reason: 'node_unreachable', detail: `${node.label} does not answer` }))
    })
  })
}

/** A node keeps blocks of branches that lost, but hears of none before its time. */
function knows(node: SimNode, block: SimBlock): boolean {
  return block.ref.height <= node.head.ref.height
}

function conflictsOf(tracked: readonly TrackedTransaction[], transactions: readonly SimTransaction[]) {
  return tracked.flatMap(({ txid, spends }) => {
    const by = transactions.find((other) => contradicts({ txid, spends, outputs: [], bornAtMs: 0 }, other))
    return by ? [{ txid, byTxid: by.txid }] : []
  })
}
