import { err, ok, type Result } from '../lib/result.ts'
import { MAX_UNITS } from '../money/amount.ts'
import type { Asset } from '../money/asset.ts'
import type { ChainConfig } from '../money/chain.ts'
import { crossRate, quoteUnits, type Rate } from '../money/rate.ts'
import type { Registry } from '../money/registry.ts'
import type { CreateInvoice, CreateRefusal } from './rpc.ts'
import type { ConfirmationTier, InvoiceTerms, MethodTerms } from './types.ts'

/**
 * Fixes everything an invoice promises: the price, the deadline, and for each asset the exact units that pay it.
 * Assets without a usable rate, and amounts too small to be sent on their chain, are left out; when none is left,
 * the reason is told.
 */
export function buildTerms(
  request: CreateInvoice,
  registry: Registry,
  rates: readonly Rate[],
  nowMs: number,
): Result<InvoiceTerms, CreateRefusal> {
  const { store } = request
  const wanted = request.assets ?? store.methods.map((method) => method.asset)
  const currency = registry.asset(request.currency)
  const methods: MethodTerms[] = []
  const withoutRate: string[] = []
  let tooSmall = false
  let tooLarge = false

  for (const code of wanted) {
    const accepted = store.methods.find((method) => method.asset === code)
    const asset = registry.findAsset(code)
    if (!accepted || !asset?.chainId) return err({ reason: 'asset_not_accepted', asset: code })
    const chain = registry.chain(asset.chainId)
    const rate = asset.ticker === currency.ticker ? null : rateBetween(rates, asset.ticker, currency.ticker)
    if (rate === undefined) {
      withoutRate.push(`${asset.ticker}/${currency.ticker}`)
      continue
    }
    const whole = wholeUnits(request.price, currency, asset, rate)
    if (whole > MAX_UNITS) tooLarge = true
    else if (whole < smallestPayment(chain)) tooSmall = true
    else {
      const confirmationsWanted = confirmationsFor(request.price, request.confirmationTiers, chain)
      methods.push({ asset: code, chainId: chain.id, walletId: accepted.walletId, whole, rate, confirmationsWanted })
    }
  }

  if (methods.length === 0) {
    if (withoutRate.length > 0) return err({ reason: 'rates_unavailable', pairs: withoutRate })
    return err({ reason: tooLarge && !tooSmall ? 'amount_too_large' : 'amount_too_small' })
  }
  const expiresAtMs = nowMs + request.expiresInMs
  return ok({
    id: request.id,
    storeId: store.storeId,
    storeName: store.storeName,
    shard: store.shard,
    allowedOrigins: store.allowedOrigins,
    currency: request.currency,
    price: request.price,
    orderId: request.orderId,
    description: request.description,
    metadata: request.metadata,
    redirectUrl: request.redirectUrl,
    createdAtMs: nowMs,
    expiresAtMs,
    watchUntilMs: expiresAtMs + store.watchMs,
    toleranceBps: request.toleranceBps ?? store.toleranceBps,
    latePolicy: request.latePolicy ?? store.latePolicy,
    methods,
  })
}

/**
 * Units of the asset that pay the price at a rate, rounded up; at no rate the ticker is the same and only the
 * number of decimals may differ between chains.
 */
export function wholeUnits(price: bigint, currency: Asset, asset: Asset, rate: Rate | null): bigint {
  return quoteUnits(price, currency.decimals, rate ?? { value: 1n, scale: 0 }, asset.decimals)
}

/** The rate of a pair: direct, else crossed over a currency that both are priced in. Undefined when there is none. */
export function rateBetween(rates: readonly Rate[], base: string, quote: string): Rate | undefined {
  const direct = rates.find((rate) => rate.base === base && rate.quote === quote)
  if (direct) return direct
  for (const left of rates) {
    if (left.base !== base) continue
    const right = rates.find((rate) => rate.base === quote && rate.quote === left.quote)
    const crossed = right && crossRate(left, right)
    if (crossed) return crossed
  }
  return undefined
}

/** The first tier that reaches the price; over all tiers, the most careful of the last tier and the chain's own. */
function confirmationsFor(price: bigint, tiers: readonly ConfirmationTier[] | null, chain: ChainConfig): number {
  if (tiers === null) return chain.confirmations
  const tier = tiers.find(({ upTo }) => upTo === null || price <= upTo)
  return tier?.confirmations ?? Math.max(chain.confirmations, tiers.at(-1)?.confirmations ?? 0)
}

/** Bitcoin Core's dust limit of a pay-to-taproot output (330 sat; segwit v0's is lower): nodes relay nothing under it. */
const BITCOIN_DUST_SATS = 330n

function smallestPayment(chain: ChainConfig): bigint {
  return chain.gateway === 'bitcoin' ? BITCOIN_DUST_SATS : 1n
}
