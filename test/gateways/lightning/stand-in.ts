import { sha256 } from '@noble/hashes/sha2.js'
import type { LightningEndpoint, SendingPolicy } from '../../../src/gateways/lightning/node.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import { writeBolt11 } from './encode.ts'
import { Purse } from './purse.ts'

/**
 * Stand-ins for Lightning nodes that keep to the documented shapes, headers and failures of phoenixd,
 * LND and clnrest. A real one needs a chain, channels and a payer; what is tested here is what we ask and how we read.
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

export interface HeldInvoice {
  readonly label: string
  readonly msat: bigint
  readonly memo: string
  readonly preimage: string
  readonly paymentHash: string
  readonly bolt11: string
  readonly createdAtMs: number
  readonly expiresAtMs: number
  state: 'open' | 'paid' | 'cancelled'
  paid: { readonly msat: bigint; readonly atMs: number; readonly index: number } | null
}

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

/** The invoices of a node, whatever it calls them. */
export class Book {
  readonly key = randomHex()
  readonly invoices: HeldInvoice[] = []
  readonly #watchers = new Set<(invoice: HeldInvoice) => void>()
  #paid = 0
  isLying = false

  make(wish: { label: string; msat: bigint; memo: string; expiryS: number; preimage?: string }): HeldInvoice {
    const preimage = wish.preimage ?? randomHex()
    const paymentHash = toHex(sha256(fromHex(preimage)))
    const createdAtS = Math.floor(Date.now() / 1_000)
    const msat = this.isLying ? wish.msat * 2n : wish.msat
    const invoice: HeldInvoice = {
      label: wish.label,
      msat: wish.msat,
      memo: wish.memo,
      preimage,
      paymentHash,
      bolt11: writeBolt11({ msat, paymentHash, description: wish.memo, createdAtS, expiryS: wish.expiryS, key: this.key }),
      createdAtMs: createdAtS * 1_000,
      expiresAtMs: (createdAtS + wish.expiryS) * 1_000,
      state: 'open',
      paid: null,
    }
    this.invoices.push(invoice)
    this.#tell(invoice)
    return invoice
  }

  /** Millisatoshi that were paid. */
  pay(paymentHash: string, { msat, atMs }: { msat?: bigint; atMs?: number }): bigint {
    const invoice = this.byHash(paymentHash)
    if (invoice?.state !== 'open') throw new Error(`the stand-in has no open invoice ${paymentHash}`)
    invoice.state = 'paid'
    invoice.paid = { msat: msat ?? invoice.msat, atMs: atMs ?? Date.now(), index: ++this.#paid }
    this.#tell(invoice)
    return invoice.paid.msat
  }

  byHash(paymentHash: string): HeldInvoice | undefined {
    return this.invoices.find((invoice) => invoice.paymentHash === paymentHash)
  }

  byLabel(label: string): HeldInvoice | undefined {
    return this.invoices.find((invoice) => invoice.label === label)
  }

  paidAfter(index: number): HeldInvoice[] {
    const paid = this.invoices.filter((invoice) => (invoice.paid?.index ?? 0) > index)
    return paid.sort((one, other) => (one.paid?.index ?? 0) - (other.paid?.index ?? 0))
  }

  watch(heed: (invoice: HeldInvoice) => void): () => void {
    this.#watchers.add(heed)
    return () => void this.#watchers.delete(heed)
  }

  #tell(invoice: HeldInvoice): void {
    for (const heed of this.#watchers) heed(invoice)
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
  const book = new Book()
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

function randomHex(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(32)))
}
