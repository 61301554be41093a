import { nameAtBanks } from '../../gateways/sepa/pain001.ts'
import type { BankWord } from '../../gateways/sepa/pain002.ts'
import { wordsOf } from '../../gateways/sepa/reasons.ts'
import { formatDecimal } from '../../money/amount.ts'
import { SEPA } from '../../money/bank.ts'
import type { TransferStatus } from '../../wallet/transfers/types.ts'
import type { Entry } from '../entries.ts'
import type { BankTransfer, CreateBankTransfer } from './types.ts'

/** A transfer as it is kept: what was asked for, and what is known since. */
export interface KeptTransfer {
  /** The request as it came, canonical: the same again is answered, another refused. */
  readonly asked: string
  readonly wish: Wish
  readonly facts: TransferFacts
  readonly version: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

/** A request that was checked, with nothing left open. */
export interface Wish extends Omit<CreateBankTransfer, 'outputs' | 'recipientName' | 'recipientBic' | 'text'> {
  readonly iban: string
  readonly units: bigint
  readonly recipientName: string
  readonly recipientBic: string | null
  readonly text: string
}

/** All that is known, in whatever order it came: the status follows from it. */
export interface TransferFacts {
  readonly fileId: string | null
  /** A person ended it: before it was in a file, or with its file. */
  readonly endedBy: string | null
  readonly accepted: boolean
  readonly rejected: BankWord | null
  readonly word: BankWord | null
  /** The entry that carries it out. */
  readonly debit: EntryFact | null
  /** The entry that takes it back. */
  readonly credit: EntryFact | null
}

export type EntryFact = Pick<Entry, 'id' | 'place' | 'date' | 'cents' | 'returnReason'>

export const NO_FACTS: TransferFacts = {
  fileId: null,
  endedBy: null,
  accepted: false,
  rejected: null,
  word: null,
  debit: null,
  credit: null,
}

/**
 * What is booked goes before what was said, what the bank says before what a person does: money that has moved has moved.
 * See the table in docs/sepa.md.
 */
export function statusOf({ fileId, endedBy, accepted, rejected, debit, credit }: TransferFacts): TransferStatus {
  if (credit?.place === 'booked') return 'failed'
  if (debit?.place === 'booked') return 'confirmed'
  if (rejected !== null) return 'failed'
  if (accepted || debit?.place === 'pending') return 'broadcast'
  if (endedBy !== null) return 'failed'
  return fileId === null ? 'queued' : 'signing'
}

/** With an entry that carries it out, or takes it back, as the entry is now. */
export function withEntry(facts: TransferFacts, { id, place, date, cents, returnReason, direction }: Entry): TransferFacts {
  const fact: EntryFact = { id, place, date, cents, returnReason }
  return direction === 'debit' ? { ...facts, debit: fact } : { ...facts, credit: fact }
}

/** With a word of the bank. What it refused it has refused; what it accepted it may still refuse. */
export function withWord(facts: TransferFacts, word: BankWord): TransferFacts {
  const { meaning } = word
  return {
    ...facts,
    word,
    accepted: facts.accepted || meaning === 'accepted',
    rejected: facts.rejected ?? (meaning === 'rejected' ? word : null),
  }
}

/** As every wallet shows its transfers. */
export function transferOf({ wish, facts, version, createdAtMs, updatedAtMs }: KeptTransfer, walletId: string): BankTransfer {
  const { iban, recipientName, recipientBic, text, units, ...request } = wish
  const { credit, debit } = facts
  return {
    ...request,
    version,
    walletId,
    chainId: SEPA.id,
    asset: SEPA.assetCode,
    outputs: [{ address: iban, units }],
    units,
    feeMax: 0n,
    status: statusOf(facts),
    reason: reasonOf(facts),
    plan: null,
    unsigned: null,
    challenge: null,
    approvalsWanted: 0,
    approvals: [],
    signed: [],
    included: null,
    fee: null,
    createdAtMs,
    updatedAtMs,
    bank: {
      recipientName,
      recipientBic,
      text,
      endToEndId: nameAtBanks(wish.id),
      fileId: facts.fileId,
      word: facts.word,
      bookedOn: debit?.place === 'booked' ? debit.date : null,
      returned: credit?.place === 'booked' ? { on: credit.date, units: credit.cents, reason: credit.returnReason } : null,
    },
  }
}

function reasonOf(facts: TransferFacts): string | null {
  const { fileId, endedBy, rejected, word, credit } = facts
  const said = word && `the bank says ${saidOf(word)}`
  switch (statusOf(facts)) {
    case 'queued':
      return 'it waits for a payment file'
    case 'signing':
      return said ?? `it waits until you bring the payment file ${fileId} to your bank`
    case 'broadcast':
      return said ?? 'the bank has announced it'
    case 'failed':
      if (credit?.place === 'booked') return returnWords(credit)
      return rejected ? `the bank refused it: ${saidOf(rejected)}` : `${endedBy} ended it`
    default:
      return null
  }
}

function returnWords({ date, cents, returnReason }: EntryFact): string {
  const why = returnReason === null ? '' : `: ${wordsOf(returnReason)}`
  return `it was sent back on ${date} with ${formatDecimal(cents, 2)} EUR${why}`
}

function saidOf({ code, reasons, detail }: BankWord): string {
  return [code, ...reasons.map(wordsOf), ...(detail === null ? [] : [detail])].join(', ')
}
