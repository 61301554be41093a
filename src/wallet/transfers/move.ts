import { assertEdge } from './edges.ts'
import { FUNDS_WAIT_MS, TEXT_MAX } from './limits.ts'
import type { TransferRecord, Wait } from './record.ts'
import type { Transfer } from './types.ts'

type Rest = Partial<Omit<TransferRecord, 'transfer'>>

/**
 * The record with these changes; itself, when nothing is another. A new version when anything is that others see. Throws
 * on a way that there is not.
 */
export function moved(record: TransferRecord, wanted: Partial<Transfer>, rest: Rest, nowMs: number): TransferRecord {
  const before = record.transfer
  const { reason } = wanted
  const changes = reason ? { ...wanted, reason: reason.slice(0, TEXT_MAX) } : wanted
  assertEdge(before.status, changes.status ?? before.status)
  const isSame = (Object.keys(changes) as (keyof Transfer)[]).every((name) => before[name] === changes[name])
  const isStill = (Object.keys(rest) as (keyof Rest)[]).every((name) => record[name] === rest[name])
  if (isSame) return isStill ? record : { ...record, ...rest }
  return { ...record, ...rest, transfer: { ...before, ...changes, version: before.version + 1, updatedAtMs: nowMs } }
}

/** While it is called back; null when it is not. */
export function backWords({ transfer, attempt, calledBack }: TransferRecord): string | null {
  if (calledBack === undefined) return null
  const isTheirs = transfer.custody === 'self' && attempt !== null
  return isTheirs ? 'waiting for your signature, which calls it back' : `being called back by ${calledBack}`
}

/**
 * Ends a transfer that nobody has signed, as far as is known: its money and coins are free again. A merchant may still sign
 * what they were given.
 */
export function failedUnsigned(record: TransferRecord, reason: string, nowMs: number): TransferRecord {
  const { attempt, transfer, givenUp = [] } = record
  const kept = attempt !== null && transfer.custody === 'self' ? { givenUp: [...givenUp, attempt.plan] } : {}
  const holds = record.holds.map((hold) => ({ ...hold, want: 'released' as const }))
  const changes = { status: 'failed', reason, plan: null, unsigned: null, challenge: null, fee: null } as const
  return moved(record, changes, { ...IDLE, attempt: null, holds, ...kept }, nowMs)
}

/** A transfer without a plan waits, for a day from when it began to, and has failed then. */
export function waiting(
  record: TransferRecord,
  { reason, waitsFor, untilMs }: { readonly reason: string; readonly waitsFor: Wait | null; readonly untilMs: number },
  nowMs: number,
): TransferRecord {
  const sinceMs = record.waitingSinceMs ?? nowMs
  if (nowMs - sinceMs >= FUNDS_WAIT_MS) return failedUnsigned(record, reason, nowMs)
  const changes = { status: 'queued', reason, plan: null, unsigned: null, fee: null } as const
  return moved(record, changes, { attempt: null, waitUntilMs: untilMs, waitsFor, waitingSinceMs: sinceMs }, nowMs)
}

/** Puts the plan that waits for a signature aside: nobody can have signed it, or a signed one spends the same. */
export function withoutAttempt(record: TransferRecord, reason: string | null, nowMs: number): TransferRecord {
  const plan = record.signedPlans.at(-1) ?? null
  const changes = { reason, plan, unsigned: null, fee: plan?.fee ?? null }
  if (plan === null) return moved(record, { ...changes, status: 'queued' }, { attempt: null }, nowMs)
  return moved(record, changes, { attempt: null, bumpBlocks: null }, nowMs)
}

/** Nothing is waited for. */
export const IDLE = { waitUntilMs: null, waitsFor: null, waitingSinceMs: null } as const

/** It is planned anew, or for the first time. */
export const ANEW = { status: 'queued', reason: null } as const
