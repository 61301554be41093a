import { err, ok, type Result } from '../lib/result.ts'
import { MAX_UNITS } from '../money/amount.ts'
import type { Asset } from '../money/asset.ts'
import { feeRule, methodFee, withMargin } from '../money/fee.ts'
import { crossRate, quoteUnits, type Rate } from '../money/rate.ts'
import type { Rail, Registry } from '../money/registry.ts'
import type { LateRate } from './decide.ts'
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
  const methods: MethodTerms[] = []
  const withoutRate: string[] = []
  let tooSmall = false
  let tooLarge = false

  for (const code of wanted) {
    const accepted = store.methods.find((method) => method.asset === code)
    const asset = registry.findAsset(code)
    if (!accepted || !asset?.chainId) return err({ reason: 'asset_not_accepted', asset: code })
    const rail = registry.rail(asset.chainId)
    const priced = priceMethod(request, asset, registry, rates)
    if (!priced.ok) withoutRate.push(priced.error)
    else if (priced.value.whole > MAX_UNITS) tooLarge = true
    else if (priced.value.whole < smallestPayment(rail)) tooSmall = true
    else {
      const finality = finalityFor(request.price, request.confirmationTiers, rail)
      const { walletId, custody } = accepted
      const transit = 'transitMs' in rail ? { transitMs: rail.transitMs } : {}
      methods.push({ asset: code, chainId: rail.id, walletId, custody, ...priced.value, ...finality, ...transit })
    }
  }

  if (methods.length === 0) {
    if (withoutRate.length > 0) return err({ reason: 'rates_unavailable', pairs: withoutRate })
    return err({ reason: tooLarge && !tooSmall ? 'amount_too_large' : 'amount_too_small' })
  }
  const expiresAtMs = nowMs + request.expiresInMs
  return ok({
    id: request.id,
    merchantId: store.merchantId,
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

/** The price in one asset and what that costs the merchant; else the pair that there is no rate for. */
function priceMethod(
  { store, currency: currencyCode, price }: CreateInvoice,
  asset: Asset,
  registry: Registry,
  rates: readonly Rate[],
): Result<Pick<MethodTerms, 'whole' | 'rate' | 'fee'>, string> {
  const currency = registry.asset(currencyCode)
  const market = rateOf(rates, asset, currency)
  if (market === undefined) return err(`${asset.ticker}/${currency.ticker}`)
  const rule = feeRule(store.plan, asset.code)
  const rate = market && rule.model === 'margin' ? withMargin(market, rule.bps) : market
  const whole = wholeUnits(price, currency, asset, rate)
  const planCurrency = registry.asset(store.plan.currency)
  const fee = methodFee(
    store.plan,
    { asset, units: whole, market: wholeUnits(price, currency, asset, market) },
    { currency: planCurrency, rate: rateOf(rates, asset, planCurrency) },
  )
  return fee.ok ? ok({ whole, rate, fee: fee.value }) : err(`${asset.ticker}/${planCurrency.ticker}`)
}

/** What the whole price of an invoice is in an asset at the rates now, the margin of its method as before. */
export function priceNow(
  { price, currency: currencyCode, methods }: InvoiceTerms,
  asset: Asset,
  registry: Registry,
  rates: readonly Rate[],
): LateRate | undefined {
  const currency = registry.asset(currencyCode)
  const market = rateOf(rates, asset, currency)
  if (market === undefined) return undefined
  const marginBps = methods.find((method) => method.asset === asset.code)?.fee?.marginBps ?? 0
  const rate = market && withMargin(market, marginBps)
  return { whole: wholeUnits(price, currency, asset, rate), rate }
}

/** The market's rate of an asset in a currency; null when both have one ticker, undefined when there is none. */
export function rateOf(rates: readonly Rate[], asset: Asset, currency: Asset): Rate | null | undefined {
  return asset.ticker === currency.ticker ? null : rateBetween(rates, asset.ticker, currency.ticker)
}

/**
 * Units of the asset that pay the price at a rate, rounded up; at no rate the ticker is the same and only the
 * number of decimals may differ between chains.
 */
function wholeUnits(price: bigint, currency: Asset, asset: Asset, rate: Rate | null): bigint {
  return quoteUnits(price, currency.decimals, rate ?? { value: 1n, scale: 0 }, asset.decimals)
}

/** The rate of a pair: direct, else crossed over a currency that both are priced in. Undefined when there is none. */
function rateBetween(rates: readonly Rate[], base: string, quote: string): Rate | undefined {
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

/**
 * The number of the first tier that reaches the price. Without tiers the chain's own policy; over all tiers, the most
 * careful of the last tier and the chain's own, of which a finality tag is more careful than any number. A bank books once.
 */
function finalityFor(
  price: bigint,
  tiers: readonly ConfirmationTier[] | null,
  chain: Rail,
): Pick<MethodTerms, 'confirmationsWanted' | 'finalityWanted'> {
  if (!('confirmations' in chain)) return { confirmationsWanted: 1 }
  const tier = tiers?.find(({ upTo }) => upTo === null || price <= upTo)
  if (tier) return { confirmationsWanted: tier.confirmations }
  const confirmationsWanted = Math.max(chain.confirmations, tiers?.at(-1)?.confirmations ?? 0)
  return chain.finality ? { confirmationsWanted, finalityWanted: true } : { confirmationsWanted }
}

/**
 * Dust limits of a pay-to-taproot output (segwit v0's is lower): nodes relay nothing under it. Litecoin Core's dust fee
 * is ten times Bitcoin Core's.
 */
const DUST_UNITS = { bitcoin: 330n, litecoin: 3_300n } as const

/** Base units of which a payment on this rail must have at least as many. */
export function smallestPayment(rail: Rail): bigint {
  return rail.gateway === 'bitcoin' ? DUST_UNITS[rail.coin ?? 'bitcoin'] : 1n
}
