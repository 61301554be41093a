import type { Statement } from '../gateways/sepa/camt.ts'
import { formatDecimal } from '../money/amount.ts'

/** A camt.053 that has both balances: a link of the chain of statements. */
export interface StatementLink {
  readonly id: string
  readonly sequence: bigint | null
  readonly openingCents: bigint
  readonly closingCents: bigint
  /** `YYYY-MM-DD` of the closing balance. */
  readonly date: string
}

const DAY_MS = 86_400_000
/** Further back nothing is looked for: no invoice waits so long, and history that is brought in later stops nobody. */
const GAP_DAYS_MAX = 100

/** Null when the statement has not both balances; else what its entries make too much or too little, in cents. */
export function balanceFault({ opening, closing, movements }: Statement): bigint | null {
  if (opening === null || closing === null) return null
  const booked = movements.filter(({ status }) => status === 'booked')
  const moved = booked.reduce((sum, { direction, cents }) => sum + (direction === 'credit' ? cents : -cents), 0n)
  return opening.cents + moved - closing.cents
}

export function linkOf({ kind, id, sequence, opening, closing }: Statement): StatementLink | null {
  if (kind !== 'camt.053' || opening === null || closing === null) return null
  return { id, sequence, openingCents: opening.cents, closingCents: closing.cents, date: closing.date }
}

export interface Standing {
  /** Statements join up to the end of this one's day. Null before the first. */
  readonly last: StatementLink | null
  /** The first place after which they do not join. */
  readonly gap: { readonly before: StatementLink; readonly detail: string } | null
}

/**
 * How far statements join: each opens with what the one before closed with, and has the next number where the bank
 * numbers them. A number that falls begins a new year. Those of one day are put into the order in which they join.
 */
export function standingOf(links: readonly StatementLink[]): Standing {
  const waiting = recentOf(links)
  let last: StatementLink | null = null
  while (waiting.length > 0) {
    const day: string = (waiting[0] as StatementLink).date
    const previous: StatementLink | null = last
    const today = waiting.filter(({ date }) => date === day)
    const at: number = today.findIndex((link) => (previous === null ? isFirst(link, today) : joins(previous, link)))
    const [next] = waiting.splice(Math.max(0, at), 1) as [StatementLink]
    if (previous !== null && at < 0) return { last, gap: { before: next, detail: wordsOf(previous, next) } }
    last = next
  }
  return { last, gap: null }
}

/** Those that are not too old to be missed, by day and number. */
export function recentOf(links: readonly StatementLink[]): StatementLink[] {
  const newestMs = Math.max(...links.map(({ date }) => endOfDay(date)))
  return links.filter(({ date }) => newestMs - endOfDay(date) <= GAP_DAYS_MAX * DAY_MS).sort(inOrder)
}

/** The end of the day, in milliseconds: everything booked by then is known. */
export function endOfDay(date: string): number {
  return Date.parse(`${date}T00:00:00Z`) + DAY_MS
}

/** None of the same day closed with what this one opened with. */
function isFirst(link: StatementLink, today: readonly StatementLink[]): boolean {
  return !today.some((other) => other !== link && other.closingCents === link.openingCents)
}

function joins(before: StatementLink, after: StatementLink): boolean {
  const isNext = before.sequence === null || after.sequence === null || after.sequence === before.sequence + 1n
  const isNewYear = !isNext && (after.sequence as bigint) <= 1n && after.date.slice(0, 4) > before.date.slice(0, 4)
  return before.closingCents === after.openingCents && (isNext || isNewYear)
}

function inOrder(one: StatementLink, other: StatementLink): number {
  if (one.date !== other.date) return one.date < other.date ? -1 : 1
  const difference = (one.sequence ?? 0n) - (other.sequence ?? 0n)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

function wordsOf(before: StatementLink, after: StatementLink): string {
  const [closed, opened] = [formatDecimal(before.closingCents, 2), formatDecimal(after.openingCents, 2)]
  const numbers = before.sequence === null || after.sequence === null ? '' : ` (numbers ${before.sequence} and ${after.sequence})`
  return `${before.date} closed with ${closed} EUR and the next statement, of ${after.date}, opens with ${opened} EUR${numbers}`
}
