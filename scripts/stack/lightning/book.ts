import { sha256 } from '@noble/hashes/sha2.js'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import { writeBolt11 } from './encode.ts'

/** An invoice that a node has made. */
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

export interface InvoiceTerms {
  readonly label: string
  readonly msat: bigint
  readonly memo: string
  readonly expiryS: number
  readonly preimage?: string
}

/** The invoices of a node on regtest, whatever it calls them. */
export class Book {
  /** The node's private key. */
  readonly key: string
  /** All that were made, the oldest first. */
  readonly invoices: HeldInvoice[]
  readonly #watchers = new Set<(invoice: HeldInvoice) => void>()
  #paid: number

  constructor({ key, invoices }: { readonly key: string; readonly invoices: HeldInvoice[] } = { key: randomHex(), invoices: [] }) {
    this.key = key
    this.invoices = invoices
    this.#paid = Math.max(0, ...invoices.map(({ paid }) => paid?.index ?? 0))
  }

  make({ label, msat, memo, expiryS, preimage = randomHex() }: InvoiceTerms): HeldInvoice {
    const paymentHash = toHex(sha256(fromHex(preimage)))
    const createdAtS = Math.floor(Date.now() / 1_000)
    const invoice: HeldInvoice = {
      label,
      msat,
      memo,
      preimage,
      paymentHash,
      bolt11: writeBolt11({ msat, paymentHash, description: memo, createdAtS, expiryS, key: this.key }),
      createdAtMs: createdAtS * 1_000,
      expiresAtMs: (createdAtS + expiryS) * 1_000,
      state: 'open',
      paid: null,
    }
    this.invoices.push(invoice)
    this.#tell(invoice)
    return invoice
  }

  /** Millisatoshi that were paid. */
  pay(paymentHash: string, { msat, atMs }: { readonly msat?: bigint; readonly atMs?: number }): bigint {
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

/** 32 bytes. */
export function randomHex(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(32)))
}
