import type { Balances, Posting } from './types.ts'

export const NO_BALANCES: Balances = {}

/** In base units; 0 for an account nothing was ever posted to. */
export function balanceOf(balances: Balances, account: string, asset: string): bigint {
  return balances[account]?.[asset] ?? 0n
}

export function applyPostings(balances: Balances, postings: readonly Posting[]): Balances {
  return postings.reduce((after, { from, to, amount, asset }) => {
    return credited(credited(after, from, asset, -amount), to, asset, amount)
  }, balances)
}

/** The sum over all accounts, by asset: zero for each, always. */
export function trialBalance(balances: Balances): Record<string, bigint> {
  const sums: Record<string, bigint> = {}
  for (const assets of Object.values(balances)) {
    for (const [asset, units] of Object.entries(assets)) sums[asset] = (sums[asset] ?? 0n) + units
  }
  return sums
}

/** The same accounts with the same figures, in whatever order. */
export function sameBalances(one: Balances, other: Balances): boolean {
  return holds(one, other) && holds(other, one)
}

function holds(one: Balances, other: Balances): boolean {
  return Object.entries(one).every(([account, assets]) =>
    Object.entries(assets).every(([asset, units]) => balanceOf(other, account, asset) === units),
  )
}

/** Accounts and assets at zero are left out, so that equal books are equal objects. */
function credited(balances: Balances, account: string, asset: string, units: bigint): Balances {
  const after = balanceOf(balances, account, asset) + units
  const { [asset]: _asset, ...assets } = balances[account] ?? {}
  if (after !== 0n) return { ...balances, [account]: { ...assets, [asset]: after } }
  const { [account]: _account, ...others } = balances
  return Object.keys(assets).length === 0 ? others : { ...balances, [account]: assets }
}
