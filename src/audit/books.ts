import type { LedgerRpc, LedgerStanding } from '../ledger/rpc.ts'
import type { LedgerEntry } from '../ledger/types.ts'
import type { ObjectNamespace } from '../lib/objects.ts'
import { shardOf } from '../storage/shards.ts'
import { faultOfBalances, faultOfCopy } from './compare.ts'
import { copiesOf, newestCopies } from './copies.ts'
import { keyOf } from './judge.ts'
import type { MerchantPlace } from './merchants.ts'
import type { Finding, Suspect } from './rpc.ts'

/** Stores of one merchant that are looked at in one run; the others in later ones. */
const STORES_MAX = 20
/** Transactions of the newest and of an older stretch of the log that are compared with D1 and the chains. */
const STRETCH = 10

export interface BooksEnv {
  readonly LEDGERS: ObjectNamespace<LedgerRpc>
}

/** How long a difference outside of the books may last before it counts, and how often what is costly is looked at. */
export interface Patience {
  /** Words between objects that are under way. */
  readonly graceMs: number
  /** D1 behind the ledger. */
  readonly lagMs: number
  /** From the beginning of one pass over the wallets of the platform to that of the next: reading them costs nodes. */
  readonly walletsMs: number
}

export interface BooksLook {
  readonly standing: LedgerStanding
  readonly findings: readonly Finding[]
  /** `keyOf` of all that was looked at. */
  readonly looked: readonly string[]
  /** Some of its transactions: what they say of payments is to be compared with the chains. */
  readonly entries: readonly LedgerEntry[]
}

/**
 * One merchant's ledger by itself, and its copy in D1: every balance, the newest segment and an older one that `turn`
 * names, the newest row of each store, and some rows besides. What is suspected is looked at again. Bounded.
 */
export async function lookAtBooks(
  env: BooksEnv,
  merchant: MerchantPlace,
  turn: number,
  suspects: readonly Suspect[],
  patience: Patience,
): Promise<BooksLook> {
  const ledger = env.LEDGERS.getByName(merchant.id)
  const standing = await ledger.standing()
  const notes = new Notes(merchant.id)
  await lookAtSegments(ledger, standing, turn, suspects, notes)
  for (const { storeId, balances } of standing.stores)
    notes.add('book', `book/balances/${storeId}`, storeId, faultOfBalances(balances), 0)

  const isPlaced = standing.shard === null || standing.shard === merchant.shard
  const misplaced = `the ledger writes to shard ${standing.shard}, and the merchant is in shard ${merchant.shard}`
  notes.add('shard', `shard/${merchant.id}`, null, isPlaced ? null : misplaced, patience.graceMs)
  const entries = await entriesOfTurn(ledger, standing, turn)
  await lookAtCopies(env, ledger, merchant, standing, turn, suspects, entries, notes, patience)
  return { standing, findings: notes.findings, looked: notes.looked, entries }
}

async function lookAtSegments(
  ledger: LedgerRpc,
  { segments }: LedgerStanding,
  turn: number,
  suspects: readonly Suspect[],
  notes: Notes,
): Promise<void> {
  const again = suspects.flatMap(({ id }) => Number(/^book\/segment\/(\d+)$/.exec(id)?.[1] ?? Number.NaN))
  for (const segment of new Set([segments - 1, turn % segments, ...again])) {
    if (segment < segments) notes.add('book', `book/segment/${segment}`, null, (await ledger.verify(segment)).fault, 0)
  }
}

async function lookAtCopies(
  env: BooksEnv,
  ledger: LedgerRpc,
  merchant: MerchantPlace,
  standing: LedgerStanding,
  turn: number,
  suspects: readonly Suspect[],
  some: readonly LedgerEntry[],
  notes: Notes,
  { graceMs, lagMs }: Patience,
): Promise<void> {
  const shard = shardOf(env, merchant.shard)
  const stores = storesOfTurn(standing, turn, suspects)
  const newest = await newestCopies(
    shard,
    stores.map(({ storeId }) => storeId),
  )
  const entries = new Map(some.map((entry) => [entry.transaction.no, entry]))
  const entryAt = async (no: number) => {
    if (entries.has(no)) return
    const [entry] = await ledger.page(no - 1, 1)
    if (entry?.transaction.no === no) entries.set(no, entry)
  }
  for (const { id } of suspects) {
    const no = /^shard\/[^/]+\/(\d+)$/.exec(id)?.[1]
    if (no !== undefined) await entryAt(Number(no))
  }
  for (const { storeId, lastNo } of stores) {
    const row = newest.get(storeId)
    if (row) await entryAt(row.no)
    const isKnown = row === undefined || entries.get(row.no)?.transaction.storeId === storeId
    notes.add('shard', `shard/${storeId}`, storeId, faultOfEnd(row?.no ?? 0, lastNo, isKnown), isKnown ? lagMs : graceMs)
  }
  const rows = await copiesOf(shard, [...entries.values()])
  for (const entry of entries.values()) {
    const { storeId, no } = entry.transaction
    const last = newest.get(storeId)
    const row = last?.no === no ? last : rows.get(no)
    // What D1 has not come to yet is not missing.
    if (row || (last && last.no > no))
      notes.add('shard', `shard/${storeId}/${no}`, storeId, faultOfCopy(row ?? null, entry), graceMs)
  }
}

/** The newest transaction of a store in D1 against the ledger's. */
function faultOfEnd(no: number, lastNo: number, isKnown: boolean): string | null {
  if (!isKnown) return `D1 has a transaction ${no} of this store, and the ledger has none with that number`
  return no < lastNo ? `D1 has this store's transactions up to ${no}, and the ledger has newer ones` : null
}

async function entriesOfTurn(ledger: LedgerRpc, { no }: LedgerStanding, turn: number): Promise<LedgerEntry[]> {
  if (no === 0) return []
  const newest = await ledger.page(Math.max(no - STRETCH, 0), STRETCH)
  const older = no > STRETCH ? await ledger.page((turn * STRETCH) % no, STRETCH) : []
  return [...newest, ...older]
}

function storesOfTurn({ stores }: LedgerStanding, turn: number, suspects: readonly Suspect[]): LedgerStanding['stores'] {
  if (stores.length <= STORES_MAX) return stores
  const from = (turn * STORES_MAX) % stores.length
  const inTurn = [...stores.slice(from), ...stores.slice(0, from)].slice(0, STORES_MAX)
  const again = stores.filter((store) => suspects.some(({ storeId }) => storeId === store.storeId) && !inTurn.includes(store))
  return [...inTurn, ...again.slice(0, STORES_MAX)]
}

/** Collects what was looked at, and what was found. */
class Notes {
  readonly findings: Finding[] = []
  readonly looked: string[] = []
  readonly #merchantId: string

  constructor(merchantId: string) {
    this.#merchantId = merchantId
  }

  add(kind: Finding['kind'], id: string, storeId: string | null, detail: string | null, waitMs: number): void {
    const merchantId = this.#merchantId
    this.looked.push(keyOf({ merchantId, id }))
    if (detail !== null) this.findings.push({ id, kind, merchantId, storeId, invoiceId: null, detail, waitMs })
  }
}
