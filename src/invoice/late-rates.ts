import type { PaymentObservation } from '../chain/rpc.ts'
import { ratesSnapshot } from '../exchange/cache.ts'
import { registryOf } from '../money/registry.ts'
import type { LateRate, LateRates } from './decide.ts'
import { priceNow } from './terms.ts'
import type { Invoice } from './types.ts'

type RatesEnv = Parameters<typeof ratesSnapshot>[0] & Parameters<typeof registryOf>[0]

/** What the whole price would be now, in the assets of late payments not known yet. */
export async function lateRates(env: RatesEnv, invoice: Invoice, observations: readonly PaymentObservation[]): Promise<LateRates> {
  const { terms, payments } = invoice
  if (terms.latePolicy !== 'accept_current_rate') return {}
  const isNewAndLate = (seen: PaymentObservation) =>
    seen.seenAtMs > terms.expiresAtMs && !payments.some(({ key }) => key === seen.key)
  const assets = new Set(observations.filter(isNewAndLate).map((seen) => seen.assetCode))
  if (assets.size === 0) return {}
  const snapshot = await ratesSnapshot(env, Date.now())
  const registry = registryOf(env)
  const found: Record<string, LateRate> = {}
  for (const code of assets) {
    const now = priceNow(terms, registry.asset(code), registry, snapshot.rates)
    if (now) found[code] = now
  }
  return found
}
