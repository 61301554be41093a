import type { AccountKey } from '../../gateways/gateway.ts'
import type { Funds, PlanRefusal, SpendFacts, SpendRequest } from '../../gateways/spend.ts'
import { spenderOf } from '../../gateways/spenders.ts'
import type { Sql } from '../../lib/outbox.ts'
import { assert } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import { addressAt, give, indexOf, nextIndex } from '../addresses.ts'
import { balanceOn, coinsOn, holdingsOn } from '../balances.ts'
import type { Reading } from '../rpc.ts'
import { takePlan, takePlanRefusal } from './decide.ts'
import { type Claim, freeCoins, freeNonce, promised } from './funds.ts'
import { isSigned, type TransferRecord } from './record.ts'
import { nextNonce } from './tables.ts'

/** Whom the address that an EVM hot wallet pays from is given to. */
export const TREASURY = 'treasury'
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
  const request: SpendRequest = { asset, outputs, feeMax, fees: facts.fees, funds: fundsOf(on, record, facts) }
  const before = record.signedPlans.at(-1)
  const planned = before ? spender.bump(chain, account, before, request) : spender.plan(chain, account, request)
  if (!planned.ok) return takePlanRefusal(record, planned.error, lacking(on, record, planned.error), nowMs)
  const plan = planned.value
  if (plan.kind === 'coins' && plan.change) giveOnce(on, changeOwner(record), plan.change.index)
  const unsigned = custody === 'self' ? spender.unsigned(chain, account, plan) : null
  return takePlan(record, { plan, unsigned, feeAsset: chain.native.code, height: facts.height }, nowMs)
}

/**
 * The record with who pays on an EVM chain: of a hot wallet the treasury, of a merchant's own wallet the address that has
 * enough by the newest reading. Of a sweep, with the deposits of that reading, the richest.
 */
export function withPayer(on: Planning, record: TransferRecord): TransferRecord {
  const { sql, chain, account } = on
  const { transfer } = record
  const isChosen = record.payer !== null && (transfer.custody === 'platform' || isSigned(record))
  if (chain.gateway !== 'evm' || isChosen) return record
  const index = (transfer.custody === 'self' ? richest(sql, chain, transfer) : null) ?? indexOf(sql, TREASURY) ?? nextIndex(sql)
  if (index === record.payer?.index) return record
  const { address, watchKey } = addressAt(chain, account, index)
  if (index === nextIndex(sql)) give(sql, index, TREASURY, watchKey)
  const deposits = transfer.kind === 'sweep' ? depositsOf(sql, chain, transfer.asset, index) : null
  return { ...record, payer: { index, address }, deposits }
}

/** A sweep for which the payer has to be made ready: that is done in its place, and the next one sweeps. */
export function isUnready({ deposits }: TransferRecord, facts: SpendFacts): boolean {
  return deposits !== null && deposits.length > 0 && facts.payer?.gas === null
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

/** Addresses in one sweep (docs/evm-sweeping.md). */
const DEPOSITS_MAX = 100

function depositsOf(sql: Sql, chain: ChainConfig, asset: string, payerIndex: number): number[] {
  const indices = Array.from({ length: nextIndex(sql) }, (_, index) => index).filter((index) => index !== payerIndex)
  const held = holdingsOn(sql, chain.id, indices).filter(({ assetCode, confirmed }) => assetCode === asset && confirmed > 0n)
  held.sort((one, other) => (one.confirmed < other.confirmed ? 1 : -1))
  return held.slice(0, DEPOSITS_MAX).map(({ index }) => index)
}

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

/** Whether what is missing may come: a newer reading, what other transfers bring back, deposits that are not swept yet. */
function lacking(
  { sql, chain, others }: Planning,
  { transfer, payer }: TransferRecord,
  refusal: PlanRefusal,
): { readonly waitsFor: 'funds' | 'reading' | null; readonly reason: string } {
  const { reading, refreshing } = balanceOn(sql, chain.id, transfer.createdAtMs)
  const isOld = reading === null || reading.startedAtMs < transfer.createdAtMs || refreshing
  if (payer !== null && refusal.reason === 'insufficient_funds' && refusal.asset !== transfer.asset)
    return { waitsFor: 'funds', reason: `waiting for ${refusal.asset} for the network fee at ${payer.address}` }
  if (isOld) return { waitsFor: 'reading', reason: 'waiting for the wallet to be read' }
  const isComing = others.some(
    (claim) => !claim.isOver && (payer === null ? claim.coins.length > 0 : claim.nonce?.index === payer.index),
  )
  if (isComing) return { waitsFor: 'funds', reason: 'waiting for other transfers of the wallet' }
  if (payer !== null && hasElsewhere(reading, transfer))
    return { waitsFor: 'funds', reason: `waiting for deposits to be brought to ${payer.address}` }
  return { waitsFor: null, reason: '' }
}

function hasElsewhere(reading: Reading | null, { asset, units, custody }: TransferRecord['transfer']): boolean {
  return custody === 'platform' && (reading?.sums[asset]?.confirmed ?? 0n) >= units
}

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
