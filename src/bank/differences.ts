import type { Statement } from '../gateways/sepa/camt.ts'
import { decodeJson, encodeJson } from '../lib/json.ts'
import type { Sql } from '../lib/outbox.ts'
import { formatDecimal } from '../money/amount.ts'
import { recentOf, type StatementLink, standingOf } from './balances.ts'
import { digest, type Entry } from './entries.ts'
import type { AccountDifference } from './rpc.ts'
import { entriesUnstated, entryAt, linkAt, putEntry, readLinks } from './tables.ts'

/**
 * sum: a statement’s entries are not what its balances differ by; nothing of it was taken. restated: a statement came again
 * with other balances. gap: one does not open with what the one before closed with. unstated: an entry that was announced
 * as booked is not in the statements of its day. While one is open no payment file is made.
 */
type Kind = 'sum' | 'restated' | 'gap' | 'unstated'

interface Finding {
  readonly kind: Kind
  /** What it is known by. */
  readonly name: readonly string[]
  readonly detail: string
  readonly entryId?: string
}

interface Kept extends AccountDifference {
  readonly kind: Kind
  /** Of unstated: the entry. */
  readonly entryId: string | null
  /** Of a gap, which is there still: a person has looked at it. */
  readonly isCleared: boolean
}

/** More at one time tell nothing more: sending is stopped, and these have to be looked at first. */
export const DIFFERENCES_MAX = 100
/** Entries that statements should have, and have not, that are named at one time. */
const UNSTATED_MAX = 20

/** Those that no person has looked at, oldest first. */
export function openDifferences(sql: Sql): AccountDifference[] {
  return all(sql)
    .filter(({ isCleared }) => !isCleared)
    .sort((one, other) => one.sinceMs - other.sinceMs)
    .map(({ id, detail, sinceMs }) => ({ id, detail, sinceMs }))
}

/** A person has looked at it. False when no such difference is open. */
export function clearDifference(sql: Sql, id: string): boolean {
  const known = all(sql).find((difference) => difference.id === id && !difference.isCleared)
  if (!known) return false
  const entry = known.entryId === null ? null : entryAt(sql, known.entryId)
  if (entry) putEntry(sql, { ...entry, unstated: false })
  if (known.kind === 'gap') put(sql, { ...known, isCleared: true })
  else forget(sql, id)
  return true
}

/** A statement that does not add up. Each of these answers the ids of what is new, and runs in a transaction. */
export function noteFault(sql: Sql, statement: Statement, words: string, nowMs: number): string | null {
  return note(sql, { kind: 'sum', name: nameOf(statement), detail: `statement ${statement.id}: ${words}` }, nowMs)
}

/** A copy that adds up has come: what was wrong with another is over. */
export function forgetFault(sql: Sql, statement: Statement): void {
  forget(sql, idOf('sum', nameOf(statement)))
}

/** Before the link of a statement is put: it may contradict what is there. */
export function noteStatement(sql: Sql, link: StatementLink, nowMs: number): string | null {
  const before = linkAt(sql, link)
  if (!before || (before.openingCents === link.openingCents && before.closingCents === link.closingCents)) return null
  const spanOf = (one: StatementLink) => `${euro(one.openingCents)} to ${euro(one.closingCents)}`
  const [was, is] = [spanOf(before), spanOf(link)]
  const detail = `statement ${link.id} of ${link.date} was from ${was} EUR, and has come again from ${is}`
  return note(sql, { kind: 'restated', name: [link.date, link.id, was, is], detail }, nowMs)
}

/**
 * Compares what is announced with what is stated, and statements with each other. What is over is forgotten. A gap of
 * numbers alone is no difference: the balances agree.
 */
export function compareStatements(sql: Sql, nowMs: number): string[] {
  const links = readLinks(sql)
  const { last, gap } = standingOf(links)
  const found: Finding[] = []
  if (gap && last && last.closingCents !== gap.before.openingCents)
    found.push({ kind: 'gap', name: [gap.detail], detail: gap.detail })
  const [first] = recentOf(links)
  // On the days at the ends another statement of the day may still come, or have come before there were any here.
  const missing = first && last ? entriesUnstated(sql, first.date, last.date, UNSTATED_MAX) : []
  for (const entry of missing) found.push({ kind: 'unstated', name: [entry.id], detail: missingWords(entry), entryId: entry.id })

  const ids = new Set(found.map(({ kind, name }) => idOf(kind, name)))
  const before = all(sql)
  for (const { id, kind } of before) if ((kind === 'gap' || kind === 'unstated') && !ids.has(id)) forget(sql, id)
  // A gap that only moves, since statements are brought one by one, is the same to whoever is alarmed.
  const gapSince = before.find(({ kind, isCleared }) => kind === 'gap' && !isCleared)?.sinceMs
  return found.flatMap((finding) => {
    const sinceMs = finding.kind === 'gap' ? (gapSince ?? nowMs) : nowMs
    const id = note(sql, finding, sinceMs)
    return id === null || sinceMs !== nowMs ? [] : [id]
  })
}

/** Null when it is known. */
function note(sql: Sql, { kind, name, detail, entryId }: Finding, sinceMs: number): string | null {
  const id = idOf(kind, name)
  const known = all(sql)
  if (known.length >= DIFFERENCES_MAX || known.some((difference) => difference.id === id)) return null
  put(sql, { id, kind, detail, entryId: entryId ?? null, sinceMs, isCleared: false })
  return id
}

function all(sql: Sql): Kept[] {
  const rows = sql.exec('SELECT body FROM differences ORDER BY id LIMIT ?', DIFFERENCES_MAX).toArray()
  return rows.map(({ body }) => decodeJson<Kept>(body as string))
}

function put(sql: Sql, difference: Kept): void {
  sql.exec('INSERT OR REPLACE INTO differences (id, body) VALUES (?, ?)', difference.id, encodeJson(difference))
}

function forget(sql: Sql, id: string): void {
  sql.exec('DELETE FROM differences WHERE id = ?', id)
}

function nameOf({ id, closing }: Statement): string[] {
  return [closing?.date ?? '', id]
}

function idOf(kind: Kind, name: readonly string[]): string {
  return digest(['difference', kind, ...name])
}

function missingWords({ direction, cents, date, id, reference, transferId }: Entry): string {
  const what = reference ?? transferId ?? `entry ${id}`
  return `a ${direction} of ${euro(cents)} EUR (${what}) was booked on ${date} by the bank’s notice, and no statement of that day has it`
}

function euro(cents: bigint): string {
  return formatDecimal(cents, 2)
}
