import type { Finding, Suspect } from './rpc.ts'

/** What is remembered of suspicions; past it those that were raised are forgotten first, then the newest. */
export const SUSPECTS_MAX = 500

/**
 * Decides which findings count. Pure. One counts when it has been the same in every look for as long as it may last by
 * itself, and is raised once. One that was looked for and not found again is forgotten.
 */
export function judge(
  suspects: Readonly<Record<string, Suspect>>,
  findings: readonly Finding[],
  /** `keyOf` of all that was looked at. */
  looked: ReadonlySet<string>,
  nowMs: number,
): { suspects: Record<string, Suspect>; raise: Suspect[] } {
  const kept: Record<string, Suspect> = {}
  for (const [key, suspect] of Object.entries(suspects)) if (!looked.has(key)) kept[key] = suspect
  const raise: Suspect[] = []
  for (const finding of findings) {
    const key = keyOf(finding)
    const known = suspects[key]
    const same = known?.detail === finding.detail ? known : null
    const suspect = { ...finding, sinceMs: same?.sinceMs ?? nowMs, raised: same?.raised ?? false }
    const counts = nowMs - suspect.sinceMs >= finding.waitMs
    if (counts && !suspect.raised) raise.push({ ...suspect, raised: true })
    kept[key] = { ...suspect, raised: suspect.raised || counts }
  }
  return { suspects: bounded(kept), raise }
}

/** Names what a finding is about, over all merchants. */
export function keyOf({ merchantId, id }: Pick<Finding, 'merchantId' | 'id'>): string {
  return `${merchantId ?? '-'} ${id}`
}

/** A raised one that is forgotten is raised again, which changes nothing; one that never was must not be lost. */
function bounded(suspects: Record<string, Suspect>): Record<string, Suspect> {
  const entries = Object.entries(suspects)
  if (entries.length <= SUSPECTS_MAX) return suspects
  entries.sort(([, one], [, other]) => Number(one.raised) - Number(other.raised) || one.sinceMs - other.sinceMs)
  return Object.fromEntries(entries.slice(0, SUSPECTS_MAX))
}
