import type { ComparedPage, RebuiltPage } from '../../src/audit/whole.ts'
import type { SegmentCheck } from '../../src/ledger/rpc.ts'
import type { Balances, Difference } from '../../src/ledger/types.ts'
import type { LedgerPosition } from '../../src/storage/ledger-rows.ts'
import { askJson, type Door, Refusal } from '../stack/tool.ts'

/** One merchant's ledger as `GET /admin/ledgers` has it. */
export interface LedgerLine {
  readonly merchantId: string
  readonly shard: number
  readonly no: number
  readonly segments: number
  readonly stores: readonly { readonly storeId: string; readonly balances: Balances; readonly fault: string | null }[]
  readonly differences: readonly Difference[]
}

/** A suspicion of the audit, as `GET /admin/audit` has it. */
export interface SuspectLine {
  readonly id: string
  readonly merchantId: string | null
  readonly detail: string
  readonly sinceMs: number
  readonly raised: boolean
}

export interface Order {
  readonly storeId: string
  readonly key: string
  readonly by: string
  readonly reason: string
  readonly postings: readonly { readonly from: string; readonly to: string; readonly asset: string; readonly amount: string }[]
}

/** Merchants of an installation of one machine, and pages of one ledger, that are gone through at most. */
const MERCHANT_PAGES_MAX = 100_000

/** The core Worker's `/admin/…` of the running system. Throws a Refusal that says why. */
export interface Admin {
  ledgers(only: string | null): AsyncGenerator<LedgerLine>
  verify(merchantId: string, segment: number): Promise<SegmentCheck>
  compare(merchantId: string, after: LedgerPosition | null): Promise<ComparedPage>
  rebuild(merchantId: string, after: LedgerPosition | null): Promise<RebuiltPage>
  suspects(): Promise<readonly SuspectLine[]>
  clear(merchantId: string, id: string, word: { by: string; reason: string }): Promise<{ open: number }>
  settle(walletId: string, id: string, word: { by: string; reason: string }): Promise<{ status: string; reason: string | null }>
  adjust(merchantId: string, order: Order): Promise<{ no: number; hash: string }>
}

export function openAdmin(door: Door): Admin {
  const call = <T>(method: 'GET' | 'POST', path: string, body: unknown = {}): Promise<T> =>
    askJson<T>(door, { method, path, body: method === 'POST' ? JSON.stringify(body) : undefined })
  const of = (merchantId: string, rest: string) => `/admin/ledgers/${encodeURIComponent(merchantId)}/${rest}`
  return {
    async *ledgers(only) {
      let after = ''
      let found = false
      for (let page = 0; page < MERCHANT_PAGES_MAX; page++) {
        const { data, next } = await call<{ data: WireLedger[]; next: string | null }>('GET', `/admin/ledgers?after=${after}`)
        for (const ledger of data) {
          if (only !== null && ledger.merchantId !== only) continue
          found = true
          yield { ...ledger, stores: ledger.stores.map((store) => ({ ...store, balances: toBalances(store.balances) })) }
        }
        if (next === null) break
        after = next
      }
      if (only !== null && !found) throw new Refusal(`There is no merchant ${only}.`)
    },
    verify: (merchantId, segment) => call('POST', of(merchantId, `verify?segment=${segment}`)),
    compare: (merchantId, after) => call('POST', of(merchantId, 'compare'), { after }),
    rebuild: (merchantId, after) => call('POST', of(merchantId, 'rebuild'), { after }),
    async suspects() {
      return (await call<{ suspects: SuspectLine[] } | null>('GET', '/admin/audit'))?.suspects ?? []
    },
    clear: (merchantId, id, word) => call('POST', of(merchantId, `differences/${encodeURIComponent(id)}/clear`), word),
    settle: (walletId, id, word) => {
      const path = `/admin/wallets/${encodeURIComponent(walletId)}/transfers/${encodeURIComponent(id)}/settle`
      return call('POST', path, word)
    },
    adjust: (merchantId, order) => call('POST', of(merchantId, 'adjustments'), order),
  }
}

type WireBalances = Readonly<Record<string, Readonly<Record<string, string>>>>
type WireLedger = Omit<LedgerLine, 'stores'> & { stores: { storeId: string; balances: WireBalances; fault: string | null }[] }

function toBalances(wire: WireBalances): Balances {
  const toUnits = (assets: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(assets).map(([asset, units]) => [asset, BigInt(units)]))
  return Object.fromEntries(Object.entries(wire).map(([account, assets]) => [account, toUnits(assets)]))
}
