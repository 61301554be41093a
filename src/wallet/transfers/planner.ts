import type { AccountKey, TrackedTransaction } from '../../gateways/gateway.ts'
import type { FactsQuestion, SpendFacts } from '../../gateways/send.ts'
import type { Funds, PlanRefusal, SpendRequest } from '../../gateways/spend.ts'
import { spenderOf } from '../../gateways/spenders.ts'
import type { Sql } from '../../lib/outbox.ts'
import { assert, err } from '../../lib/result.ts'
import { lesser } from '../../money/amount.ts'
import type { ChainConfig } from '../../money/chain.ts'
import { addressAt, changeIndex, giveChange, nextIndex } from '../addresses.ts'
import { balanceOn, coinsOn, holdingsOn } from '../balances.ts'
import { childOf, hurries, parentOf, spentOfParent } from './accelerating.ts'
import { takePlan, takePlanRefusal } from './decide.ts'
import { type Claim, freeCoins, freeNonce, promised } from './funds.ts'
import { givenUpBefore, holderOf, nonceBefore, payersBefore, requiredCoins } from './instead.ts'
import { houseFeeMax, READING_WAIT_MS, WAIT_MS } from './limits.ts'
import { failedUnsigned, moved, waiting } from './move.ts'
import { isAcceleration, isOver, isSigned, outpoint, type TransferRecord } from './record.ts'
import {
  awaitedDelegate,
  awaitedSweep,
  awaitedTopUp,
  depositsOf,
  depositsWorthGas,
  emptyingsFor,
  type Lack,
  type Sweep,
  UNREAD,
  UNREADY,
  worthEmptying,
  worthOf,
} from './sweeping.ts'
import { nextNonce } from './tables.ts'
import { noteGas, treasuryIndex } from './treasury.ts'
import { dearWords, planWords } from './words.ts'

/** Coins that a plan is chosen from, the largest: over what any transaction can hold. */
const COINS_CHOICE_MAX = 2_000

export interface Planning {
  readonly sql: Sql
  readonly chain: ChainConfig
  readonly account: AccountKey
  /** Of the wallet's other transfers. */
  readonly others: readonly Claim[]
}

/** A record, and the sweeps that are to be made with it. */
export interface Decided {
  readonly record: TransferRecord
  readonly sweeps: readonly Sweep[]
  /** What there is of its asset, when that is too little; absent otherwise. */
  readonly left?: bigint
}

/**
 * One synchronous step: chooses among what is free, plans, and keeps the plan in the record, or says why there is none.
 * What it gives out (the index of the change) is kept with it.
 */
export function planTransfer(on: Planning, record: TransferRecord, facts: SpendFacts, nowMs: number): Decided {
  const { chain, account } = on
  const spender = spenderOf(chain)
  const { asset, outputs, feeMax, custody } = record.transfer
  const isEmptying = record.own?.units === null
  if (custody === 'platform' && !isEmptying) noteGas(on.sql, chain.id, facts, nowMs)
  if (record.deposits?.length === 0 && !isSigned(record)) {
    // Where a node does not know yet that another has made the treasury ready.
    if (on.others.some(({ makesReady, nonce }) => makesReady && nonce !== null))
      return alone(waiting(record, { reason: UNREADY, waitsFor: 'delegate', untilMs: nowMs + WAIT_MS }, nowMs))
    if (facts.payer?.gas === null) {
      const isPlain = chain.delegateFactory === undefined
      // What is worth bringing was chosen by a price that may have been noted long ago.
      if (isPlain && emptyingsFor(on, record)) return alone({ ...record, payer: null, deposits: null })
      const words = isPlain && worthEmptying(on, asset).tooDear.length > 0 ? NOT_WORTH : nothingOf(asset)
      return alone(failedUnsigned(record, words, nowMs))
    }
  }
  if (isEmptying && !isSigned(record) && facts.payer?.units === 0n) return alone(failedUnsigned(record, nothingOf(asset), nowMs))
  // An answer that comes late or twice, about more addresses: what it tells is not in the order of these.
  if (!isSigned(record) && !record.own && (facts.deposits?.length ?? 0) !== (record.deposits?.length ?? 0)) return alone(record)
  const deposits = depositsWorthGas(chain, record, facts)
  // The gas of fewer is asked for anew. When none is worth it, all are waited for.
  if (!isSigned(record) && deposits.length > 0 && deposits.length < (record.deposits?.length ?? 0))
    return alone({ ...record, deposits })
  const holder = isSigned(record) ? undefined : holderOf(givenUpBefore(on.sql, record), on.others)
  if (holder) {
    const reason = `waiting for ${holder.id}: it has what was prepared before for this, which could else still be signed`
    return alone(waiting({ ...record, isHeld: true }, { reason, waitsFor: null, untilMs: nowMs + WAIT_MS }, nowMs))
  }
  // Who was waited for may have given it back, and what was prepared before may have been sent since.
  if (record.isHeld) return alone({ ...record, isHeld: false, lookedBefore: 0 })
  const parent = parentOf(on, record, facts.parent)
  const worth = worthOf(chain, record, facts)
  const most = worth ? lesser(worth.feeMax, feeMax) : feeMax
  const request: SpendRequest = { asset, outputs, feeMax: most, fees: facts.fees, funds: fundsOf(on, record, facts, parent) }
  const before = record.signedPlans.at(-1)
  // Made since the replacement was wanted: its coin would be taken away.
  const child = childOf(record.transfer, on.others)
  const plan = () => {
    if (child) return err({ reason: 'not_bumpable', detail: hurries(child) } as const)
    if (before === undefined) return spender.plan(chain, account, request)
    const replace = record.calledBack === undefined ? spender.bump : spender.callBack
    return replace(chain, account, before, request)
  }
  const planned = parent?.ok === false ? parent : plan()
  if (!planned.ok) {
    const lack = lacking(on, record, planned.error, facts)
    const { sweeps = [], waitsFor } = lack
    const awaited = sweeps.length === 0 ? record : { ...record, sweeps: [...(record.sweeps ?? []), ...sweeps.map(({ id }) => id)] }
    const isAwaited = waitsFor !== null && !isSigned(record) && planned.error.reason !== 'fee_over_limit'
    const isDear = planned.error.reason === 'fee_over_limit' && worth !== null && most < feeMax
    const words = isDear
      ? dearWords(planned.error, { units: worth.units, code: asset, isSigned: isSigned(record) }, chain)
      : planWords(planned.error, chain)
    const reason = isAwaited ? lack.reason : words
    const isTooDear =
      planned.error.reason === 'fee_over_limit' && !isSigned(record) && !record.own && (record.deposits?.length ?? 0) > 0
    // Whoever offers less than the house would for one address has nobody else wait for it.
    if (isTooDear && !isDear && feeMax < houseFeeMax(chain, 0, 1)) return alone(failedUnsigned(record, words, nowMs))
    // For any other they do: with what has come since it may be worth its fee.
    const chosenAnew = isTooDear ? { ...awaited, payer: null, deposits: null } : awaited
    const refused = takePlanRefusal(chosenAnew, planned.error, { waitsFor, reason }, nowMs)
    return { record: refused, sweeps: isOver(refused) ? [] : sweeps, ...leftOf(planned.error, record.transfer) }
  }
  const { value } = planned
  if (value.kind === 'coins' && value.change) giveChange(on.sql, chain, account, value.change.index, record.transfer.id)
  const isTheirs = custody === 'self'
  const unsigned = isTheirs ? spender.unsigned(chain, account, value) : null
  const txid = isTheirs ? spender.txidOf(chain, account, value) : null
  const ofParent = parent?.ok && before === undefined ? { ...record, ancestors: parent.value.ancestors.map(tracked) } : record
  return alone(takePlan(ofParent, { plan: value, unsigned, txid, feeAsset: chain.native.code, height: facts.height }, nowMs))
}

/** Of coins less by the fee: who would fit but for that looks in vain. */
function leftOf(refusal: PlanRefusal, { asset, units }: TransferRecord['transfer']): Pick<Decided, 'left'> {
  if (refusal.reason !== 'insufficient_funds' || refusal.asset !== asset || refusal.missing === null) return {}
  return { left: units - refusal.missing }
}

function alone(record: TransferRecord): Decided {
  return { record, sweeps: [] }
}

const NOT_WORTH = 'what lies at deposit addresses is not worth its network fee now'

function nothingOf(asset: string): string {
  return `there is no ${asset} to be brought in`
}

/**
 * The record with who pays on an EVM chain: of a hot wallet the treasury, of a merchant's own wallet the address that has
 * enough by the newest reading. Of a sweep, with the deposits of that reading, the richest, unless they were chosen before;
 * where there are no delegates it is of one of them, and there are others beside it.
 */
export function withPayer(on: Planning, record: TransferRecord, nowMs: number): Decided {
  const { sql, chain, account } = on
  const { transfer } = record
  const isChosen = record.payer !== null && (transfer.custody === 'platform' || isSigned(record))
  if (chain.gateway !== 'evm' || isChosen) return alone(record)
  const own = transfer.custody === 'self' ? richest(sql, chain, transfer, payersBefore(givenUpBefore(sql, record))) : null
  const index = own ?? treasuryIndex(sql, chain, account)
  if (index === record.payer?.index) return alone(record)
  const payer = { index, address: addressAt(chain, account, index).address }
  if (transfer.kind !== 'sweep' || record.own || record.deposits !== null) return alone({ ...record, payer })
  if (chain.delegateFactory !== undefined) {
    const deposits = depositsOf(sql, chain, transfer.asset, index)
    const feeMax = record.hasHouseLimit ? houseFeeMax(chain, 0, deposits.length) : transfer.feeMax
    return alone(moved(record, { feeMax }, { payer, deposits }, nowMs))
  }
  return emptyingsFor(on, record) ?? alone({ ...record, payer, deposits: [] })
}

/** What is to be asked of the chain for a plan. */
export function questionOf({ chain, account }: Planning, record: TransferRecord): FactsQuestion {
  const { transfer, payer, deposits, own } = record
  const { targetBlocks, asset, outputs, parentTxid } = transfer
  if (parentTxid) return { targetBlocks, payer: null, parent: { txid: parentTxid, vouts: spentOfParent(record) } }
  if (payer === null) return { targetBlocks, payer: null }
  const addressOf = (index: number) => addressAt(chain, account, index).address
  const from = { address: payer.address, asset }
  // Sending all takes as much gas as sending one unit, and how much is there is what is asked.
  if (own) {
    const outputs = [{ address: addressOf(own.index), units: own.units ?? 1n }]
    return { targetBlocks, payer: { ...from, outputs, isOwn: true } }
  }
  if (record.calledBack !== undefined) return { targetBlocks, payer: { ...from, outputs: [] } }
  return { targetBlocks, payer: { ...from, outputs, ...(deposits && { deposits: deposits.map(addressOf) }) } }
}

/** A sweep that somebody asked for is of all that lies there by then: the record, waiting for a reading, when there is none since. */
export function waitingToBeRead({ sql, chain }: Planning, record: TransferRecord, nowMs: number): TransferRecord | null {
  const { transfer, deposits, own } = record
  if (transfer.kind !== 'sweep' || isAcceleration(transfer) || deposits !== null || own || !isUnread(sql, chain, transfer))
    return null
  return waiting(record, { reason: UNREAD, waitsFor: 'reading', untilMs: nowMs + READING_WAIT_MS }, nowMs)
}

/** Whether nothing is known of the wallet since a transfer was asked for. */
function isUnread(sql: Sql, chain: ChainConfig, { createdAtMs }: TransferRecord['transfer']): boolean {
  const { reading, refreshing } = balanceOn(sql, chain.id, createdAtMs)
  return reading === null || reading.startedAtMs < createdAtMs || refreshing
}

/** Indices of a merchant's own wallet that are looked through for one that can pay. */
const PAYERS_MAX = 1_000

/** `before`: those of them that come first, as long as they can pay. */
function richest(
  sql: Sql,
  chain: ChainConfig,
  { asset, units }: TransferRecord['transfer'],
  before: readonly number[],
): number | null {
  const indices = Array.from({ length: Math.min(nextIndex(sql), PAYERS_MAX) }, (_, index) => index)
  const holdings = holdingsOn(sql, chain.id, indices)
  const gas = new Map(holdings.flatMap((held) => (held.assetCode === chain.native.code ? [[held.index, held.confirmed]] : [])))
  const able = holdings.filter(({ assetCode, confirmed }) => assetCode === asset && confirmed >= units)
  able.sort((one, other) => ((gas.get(one.index) ?? 0n) < (gas.get(other.index) ?? 0n) ? 1 : -1))
  const again = able.find(({ index }) => before.includes(index))
  return (again ?? able[0])?.index ?? null
}

const NOTHING_KNOWN = { held: [], height: 0, addresses: 0 }

function fundsOf(on: Planning, record: TransferRecord, facts: SpendFacts, parent: ReturnType<typeof parentOf>): Funds {
  const { sql, chain, others } = on
  const { asset, outputs, custody } = record.transfer
  if (facts.fees.kind === 'coins') {
    const ended = givenUpBefore(sql, record)
    const known = coinsOn(sql, chain.id) ?? NOTHING_KNOWN
    const free = freeCoins(known, others, facts.height)
    // A replacement keeps its own coins, and chooses what it adds.
    const own = new Set(record.signedPlans.flatMap((plan) => (plan.kind === 'coins' ? plan.inputs.map(outpoint) : [])))
    const coins = free.filter((coin) => !own.has(outpoint(coin))).sort((one, other) => (one.units < other.units ? 1 : -1))
    const chosen = { coins: coins.slice(0, COINS_CHOICE_MAX), changeIndex: changeIndex(sql, record.transfer.id) }
    const funds = { kind: 'coins', ...chosen, height: facts.height } as const
    // Also one that something spends which waits: it may be what was ended.
    const required = requiredCoins(ended, ended.length > 0 ? freeCoins(known, others, facts.height, true) : [])
    return { ...funds, ...(required.length > 0 && { required }), ...(parent?.ok && { parent: parent.value }) }
  }
  const { payer } = record
  assert(facts.payer && payer, 'who pays was asked about')
  const { nonce: inBlocks, pendingNonce, units, native, gas, refusing } = facts.payer
  const taken = promised(others, payer.index, inBlocks)
  const unused = Math.max(inBlocks, nextNonce(sql, chain.id, payer.index))
  // A merchant's wallet may send what is not ours to know.
  const from = custody === 'self' ? Math.max(pendingNonce, unused) : unused
  const before = record.signedPlans.at(-1)
  // Also where it waits: it may be what was ended.
  const instead = nonceBefore(givenUpBefore(sql, record), unused, payer.index, others)
  const free = instead ?? freeNonce(from, payer.index, outputs.length > 1 ? 2 : 1, others)
  const nonce = before?.kind === 'account' ? before.nonce : free
  const left = (have: bigint, code: string) => (have > (taken[code] ?? 0n) ? have - (taken[code] ?? 0n) : 0n)
  const funds = { kind: 'account', index: payer.index, nonce, gas, ...(refusing !== undefined && { refusing }) } as const
  const balances = { units: left(units, asset), native: left(native, chain.native.code) }
  if (record.own) return { ...funds, ...balances, own: record.own }
  const known = facts.deposits ?? []
  const deposits = record.deposits?.flatMap((index, at) => (known[at] ? [{ index, ...known[at] }] : []))
  return { ...funds, ...balances, ...(deposits && { deposits }) }
}

/** Whether what is missing may come: a newer reading, what other transfers bring back, deposits that are not swept yet, gas. */
function lacking(on: Planning, record: TransferRecord, refusal: PlanRefusal, facts: SpendFacts): Lack {
  const { sql, chain, others } = on
  const { transfer, payer } = record
  const isOfTreasury = payer !== null && transfer.custody === 'platform' && !isSigned(record)
  if (refusal.reason !== 'insufficient_funds') {
    const mayBeUnready = isOfTreasury && facts.payer?.gas === null && (transfer.kind === 'sweep' || transfer.outputs.length > 1)
    return (mayBeUnready && refusal.reason === 'bad_output' ? awaitedDelegate(on, record) : null) ?? NOT_COMING
  }
  if (record.own?.units === null)
    return refusal.asset === transfer.asset ? NOT_COMING : awaitedTopUp(on, record, refusal.missing ?? 0n)
  if (payer !== null && (transfer.kind === 'sweep' || refusal.asset !== transfer.asset))
    return { waitsFor: 'gas', reason: `waiting for ${refusal.asset} for the network fee at ${payer.address}` }
  const { reading } = balanceOn(sql, chain.id, transfer.createdAtMs)
  if (reading === null || isUnread(sql, chain, transfer)) return { waitsFor: 'reading', reason: UNREAD }
  const awaited = isOfTreasury ? awaitedSweep(on, record, refusal.missing ?? transfer.units, reading) : null
  if (awaited) return awaited
  const isComing = others.some(
    (claim) => !claim.isOver && (payer === null ? claim.coins.length > 0 : claim.nonce?.index === payer.index),
  )
  return isComing ? { waitsFor: 'funds', reason: 'waiting for other transfers of the wallet' } : NOT_COMING
}

const NOT_COMING: Lack = { waitsFor: null, reason: '' }

function tracked({ txid, spends }: TrackedTransaction): TrackedTransaction {
  return { txid, spends }
}

/** Whether a transfer must wait until another of the same payer is signed: its number comes first, and may be given back. */
export function waitsForTurn(record: TransferRecord, others: readonly Claim[]): boolean {
  const { payer, transfer } = record
  if (payer === null || transfer.custody === 'self' || isSigned(record)) return false
  return others.some(({ isSigning, nonce }) => isSigning && nonce?.index === payer.index)
}
