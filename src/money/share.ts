import { divideDown, divideUp } from './amount.ts'

/**
 * How much of a whole is paid, exactly. Each part is `units` of an asset of which `whole` units pay everything:
 * its share is units / whole. Shares of different assets add up as fractions, so an invoice can be paid
 * partly in one asset and partly in another without a rounding anywhere.
 */
export interface Part {
  readonly units: bigint
  /** Units of the same asset that pay the whole. Over zero. */
  readonly whole: bigint
}

export interface Share {
  readonly numerator: bigint
  readonly denominator: bigint
}

export const NOTHING: Share = { numerator: 0n, denominator: 1n }

export function sumShares(parts: readonly Part[]): Share {
  const byWhole = new Map<bigint, bigint>()
  for (const part of parts) byWhole.set(part.whole, (byWhole.get(part.whole) ?? 0n) + part.units)
  let { numerator, denominator } = NOTHING
  for (const [whole, units] of byWhole) {
    numerator = numerator * whole + units * denominator
    denominator *= whole
  }
  return { numerator, denominator }
}

/** Whether the share reaches the whole less `toleranceBps` basis points. */
export function reaches(share: Share, toleranceBps: number): boolean {
  return share.numerator * 10_000n >= share.denominator * BigInt(10_000 - toleranceBps)
}

/** Units of an asset still due, rounded up to its base unit, so that paying it completes the whole. Never below 0. */
export function unitsDue(share: Share, whole: bigint): bigint {
  const missing = share.denominator - share.numerator
  return missing <= 0n ? 0n : divideUp(missing * whole, share.denominator)
}

/** Units of an asset paid beyond the whole, rounded down. Never below 0. */
export function unitsOver(share: Share, whole: bigint): bigint {
  const excess = share.numerator - share.denominator
  return excess <= 0n ? 0n : divideDown(excess * whole, share.denominator)
}

/** What the share is worth in units of the price, rounded down: what a person is shown as paid. */
export function unitsPaid(share: Share, price: bigint): bigint {
  return divideDown(share.numerator * price, share.denominator)
}
