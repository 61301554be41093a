import type { AssetPolicy } from './policy.ts'
import type { SignRefusal } from './rpc.ts'

/** What was signed for one intent, as the limits see it: once, when it was first signed. */
export interface Outflow {
  readonly atMs: number
  readonly asset: string
  readonly storeId: string
  /** Base units by destination. None of a sweep: it stays in the wallet. */
  readonly destinations: Readonly<Record<string, bigint>>
}

/** A fee that was signed for, in base units of the chain's native asset: of a bump, what it added. */
export interface FeeOutflow {
  readonly atMs: number
  readonly chainId: string
  readonly fee: bigint
}

type LimitRefusal = Extract<SignRefusal, { reason: 'limit_reached' }>

export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS

/**
 * The first limit that one more outflow at `wanted.atMs` would pass, or null. `outflows`: at least all of the last day,
 * none later. A window of a length is the time up to now, its own beginning left out.
 */
export function limitReached(policy: AssetPolicy, outflows: readonly Outflow[], wanted: Outflow): LimitRefusal | null {
  const ofAsset = outflows.filter(({ asset }) => asset === wanted.asset)
  const units = total(wanted)
  if (units > policy.perTransfer) return refusal('per_transfer', units, policy.perTransfer, null)
  const ofStore = ofAsset.filter(({ storeId }) => storeId === wanted.storeId)
  const windows: [string, Piece[], bigint, bigint, number][] = [
    ['per_hour', ofAsset.map(piece), units, policy.perHour, HOUR_MS],
    ['per_day', ofAsset.map(piece), units, policy.perDay, DAY_MS],
    ['per_store_per_day', ofStore.map(piece), units, policy.perStorePerDay, DAY_MS],
    ...Object.entries(wanted.destinations).map(([to, more]): [string, Piece[], bigint, bigint, number] => [
      'per_destination_per_day',
      ofAsset.flatMap(({ atMs, destinations }) => (destinations[to] === undefined ? [] : [{ atMs, units: destinations[to] }])),
      more,
      policy.perDestinationPerDay,
      DAY_MS,
    ]),
  ]
  for (const [limit, pieces, more, most, lengthMs] of windows) {
    const over = windowReached(limit, pieces, more, most, lengthMs, wanted.atMs)
    if (over) return over
  }
  return null
}

/** The daily limit on fees, over all that is signed on one chain. */
export function feesReached(perDay: bigint, fees: readonly FeeOutflow[], wanted: FeeOutflow): LimitRefusal | null {
  const pieces = fees.filter(({ chainId }) => chainId === wanted.chainId).map(({ atMs, fee }) => ({ atMs, units: fee }))
  return windowReached('fees_per_day', pieces, wanted.fee, perDay, DAY_MS, wanted.atMs)
}

interface Piece {
  readonly atMs: number
  readonly units: bigint
}

function windowReached(
  limit: string,
  pieces: readonly Piece[],
  more: bigint,
  most: bigint,
  lengthMs: number,
  nowMs: number,
): LimitRefusal | null {
  const inside = pieces.filter(({ atMs }) => atMs > nowMs - lengthMs).sort((one, other) => one.atMs - other.atMs)
  let sum = inside.reduce((all, { units }) => all + units, more)
  if (sum <= most) return null
  const wouldBe = sum
  for (const { atMs, units } of inside) {
    sum -= units
    if (sum <= most) return refusal(limit, wouldBe, most, atMs + lengthMs)
  }
  return refusal(limit, wouldBe, most, null)
}

function total({ destinations }: Pick<Outflow, 'destinations'>): bigint {
  return Object.values(destinations).reduce((sum, units) => sum + units, 0n)
}

function piece(outflow: Outflow): Piece {
  return { atMs: outflow.atMs, units: total(outflow) }
}

function refusal(limit: string, units: bigint, most: bigint, retryAtMs: number | null): LimitRefusal {
  const detail = `${limit}: it would come to ${units} base units, and ${most} are allowed`
  return { reason: 'limit_reached', limit, retryAtMs, detail }
}
