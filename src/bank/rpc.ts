import type { PaymentFact } from '../chain/rpc.ts'
import type { BankAccount } from '../gateways/sepa/address.ts'
import type { Statement } from '../gateways/sepa/camt.ts'
import type { Result } from '../lib/result.ts'
import type { AllocateRefusal } from '../wallet/rpc.ts'
import type { BankTransfersRpc } from './transfers/types.ts'

/**
 * One bank account, named by its wallet id: it gives out references, takes statements in, knows every movement that
 * concerns an invoice, a transfer or a person, tells invoices, and keeps the transfers that go out.
 */
export interface BankRpc extends BankTransfersRpc {
  /** The first merchant has the account for ever; the same merchant may correct the holder's name and the BIC. */
  configure(account: BankAccount, merchantId: string): Promise<Result<null, { readonly reason: 'already_configured' }>>
  /** The payto address of an invoice, the same ever after. Returns once what is paid to it would be found. */
  allocate(chainId: string, invoiceId: string): Promise<Result<{ address: string; index: number }, AllocateRefusal>>
  /** The invoice that a reference was given to, by its number; null when nobody has it. */
  ownerOf(index: number): Promise<string | null>
  /** Statements have come without a gap up to this time; null before the first. */
  readUntil(): Promise<number | null>
  /** Payments by their keys, as `ChainRpc.paymentsAt` answers. Writes nothing. */
  paymentsAt(keys: readonly string[]): Promise<PaymentFact[]>
  /**
   * Takes statements of this account in: all of the file or nothing. The same file again answers what it did the first
   * time, and any entry counts once, in whichever files it comes.
   */
  take(file: StatementFile): Promise<Result<ImportReport, ImportRefusal>>
  /** Null when the account is not this merchant's. */
  standing(merchantId: string): Promise<AccountStanding | null>
  /** Credits and returns that fit no invoice, oldest first: for a person. */
  unmatched(merchantId: string, after: string | null, limit: number): Promise<UnmatchedPage>
  /** A person says which invoice a credit is for. The same again changes nothing. Who calls has checked the invoice. */
  assign(merchantId: string, entryId: string, invoiceId: string, by: string): Promise<Result<UnmatchedEntry, AssignRefusal>>
}

export interface StatementFile {
  /** SHA-256 of its bytes, in hexadecimal. */
  readonly hash: string
  readonly merchantId: string
  readonly statements: readonly Statement[]
}

export interface ImportReport {
  /** The file had been taken in before. */
  readonly replayed: boolean
  readonly statements: readonly StatementReport[]
}

/** What one statement brought. */
export interface StatementReport {
  readonly id: string
  readonly kind: Statement['kind']
  readonly closing: Statement['closing']
  /** Whether opening balance and booked entries are the closing balance. `none`: it does not have both. */
  readonly balance: 'ok' | 'none'
  /** Where statements before this one are missing, in words. */
  readonly gap: string | null
  readonly entries: number
  /** New, and for an invoice. */
  readonly matched: number
  /** New credits and returns for a person to look at. */
  readonly unmatched: number
  /** New takings-back of payments that an invoice had. */
  readonly returned: number
  /** What was known, and was told again. */
  readonly duplicates: number
  /** New, and of transfers of ours: carried out, announced, or sent back. */
  readonly transfers: number
  /** Other money out, entries that are only announced: nothing of ours. */
  readonly other: number
}

export type ImportRefusal =
  | { readonly reason: 'account_not_found'; readonly detail: string }
  /** Opening balance and entries are not the closing balance: part of the statement is missing, or it was changed. */
  | { readonly reason: 'balance_mismatch'; readonly detail: string }

export interface AccountStanding {
  readonly iban: string
  readonly holder: string
  readonly balance: Statement['closing']
  readonly readUntilMs: number | null
  readonly gap: string | null
  readonly unmatched: number
}

export interface UnmatchedPage {
  readonly entries: readonly UnmatchedEntry[]
  readonly next: string | null
}

export interface UnmatchedEntry {
  readonly id: string
  readonly direction: 'credit' | 'debit'
  readonly cents: bigint
  readonly date: string
  readonly status: 'booked' | 'pending'
  readonly text: string
  readonly reference: string | null
  readonly endToEndId: string | null
  readonly counterparty: { readonly name: string | null; readonly iban: string | null }
  readonly returnReason: string | null
  readonly invoiceId: string | null
}

export type AssignRefusal =
  | { readonly reason: 'entry_not_found' }
  /** It belongs to an invoice already, or takes money back. */
  | { readonly reason: 'entry_not_open'; readonly invoiceId: string | null }
