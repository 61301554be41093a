import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request to a node. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export interface Told {
  readonly status: number
  /** Text as it is; anything else as JSON. Left out where `stream` writes. */
  readonly body?: unknown
  /** Begins to write; answers what ends it. */
  readonly stream?: (write: (text: string) => void) => () => void
}

/** Forms and JSON of some hundred bytes, and an invoice. */
const BODY_BYTES_MAX = 64 * 1024

/** Puts a stand-in for a node on loopback. It answers null where the connection breaks. */
export async function serveNode(
  answer: (asked: Asked) => Promise<Told | null>,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    // Whoever asked has gone, or the answer is a defect: it is no reason to end with it.
    answerTo(request, response, answer).catch(() => request.socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function answerTo(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (asked: Asked) => Promise<Told | null>,
): Promise<unknown> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://node')
  request.setEncoding('utf8')
  let body = ''
  for await (const part of request) {
    body += part
    if (body.length > BODY_BYTES_MAX) return request.socket.destroy()
  }
  const { method = '', headers } = request
  const told = await answer({ method, path: pathname, query: searchParams, headers, body })
  if (told === null) return request.socket.destroy()
  const isText = typeof told.body === 'string'
  response.writeHead(told.status, { 'content-type': isText ? 'text/plain; charset=UTF-8' : 'application/json' })
  if (!told.stream) return response.end(isText ? told.body : JSON.stringify(told.body))
  response.flushHeaders()
  return response.on(
    'close',
    told.stream((text) => response.write(text)),
  )
}
