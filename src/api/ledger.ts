import { CAUSES } from '../ledger/accounts.ts'
import type { Cause, Transaction } from '../ledger/types.ts'
import { isId } from '../lib/ids.ts'
import { ok, type Result } from '../lib/result.ts'
import { registryOf } from '../money/registry.ts'
import {
  comparePositions,
  decodeLedgerCursor,
  encodeLedgerCursor,
  type LedgerFilter,
  type LedgerPage,
  listTransactions as listRows,
} from '../storage/ledger.ts'
import { isMeant } from '../storage/ledger-filter.ts'
import type { LedgerPosition } from '../storage/ledger-rows.ts'
import { shardOf } from '../storage/shards.ts'
import { readQuery } from './body.ts'
import type { Answer, Call } from './call.ts'
import { ownInvoice } from './invoice-access.ts'
import { askLedger, orUnavailable } from './ledger-access.ts'
import type { Problem } from './problems.ts'
import { readAccount, readAsset, readLimit, readTime } from './query.ts'
import { transactionResource } from './transaction-resource.ts'

/** The first of them is what a wrong one is read as, which is then refused. */
export const CAUSE_NAMES = Object.keys(CAUSES) as [Cause, ...Cause[]]

/** `GET /v1/ledger/transactions`: newest first, from D1; those of one invoice from the ledger itself. */
export async function listTransactions(call: Call): Promise<Result<Answer, Problem>> {
  const { storeId, shard } = call.identity.store
  const registry = registryOf(call.env)
  const query = readQuery(
    call.request,
    ['account', 'cause', 'asset', 'from', 'to', 'invoiceId', 'limit', 'cursor'],
    (fields): { filter: LedgerFilter; invoiceId: string | null } => {
      const fromMs = fields.optional('from', (name) => readTime(fields, name))
      const toMs = fields.optional('to', (name) => readTime(fields, name))
      if (fromMs !== null && toMs !== null && toMs <= fromMs) fields.refuse('to', 'must be after from', 0)
      return {
        filter: {
          storeId,
          account: fields.optional('account', (name) => readAccount(fields, name)),
          cause: fields.optional('cause', (name) => fields.choice(name, CAUSE_NAMES)),
          asset: fields.optional('asset', (name) => readAsset(fields, name, registry)),
          fromMs,
          toMs,
          limit: readLimit(fields),
          after: fields.optional('cursor', (name): LedgerPosition | null => {
            const position = decodeLedgerCursor(fields.text(name, { max: 100 }))
            return position ?? fields.refuse(name, 'must be the nextCursor of a page before', null)
          }),
        },
        invoiceId: fields.optional('invoiceId', (name) => {
          const id = fields.text(name, { max: 100 })
          return isId('inv', id) ? id : fields.refuse(name, 'must be the id of an invoice', '')
        }),
      }
    },
  )
  if (!query.ok) return query
  const { filter, invoiceId } = query.value
  const page =
    invoiceId === null
      ? await orUnavailable(listRows(shardOf(call.env, shard), filter))
      : pageOf(await ofInvoice(call, invoiceId), filter)
  const data = page.transactions.map((transaction) => transactionResource(transaction, registry))
  return ok({ status: 200, body: { data, nextCursor: page.next && encodeLedgerCursor(page.next) } })
}

/** `GET /v1/invoices/:id/postings`: oldest first, at most 500, always current. */
export async function listPostings(call: Call): Promise<Result<Answer, Problem>> {
  const invoice = await ownInvoice(call)
  if (!invoice.ok) return invoice
  const registry = registryOf(call.env)
  const transactions = await ofInvoice(call, invoice.value.terms.id)
  return ok({ status: 200, body: { data: transactions.map((transaction) => transactionResource(transaction, registry)) } })
}

async function ofInvoice(call: Call, invoiceId: string): Promise<Transaction[]> {
  const { storeId } = call.identity.store
  return (await askLedger(call, (ledger) => ledger.ofInvoice(storeId, invoiceId, 0))).map(({ transaction }) => transaction)
}

/** What `listRows` answers, of transactions that are at hand. */
function pageOf(transactions: readonly Transaction[], filter: LedgerFilter): LedgerPage {
  const { account, asset, cause, fromMs, toMs, after, limit } = filter
  const found = transactions
    .filter(
      (transaction) =>
        (cause === null || transaction.cause === cause) &&
        (fromMs === null || transaction.atMs >= fromMs) &&
        (toMs === null || transaction.atMs < toMs) &&
        (after === null || comparePositions(transaction, after) < 0) &&
        transaction.postings.some(
          (posting) =>
            (asset === null || posting.asset === asset) &&
            (account === null || isMeant(account, posting.from) || isMeant(account, posting.to)),
        ),
    )
    .sort((a, b) => comparePositions(b, a))
  const page = found.slice(0, limit)
  const last = found.length > limit ? page.at(-1) : undefined
  return { transactions: page, next: last ? { atMs: last.atMs, no: last.no } : null }
}
