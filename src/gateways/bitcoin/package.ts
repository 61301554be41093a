import type { WaitingTransaction } from '../spend.ts'
import { feeOf } from './fees.ts'

/** What a child has to pay for besides itself. */
export interface Owing {
  readonly fee: bigint
  readonly vsize: number
}

/**
 * What of a waiting transaction and its ancestors miners leave behind at this rate: they take each transaction with all its
 * ancestors for the fees of them together, the dearest first (Bitcoin Core, `node/mini_miner`). What one of them pays too
 * much helps only those it hangs on. Null when the last one, which it is about, is taken by itself.
 */
export function leftBehind(ancestors: readonly WaitingTransaction[], satsPerKvb: bigint): Owing | null {
  const left = new Map(ancestors.map((one) => [one.txid, one]))
  const last = ancestors.at(-1)?.txid ?? ''
  for (;;) {
    const dearest = [...left.keys()]
      .map((txid) => withAncestors(left, txid))
      .reduce<WaitingTransaction[]>((best, some) => (best.length === 0 || isDearer(some, best) ? some : best), [])
    if (dearest.length === 0 || !pays(dearest, satsPerKvb)) break
    for (const { txid } of dearest) left.delete(txid)
  }
  return left.has(last) ? sumOf(withAncestors(left, last)) : null
}

/** Those that are left of what it hangs on, and itself. */
function withAncestors(left: ReadonlyMap<string, WaitingTransaction>, txid: string): WaitingTransaction[] {
  const found = new Set<WaitingTransaction>()
  const next = [txid]
  for (let name = next.pop(); name !== undefined; name = next.pop()) {
    const one = left.get(name)
    if (!one || found.has(one)) continue
    found.add(one)
    next.push(...new Set(one.spends.map((outpoint) => outpoint.slice(0, outpoint.indexOf(':')))))
  }
  return [...found]
}

function pays(some: readonly WaitingTransaction[], satsPerKvb: bigint): boolean {
  const { fee, vsize } = sumOf(some)
  return fee >= feeOf(satsPerKvb, vsize)
}

function isDearer(some: readonly WaitingTransaction[], others: readonly WaitingTransaction[]): boolean {
  const [one, other] = [sumOf(some), sumOf(others)]
  return one.fee * BigInt(other.vsize) > other.fee * BigInt(one.vsize)
}

function sumOf(some: readonly WaitingTransaction[]): Owing {
  return some.reduce((sum, { fee, vsize }) => ({ fee: sum.fee + fee, vsize: sum.vsize + vsize }), { fee: 0n, vsize: 0 })
}
