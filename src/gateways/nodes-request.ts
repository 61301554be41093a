import { toBase64 } from '../lib/base64.ts'
import { reasonOf } from '../lib/log.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { NodeEndpoint, NodeError } from './gateway.ts'
import { hostOf } from './nodes.ts'

/** How long a node may take for an answer, its body included. */
const TIMEOUT_MS = 5_000

/** `too_large`: the answer was over the bound; asking for less may work. */
export type RequestError = NodeError | { readonly reason: 'too_large'; readonly detail: string }

export interface NodeRequest {
  /** Put behind the node's own address; nothing by default. */
  readonly path?: string
  /** Posted as JSON; null is a GET. */
  readonly json: string | null
  /** The longest answer that is read. */
  readonly bytesMax: number
  readonly timeoutMs?: number
}

/**
 * One HTTP request to one node, with its credentials, a time limit and a bound on the answer; `fetcher` is what reaches
 * nodes without a binding of their own. An answer of any status is a value. No error ever tells a credential or more of
 * the address than the host.
 */
export async function requestNode(
  node: NodeEndpoint,
  request: NodeRequest,
  fetcher: typeof fetch,
): Promise<Result<{ status: number; body: Uint8Array }, RequestError>> {
  const { bytesMax } = request
  try {
    const reached = await reachNode(node, request, fetcher)
    if (!reached.ok) return reached
    const body = await readBounded(reached.value, bytesMax)
    if (!body) return err({ reason: 'too_large', detail: `${hostOf(node)}: the answer is longer than ${bytesMax} bytes` })
    return ok({ status: reached.value.status, body })
  } catch (thrown) {
    return err(unreachableError(node, thrown))
  }
}

/** The same with the body unread, for answers that go on for as long as the time limit lets them. */
export async function reachNode(
  node: NodeEndpoint,
  { path = '', json, timeoutMs = TIMEOUT_MS }: Omit<NodeRequest, 'bytesMax'>,
  fetcher: typeof fetch,
): Promise<Result<Response, NodeError>> {
  const fault = addressFault(node)
  if (fault !== null) return err({ reason: 'protocol', detail: `${hostOf(node)}: ${fault}` })
  const headers = headersOf(node)
  if (headers === null) return err({ reason: 'protocol', detail: `${hostOf(node)}: its credentials are no HTTP headers` })
  try {
    const reach = node.fetcher ?? fetcher
    const response = await reach(path === '' ? node.url : `${node.url.replace(/\/$/, '')}${path}`, {
      method: json === null ? 'GET' : 'POST',
      headers,
      body: json,
      // A redirect would carry the credentials to another place.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
    return ok(response)
  } catch (thrown) {
    return err(unreachableError(node, thrown))
  }
}

function unreachableError(node: NodeEndpoint, thrown: unknown): NodeError {
  return { reason: 'node_unreachable', detail: `${hostOf(node)}: ${withoutSecrets(node, reasonOf(thrown))}` }
}

/** A text about a node, or from it, that a person may read: its credentials and all addresses are taken out. */
export function withoutSecrets(node: NodeEndpoint, text: string): string {
  const { password, access, headers = {} } = node
  const secrets = [basicOf(node), password, access?.clientId, access?.clientSecret, ...Object.values(headers), ...keysIn(node.url)]
  let told = text.replaceAll(/\b(?:https?|wss?):\/\/\S+/g, hostOf(node))
  for (const secret of secrets) if (secret) told = told.replaceAll(secret, '…')
  return told
}

/** Hosted nodes have their key in the path or the query. */
function keysIn(url: string): string[] {
  if (!URL.canParse(url)) return [url]
  const { pathname, searchParams, username, password } = new URL(url)
  return [...pathname.split('/'), ...searchParams.values(), username, password].filter((part) => part.length >= KEY_LENGTH_MIN)
}

/** Shorter parts of an address are words (`v3`, `rpc`), not keys. */
const KEY_LENGTH_MIN = 8

/**
 * Plain HTTP is for loopback, and for names and addresses of private networks that a binding leads to: Workers VPC takes
 * the request there through an encrypted tunnel, and an mTLS binding cannot reach them at all.
 */
function addressFault(node: NodeEndpoint): string | null {
  if (!URL.canParse(node.url)) return 'it has no address'
  if (node.via !== undefined && node.fetcher === undefined) return `the gateways Worker has no binding ${node.via} to reach it by`
  const { protocol, hostname } = new URL(node.url)
  if (protocol === 'https:') return null
  if (protocol === 'http:' && (LOOPBACK.test(hostname) || (node.via !== undefined && PRIVATE.test(hostname)))) return null
  return 'plain HTTP is for loopback, and for private names behind a binding (via)'
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/
/** RFC 1918 and RFC 4193 addresses, names of one word, and the endings that no public name has. */
const PRIVATE =
  /^(10(\.\d+){3}|192\.168(\.\d+){2}|172\.(1[6-9]|2\d|3[01])(\.\d+){2}|\[f[cd][0-9a-f:]+\]|([^.]+\.)*(internal|local|home\.arpa)|[^.:[\]]+)$/

/** What HTTP Basic says (RFC 7617): proxies tell it in their errors. */
function basicOf({
  user,
  password,
}: {
  readonly user?: string | undefined
  readonly password?: string | undefined
}): string | null {
  if (user === undefined && password === undefined) return null
  return toBase64(new TextEncoder().encode(`${user ?? ''}:${password ?? ''}`))
}

/** Null when they are none: what the engine says of them would tell them. */
function headersOf({ user, password, headers, access }: NodeEndpoint): Headers | null {
  try {
    const all = new Headers({ 'content-type': 'application/json', ...headers })
    const basic = basicOf({ user, password })
    if (basic !== null) all.set('authorization', `Basic ${basic}`)
    if (access) {
      all.set('cf-access-client-id', access.clientId)
      all.set('cf-access-client-secret', access.clientSecret)
    }
    return all
  } catch {
    return null
  }
}

/** The body, or null when it is over the bound. */
async function readBounded(response: Response, bytesMax: number): Promise<Uint8Array | null> {
  if (Number(response.headers.get('content-length') ?? 0) > bytesMax) {
    await response.body?.cancel()
    return null
  }
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = response.body?.getReader()
  while (reader) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.byteLength
    if (length > bytesMax) {
      await reader.cancel()
      return null
    }
    chunks.push(value)
  }
  if (chunks.length === 1) return chunks[0] as Uint8Array
  const body = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    body.set(chunk, at)
    at += chunk.length
  }
  return body
}
