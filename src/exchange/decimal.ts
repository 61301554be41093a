/** A positive decimal without floating point: value / 10 ** scale. */
export interface Decimal {
  readonly value: bigint
  readonly scale: number
}

/** Whole digits of a price in any currency, and fraction digits of the cheapest token, with room to spare. */
const PRICE = /^\d{1,15}(\.\d{1,20})?$/

/**
 * A price as exchanges write it in a JSON string: plain digits, at most 15 before the point and 20 after.
 * Null for anything else (a JSON number, a sign, an exponent) and for zero: such a price is no price.
 */
export function readPrice(field: unknown): Decimal | null {
  if (typeof field !== 'string' || !PRICE.test(field)) return null
  const [whole = '', fraction = ''] = field.split('.')
  const value = BigInt(whole + fraction)
  return value > 0n ? { value, scale: fraction.length } : null
}

/** The exact middle of bid and ask; null when either is missing or the bid is over the ask. */
export function midPrice(bid: Decimal | null, ask: Decimal | null): Decimal | null {
  if (bid === null || ask === null) return null
  const [low, high] = align([bid, ask])
  return low === undefined || high === undefined || low.value > high.value ? null : mean(low, high)
}

/** The exact mean of two decimals: half of their sum, on one digit more. */
export function mean(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale)
  return trim({ value: (valueAt(a, scale) + valueAt(b, scale)) * 5n, scale: scale + 1 })
}

/** All on the largest scale among them, in the same order. */
export function align(decimals: readonly Decimal[]): Decimal[] {
  const scale = Math.max(0, ...decimals.map((decimal) => decimal.scale))
  return decimals.map((decimal) => ({ value: valueAt(decimal, scale), scale }))
}

/** Without trailing zeros in the fraction. */
export function trim({ value, scale }: Decimal): Decimal {
  while (scale > 0 && value % 10n === 0n) {
    value /= 10n
    scale -= 1
  }
  return { value, scale }
}

/** `scale` must not be under the decimal's own. */
function valueAt(decimal: Decimal, scale: number): bigint {
  return decimal.value * 10n ** BigInt(scale - decimal.scale)
}
