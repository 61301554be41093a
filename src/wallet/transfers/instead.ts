import type { AccountKey } from '../../gateways/gateway.ts'
import type { LookQuestion, Sighting } from '../../gateways/send.ts'
import type { OwnCoin, SpendPlan } from '../../gateways/spend.ts'
import { spenderOf } from '../../gateways/spenders.ts'
import type { Sql } from '../../lib/outbox.ts'
import type { ChainConfig } from '../../money/chain.ts'
import { type Claim, freeNonce } from './funds.ts'
import { WAIT_MS } from './limits.ts'
import { failedUnsigned, IDLE, moved, waiting } from './move.ts'
import { outpoint, type TransferRecord } from './record.ts'
import { loadTransfer } from './tables.ts'

/**
 * A merchant who was given a plan to sign may sign and broadcast it also after it was ended here. What is made instead of it
 * (the same refund, to another address) spends one of the same coins, or has the same number, so that of the two at most one
 * can ever be in the chain. Where another has taken all of these meanwhile, that excludes it instead once it is final, and is
 * waited for; that the first is not there already is looked at before.
 */

/** Where the next of the ended plans is that was not looked for yet; null when all were. */
export function questionBefore(
  { sql, chain, account }: { readonly sql: Sql; readonly chain: ChainConfig; readonly account: AccountKey },
  record: TransferRecord,
): LookQuestion | null {
  const { insteadOf = [], lookedBefore = 0 } = record
  const ended = insteadOf.flatMap((id) => {
    const before = loadTransfer(sql, id)
    // Of what a person has ended the chain has been asked, and does not know.
    if (!before || before.settling) return []
    return before.givenUp?.map((plan) => ({ plan, before })) ?? []
  })
  const next = ended[lookedBefore]
  if (next === undefined) return null
  const { plan, before } = next
  const txid = spenderOf(chain).txidOf(chain, account, plan)
  const searchedHeight = record.searchedHeight || before.searchedHeight
  return { txids: txid === null ? [] : [txid], plan, payer: before.payer?.address ?? '', searchedHeight }
}

/** The answer to that. What pays already is not paid a second time. */
export function takeSightingBefore(record: TransferRecord, sighting: Sighting, nowMs: number): TransferRecord {
  const { insteadOf, lookedBefore = 0, transfer } = record
  if (insteadOf === undefined || transfer.status !== 'queued') return record
  const isConflict = sighting.status === 'conflict'
  if (sighting.status === 'absent' || (isConflict && sighting.pays === false))
    return moved(record, { reason: null }, { ...IDLE, lookedBefore: lookedBefore + 1, searchedHeight: 0 }, nowMs)
  if (!isConflict || (sighting.pays && sighting.byAll && sighting.byTxid !== null)) {
    const txid = isConflict ? sighting.byTxid : sighting.txid
    return failedUnsigned(record, `what was prepared before was signed all the same, and pays: ${txid}`, nowMs)
  }
  const reason = 'something has the place of what was prepared before: looking what it pays'
  const { searchedHeight } = sighting
  return waiting({ ...record, searchedHeight }, { reason, waitsFor: null, untilMs: nowMs + WAIT_MS }, nowMs)
}

/** The plans that were ended. */
export function givenUpBefore(sql: Sql, { insteadOf = [] }: TransferRecord): SpendPlan[] {
  return insteadOf.flatMap((id) => loadTransfer(sql, id)?.givenUp ?? [])
}

/**
 * Who has all that an ended plan spends. As long as that is not over it may be ended too, and nothing would exclude the plan any
 * more: what is made instead of it waits.
 */
export function holderOf(plans: readonly SpendPlan[], others: readonly Claim[]): Claim | undefined {
  if (plans.length === 0) return undefined
  const live = others.filter(({ isOver }) => !isOver)
  const byCoin = new Map(live.flatMap((claim) => claim.coins.map((coin) => [coin, claim])))
  const holders = plans.flatMap((plan) => {
    if (plan.kind === 'account') return live.find((claim) => freeNonce(plan.nonce, plan.index, 1, [claim]) !== plan.nonce) ?? []
    const held = plan.inputs.flatMap((coin) => byCoin.get(outpoint(coin)) ?? [])
    return held.length === plan.inputs.length ? held.slice(0, 1) : []
  })
  return holders[0]
}

/** One coin of each, each once. */
export function requiredCoins(plans: readonly SpendPlan[], free: readonly OwnCoin[]): OwnCoin[] {
  const byName = new Map(free.map((coin) => [outpoint(coin), coin]))
  const coins = plans.flatMap((plan) => {
    const names = plan.kind === 'coins' ? plan.inputs.map(outpoint) : []
    return byName.get(names.find((name) => byName.has(name)) ?? '') ?? []
  })
  return [...new Set(coins)]
}

/** The addresses that were to pay. */
export function payersBefore(plans: readonly SpendPlan[]): number[] {
  return plans.flatMap((plan) => (plan.kind === 'account' ? [plan.index] : []))
}

/** The number of one of them, if that is neither in the chain (`from`: the lowest that is not) nor another transfer's. */
export function nonceBefore(plans: readonly SpendPlan[], from: number, index: number, others: readonly Claim[]): number | null {
  const numbers = plans.flatMap((plan) => (plan.kind === 'account' && plan.index === index ? [plan.nonce] : []))
  return numbers.find((nonce) => nonce >= from && freeNonce(nonce, index, 1, others) === nonce) ?? null
}
