import { err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { Block, BlockRef, ChainReader, Head, NodeEndpoint, NodeError, ReaderFactory } from '../gateway.ts'
import { hostOf } from '../nodes.ts'
import { createQuorumReader } from '../quorum-reader.ts'
import type { NodeReader } from '../quorum-survey.ts'
import { confirm } from './confirm.ts'
import { TRANSFER_TOPIC } from './erc20.ts'
import { checkLogs } from './logs.ts'
import { readMempool, unseenMempool } from './mempool.ts'
import { connectNodes, type RpcNode, type RpcNodes } from './rpc.ts'
import { findConflicts, fingerprintsOf, internalCandidates, nativeCandidates, pick, tokenCandidates, tokenCodes } from './scan.ts'
import { createTracer, type Tracer } from './traces.ts'
import { verify } from './verify.ts'
import { lie, malformed, readBlock, readLogs, readRef, type WireBlock, type WireLog } from './wire.ts'

/**
 * Reads an EVM chain by JSON-RPC: each block once by its hash, its transactions for native transfers, its logs for tokens,
 * and its traces for what contracts pay in the native asset. Everything is fetched before anybody is asked who is watched,
 * so that nothing is missed in between.
 */
export const createEvmReader: ReaderFactory = (chain, endpoints, fetcher): ChainReader => {
  let ahead = 1
  const note = (transactions: number) => {
    ahead = Math.min(AHEAD_MAX, Math.max(1, Math.floor(TRANSACTIONS_AHEAD / Math.max(1, transactions))))
  }
  const readers = endpoints.map((endpoint) => {
    return readNode(chain, endpoint, [endpoint, ...endpoints.filter((other) => other !== endpoint)], fetcher, note)
  })
  const reader = readers.length === 1 ? (readers[0] as NodeReader) : createQuorumReader(readers, chain)
  return {
    ...reader,
    get ahead() {
      return ahead
    },
  }
}

/** Arbitrum One makes four blocks a second, and each takes three answers of a node, one after the other. */
const AHEAD_MAX = 4
/** Blocks as large as the last have so many together: their traces come to megabytes, and all must fit a Worker's 128. */
const TRANSACTIONS_AHEAD = 300

/** One node; for the traces of a block, and for a second opinion on a token, the others are asked after it. */
function readNode(
  chain: ChainConfig,
  endpoint: NodeEndpoint,
  endpoints: readonly NodeEndpoint[],
  fetcher: typeof fetch,
  note: (transactions: number) => void,
): NodeReader {
  const nodes = connectNodes([endpoint], fetcher, chain.id)
  const all = connectNodes(endpoints, fetcher, chain.id)
  const trace = createTracer(chain, endpoints, fetcher)
  let seen: ReadonlySet<string> = new Set()
  return {
    host: hostOf(endpoint),
    showsMempool: endpoint.pending === true,
    head: () => nodes.first((node) => readHead(node, chain)),
    hashesAt: (heights) => nodes.first((node) => readHashes(node, heights)),
    async hashAt(height) {
      const hashes = await nodes.first((node) => readHashes(node, [height]))
      return hashes.ok ? ok(hashes.value[0] ?? null) : hashes
    },
    refOf: (hash) => nodes.first((node) => readRefOf(node, hash)),
    block: (hash) => readWholeBlock({ chain, nodes, all, count: endpoints.length, trace, note }, hash),
    async mempool() {
      if (endpoint.pending !== true) return ok(unseenMempool(nodes))
      return await nodes.first((node) =>
        readMempool(node, nodes, chain, seen, (txids) => {
          seen = txids
        }),
      )
    },
    confirm: (hash, transfers) => nodes.first((node) => confirm(node, chain, hash, transfers)),
  }
}

/** The head and, on a chain with a finality tag, the block under it, from one node at one time. */
async function readHead(node: RpcNode, { finality }: ChainConfig): Promise<Result<Head, NodeError>> {
  const block = (tag: string) => ({ method: 'eth_getBlockByNumber', params: [tag, false] })
  // A node that has not heard of any final block yet refuses, and reads on all the same.
  const answer = await node.call([block('latest'), ...(finality ? [{ ...block(finality), optional: true as const }] : [])])
  if (!answer.ok) return answer
  const [headJson, finalJson] = answer.value
  const head = readRef(headJson)
  if (head === null) return err(malformed('the latest block'))
  if (!finality) return ok(head)
  if (finalJson === null) return ok({ ...head, final: null })
  const final = readRef(finalJson)
  if (final === null) return err(malformed(`the ${finality} block`))
  if (final.height > head.height) return err(lie(`block ${final.height} is ${finality} and above the head`))
  return ok({ ...head, final: { height: final.height, hash: final.hash } })
}

async function readHashes(node: RpcNode, heights: readonly number[]): Promise<Result<(string | null)[], NodeError>> {
  const calls = heights.map((height) => ({ method: 'eth_getBlockByNumber', params: [`0x${height.toString(16)}`, false] }))
  const answer = await node.call(calls)
  if (!answer.ok) return answer
  const hashes: (string | null)[] = []
  for (const [at, height] of heights.entries()) {
    const json = answer.value[at]
    const ref = readRef(json)
    if (ref === null && json !== null) return err(malformed(`block ${height}`))
    if (ref !== null && ref.height !== height) return err(lie(`asked for block ${height}, got ${ref.height}`))
    hashes.push(ref?.hash ?? null)
  }
  return ok(hashes)
}

async function readRefOf(node: RpcNode, hash: string): Promise<Result<BlockRef, NodeError>> {
  const answer = await node.call([{ method: 'eth_getBlockByHash', params: [hash, false] }])
  if (!answer.ok) return answer
  if (answer.value[0] === null) return err({ reason: 'node_refused', detail: `block ${hash} is not known` })
  const ref = readRef(answer.value[0])
  if (ref === null) return err(malformed(`block ${hash}`))
  return ref.hash === hash ? ok(ref) : err(lie(`asked for block ${hash}, got ${ref.hash}`))
}

interface Ports {
  readonly chain: ChainConfig
  readonly nodes: RpcNodes
  /** This node and the others, and how many. */
  readonly all: RpcNodes
  readonly count: number
  readonly trace: Tracer
  /** Hears how many transactions are in each block that is read. */
  readonly note: (transactions: number) => void
}

async function readWholeBlock({ chain, nodes, all, count, trace, note }: Ports, hash: string): Promise<Result<Block, NodeError>> {
  const read = await nodes.first((node) => readBlockAndLogs(node, chain, hash))
  if (!read.ok) return read
  const { block, logs } = read.value
  note(block.transactions.length)
  const inner = await trace(block)
  if (!inner.ok) return inner
  const byId = new Map(block.transactions.map((transaction) => [transaction.txid, transaction]))
  const candidates = [
    ...nativeCandidates(chain, block.transactions),
    ...internalCandidates(chain, byId, inner.value),
    ...tokenCandidates(chain, byId, logs),
  ]
  return ok({
    ...block.ref,
    fingerprints: fingerprintsOf(candidates),
    resolve: async (positions) => {
      const picked = pick(candidates, positions)
      let asked = 0
      return await all.first((node) => verify(node, { chain, block, logs, picked }, ++asked === count))
    },
    conflicts: (tracked) => findConflicts(block.transactions, tracked),
  })
}

async function readBlockAndLogs(
  node: RpcNode,
  chain: ChainConfig,
  hash: string,
): Promise<Result<{ block: WireBlock; logs: readonly WireLog[] }, NodeError>> {
  const contracts = [...tokenCodes(chain).keys()]
  const filter = { blockHash: hash, address: contracts, topics: [TRANSFER_TOPIC] }
  const answer = await node.call([
    { method: 'eth_getBlockByHash', params: [hash, true] },
    ...(contracts.length > 0 ? [{ method: 'eth_getLogs', params: [filter] }] : []),
  ])
  if (!answer.ok) return answer
  const [blockJson, logsJson] = answer.value
  if (blockJson === null) return err({ reason: 'node_refused', detail: `block ${hash} is not known` })
  const block = readBlock(blockJson)
  if (block === null) return err(malformed(`block ${hash}`))
  if (block.ref.hash !== hash) return err(lie(`asked for block ${hash}, got ${block.ref.hash}`))
  const found = contracts.length > 0 ? readLogs(logsJson) : []
  if (found === null) return err(malformed(`logs of block ${hash}`))
  const logs = await checkLogs(node, block, contracts, found)
  return logs.ok ? ok({ block, logs: logs.value }) : logs
}
