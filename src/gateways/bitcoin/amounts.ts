import { formatDecimal, parseDecimal } from '../../money/amount.ts'

/**
 * An amount as nodes write it in JSON, read from its text: digits with a point, or with an exponent as JavaScript's nodes write
 * what is small (`1e-7`). Null for anything else, more places than the coin has among them.
 */
export function unitsOf(value: unknown, decimals: number): bigint | null {
  const [, whole, fraction = '', exponent = '0'] = /^(\d{1,10})(?:\.(\d{1,20}))?(?:[eE]([+-]?\d{1,2}))?$/.exec(String(value)) ?? []
  if (whole === undefined) return null
  const places = fraction.length - Number(exponent)
  if (places < 0) return null
  const units = parseDecimal(formatDecimal(BigInt(whole + fraction), places), decimals)
  return units.ok ? units.value : null
}
