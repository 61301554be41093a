import fc from 'fast-check'
import { CAUSES } from '../../src/ledger/accounts.ts'
import { applyPostings } from '../../src/ledger/balances.ts'
import type { LedgerRpc } from '../../src/ledger/rpc.ts'
import type { Balances, Cause, LedgerEntry } from '../../src/ledger/types.ts'
import { randomId } from '../../src/lib/ids.ts'
import { type LedgerRow, ROW_COLUMNS } from '../../src/storage/ledger-rows.ts'
import { consumeProjections } from '../../src/storage/projection.ts'
import type { LedgerProjection, ProjectionMessage } from '../../src/storage/rpc.ts'
import { testEnv } from './databases.ts'

export const START_MS = Date.UTC(2026, 10, 1)

export const CAUSE_NAMES = Object.keys(CAUSES) as Cause[]
export const ASSETS = ['BTC', 'USDC']

/** One movement, in numbers that a generator can make smaller. */
export interface Move {
  readonly store: number
  readonly cause: Cause
  /** Which of the accounts that the cause may touch. */
  readonly from: number
  readonly to: number
  readonly asset: string
  readonly amount: bigint
  readonly laterMs: number
  readonly invoice: number | null
}

export const move: fc.Arbitrary<Move> = fc.record({
  store: fc.nat(1),
  cause: fc.oneof(fc.constantFrom<Cause>('payment_seen', 'payment_settled'), fc.constantFrom(...CAUSE_NAMES)),
  from: fc.nat(30),
  to: fc.nat(30),
  asset: fc.constantFrom(...ASSETS),
  amount: fc.bigInt(1n, 2n ** 70n),
  // Often the same millisecond, so that the order is the number's.
  laterMs: fc.nat(2),
  invoice: fc.option(fc.nat(2)),
})

/** Accounts of a cause: of kinds that have ids, two. */
function accountsOf(cause: Cause): string[] {
  return CAUSES[cause].flatMap((kind) => (/wallet$|incoming$|partner$/.test(kind) ? [`${kind}:wal_a`, `${kind}:wal_b`] : [kind]))
}

/** A merchant's ledger of these movements. Nothing here checks signs: D1 takes what the ledger says. */
export function ledgerOf(moves: readonly Move[], stores: readonly string[], invoices: readonly string[]): LedgerEntry[] {
  const balances = new Map<string, Balances>()
  let atMs = START_MS
  return moves.map(({ store, cause, from, to, asset, amount, laterMs, invoice }, index) => {
    const storeId = stores[store] as string
    const accounts = accountsOf(cause)
    const [source, rest] = [accounts[from % accounts.length] as string, accounts.filter((_, at) => at !== from % accounts.length)]
    const postings = [{ from: source, to: rest[to % rest.length] as string, amount, asset }]
    const after = applyPostings(balances.get(storeId) ?? {}, postings)
    balances.set(storeId, after)
    atMs += laterMs
    const hash = (no: number) => String(no).padStart(64, '0')
    const transaction = {
      key: `key-${index}`,
      storeId,
      cause,
      phase: 'single' as const,
      of: index % 3 === 0 ? `key-${index - 1}` : null,
      postings,
      invoiceId: invoice === null ? null : (invoices[invoice] as string),
      payment: index % 2 === 0 ? `bip122:abc/${hash(index)}/0` : null,
      transferId: null,
      by: cause === 'adjustment' ? 'member:ann' : null,
      reason: cause === 'adjustment' ? '=1+1 “ß”' : null,
      no: index + 1,
      atMs,
      previous: hash(index),
      hash: hash(index + 1),
    }
    return { transaction, balances: after }
  })
}

/** A ledger that only knows how to be projected: pages of `pageSize`, and what it has heard. */
export function projectableLedger(entries: readonly LedgerEntry[], pageSize = 100) {
  const heard = { told: 0, visits: 0 }
  const ledger = {
    unprojected: async () => {
      heard.visits++
      return entries.filter(({ transaction }) => transaction.no > heard.told).slice(0, pageSize)
    },
    projected: async (no: number) => {
      heard.told = Math.max(heard.told, no)
    },
  } as LedgerRpc
  return { ledger, heard }
}

/** Puts messages of ledgers through the consumer; tells which merchants' were acknowledged and which are to come again. */
export async function projectLedgers(
  messages: readonly Omit<LedgerProjection, 'kind'>[],
  ledgers: Readonly<Record<string, LedgerRpc>>,
  env: object = {},
): Promise<{ acked: string[]; retried: string[] }> {
  const told = { acked: [] as string[], retried: [] as string[] }
  const batch = {
    queue: 'projections',
    messages: messages.map((message, index) => ({
      id: `message-${index}`,
      timestamp: new Date(),
      body: { kind: 'ledger', ...message },
      attempts: 1,
      ack: () => told.acked.push(message.merchantId),
      retry: () => told.retried.push(message.merchantId),
    })),
  } as unknown as MessageBatch<ProjectionMessage>
  const { SHARD_0, SHARD_1, INVOICES } = testEnv
  const LEDGERS = { getByName: (merchantId: string) => ledgers[merchantId] }
  await consumeProjections(batch, { SHARD_0, SHARD_1, INVOICES, LEDGERS, ...env } as never)
  return told
}

/** A merchant of two stores with these movements, all in shard 0. */
export async function projectedMerchant(moves: readonly Move[]) {
  const merchantId = randomId('mer')
  const stores = [randomId('st'), randomId('st')] as const
  const invoices = [randomId('inv'), randomId('inv'), randomId('inv')]
  const entries = ledgerOf(moves, stores, invoices)
  const { ledger } = projectableLedger(entries)
  await projectLedgers([{ shard: 0, merchantId }], { [merchantId]: ledger })
  const ofStore = (storeId: string) => entries.filter(({ transaction }) => transaction.storeId === storeId)
  return { merchantId, stores, invoices, entries, ofStore }
}

/** All rows of a store in a shard, oldest first. */
export async function rowsOf(storeId: string, shard = testEnv.SHARD_0): Promise<LedgerRow[]> {
  const statement = shard.prepare(`SELECT ${ROW_COLUMNS} FROM ledger_transactions WHERE store_id = ? ORDER BY at_ms, no`)
  return (await statement.bind(storeId).all<LedgerRow>()).results
}
