import type { LedgerEntry } from '../ledger/types.ts'
import { type BooksEnv, lookAtBooks, type Patience } from './books.ts'
import { type MerchantPlace, merchantsAfter, merchantsOf } from './merchants.ts'
import type { AuditMemory, Finding } from './rpc.ts'
import { addMerchant } from './totals.ts'
import type { Trouble } from './trouble.ts'

/** Merchants of one run; the others follow in later ones. */
const MERCHANTS_MAX = 25
/** Merchants that are looked at besides, since something is suspected or open there. */
const AGAIN_MAX = 50

export interface MerchantsEnv extends BooksEnv {
  readonly DIRECTORY: D1Database
}

export interface MerchantsRound extends Pick<AuditMemory, 'pass' | 'open'> {
  /** It was the last of the pass. */
  readonly isPassed: boolean
  /** Where the next run goes on; undefined: at the beginning. */
  readonly cursor: string | undefined
  readonly findings: readonly Finding[]
  /** `keyOf` of all that was looked at. */
  readonly looked: readonly string[]
  /** Transactions whose payments the chains are to be asked for, by merchant. */
  readonly entries: ReadonlyMap<string, readonly LedgerEntry[]>
}

/** The books of the next merchants, and of those where something is suspected. */
export async function roundOfMerchants(
  env: MerchantsEnv,
  memory: AuditMemory,
  patience: Patience,
  trouble: Trouble,
): Promise<MerchantsRound> {
  const suspects = Object.values(memory.suspects)
  const page = await trouble.around('merchants', {}, () =>
    merchantsAfter(env.DIRECTORY, memory.cursors.merchants ?? '', MERCHANTS_MAX),
  )
  if (page === null) {
    const { pass, open, cursors } = memory
    return { pass, isPassed: false, cursor: cursors.merchants, open, findings: [], looked: [], entries: new Map() }
  }
  const again = await trouble.around('suspected merchants', {}, () => merchantsOf(env.DIRECTORY, suspectedBesides(memory, page)))

  const books = await trouble.aroundEach(
    'books',
    [...page, ...(again ?? [])],
    ({ id }) => ({ merchantId: id }),
    async (merchant) => ({
      merchant,
      look: await lookAtBooks(
        env,
        merchant,
        memory.pass.no,
        suspects.filter(({ merchantId }) => merchantId === merchant.id),
        patience,
      ),
    }),
  )
  const findings = books.flatMap(({ look }) => look.findings)
  const looked = books.flatMap(({ look }) => look.looked)
  const open = { ...memory.open }
  for (const { merchant, look } of books) {
    delete open[merchant.id]
    if (look.standing.differences.length > 0) open[merchant.id] = look.standing.differences.length
  }
  const entries = new Map(books.map(({ merchant, look }) => [merchant.id, look.entries]))

  const inPage = new Set(page)
  const pass = books
    .filter(({ merchant }) => inPage.has(merchant))
    .reduce((sums, { merchant, look }) => addMerchant(sums, merchant.shard, look.standing.stores), memory.pass)
  const isPassed = page.length < MERCHANTS_MAX
  return { pass, isPassed, cursor: isPassed ? undefined : page.at(-1)?.id, open, findings, looked, entries }
}

function suspectedBesides({ suspects, open }: AuditMemory, page: readonly MerchantPlace[]): string[] {
  const inPage = new Set(page.map(({ id }) => id))
  const waiting = Object.values(suspects).filter(({ kind, raised }) => !raised && (kind === 'book' || kind === 'shard'))
  const ids = [...waiting.flatMap(({ merchantId }) => merchantId ?? []), ...Object.keys(open)]
  return [...new Set(ids)].filter((id) => !inPage.has(id)).slice(0, AGAIN_MAX)
}
