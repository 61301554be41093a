import { accountKind } from '../ledger/accounts.ts'
import type { Balances } from '../ledger/types.ts'
import { keyOf } from './judge.ts'
import type { Finding, Pass, Sums, Suspect } from './rpc.ts'

/** Wallets of the platform that are summed over all merchants, so that the sums fit into one row. */
const WALLETS_MAX = 5_000

export function newPass(no: number): Pass {
  return { no, merchants: 0, payments: 0, shards: {}, accounts: {}, wallets: {} }
}

/** Adds one merchant's books to a pass. */
export function addMerchant(pass: Pass, shard: number, stores: readonly { readonly balances: Balances }[]): Pass {
  const shards = { ...pass.shards }
  const accounts = { ...pass.accounts }
  const wallets = { ...pass.wallets }
  for (const { balances } of stores) {
    for (const [account, sums] of Object.entries(balances)) {
      add(shards, String(shard), sums)
      add(accounts, accountKind(account), sums)
      if (accountKind(account) === 'wallet' && (account in wallets || Object.keys(wallets).length < WALLETS_MAX))
        add(wallets, account, sums)
    }
  }
  return { ...pass, merchants: pass.merchants + 1, shards, accounts, wallets }
}

/**
 * The trial balance of shards and system, and every wallet of the platform against what it must hold: what does not hold
 * at the end of a pass, and all that was looked at. A wallet's stores are read one after the other, while money may move
 * between two reads, so that has to last.
 */
export function endOfPass(pass: Pass, suspects: readonly Suspect[], graceMs: number): { findings: Finding[]; looked: string[] } {
  const findings: Finding[] = []
  // A sum that is not there any more is at zero.
  const looked = suspects.filter(({ merchantId, invoiceId }) => merchantId === null && invoiceId === null).map(keyOf)
  const look = (kind: Finding['kind'], id: string, detail: string | null, waitMs: number) => {
    const finding: Finding = { id, kind, merchantId: null, storeId: null, invoiceId: null, detail: detail ?? '', waitMs }
    looked.push(keyOf(finding))
    if (detail !== null) findings.push(finding)
  }
  for (const [shard, sums] of Object.entries(pass.shards)) look('book', `trial/shard/${shard}`, unbalanced(sums), 0)
  look('book', 'trial/system', unbalanced(totalOf(Object.values(pass.accounts))), 0)
  for (const [wallet, sums] of Object.entries(pass.wallets)) {
    const over = Object.entries(sums).filter(([, units]) => units > 0n)
    const words = over.map(([asset, units]) => `${units} ${asset}`).join(', ')
    look('wallet', wallet, over.length === 0 ? null : `${words} more went out of ${wallet} than came in`, graceMs)
  }
  return { findings, looked }
}

/** In words, or null when every asset is at zero. */
export function unbalanced(sums: Sums): string | null {
  const off = Object.entries(sums).filter(([, units]) => units !== 0n)
  return off.length === 0 ? null : `all accounts add up to ${off.map(([asset, units]) => `${units} ${asset}`).join(', ')}, not to 0`
}

export function totalOf(all: readonly Sums[]): Sums {
  const total: Record<string, Sums> = {}
  for (const sums of all) add(total, '', sums)
  return total[''] ?? {}
}

function add(into: Record<string, Sums>, name: string, sums: Sums): void {
  const total: Record<string, bigint> = { ...into[name] }
  for (const [asset, units] of Object.entries(sums)) total[asset] = (total[asset] ?? 0n) + units
  into[name] = total
}
