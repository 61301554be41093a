import { logEvent } from '../lib/log.ts'
import type { Sql } from '../lib/outbox.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { formatDecimal } from '../money/amount.ts'
import { balanceFault, endOfDay, linkOf, standingOf } from './balances.ts'
import { compareStatements, forgetFault, noteFault, noteStatement, openDifferences } from './differences.ts'
import type { Entry } from './entries.ts'
import type {
  AccountBalance,
  AccountStanding,
  ImportRefusal,
  ImportReport,
  StatementFile,
  StatementReport,
  UnmatchedEntry,
  UnmatchedPage,
} from './rpc.ts'
import { accountSums } from './sums.ts'
import { type AccountRow, countUnmatched, entriesUnmatched, putLink, readLinks, readReport, writeReport } from './tables.ts'
import { type Book, takeStatement } from './take.ts'

const UNMATCHED_PAGE_MAX = 100
/** All up to a closing balance counts as known, and what is much older than it is forgotten: a wrong year must not say so. */
const AHEAD_MS_MAX = 100 * 24 * 60 * 60_000

/** The one decision of a file: all of it is taken or nothing. Runs in a transaction. */
export function takeFile(
  sql: Sql,
  walletId: string,
  { hash, statements }: Pick<StatementFile, 'hash' | 'statements'>,
  book: Book,
  nowMs: number,
): Result<ImportReport, ImportRefusal> {
  const before = readReport(sql, hash)
  if (before) {
    for (const statement of statements) forgetFault(sql, statement)
    return ok({ ...before, replayed: true })
  }
  const future = statements.find(({ closing, opening }) => [opening, closing].some((one) => one && isFarAhead(one.date, nowMs)))
  if (future) return err({ reason: 'date_in_future', detail: `statement ${future.id} is of a day that is far ahead` })
  const alarm = (id: string) => logEvent('error', 'bank_difference', { walletId, id })
  for (const statement of statements) {
    const fault = balanceFault(statement)
    if (!fault) continue
    const words = faultWords(fault)
    const id = noteFault(sql, statement, words, nowMs)
    if (id !== null) alarm(id)
    return err({ reason: 'balance_mismatch', detail: `statement ${statement.id}: ${words}` })
  }
  const taken = statements.map((statement) => {
    forgetFault(sql, statement)
    const counts = takeStatement(statement, book)
    const link = linkOf(statement)
    const id = link && noteStatement(sql, link, nowMs)
    if (id !== null) alarm(id)
    if (link) putLink(sql, link)
    return { statement, link, counts }
  })
  for (const id of compareStatements(sql, nowMs)) alarm(id)
  const { gap } = standingOf(readLinks(sql))
  const report: ImportReport = {
    replayed: false,
    statements: taken.map(({ statement, link, counts }): StatementReport => {
      const { id, kind, closing, opening } = statement
      const isAfterGap = link !== null && gap !== null && link.date >= gap.before.date
      return { id, kind, closing, balance: opening && closing ? 'ok' : 'none', gap: isAfterGap ? gap.detail : null, ...counts }
    }),
  }
  if (gap) logEvent('warn', 'bank_statement_gap', { walletId, date: gap.before.date })
  writeReport(sql, hash, nowMs, report)
  return ok(report)
}

export function standingAt(sql: Sql, { iban, holder }: AccountRow): AccountStanding {
  const { last, gap } = standingOf(readLinks(sql))
  return {
    iban,
    holder,
    balance: last && { cents: last.closingCents, date: last.date },
    readUntilMs: last && endOfDay(last.date),
    gap: gap?.detail ?? null,
    unmatched: countUnmatched(sql),
    differences: openDifferences(sql),
  }
}

export function balanceAt(sql: Sql, account: AccountRow): AccountBalance {
  return { ...standingAt(sql, account), sums: accountSums(sql) }
}

/** Statements join up to then; null before the first. */
export function readUntilMs(sql: Sql): number | null {
  const { last } = standingOf(readLinks(sql))
  return last && endOfDay(last.date)
}

export function unmatchedPage(sql: Sql, after: string | null, limit: number): UnmatchedPage {
  const most = Math.min(Math.max(1, limit), UNMATCHED_PAGE_MAX)
  const entries = entriesUnmatched(sql, after, most)
  const last = entries.length < most ? undefined : entries.at(-1)
  return { entries: entries.map(shown), next: last ? `${last.date}/${last.id}` : null }
}

export function shown(entry: Entry): UnmatchedEntry {
  const { id, direction, cents, date, text, reference, endToEndId, counterparty, returnReason, invoiceId, place } = entry
  const status = place === 'pending' ? 'pending' : 'booked'
  return { id, direction, cents, date, status, text, reference, endToEndId, counterparty, returnReason, invoiceId }
}

function isFarAhead(date: string, nowMs: number): boolean {
  return endOfDay(date) - nowMs > AHEAD_MS_MAX
}

function faultWords(cents: bigint): string {
  const size = formatDecimal(cents < 0n ? -cents : cents, 2)
  return `its booked entries are ${size} EUR ${cents > 0n ? 'more' : 'less'} than its closing balance less its opening balance`
}
