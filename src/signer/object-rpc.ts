import type { AccountKey } from '../gateways/gateway.ts'
import type { Result } from '../lib/result.ts'
import type { Word } from './book.ts'
import type { LogEntry, LogHead } from './log.ts'
import type { Policy } from './policy.ts'
import type { SignerRpc } from './rpc.ts'
import type { SealedSeed } from './seal.ts'

/** Name of the object whose switch stops every wallet. It has no seed. */
export const ALL_WALLETS = 'all'

/** Entries in one answer. */
export const LOG_PAGE_MAX = 200

/**
 * One object per wallet of the platform, named by the wallet id: everything the signer Worker can be asked. What is not in
 * `SignerRpc` is for operators (admin.ts), and no other Worker reaches it. No seed comes out, and nothing signs a hash.
 */
export interface SignerObjectRpc extends SignerRpc {
  /** Takes the seed that the ceremony sealed, if it makes this very wallet. The same account sealed anew may follow. */
  importSeed(envelope: SealedSeed, by: string): Promise<Result<AccountKey, ImportRefusal>>
  /** Answers its version. */
  setPolicy(policy: Policy, by: string): Promise<Result<number, { readonly reason: 'wallet_not_hot' }>>
  /** From now on nothing is signed, nor answered that was signed before. */
  stop(word: Word): Promise<Result<null, { readonly reason: 'wallet_not_hot' }>>
  allow(word: Word): Promise<Result<null, { readonly reason: 'wallet_not_hot' }>>
  /** Why this object's own switch stops; null when it does not. */
  stopped(): Promise<string | null>
  standing(): Promise<SignerStanding>
  /** Entries after a number, oldest first, at most `LOG_PAGE_MAX`. */
  log(afterNo: number): Promise<LogEntry[]>
}

export type ImportRefusal = {
  /** Sealed under another key, or changed; for no chain here; of another wallet; not the account that is here already. */
  readonly reason: 'cannot_open' | 'no_such_chain' | 'another_wallet' | 'another_seed'
  readonly detail: string
}

export interface SignerStanding {
  /** Null before a seed was imported. */
  readonly account: AccountKey | null
  readonly policy: Policy | null
  /** 0 before the first. */
  readonly policyVersion: number
  readonly stopped: string | null
  readonly head: LogHead
}
