import type { SpendPlan } from '../../gateways/spend.ts'
import type { Intent } from '../../signer/rpc.ts'
import { wantsPlan } from './decide.ts'
import { isKnown, isLookedFor, toBroadcast } from './follow.ts'
import { CLEARED_MS, HANDED_PAUSE_MS } from './limits.ts'
import { isOver, isSigned, type TransferRecord } from './record.ts'
import type { Step } from './rpc.ts'
import { outstanding } from './signing.ts'
import type { Transfer } from './types.ts'

const NOTHING: Next = { do: 'nothing' }

/** `clear`: the books are asked whether a plan may be signed. `plan`: facts of the chain are asked for, to plan by. */
export type Next = Exclude<Step, { do: 'facts' }> | { readonly do: 'clear' } | { readonly do: 'plan' }

/** What is next for a transfer. */
export function nextOf(record: TransferRecord, isFrozen: boolean, nowMs: number): Next {
  const { transfer, attempt, waitUntilMs } = record
  if (isOver(record) || (!isSigned(record) && waitUntilMs !== null && waitUntilMs > nowMs)) return NOTHING
  if (attempt && transfer.custody === 'platform' && !isFrozen && (waitUntilMs ?? 0) <= nowMs) {
    const isAsked = outstanding(attempt, nowMs).some((atMs) => nowMs - atMs < HANDED_PAUSE_MS)
    if (!isAsked && (attempt.clearedAtMs === null || nowMs - attempt.clearedAtMs > CLEARED_MS)) return { do: 'clear' }
    if (!isAsked) return { do: 'sign', version: attempt.version, request: signRequest(transfer, attempt.plan), askedAtMs: nowMs }
  }
  if (wantsPlan(record) && !isFrozen && (waitUntilMs ?? 0) <= nowMs) return { do: 'plan' }
  if (!isSigned(record)) return attempt && isLookedFor(record, nowMs) ? lookFor(record, attempt.plan) : NOTHING
  const next = toBroadcast(record)
  if (isKnown(next) && next.takenAtMs === null && transfer.included === null && record.refusals === 0) return broadcast(record)
  // What the first one spends is what all of them spend: if that is gone, none can be in the chain.
  return lookFor(record, record.signedPlans[0] as SpendPlan)
}

export function broadcast(record: TransferRecord): Extract<Step, { do: 'broadcast' }> {
  const { txid, raw } = toBroadcast(record)
  return { do: 'broadcast', txid, raw }
}

function lookFor(
  { transfer, attempt, payer, searchedHeight, ancestors }: TransferRecord,
  plan: SpendPlan,
): Extract<Step, { do: 'look' }> {
  const txids = transfer.signed.length > 0 || !attempt?.txid ? transfer.signed.map(({ txid }) => txid) : [attempt.txid]
  return { do: 'look', question: { txids, plan, payer: payer?.address ?? '', searchedHeight, ...(ancestors && { ancestors }) } }
}

function signRequest(transfer: Transfer, plan: SpendPlan): Extract<Step, { do: 'sign' }>['request'] {
  return { intent: intentOf(transfer), plan, approvals: transfer.approvals }
}

/** What the signer is asked for, and what people approve. */
export function intentOf({ id, kind, walletId, merchantId, storeId, chainId, asset, outputs, invoiceId }: Transfer): Intent {
  return { id, kind, walletId, merchantId, storeId, chainId, asset, outputs, invoiceId }
}
