import { logEvent } from '../../lib/log.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import type { NodeEndpoint, NodeError } from '../gateway.ts'
import { connectNodes, isRecord, type RpcNode } from './rpc.ts'
import { lie, readHex, readList, readQuantity, type WireBlock, type WireTransaction } from './wire.ts'

/** A transfer of the chain's own asset that a contract makes while a transaction is carried out. */
export interface InternalMove {
  readonly txid: string
  /** Lower case, with 0x. */
  readonly to: string
  readonly units: bigint
}

/** A plain transfer uses exactly so much; what may use no more cannot run code (yellow paper, appendix G). */
const PLAIN_GAS = 21_000n
/** Looks that fail for the traces of one block before it is taken without them: other payments must not wait for ever. */
const TRIES = 3
const FAILED_MAX = 100
/** A node that serves no traces is asked again so many blocks later: it may have lacked only the state of old ones. */
const BLOCKS_UNASKED = 10

/** The machine goes no deeper than 1,024 calls (yellow paper, section 9). */
const CALLS_DEEP_MAX = 1_024

/** Whether the transaction may run code, and so move what its own fields do not show. */
export function mayRunCode({ gas, input }: Pick<WireTransaction, 'gas' | 'input'>): boolean {
  return gas === null || gas > PLAIN_GAS || input !== '0x'
}

/** What contracts move in a block, by the traces of the nodes that serve them. */
export type Tracer = (block: WireBlock) => Promise<Result<readonly InternalMove[], NodeError>>

/**
 * Nodes are found to serve traces, or not, by asking. Where none does, the log says so and nothing is found. One that has
 * served them and fails makes the look fail, so that the block is read again: up to `TRIES` times.
 */
export function createTracer(chain: ChainConfig, endpoints: readonly NodeEndpoint[], fetcher: typeof fetch): Tracer {
  const nodes = connectNodes(
    endpoints.filter(({ trace }) => trace !== false),
    fetcher,
    chain.id,
  )
  const serving = new WeakSet<RpcNode>()
  const unasked = new WeakMap<RpcNode, number>()
  let saidBlind = false
  /** Of blocks that were not taken in, how often. */
  const failed = new Map<string, number>()

  async function ask(node: RpcNode, block: WireBlock): Promise<Result<readonly InternalMove[], Failure>> {
    const left = unasked.get(node) ?? 0
    if (left > 0) unasked.set(node, left - 1)
    if (left > 0) return err({ reason: 'node_refused', detail: 'serves no traces', passing: false })
    const { hash } = block.ref
    const answer = await node.call([
      { method: 'debug_traceBlockByHash', params: [hash, { tracer: 'callTracer' }], optional: true },
      { method: 'eth_getBlockByHash', params: [hash, false], optional: true },
    ])
    if (!answer.ok) return failure(node, answer.error, answer.error.reason !== 'protocol')
    const [traces, known] = answer.value
    if (known === null) return failure(node, { reason: 'node_refused', detail: `block ${hash} is not known` }, true)
    const unserved: NodeError = { reason: 'node_refused', detail: `no traces of block ${hash} are served` }
    if (traces === null) return failure(node, unserved, serving.has(node))
    const read = readTraces(traces, block.transactions)
    if (read === null) return failure(node, lie(`traces of block ${hash} are not those asked for`), true)
    // It serves traces, and not all of this block: a tracer ran out of time, or anvil was started after it.
    if (!read.whole) return err({ ...unserved, passing: false, part: read.moves })
    serving.add(node)
    return ok(read.moves)
  }

  function failure(node: RpcNode, error: NodeError, passing: boolean): Result<never, Failure> {
    if (!passing) unasked.set(node, BLOCKS_UNASKED)
    return err({ ...error, passing })
  }

  return async (block) => {
    if (!block.transactions.some(mayRunCode)) return ok([])
    const failures: Failure[] = []
    const stumbled: RpcNode[] = []
    const traced = await nodes.first(async (node) => {
      const answer = await ask(node, block)
      if (answer.ok) return answer
      failures.push(answer.error)
      stumbled.push(node)
      return answer
    })
    if (traced.ok) {
      failed.delete(block.ref.hash)
      saidBlind = false
      return traced
    }
    const { hash, height } = block.ref
    const first = failures.find(({ passing }) => passing)
    if (first === undefined) {
      if (!saidBlind) logEvent('warn', 'internal_transfers_unseen', { chainId: chain.id, height, detail: traced.error.detail })
      saidBlind = true
      return ok(failures.find(({ part }) => part)?.part ?? [])
    }
    const times = (failed.get(hash) ?? 0) + 1
    // Those of other branches are never asked for again.
    if (failed.size >= FAILED_MAX) failed.clear()
    failed.set(hash, times)
    if (times < TRIES) return err({ reason: first.reason, detail: first.detail })
    failed.delete(hash)
    logEvent('error', 'traces_given_up', { chainId: chain.id, height, hash, detail: first.detail })
    // Of one that has never served them this is no bad moment: it must not hold up each block there is.
    for (const node of stumbled) if (!serving.has(node)) unasked.set(node, BLOCKS_UNASKED)
    return ok([])
  }
}

/** `passing`: by itself; else the node has no traces to give, or only those that say `part`. */
type Failure = NodeError & { readonly passing: boolean; readonly part?: readonly InternalMove[] }

/**
 * Reads geth's callTracer: one tree of calls for each transaction, in the order of the block, with the transaction's id in
 * newer versions. `whole`: every transaction that may run code is told of. Null for what is no such answer.
 */
export function readTraces(
  json: unknown,
  transactions: readonly WireTransaction[],
): { moves: readonly InternalMove[]; whole: boolean } | null {
  const traces = readList(json, (item) => {
    if (!isRecord(item) || (!isRecord(item.result) && !isSaid(item.error))) return null
    return { result: isRecord(item.result) ? item.result : null, txHash: item.txHash }
  })
  if (traces === null) return null
  const byOrder = traces.every(({ txHash }) => !isSaid(txHash))
  if (byOrder && traces.length !== transactions.length) return traces.length === 0 ? { moves: [], whole: false } : null
  const moves: InternalMove[] = []
  const told = new Set<string>()
  for (const [at, { result, txHash }] of traces.entries()) {
    const txid = byOrder ? transactions[at]?.txid : readHex(txHash, 32)
    if (!txid || told.has(txid)) return null
    if (result === null) continue
    if (!readCalls(result, txid, moves)) return null
    told.add(txid)
  }
  const known = new Set(transactions.map(({ txid }) => txid))
  const whole = transactions.every((transaction) => told.has(transaction.txid) || !mayRunCode(transaction))
  return [...told].every((txid) => known.has(txid)) ? { moves, whole } : null
}

/** What the calls under this one move, in the order they were made. What fails takes everything under it back. */
function readCalls(frame: Record<string, unknown>, txid: string, moves: InternalMove[], depth = 0): boolean {
  if (isSaid(frame.error)) return true
  const calls = frame.calls ?? []
  if (!Array.isArray(calls) || depth > CALLS_DEEP_MAX) return false
  for (const call of calls) {
    if (!isRecord(call)) return false
    if (isSaid(call.error)) continue
    const move = readMove(call)
    if (move === null) return false
    if (move.units > 0n) moves.push({ txid, to: move.to, units: move.units })
    if (!readCalls(call, txid, moves, depth + 1)) return false
  }
  return true
}

function isSaid(field: unknown): boolean {
  return field !== undefined && field !== null
}

/**
 * What one call moves. A delegate call shows the value of the call it is made in, and a static one has none: neither moves
 * anything. What a contract is made with is the contract's.
 */
function readMove({ type, from, to, value }: Record<string, unknown>): { to: string; units: bigint } | null {
  const nothing = { to: '', units: 0n }
  if (type !== 'CALL' && type !== 'SELFDESTRUCT') return typeof type === 'string' ? nothing : null
  const units = isSaid(value) ? readQuantity(value) : 0n
  if (units === null) return null
  if (units === 0n) return nothing
  const sender = readHex(from, 20)
  const recipient = readHex(to, 20)
  if (sender === null || recipient === null) return null
  return sender === recipient ? nothing : { to: recipient, units }
}
