import {
  type Block,
  type ChainReader,
  fingerprintOf,
  type NodeError,
  type Scan,
  type TrackedTransaction,
  type Transfer,
} from '../../src/gateways/gateway.ts'
import { err, ok, type Result } from '../../src/lib/result.ts'
import { contradicts, effective, type SimBlock, type SimChain, type SimNode, type SimTransaction } from './chain.ts'
import type { Network, Party } from './network.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/** New transactions in one look at the mempool: few, so that the bound is met. */
const MEMPOOL_MAX = 4

/**
 * Reads the simulated nodes as a gateway does: from the first that answers, call by call, so that one look may hear two
 * nodes. What it has seen of the mempool lives as long as its isolate.
 */
export function createSimReader(
  chain: SimChain,
  { party, scheduler, random, network }: { party: Party; scheduler: Scheduler; random: Random; network: Network },
): ChainReader {
  let seen = new Set<string>()

  function ask<T>(what: string, read: (node: SimNode) => Result<T, NodeError>): Promise<Result<T, NodeError>> {
    if (!party.isAlive()) return new Promise(() => undefined)
    return new Promise((resolve) => {
      scheduler.after(network.latencyMs(), `${chain.config.native.code} ${what}`, () => {
        if (!party.isAlive()) return
        const node = chain.nodes.find(({ isUp }) => isUp && !random.chance(network.faults.nodeFailures))
        resolve(node ? read(node) : err({ reason: 'node_unreachable', detail: 'no node answers' }))
      })
    })
  }
  const lies = (): boolean => random.chance(network.faults.nodeLies)

  const scanOf = (transactions: readonly SimTransaction[]): Scan => {
    const outputs = transactions.flatMap((transaction) => transaction.outputs.map((output) => ({ transaction, output })))
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

  return {
    head: () => ask('head', (node) => ok((lies() ? (node.head.parent ?? node.head) : node.head).ref)),
    hashAt: (height) => ask('hashAt', (node) => ok(node.at(height)?.ref.hash ?? null)),
    block: (hash) =>
      ask('block', (node): Result<Block, NodeError> => {
        const block = lies() ? node.head.parent : (chain.byHash.get(hash) ?? null)
        if (!block || !knows(node, block)) return err({ reason: 'node_refused', detail: 'no such block' })
        // Conflicts are of all that is in the block, whether carried out or not: the coin or nonce is used up.
        return ok({ ...block.ref, ...scanOf(effective(block)), conflicts: (tracked) => conflictsOf(tracked, block.transactions) })
      }),
    mempool: () =>
      ask('mempool', (node) => {
        seen = new Set([...seen].filter((txid) => node.mempool.has(txid)))
        const shown = chain.hasMempool ? [...node.mempool.values()] : []
        const unseen = shown.filter(({ txid }) => !seen.has(txid))
        const fresh = unseen.slice(0, MEMPOOL_MAX)
        return ok({
          ...scanOf(fresh),
          more: fresh.length < unseen.length,
          missing: (txids: readonly string[]) => ask('missing', (asked) => ok(txids.filter((txid) => !asked.mempool.has(txid)))),
          seen: () => {
            for (const { txid } of fresh) seen.add(txid)
          },
        })
      }),
  }
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
