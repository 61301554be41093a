import type { Transaction } from '../ledger/types.ts'
import { rfc3339 } from '../lib/clock.ts'
import { formatDecimal } from '../money/amount.ts'
import type { Registry } from '../money/registry.ts'

/** A ledger transaction as the API shows it. It never changes. */
export function transactionResource(transaction: Transaction, registry: Registry) {
  const { no, atMs, cause, phase, key, of, invoiceId, payment, transferId, by, reason, postings, hash, previous } = transaction
  return {
    id: `ltx_${no}`,
    object: 'ledger_transaction',
    no,
    at: rfc3339(atMs),
    cause,
    phase,
    key,
    pendingKey: of,
    invoiceId,
    payment,
    transferId,
    by,
    reason,
    postings: postings.map(({ from, to, amount, asset }) => ({
      from,
      to,
      amount: formatDecimal(amount, registry.asset(asset).decimals),
      asset,
    })),
    hash,
    previous,
  }
}
