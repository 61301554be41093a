import type { UnmatchedEntry } from '../bank/rpc.ts'
import { readCamt } from '../gateways/sepa/camt.ts'
import { readText } from '../lib/body.ts'
import { rfc3339 } from '../lib/clock.ts'
import { isId, sha256Hex } from '../lib/ids.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { formatDecimal } from '../money/amount.ts'
import { SEPA } from '../money/bank.ts'
import { readBody, readNoBody, readQuery } from './body.ts'
import { type Answer, type Call, steadily } from './call.ts'
import { invoiceNotFound } from './invoice-access.ts'
import type { Problem } from './problems.ts'
import { readLimit } from './query.ts'

export const STATEMENT_BYTES_MAX = 4 * 1024 * 1024

/** `POST /v1/bank/statements`: a file as the bank gives it. Any part of it may have come before, in any other file. */
export async function importStatements(call: Call): Promise<Result<Answer, Problem>> {
  const { env, identity } = call
  const text = await readXmlBody(call)
  if (!text.ok) return text
  const read = readCamt(text.value)
  if (!read.ok) return read
  const { merchantId, bankAccounts = [] } = identity.store
  const ours = read.value.filter(({ iban }) => bankAccounts.some((account) => account.iban === iban))
  if (ours.length === 0)
    return err({ reason: 'account_not_found', detail: 'no statement in the file is of an account of this store' })
  const hash = await sha256Hex(text.value)
  const statements: object[] = []
  let replayed = true
  for (const { id, iban } of bankAccounts) {
    const own = ours.filter((statement) => statement.iban === iban)
    if (own.length === 0) continue
    const taken = await steadily(() => env.BANKS.getByName(id).take({ hash, merchantId, statements: own }))
    if (!taken.ok) return taken
    replayed &&= taken.value.replayed
    for (const { closing, ...report } of taken.value.statements)
      statements.push({ ...report, closing: closing && { amount: euro(closing.cents), date: closing.date } })
  }
  return ok({ status: 200, body: { object: 'bank_import', replayed, skipped: read.value.length - ours.length, statements } })
}

export async function listBankAccounts({ env, identity }: Call): Promise<Result<Answer, Problem>> {
  const { merchantId, bankAccounts = [] } = identity.store
  const data = await Promise.all(
    bankAccounts.map(async ({ id }) => {
      const standing = await steadily(() => env.BANKS.getByName(id).standing(merchantId))
      if (!standing) return []
      const { iban, holder, balance, readUntilMs, gap, unmatched, differences } = standing
      return {
        id,
        object: 'bank_account',
        iban,
        holder,
        balance: balance && { amount: euro(balance.cents), date: balance.date },
        statementsUntil: readUntilMs === null ? null : rfc3339(readUntilMs),
        gap,
        unmatched,
        frozen: differences.length > 0,
        differences: differences.map((one) => ({ id: one.id, detail: one.detail, since: rfc3339(one.sinceMs) })),
      }
    }),
  )
  return ok({ status: 200, body: { data: data.flat() } })
}

export async function listUnmatched(call: Call): Promise<Result<Answer, Problem>> {
  const { merchantId } = call.identity.store
  const query = readQuery(call.request, ['limit', 'cursor'], (fields) => ({
    limit: readLimit(fields),
    after: fields.optional('cursor', (name) =>
      fields.text(name, { max: 60, pattern: /^\d{4}-\d\d-\d\d\/[0-9a-z]{32}$/, form: 'the nextCursor of a page before' }),
    ),
  }))
  if (!query.ok) return query
  const walletId = accountOf(call)
  if (walletId === null) return ok({ status: 200, body: { data: [], nextCursor: null } })
  const { after, limit } = query.value
  const page = await steadily(() => call.env.BANKS.getByName(walletId).unmatched(merchantId, after, limit))
  return ok({ status: 200, body: { data: page.entries.map(entryResource), nextCursor: page.next } })
}

/** A person's word on a credit without a reference of ours. It is told to the invoice as any other payment is. */
export async function assignEntry(call: Call): Promise<Result<Answer, Problem>> {
  const { env, identity } = call
  const body = await readBody(call.request, ['invoiceId'], (fields) => fields.text('invoiceId', { max: 60 }))
  if (!body.ok) return body
  const invoiceId = body.value.value
  const walletId = accountOf(call)
  const notFound = err({ reason: 'entry_not_found', detail: 'the store’s bank account has no such entry' } as const)
  if (walletId === null) return notFound
  const invoice = isId('inv', invoiceId) ? await steadily(() => env.INVOICES.getByName(invoiceId).read()) : null
  if (invoice?.terms.storeId !== identity.store.storeId) return invoiceNotFound()
  if (!invoice.terms.methods.some((method) => method.asset === SEPA.assetCode && method.walletId === walletId))
    return err({ reason: 'asset_not_offered', detail: 'this invoice cannot be paid to this bank account', param: 'invoiceId' })
  const by = `api_key:${identity.keyId}`
  const { merchantId } = identity.store
  const assigned = await steadily(() => env.BANKS.getByName(walletId).assign(merchantId, call.param('id'), invoiceId, by))
  if (assigned.ok) return ok({ status: 200, body: entryResource(assigned.value) })
  if (assigned.error.reason === 'entry_not_found') return notFound
  const owner = assigned.error.invoiceId
  return err({
    reason: 'entry_not_open',
    detail: owner === null ? 'it takes money back' : `it is a payment of invoice ${owner}`,
  })
}

/** A person's word on something in the bank's files that does not agree: after the last, payment files are made again. */
export async function clearDifference(call: Call): Promise<Result<Answer, Problem>> {
  const body = await readNoBody(call.request)
  if (!body.ok) return body
  const walletId = accountOf(call)
  const id = call.param('id')
  const { store, keyId } = call.identity
  const isCleared =
    walletId !== null &&
    (await steadily(() => call.env.BANKS.getByName(walletId).clearDifference(store.merchantId, id, `api_key:${keyId}`)))
  if (!isCleared) return err({ reason: 'difference_not_found', detail: 'the store’s bank account has no such open difference' })
  return ok({ status: 200, body: { object: 'bank_difference', id, cleared: true } })
}

/** A file of a bank, at most `STATEMENT_BYTES_MAX` bytes of UTF-8. */
export async function readXmlBody({ request }: Call): Promise<Result<string, Problem>> {
  if (!/^(application|text)\/xml *(; *charset="?utf-8"? *)?$/i.test(request.headers.get('content-type') ?? '')) {
    const detail = 'send the file as it is, as Content-Type: application/xml'
    return err({ reason: 'unsupported_media_type', detail, param: 'Content-Type' })
  }
  const text = await readText(request, STATEMENT_BYTES_MAX)
  if (text.ok || text.error.reason !== 'malformed_json') return text
  return err({ reason: 'not_xml', detail: 'the file is not UTF-8' })
}

/** A store has one account at most: it takes euro in one place. */
export function accountOf({ identity }: Call): string | null {
  return identity.store.bankAccounts?.[0]?.id ?? null
}

function entryResource({ cents, ...entry }: UnmatchedEntry) {
  return { ...entry, object: 'bank_entry', amount: euro(cents), currency: SEPA.assetCode }
}

function euro(cents: bigint): string {
  return formatDecimal(cents, 2)
}
