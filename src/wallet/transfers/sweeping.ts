import { sha256 } from '@noble/hashes/sha2.js'
import { isWorthBringing } from '../../gateways/evm/own.ts'
import type { AccountKey } from '../../gateways/gateway.ts'
import type { SpendFacts } from '../../gateways/send.ts'
import { base32, ID_BYTES } from '../../lib/ids.ts'
import type { Sql } from '../../lib/outbox.ts'
import type { ChainConfig } from '../../money/chain.ts'
import { addressAt, nextIndex } from '../addresses.ts'
import { holdingsOn } from '../balances.ts'
import type { Holding, Reading } from '../rpc.ts'
import { begun } from './decide.ts'
import type { Claim } from './funds.ts'
import {
  BRING_GAS,
  EMPTYINGS_AT_ONCE,
  EMPTYINGS_MAX,
  houseFeeMax,
  SWEEP_FEE_PART,
  SWEEPS_MAX,
  sweepFeeMax,
  TOP_UPS_MAX,
  TRANSFER_GAS,
} from './limits.ts'
import { isOver, isSigned, type TransferRecord, type Wait } from './record.ts'
import type { CreateTransfer } from './rpc.ts'
import { loadGas, loadTransfer } from './tables.ts'
import { treasuryIndex } from './treasury.ts'
import type { Transfer } from './types.ts'

/**
 * The sweeps that an EVM hot wallet makes by itself: when a transfer waits for what lies at deposit addresses, or for the
 * treasury to be made ready to pay many. Several transfers that wait share one; there is one at a time of each asset and
 * chain. Where the chain has no delegates, there are several, one of each deposit address, and before one of a token another
 * brings the address its gas. How sweeping works: docs/evm-sweeping.md.
 */

/** Addresses in one sweep (docs/evm-sweeping.md). */
const DEPOSITS_MAX = 100
/** Sweeps for one cause: one that failed is tried again once. What is missing then a newer reading tells. */
const TRIES = 2

export const UNREAD = 'waiting for the wallet to be read'
export const UNREADY = 'waiting for the treasury to be made ready'

/** Why there is no plan yet. */
export interface Lack {
  /** Null: what is missing is not coming. */
  readonly waitsFor: Exclude<Wait, 'turn' | 'sending'> | null
  readonly reason: string
  /** To be made for it now. */
  readonly sweeps?: readonly Sweep[]
}

/** One that is made in the name of a transfer that waits for it. What is null is chosen when it is planned. */
export type Sweep = Pick<TransferRecord, 'payer' | 'deposits' | 'own'> & { readonly id: string; readonly asset: string }

interface Place {
  readonly sql: Sql
  readonly chain: ChainConfig
  readonly account: AccountKey
  readonly others: readonly Claim[]
}

/** The indices that a sweep of the asset brings in: those with the most of it by the newest reading. */
export function depositsOf(sql: Sql, chain: ChainConfig, asset: string, payerIndex: number): number[] {
  return richest(heldElsewhere(sql, chain, asset, payerIndex))
}

function richest(held: readonly Holding[]): number[] {
  return held.slice(0, DEPOSITS_MAX).map(({ index }) => index)
}

/** What a transfer of a hot wallet waits for that has too little in the treasury; null when no sweep would bring it. */
export function awaitedSweep(on: Place, record: TransferRecord, missing: bigint, reading: Reading): Lack | null {
  const { sql, chain, others } = on
  const { transfer, payer, sweeps: before = [] } = record
  if (payer === null || transfer.custody === 'self' || transfer.kind === 'sweep') return null
  const words = `waiting for deposits to be brought to ${payer.address}`
  if (chain.delegateFactory === undefined) return awaitedEmptyings(on, record, { missing, reading, words })
  const open = openSweep(others, transfer.asset)
  if (open) return { waitsFor: 'deposits', reason: withReasonOf(sql, words, [open.id]) }
  const held = heldElsewhere(sql, chain, transfer.asset, payer.index)
  if (sumOf(held) < missing) return null
  if (before.length >= SWEEPS_MAX) return NOT_COMING
  const id = nextSweep(sql, transfer, String(reading.startedAtMs))
  if (id === null) return { waitsFor: 'reading', reason: UNREAD }
  const sweep = { id, asset: transfer.asset, payer: null, deposits: richest(held) }
  return { waitsFor: 'deposits', reason: `${words} by ${id}`, sweeps: [sweep] }
}

/** The same without delegates: the fewest addresses that cover what those under way do not, some at a time. */
function awaitedEmptyings(
  on: Place,
  record: TransferRecord,
  { missing, reading, words }: { readonly missing: bigint; readonly reading: Reading; readonly words: string },
): Lack | null {
  const { sql, others } = on
  const { transfer, sweeps: before = [] } = record
  const { held, tooDear } = worthEmptying(on, transfer.asset)
  const open = others.filter(({ sweepOf, isOver }) => sweepOf === transfer.asset && !isOver)
  if (sumOf(held) < missing && open.length === 0)
    return sumOf(held) + sumOf(tooDear) < missing ? null : { waitsFor: 'deposits', reason: TOO_DEAR }
  const coming = new Set(open.filter(({ included }) => included === null).map(({ empties }) => empties))
  const lacking = missing - sumOf(held.filter(({ index }) => coming.has(index)))
  const room = Math.min(EMPTYINGS_AT_ONCE - open.length, EMPTYINGS_MAX - before.length)
  const sweeps = sumOf(held) < missing ? [] : emptyings(on, transfer, String(reading.startedAtMs), { held, wanted: lacking, room })
  const ids = [...open, ...sweeps].map(({ id }) => id)
  if (ids.length > 0) return { waitsFor: 'deposits', reason: withReasonOf(sql, words, ids), sweeps }
  return before.length >= EMPTYINGS_MAX ? NOT_COMING : { waitsFor: 'reading', reason: UNREAD }
}

/**
 * What the emptying of an address waits for that has too little gas for its token: some of the treasury's. The first one
 * brings what is missing by then; another one, what became dearer since.
 */
export function awaitedTopUp({ sql, chain }: Place, { transfer, payer, sweeps = [] }: TransferRecord, missing: bigint): Lack {
  const asset = chain.native.code
  const words = `waiting for ${asset} for the network fee at ${payer?.address}`
  const last = loadTransfer(sql, sweeps.at(-1) ?? '')
  if (last && !isOver(last)) return { waitsFor: 'topup', reason: withReasonOf(sql, words, [last.transfer.id]) }
  if (payer === null || sweeps.length >= TOP_UPS_MAX) return NOT_COMING
  const id = idOf(['gas', transfer.id, sweeps.length])
  const sweep = { id, asset, payer: null, deposits: null, own: { index: payer.index, units: missing } }
  return { waitsFor: 'topup', reason: `${words} by ${id}`, sweeps: [sweep] }
}

/**
 * A sweep that somebody asked for, where there are no delegates: the record, which empties the richest address, and a sweep
 * for each of the next. Null where there is nothing.
 */
export function emptyingsFor(on: Place, record: TransferRecord): { record: TransferRecord; sweeps: readonly Sweep[] } | null {
  const { transfer } = record
  const { held } = worthEmptying(on, transfer.asset)
  const [first, ...sweeps] = emptyings(on, transfer, transfer.id, { held, wanted: sumOf(held), room: EMPTYINGS_AT_ONCE })
  if (first === undefined) return null
  const { payer, deposits, own } = first
  return { record: { ...record, payer, deposits, ...(own && { own }) }, sweeps }
}

/** Of the richest addresses that nobody empties yet, until they cover what is wanted. */
function emptyings(
  { sql, chain, account, others }: Place,
  transfer: Transfer,
  cause: string,
  { held, wanted, room }: { readonly held: readonly Holding[]; readonly wanted: bigint; readonly room: number },
): Sweep[] {
  const treasury = treasuryIndex(sql, chain, account)
  const busy = new Set(others.filter(({ isOver }) => !isOver).map(({ empties }) => empties))
  const sweeps: Sweep[] = []
  let left = wanted
  for (const { index, confirmed } of held) {
    if (sweeps.length >= room || left <= 0n) break
    const id = busy.has(index) ? null : nextSweep(sql, transfer, `${cause}/${index}`)
    if (id === null) continue
    const payer = { index, address: addressAt(chain, account, index).address }
    sweeps.push({ id, asset: transfer.asset, payer, deposits: [index], own: { index: treasury, units: null } })
    left -= confirmed
  }
  return sweeps
}

/**
 * What is worth its gas at the last known price, and tokens that are not, though they may be at a lower one. Known is what is
 * offered for one gas: about twice what is taken, by which the plan of a token's sweep goes.
 */
export function worthEmptying({ sql, chain, account }: Place, asset: string): { held: Holding[]; tooDear: Holding[] } {
  const all = heldElsewhere(sql, chain, asset, treasuryIndex(sql, chain, account))
  const maxFeePerGas = loadGas(sql, chain.id)?.gasPrice ?? 0n
  if (asset === chain.native.code)
    return { held: all.filter(({ confirmed }) => isWorthBringing(confirmed, { maxFeePerGas })), tooDear: [] }
  const cost = (TRANSFER_GAS * maxFeePerGas) / 2n
  const isWorth = ({ confirmed }: Holding) => (sweepFeeMax(chain, asset, confirmed) ?? cost) >= cost
  return { held: all.filter(isWorth), tooDear: all.filter((holding) => !isWorth(holding)) }
}

/**
 * What a sweep brings in, by a node's word, and what that may cost at most; null of what brings nothing, or is worth who knows
 * what. A replacement may cost all that it brings: it has the payer's number, and what has those after it waits behind it.
 */
export function worthOf(
  chain: ChainConfig,
  record: TransferRecord,
  facts: SpendFacts,
): { readonly units: bigint; readonly feeMax: bigint } | null {
  const { transfer, deposits, own } = record
  const { kind, asset } = transfer
  if (kind !== 'sweep' || (own ? own.units !== null : !deposits?.length)) return null
  const units = own ? (facts.payer?.units ?? 0n) : (facts.deposits ?? []).reduce((sum, deposit) => sum + deposit.units, 0n)
  const feeMax = sweepFeeMax(chain, asset, units)
  return feeMax === null ? null : { units, feeMax: isSigned(record) ? feeMax * SWEEP_FEE_PART : feeMax }
}

/** Of the deposits of a sweep those that are worth the gas of their part: whoever sends crumbs makes no sweep dearer. */
export function depositsWorthGas(
  chain: ChainConfig,
  { transfer: { asset }, deposits }: TransferRecord,
  { deposits: known = [], fees }: SpendFacts,
): readonly number[] {
  const cost = fees.kind === 'account' ? BRING_GAS * fees.maxFeePerGas : 0n
  return (deposits ?? []).filter((_index, at) => {
    const feeMax = sweepFeeMax(chain, asset, known[at]?.units ?? 0n)
    return feeMax === null || feeMax >= cost
  })
}

/**
 * What a sweep, or a transfer that pays many, waits for when a node says that it would fail: the treasury made ready. Null
 * when it was: then the token, or a recipient, is why.
 */
export function awaitedDelegate({ sql, chain, others }: Place, { transfer, sweeps = [] }: TransferRecord): Lack | null {
  if (chain.delegateFactory === undefined) return null
  const open = others.find(({ makesReady }) => makesReady)
  if (open) return { waitsFor: 'delegate', reason: withReasonOf(sql, UNREADY, [open.id]) }
  if (sweeps.length > 0) return null
  const id = nextSweep(sql, transfer, transfer.id)
  if (id === null) return null
  // Of no deposits: the one that makes the treasury ready.
  return { waitsFor: 'delegate', reason: `${UNREADY} by ${id}`, sweeps: [{ id, asset: transfer.asset, payer: null, deposits: [] }] }
}

/** How many addresses a transaction that is asked for may sweep; null of what sweeps none, or one by itself. */
export function batchOf({ kind }: CreateTransfer, { delegateFactory }: ChainConfig): number | null {
  return kind === 'sweep' && delegateFactory !== undefined ? DEPOSITS_MAX : null
}

/** As it is made, in the name of the transfer that waits for it. */
export function begunSweep(chain: ChainConfig, transfer: Transfer, { id, asset, ...rest }: Sweep, nowMs: number): TransferRecord {
  const { merchantId, shard, storeId, chainId, targetBlocks, walletId } = transfer
  const nobody = { kind: 'sweep', custody: 'platform', outputs: [], invoiceId: null, reference: null, feeMax: null } as const
  const request: CreateTransfer = { id, merchantId, shard, storeId, chainId, asset, targetBlocks, ...nobody }
  const feeMax = houseFeeMax(chain, 0, rest.own ? null : (rest.deposits?.length ?? 0))
  return { ...begun(request, walletId, feeMax, nowMs), ...rest, hasHouseLimit: true }
}

/** The one that is under way, if any; one that brings something first. */
export function openSweep(claims: readonly Claim[], asset: string): Claim | undefined {
  const open = claims.filter((claim) => claim.sweepOf === asset && !claim.isOver)
  return open.find(({ makesReady }) => !makesReady) ?? open[0]
}

const NOT_COMING: Lack = { waitsFor: null, reason: '' }
const TOO_DEAR = 'waiting for a lower network fee: too little of what lies at deposit addresses is worth it now'

/** By the newest reading, the richest first. */
function heldElsewhere(sql: Sql, chain: ChainConfig, asset: string, payerIndex: number): Holding[] {
  const indices = Array.from({ length: nextIndex(sql) }, (_, index) => index).filter((index) => index !== payerIndex)
  const held = holdingsOn(sql, chain.id, indices).filter(({ assetCode, confirmed }) => assetCode === asset && confirmed > 0n)
  return held.sort((one, other) =>
    one.confirmed === other.confirmed ? one.index - other.index : one.confirmed < other.confirmed ? 1 : -1,
  )
}

function sumOf(held: readonly Holding[]): bigint {
  return held.reduce((sum, { confirmed }) => sum + confirmed, 0n)
}

/** The same for all that wait for the same; null when those of this cause have done what they could. */
function nextSweep(sql: Sql, { walletId, chainId, asset }: Transfer, cause: string): string | null {
  for (let no = 0; no < TRIES; no++) {
    const id = idOf(['sweep', walletId, chainId, asset, cause, no])
    const made = loadTransfer(sql, id)
    if (made === null || !isOver(made)) return id
    if (made.transfer.status === 'confirmed') return null
  }
  return null
}

function idOf(parts: readonly (string | number)[]): string {
  return `tr_${base32(sha256(new TextEncoder().encode(parts.join('/'))).subarray(0, ID_BYTES))}`
}

/** With what keeps the first of the sweeps itself waiting, or the one that it waits for. */
function withReasonOf(sql: Sql, words: string, sweepIds: readonly string[]): string {
  const [id = ''] = sweepIds
  const sweep = loadTransfer(sql, id)
  const isBehind = sweep?.waitsFor === 'delegate' || sweep?.waitsFor === 'topup'
  const first = isBehind ? loadTransfer(sql, sweep.sweeps?.at(-1) ?? '') : null
  const why = first?.transfer.reason ?? sweep?.transfer.reason ?? null
  const more = sweepIds.length - 1
  return `${words} by ${id}${more > 0 ? ` and ${more} more` : ''}${why === null ? '' : `: ${why}`}`
}
