import { makerOf, type SimTransaction } from './transactions.ts'

type Waiting = ReadonlyMap<string, SimTransaction>

/** Whatever waits and hangs on it, directly or not. */
export function descendantsIn(waiting: Waiting, txid: string): SimTransaction[] {
  const children = [...waiting.values()].filter(({ spends }) => spends.some((coin) => makerOf(coin) === txid))
  return [...new Set([...children, ...children.flatMap((child) => descendantsIn(waiting, child.txid))])]
}

/** Whatever waits and it hangs on, parents before children. */
export function ancestorsIn(waiting: Waiting, { spends }: SimTransaction): SimTransaction[] {
  const parents = [...new Set(spends.map(makerOf))].flatMap((txid) => waiting.get(txid) ?? [])
  return [...new Set(parents.flatMap((parent) => [...ancestorsIn(waiting, parent), parent]))]
}

/**
 * What each is worth to miners: its rate together with all that it hangs on, or what something that hangs on it brings.
 * Nothing of those that are taken as they come.
 */
export function worths(waiting: Waiting): Map<string, bigint> {
  const found = new Map<string, bigint>()
  for (const transaction of waiting.values()) {
    const all = [...ancestorsIn(waiting, transaction), transaction]
    const rate = rateOf(all)
    if (rate === null) continue
    for (const { txid } of all) if (rate > (found.get(txid) ?? -1n)) found.set(txid, rate)
  }
  return found
}

function rateOf(all: readonly SimTransaction[]): bigint | null {
  let [fee, vsize] = [0n, 0]
  for (const { cost, own } of all) {
    if (!cost) return all.length === 1 ? (own?.price ?? null) : null
    fee += cost.fee
    vsize += cost.vsize
  }
  return (fee * 1_000n) / BigInt(vsize)
}
