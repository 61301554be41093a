import type { PaymentFact } from '../chain/rpc.ts'
import { MAX_PAYMENTS } from '../invoice/decide.ts'
import type { Invoice, MethodTerms } from '../invoice/types.ts'
import { accountKind, signOf } from '../ledger/accounts.ts'
import { trialBalance } from '../ledger/balances.ts'
import type { Balances, LedgerEntry } from '../ledger/types.ts'
import { unbalanced } from './totals.ts'

/**
 * What must agree with what, in pure functions. Each answers one sentence with both figures, the same for as long as
 * nothing changes, or null when all agrees.
 */

const TEXT_MAX = 80

/** A store's books by themselves: every asset adds up to zero, and every account is on its side of it. */
export function faultOfBalances(balances: Balances): string | null {
  const off = unbalanced(trialBalance(balances))
  if (off !== null) return off
  for (const [account, assets] of Object.entries(balances)) {
    const sign = signOf(account)
    for (const [asset, units] of Object.entries(assets)) {
      if (sign === null) return `there is no account ${account}, and ${units} ${asset} are on it`
      if (sign === 'claim' && units < 0n) return `${account} is at ${units} ${asset}, and is never below 0`
      if (sign === 'backing' && units > 0n) return `${account} is at ${units} ${asset}, and is never above 0`
      if (sign === 'zero' && units !== 0n) return `${account} is at ${units} ${asset}, and is always at 0`
    }
  }
  return null
}

/** A row of D1, decoded. */
export interface CopiedRow {
  readonly no: number
  readonly transaction: unknown
  readonly balances: unknown
}

/** D1's row in the place of a transaction (null: there is none) against the ledger's entry. */
export function faultOfCopy(row: CopiedRow | null, { transaction, balances }: LedgerEntry): string | null {
  if (row === null) return `D1 does not have transaction ${transaction.no}`
  const off = firstDifference(row.transaction, transaction) ?? firstDifference(row.balances, balances)
  return off && `transaction ${transaction.no}: ${off.path} is ${off.one} in D1 and ${off.other} in the ledger`
}

/** What the books of one invoice say of one payment: units of each asset that count as on their way, and as arrived. */
export interface Booked {
  readonly pending: Readonly<Record<string, bigint>>
  readonly final: Readonly<Record<string, bigint>>
  readonly walletIds: readonly string[]
}

const NOT_BOOKED: Booked = { pending: {}, final: {}, walletIds: [] }

/**
 * By payment. Read off what backs the money (wallets, and what comes in to them): the other side of a payment's postings
 * is spread over claims, fees and shortfalls, and may be moved on by people.
 */
export function bookedPayments(entries: readonly LedgerEntry[]): Map<string, Booked> {
  const booked = new Map<string, { pending: Record<string, bigint>; final: Record<string, bigint>; walletIds: Set<string> }>()
  for (const { transaction } of entries) {
    if (transaction.payment === null) continue
    const known = booked.get(transaction.payment) ?? { pending: {}, final: {}, walletIds: new Set<string>() }
    booked.set(transaction.payment, known)
    for (const { from, to, amount, asset } of transaction.postings) {
      for (const [account, units] of [
        [from, amount],
        [to, -amount],
      ] as const) {
        const kind = accountKind(account).replace('self.', '')
        if (kind !== 'wallet' && kind !== 'incoming') continue
        const sums = kind === 'wallet' ? known.final : known.pending
        sums[asset] = (sums[asset] ?? 0n) + units
        known.walletIds.add(account.slice(account.indexOf(':') + 1))
      }
    }
  }
  return new Map([...booked].map(([key, { pending, final, walletIds }]) => [key, { pending, final, walletIds: [...walletIds] }]))
}

/**
 * One payment as the chain's follower knows it (null: not at all, or not as this invoice's) against its invoice's books.
 * What is alive is in the books, in the asset and amount of the chain, and has arrived when it is final by the invoice's
 * own policy. What is not alive is not in the books.
 */
export function faultOfPayment(
  key: string,
  fact: PaymentFact | null,
  invoice: Invoice | null,
  booked: Booked = NOT_BOOKED,
): string | null {
  const expected = expectedOf(key, fact, invoice)
  const inBooks = placed(booked)
  if (expected !== inBooks) return `${said(fact, expected)}; in the books: ${inBooks}`
  const method = invoice?.terms.methods.find(({ asset }) => asset === fact?.assetCode)
  const stray = inBooks === NOTHING || !method ? undefined : booked.walletIds.find((walletId) => walletId !== method.walletId)
  return stray === undefined ? null : `paid to wallet ${method?.walletId}; in the books of wallet ${stray}`
}

const NOTHING = 'nothing'

function expectedOf(key: string, fact: PaymentFact | null, invoice: Invoice | null): string {
  if (fact === null || fact.units === 0n || (fact.status !== 'confirmed' && fact.status !== 'unconfirmed')) return NOTHING
  const known = invoice?.payments.find((payment) => payment.key === key)
  // Past its limit an invoice takes no payment in: a stranger could send any number of crumbs.
  if (invoice && !known && invoice.payments.length >= MAX_PAYMENTS) return NOTHING
  const method = invoice?.terms.methods.find(({ asset }) => asset === fact.assetCode)
  return isFinal(fact, known ?? method) ? `${fact.units} ${fact.assetCode}` : `${fact.units} ${fact.assetCode} pending`
}

/** By the invoice's own policy, from what the chain says. An asset that was not offered is final in a block. */
function isFinal(
  { status, confirmations, final }: PaymentFact,
  policy: Pick<MethodTerms, 'confirmationsWanted' | 'finalityWanted'> = { confirmationsWanted: 1 },
): boolean {
  if (policy.finalityWanted) return status === 'confirmed' && final === true
  return policy.confirmationsWanted === 0 || (status === 'confirmed' && confirmations >= policy.confirmationsWanted)
}

function placed({ pending, final }: Booked): string {
  const words = [
    ...Object.entries(final).map(([asset, units]) => [`${units} ${asset}`, units] as const),
    ...Object.entries(pending).map(([asset, units]) => [`${units} ${asset} pending`, units] as const),
  ]
  const there = words.filter(([, units]) => units !== 0n).map(([text]) => text)
  return there.length === 0 ? NOTHING : there.join(', ')
}

function said(fact: PaymentFact | null, expected: string): string {
  if (fact === null) return 'the chain knows of no such payment to this invoice'
  return expected === NOTHING ? `on the chain: ${fact.status}` : `on the chain: ${expected}`
}

/** The first place where two values of JSON (with bigint) are not the same. */
export function firstDifference(
  one: unknown,
  other: unknown,
  path: string = 'all of it',
): { path: string; one: string; other: string } | null {
  if (one === other) return null
  if (!isTree(one) || !isTree(other) || Array.isArray(one) !== Array.isArray(other))
    return { path, one: shown(one), other: shown(other) }
  const inside = path === 'all of it' ? '' : `${path}.`
  for (const name of new Set([...Object.keys(one), ...Object.keys(other)].sort())) {
    const found = firstDifference(one[name], other[name], inside + name)
    if (found) return found
  }
  return null
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function shown(value: unknown): string {
  if (value === undefined) return 'missing'
  const text = JSON.stringify(value, (_key, field) => (typeof field === 'bigint' ? String(field) : field))
  return (typeof value === 'object' ? text : String(value)).slice(0, TEXT_MAX)
}
