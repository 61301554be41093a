import type { WebhookEvent } from '../../delivery/rpc.ts'
import type { TrackedTransaction } from '../../gateways/gateway.ts'
import type { OwnPayment, SpendPlan } from '../../gateways/spend.ts'
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
  /** A sweep that the wallet made by itself: nobody has named its limit, which is of as many addresses as it brings. */
  readonly hasHouseLimit?: true
  /** A sweep where there are no delegates: of all that a deposit address has, or of the gas that it needs for that first. */
  readonly own?: OwnPayment
  /** EVM hot wallets: the sweeps that were made because this one waited for them, oldest first. Absent: none. */
  readonly sweeps?: readonly string[]
  /** Of an acceleration, what waited when it was first planned, parents before children; absent of all else. */
  readonly ancestors?: readonly TrackedTransaction[]
  /** A merchant's own: who wants it ended, as soon as the chain says that it was not broadcast. Absent or null: nobody. */
  readonly cancelling?: string | null
  /** Plans that were ended though a merchant may sign them yet, or has bytes of them: what is made instead spends of each. */
  readonly givenUp?: readonly SpendPlan[]
  /** Transfers that were ended and that it is made instead of: of the two at most one may ever be in the chain. */
  readonly insteadOf?: readonly string[]
  /** How many of their plans the chain was looked at for before it is planned itself. Absent: none. */
  readonly lookedBefore?: number
  /** Another transfer has, or had, what these spend: when that is over the chain is looked at again. Absent: none. */
  readonly isHeld?: boolean
  /** Who wants it back though it is signed: what is planned next pays nobody. Absent: nobody. */
  readonly calledBack?: string
  /**
   * A person's word that it is to be ended though nobody can say what became of it: it is, once more, when no node has any of
   * its transactions. Stays with what was ended so. Absent or null: nobody's.
   */
  readonly settling?: Word | null
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
 * of nothing makes the treasury ready. topup: the treasury sends a deposit address its gas. gas: the payer has too little of
 * the chain's own asset. reading: the newest one is too
 * old. sending: it is frozen, or over a limit. balance: of a refund, the merchant's does not cover the network fee.
 */
export type Wait = 'turn' | 'funds' | 'deposits' | 'delegate' | 'topup' | 'gas' | 'reading' | 'sending' | 'balance'

/** Who, and why. */
export interface Word {
  readonly by: string
  readonly reason: string
}

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
  /** The id that its transaction has, whoever signs it; null or absent where the signature makes it. */
  readonly txid?: string | null
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
  /**
   * Such a question was lost: the signer may have bytes that nobody has heard of. It is asked for them, so the plan stays
   * until it has given them, or has said that there are none.
   */
  readonly isLost?: boolean
}

export interface Payer {
  readonly index: number
  readonly address: string
}

/** Whether it hurries a waiting transaction, by a child that spends what that pays the wallet: docs/accelerations.md. */
export function isAcceleration({ parentTxid }: Pick<Transfer, 'parentTxid'>): boolean {
  return typeof parentTxid === 'string'
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

/** Whether a plan of a transfer that pays somebody pays nobody: it calls the payment back. */
export function isEmpty({ transfer }: TransferRecord, plan: SpendPlan): boolean {
  if (transfer.outputs.length === 0) return false
  if (plan.kind === 'account') return plan.value === 0n && plan.data === '0x'
  return plan.outputs.length === (plan.change === null ? 0 : 1)
}

/** The coins that any of its transactions spends, as `txid:vout`. */
export function coinsOf({ signedPlans, attempt }: Pick<TransferRecord, 'signedPlans' | 'attempt'>): string[] {
  const plans = attempt ? [...signedPlans, attempt.plan] : signedPlans
  return [...new Set(plans.flatMap((plan) => (plan.kind === 'coins' ? plan.inputs.map(outpoint) : [])))]
}

export function outpoint({ txid, vout }: { readonly txid: string; readonly vout: number }): string {
  return `${txid}:${vout}`
}
