import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const BODY_BYTES_MAX = 65_536

export interface AdminDoor {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** Wanted as `Authorization: Bearer …`. Another one at each start. */
  readonly token: string
  stop(): Promise<void>
}

/** Calls a private Worker. */
type Call = (path: string, init: { method: string; headers: Record<string, string>; body?: string }) => Promise<Response>

/** Whose each path is, by what it begins with. */
type Workers = Readonly<Record<`/${string}/`, Call>>

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

/**
 * Serves private Workers' routes for operators (`/admin/…` of core, `/signer/…` of the signer) to tools on this machine, on
 * loopback and for who has the token. Pages in a browser are kept out twice: by their Origin, and by the Host that a
 * rebound name would bring.
 */
export async function startAdminDoor(workers: Workers): Promise<AdminDoor> {
  const token = randomBytes(32).toString('base64url')
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo
    handle(request, port, token, workers)
      .catch((error: unknown) => problem(502, 'worker_unreachable', error instanceof Error ? error.message : String(error)))
      .then((answer) => send(response, answer))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function handle(request: IncomingMessage, port: number, token: string, workers: Workers): Promise<Answer> {
  const { host, origin, authorization } = request.headers
  if (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`) return problem(421, 'wrong_host', 'this is loopback only')
  if (origin !== undefined) return problem(403, 'not_for_browsers', 'this is for tools on this machine')
  if (!isSame(authorization ?? '', `Bearer ${token}`)) return problem(401, 'token_missing', 'send the token that dev.json has')
  const path = request.url ?? ''
  const call = Object.entries(workers).find(([beginning]) => path.startsWith(beginning))?.[1]
  if (!call) return problem(404, 'route_not_found', `only ${Object.keys(workers).join('…, ')}… are served here`)
  const body = await readBody(request)
  if (body === null) return problem(413, 'body_too_large', `a body has at most ${BODY_BYTES_MAX} bytes`)
  const method = request.method ?? 'GET'
  const answer = await call(path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: method === 'GET' || method === 'HEAD' ? undefined : body,
  })
  return { status: answer.status, type: answer.headers.get('content-type') ?? 'text/plain', body: await answer.text() }
}

/** Hashed first, so that both are of one length: the time says nothing of either. */
function isSame(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(one), digest(other))
}

/** Null when it is too long. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function problem(status: number, code: string, detail: string): Answer {
  const body = { type: `/docs/errors#${code}`, title: 'Not for you', status, detail, code, param: null }
  return { status, type: 'application/problem+json', body: JSON.stringify(body) }
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
  response.end(body)
}
