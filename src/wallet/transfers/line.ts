import type { Claim } from './funds.ts'
import { isOver, type TransferRecord, type Wait } from './record.ts'

/**
 * Transfers that wait for money stand in lines: who waits for the same of one asset, the oldest first. When money may have
 * come, only those in front look; whoever leaves a line lets the next come to the front. So of thousands that wait a few ask
 * nodes, and everyone has their turn. Pure; who is told to look, and when: waking.ts.
 */

/** So many of each line look whenever something may have come, and from time to time. */
export const IN_FRONT = 5

const SWEEPS = 'sweep '

/** What others share. A deposit address that is given its gas waits for that alone, and for nothing that others wait for. */
const IN_LINE: ReadonlySet<Wait | null> = new Set(['funds', 'deposits', 'delegate', 'gas', 'reading', 'balance'])

/** Names the line that it stands in; null of what waits for nothing that others share. Sweeps have their own: others wait for them. */
export function lineOf(record: TransferRecord): string | null {
  const { transfer, waitsFor } = record
  if (isOver(record) || !IN_LINE.has(waitsFor)) return null
  return `${transfer.kind === 'sweep' ? SWEEPS : ''}${transfer.asset} ${waitsFor}`
}

/** Those of one line, the first first. */
export function standing(claims: readonly Claim[], line: string): Claim[] {
  return claims.filter((claim) => claim.line === line).sort(before)
}

/** The first of each line. `waits`: of lines for one of these alone. */
export function inFront(claims: readonly Claim[], waits?: ReadonlySet<Wait | null>): Claim[] {
  const wanted = claims.filter(({ line, waitsFor }) => line !== null && (waits === undefined || waits.has(waitsFor)))
  return [...Map.groupBy(wanted, ({ line }) => line).values()].flatMap((all) => all.sort(before).slice(0, IN_FRONT))
}

/** Who has just come to the front of a line that somebody left. */
export function nextInFront(claims: readonly Claim[], line: string): Claim | undefined {
  return standing(claims, line)[IN_FRONT - 1]
}

/**
 * Of those that `left` is enough for, where one in front needs more, who has not looked for the longest time: one of many
 * outputs may look in vain again and again, for its fee. What waits for gas has its asset, and what waits for a merchant's
 * balance looks by itself.
 */
export function firstWithin(
  claims: readonly Claim[],
  asset: string,
  left: bigint,
  lookedAtMs: ReadonlyMap<string, number>,
): Claim | undefined {
  const wanted = claims.filter((claim) => claim.asset === asset && claim.units <= left && !ELSEWHERE.has(claim.waitsFor))
  return unlooked(wanted.filter(({ line }) => line?.startsWith(SWEEPS) === false).sort(before), lookedAtMs)
}

const ELSEWHERE: ReadonlySet<Wait | null> = new Set(['gas', 'balance'])

/** Of those behind the front, who has not looked for the longest time. */
export function longestUnlooked(
  claims: readonly Claim[],
  line: string,
  lookedAtMs: ReadonlyMap<string, number>,
): Claim | undefined {
  return unlooked(standing(claims, line).slice(IN_FRONT), lookedAtMs)
}

/** The first of those who never looked in vain, else who did longest ago. */
function unlooked(claims: readonly Claim[], lookedAtMs: ReadonlyMap<string, number>): Claim | undefined {
  const atMs = ({ id }: Claim) => lookedAtMs.get(id) ?? 0
  return claims.reduce<Claim | undefined>((first, claim) => (first && atMs(first) <= atMs(claim) ? first : claim), undefined)
}

function before(one: Claim, other: Claim): number {
  return one.createdAtMs - other.createdAtMs || (one.id < other.id ? -1 : 1)
}
