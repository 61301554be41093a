import { err, ok, type Result } from '../../lib/result.ts'
import type { NodeEndpoint, NodeError } from '../gateway.ts'
import { hostOf } from '../nodes.ts'
import { requestNode, withoutSecrets } from '../nodes-request.ts'

/** Pages of invoices are some hundred kilobytes. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024
const DETAIL_MAX = 200

export interface NodeCall {
  readonly path: string
  /** Posted as JSON. */
  readonly json?: object
  /** Posted as a form. */
  readonly form?: Readonly<Record<string, string>>
  /** What a node takes longer for than usual, since it waits. */
  readonly timeoutMs?: number
}

export interface NodeAnswer {
  readonly status: number
  /** What is not JSON is its text: some nodes answer so. */
  readonly body: unknown
}

/** One request to a node's REST interface. An answer of any status is a value. */
export async function callNode(
  endpoint: NodeEndpoint,
  { path, json, form, timeoutMs }: NodeCall,
  fetcher: typeof fetch,
): Promise<Result<NodeAnswer, NodeError>> {
  const type = form && { 'content-type': 'application/x-www-form-urlencoded' }
  const body = form ? new URLSearchParams(form).toString() : json ? JSON.stringify(json) : null
  const answered = await requestNode(
    { ...endpoint, headers: { ...endpoint.headers, ...type } },
    { path, json: body, bytesMax: ANSWER_BYTES_MAX, ...(timeoutMs !== undefined && { timeoutMs }) },
    fetcher,
  )
  if (!answered.ok) {
    const { reason, detail } = answered.error
    return err({ reason: reason === 'too_large' ? 'protocol' : reason, detail })
  }
  const text = new TextDecoder().decode(answered.value.body)
  return ok({ status: answered.value.status, body: parsed(text) })
}

/** What a node answered that cannot be used, in words for a person. */
export function refusalOf(endpoint: NodeEndpoint, { status, body }: NodeAnswer): NodeError {
  const said = typeof body === 'string' ? body : (textIn(body, 'message') ?? textIn(body, 'error') ?? '')
  const words = wordsOf(endpoint, said)
  if (status >= 200 && status < 300) return noAnswer(endpoint)
  return { reason: 'node_refused', detail: `${hostOf(endpoint)}: HTTP ${status} ${words}`.trim() }
}

/** A node took what was asked, and did not answer it. */
export function noAnswer(endpoint: NodeEndpoint): NodeError {
  return { reason: 'protocol', detail: `${hostOf(endpoint)} answered what is no answer` }
}

/** A node's own words, as people may read them. */
export function wordsOf(endpoint: NodeEndpoint, said: string): string {
  return withoutSecrets(endpoint, said).slice(0, DETAIL_MAX)
}

export function isOk({ status }: NodeAnswer): boolean {
  return status >= 200 && status < 300
}

/** A field of an object, whatever it is. */
export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined
}

export function textIn(value: unknown, name: string): string | null {
  const field = fieldOf(value, name)
  return typeof field === 'string' ? field : null
}

/** A whole number from zero on, written as a number, as digits, or as digits with `msat`. Null for anything else. */
export function wholeIn(value: unknown, name: string): bigint | null {
  const field = fieldOf(value, name)
  if (typeof field === 'number') return Number.isSafeInteger(field) && field >= 0 ? BigInt(field) : null
  if (typeof field !== 'string' || !/^\d{1,19}(msat)?$/.test(field)) return null
  return BigInt(field.replace('msat', ''))
}

/** 32 bytes in lower-case hexadecimal. */
export function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
