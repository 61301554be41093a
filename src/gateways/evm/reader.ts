import { fromHex } from '../../lib/bytes.ts'
import { assert, err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { Block, BlockRef, ChainReader, MempoolScan, NodeError, ReaderFactory, Transfer } from '../gateway.ts'
import { explains, mayContain } from './bloom.ts'
import { TRANSFER_TOPIC } from './erc20.ts'
import { connectNodes, type RpcNode, type RpcNodes } from './rpc.ts'
import {
  type Candidate,
  findConflicts,
  fingerprintsOf,
  nativeCandidates,
  tokenCandidates,
  tokenCodes,
  waitingTokenCandidates,
} from './scan.ts'
import {
  readBlock,
  readLogs,
  readPending,
  readReceipt,
  readReceiptLogs,
  readRef,
  readTransaction,
  type WireBlock,
  type WireLog,
} from './wire.ts'

/** A transaction in a block this deep below the head has been looked at, or is about to be in the same look. */
const SETTLED_DEPTH = 2

/**
 * Reads an EVM chain by JSON-RPC: each block once by its hash, its transactions for native transfers and its logs for
 * tokens. Everything is fetched before anybody is asked who is watched, so that nothing is missed in between.
 */
export const createEvmReader: ReaderFactory = (chain, endpoints, fetcher): ChainReader => {
  const nodes = connectNodes(endpoints, fetcher)
  const pendingEndpoints = endpoints.filter((endpoint) => endpoint.pending === true)
  const pendingNodes = connectNodes(pendingEndpoints, fetcher)
  let seen: ReadonlySet<string> = new Set()
  return {
    head: () => nodes.first((node) => readHead(node)),
    hashAt: (height) => nodes.first((node) => readHashAt(node, height)),
    block: (hash) => nodes.first((node) => readWholeBlock(node, nodes, chain, hash)),
    async mempool() {
      if (pendingEndpoints.length === 0) return ok(null)
      return await pendingNodes.first((node) =>
        readMempool(node, pendingNodes, chain, seen, (txids) => {
          seen = txids
        }),
      )
    },
  }
}

async function readHead(node: RpcNode): Promise<Result<BlockRef, NodeError>> {
  const answer = await node.call([{ method: 'eth_getBlockByNumber', params: ['latest', false] }])
  if (!answer.ok) return answer
  const ref = readRef(answer.value[0])
  return ref === null ? err(malformed('the latest block')) : ok(ref)
}

async function readHashAt(node: RpcNode, height: number): Promise<Result<string | null, NodeError>> {
  const answer = await node.call([{ method: 'eth_getBlockByNumber', params: [`0x${height.toString(16)}`, false] }])
  if (!answer.ok) return answer
  if (answer.value[0] === null) return ok(null)
  const ref = readRef(answer.value[0])
  if (ref === null) return err(malformed(`block ${height}`))
  return ref.height === height ? ok(ref.hash) : err(lie(`asked for block ${height}, got ${ref.height}`))
}

async function readWholeBlock(node: RpcNode, nodes: RpcNodes, chain: ChainConfig, hash: string): Promise<Result<Block, NodeError>> {
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
  const checked = await checkLogs(node, block, contracts, found)
  if (!checked.ok) return checked

  const byId = new Map(block.transactions.map((transaction) => [transaction.txid, transaction]))
  const candidates = [...nativeCandidates(chain, block.transactions), ...tokenCandidates(chain, byId, checked.value)]
  return ok({
    ...block.ref,
    fingerprints: fingerprintsOf(candidates),
    resolve: async (positions) => {
      const picked = pick(candidates, positions)
      return await nodes.first((other) => withoutFailed(other, hash, picked))
    },
    conflicts: (tracked) => findConflicts(block.transactions, tracked),
  })
}

/**
 * The logs in the order of the block, when they are what was asked for. No logs at all though the block's bloom may hold
 * some: then those of all receipts count, and they must explain the whole bloom.
 */
async function checkLogs(
  node: RpcNode,
  block: WireBlock,
  contracts: readonly string[],
  found: readonly WireLog[],
): Promise<Result<WireLog[], NodeError>> {
  const { hash } = block.ref
  let logs = found
  const bloom = fromHex(block.bloom)
  if (logs.length === 0 && mayContain(bloom, TRANSFER_TOPIC) && contracts.some((contract) => mayContain(bloom, contract))) {
    const answer = await node.call([{ method: 'eth_getBlockReceipts', params: [hash] }])
    if (!answer.ok) return answer
    const all = readReceiptLogs(answer.value[0])
    if (all === null) return err(malformed(`receipts of block ${hash}`))
    if (!explains(all, bloom)) return err(lie(`logs of block ${hash} are kept back`))
    logs = all.filter((log) => contracts.includes(log.contract) && log.topics[0] === TRANSFER_TOPIC)
  }
  const txids = new Set(block.transactions.map((transaction) => transaction.txid))
  const asked = logs.every(
    (log) => log.blockHash === hash && txids.has(log.txid) && contracts.includes(log.contract) && log.topics[0] === TRANSFER_TOPIC,
  )
  if (!asked || new Set(logs.map((log) => log.logIndex)).size !== logs.length) {
    return err(lie(`logs of block ${hash} are not those asked for`))
  }
  return ok(logs.toSorted((a, b) => a.logIndex - b.logIndex))
}

/** Leaves out native transfers whose transaction failed: it is in the block all the same. A token's log proves success. */
async function withoutFailed(node: RpcNode, hash: string, picked: readonly Candidate[]): Promise<Result<Transfer[], NodeError>> {
  const txids = [...new Set(picked.filter(({ native }) => native).map(({ transfer }) => transfer.txid))]
  const succeeded = new Set<string>()
  if (txids.length > 0) {
    const answer = await node.call(txids.map((txid) => ({ method: 'eth_getTransactionReceipt', params: [txid] })))
    if (!answer.ok) return answer
    for (const [at, txid] of txids.entries()) {
      const json = answer.value[at]
      const receipt = readReceipt(json)
      if (receipt === null && json !== null) return err(malformed(`receipt of ${txid}`))
      // A reorganisation since the block was read: the next look sees it.
      if (receipt?.blockHash !== hash) return err({ reason: 'node_refused', detail: `${txid} is no longer in block ${hash}` })
      if (receipt.txid !== txid) return err(lie(`asked for the receipt of ${txid}, got ${receipt.txid}`))
      if (receipt.succeeded) succeeded.add(txid)
    }
  }
  return ok(picked.filter(({ native, transfer }) => !native || succeeded.has(transfer.txid)).map(({ transfer }) => transfer))
}

async function readMempool(
  node: RpcNode,
  nodes: RpcNodes,
  chain: ChainConfig,
  seen: ReadonlySet<string>,
  remember: (txids: ReadonlySet<string>) => void,
): Promise<Result<MempoolScan, NodeError>> {
  const answer = await node.call([{ method: 'eth_getBlockByNumber', params: ['pending', true] }])
  if (!answer.ok) return answer
  const pending = readPending(answer.value[0])
  if (pending === null) return err(malformed('the pending block'))
  const waiting = new Set(pending.transactions.map((transaction) => transaction.txid))
  const fresh = pending.transactions.filter((transaction) => !seen.has(transaction.txid))
  const candidates = [...nativeCandidates(chain, fresh), ...waitingTokenCandidates(chain, fresh)]
  return ok({
    fingerprints: fingerprintsOf(candidates),
    resolve: async (positions) => ok(pick(candidates, positions).map(({ transfer }) => transfer)),
    conflicts: (tracked) => findConflicts(pending.transactions, tracked),
    missing: async (txids) => {
      const absent = txids.filter((txid) => !waiting.has(txid))
      return await nodes.first((other) => readMissing(other, absent, pending.height - 1 - SETTLED_DEPTH))
    },
    // Only what waits now: the set stays as small as a block, and what comes back after an absence is told again.
    seen: () => remember(waiting),
  })
}

/**
 * Those the node does not know, and those in a block so deep that a transfer in it would have been found:
 * their transaction failed. One in a newer block is not missing, since that block is read next.
 */
async function readMissing(node: RpcNode, txids: readonly string[], settledHeight: number): Promise<Result<string[], NodeError>> {
  if (txids.length === 0) return ok([])
  const answer = await node.call(txids.map((txid) => ({ method: 'eth_getTransactionByHash', params: [txid] })))
  if (!answer.ok) return answer
  const missing: string[] = []
  for (const [at, txid] of txids.entries()) {
    const json = answer.value[at]
    const transaction = readTransaction(json)
    if (transaction === null && json !== null) return err(malformed(`transaction ${txid}`))
    if (transaction !== null && transaction.txid !== txid) return err(lie(`asked for ${txid}, got ${transaction.txid}`))
    if (transaction === null || (transaction.height !== null && transaction.height <= settledHeight)) missing.push(txid)
  }
  return ok(missing)
}

function pick(candidates: readonly Candidate[], positions: readonly number[]): Candidate[] {
  return positions.map((position) => {
    const candidate = candidates[position]
    assert(candidate !== undefined, `position ${position} is in the scan`)
    return candidate
  })
}

function malformed(what: string): NodeError {
  return { reason: 'protocol', detail: `${what} is not of the form of the Ethereum JSON-RPC specification` }
}

function lie(detail: string): NodeError {
  return { reason: 'node_lied', detail }
}
