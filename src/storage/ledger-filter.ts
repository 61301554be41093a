import { type SQL, sql } from 'drizzle-orm'
import { ACCOUNT_KINDS, accountKind, CAUSES, signOf } from '../ledger/accounts.ts'
import type { Cause } from '../ledger/types.ts'

/** Causes that no index holds: of every payment, so a walk along the ledger meets them soon. As in shard-schema.ts. */
const DENSE_CAUSES: readonly Cause[] = ['payment_seen', 'payment_settled']

/** Which accounts are meant: those of a whole name, and all of a kind that is followed by an id. */
export type AccountFilter = readonly { readonly name: string; readonly isKind: boolean }[]

/**
 * Reads `available`, `wallet:wal_…` or a kind such as `wallet`. A name means the account under either custody, unless it
 * begins with `self.`: who asks for `available` need not know who holds the keys. Null when the chart has no such account.
 */
export function accountFilter(text: string): AccountFilter | null {
  const filter = [text, `self.${text}`].flatMap((name) => {
    if (signOf(name) !== null) return { name, isKind: false }
    return ACCOUNT_KINDS.includes(name) ? { name, isKind: true } : []
  })
  return filter.length > 0 ? filter : null
}

export function isMeant(filter: AccountFilter, account: string): boolean {
  return filter.some(({ name, isKind }) => account === name || (isKind && account.startsWith(`${name}:`)))
}

/** Causes of which a transaction may pass, or null when every one may. */
export function possibleCauses(account: AccountFilter | null, cause: Cause | null): Cause[] | null {
  if (account === null) return cause === null ? null : [cause]
  const kinds = account.map(({ name }) => accountKind(name))
  const touching = (Object.keys(CAUSES) as Cause[]).filter((known) => kinds.some((kind) => CAUSES[known].includes(kind)))
  return cause === null ? touching : touching.filter((known) => known === cause)
}

/** Whether the index by cause holds all transactions of these causes. */
export function areIndexed(causes: readonly Cause[]): boolean {
  return causes.every((cause) => !DENSE_CAUSES.includes(cause))
}

/** That one posting of `body` is of the asset and of one of the accounts. */
export function postingFits(account: AccountFilter | null, asset: string | null): SQL {
  const conditions = [
    account === null ? sql`true` : sql`(${sideFits(sql`value ->> 'from'`, account)} OR ${sideFits(sql`value ->> 'to'`, account)})`,
    asset === null ? sql`true` : sql`value ->> 'asset' = ${asset}`,
  ]
  return sql`EXISTS (SELECT 1 FROM json_each(body, '$.postings') WHERE ${sql.join(conditions, sql` AND `)})`
}

/** `wallet:` to `wallet;`, the next character, is every account of the kind. */
function sideFits(side: SQL, account: AccountFilter): SQL {
  const fits = account.map(({ name, isKind }) =>
    isKind ? sql`(${side} >= ${`${name}:`} AND ${side} < ${`${name};`})` : sql`${side} = ${name}`,
  )
  return sql`(${sql.join(fits, sql` OR `)})`
}
