import { Book, type HeldInvoice, type InvoiceTerms } from '../../../scripts/stack/lightning/book.ts'
import type { Asked, Told } from '../../../scripts/stack/lightning/serve.ts'
import type { LightningEndpoint, SendingPolicy } from '../../../src/gateways/lightning/node.ts'
import { Purse } from './purse.ts'

/**
 * Stand-ins for Lightning nodes that keep to the documented shapes, headers and failures of phoenixd,
 * LND and clnrest. A real one needs a chain, channels and a payer (Core Lightning in `lightningd.test.ts`); what is tested here is
 * what we ask and how we read.
 */
export interface StandIn {
  readonly kind: LightningEndpoint['kind']
  readonly endpoint: LightningEndpoint
  /** All that were ever made, the oldest first. */
  invoices(): readonly HeldInvoice[]
  /** Somebody pays an invoice: by its hash, with what it asks for or more. */
  pay(paymentHash: string, options?: { readonly msat?: bigint; readonly atMs?: number }): void
  /** What the node does with the next requests. */
  behave(as: Behaviour): void
  /** What is asked of this label fails, and nothing else; null: nothing fails. */
  refuseLabel(label: string | null): void
  /** What it has paid, and how the network treats what it pays. */
  readonly purse: Purse
  /** The endpoint with leave to pay. */
  sendingEndpoint(policy?: SendingPolicy): LightningEndpoint
  /** `METHOD /path` of every request. */
  readonly asked: string[]
  /** Null: the connection breaks. */
  answer(request: Asked): Promise<Told | null>
}

/** hang: it never answers. broken: an error of its own. lying: invoices ask for twice the amount. lost: it does what is asked, and the answer is lost. */
export type Behaviour = 'well' | 'hang' | 'broken' | 'away' | 'lying' | 'lost'

/** The invoices of a node, which may ask for twice what they should. */
class LyingBook extends Book {
  isLying = false

  override make(terms: InvoiceTerms): HeldInvoice {
    return super.make(this.isLying ? { ...terms, msat: terms.msat * 2n } : terms)
  }
}

/** More than tests pay. */
const POLICY: SendingPolicy = { paymentMaxSats: 1_000_000, dayMaxSats: 10_000_000 }

/** A node without a server: what it does with a request. `serve.ts` puts it on loopback; in workerd it is called. */
export function standIn(
  kind: LightningEndpoint['kind'],
  credentials: Partial<LightningEndpoint>,
  /** Those that may pay too. */
  spending: Pick<LightningEndpoint, 'password' | 'headers'>,
  broken: Told,
  answer: (asked: Asked, book: Book, purse: Purse) => Told | null | Promise<Told | null>,
): StandIn {
  const book = new LyingBook()
  const purse = new Purse()
  const endpoint: LightningEndpoint = { name: `till-${kind}`, kind, url: 'http://localhost:1', ...credentials }
  const asked: string[] = []
  let behaviour: Behaviour = 'well'
  let refused: string | null = null
  return {
    kind,
    endpoint,
    purse,
    sendingEndpoint: (policy = POLICY) => ({ ...endpoint, sending: { ...spending, ...policy } }),
    invoices: () => book.invoices,
    pay(paymentHash, options = {}) {
      purse.funds += book.pay(paymentHash, options)
    },
    behave(as) {
      behaviour = as
      book.isLying = as === 'lying'
    },
    refuseLabel(label) {
      refused = label
    },
    asked,
    async answer(request) {
      asked.push(`${request.method} ${request.path}`)
      if (behaviour === 'hang') return new Promise(() => {})
      if (behaviour === 'away') return null
      if (refused !== null && request.body.includes(refused)) return broken
      const before = purse.orders
      const told = behaviour === 'broken' ? broken : await answer(request, book, purse)
      if (purse.losesAnswers && purse.orders > before) return null
      return behaviour === 'lost' ? null : told
    },
  }
}

/** What a Worker would fetch it by. */
export function fetchOf(node: StandIn): typeof fetch {
  return async (input, init) => {
    const { pathname, searchParams } = new URL(String(input))
    const headers = Object.fromEntries(new Headers(init?.headers ?? {}))
    const method = init?.method ?? 'GET'
    const given = { method, path: pathname, query: searchParams, headers, body: typeof init?.body === 'string' ? init.body : '' }
    const told = await Promise.race([node.answer(given), timeOf(init?.signal)])
    if (told === null) throw new TypeError('Network connection lost.')
    if (!told.stream) {
      const isText = typeof told.body === 'string'
      return new Response(isText ? (told.body as string) : JSON.stringify(told.body), { status: told.status })
    }
    const { stream } = told
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>(
      undefined,
      { highWaterMark: 100 },
      { highWaterMark: 100 },
    )
    const writer = writable.getWriter()
    const end = stream((text) => void writer.write(new TextEncoder().encode(text)).catch(() => {}))
    init?.signal?.addEventListener('abort', () => {
      end()
      void writer.close().catch(() => {})
    })
    return new Response(readable, { status: told.status })
  }
}

function timeOf(signal: AbortSignal | null | undefined): Promise<never> {
  return new Promise((_resolve, reject) =>
    signal?.addEventListener('abort', () => reject(new Error('The operation was aborted due to timeout'))),
  )
}
