import { err, ok, type Result } from '../../lib/result.ts'
import type { NodeEndpoint, NodeError } from '../gateway.ts'
import { hostOf } from '../nodes.ts'
import { requestNode, withoutSecrets } from '../nodes-request.ts'

/** Calls in one HTTP request: hosted nodes refuse long batches. */
const BATCH_MAX = 100
/** The largest blocks in use are a few megabytes with their transactions. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024

export interface RpcCall {
  readonly method: string
  readonly params: readonly unknown[]
  /** What the node refuses to answer is null, and the other calls stand. */
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

  async function post(calls: readonly RpcCall[]): Promise<Result<unknown[], NodeError>> {
    const json = JSON.stringify(calls.map((call, id) => ({ jsonrpc: '2.0', id, method: call.method, params: call.params })))
    const response = await requestNode(endpoint, { json, bytesMax: ANSWER_BYTES_MAX }, fetcher)
    if (!response.ok) {
      const { reason, detail } = response.error
      return err({ reason: reason === 'too_large' ? 'protocol' : reason, detail })
    }
    const { status, body } = response.value
    if (status === 200) return readAnswers(endpoint, calls, new TextDecoder().decode(body))
    return err({ reason: status === 429 || status >= 500 ? 'node_unreachable' : 'protocol', detail: `${host}: HTTP ${status}` })
  }

  return {
    async call(calls) {
      const answers: unknown[] = []
      for (let at = 0; at < calls.length; at += BATCH_MAX) {
        const part = await post(calls.slice(at, at + BATCH_MAX))
        if (!part.ok) return part
        answers.push(...part.value)
      }
      return ok(answers)
    },
  }
}

function ofChain(node: RpcNode, chainId: string): RpcNode {
  let known = false
  return {
    async call(calls) {
      if (known) return await node.call(calls)
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
function readAnswers(endpoint: NodeEndpoint, calls: readonly RpcCall[], text: string): Result<unknown[], NodeError> {
  const host = hostOf(endpoint)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return protocol(host, 'the answer is not JSON')
  }
  if (!Array.isArray(json))
    return isRecord(json) && isRecord(json.error) ? refusal(endpoint, 'batch', json.error) : protocol(host, 'not a batch')
  const byId = new Map<unknown, unknown>(json.map((answer) => [isRecord(answer) ? answer.id : null, answer]))
  const answers: unknown[] = []
  for (const [id, call] of calls.entries()) {
    const answer = byId.get(id)
    if (!isRecord(answer)) return protocol(host, `no answer to ${call.method}`)
    if (isRecord(answer.error)) {
      if (!call.optional) return refusal(endpoint, call.method, answer.error)
      answers.push(null)
      continue
    }
    if (!('result' in answer)) return protocol(host, `no result of ${call.method}`)
    answers.push(answer.result)
  }
  return ok(answers)
}

/** A method the node does not have stays missing until a person acts; anything else may pass. */
function refusal(node: NodeEndpoint, what: string, error: Record<string, unknown>): Result<never, NodeError> {
  const detail = `${hostOf(node)}: ${what}: ${withoutSecrets(node, String(error.message)).slice(0, 200)}`
  return err({ reason: error.code === -32601 ? 'protocol' : 'node_refused', detail })
}

function protocol(host: string, detail: string): Result<never, NodeError> {
  return err({ reason: 'protocol', detail: `${host}: ${detail}` })
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
