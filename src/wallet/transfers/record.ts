import type { WebhookEvent } from '../../delivery/rpc.ts'
import type { SpendPlan } from '../../gateways/spend.ts'
import type { Cause, Posting } from '../../ledger/types.ts'
import type { Transfer } from './types.ts'

/**
 * A transfer as the wallet object keeps it: what everybody may see, and what is still to be done for it. What is to be
 * done is said here, in one row with the decision that wants it, and is done again until it is acknowledged.
 */
export interface TransferRecord {
  readonly transfer: Transfer
  /** Money of the books: what is to become of each reservation, and what has. Empty for watch-only wallets. */
  readonly holds: readonly Hold[]
  /** Numbers the reservations for the fee, so that no key is used twice. */
  readonly feeHolds: number
  /** What is to be booked once it is over, in this order, after all holds are where they are wanted. */
  readonly bookings: readonly PendingBooking[]
  /** Plans of `transfer.signed`, one for each. All of them spend what the first one spends. */
  readonly signedPlans: readonly SpendPlan[]
  /** The plan that waits for a signature: of the payment, or of its replacement. */
  readonly attempt: Attempt | null
  /** A replacement is wanted, to be in so many blocks. */
  readonly bumpBlocks: number | null
  /** EVM: whose address pays. */
  readonly payer: Payer | null
  /** Of a sweep: the indices whose deposits are brought to the payer. None of them: the payer is made ready for it first. */
  readonly deposits: readonly number[] | null
  /** EVM hot wallets: the sweeps that were made because this one waited for them, oldest first. Absent: none. */
  readonly sweeps?: readonly string[]
  /** No block above this height has been searched for it. */
  readonly searchedHeight: number
  /** Nothing is done for it before this time; null when nothing is waited for but answers. */
  readonly waitUntilMs: number | null
  /** What would end the waiting sooner. */
  readonly waitsFor: Wait | null
  /** When it began to wait for money, coins, a lower fee or to be allowed; null when it does not. */
  readonly waitingSinceMs: number | null
  /** Broadcasts refused one after another: the next one tries the attempt before. */
  readonly refusals: number
  /** Everybody has heard everything up to this version. */
  readonly toldVersion: number
  /** Webhooks of later versions. */
  readonly webhooks: readonly WebhookEvent[]
}

/**
 * turn: another transaction of the same payer is signed first. funds: coins. deposits: a sweep brings them. delegate: a sweep
 * of nothing makes the treasury ready. gas: the payer has too little of the chain's own asset. reading: the newest one is too
 * old. sending: it is frozen.
 */
export type Wait = 'turn' | 'funds' | 'deposits' | 'delegate' | 'gas' | 'reading' | 'sending'

export interface Hold {
  /** Key of the reservation: the transfer's id, `<id>/fee`, `<id>/fee/2`, … */
  readonly key: string
  readonly kind: 'units' | 'fee'
  readonly asset: string
  /** Over zero. */
  readonly units: bigint
  readonly want: 'held' | 'posted' | 'released'
  /** By the ledger's word; `asked` until there is one. */
  readonly is: 'asked' | 'held' | 'posted' | 'released'
}

export interface PendingBooking {
  readonly key: string
  readonly cause: Extract<Cause, 'refund' | 'payout' | 'network_fee'>
  readonly postings: readonly Posting[]
}

export interface Attempt {
  readonly plan: SpendPlan
  /** Of the transfer when it was planned: names this attempt. */
  readonly version: number
  readonly plannedAtMs: number
  /** When the books last let it through: their fee is reserved, and nothing is frozen; null before. */
  readonly clearedAtMs: number | null
  /**
   * When it was given to the signer without an answer so far, oldest first. As long as there is one, it may be signed at
   * any moment, and is not put aside.
   */
  readonly handedAtMs: readonly number[]
}

export interface Payer {
  readonly index: number
  readonly address: string
}

/** Whether nothing changes any more but what others are to hear. */
export function isOver({ transfer }: TransferRecord): boolean {
  return transfer.status === 'confirmed' || transfer.status === 'failed'
}

/** Whether there are bytes that may be in the chain, or be put there. */
export function isSigned({ transfer }: TransferRecord): boolean {
  return transfer.signed.length > 0
}

/** Whether books and listeners have everything, so that nobody needs to come back to it. */
export function isSettled(record: TransferRecord): boolean {
  return isOver(record) && isBooked(record) && record.toldVersion === record.transfer.version
}

export function isBooked({ holds, bookings }: TransferRecord): boolean {
  return bookings.length === 0 && holds.every(({ want, is }) => want === is)
}

/** Whether its money is set aside, or none needs to be: before that nobody has been told that there is such a transfer. */
export function isAccepted({ holds }: TransferRecord): boolean {
  return !holds.some(({ kind, want, is }) => kind === 'units' && want === 'held' && is === 'asked')
}

/** The coins that any of its transactions spends, as `txid:vout`. */
export function coinsOf({ signedPlans, attempt }: Pick<TransferRecord, 'signedPlans' | 'attempt'>): string[] {
  const plans = attempt ? [...signedPlans, attempt.plan] : signedPlans
  return [...new Set(plans.flatMap((plan) => (plan.kind === 'coins' ? plan.inputs.map(outpoint) : [])))]
}

export function outpoint({ txid, vout }: { readonly txid: string; readonly vout: number }): string {
  return `${txid}:${vout}`
}
