import { divideUp, formatDecimal } from '../money/amount.ts'
import type { Asset } from '../money/asset.ts'
import type { Rate } from '../money/rate.ts'

/** Digits after the point that money is always shown with. */
const FRACTION_MIN = 2
const ROUGH_DIGITS = 8
const TIME_STYLE = { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' } as const

/** Making a formatter takes longer than drawing the page; there is one a language and currency, and of both a few. */
const timeFormats = new Map<string, Intl.DateTimeFormat>()
const priceFormats = new Map<string, Intl.NumberFormat>()

/** Crypto as it is typed into a wallet: a point, no grouping, every digit. What the copy button copies. */
export function plainAmount(asset: Asset, units: bigint): string {
  return formatDecimal(units, asset.decimals, Math.min(FRACTION_MIN, asset.decimals))
}

/** Fiat the way the language writes it, crypto as in `plainAmount` with its ticker. Exact in both. */
export function money(asset: Asset, units: bigint, language: string): string {
  if (asset.kind !== 'fiat') return `${plainAmount(asset, units)}\u00a0${asset.ticker}`
  return priceFormat(language, asset).format(numeric(formatDecimal(units, asset.decimals)))
}

/** As a bank's form takes it, in the language's own way and without grouping: `1234,56`. Exact. */
export function transferAmount(units: bigint, decimals: number, language: string): string {
  const key = `${language} transfer ${decimals}`
  const digits = { useGrouping: false, minimumFractionDigits: decimals, maximumFractionDigits: decimals }
  const made = priceFormats.get(key) ?? new Intl.NumberFormat(language, digits)
  priceFormats.set(key, made)
  return made.format(numeric(formatDecimal(units, decimals)))
}

/** For a list to choose from: at most eight digits after the point, rounded up, and marked when that is not exact. */
export function roughAmount(asset: Asset, units: bigint): string {
  const step = 10n ** BigInt(Math.max(0, asset.decimals - ROUGH_DIGITS))
  const rounded = divideUp(units, step) * step
  return `${rounded === units ? '' : '≈\u00a0'}${plainAmount(asset, rounded)}`
}

/** `1 BTC = €60,000.00`, with no more digits than the price of one whole needs. */
export function rateText(rate: Rate, quote: Asset, language: string): string {
  const value = formatDecimal(rate.value, rate.scale, 0)
  const one = `1\u00a0${rate.base}`
  if (quote.kind !== 'fiat') return `${one} = ${value}\u00a0${quote.ticker}`
  const whole = value.split('.')[0] ?? ''
  const fraction = whole.length > 2 ? quote.decimals : Math.max(quote.decimals, 4)
  return `${one} = ${priceFormat(language, quote, fraction).format(numeric(value))}`
}

/** Date and time in UTC; the page's script turns it into the shopper's own time. */
export function timeText(atMs: number, language: string): string {
  const made = timeFormats.get(language) ?? new Intl.DateTimeFormat(language, TIME_STYLE)
  timeFormats.set(language, made)
  return `${made.format(atMs)} UTC`
}

/** A day in UTC, without a time. */
export function dayText(atMs: number, language: string): string {
  const key = `${language} day`
  const made = timeFormats.get(key) ?? new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: 'UTC' })
  timeFormats.set(key, made)
  return made.format(atMs)
}

/** Groups of four, so that two addresses can be compared by eye. `0x` goes with the first group. */
export function addressGroups(address: string): string[] {
  const start = address.startsWith('0x') ? 2 : 0
  const groups = address.slice(start).match(/.{1,4}/g) ?? []
  return start > 0 ? [`0x${groups[0] ?? ''}`, ...groups.slice(1)] : groups
}

/** First and last characters of a long id. */
export function shortId(id: string): string {
  return id.length > 20 ? `${id.slice(0, 10)}…${id.slice(-8)}` : id
}

function priceFormat(language: string, { code, decimals }: Asset, digitsMax = decimals): Intl.NumberFormat {
  const key = `${language} ${code} ${digitsMax}`
  const made =
    priceFormats.get(key) ??
    new Intl.NumberFormat(language, {
      style: 'currency',
      currency: code,
      currencyDisplay: 'narrowSymbol',
      minimumFractionDigits: decimals,
      maximumFractionDigits: digitsMax,
    })
  priceFormats.set(key, made)
  return made
}

/** Decimal text is formatted exactly (ECMA-402, Intl.NumberFormat v3); a number would round. */
function numeric(decimal: string): Intl.StringNumericLiteral {
  return decimal as Intl.StringNumericLiteral
}
