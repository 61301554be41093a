import { NO_BALANCES } from '../../src/ledger/balances.ts'
import { GENESIS } from '../../src/ledger/hash.ts'
import { type InvoiceBook, positionDrafts } from '../../src/ledger/positions.ts'
import { type Head, seal } from '../../src/ledger/seal.ts'
import { bookingDraft } from '../../src/ledger/transfers.ts'
import type { Balances, Draft, LedgerEntry } from '../../src/ledger/types.ts'
import { writeStatements } from '../../src/storage/ledger-rows.ts'
import { bookingOf, type Owner, positionsOf } from './bookings.ts'

/** Transactions in one D1 batch. */
const BATCH = 2_000
/** One invoice in so many is followed by a movement of another cause. */
const RARE_EVERY = 100

export interface Filling extends Owner {
  /** Transactions at least. */
  readonly count: number
  /** Their times are spread evenly over this. */
  readonly fromMs: number
  readonly toMs: number
}

/** Where each store's ledger has come to, in this isolate. */
const books = new Map<string, { head: Head; balances: Balances; invoices: number }>()

/**
 * Writes the transactions of a store's invoices into its shard, decided and sealed by the ledger's own code and written by
 * the projection's, past the object: its rows would be as many again. Goes on where the last filling of the store ended.
 */
export async function fill(shard: D1Database, { count, fromMs, toMs, ...owner }: Filling): Promise<number> {
  const book = books.get(owner.storeId) ?? { head: { no: 0, hash: GENESIS, atMs: 0 }, balances: NO_BALANCES, invoices: 0 }
  books.set(owner.storeId, book)
  let written = 0
  while (written < count) {
    const entries: LedgerEntry[] = []
    while (entries.length < BATCH && written + entries.length < count) {
      const atMs = Math.round(fromMs + ((toMs - fromMs) * (written + entries.length)) / count)
      for (const drafts of draftsOf(owner, book.invoices++, book.balances)) {
        const sealed = seal(book.head, book.balances, drafts, atMs)
        if (!sealed.ok) throw new Error(JSON.stringify(sealed.error, (_key, value) => `${value}`))
        book.head = sealed.value.head
        book.balances = sealed.value.balances
        entries.push(...sealed.value.entries)
      }
    }
    await shard.batch(writeStatements(shard, entries, 'keep'))
    written += entries.length
  }
  return written
}

/** An invoice's life, message by message. */
function draftsOf(owner: Owner, n: number, balances: Balances): Draft[][] {
  let book: InvoiceBook | null = null
  const messages = positionsOf(owner, n).map((positions) => {
    const step = positionDrafts(book, positions, balances)
    book = step.book
    return step.drafts
  })
  if (n % RARE_EVERY !== 0) return messages
  const rare = bookingDraft(bookingOf(owner, n))
  return rare.ok ? [...messages, [rare.value]] : messages
}
