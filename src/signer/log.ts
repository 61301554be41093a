import { sha256 } from '@noble/hashes/sha2.js'
import { toHex } from '../lib/bytes.ts'

export type LogKind = 'seed_imported' | 'policy_set' | 'stopped' | 'allowed' | 'signed' | 'refused'

/** A line of a signer object's log: written once, never changed, and bound to all before it. */
export interface LogEntry {
  /** 1, 2, 3, … */
  readonly no: number
  /** Never before the one before, whatever the clock says. */
  readonly atMs: number
  readonly kind: LogKind
  /** Canonical JSON, exactly as it was hashed. Holds no secret. */
  readonly body: string
  /** `hash` of the entry before; GENESIS for the first. */
  readonly previous: string
  readonly hash: string
}

/** Where a log ends. */
export interface LogHead {
  readonly no: number
  readonly atMs: number
  readonly hash: string
}

export const GENESIS = '0'.repeat(64)
export const EMPTY_LOG: LogHead = { no: 0, atMs: 0, hash: GENESIS }

/** The next entry after `head`. */
export function nextEntry(head: LogHead, kind: LogKind, body: string, nowMs: number): LogEntry {
  const fields = { no: head.no + 1, atMs: Math.max(head.atMs, nowMs), kind, body, previous: head.hash }
  return { ...fields, hash: hashOf(fields) }
}

/** SHA-256 in hexadecimal of the JSON list of the fields in this order. */
export function hashOf({ previous, no, atMs, kind, body }: Omit<LogEntry, 'hash'>): string {
  return toHex(sha256(new TextEncoder().encode(JSON.stringify([previous, no, atMs, kind, body]))))
}

/** Follows entries from `head`: where they end, or what does not hold, in words. Pages are checked one after another. */
export function followLog(head: LogHead, entries: readonly LogEntry[]): { readonly head: LogHead; readonly fault: string | null } {
  let at = head
  for (const entry of entries) {
    const { no, atMs, hash } = entry
    const wrong = (words: string) => ({ head: at, fault: `entry ${no}: ${words}` })
    if (no !== at.no + 1) return wrong(`follows entry ${at.no}`)
    if (atMs < at.atMs) return wrong('is older than the one before')
    if (entry.previous !== at.hash) return wrong('does not follow the hash of the one before')
    if (hash !== hashOf(entry)) return wrong('is not what its hash says')
    at = { no, atMs, hash }
  }
  return { head: at, fault: null }
}
