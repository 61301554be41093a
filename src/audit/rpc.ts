/** The name of the one audit object. */
export const AUDIT_NAME = 'system'

/**
 * What the audit remembers between its runs: one object. The audit itself (run.ts) is carried out by
 * core's cron and reads everything it compares; this only keeps cursors, suspicions and the last result.
 */
export interface AuditRpc {
  /** Starts a run; null while another one is under way. */
  begin(nowMs: number): Promise<AuditMemory | null>
  /** Ends the run that `begin` gave this memory to; one that was given up meanwhile changes nothing. */
  finish(memory: AuditMemory): Promise<void>
  /** A person has looked at a merchant's differences: so many are left open. */
  looked(merchantId: string, open: number): Promise<void>
  /** Of the last runs. Null before the first. */
  status(): Promise<AuditStatus | null>
  /** All that is remembered, for people. Null before the first run. */
  read(): Promise<AuditMemory | null>
}

/** How far each rolling comparison has come, and what looked wrong once and has to be seen again. */
export interface AuditMemory {
  /** Number of the run it was given to. */
  readonly run: number
  /** When the last run ended that could look at all it wanted to; null before. */
  readonly atMs: number | null
  /** Why the last run could not, or null. */
  readonly error: string | null
  /** `merchants`, `wallets`, and `<chain id> <part>` for each part of each chain's payments. Absent: from the beginning. */
  readonly cursors: Readonly<Record<string, string>>
  /** By `keyOf` (judge.ts), at most `SUSPECTS_MAX`. */
  readonly suspects: Readonly<Record<string, Suspect>>
  /** Open differences by merchant, where there are any. */
  readonly open: Readonly<Record<string, number>>
  /** Wallets of the platform whose reading is waited for. */
  readonly wallets: Readonly<Record<string, WaitingWallet>>
  /** When the pass over them that is under way, or was the last, began; 0 before. */
  readonly walletsFromMs: number
  /** The pass over all merchants that is under way. */
  readonly pass: Pass
  /** The last whole one. */
  readonly passed: Passed | null
}

/** What the books said of a wallet before it was read: the first half of a look. */
export interface WaitingWallet {
  readonly atMs: number
  /** In whose books the wallet is. */
  readonly merchants: readonly string[]
  /** By chain: when a reading had last been asked for. One that begins later is what is waited for. */
  readonly askedAtMs: Readonly<Record<string, number>>
  readonly inWallet: Sums
  /** By merchant: the newest transaction of the ledger that `inWallet` has. */
  readonly upTo: Readonly<Record<string, number>>
}

/** What does not agree, found by one look. */
export interface Finding {
  /** Natural key of what differs: `Difference.id`. */
  readonly id: string
  readonly kind: 'book' | 'shard' | 'chain' | 'wallet'
  /** Whose money out is to be frozen; null when it can't be said whose. */
  readonly merchantId: string | null
  readonly storeId: string | null
  /** What to look at again, when it is about an invoice. */
  readonly invoiceId: string | null
  /** One sentence with both figures, the same as long as nothing changes. */
  readonly detail: string
  /** How long it may last before it counts: messages are under way now and then. */
  readonly waitMs: number
}

/** A finding that is watched: it counts once it has lasted. */
export interface Suspect extends Finding {
  readonly sinceMs: number
  /** It has counted, and whoever is to know knows. */
  readonly raised: boolean
}

/** Sums of a pass over all merchants, in base units by asset: they end at zero. */
export interface Pass {
  readonly no: number
  readonly merchants: number
  readonly payments: number
  /** By shard. */
  readonly shards: Readonly<Record<string, Sums>>
  /** By kind of account. */
  readonly accounts: Readonly<Record<string, Sums>>
  /** By wallet of the platform. */
  readonly wallets: Readonly<Record<string, Sums>>
}

export type Sums = Readonly<Record<string, bigint>>

export interface Passed extends Pick<Pass, 'merchants' | 'payments' | 'accounts'> {
  readonly atMs: number
}

/** What anybody may know: nothing that names a merchant. */
export interface AuditStatus extends Pick<AuditMemory, 'atMs' | 'error'> {
  /** When the last whole pass over all merchants ended; null before. */
  readonly passedAtMs: number | null
  /** Looked at in the last whole pass, or so far in the first. */
  readonly merchants: number
  readonly payments: number
  /** Differences that no person has looked at yet, over all merchants, and those of no merchant while they last. */
  readonly differences: number
}
