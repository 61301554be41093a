import type { Sql } from '../lib/outbox.ts'
import { assert, err, ok, type Result } from '../lib/result.ts'
import { NO_BALANCES } from './balances.ts'
import { checkEntries, EMPTY } from './check.ts'
import { type InvoiceBook, positionDrafts } from './positions.ts'
import { Refusals } from './refusals.ts'
import {
  type Booking,
  type BookRefusal,
  type ClearDifference,
  type LedgerStanding,
  PAGE_MAX,
  type PostReservation,
  type Reservation,
  type Reserve,
  type ReserveRefusal,
  type ResolveRefusal,
  type SegmentCheck,
  type StoreBalances,
} from './rpc.ts'
import { seal } from './seal.ts'
import { type LedgerState, loadState, stateOf } from './state.ts'
import * as tables from './tables.ts'
import { bookingDraft, contentOf, operationKey, postDraft, releaseDraft, repayments, reserveDraft } from './transfers.ts'
import type { Balances, Difference, Draft, InvoicePositions, LedgerEntry, Transaction } from './types.ts'

/** Transactions between two snapshots: what a start reads, and one check derives. */
export const SNAPSHOT_EVERY = 256
/** Reservations released in one go. */
const EXPIRED_MAX = 100
/** Commits and entries that the answer about one invoice holds at most. */
const INVOICE_COMMITS_MAX = 250
const INVOICE_ENTRIES_MAX = 500

/**
 * One merchant's ledger over its rows. Each method is one synchronous step: look, decide, write. Knows nothing of objects
 * and alarms (object.ts), so that it can be tried on any SQLite.
 */
export class Ledger {
  readonly #sql: Sql
  readonly #refusals: Refusals
  #hasTables: boolean
  #open: LedgerState | undefined

  constructor(sql: Sql) {
    this.#sql = sql
    this.#refusals = new Refusals(sql)
    this.#hasTables = tables.hasTables(sql)
  }

  record(positions: InvoicePositions, nowMs: number): Result<null, BookRefusal> {
    const { invoiceId, storeId, version } = positions
    const before = this.#hasTables ? (tables.lastCommitUnder(this.#sql, `${invoiceId}/v/`)?.invoice ?? null) : null
    const heard = this.#hasTables ? tables.heardVersion(this.#sql, invoiceId) : 0
    if (Math.max(before?.positions.version ?? 0, heard) >= version) return ok(null)
    const { drafts, book } = positionDrafts(before, positions, this.#balancesOf(storeId))
    if (drafts.length === 0) {
      // Nothing to post, and yet the newest word: an older one that comes after it must change nothing.
      this.#ensureTables()
      tables.saveHeard(this.#sql, invoiceId, version)
      return ok(null)
    }
    const committed = this.#commit(`${invoiceId}/v/${String(version).padStart(10, '0')}`, positions, drafts, book, nowMs)
    return committed.ok ? ok(null) : committed
  }

  reserve(request: Reserve, nowMs: number): Result<Transaction, ReserveRefusal> {
    this.expire(nowMs)
    const draft = reserveDraft(request)
    const replay = this.#replay(draft)
    if (replay) return replay
    if (this.#hasTables && tables.findReservation(this.#sql, request.key))
      return err({ reason: 'ledger_key_reused', detail: `the key ${request.key} was used for another reservation` })
    if (request.expiresAtMs !== null && request.expiresAtMs <= nowMs)
      return err({ reason: 'bad_posting', detail: 'the time of this reservation is over already' })
    const refused = this.#hasTables ? this.#refusals.of(request) : null
    if (refused) return err(refused)
    const differences = this.#differences().map(({ id }) => id)
    if (differences.length > 0) return this.#refuse(request, { reason: 'ledger_frozen', differences }, nowMs)
    const committed = this.#commit(operationKey(draft), request, [draft], null, nowMs)
    if (committed.ok) tables.insertReservation(this.#sql, { ...request, state: 'open' })
    else if (committed.error.reason === 'insufficient_funds') return this.#refuse(request, committed.error, nowMs)
    return committed
  }

  post(request: PostReservation, nowMs: number): Result<Transaction, ResolveRefusal> {
    return this.#resolve(request, 'posted', (reservation) => postDraft(reservation, request), nowMs)
  }

  release(request: { key: string; of: string }, nowMs: number): Result<Transaction, ResolveRefusal> {
    return this.#resolve(request, 'released', (reservation) => ok(releaseDraft(reservation, request.key)), nowMs)
  }

  book(booking: Booking, nowMs: number): Result<Transaction, BookRefusal> {
    const draft = bookingDraft(booking)
    if (!draft.ok) return draft
    return this.#replay(draft.value) ?? this.#commit(operationKey(draft.value), booking, [draft.value], null, nowMs)
  }

  /** Releases reservations whose time is over. Answers whether there were any. */
  expire(nowMs: number): boolean {
    if (!this.#hasTables) return false
    const expired = tables.expiredReservations(this.#sql, nowMs, EXPIRED_MAX)
    for (const reservation of expired) {
      const draft = releaseDraft(reservation, `${reservation.key}/expired`)
      const committed = this.#commit(operationKey(draft), null, [draft], null, nowMs)
      assert(committed.ok, 'what was reserved can be released')
      tables.closeReservation(this.#sql, reservation.key, 'released')
    }
    return expired.length > 0
  }

  /** When the next reservation runs out, or null. */
  nextExpiryMs(): number | null {
    return this.#hasTables ? tables.nextExpiryMs(this.#sql) : null
  }

  balances(storeId: string): StoreBalances {
    const differences = this.#differences()
    return {
      no: this.#state().head.no,
      balances: this.#balancesOf(storeId),
      differences: differences.filter((difference) => difference.storeId === null || difference.storeId === storeId),
      frozen: differences.length > 0,
    }
  }

  reservation(key: string): Reservation | null {
    return this.#hasTables ? tables.findReservation(this.#sql, key) : null
  }

  ofInvoice(storeId: string, invoiceId: string, afterNo: number): LedgerEntry[] {
    if (!this.#hasTables) return []
    return tables
      .commitsUnder(this.#sql, `${invoiceId}/`, afterNo, INVOICE_COMMITS_MAX)
      .flatMap(({ entries }) => entries)
      .filter(({ transaction }) => transaction.storeId === storeId && transaction.no > afterNo)
      .slice(0, INVOICE_ENTRIES_MAX)
  }

  page(afterNo: number, limit: number): LedgerEntry[] {
    if (!this.#hasTables) return []
    const most = Math.min(Math.max(limit, 1), PAGE_MAX)
    return tables
      .commitsAfter(this.#sql, afterNo, most)
      .flatMap(({ entries }) => entries)
      .filter(({ transaction }) => transaction.no > afterNo)
      .slice(0, most)
  }

  unprojected(): LedgerEntry[] {
    return this.page(this.#state().told, PAGE_MAX)
  }

  projected(no: number): void {
    const state = this.#state()
    state.told = Math.max(state.told, Math.min(no, state.head.no))
  }

  get isProjected(): boolean {
    const { told, head } = this.#state()
    return told >= head.no
  }

  /** Whose it is; null before the first transaction. */
  owner(): { merchantId: string; shard: number } | null {
    return this.#hasTables ? tables.loadOwner(this.#sql) : null
  }

  verify(segment: number): SegmentCheck {
    const { head, stores } = this.#state()
    if (!this.#hasTables) return { transactions: 0, lastNo: 0, isLast: true, fault: null }
    const { from, to } = tables.snapshotsAround(this.#sql, segment)
    if (from === null && segment > 0) return { transactions: 0, lastNo: head.no, isLast: true, fault: null }
    const start = from ?? EMPTY
    const end = to ?? { ...head, stores: Object.fromEntries(stores) }
    const entries = tables.commitsBetween(this.#sql, start.no, end.no).flatMap((commit) => commit.entries)
    return { transactions: entries.length, lastNo: end.no, isLast: to === null, fault: checkEntries(start, entries, end) }
  }

  standing(): LedgerStanding {
    const { head, stores } = this.#state()
    return {
      no: head.no,
      segments: this.#hasTables ? tables.countSegments(this.#sql) : 1,
      hash: head.hash,
      shard: this.owner()?.shard ?? null,
      stores: [...stores].map(([storeId, { no, balances }]) => ({ storeId, balances, lastNo: no })),
      differences: this.#differences(),
    }
  }

  raise(differences: readonly Difference[]): void {
    this.#ensureTables()
    for (const difference of differences) tables.insertDifference(this.#sql, difference)
  }

  clear({ id, by, reason }: ClearDifference, nowMs: number): Result<null, { reason: 'difference_not_found' }> {
    if (!this.#differences().some((difference) => difference.id === id)) return err({ reason: 'difference_not_found' })
    tables.clearDifference(this.#sql, id, by, reason, nowMs)
    return ok(null)
  }

  #refuse(request: Reserve, refusal: ReserveRefusal, nowMs: number): Result<never, ReserveRefusal> {
    this.#ensureTables()
    this.#refusals.keep(request, refusal, nowMs)
    return err(refusal)
  }

  #resolve(
    request: { readonly key: string; readonly of: string },
    state: 'posted' | 'released',
    draftOf: (reservation: Reservation) => Result<Draft, Extract<ResolveRefusal, { reason: 'bad_posting' }>>,
    nowMs: number,
  ): Result<Transaction, ResolveRefusal> {
    this.expire(nowMs)
    const reservation = this.#hasTables ? tables.findReservation(this.#sql, request.of) : null
    if (!reservation) return err({ reason: 'reservation_not_found' })
    const draft = draftOf(reservation)
    if (!draft.ok) return draft
    const replay = this.#replay(draft.value)
    if (replay) return replay
    if (reservation.state !== 'open') return err({ reason: 'reservation_closed', state: reservation.state })
    const committed = this.#commit(operationKey(draft.value), null, [draft.value], null, nowMs)
    if (committed.ok) tables.closeReservation(this.#sql, reservation.key, state)
    else if (committed.error.reason === 'insufficient_funds') throw new Error('what was reserved is there')
    return committed as Result<Transaction, ResolveRefusal>
  }

  /** What was made under this key before, when it was the same; a refusal when it was something else; null when nothing. */
  #replay(draft: Draft): Result<Transaction, { reason: 'ledger_key_reused'; detail: string }> | null {
    const made = this.#hasTables ? tables.commitByKey(this.#sql, operationKey(draft))?.entries[0]?.transaction : undefined
    if (!made) return null
    if (contentOf(made) === contentOf(draft)) return ok(made)
    return err({ reason: 'ledger_key_reused', detail: `the key ${draft.key} was used for another transaction` })
  }

  /** Writes one commit, what is owed paid back first out of what it brings. Answers its first transaction. */
  #commit(
    key: string,
    owner: { readonly merchantId: string; readonly shard: number } | null,
    drafts: readonly Draft[],
    invoice: InvoiceBook | null,
    nowMs: number,
  ): Result<Transaction, Exclude<BookRefusal, { reason: 'ledger_key_reused' }>> {
    const state = this.#state()
    const storeId = drafts[0]?.storeId as string
    const before = this.#balancesOf(storeId)
    const sealed = seal(state.head, before, [...drafts, ...repayments(before, drafts)], nowMs)
    if (!sealed.ok) return sealed
    this.#ensureTables()
    if (owner && tables.loadOwner(this.#sql) === null) tables.saveOwner(this.#sql, owner.merchantId, owner.shard)
    const { entries, head, balances } = sealed.value
    tables.insertCommit(this.#sql, key, { entries, invoice }, state.told)
    state.head = head
    state.stores.set(storeId, { no: head.no, balances })
    if (head.no - state.snapshotNo >= SNAPSHOT_EVERY) {
      tables.insertSnapshot(this.#sql, { ...head, stores: Object.fromEntries(state.stores) })
      state.snapshotNo = head.no
    }
    return ok(entries[0]?.transaction as Transaction)
  }

  #balancesOf(storeId: string): Balances {
    return this.#state().stores.get(storeId)?.balances ?? NO_BALANCES
  }

  #differences(): Difference[] {
    return this.#hasTables ? tables.openDifferences(this.#sql) : []
  }

  #ensureTables(): void {
    if (!this.#hasTables) tables.createTables(this.#sql)
    this.#hasTables = true
  }

  #state(): LedgerState {
    if (!this.#open) this.#open = this.#hasTables ? loadState(this.#sql) : stateOf(EMPTY)
    return this.#open
  }
}
