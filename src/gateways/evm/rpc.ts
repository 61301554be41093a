import { err, ok, type Result } from '../../lib/result.ts'
import type { NodeEndpoint, NodeError } from '../gateway.ts'
import { hostOf } from '../nodes.ts'
import { requestNode, withoutSecrets } from '../nodes-request.ts'

/** Calls in one HTTP request. A node that finds that too many gets so many times fewer from then on, one by one at last. */
const BATCH_MAX = 100
const SHORTER_TIMES = 3
/** In words of geth, reth, Infura, dRPC and proxyd (`maximum 10 calls in 1 batch`). */
const TOO_LONG =
  /batch.{0,40}(too|limit|exceed|more than|large|not (supported|allowed))|(max|too many|more than|exceed|limit).{0,40}batch/i
/** A node that is asked too often says so in its answer as often as by HTTP 429. -32005: limit exceeded (EIP-1474). */
const BUSY_CODES: readonly unknown[] = [429, -32005]
const TOO_OFTEN = /rate.?limit|per (second|minute|hour|day)|throttl/i
const BUSY =
  /too many (\w+ )?requests|requests? (limit|rate|count|exceeded)|(daily|monthly|usage|plan|tier|credits?|units?|concurrency|connections?|calls|(^|: )limit) (limit )?(reached|exceeded)|quota|capacity|time[sd]?.?out|busy/i
/** A contract's own words for why it fails say nothing of the node. Besu's -32005: `gas limit exceeds block gas limit`. */
const NOT_OF_NODE = /revert|gas limit/i
/** The largest blocks in use are a few megabytes with their transactions. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024

export interface RpcCall {
  readonly method: string
  readonly params: readonly unknown[]
  /** What the node refuses to answer is null, and the other calls stand; but not because it is asked too often. */
  readonly optional?: true
}

/** One node. */
export interface RpcNode {
  /** The answers in the order of the calls. One call that fails fails them all. */
  call(calls: readonly RpcCall[]): Promise<Result<unknown[], NodeError>>
}

/** The nodes of one chain. */
export interface RpcNodes {
  /**
   * Runs `attempt` on one node after the other until one succeeds, beginning with the one that did last time.
   * Each attempt uses one node for all it asks, so that its answers belong together.
   */
  first<T>(attempt: (node: RpcNode) => Promise<Result<T, NodeError>>): Promise<Result<T, NodeError>>
}

/** With a `chainId` (CAIP-2), a node of another chain is refused: it is asked once, beside its first call. */
export function connectNodes(endpoints: readonly NodeEndpoint[], fetcher: typeof fetch, chainId?: string): RpcNodes {
  let nodes = endpoints.map((endpoint) => (chainId ? ofChain(connect(endpoint, fetcher), chainId) : connect(endpoint, fetcher)))
  return {
    async first(attempt) {
      let failure: NodeError | null = null
      for (const node of nodes) {
        const result = await attempt(node)
        if (result.ok) {
          if (node !== nodes[0]) nodes = [node, ...nodes.filter((other) => other !== node)]
          return result
        }
        // A node that answers wrongly says more than one that does not answer.
        if (failure === null || failure.reason === 'node_unreachable') failure = result.error
      }
      return err(failure ?? { reason: 'protocol', detail: 'no node is configured' })
    },
  }
}

function connect(endpoint: NodeEndpoint, fetcher: typeof fetch): RpcNode {
  const host = hostOf(endpoint)
  let batchMax = BATCH_MAX

  async function post(calls: readonly RpcCall[]): Promise<Result<unknown[], PostError>> {
    const json = JSON.stringify(calls.map((call, id) => ({ jsonrpc: '2.0', id, method: call.method, params: call.params })))
    const response = await requestNode(endpoint, { json, bytesMax: ANSWER_BYTES_MAX }, fetcher)
    if (!response.ok) {
      const { reason, detail } = response.error
      if (reason !== 'too_large') return err({ reason, detail })
      return err({ reason: calls.length > 1 ? 'too_long' : 'protocol', detail })
    }
    const { status, body } = response.value
    const text = new TextDecoder().decode(body)
    if (status === 200) return readAnswers(endpoint, calls, text)
    const detail = `${host}: HTTP ${status}`
    if (status === 413 || (status !== 429 && isTooLong(text))) return err({ reason: 'too_long', detail })
    return err({ reason: status === 429 || status >= 500 || TOO_OFTEN.test(text) ? 'node_unreachable' : 'protocol', detail })
  }

  return {
    async call(calls) {
      const answers: unknown[] = []
      // Each turn has more answers than the one before, or a shorter batch.
      while (answers.length < calls.length) {
        const asked = calls.slice(answers.length, answers.length + batchMax)
        const part = await post(asked)
        if (part.ok) answers.push(...part.value)
        else if (part.error.reason !== 'too_long') return err(part.error)
        else if (asked.length === 1) return err({ reason: 'protocol', detail: part.error.detail })
        else batchMax = Math.min(batchMax, Math.ceil(asked.length / SHORTER_TIMES))
      }
      return ok(answers)
    },
  }
}

/** `too_long`: fewer calls in a batch may be answered. */
type PostError = NodeError | { readonly reason: 'too_long'; readonly detail: string }

function ofChain(node: RpcNode, chainId: string): RpcNode {
  let known = false
  return {
    async call(calls) {
      if (known || calls.length === 0) return await node.call(calls)
      const answer = await node.call([{ method: 'eth_chainId', params: [] }, ...calls])
      if (!answer.ok) return answer
      const [number, ...answers] = answer.value
      const said = typeof number === 'string' && /^0x[0-9a-fA-F]{1,16}$/.test(number) ? `eip155:${BigInt(number)}` : 'none'
      if (said !== chainId) return err({ reason: 'protocol', detail: `the node of ${chainId} follows chain ${said}` })
      known = true
      return ok(answers)
    },
  }
}

/** JSON-RPC 2.0, section 6: answers of a batch come in any order; a refused batch is one error object. */
function readAnswers(endpoint: NodeEndpoint, calls: readonly RpcCall[], text: string): Result<unknown[], PostError> {
  const host = hostOf(endpoint)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return protocol(host, 'the answer is not JSON')
  }
  const [first] = Array.isArray(json) ? json : [json]
  // geth answers with one error in the name of the first call.
  if (calls.length > 1 && isRecord(first) && isRecord(first.error) && isTooLong(String(first.error.message)))
    return err({ reason: 'too_long', detail: `${host}: ${withoutSecrets(endpoint, String(first.error.message)).slice(0, 200)}` })
  if (!Array.isArray(json))
    return isRecord(json) && isRecord(json.error) ? refusal(endpoint, 'batch', json.error) : protocol(host, 'not a batch')
  const byId = new Map<unknown, unknown>(json.map((answer) => [isRecord(answer) ? answer.id : null, answer]))
  const answers: unknown[] = []
  for (const [id, call] of calls.entries()) {
    const answer = byId.get(id)
    if (!isRecord(answer)) return protocol(host, `no answer to ${call.method}`)
    if (isRecord(answer.error)) {
      if (!call.optional || isBusy(answer.error)) return refusal(endpoint, call.method, answer.error)
      answers.push(null)
      continue
    }
    if (!('result' in answer)) return protocol(host, `no result of ${call.method}`)
    answers.push(answer.result)
  }
  return ok(answers)
}

/** How many batches may be asked for is no word about how long they may be. */
function isTooLong(said: string): boolean {
  return TOO_LONG.test(said) && !TOO_OFTEN.test(said)
}

function isBusy({ code, message }: Record<string, unknown>): boolean {
  const said = String(message)
  return !NOT_OF_NODE.test(said) && (BUSY_CODES.includes(code) || TOO_OFTEN.test(said) || BUSY.test(said))
}

/**
 * A node that is asked too often, or out of time, says nothing of what it is asked: it is as good as away. A method it does
 * not have stays missing until a person acts; anything else is about the call, and may pass.
 */
function refusal(node: NodeEndpoint, what: string, error: Record<string, unknown>): Result<never, NodeError> {
  const detail = `${hostOf(node)}: ${what}: ${withoutSecrets(node, String(error.message)).slice(0, 200)}`
  return err({ reason: error.code === -32601 ? 'protocol' : isBusy(error) ? 'node_unreachable' : 'node_refused', detail })
}

function protocol(host: string, detail: string): Result<never, NodeError> {
  return err({ reason: 'protocol', detail: `${host}: ${detail}` })
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
