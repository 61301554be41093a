import type { NodeError } from '../../gateways/gateway.ts'
import type { PaymentSight } from '../../gateways/lightning/payer.ts'
import type { Sql } from '../../lib/outbox.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import type { LightningRail } from '../../money/lightning.ts'
import { TEXT_MAX } from '../../wallet/transfers/limits.ts'
import type { Word } from '../../wallet/transfers/record.ts'
import type { CreateTransfer, TransferRefusal, TransferStepRefusal } from '../../wallet/transfers/rpc.ts'
import { invoiceByHash, type NodeRow } from '../tables.ts'
import { answered, decide, isForPerson, type KeptTransfer, NO_FACTS, sighted, statusOf, unseen } from './state.ts'
import { countOpen, insertTransfer, isHashTaken, outflowBeside, outgoingOf, putFacts, readSending, transferAt } from './tables.ts'
import type { Payer, PaymentStep } from './types.ts'
import { askedFor, readWish } from './wish.ts'

/** Transfers that are not over. */
export const OPEN_MAX = 1_000

/** Each of these is one decision of the object, and runs in a transaction. */
export function createTransfer(
  sql: Sql,
  node: NodeRow,
  rail: LightningRail,
  request: CreateTransfer,
  /** What the node has in its channels; null when it did not say. */
  has: bigint | null,
  nowMs: number,
): Result<KeptTransfer, TransferRefusal> {
  const asked = askedFor(request)
  const known = transferAt(sql, request.id)
  if (known) return known.asked === asked ? ok(known) : err({ reason: 'transfer_id_reused' })
  const wish = readWish(request, node, rail, readSending(sql), nowMs)
  if (!wish.ok) return wish
  const { paymentHash, units, feeMax } = wish.value
  if (invoiceByHash(sql, paymentHash)) return bad('it is an invoice of this node itself')
  if (isHashTaken(sql, paymentHash)) return bad('another transfer has this invoice: ask for a new one')
  if (countOpen(sql) >= OPEN_MAX)
    return err({ reason: 'too_many_transfers', detail: `${OPEN_MAX} transfers of this node are not over yet` })
  const left = has === null ? null : has - outgoingOf(sql).reserved
  if (left !== null && units + feeMax > left)
    return err({ reason: 'insufficient_funds', asset: rail.assetCode, available: left < 0n ? 0n : left })
  const made = { asked, wish: wish.value, facts: NO_FACTS, version: 1, createdAtMs: nowMs, updatedAtMs: nowMs }
  insertTransfer(sql, made)
  return ok(made)
}

/** Only what the node was not told of: nobody but the node can take anything else back, and it does not. */
export function cancelTransfer(sql: Sql, id: string, by: string, nowMs: number): Result<KeptTransfer, TransferStepRefusal> {
  const transfer = transferAt(sql, id)
  if (!transfer) return err({ reason: 'transfer_not_found' })
  const { facts } = transfer
  const status = statusOf(facts)
  if (status === 'queued') return ok(putFacts(sql, transfer, { ...facts, failed: `${by} ended it`, waits: null }, nowMs))
  if (status === 'failed' && facts.toldAtMs.length === 0) return ok(transfer)
  return err({ reason: 'wrong_status', status, detail: status === 'failed' ? 'it has ended' : 'the node was told to pay it' })
}

/** A person has looked at what the node cannot tell: it did not pay it, and never will. */
export function settleTransfer(
  sql: Sql,
  id: string,
  { by, reason }: Word,
  nowMs: number,
): Result<KeptTransfer, TransferStepRefusal> {
  const transfer = transferAt(sql, id)
  if (!transfer) return err({ reason: 'transfer_not_found' })
  const status = statusOf(transfer.facts)
  if (status !== 'unknown' || !isForPerson(transfer.facts))
    return err({ reason: 'wrong_status', status, detail: 'only what the node itself cannot make certain is ended by a person' })
  const failed = `ended by ${by}: ${reason}`.slice(0, TEXT_MAX)
  return ok(putFacts(sql, transfer, { ...transfer.facts, failed, waits: null, doubt: null }, nowMs))
}

/** What is next to be done. When that is to pay, that it is done is written here, before it is. */
export function nextPayment(sql: Sql, id: string, payer: Payer | null, nowMs: number): PaymentStep {
  const transfer = transferAt(sql, id)
  return transfer ? stepOf(sql, transfer, payer, nowMs) : NOTHING
}

/** Only a word of the node says anything of what it was told. */
export function takeAnswer(
  sql: Sql,
  id: string,
  telling: number,
  answer: Result<PaymentSight, NodeError>,
  payer: Payer | null,
  nowMs: number,
): PaymentStep {
  const transfer = transferAt(sql, id)
  if (!transfer) return NOTHING
  const facts = answer.ok ? answered(transfer, telling, answer.value, nowMs) : transfer.facts
  return stepOf(sql, putFacts(sql, transfer, facts, nowMs), payer, nowMs)
}

/** A node that cannot be asked is not asked again at once. */
export function takeSight(
  sql: Sql,
  id: string,
  tellings: number,
  sight: Result<PaymentSight, NodeError>,
  payer: Payer | null,
  nowMs: number,
): PaymentStep {
  const transfer = transferAt(sql, id)
  if (!transfer) return NOTHING
  const facts = sight.ok ? sighted(transfer, tellings, sight.value, nowMs) : unseen(transfer, sight.error.detail)
  const learnt = putFacts(sql, transfer, facts, nowMs)
  return sight.ok ? stepOf(sql, learnt, payer, nowMs) : NOTHING
}

const NOTHING: PaymentStep = { do: 'nothing' }

function stepOf(sql: Sql, transfer: KeptTransfer, payer: Payer | null, nowMs: number): PaymentStep {
  const used = outflowBeside(sql, transfer.wish.id, nowMs)
  const { facts, step } = decide(transfer, { atMs: nowMs, payer, used })
  const { wish } = putFacts(sql, transfer, facts, nowMs)
  const { bolt11, paymentHash, units, isOpen, feeMax } = wish
  if (step === 'nothing') return NOTHING
  if (step === 'find') return { do: 'find', tellings: facts.toldAtMs.length, paymentHash }
  return { do: 'pay', telling: facts.toldAtMs.length - 1, order: { bolt11, paymentHash, units, isOpen, feeMax } }
}

function bad(detail: string): Result<never, TransferRefusal> {
  return err({ reason: 'bad_transfer', detail })
}
