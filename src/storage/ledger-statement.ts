import { type SQL, sql } from 'drizzle-orm'
import { ACCOUNT_KINDS, accountKind } from '../ledger/accounts.ts'
import { balanceOf } from '../ledger/balances.ts'
import type { Balances, Phase, Posting } from '../ledger/types.ts'
import { decodeJson } from '../lib/json.ts'
import { assert, err, ok, type Result } from '../lib/result.ts'
import { lastRow } from './ledger.ts'
import { type AccountFilter, isMeant, possibleCauses, postingFits } from './ledger-filter.ts'
import type { LedgerPosition } from './ledger-rows.ts'
import { readTogether } from './shards.ts'

/** A statement with more would be no use to a person and too much for one answer. */
export const STATEMENT_LINES_MAX = 10_000
/** Rows that one query looks at, and queries of one statement: 100,000 transactions of the store at most. */
const PAGE_ROWS = 5_000
const PAGES_MAX = 20

export interface StatementRequest {
  readonly storeId: string
  /** Inclusive. */
  readonly fromMs: number
  /** Exclusive. */
  readonly toMs: number
  readonly account: AccountFilter
  /** Null for all. */
  readonly asset: string | null
}

export interface Statement {
  /** One for each account and asset that holds or moved anything, in the order people read them. */
  readonly balances: readonly StatementBalance[]
  /** Oldest first. */
  readonly lines: readonly StatementLine[]
}

export interface StatementBalance {
  readonly account: string
  readonly asset: string
  readonly opening: bigint
  readonly closing: bigint
}

/** What one transaction changed on one account. */
export interface StatementLine {
  readonly no: number
  readonly atMs: number
  readonly cause: string
  readonly phase: Phase
  readonly invoiceId: string | null
  readonly payment: string | null
  readonly transferId: string | null
  readonly reason: string | null
  readonly account: string
  readonly asset: string
  /** Below zero when it went out. Never zero. */
  readonly units: bigint
  /** After it. */
  readonly balance: bigint
}

/**
 * What moved on an account in a period, between its opening and its closing balance. The closing balance is read, the
 * lines are added up, and both must be the same: throws otherwise, and when D1 fails.
 */
export async function statement(
  shard: D1Database,
  request: StatementRequest,
): Promise<Result<Statement, { readonly reason: 'period_too_long' }>> {
  const moved = await readMoves(shard, request)
  if (moved === null) return err({ reason: 'period_too_long' })
  const { opening, closing, moves } = moved
  const wanted = (account: string, asset: string) =>
    isMeant(request.account, account) && (request.asset === null || request.asset === asset)
  const running = new Map<string, StatementBalance>()
  for (const [account, asset, units] of figuresOf(opening)) {
    if (wanted(account, asset)) running.set(`${account} ${asset}`, { account, asset, opening: units, closing: units })
  }
  const lines: StatementLine[] = []
  for (const { postings, ...move } of moves) {
    for (const { account, asset, units } of changesOf(postings)) {
      if (units === 0n || !wanted(account, asset)) continue
      const before = running.get(`${account} ${asset}`) ?? { account, asset, opening: 0n, closing: 0n }
      const balance = before.closing + units
      running.set(`${account} ${asset}`, { ...before, closing: balance })
      lines.push({ ...move, account, asset, units, balance })
    }
    if (lines.length > STATEMENT_LINES_MAX) return err({ reason: 'period_too_long' })
  }
  const balances = [...running.values()].sort(inReadingOrder)
  const gone = balances.find((found) => found.closing !== balanceOf(closing, found.account, found.asset))
  const missed = figuresOf(closing).find(([account, asset]) => wanted(account, asset) && !running.has(`${account} ${asset}`))
  assert(!gone && !missed, `the lines of store ${request.storeId} do not lead to its closing balance`)
  return ok({ balances, lines })
}

interface Move extends Omit<StatementLine, 'account' | 'asset' | 'units' | 'balance'> {
  readonly postings: readonly Posting[]
}

interface MoveRow extends LedgerPosition {
  readonly cause: string
  readonly invoiceId: string | null
  readonly said: string
}

interface BalanceRow extends LedgerPosition {
  readonly balances: string
}

/** Null when there is too much. Opening, closing and the first page are of one moment; later rows come after the closing. */
async function readMoves(
  shard: D1Database,
  { storeId, fromMs, toMs, account, asset }: StatementRequest,
): Promise<{ opening: Balances; closing: Balances; moves: Move[] } | null> {
  const causes = (possibleCauses(account, null) ?? []).map((cause) => sql`${cause}`)
  const fits = sql`cause IN (${sql.join(causes, sql`, `)}) AND ${postingFits(account, asset)}`
  const page = (range: SQL) => pageQueries(sql`store_id = ${storeId} AND ${range}`, fits)
  const [[before] = [], [last] = [], ...first] = (await readTogether(shard, 'first-primary', [
    lastRow(storeId, sql`at_ms < ${fromMs}`),
    lastRow(storeId, sql`at_ms < ${toMs}`),
    ...page(sql`at_ms >= ${fromMs} AND at_ms < ${toMs}`),
  ])) as [BalanceRow[]?, BalanceRow[]?, ...Page]
  let [rows, [end]] = first
  const moves = rows.map(moveOf)
  for (let pages = 1; last && end; pages++) {
    if (pages >= PAGES_MAX || moves.length > STATEMENT_LINES_MAX) return null
    const range = sql`(at_ms, no) > (${end.atMs}, ${end.no}) AND (at_ms, no) <= (${last.atMs}, ${last.no})`
    ;[rows, [end]] = (await readTogether(shard, 'first-primary', page(range))) as Page
    for (const row of rows) moves.push(moveOf(row))
  }
  return { opening: balancesOf(before), closing: balancesOf(last), moves }
}

type Page = [rows: MoveRow[], end: LedgerPosition[]]

/** What fits among the oldest rows in a range; and where those end, if the range goes on. */
function pageQueries(range: SQL, fits: SQL): [SQL, SQL] {
  const oldest = (count: number) => sql`FROM ledger_transactions WHERE ${range} ORDER BY at_ms, no LIMIT ${count}`
  const said = sql`json_extract(body, '$.phase', '$.payment', '$.transferId', '$.reason', '$.postings') AS said`
  return [
    sql`SELECT at_ms AS atMs, no, cause, invoice_id AS invoiceId, ${said}
      FROM (SELECT at_ms, no, cause, invoice_id, body ${oldest(PAGE_ROWS)}) WHERE ${fits}`,
    sql`SELECT at_ms AS atMs, no ${oldest(1)} OFFSET ${PAGE_ROWS - 1}`,
  ]
}

function moveOf({ no, atMs, cause, invoiceId, said }: MoveRow): Move {
  const [phase, payment, transferId, reason, postings] =
    decodeJson<[Phase, string | null, string | null, string | null, Posting[]]>(said)
  return { no, atMs, cause, phase, invoiceId, payment, transferId, reason, postings }
}

/** By account and asset, in the order the postings name them. */
function changesOf(postings: readonly Posting[]): { account: string; asset: string; units: bigint }[] {
  const changes = new Map<string, { account: string; asset: string; units: bigint }>()
  const add = (account: string, asset: string, units: bigint) => {
    const key = `${account} ${asset}`
    changes.set(key, { account, asset, units: (changes.get(key)?.units ?? 0n) + units })
  }
  for (const { from, to, amount, asset } of postings) {
    add(from, asset, -amount)
    add(to, asset, amount)
  }
  return [...changes.values()]
}

function balancesOf(row: BalanceRow | undefined): Balances {
  return row ? decodeJson<Balances>(row.balances) : {}
}

function figuresOf(balances: Balances): [account: string, asset: string, units: bigint][] {
  return Object.entries(balances).flatMap(([account, assets]) =>
    Object.entries(assets).map(([asset, units]): [string, string, bigint] => [account, asset, units]),
  )
}

function inReadingOrder(a: StatementBalance, b: StatementBalance): number {
  const kinds = ACCOUNT_KINDS.indexOf(accountKind(a.account)) - ACCOUNT_KINDS.indexOf(accountKind(b.account))
  return kinds || (`${a.account} ${a.asset}` < `${b.account} ${b.asset}` ? -1 : 1)
}
