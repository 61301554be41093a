import { type Place, type ReceiveEnv, readUntil } from '../bank/receive.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import { type Command, decide } from './decide.ts'
import { evolve } from './evolve.ts'
import type { Invoice } from './types.ts'
import { deadlineOf } from './view.ts'

/** While a chain is behind, the deadline is looked at again after so long at the least; then doubling to the last. */
const RETRY_MS = 2_000
const RETRY_MAX_MS = 60_000

type DeadlineEnv = Pick<ReceiveEnv, 'CHAINS_FOLLOWED' | 'BANKS' | 'LIGHTNINGS'>

/** An invoice that is paid has no deadline; should its payment go away, the deadline counts again. */
export function awaitsDeadline(invoice: Invoice): boolean {
  return invoice.status === 'new' && !invoice.deadlinePassed
}

/**
 * When it is to be looked at next; null when there is nothing to look at. It follows from the times alone: an object that
 * sleeps between two looks remembers no tries.
 */
export function deadlineLookAtMs(invoice: Invoice, nowMs: number): number | null {
  if (!awaitsDeadline(invoice)) return null
  const deadlineAtMs = deadlineOf(invoice)
  if (nowMs < deadlineAtMs) return deadlineAtMs
  // The longer nobody brings news, the less often they are asked for: a bank's statement may be days late.
  const passedMs = nowMs - deadlineAtMs
  const retryMaxMs = Math.max(RETRY_MAX_MS, Math.floor(passedMs / 10))
  return nowMs + Math.max(RETRY_MS, Math.min(passedMs, retryMaxMs))
}

/** Whether this would open a paid invoice again though its time is over. Then it is over at once, in the same commit. */
export function reopensAfterDeadline(invoice: Invoice, command: Command, nowMs: number): boolean {
  if (invoice.status === 'new' || invoice.deadlinePassed || nowMs < deadlineOf(invoice)) return false
  const events = decide(invoice, command, nowMs)
  return events.ok && events.value.reduce<Invoice>(evolve, invoice).status === 'new'
}

/** Whether every chain on which this invoice showed an address has been read up to its deadline: only then is its time over. */
export async function isReadToDeadline(env: DeadlineEnv, { activations, terms }: Invoice): Promise<boolean> {
  const shown = terms.methods.filter(({ asset }) => activations.some((active) => active.asset === asset))
  const places = [...new Map(shown.map((method) => [`${method.chainId} ${method.walletId}`, method])).values()]
  const read = await Promise.all(places.map((place) => isReadUpTo(env, place, terms.expiresAtMs + (place.transitMs ?? 0))))
  return read.every(Boolean)
}

async function isReadUpTo(env: DeadlineEnv, place: Place, atMs: number): Promise<boolean> {
  try {
    const untilMs = await readUntil(env, place)
    return untilMs !== null && untilMs >= atMs
  } catch (thrown) {
    logEvent('warn', 'chain_health_unknown', { chainId: place.chainId, reason: reasonOf(thrown) })
    return false
  }
}
