import { createServer } from 'node:http'
import { Webhook } from 'standardwebhooks'

/** One webhook that came in. `verified` says whether its signature held under the secret known by then. */
export interface Received {
  readonly id: string
  readonly type: string
  /** Of an invoice or of a transfer. */
  readonly data: {
    readonly invoice: { readonly id: string; readonly status: string }
    readonly transfer?: { readonly id: string; readonly status: string }
  }
  readonly atMs: number
  readonly verified: boolean
}

export interface Receiver {
  readonly url: string
  /** In the order of their arrival. */
  readonly received: readonly Received[]
  of(invoiceId: string): readonly Received[]
  setSecret(secret: string): void
  /** The status answered from now on, 204 at first. What is answered with another than 2xx is noted all the same. */
  answerWith(status: number): void
  stop(): Promise<void>
}

/** A merchant's webhook endpoint on loopback that checks signatures with the official package. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = []
  let secret: string | null = null
  let status = 204
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    const event = JSON.parse(body) as Pick<Received, 'type' | 'data'>
    received.push({ ...event, id: headers['webhook-id'] ?? '', atMs: Date.now(), verified: verifies(secret, body, headers) })
    response.writeHead(status).end()
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (address !== null && typeof address === 'object') resolve(address.port)
    })
  })
  return {
    url: `http://127.0.0.1:${port}/webhooks`,
    received,
    of: (invoiceId) => received.filter((event) => event.data.invoice?.id === invoiceId),
    setSecret(text) {
      secret = text
    },
    answerWith(code) {
      status = code
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function verifies(secret: string | null, body: string, headers: Record<string, string>): boolean {
  if (secret === null) return false
  try {
    new Webhook(secret).verify(body, headers)
    return true
  } catch {
    return false
  }
}
