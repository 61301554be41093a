import { rfc3339 } from '../lib/clock.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { formatDecimal } from '../money/amount.ts'
import { registryOf } from '../money/registry.ts'
import { type AccountFilter, accountFilter } from '../storage/ledger-filter.ts'
import { STATEMENT_LINES_MAX, type Statement, statement } from '../storage/ledger-statement.ts'
import { shardOf } from '../storage/shards.ts'
import { readQuery } from './body.ts'
import type { Answer, Call } from './call.ts'
import { csv } from './csv.ts'
import { awaitCopies, orUnavailable } from './ledger-access.ts'
import type { Problem } from './problems.ts'
import { readAccount, readAsset, readTime } from './query.ts'

const ACCOUNT_DEFAULT = 'available'

/** `GET /v1/ledger/statement`: a period of an account with its opening and closing balances, as JSON or CSV. */
export async function readStatement(call: Call): Promise<Result<Answer, Problem>> {
  const { storeId, shard } = call.identity.store
  const registry = registryOf(call.env)
  const query = readQuery(call.request, ['from', 'to', 'account', 'asset', 'format'], (fields) => {
    const fromMs = readTime(fields, 'from')
    const toMs = readTime(fields, 'to')
    if (toMs <= fromMs) fields.refuse('to', 'must be after from', 0)
    const account = fields.optional('account', (name) => readAccount(fields, name))
    return {
      fromMs,
      toMs,
      account: account ?? (accountFilter(ACCOUNT_DEFAULT) as AccountFilter),
      accountName: String(fields.value('account') ?? ACCOUNT_DEFAULT),
      asset: fields.optional('asset', (name) => readAsset(fields, name, registry)),
      format: fields.optional('format', (name) => fields.choice(name, ['json', 'csv'])) ?? formatAccepted(call.request),
    }
  })
  if (!query.ok) return query
  const { fromMs, toMs, account, accountName, asset, format } = query.value
  // Of a period that goes on nobody expects more than what is there by now.
  if (toMs <= call.nowMs) await awaitCopies(call, toMs)
  const read = await orUnavailable(statement(shardOf(call.env, shard), { storeId, fromMs, toMs, account, asset }))
  if (!read.ok)
    return err({
      reason: read.error.reason,
      detail: `more than ${STATEMENT_LINES_MAX} lines: ask for a shorter period, or for one asset`,
      param: 'from',
    })
  const shown = showStatement(read.value, (code, units) => formatDecimal(units, registry.asset(code).decimals))
  const body = { object: 'statement', storeId, from: rfc3339(fromMs), to: rfc3339(toMs), account: accountName, asset, ...shown }
  if (format === 'json') return ok({ status: 200, body })
  const name = `statement_${storeId}_${fileTime(body.from)}_${fileTime(body.to)}.csv`
  const headers = { 'content-type': 'text/csv; charset=utf-8', 'content-disposition': `attachment; filename="${name}"` }
  return ok({ status: 200, body: statementCsv(body), headers })
}

/** `Accept: text/csv` asks for CSV, unless JSON will do as well. */
function formatAccepted(request: Request): 'json' | 'csv' {
  const accepted = request.headers.get('accept') ?? ''
  return /\btext\/csv\b/i.test(accepted) && !/\bapplication\/json\b/i.test(accepted) ? 'csv' : 'json'
}

function showStatement({ balances, lines }: Statement, decimal: (asset: string, units: bigint) => string) {
  return {
    balances: balances.map(({ account, asset, opening, closing }) => ({
      account,
      asset,
      opening: decimal(asset, opening),
      closing: decimal(asset, closing),
    })),
    lines: lines.map(({ no, atMs, cause, phase, invoiceId, payment, transferId, reason, account, asset, units, balance }) => ({
      transaction: `ltx_${no}`,
      at: rfc3339(atMs),
      cause,
      phase,
      invoiceId,
      payment,
      transferId,
      reason,
      account,
      asset,
      amount: decimal(asset, units),
      balance: decimal(asset, balance),
    })),
  }
}

const HEADER = [
  'type',
  'at',
  'account',
  'asset',
  'amount',
  'balance',
  'cause',
  'phase',
  'invoiceId',
  'payment',
  'transferId',
  'reason',
  'transaction',
]

function statementCsv({ from, to, balances, lines }: ReturnType<typeof showStatement> & { from: string; to: string }): string {
  const nothing = HEADER.slice(6).map(() => null)
  return csv([
    HEADER,
    ...balances.map(({ account, asset, opening }) => ['opening', from, account, asset, null, opening, ...nothing]),
    ...lines.map(({ at, account, asset, amount, balance, cause, phase, invoiceId, payment, transferId, reason, transaction }) => {
      return ['line', at, account, asset, amount, balance, cause, phase, invoiceId, payment, transferId, reason, transaction]
    }),
    ...balances.map(({ account, asset, closing }) => ['closing', to, account, asset, null, closing, ...nothing]),
  ])
}

/** `20261122T103100Z` */
function fileTime(time: string): string {
  return time.replace(/[-:]|\.\d+/g, '')
}
