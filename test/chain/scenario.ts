import fc from 'fast-check'
import type { PaymentObservation, PaymentStatus } from '../../src/chain/rpc.ts'
import type { SimNode, SimTransaction } from './simulator.ts'
import { keyOf } from './simulator.ts'

/** Coins that transactions of a scenario fight over, and watched keys they pay to. */
const COINS = 6
export const WATCHED_KEYS = 4
const TRANSACTIONS = 14

export type Step =
  | { readonly type: 'broadcast'; readonly transaction: number }
  | { readonly type: 'evict'; readonly transaction: number }
  | { readonly type: 'mine'; readonly transactions: readonly number[] }
  | { readonly type: 'reorg'; readonly depth: number; readonly longer: number; readonly returning: number }
  | { readonly type: 'look' }

const index = fc.nat(TRANSACTIONS - 1)

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ type: fc.constant('broadcast' as const), transaction: index }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('evict' as const), transaction: index }) },
    {
      weight: 3,
      arbitrary: fc.record({ type: fc.constant('mine' as const), transactions: fc.array(index, { maxLength: 4 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('reorg' as const),
        depth: fc.integer({ min: 1, max: 4 }),
        longer: fc.integer({ min: -1, max: 2 }),
        returning: fc.nat(2 ** TRANSACTIONS - 1),
      }),
    },
    { weight: 5, arbitrary: fc.constant({ type: 'look' as const }) },
  ),
  { minLength: 4, maxLength: 40 },
)

const LOOK = { type: 'look' } as const
const REORG = { type: 'reorg', depth: 1, longer: 0, returning: 0 } as const

/** Scenarios that once failed. */
export const FOUND: readonly Step[][] = [
  // Double spent, and loose again by a reorganisation: was given up at once, by a clock other than the one it was seen by.
  [
    { type: 'broadcast', transaction: 6 },
    LOOK,
    { type: 'mine', transactions: [0] },
    LOOK,
    REORG,
    REORG,
    { type: 'mine', transactions: [] },
  ],
  // The same by any block after the replacement: that it was mined, or went too, was not noticed.
  [
    { type: 'broadcast', transaction: 2 },
    LOOK,
    { type: 'broadcast', transaction: 8 },
    LOOK,
    { type: 'mine', transactions: [] },
    LOOK,
    { type: 'evict', transaction: 8 },
  ],
  [
    { type: 'broadcast', transaction: 2 },
    LOOK,
    { type: 'broadcast', transaction: 8 },
    LOOK,
    { type: 'mine', transactions: [] },
    LOOK,
    { type: 'mine', transactions: [8] },
  ],
]

/** Fourteen transactions over six coins: most contradict others, most pay one or two watched keys. */
export const TRANSACTION_LIST: readonly SimTransaction[] = Array.from({ length: TRANSACTIONS }, (_, n) => ({
  txid: `t${n}`,
  spends: n % 3 === 0 ? [`c${n % COINS}`, `c${(n * 5 + 1) % COINS}`] : [`c${(n * 7) % COINS}`, `own-${n}`],
  outputs: [
    { key: keyOf(1_000 + n), units: 1n },
    ...(n % 5 === 4 ? [] : [{ key: keyOf(n % WATCHED_KEYS), units: BigInt(100 + n) }]),
    ...(n % 4 === 1 ? [{ key: keyOf((n + 1) % WATCHED_KEYS), units: BigInt(500 + n) }] : []),
  ],
}))

/** Carries a step out on the node. Transactions that the chain contradicts are left out, as miners would. */
export function carryOut(node: SimNode, step: Exclude<Step, { type: 'look' }>): void {
  const transactionAt = (n: number): SimTransaction => TRANSACTION_LIST[n] as SimTransaction
  node.nowMs += 1_000
  if (step.type === 'broadcast') node.broadcast(transactionAt(step.transaction))
  else if (step.type === 'evict') node.mempool.delete(transactionAt(step.transaction).txid)
  else if (step.type === 'mine') node.mine(minable(node, step.transactions.map(transactionAt)))
  else {
    const depth = Math.min(step.depth, node.best.length - 1)
    node.disconnect(depth, ({ txid }) => ((step.returning >> Number(txid.slice(1))) & 1) === 1)
    for (let i = 0; i < depth + step.longer; i++) node.mine(i === 0 ? minable(node, [...node.mempool.values()].slice(0, 2)) : [])
  }
}

function minable(node: SimNode, wanted: readonly SimTransaction[]): SimTransaction[] {
  const spent = new Set(node.best.flatMap(({ transactions }) => transactions.flatMap(({ spends }) => spends)))
  return wanted.filter(({ spends }) => {
    if (spends.some((coin) => spent.has(coin))) return false
    for (const coin of spends) spent.add(coin)
    return true
  })
}

export interface Truth {
  readonly status: PaymentStatus
  readonly height: number | null
  readonly blockHash: string | null
  readonly replacedBy: string | null
  readonly confirmations: number
}

/** What is true of a transaction, told from nothing but the best chain and the mempool as they are. */
export function truthOf(node: SimNode, transaction: SimTransaction): Truth {
  const contradicts = (other: SimTransaction): boolean =>
    other.txid !== transaction.txid && other.spends.some((coin) => transaction.spends.includes(coin))
  const nowhere = { height: null, blockHash: null, replacedBy: null, confirmations: 0 }
  for (const { ref, transactions } of node.best) {
    if (transactions.some(({ txid }) => txid === transaction.txid))
      return {
        status: 'confirmed',
        height: ref.height,
        blockHash: ref.hash,
        replacedBy: null,
        confirmations: node.best.length - ref.height,
      }
    const by = transactions.find(contradicts)
    if (by) return { ...nowhere, status: 'double_spent', replacedBy: by.txid }
  }
  if (node.mempool.has(transaction.txid)) return { ...nowhere, status: 'unconfirmed' }
  const by = [...node.mempool.values()].find(contradicts)
  return by ? { ...nowhere, status: 'replaced', replacedBy: by.txid } : { ...nowhere, status: 'missing' }
}

/** The part of an observation that `truthOf` speaks of. */
export function factsOf({ status, height, blockHash, replacedBy, confirmations }: PaymentObservation): Truth {
  return { status, height, blockHash, replacedBy, confirmations }
}
