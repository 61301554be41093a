import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { StandIn } from './stand-in.ts'

/** Puts a stand-in on loopback. */
export async function serve(node: StandIn): Promise<StandIn & { close(): Promise<void> }> {
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://node')
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const body = Buffer.concat(parts).toString()
    const told = await node.answer({
      method: request.method ?? '',
      path: pathname,
      query: searchParams,
      headers: request.headers,
      body,
    })
    if (told === null) return void request.socket.destroy()
    const isText = typeof told.body === 'string'
    response.writeHead(told.status, { 'content-type': isText ? 'text/plain; charset=UTF-8' : 'application/json' })
    if (!told.stream) return void response.end(isText ? told.body : JSON.stringify(told.body))
    response.flushHeaders()
    response.on(
      'close',
      told.stream((text) => response.write(text)),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    ...node,
    endpoint: { ...node.endpoint, url },
    sendingEndpoint: (policy) => ({ ...node.sendingEndpoint(policy), url }),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
