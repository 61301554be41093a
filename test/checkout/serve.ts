import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createCheckout } from '../../src/checkout/routes.tsx'
import type { InvoiceRpc } from '../../src/invoice/rpc.ts'
import type { Invoice } from '../../src/invoice/types.ts'
import type { EdgeEnv } from '../../workers/edge/env.ts'
import { MAIN_CHAINS, NOW_MS, type State } from './fixtures.ts'

const PUBLIC = join(import.meta.dirname, '../../public')

/** The bindings the checkout uses, around one invoice that a test can change. `INVOICES` knows it by its own id only. */
export function fakeEnv(state: State, changes: { origin?: string; invoice?: Partial<InvoiceRpc> } = {}) {
  const held = { invoice: state.invoice }
  const calls: string[] = []
  const objects = {
    getByName: (name: string) => ({
      read: async () => {
        calls.push('read')
        return name === held.invoice.terms.id ? held.invoice : null
      },
      activate: async (asset: string) => {
        calls.push(`activate ${asset}`)
        return { ok: true, value: held.invoice }
      },
      fetch: async (request: Request) => {
        calls.push(`fetch ${request.url}`)
        return new Response('no sockets here', { status: 501 })
      },
      ...changes.invoice,
    }),
  }
  const env = {
    CHAINS: JSON.stringify(state.chains ?? MAIN_CHAINS),
    ENVIRONMENT: state.demoWallet ? 'development' : 'production',
    DEMO_WALLET_URL: state.demoWallet ? 'http://127.0.0.1:9' : undefined,
    ORIGIN: changes.origin ?? 'https://pay.example',
    INVOICES: objects,
  } as unknown as EdgeEnv
  return {
    env,
    calls,
    set: (invoice: Invoice) => {
      held.invoice = invoice
    },
  }
}

/** One request to the checkout, as the edge Worker would hand it on. */
export async function request(state: State, path: string, init?: RequestInit): Promise<Response> {
  return createCheckout(() => NOW_MS).request(path, init, fakeEnv(state).env)
}

export interface Site {
  readonly origin: string
  close(): Promise<void>
}

/** Serves what `answer` gives, and the built files of public/ before it, over plain HTTP on a free port. */
export async function serve(answer: (request: Request) => Response | Promise<Response>): Promise<Site> {
  const server = createServer(async (incoming, outgoing) => {
    const url = `http://${incoming.headers.host}${incoming.url}`
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const file = /^\/(build\/[\w.]+|widget)\.js$/.exec(incoming.url ?? '')
    const response = file
      ? await readFile(join(PUBLIC, incoming.url ?? '')).then(
          (bytes) => new Response(bytes, { headers: { 'content-type': 'text/javascript' } }),
          () => new Response('not built', { status: 404 }),
        )
      : await answer(
          new Request(url, {
            method: incoming.method ?? 'GET',
            headers: incoming.headers as Record<string, string>,
            body: chunks.length > 0 ? Buffer.concat(chunks) : undefined,
          }),
        )
    outgoing.writeHead(response.status, Object.fromEntries(response.headers))
    outgoing.end(Buffer.from(await response.arrayBuffer()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
