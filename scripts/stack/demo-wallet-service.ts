import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { DemoWallets } from './demo-wallets.ts'

const BODY_BYTES_MAX = 4_096

export interface DemoWalletService {
  /** `http://127.0.0.1:<port>`: the edge Worker's DEMO_WALLET_URL. */
  readonly url: string
  stop(): Promise<void>
}

/**
 * `POST /pay { invoiceId, asset, address, units }` sends a real transaction on the local chain and answers `{ txid }`.
 * It stands behind the checkout's button "pay from the demo wallet", on loopback, and only in development.
 */
export async function startDemoWalletService(wallets: DemoWallets, log: (line: string) => void): Promise<DemoWalletService> {
  const server = createServer((request, response) => {
    handle(wallets, request, log)
      .catch((error: unknown) => ({ status: 502, body: { error: messageOf(error) } }))
      .then(({ status, body }) => send(response, status, body))
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (address !== null && typeof address === 'object') resolve(address.port)
    })
  })
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function handle(wallets: DemoWallets, request: IncomingMessage, log: (line: string) => void) {
  if (request.method !== 'POST' || request.url !== '/pay') return { status: 404, body: { error: 'only POST /pay' } }
  // A page in a browser always says its origin with such a request; the edge Worker has none.
  if (request.headers.origin !== undefined) return { status: 403, body: { error: 'not for browsers' } }
  const order = readOrder(await readBody(request))
  if (order === null) return { status: 400, body: { error: 'wants { invoiceId, asset, address, units } as texts' } }
  const txid = await wallets.pay(order)
  log(`paid ${order.units} units of ${order.asset} for ${order.invoiceId}: ${txid}`)
  return { status: 200, body: { txid } }
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) {
    text += chunk
    if (text.length > BODY_BYTES_MAX) throw new Error('the body is too long')
  }
  return text
}

function readOrder(text: string): { invoiceId: string; asset: string; address: string; units: bigint } | null {
  try {
    const { invoiceId, asset, address, units } = JSON.parse(text) as Record<string, unknown>
    if (typeof invoiceId !== 'string' || typeof asset !== 'string' || typeof address !== 'string') return null
    if (typeof units !== 'string' || !/^[1-9]\d{0,38}$/.test(units)) return null
    return { invoiceId, asset, address, units: BigInt(units) }
  } catch {
    return null
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
