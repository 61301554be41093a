import type { LedgerEntry } from '../ledger/types.ts'
import { greater } from '../money/amount.ts'
import type { Sums } from './rpc.ts'

/** What is known of a wallet when it has been read, beside what the books said was in it before. */
export interface Leaving {
  readonly inTransit: Sums
  /** What its transfers are taking out of it: on their way on the chain, or not booked yet. */
  readonly outgoing: Sums
  /** What the books took out of it since the first look. */
  readonly gone: Sums
  /** What came back to addresses that the reading did not look at. */
  readonly unread: Sums
}

/** What these transactions took out of a wallet, by asset: money out that is final, and whatever else was booked so. */
export function goneBy(entries: readonly LedgerEntry[], walletId: string): Sums {
  const gone: Record<string, bigint> = {}
  for (const { to, asset, amount } of entries.flatMap(({ transaction }) => transaction.postings)) {
    if (to === `wallet:${walletId}`) gone[asset] = (gone[asset] ?? 0n) + amount
  }
  return gone
}

/**
 * The least that an honest wallet holds in any block between two looks at its books, however busy it is. A transfer that has
 * left it by then was booked since the first look (`gone`), or is on its way at the second (`outgoing`); one that failed has
 * taken nothing; and what comes in makes it more. So a theft of more than what is on its way is found in one look. (`inTransit`
 * is the books' word for `outgoing`; whichever is more counts.)
 */
export function leastIn(inWallet: Sums, { inTransit, outgoing, gone, unread }: Leaving, asset: string): bigint {
  const out = greater(inTransit[asset] ?? 0n, outgoing[asset] ?? 0n)
  return (inWallet[asset] ?? 0n) - (gone[asset] ?? 0n) - out - (unread[asset] ?? 0n)
}

/** In words with both figures, or null when all that the books say is there. */
export function faultOfWallet(
  walletId: string,
  asset: string,
  inWallet: Sums,
  leaving: Leaving,
  chain: { readonly units: bigint; readonly height: number } | null,
): string | null {
  const due = leastIn(inWallet, leaving, asset)
  if (chain === null || chain.units >= due) return null
  return `wallet ${walletId} must hold ${due} ${asset} by the books, and holds ${chain.units} at block ${chain.height}`
}
