import type { Movement, Statement } from '../gateways/sepa/camt.ts'
import { linkOf } from './balances.ts'
import { batchKey, daysBefore, type Entry, factsKey, isSame, nameOf, newEntry, referenceKey, SAME_DAYS_MAX } from './entries.ts'
import type { StatementReport } from './rpc.ts'

/** What the account knows, asked and changed in one transaction. */
export interface Book {
  at(id: string): Entry | null
  /** Entries with this key, whichever of theirs it is, newest first. At most `LIKE_MAX` (tables.ts). */
  like(key: string): readonly Entry[]
  /** How many entries have this key of facts. */
  countLike(key: string): number
  /** Transactions that came as parts of the batch with this key. */
  partsOf(key: string): readonly Entry[]
  /** The invoice that was given a creditor reference. */
  invoiceOf(reference: string): string | null
  /** Entries that the invoice has, as many as there are. */
  countOf(invoiceId: string): number
  /**
   * Booked credits that a return may mean: of this invoice, or with its end-to-end id or bank's reference and of any
   * invoice, and so much left of it that the return fits. The likeliest two, whole before in part and then its end-to-end
   * id first, and whether all there are (of `CREDITS_MAX` by each clue) are of one invoice.
   */
  creditsFor(taking: Movement, invoiceId: string | null): { readonly likeliest: readonly Entry[]; readonly areOfOne: boolean }
  /** Booked entries that take something back of which nothing has been found yet. */
  openReturns(): readonly Entry[]
  /** Pending entries of days before this one: they were never booked. */
  pendingBefore(date: string): readonly Entry[]
  /** The transfer of ours that has this name at banks, and the entries that it has. */
  transferNamed(endToEndId: string): OwnTransfer | null
  put(entry: Entry): void
  /** The same, and nobody is told: to them it is what it was. */
  keep(entry: Entry): void
}

export interface OwnTransfer {
  readonly id: string
  readonly cents: bigint
  /** Whether an entry carries it out already, and one takes it back. */
  readonly hasDebit: boolean
  readonly hasCredit: boolean
}

export type Counts = Pick<StatementReport, 'entries' | 'matched' | 'unmatched' | 'returned' | 'transfers' | 'duplicates' | 'other'>

type Outcome = Exclude<keyof Counts, 'entries'>

/**
 * Takes the movements of one statement in. Pure but for the book. Each entry of the book stands for one movement of a
 * statement at most, so that two equal transfers in it are two.
 */
export function takeStatement(statement: Statement, book: Book): Counts {
  const { kind, closing, movements, announced } = statement
  const isStated = linkOf(statement) !== null
  const known = findKnown(movements, book)
  const counts = {
    entries: movements.length + announced,
    matched: 0,
    unmatched: 0,
    returned: 0,
    transfers: 0,
    duplicates: 0,
    other: announced,
  }
  // What takes back comes after what it takes back, wherever it stands in the statement.
  const inOrder = [...movements].sort((one, other) => Number(one.direction === 'debit') - Number(other.direction === 'debit'))
  for (const movement of inOrder) {
    // Read anew: what came before it in the statement may have changed it.
    const id = known.get(movement)
    counts[takeMovement(movement, id === undefined ? null : book.at(id), book, isStated)]++
  }
  counts.returned += takeBackOpen(book)
  if (kind === 'camt.053' && closing !== null) {
    const lost = book.pendingBefore(daysBefore(closing.date, SAME_DAYS_MAX))
    for (const entry of lost) book.put({ ...entry, place: 'gone', revision: entry.revision + 1 })
  }
  return counts
}

/** A person says which invoice a credit is for. */
export function assignEntry(entry: Entry, invoiceId: string, by: string, book: Book): Entry {
  const assigned = { ...of(entry, invoiceId, book), assignedBy: by, revision: entry.revision + 1 }
  book.put(assigned)
  takeBackOpen(book)
  return assigned
}

/** A credit, a return or a doubtful entry that nobody has found a place for. */
export function isUnmatched({ direction, takesBack, invoiceId, returns, place, transferId, doubtful }: Entry): boolean {
  if (place === 'gone' || transferId !== undefined) return false
  if (doubtful) return true
  return direction === 'credit' ? invoiceId === null && !takesBack : takesBack && returns === null
}

function takeMovement(movement: Movement, known: Entry | null, book: Book, isStated: boolean): Outcome {
  const key = referenceKey(movement)
  const parts = movement.bare && key !== null ? book.partsOf(key).filter(({ date }) => date === movement.date) : []
  const isSettled = isStated && movement.status === 'booked'
  for (const part of parts) if (isSettled && part.unstated) book.keep({ ...part, unstated: false })
  const sharper = known && sharpened(known, movement, isSettled)
  if (sharper) book.keep(sharper)
  if (parts.length > 0) return 'duplicates'
  if (known) return takeAgain(sharper ?? known, movement, book, isStated)
  if (isPartOfAssigned(movement, book, isStated)) return 'duplicates'
  const own = takeOwn(movement, book, isStated)
  if (own !== null) return own
  // Money out is none of ours, unless it takes back what an invoice had.
  if (movement.direction === 'debit' && !movement.takesBack) return 'other'
  // A transfer of the merchant's own that came back is no payment.
  if (movement.direction === 'credit' && movement.takesBack) return 'other'
  const entry = newEntry(freeName(movement, book), movement, isUnstated(movement, isStated))
  if (movement.direction === 'debit') return takeReturn(entry, book)
  return putMatched(entry, book) ?? 'unmatched'
}

/** Whether a statement is still to have it; of what could not be found there again it is not asked. */
function isUnstated({ loose }: Movement, isStated: boolean): boolean {
  return !isStated && loose !== true
}

/** What a message says of a booked entry that nobody has to be told; null when it is nothing new. */
function sharpened(known: Entry, movement: Movement, isSettled: boolean): Entry | null {
  if (known.place !== 'booked' || movement.status !== 'booked') return null
  const { valueDated, ...dated } = known
  const isDated = valueDated === true && movement.valueDated !== true
  if (!isDated && !(isSettled && known.unstated)) return null
  return { ...(isDated ? { ...dated, date: movement.date } : known), unstated: known.unstated === true && !isSettled }
}

/**
 * What carries out a transfer of ours, or takes it back, by the name that the transfer has at banks. Only a bank says that
 * money came back: a payer can write any name. A second debit under one name means that the bank did it twice.
 */
function takeOwn(movement: Movement, book: Book, isStated: boolean): Outcome | null {
  const { direction, endToEndId, takesBack, cents } = movement
  const own = endToEndId !== null && takesBack === (direction === 'credit') ? book.transferNamed(endToEndId) : null
  if (own === null) return null
  const isFirst = direction === 'debit' ? !own.hasDebit : !own.hasCredit
  const fits = isFirst && (direction === 'debit' ? cents === own.cents : cents <= own.cents)
  const entry = newEntry(freeName(movement, book), movement, isUnstated(movement, isStated))
  book.put(fits ? { ...entry, transferId: own.id } : { ...entry, doubtful: true })
  return fits ? 'transfers' : 'unmatched'
}

/** The entries that movements of a statement are, by their names: those of one reference first, then those of one kind. */
function findKnown(movements: readonly Movement[], book: Book): Map<Movement, string> {
  // Thousands of equal ones are asked for once.
  const asked = new Map<string, readonly Entry[]>()
  const like = (key: string) => {
    const entries = asked.get(key) ?? book.like(key)
    asked.set(key, entries)
    return entries
  }
  const likely = movements.map((movement) => {
    const key = referenceKey(movement)
    const entries = [...(key ? like(key) : []), ...like(factsKey(movement))]
    return { movement, like: entries.filter((entry) => isSame(entry, movement)) }
  })
  const known = new Map<Movement, string>()
  const used = new Set<string>()
  const rules: readonly ((entry: Entry, movement: Movement) => boolean)[] = [
    (entry, { bankReference }) => bankReference !== null && entry.bankReference === bankReference,
    (entry, { bankReference }) => bankReference === null && entry.bankReference === null,
    () => true,
  ]
  for (const rule of rules) {
    for (const { movement, like } of likely) {
      const found = known.has(movement) ? undefined : like.find((entry) => !used.has(entry.id) && rule(entry, movement))
      if (!found) continue
      used.add(found.id)
      known.set(movement, found.id)
    }
  }
  return known
}

/** A name is made of what was said first, and an entry keeps its own when more is said. */
function freeName(movement: Movement, book: Book): string {
  for (let equals = book.countLike(factsKey(movement)); ; equals++) {
    const name = nameOf(movement, equals)
    if (book.at(name) === null) return name
  }
}

/** What is pending is booked now, or a message says more about an entry than the one before did. */
function takeAgain(known: Entry, movement: Movement, book: Book, isStated: boolean): Outcome {
  if (movement.status === 'booked' && known.place !== 'booked') {
    const { atMs } = known
    const booked: Entry = {
      ...known,
      ...movement,
      atMs,
      place: 'booked',
      unstated: isUnstated(movement, isStated),
      revision: known.revision + 1,
    }
    if (known.transferId !== undefined || known.doubtful) {
      book.put(booked)
      return known.doubtful ? 'duplicates' : 'transfers'
    }
    if (booked.direction === 'debit') return takeReturn(booked, book)
    return putMatched(booked, book) ?? 'duplicates'
  }
  const saysMore = known.invoiceId === null && known.reference === null && movement.reference !== null
  if (!saysMore || known.direction === 'debit' || known.transferId !== undefined || known.doubtful) return 'duplicates'
  const { reference, endToEndId, text, counterparty } = movement
  return putMatched({ ...known, reference, endToEndId, text, counterparty, revision: known.revision + 1 }, book) ?? 'duplicates'
}

/** Null when there is no invoice, or it had one before. */
function putMatched(entry: Entry, book: Book): 'matched' | null {
  const found = entry.invoiceId === null && entry.reference !== null ? book.invoiceOf(entry.reference) : null
  book.put(found === null ? entry : of(entry, found, book))
  return found === null ? null : 'matched'
}

/** A booking day has no hours: those of one invoice are told apart by a millisecond each, in the order they became known. */
function of(entry: Entry, invoiceId: string, book: Book): Entry {
  return { ...entry, invoiceId, atMs: entry.atMs + book.countOf(invoiceId) }
}

/**
 * A batch comes as one entry in one message and taken apart in another; whichever came first counts. A whole that no
 * person has assigned makes way for its parts.
 */
function isPartOfAssigned(movement: Movement, book: Book, isStated: boolean): boolean {
  const key = batchKey(movement)
  const whole = key && book.like(key).find((entry) => entry.bare && entry.date === movement.date)
  if (!whole) return false
  if (whole.invoiceId !== null) {
    if (isStated && whole.unstated) book.keep({ ...whole, unstated: false })
    return true
  }
  if (whole.place !== 'gone') book.put({ ...whole, place: 'gone', revision: whole.revision + 1 })
  return false
}

/** Only what is booked is taken back: a pending return is heard of again. */
function takeReturn(entry: Entry, book: Book): Outcome {
  const original = entry.place === 'booked' ? originalOf(entry, book) : undefined
  if (original) putReturn(entry, original, book)
  else book.put({ ...entry, returns: null })
  return original ? 'returned' : 'unmatched'
}

/** Files come in any order: what takes back may have come before what it takes back. Answers how many found it now. */
function takeBackOpen(book: Book): number {
  const found = book.openReturns().filter((entry) => {
    const original = originalOf(entry, book)
    if (original) putReturn({ ...entry, revision: entry.revision + 1 }, original, book)
    return original !== undefined
  })
  return found.length
}

function putReturn(entry: Entry, original: Entry, book: Book): void {
  book.put({ ...entry, returns: original.id })
  book.put({ ...original, returnedCents: original.returnedCents + entry.cents, revision: original.revision + 1 })
}

/** The payment that is taken back: found by exact words only, whole before in part, and only when it is the one. */
function originalOf(taking: Movement, book: Book): Entry | undefined {
  const invoiceId = taking.reference === null ? null : book.invoiceOf(taking.reference)
  const { likeliest, areOfOne } = book.creditsFor(taking, invoiceId)
  const [first, second] = likeliest
  if (!first || !areOfOne) return undefined
  const isWhole = first.cents - first.returnedCents === taking.cents
  return isWhole || !second ? first : undefined
}
