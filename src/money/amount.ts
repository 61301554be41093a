import { err, ok, type Result } from '../lib/result.ts'

/** A number of base units of one asset: satoshi, wei, cents. Never floating point, never without its asset. */
export interface Amount {
  /** `Asset.code` */
  readonly asset: string
  readonly units: bigint
}

export type DecimalRefusal = 'not_a_decimal' | 'too_many_digits' | 'out_of_range'

/** The largest amount accepted: 2^127 - 1 base units, over any supply and within every store of ours. */
export const MAX_UNITS = 2n ** 127n - 1n

/**
 * Reads a decimal such as `12.50` into base units. Plain notation only: no sign, exponent, separators or spaces.
 * Refuses more fraction digits than the asset has, so that nothing is rounded unsaid (trailing zeros are fine).
 */
export function parseDecimal(text: string, decimals: number): Result<bigint, DecimalRefusal> {
  if (text.length > 80 || !/^\d+(\.\d+)?$/.test(text)) return err('not_a_decimal')
  const [whole, fraction = ''] = text.split('.') as [string, string?]
  const significant = fraction.replace(/0+$/, '')
  if (significant.length > decimals) return err('too_many_digits')
  const units = BigInt(whole + significant.padEnd(decimals, '0'))
  return units > MAX_UNITS ? err('out_of_range') : ok(units)
}

/** Writes base units as a decimal. Keeps at least `minFraction` digits: 1250 with 2 decimals is `12.50`. */
export function formatDecimal(units: bigint, decimals: number, minFraction: number = decimals): string {
  const negative = units < 0n
  const sign = negative ? '-' : ''
  const digits = (negative ? -units : units).toString().padStart(decimals + 1, '0')
  const whole = digits.slice(0, digits.length - decimals)
  let fraction = digits.slice(digits.length - decimals)
  while (fraction.length > minFraction && fraction.endsWith('0')) fraction = fraction.slice(0, -1)
  return fraction.length > 0 ? `${sign}${whole}.${fraction}` : `${sign}${whole}`
}

/** numerator / denominator rounded up. Both not negative, denominator over zero. */
export function divideUp(numerator: bigint, denominator: bigint): bigint {
  return (numerator + denominator - 1n) / denominator
}

/** numerator / denominator rounded down. Both not negative, denominator over zero. */
export function divideDown(numerator: bigint, denominator: bigint): bigint {
  return numerator / denominator
}

/** The smaller of two amounts of one asset. */
export function lesser(one: bigint, other: bigint): bigint {
  if (one < other) return one
  return other
}

/** The greater of two amounts of one asset. */
export function greater(one: bigint, other: bigint): bigint {
  if (one > other) return one
  return other
}
