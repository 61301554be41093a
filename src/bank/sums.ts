import { formatBankAddress } from '../gateways/sepa/address.ts'
import type { Sql } from '../lib/outbox.ts'
import { standingOf } from './balances.ts'
import { sumsOfInvoice } from './credits.ts'
import type { AccountSums, GivenReference } from './rpc.ts'
import { type AccountRow, entriesUnsettled, type Reference, readLinks } from './tables.ts'
import { statusOf } from './transfers/state.ts'
import { openTransfers } from './transfers/tables.ts'

/** Entries and transfers under way that are added up. With more, sums are not known. */
const ADDED_MAX = 20_000

/** What the account has, in the words of every wallet. Reads only. */
export function accountSums(sql: Sql): AccountSums {
  const { last } = standingOf(readLinks(sql))
  const confirmed = last?.closingCents ?? null
  const entries = entriesUnsettled(sql, last?.date ?? null, ADDED_MAX)
  const transfers = openTransfers(sql, ADDED_MAX)
  if (entries.length >= ADDED_MAX || transfers.length >= ADDED_MAX)
    return { confirmed, pending: null, leaving: null, reserved: null }
  const total = (amounts: readonly bigint[]) => amounts.reduce((sum, cents) => sum + cents, 0n)
  const units = (some: typeof transfers) => total(some.map(({ wish }) => wish.units))
  const out = entries.filter(({ direction }) => direction === 'debit')
  // What the bank has carried out of ours, by its notice, is in no statement yet.
  const carried = total(
    out.filter(({ place, transferId }) => place === 'booked' && transferId !== undefined).map(({ cents }) => cents),
  )
  const others = total(out.filter(({ transferId }) => transferId === undefined).map(({ cents }) => cents))
  const taken = units(transfers.filter(({ facts }) => statusOf(facts) === 'broadcast'))
  return {
    confirmed,
    pending: total(entries.filter(({ direction }) => direction === 'credit').map(({ cents }) => cents)),
    leaving: carried + others + taken,
    reserved: carried + units(transfers),
  }
}

/** A reference with what came in on it, less what was taken back. */
export function withSums(sql: Sql, account: AccountRow, { index, reference, invoiceId }: Reference): GivenReference {
  return { index, invoiceId, address: formatBankAddress({ ...account, reference }), ...sumsOfInvoice(sql, invoiceId) }
}
