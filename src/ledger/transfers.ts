import { encodeJson } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { lesser } from '../money/amount.ts'
import { applyPostings, balanceOf } from './balances.ts'
import type { Booking, BookRefusal, PostReservation, Reservation, Reserve } from './rpc.ts'
import type { Balances, Draft, Posting } from './types.ts'

type BadPosting = Extract<BookRefusal, { reason: 'bad_posting' }>

export function reserveDraft(request: Reserve): Draft {
  const posting: Posting = { from: 'available', to: 'reserved', amount: request.amount, asset: request.asset }
  return { ...transferDraft(request, request.key, [posting]), phase: 'pending' }
}

/** What was reserved and is not posted is available again. */
export function postDraft(reservation: Reservation, request: PostReservation): Result<Draft, BadPosting> {
  const { amount: reserved, asset } = reservation
  if (request.amount <= 0n || request.amount > reserved)
    return err({ reason: 'bad_posting', detail: `${request.amount} of ${reserved} reserved ${asset} cannot be posted` })
  if (request.to === 'available' || request.to === 'reserved')
    return err({ reason: 'bad_posting', detail: `what is posted leaves the merchant’s balance, it does not go to ${request.to}` })
  const postings: Posting[] = [{ from: 'reserved', to: request.to, amount: request.amount, asset }]
  const rest = reserved - request.amount
  if (rest > 0n) postings.push({ from: 'reserved', to: 'available', amount: rest, asset })
  return ok({ ...transferDraft(reservation, request.key, postings), phase: 'post', of: reservation.key })
}

export function releaseDraft(reservation: Reservation, key: string): Draft {
  const posting: Posting = { from: 'reserved', to: 'available', amount: reservation.amount, asset: reservation.asset }
  return { ...transferDraft(reservation, key, [posting]), phase: 'void', of: reservation.key }
}

/** What merchants have. It leaves by a reservation, which a frozen ledger refuses, or by a person's adjustment. */
const MERCHANTS_OWN = ['available', 'held', 'reserved', 'shortfall']

export function bookingDraft(booking: Booking): Result<Draft, BadPosting> {
  const { key, storeId, cause, postings, invoiceId, transferId, by, reason } = booking
  const taken = postings.find(({ from }) => MERCHANTS_OWN.includes(from) || from.startsWith('self.'))
  if (taken && cause !== 'adjustment')
    return err({
      reason: 'bad_posting',
      detail: `${cause} takes nothing out of ${taken.from}: what leaves there is reserved first`,
    })
  if (cause === 'adjustment' && !(by?.trim() && reason?.trim()))
    return err({ reason: 'bad_posting', detail: 'an adjustment says who made it and why' })
  return ok({ key, storeId, cause, phase: 'single', of: null, postings, invoiceId, payment: null, transferId, by, reason })
}

function transferDraft(
  { storeId, cause, invoiceId, transferId }: Pick<Reservation, 'storeId' | 'cause' | 'invoiceId' | 'transferId'>,
  key: string,
  postings: readonly Posting[],
): Draft {
  return {
    key,
    storeId,
    cause,
    phase: 'single',
    of: null,
    postings,
    invoiceId,
    payment: null,
    transferId,
    by: null,
    reason: null,
  }
}

/** Out of what came in, what is owed is paid back first. Null when nothing is owed, or nothing is there. */
function shortfallDraft(storeId: string, key: string, asset: string, available: bigint, shortfall: bigint): Draft | null {
  const amount = lesser(available, -shortfall)
  if (amount <= 0n) return null
  const posting: Posting = { from: 'available', to: 'shortfall', amount, asset }
  return {
    key,
    storeId,
    cause: 'shortfall',
    phase: 'single',
    of: null,
    postings: [posting],
    invoiceId: null,
    payment: null,
    transferId: null,
    by: null,
    reason: null,
  }
}

/** For each asset these drafts touch: what can be paid back of what is owed, once they are posted. */
export function repayments(before: Balances, drafts: readonly Draft[]): Draft[] {
  const postings = drafts.flatMap((draft) => draft.postings)
  const after = applyPostings(before, postings)
  return [...new Set(postings.map(({ asset }) => asset))].flatMap((asset) => {
    const { storeId, key } = drafts[0] as Draft
    const [available, shortfall] = [balanceOf(after, 'available', asset), balanceOf(after, 'shortfall', asset)]
    return shortfallDraft(storeId, `${key}/shortfall/${asset}`, asset, available, shortfall) ?? []
  })
}

/** Commits of an invoice are found under its id, those of transfers too. */
export function operationKey({ key, invoiceId }: Draft): string {
  return invoiceId === null ? `op/${key}` : `${invoiceId}/op/${key}`
}

/** Everything that was asked for. */
export function contentOf({ key, storeId, cause, phase, of, postings, invoiceId, transferId, by, reason }: Draft): string {
  const moved = postings.map(({ from, to, amount, asset }) => [from, to, amount, asset])
  return encodeJson([key, storeId, cause, phase, of, moved, invoiceId, transferId, by, reason])
}
