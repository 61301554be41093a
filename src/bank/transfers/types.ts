import type { BankWord, StatusReport } from '../../gateways/sepa/pain002.ts'
import type { Result } from '../../lib/result.ts'
import type { CreateTransfer, TransferRefusal, TransferStepRefusal } from '../../wallet/transfers/rpc.ts'
import type { Transfer } from '../../wallet/transfers/types.ts'

/**
 * Money out of one bank account. Part of what the bank object answers (`BankRpc`). The merchant brings payment files to
 * the bank, and the bank's answers and statements back: nobody else can move the money.
 */
export interface BankTransfersRpc {
  /**
   * Records a transfer under its id; it goes out with the next payment file. The same again answers it as it is now, another
   * under the same id is refused. A refund goes only to an account that paid the invoice, and never beyond what came from it.
   */
  createTransfer(request: CreateBankTransfer): Promise<Result<BankTransfer, TransferRefusal>>
  /** Null when there is no such transfer. Reading an unknown one writes nothing. */
  transfer(id: string): Promise<BankTransfer | null>
  /** Ends a transfer that is in no payment file yet. */
  cancelTransfer(id: string, by: string): Promise<Result<BankTransfer, TransferStepRefusal>>
  /** D1 has this version of it, or a newer one. Of an unknown transfer nothing is kept. */
  projectedTransfer(id: string, version: number): Promise<void>
  /** Who paid: null when the payment is none of this account, or the bank did not say. */
  debtorOf(paymentKey: string): Promise<Debtor | null>

  /** Puts every transfer that waits, at most `FILE_TRANSFERS_MAX`, into one file. A transfer is in one file, ever. */
  makePaymentFile(merchantId: string): Promise<Result<PaymentFileInfo, PaymentFileRefusal>>
  /** The newest 100, newest first. */
  paymentFiles(merchantId: string): Promise<PaymentFileInfo[]>
  /** The file itself, the same bytes each time. Null when there is none; a withdrawn one has no bytes any more. */
  paymentFile(merchantId: string, id: string): Promise<{ info: PaymentFileInfo; xml: string | null } | null>
  /** A person's word that the bank never got the file, nor ever will: its transfers end. */
  withdrawPaymentFile(merchantId: string, id: string, by: string): Promise<Result<PaymentFileInfo, PaymentFileRefusal>>
  /** The bank's answer to a file. The same again, or an older one later, changes nothing. */
  takeReport(merchantId: string, report: StatusReport): Promise<Result<ReportOutcome, PaymentFileRefusal>>
}

/** `outputs` is one: its address an IBAN, its units cents. */
export interface CreateBankTransfer extends CreateTransfer {
  /** Needed for a payout; of a refund, who paid. */
  readonly recipientName?: string | null
  readonly recipientBic?: string | null
  /** For the recipient to read; of a refund, the creditor reference it was paid with. */
  readonly text?: string | null
}

/** A transfer as every wallet has it, and what only a bank knows of it. */
export interface BankTransfer extends Transfer {
  readonly bank: BankLeg
}

export interface BankLeg {
  readonly recipientName: string
  readonly recipientBic: string | null
  readonly text: string
  /** What it is called between banks. */
  readonly endToEndId: string
  /** Null until it is in one. */
  readonly fileId: string | null
  /** What the bank said last. */
  readonly word: BankWord | null
  /** When it was booked; `YYYY-MM-DD`. */
  readonly bookedOn: string | null
  /** What of it came back, when, and the bank's code for why. */
  readonly returned: { readonly on: string; readonly units: bigint; readonly reason: string | null } | null
}

export interface Debtor {
  readonly iban: string
  readonly name: string
}

export interface PaymentFileInfo {
  /** `pf_…`; at banks its name in capitals, without the underscore. */
  readonly id: string
  readonly createdAtMs: number
  readonly transfers: number
  readonly cents: bigint
  /** The bank's newest word on the whole. */
  readonly word: BankWord | null
  readonly withdrawnBy: string | null
}

export interface ReportOutcome {
  readonly fileId: string
  /** Transfers of the file by what the report says of them. */
  readonly accepted: number
  readonly rejected: number
  readonly pending: number
  /** Those whose status it has changed. */
  readonly changed: number
}

export type PaymentFileRefusal =
  | { readonly reason: 'account_not_found' | 'payment_file_not_found'; readonly detail: string }
  | { readonly reason: 'nothing_to_send'; readonly detail: string }
  /** What the bank says of the account does not agree, and no person has looked. */
  | { readonly reason: 'sending_frozen'; readonly detail: string }
  /** The bank has it already, by its own word. */
  | { readonly reason: 'payment_file_taken'; readonly detail: string }
