import type { PaymentFact } from '../chain/rpc.ts'
import type { BankAccount } from '../gateways/sepa/address.ts'
import type { Statement } from '../gateways/sepa/camt.ts'
import type { Result } from '../lib/result.ts'
import type { AllocateRefusal, GivenIndex } from '../wallet/rpc.ts'
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
  /** How many references were given out: their numbers are 0 to one less. */
  used(): Promise<number>
  /** The references from this number on, at most `limit` and one more than `REFERENCES_PAGE_MAX`, and what came in on them. */
  given(fromIndex: number, limit: number): Promise<GivenReference[]>
  /** A reference in its electronic form, if it was given out. */
  find(reference: string): Promise<GivenReference | null>
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
  /** The same, and what the account has: entries and transfers under way are added up. */
  balance(merchantId: string): Promise<AccountBalance | null>
  /** A person has looked at what did not agree. False when no such difference is open. */
  clearDifference(merchantId: string, id: string, by: string): Promise<boolean>
  /** Credits and returns that fit no invoice, oldest first: for a person. */
  unmatched(merchantId: string, after: string | null, limit: number): Promise<UnmatchedPage>
  /** A person says which invoice a credit is for. The same again changes nothing. Who calls has checked the invoice. */
  assign(merchantId: string, entryId: string, invoiceId: string, by: string): Promise<Result<UnmatchedEntry, AssignRefusal>>
}

/** References that are listed at one time. */
export const REFERENCES_PAGE_MAX = 100

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
  | { readonly reason: 'date_in_future'; readonly detail: string }
  /** Opening balance and entries are not the closing balance: part of the statement is missing, or it was changed. */
  | { readonly reason: 'balance_mismatch'; readonly detail: string }

export interface AccountStanding {
  readonly iban: string
  readonly holder: string
  readonly balance: Statement['closing']
  readonly readUntilMs: number | null
  readonly gap: string | null
  readonly unmatched: number
  /** What does not agree, oldest first: while there is any, no payment file is made. */
  readonly differences: readonly AccountDifference[]
}

export interface AccountBalance extends AccountStanding {
  readonly sums: AccountSums
}

/** Cents. Null: not known, or too many to be added up. */
export interface AccountSums {
  /** The closing balance of the newest statement that joins; below zero when the account is overdrawn. */
  readonly confirmed: bigint | null
  /** Credits that the bank announces, or has booked and put into no statement yet. */
  readonly pending: bigint | null
  /** Debits likewise, and transfers that the bank has taken. Other debits of the account are seen in statements only. */
  readonly leaving: bigint | null
  /** Transfers that are made, and that no statement has carried out. */
  readonly reserved: bigint | null
}

/** Something in what the bank says does not agree, in words with both figures. */
export interface AccountDifference {
  readonly id: string
  readonly detail: string
  readonly sinceMs: number
}

/** A creditor reference that was given to an invoice, and the cents that came in on it less those that were taken back. */
export interface GivenReference extends GivenIndex {
  /** A payto URI. */
  readonly address: string
  readonly confirmed: bigint
  readonly pending: bigint
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
