import type { AccountKey } from '../../gateways/gateway.ts'
import type { Funds, PlanRefusal, SpendFacts, SpendRequest } from '../../gateways/spend.ts'
import { spenderOf } from '../../gateways/spenders.ts'
import type { Sql } from '../../lib/outbox.ts'
import { assert } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import { addressAt, give, indexOf, nextIndex } from '../addresses.ts'
import { balanceOn, coinsOn, holdingsOn } from '../balances.ts'
import { takePlan, takePlanRefusal } from './decide.ts'
import { type Claim, freeCoins, freeNonce, promised } from './funds.ts'
import { WAIT_MS } from './limits.ts'
import { failedUnsigned, waiting } from './move.ts'
import { isSigned, type TransferRecord } from './record.ts'
import { awaitedDelegate, awaitedSweep, depositsOf, type Lack, UNREAD, UNREADY } from './sweeping.ts'
import { nextNonce } from './tables.ts'
import { noteGas, treasuryIndex } from './treasury.ts'

/** Coins that a plan is chosen from, the largest: over what any transaction can hold. */
const COINS_CHOICE_MAX = 2_000

export interface Planning {
  readonly sql: Sql
  readonly chain: ChainConfig
  readonly account: AccountKey
  /** Of the wallet's other transfers. */
  readonly others: readonly Claim[]
}

/**
 * One synchronous step: chooses among what is free, plans, and keeps the plan in the record, or says why there is none.
 * What it gives out (the index of the change) is kept with it.
 */
export function planTransfer(on: Planning, record: TransferRecord, facts: SpendFacts, nowMs: number): TransferRecord {
  const { chain, account } = on
  const spender = spenderOf(chain)
  const { asset, outputs, feeMax, custody } = record.transfer
  if (custody === 'platform') noteGas(on.sql, chain.id, facts, nowMs)
  if (record.deposits?.length === 0 && !isSigned(record)) {
    // Where a node does not know yet that another has made the treasury ready.
    if (on.others.some(({ makesReady, nonce }) => makesReady && nonce !== null))
      return waiting(record, { reason: UNREADY, waitsFor: 'delegate', untilMs: nowMs + WAIT_MS }, nowMs)
    if (facts.payer?.gas === null) return failedUnsigned(record, `there is no ${asset} to be brought in`, nowMs)
  }
  const request: SpendRequest = { asset, outputs, feeMax, fees: facts.fees, funds: fundsOf(on, record, facts) }
  const before = record.signedPlans.at(-1)
  const planned = before ? spender.bump(chain, account, before, request) : spender.plan(chain, account, request)
  if (!planned.ok) {
    const lack = lacking(on, record, planned.error, facts)
    const { sweepId, waitsFor } = lack
    const { sweeps = [] } = record
    const awaited = sweepId === undefined || sweeps.includes(sweepId) ? record : { ...record, sweeps: [...sweeps, sweepId] }
    return takePlanRefusal(waitsFor === null ? record : awaited, planned.error, lack, nowMs)
  }
  const plan = planned.value
  if (plan.kind === 'coins' && plan.change) giveOnce(on, changeOwner(record), plan.change.index)
  const unsigned = custody === 'self' ? spender.unsigned(chain, account, plan) : null
  return takePlan(record, { plan, unsigned, feeAsset: chain.native.code, height: facts.height }, nowMs)
}

/**
 * The record with who pays on an EVM chain: of a hot wallet the treasury, of a merchant's own wallet the address that has
 * enough by the newest reading. Of a sweep, with the deposits of that reading, the richest, unless they were chosen before.
 */
export function withPayer(on: Planning, record: TransferRecord): TransferRecord {
  const { sql, chain, account } = on
  const { transfer } = record
  const isChosen = record.payer !== null && (transfer.custody === 'platform' || isSigned(record))
  if (chain.gateway !== 'evm' || isChosen) return record
  const index = (transfer.custody === 'self' ? richest(sql, chain, transfer) : null) ?? treasuryIndex(sql, chain, account)
  if (index === record.payer?.index) return record
  const { address } = addressAt(chain, account, index)
  const deposits = transfer.kind === 'sweep' ? (record.deposits ?? depositsOf(sql, chain, transfer.asset, index)) : null
  return { ...record, payer: { index, address }, deposits }
}

/** A sweep that somebody asked for is of all that lies there by then: the record, waiting for a reading, when there is none since. */
export function waitingToBeRead({ sql, chain }: Planning, record: TransferRecord, nowMs: number): TransferRecord | null {
  const { transfer, deposits } = record
  if (transfer.kind !== 'sweep' || deposits !== null || !isUnread(sql, chain, transfer)) return null
  return waiting(record, { reason: UNREAD, waitsFor: 'reading', untilMs: nowMs + WAIT_MS }, nowMs)
}

/** Whether nothing is known of the wallet since a transfer was asked for. */
function isUnread(sql: Sql, chain: ChainConfig, { createdAtMs }: TransferRecord['transfer']): boolean {
  const { reading, refreshing } = balanceOn(sql, chain.id, createdAtMs)
  return reading === null || reading.startedAtMs < createdAtMs || refreshing
}

/** Indices of a merchant's own wallet that are looked through for one that can pay. */
const PAYERS_MAX = 1_000

function richest(sql: Sql, chain: ChainConfig, { asset, units }: TransferRecord['transfer']): number | null {
  const indices = Array.from({ length: Math.min(nextIndex(sql), PAYERS_MAX) }, (_, index) => index)
  const holdings = holdingsOn(sql, chain.id, indices)
  const gas = new Map(holdings.flatMap((held) => (held.assetCode === chain.native.code ? [[held.index, held.confirmed]] : [])))
  const able = holdings.filter(({ assetCode, confirmed }) => assetCode === asset && confirmed >= units)
  able.sort((one, other) => ((gas.get(one.index) ?? 0n) < (gas.get(other.index) ?? 0n) ? 1 : -1))
  return able[0]?.index ?? null
}

const NOTHING_KNOWN = { held: [], height: 0, addresses: 0 }

function fundsOf(on: Planning, record: TransferRecord, facts: SpendFacts): Funds {
  const { sql, chain, others } = on
  const { asset, outputs, custody } = record.transfer
  if (facts.fees.kind === 'coins') {
    const free = freeCoins(coinsOn(sql, chain.id) ?? NOTHING_KNOWN, others, facts.height)
    // A replacement keeps its own coins, and chooses what it adds.
    const own = new Set(record.signedPlans.flatMap((plan) => (plan.kind === 'coins' ? plan.inputs.map(nameOf) : [])))
    const coins = free.filter((coin) => !own.has(nameOf(coin))).sort((one, other) => (one.units < other.units ? 1 : -1))
    const changeIndex = indexOf(sql, changeOwner(record)) ?? nextIndex(sql)
    return { kind: 'coins', coins: coins.slice(0, COINS_CHOICE_MAX), changeIndex, height: facts.height }
  }
  const { payer } = record
  assert(facts.payer && payer, 'who pays was asked about')
  const { nonce: inBlocks, pendingNonce, units, native, gas } = facts.payer
  const taken = promised(others, payer.index, inBlocks)
  // A merchant's wallet may send what is not ours to know.
  const from = Math.max(custody === 'self' ? pendingNonce : inBlocks, nextNonce(sql, chain.id, payer.index))
  const before = record.signedPlans.at(-1)
  const nonce = before?.kind === 'account' ? before.nonce : freeNonce(from, payer.index, outputs.length > 1 ? 2 : 1, others)
  const left = (have: bigint, code: string) => (have > (taken[code] ?? 0n) ? have - (taken[code] ?? 0n) : 0n)
  const funds = { kind: 'account', index: payer.index, nonce, gas } as const
  const known = facts.deposits ?? []
  const deposits = record.deposits?.flatMap((index, at) => (known[at] ? [{ index, ...known[at] }] : []))
  return { ...funds, units: left(units, asset), native: left(native, chain.native.code), ...(deposits && { deposits }) }
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

function giveOnce({ sql, chain, account }: Planning, owner: string, index: number): void {
  if (indexOf(sql, owner) === null) give(sql, index, owner, addressAt(chain, account, index).watchKey)
}

function changeOwner({ transfer }: TransferRecord): string {
  return `change/${transfer.id}`
}

function nameOf({ txid, vout }: { readonly txid: string; readonly vout: number }): string {
  return `${txid}:${vout}`
}

/** Whether a transfer must wait until another of the same payer is signed: its number comes first, and may be given back. */
export function waitsForTurn(record: TransferRecord, others: readonly Claim[]): boolean {
  const { payer, transfer } = record
  if (payer === null || transfer.custody === 'self' || isSigned(record)) return false
  return others.some(({ isSigning, nonce }) => isSigning && nonce?.index === payer.index)
}
