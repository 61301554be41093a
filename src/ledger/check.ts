import { applyPostings, NO_BALANCES, sameBalances, trialBalance } from './balances.ts'
import { GENESIS, hashOf } from './hash.ts'
import { faultOf, type PostingRefusal } from './seal.ts'
import type { Snapshot, StoreState } from './tables.ts'
import type { LedgerEntry } from './types.ts'

export const EMPTY: Snapshot = { no: 0, hash: GENESIS, atMs: 0, stores: {} }

/**
 * Derives a stretch of the log anew, from what is known before it to what is claimed after it: numbers without a gap,
 * times that do not go back, every hash, every posting by the chart of accounts, every balance, and zero for the sum of
 * each asset. Answers what does not hold first, in words, or null. Pure.
 */
export function checkEntries(from: Snapshot, entries: readonly LedgerEntry[], to: Snapshot): string | null {
  const stores: Record<string, StoreState> = { ...from.stores }
  let { no, hash, atMs } = from
  for (const { transaction, balances } of entries) {
    const { storeId } = transaction
    const before = stores[storeId]?.balances ?? NO_BALANCES
    const after = applyPostings(before, transaction.postings)
    no++
    if (transaction.no !== no) return `transaction ${no} is missing: ${transaction.no} comes in its place`
    if (transaction.atMs < atMs) return `transaction ${no} is dated before the one before it`
    if (transaction.previous !== hash) return `transaction ${no} does not follow the hash of the one before it`
    if (hashOf(transaction) !== transaction.hash) return `transaction ${no} is not what its hash was made of`
    const fault = faultOf(transaction, after, before)
    if (fault) return `transaction ${no} should not have been posted: ${wordsFor(fault)}`
    if (!sameBalances(after, balances)) return `the balances kept with transaction ${no} are not what its postings make`
    stores[storeId] = { no, balances: after }
    hash = transaction.hash
    atMs = transaction.atMs
  }
  if (to.no !== no || to.hash !== hash) return `the log ends at transaction ${no}, and is said to end at ${to.no}`
  return faultOfStores(stores, to.stores)
}

function faultOfStores(derived: Snapshot['stores'], claimed: Snapshot['stores']): string | null {
  for (const storeId of new Set([...Object.keys(derived), ...Object.keys(claimed)])) {
    const one = derived[storeId]
    const other = claimed[storeId]
    if (!one || !other || one.no !== other.no || !sameBalances(one.balances, other.balances))
      return `the balances of store ${storeId} are not what its log makes`
    for (const [asset, units] of Object.entries(trialBalance(one.balances)))
      if (units !== 0n) return `the accounts of store ${storeId} add up to ${units} ${asset}`
  }
  return null
}

function wordsFor(fault: PostingRefusal): string {
  return fault.reason === 'bad_posting' ? fault.detail : `it takes more ${fault.asset} from ${fault.account} than is there`
}
