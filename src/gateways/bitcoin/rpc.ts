import { fromHex } from '../../lib/bytes.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import type { NodeEndpoint, NodeError } from '../gateway.ts'
import { hostOf } from '../nodes.ts'
import { type RequestError, requestNode, withoutSecrets } from '../nodes-request.ts'

/** Over any block in hexadecimal (8 MB) and a list of 240,000 waiting transactions; its text and values fit a Worker's memory. */
const RESPONSE_BYTES_MAX = 16 * 1024 * 1024

/** The node answers, but has yet to load its chain: as good as away. */
const STARTING = -28

/** A transaction that the mempool has not: RPC_INVALID_ADDRESS_OR_KEY; bcoin says RPC_MISC_ERROR. */
export const NOT_FOUND = [-5, -1]

/** Calls in one request. */
export const BATCH_MAX = 100

export type RpcCall = readonly [method: string, ...parameters: (string | number | boolean | readonly string[])[]]

/** A node's own refusal of one call. Codes are Bitcoin Core's (`src/rpc/protocol.h`); bcoin uses -1 where it is vague. */
export interface RpcRefusal {
  readonly code: number
  readonly message: string
}

/** `too_large` becomes `protocol` for callers outside. */
export type RpcError = RequestError

export interface BitcoinRpc {
  /** One call, its result unread. A refusal by the node is a value of its own, for only the caller knows what it means. */
  call(...call: RpcCall): Promise<Result<Result<unknown, RpcRefusal>, RpcError>>
  /** Up to `BATCH_MAX` calls in one request; the answers stand in the order of the calls. */
  batch(calls: readonly RpcCall[]): Promise<Result<Result<unknown, RpcRefusal>[], RpcError>>
  /** A batch whose results have texts for numbers, digit for digit as the node wrote them. `timeoutMs`: where it may take long. */
  exact(calls: readonly RpcCall[], timeoutMs?: number): Promise<Result<Result<unknown, RpcRefusal>[], RpcError>>
  /** A serialized block, by REST where the node has it. */
  block(hash: string): Promise<BlockAnswer>
}

type BlockAnswer = Result<Result<Uint8Array, RpcRefusal>, RpcError>

/**
 * JSON-RPC to Bitcoin Core and its kin (Litecoin Core, bcoin). Nodes are asked in their order; the next one only when one
 * cannot be reached or does not answer as a node. Amounts are never read from JSON: they are floating point there.
 */
export function createBitcoinRpc(nodes: readonly NodeEndpoint[], fetcher: typeof fetch): BitcoinRpc {
  return {
    async call(...call) {
      const answers = await firstOf(nodes, (node) => callAll(node, [call], fetcher))
      return answers.ok ? ok(answers.value[0] as Result<unknown, RpcRefusal>) : answers
    },
    batch: (calls) => firstOf(nodes, (node) => callAll(node, calls, fetcher)),
    exact: (calls, timeoutMs) => firstOf(nodes, (node) => callAll(node, calls, fetcher, { timeoutMs, isExact: true })),
    block: (hash) => firstOf(nodes, (node) => (node.rest ? blockByRest(node, hash, fetcher) : blockByRpc(node, hash, fetcher))),
  }
}

/** For people and contracts that know nothing of our bounds. */
export function toNodeError(error: RpcError): NodeError {
  return error.reason === 'too_large' ? { reason: 'protocol', detail: error.detail } : error
}

/** A call that a healthy node does not refuse. */
export async function ask(rpc: BitcoinRpc, ...call: RpcCall): Promise<Result<unknown, NodeError>> {
  const answer = await rpc.call(...call)
  if (!answer.ok) return err(toNodeError(answer.error))
  return answer.value.ok ? answer.value : err(refusalError(call[0], answer.value.error))
}

/** Any number of calls, batch by batch; the answers stand in their order. */
export async function askAll(
  rpc: BitcoinRpc,
  calls: readonly RpcCall[],
): Promise<Result<Result<unknown, RpcRefusal>[], NodeError>> {
  const answers: Result<unknown, RpcRefusal>[] = []
  for (let at = 0; at < calls.length; at += BATCH_MAX) {
    const some = await rpc.batch(calls.slice(at, at + BATCH_MAX))
    if (!some.ok) return err(toNodeError(some.error))
    answers.push(...some.value)
  }
  return ok(answers)
}

/** Sixty-four lower-case hexadecimal digits: a block hash or transaction id as Bitcoin's nodes write it. */
export function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

/** A refusal that the caller did not expect. */
export function refusalError(what: string, refusal: RpcRefusal): NodeError {
  return { reason: 'node_refused', detail: `${what}: ${refusal.message} (${refusal.code})`.slice(0, 300) }
}

async function firstOf<T>(
  nodes: readonly NodeEndpoint[],
  ask: (node: NodeEndpoint) => Promise<Result<T, RpcError>>,
): Promise<Result<T, RpcError>> {
  let last: Result<T, RpcError> = err({ reason: 'protocol', detail: 'no node is configured for this chain' })
  for (const node of nodes) {
    last = await ask(node)
    if (last.ok || last.error.reason === 'too_large') return last
  }
  return last
}

async function callAll(
  node: NodeEndpoint,
  calls: readonly RpcCall[],
  fetcher: typeof fetch,
  { timeoutMs, isExact }: { timeoutMs?: number; isExact: boolean } = { isExact: false },
): Promise<Result<Result<unknown, RpcRefusal>[], RpcError>> {
  if (calls.length === 0) return ok([])
  if (calls.length > BATCH_MAX) throw new Error(`${calls.length} calls in one batch`)
  const requests = calls.map(([method, ...params], id) => ({ jsonrpc: '1.0', id, method, params }))
  const single = requests.length === 1
  const response = await requestNode(
    node,
    { json: JSON.stringify(single ? requests[0] : requests), bytesMax: RESPONSE_BYTES_MAX, timeoutMs },
    fetcher,
  )
  if (!response.ok) return response

  // Core answers a refused call with status 500 or 404 and the reason as JSON; bcoin with 200. So the body comes first.
  const { status, body } = response.value
  let parsed: unknown
  try {
    const text = new TextDecoder().decode(body)
    parsed = isExact ? JSON.parse(text, asWritten) : JSON.parse(text)
  } catch {
    if (status !== 200) return err(statusError(node, status))
    return err({ reason: 'protocol', detail: `${hostOf(node)} answered something that is not JSON` })
  }
  const list: unknown[] = single ? [parsed] : Array.isArray(parsed) ? parsed : []
  const answers = new Map<number, Result<unknown, RpcRefusal>>()
  for (const item of list) {
    const answer = readAnswer(node, item)
    if (answer) answers.set(answer.id, answer.result)
  }
  const ordered: Result<unknown, RpcRefusal>[] = []
  for (const { id } of requests) {
    const answer = answers.get(id)
    if (!answer && status !== 200) return err(statusError(node, status))
    if (!answer) return err({ reason: 'protocol', detail: `${hostOf(node)} left a call unanswered` })
    if (!answer.ok && answer.error.code === STARTING)
      return err({ reason: 'node_unreachable', detail: `${hostOf(node)} is starting` })
    ordered.push(answer)
  }
  return ok(ordered)
}

/** A number of a result by its digits. Ids and codes of errors stay numbers. */
function asWritten(key: string, value: unknown, { source }: { source?: string } = {}): unknown {
  return typeof value === 'number' && source !== undefined && key !== 'id' && key !== 'code' ? source : value
}

function readAnswer(node: NodeEndpoint, item: unknown): { id: number; result: Result<unknown, RpcRefusal> } | null {
  if (item === null || typeof item !== 'object') return null
  const { id, result, error } = item as { id?: unknown; result?: unknown; error?: unknown }
  if (typeof id !== 'number') return null
  if (error === null || error === undefined) return { id, result: ok(result) }
  const { code, message } = error as { code?: unknown; message?: unknown }
  return { id, result: err({ code: typeof code === 'number' ? code : 0, message: withoutSecrets(node, String(message)) }) }
}

/** `GET /rest/block/<hash>.bin` (Bitcoin Core's REST interface, `-rest`): half the bytes, and no JSON. */
async function blockByRest(node: NodeEndpoint, hash: string, fetcher: typeof fetch): Promise<BlockAnswer> {
  const response = await requestNode(node, { path: `/rest/block/${hash}.bin`, json: null, bytesMax: RESPONSE_BYTES_MAX }, fetcher)
  if (!response.ok) return response
  const { status, body } = response.value
  if (status === 200) return ok(ok(body))
  // "<hash> not found", or "<hash> not available (pruned data)".
  if (status === 404) {
    const message = withoutSecrets(node, new TextDecoder().decode(body)).trim().slice(0, 200)
    return ok(err({ code: -5, message }))
  }
  return err(statusError(node, status))
}

async function blockByRpc(node: NodeEndpoint, hash: string, fetcher: typeof fetch): Promise<BlockAnswer> {
  const answers = await callAll(node, [['getblock', hash, 0]], fetcher)
  if (!answers.ok) return answers
  const answer = answers.value[0] as Result<unknown, RpcRefusal>
  if (!answer.ok) return ok(answer)
  const bytes = decodeHex(answer.value)
  return bytes
    ? ok(ok(bytes))
    : err({ reason: 'protocol', detail: `${hostOf(node)} gave a block that is not hexadecimal` } as const)
}

/** Hexadecimal from a node, or null. By the engine's own reader where it has one: a block is a megabyte or more. */
export function decodeHex(text: unknown): Uint8Array | null {
  if (typeof text !== 'string') return null
  try {
    return 'fromHex' in Uint8Array ? Uint8Array.fromHex(text) : fromHex(text)
  } catch {
    return null
  }
}

function statusError(node: NodeEndpoint, status: number): NodeError {
  if (status === 401 || status === 403)
    return { reason: 'node_refused', detail: `${hostOf(node)} refuses our credentials (${status})` }
  // 503: Core's work queue is full, or a tunnel's other end is away.
  if (status >= 500) return { reason: 'node_unreachable', detail: `${hostOf(node)} answered ${status}` }
  return { reason: 'protocol', detail: `${hostOf(node)} answered ${status}` }
}
