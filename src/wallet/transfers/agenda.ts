import type { ChainConfig } from '../../money/chain.ts'
import { isLookedFor } from './follow.ts'
import { RETRY_MAX_MS, RETRY_MS, SIGNATURE_WAIT_MS } from './limits.ts'
import { isBooked, isOver, isSettled, isSigned, type TransferRecord } from './record.ts'

/** Transfers looked after in one ring of the alarm. */
const DUE_MAX = 100

interface Entry {
  atMs: number
  /** From one look to the next, doubling. */
  readonly stepMs: number
  tries: number
}

/** When each transfer is looked after next. Only in memory: after a start everything under way is looked after at once. */
export class Agenda {
  readonly #entries = new Map<string, Entry>()

  /** A transfer has changed. `null`: nothing is to be done for it until somebody comes. */
  note(id: string, due: Due | null): void {
    if (due === null) this.#entries.delete(id)
    else this.#entries.set(id, { ...due, tries: 0 })
  }

  /** It is looked after at once. */
  soon(id: string, nowMs: number): void {
    this.#entries.set(id, { stepMs: RETRY_MS, tries: 0, ...this.#entries.get(id), atMs: nowMs })
  }

  /** Each of these is moved on before it is looked after, so that what fails comes again. */
  takeDue(nowMs: number): string[] {
    const due = [...this.#entries].filter(([, { atMs }]) => atMs <= nowMs).slice(0, DUE_MAX)
    for (const [, entry] of due) {
      entry.atMs = nowMs + Math.min(entry.stepMs * 2 ** Math.min(entry.tries++, 20), RETRY_MAX_MS)
    }
    return due.map(([id]) => id)
  }

  /** Nobody needs to look at it before then. */
  notBefore(id: string, atMs: number): void {
    const entry = this.#entries.get(id)
    if (entry) entry.atMs = Math.max(entry.atMs, atMs)
  }

  get nextMs(): number | null {
    let next: number | null = null
    for (const { atMs } of this.#entries.values()) if (next === null || atMs < next) next = atMs
    return next
  }
}

export interface Due {
  readonly atMs: number
  readonly stepMs: number
  /** Before this time nothing can be done. */
  readonly waitMs: number
}

export function dueOf(record: TransferRecord, chain: ChainConfig | null, nowMs: number): Due | null {
  const { transfer, attempt, waitUntilMs } = record
  if (isSettled(record)) return null
  const again = { atMs: nowMs + RETRY_MS, stepMs: RETRY_MS, waitMs: 0 }
  if (isOver(record) || !isBooked(record) || record.toldVersion !== transfer.version) return again
  if (isSigned(record)) {
    const stepMs = chain?.pollMs ?? RETRY_MS
    return { atMs: nowMs + stepMs, stepMs, waitMs: 0 }
  }
  if (transfer.status === 'needs_approval') return null
  const isTheirs = transfer.custody === 'self' && attempt !== null && !isLookedFor(record, nowMs)
  const waitMs = isTheirs ? attempt.plannedAtMs + SIGNATURE_WAIT_MS : (waitUntilMs ?? 0)
  return { ...again, atMs: Math.max(again.atMs, waitMs), waitMs }
}
