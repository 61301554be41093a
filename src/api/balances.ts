import { ACCOUNT_KINDS, accountKind } from '../ledger/accounts.ts'
import { balanceOf } from '../ledger/balances.ts'
import type { StoreBalances } from '../ledger/rpc.ts'
import type { Balances, Custody, Difference } from '../ledger/types.ts'
import { rfc3339 } from '../lib/clock.ts'
import { ok, type Result } from '../lib/result.ts'
import { formatDecimal } from '../money/amount.ts'
import { type Registry, registryOf } from '../money/registry.ts'
import { balancesAt } from '../storage/ledger.ts'
import { shardOf } from '../storage/shards.ts'
import { readQuery } from './body.ts'
import type { Answer, Call } from './call.ts'
import { askLedger, awaitCopies, orUnavailable } from './ledger-access.ts'
import type { Problem } from './problems.ts'
import { readTime } from './query.ts'

/**
 * `GET /v1/balances`: what the store has now, from the ledger itself, or with `at` what it had at that moment, from D1.
 * Whether money out is frozen, and why, is always as of now.
 */
export async function readBalances(call: Call): Promise<Result<Answer, Problem>> {
  const { storeId, shard } = call.identity.store
  const query = readQuery(call.request, ['at'], (fields) =>
    fields.optional('at', (name) => {
      const atMs = readTime(fields, name)
      return atMs <= call.nowMs ? atMs : fields.refuse(name, 'must not be in the future', 0)
    }),
  )
  if (!query.ok) return query
  const atMs = query.value
  const live = askLedger(call, (ledger) => ledger.balances(storeId))
  if (atMs === null) return ok({ status: 200, body: show(call, call.nowMs, await live, (await live).balances) })
  // First what is on its way, then what has arrived: in the other order something could be in neither.
  const [state] = await Promise.all([live, awaitCopies(call, atMs + 1)])
  return ok({
    status: 200,
    body: show(call, atMs, state, await orUnavailable(balancesAt(shardOf(call.env, shard), storeId, atMs))),
  })
}

function show(call: Call, atMs: number, { frozen, differences }: StoreBalances, balances: Balances) {
  const registry = registryOf(call.env)
  return {
    object: 'balances',
    storeId: call.identity.store.storeId,
    at: rfc3339(atMs),
    frozen,
    differences: differences.map(showDifference),
    data: showFunds(balances, registry),
    accounts: showAccounts(balances, registry),
  }
}

/** What concerns the whole ledger may speak of other stores' money: only that it is so is told. */
function showDifference({ id, kind, storeId, detail, sinceMs }: Difference) {
  const shown = storeId === null ? 'the books of the whole merchant account are being looked at' : detail
  return { id, kind, detail: shown, since: rfc3339(sinceMs) }
}

/** One line for each asset and who holds its keys; those with nothing are left out. */
function showFunds(balances: Balances, registry: Registry) {
  const assets = [...new Set(Object.values(balances).flatMap((byAsset) => Object.keys(byAsset)))].sort()
  return assets.flatMap((asset) =>
    (['platform', 'self'] as const).flatMap((custody) => {
      const { available, pending, held, locked, inTransit, owed } = fundsOf(balances, asset, custody)
      if ([available, pending, held, locked, inTransit, owed].every((units) => units === 0n)) return []
      const decimal = (units: bigint) => formatDecimal(units, registry.asset(asset).decimals)
      return {
        asset,
        custody,
        available: decimal(available),
        pending: decimal(pending),
        reserved: decimal(held + locked + inTransit),
        reservedFor: { held: decimal(held), locked: decimal(locked), inTransit: decimal(inTransit) },
        owed: decimal(owed),
      }
    }),
  )
}

function fundsOf(balances: Balances, asset: string, custody: Custody) {
  const of = (account: string) => balanceOf(balances, account, asset)
  return custody === 'platform'
    ? {
        available: of('available'),
        pending: of('pending'),
        held: of('held'),
        locked: of('reserved'),
        inTransit: of('in_transit'),
        owed: -of('shortfall'),
      }
    : {
        available: of('self.available'),
        pending: of('self.pending'),
        held: of('self.held'),
        locked: 0n,
        inTransit: 0n,
        owed: -of('fees_due'),
      }
}

/** Every account there is; those of one asset add up to zero. */
function showAccounts(balances: Balances, registry: Registry) {
  const kindOf = (account: string) => ACCOUNT_KINDS.indexOf(accountKind(account))
  return Object.entries(balances)
    .flatMap(([account, assets]) => Object.entries(assets).map(([asset, units]) => ({ account, asset, units })))
    .sort((a, b) => kindOf(a.account) - kindOf(b.account) || (`${a.account} ${a.asset}` < `${b.account} ${b.asset}` ? -1 : 1))
    .map(({ account, asset, units }) => ({ account, asset, balance: formatDecimal(units, registry.asset(asset).decimals) }))
}
