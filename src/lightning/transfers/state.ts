import { sha256 } from '@noble/hashes/sha2.js'
import type { PaymentSight } from '../../gateways/lightning/payer.ts'
import { limitFault, MAY_NOT_SEND } from '../../gateways/lightning/sending.ts'
import { fromHex, toHex } from '../../lib/bytes.ts'
import type { TransferStatus } from '../../wallet/transfers/types.ts'
import type { LightningTransfer, Payer } from './types.ts'
import type { Wish } from './wish.ts'

/** A transfer as it is kept: what was asked for, and what is known since. */
export interface KeptTransfer {
  /** The request as it came, canonical: the same again is answered, another refused. */
  readonly asked: string
  readonly wish: Wish
  readonly facts: Facts
  readonly version: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

export interface Facts {
  /** When the node was told to pay, each time; recorded before it was. */
  readonly toldAtMs: readonly number[]
  /** Which of these it has answered, from 0. */
  readonly answered: readonly number[]
  /** What it said last. */
  readonly word: string | null
  /** Its books knew nothing of the hash before the first order. */
  readonly wasUnknown: boolean
  /** When its books were looked at since the last order, and what they said. Before the first they must know nothing of it. */
  readonly sight: { readonly status: PaymentSight['status']; readonly atMs: number } | null
  readonly paid: Paid | null
  /** Why no money moved, nor ever will. */
  readonly failed: string | null
  /** Why it waits, in words. */
  readonly waits: string | null
  /** When its books first knew of it, after it was told. Absent: they have not yet. */
  readonly knownAtMs?: number
  /** The node has said that it is under way. Absent: it has not. */
  readonly underWay?: boolean
  /**
   * open: an order may still be on its way to the node. lied: the node called it paid without a proof. forgotten: it had it
   * under way, and its books know nothing of it. stuck: they show it under way for longer than any payment is. The last three
   * only a person ends, or the node by another word.
   */
  readonly doubt: 'open' | 'lied' | 'forgotten' | 'stuck' | null
}

/** `fee`: what the way cost; null where the node did not say. */
interface Paid {
  readonly preimage: string
  readonly fee: bigint | null
  readonly atMs: number
}

export const NO_FACTS: Facts = {
  toldAtMs: [],
  answered: [],
  word: null,
  wasUnknown: false,
  sight: null,
  paid: null,
  failed: null,
  waits: null,
  doubt: null,
}

/** An answer to a telling is waited for so long: longer than whoever asks the node waits (`PAY_MAX_MS`). */
export const LEASE_MS = 150_000
/**
 * A node that has not answered may begin new tries for so long: Core Lightning's `pay` splits, and tries again, what waited for
 * a minute at the payee, whatever it was told, until its parts are of 10,000 satoshi. Each time they are half as large.
 */
const TRIES_MS = 15 * 60_000
/** What the books said before a telling is old after this. */
const FRESH_MS = 30_000
/** A payment is told so often at most. More would do nothing that these did not. */
const TELLINGS_MAX = 5
/**
 * A payment hangs on its way for two weeks at most (2,016 blocks, `max_cltv` of nodes). Core Lightning 24.08 shows one as pending
 * for good when it was killed before the payment was in its channel.
 */
const STUCK_MS = 21 * 86_400_000
/** The node's clock is not ours: beyond this nobody pays an expired invoice any more. */
const EXPIRED_MARGIN_MS = 10 * 60_000
/** The outflow of any time so long is within the day's limit. */
export const DAY_MS = 86_400_000

const LOOK_MIN_MS = 2_000
const LOOK_MAX_MS = 10 * 60_000
const LOOK_PART = 5
/** What waits for leave, or for the node, is tried again after so long. */
const RETRY_MS = 20_000

export type Step = 'nothing' | 'find' | 'pay'

/** `used`: satoshi that others take of the day's limit now. */
export interface Now {
  readonly atMs: number
  readonly payer: Payer | null
  readonly used: bigint
}

/** Money that has moved has moved, whatever was said before. */
export function statusOf({ paid, failed, toldAtMs, doubt }: Facts): TransferStatus {
  if (paid !== null) return 'confirmed'
  if (failed !== null) return 'failed'
  if (toldAtMs.length === 0) return 'queued'
  return doubt === null ? 'broadcast' : 'unknown'
}

/** What is next to be done, and what that makes of it. A telling is a fact before it is made. Pure. */
export function decide({ wish, facts }: KeptTransfer, now: Now): { readonly facts: Facts; readonly step: Step } {
  if (facts.paid !== null || facts.failed !== null) return { facts, step: 'nothing' }
  if (facts.toldAtMs.length === 0) return decideFirst(wish, facts, now)
  if (isAnswerAwaited(facts, now.atMs)) return { facts, step: 'nothing' }
  if (now.payer === null) return { facts, step: 'nothing' }
  const isSeen = facts.sight !== null && now.atMs - facts.sight.atMs < LOOK_MIN_MS
  if (!isSeen) return { facts, step: 'find' }
  if (facts.sight?.status !== 'unknown' || isForPerson(facts) || !mayTellAgain(wish, facts, now.atMs))
    return { facts, step: 'nothing' }
  return { facts: { ...facts, toldAtMs: [...facts.toldAtMs, now.atMs], sight: null, waits: null, doubt: null }, step: 'pay' }
}

/** Not told yet: nothing can have moved. */
function decideFirst(wish: Wish, facts: Facts, { atMs, payer, used }: Now): { readonly facts: Facts; readonly step: Step } {
  const end = (failed: string) => ({ facts: { ...facts, failed, waits: null }, step: 'nothing' as const })
  const wait = (waits: string) => ({ facts: { ...facts, waits }, step: 'nothing' as const })
  if (wish.expiresAtMs <= atMs) return end('the invoice expired before the node was told to pay it')
  if (payer === null) return wait(MAY_NOT_SEND)
  const { policy, ownFee } = payer
  if (ownFee !== null && ownFee > wish.feeMax) return end(`the node takes ${ownFee} satoshi for it, more than its fee limit`)
  const most = wish.units + wish.feeMax
  const fault = limitFault(policy, most)
  if (fault !== null) return end(fault)
  if (used + most > BigInt(policy.dayMaxSats)) return wait('the node’s limit for 24 hours is used up; it is tried again by itself')
  const { sight } = facts
  if (sight === null || atMs - sight.atMs > FRESH_MS) return { facts, step: 'find' }
  // It was not by us: who asked the node by hand has paid, or is paying, the same invoice.
  if (sight.status === 'succeeded' || sight.status === 'in_flight')
    return end('the node has paid this invoice already, or is paying it, but not for this transfer')
  return { facts: { ...facts, toldAtMs: [atMs], wasUnknown: sight.status === 'unknown', sight: null, waits: null }, step: 'pay' }
}

/** What the node answered to its `telling`th order. */
export function answered({ wish, facts }: KeptTransfer, telling: number, sight: PaymentSight, nowMs: number): Facts {
  if (telling >= facts.toldAtMs.length) return facts
  const known = facts.answered.includes(telling) ? facts : { ...facts, answered: [...facts.answered, telling] }
  if (sight.status === 'succeeded') return paidBy(wish, known, sight, nowMs)
  if (sight.status === 'in_flight') return { ...known, underWay: true }
  return sight.status === 'failed' ? { ...known, word: sight.detail } : known
}

/** What the node's books say. `tellings`: how many there were when they were asked: what is older says nothing. */
export function sighted({ wish, facts }: KeptTransfer, tellings: number, sight: PaymentSight, nowMs: number): Facts {
  if (tellings !== facts.toldAtMs.length) return facts
  const looked: Facts = { ...facts, sight: { status: sight.status, atMs: nowMs } }
  if (facts.paid !== null || facts.failed !== null) return facts
  // Before it was told whatever the books know is not of this transfer.
  if (facts.toldAtMs.length === 0) return looked
  const seen = sight.status === 'unknown' ? looked : { ...looked, knownAtMs: facts.knownAtMs ?? nowMs }
  if (sight.status === 'succeeded') return paidBy(wish, seen, sight, nowMs)
  if (isAnswerAwaited(facts, nowMs)) return facts
  if (facts.doubt === 'lied') return seen
  if (sight.status === 'in_flight') {
    const isStuck = nowMs > (facts.toldAtMs.at(-1) as number) + STUCK_MS
    return { ...seen, underWay: true, waits: isStuck ? STUCK : null, doubt: isStuck ? 'stuck' : null }
  }
  // Restored from a copy, it may be: what it has paid since then it does not know of either.
  if (sight.status === 'unknown' && facts.underWay) return { ...seen, waits: FORGOTTEN, doubt: 'forgotten' }
  const said = sight.status === 'failed' ? sight.detail : 'the node knows nothing of it'
  if (isCertain(wish, seen, sight.status, nowMs)) return { ...seen, failed: facts.word ?? said, waits: null, doubt: null }
  const waits = `${said}, but an order to pay it may be on its way, or tried again: it is certain once its invoice has expired`
  return { ...seen, waits, doubt: 'open' }
}

const STUCK = 'the node has called it under way for weeks, which no payment is: a person must look'
const FORGOTTEN = 'the node had it under way, and knows nothing of it now: a person must look'

/** What the node itself will not make certain. */
export function isForPerson({ doubt }: Facts): boolean {
  return doubt === 'lied' || doubt === 'forgotten' || doubt === 'stuck'
}

/** The node could not be asked. */
export function unseen({ facts }: KeptTransfer, detail: string): Facts {
  if (facts.paid !== null || facts.failed !== null || facts.doubt !== null) return facts
  const waits = `the node cannot be asked: ${detail}`.slice(0, 300)
  return { ...facts, waits }
}

/** A lost answer that turns out to be money is found by looking, not by trusting: the preimage proves it. */
function paidBy(wish: Wish, facts: Facts, { preimage, fee }: Omit<Paid, 'atMs'>, atMs: number): Facts {
  if (facts.paid !== null) return facts
  if (toHex(sha256(fromHex(preimage))) !== wish.paymentHash)
    return { ...facts, waits: 'the node says that it is paid, and has no proof of it: a person must look', doubt: 'lied' }
  return { ...facts, paid: { preimage, fee, atMs }, waits: null, doubt: null }
}

/** Whether somebody may still be waiting for the node's answer to the newest order. */
function isAnswerAwaited({ toldAtMs, answered }: Facts, nowMs: number): boolean {
  const last = toldAtMs.length - 1
  return last >= 0 && !answered.includes(last) && nowMs < (toldAtMs[last] as number) + LEASE_MS
}

/**
 * Whether what the books do not show as paid will never be: every order to pay has been answered, or the only one has
 * arrived since they know of it and its last try is over, or nobody pays it any more since its invoice has expired.
 */
function isCertain(
  wish: Wish,
  { toldAtMs, answered, wasUnknown, knownAtMs }: Facts,
  status: PaymentSight['status'],
  nowMs: number,
): boolean {
  if (nowMs > wish.expiresAtMs + EXPIRED_MARGIN_MS) return true
  if (answered.length === toldAtMs.length) return true
  return toldAtMs.length === 1 && wasUnknown && status === 'failed' && nowMs > (knownAtMs ?? nowMs) + TRIES_MS
}

function mayTellAgain(wish: Wish, { toldAtMs }: Facts, nowMs: number): boolean {
  return toldAtMs.length < TELLINGS_MAX && nowMs < wish.expiresAtMs
}

/** When it is to be looked at again by itself; null when it is over. */
export function dueAtMs({ facts, createdAtMs }: Pick<KeptTransfer, 'facts' | 'createdAtMs'>, nowMs: number): number | null {
  if (facts.paid !== null || facts.failed !== null) return null
  if (isAnswerAwaited(facts, nowMs)) return (facts.toldAtMs.at(-1) as number) + LEASE_MS
  const leastMs = facts.toldAtMs.length > 0 ? LOOK_MIN_MS : facts.waits === null ? RETRY_MS / 2 : RETRY_MS
  const age = nowMs - Math.max(createdAtMs, facts.toldAtMs.at(-1) ?? 0)
  return nowMs + Math.min(Math.max(Math.floor(age / LOOK_PART), leastMs), LOOK_MAX_MS)
}

/** What it takes of the day's limit, and until when; null: for as long as it is under way. A fee that is not known is the most it may be. */
export function outflowOf({ wish, facts }: Pick<KeptTransfer, 'wish' | 'facts'>): { sats: bigint; untilMs: number | null } {
  const { paid, failed, toldAtMs } = facts
  if (paid !== null) return { sats: wish.units + (paid.fee ?? wish.feeMax), untilMs: paid.atMs + DAY_MS }
  if (failed !== null || toldAtMs.length === 0) return { sats: 0n, untilMs: 0 }
  return { sats: wish.units + wish.feeMax, untilMs: null }
}

/** As every wallet shows its transfers. */
export function transferOf({ wish, facts, version, createdAtMs, updatedAtMs }: KeptTransfer, walletId: string): LightningTransfer {
  const { bolt11, paymentHash, payee, expiresAtMs, isOpen: _isOpen, units, feeMax, ...request } = wish
  const { toldAtMs, answered: answers, sight, paid, failed, waits } = facts
  const [firstMs] = toldAtMs
  const isTaken = paid !== null || answers.length > 0 || (sight !== null && sight.status !== 'unknown')
  return {
    ...request,
    version,
    walletId,
    outputs: [{ address: bolt11, units }],
    units,
    feeMax,
    status: statusOf(facts),
    reason: paid === null ? (failed ?? waits) : null,
    plan: null,
    unsigned: null,
    challenge: null,
    approvalsWanted: 0,
    approvals: [],
    signed:
      firstMs === undefined
        ? []
        : [{ txid: paymentHash, raw: bolt11, fee: paid?.fee ?? feeMax, signedAtMs: firstMs, takenAtMs: isTaken ? firstMs : null }],
    included: null,
    fee: paid?.fee ?? null,
    createdAtMs,
    updatedAtMs,
    lightning: { paymentHash, preimage: paid?.preimage ?? null, payee, expiresAtMs },
  }
}
