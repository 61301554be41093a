import { sha256 } from '@noble/hashes/sha2.js'
import { base32, ID_BYTES } from '../../lib/ids.ts'
import type { Sql } from '../../lib/outbox.ts'
import type { ChainConfig } from '../../money/chain.ts'
import { nextIndex } from '../addresses.ts'
import { holdingsOn } from '../balances.ts'
import type { Holding, Reading } from '../rpc.ts'
import type { Claim } from './funds.ts'
import { SWEEPS_MAX } from './limits.ts'
import { isOver, type TransferRecord, type Wait } from './record.ts'
import type { CreateTransfer } from './rpc.ts'
import { loadTransfer } from './tables.ts'
import type { Transfer } from './types.ts'

/**
 * The sweeps that an EVM hot wallet makes by itself: when a transfer waits for what lies at deposit addresses, or for the
 * treasury to be made ready to pay many. Several transfers that wait share one; there is one at a time of each asset and
 * chain. How sweeping works: docs/evm-sweeping.md.
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
  /** The sweep that brings it, which is made when there is none with this id. */
  readonly sweepId?: string
}

interface Place {
  readonly sql: Sql
  readonly chain: ChainConfig
  readonly others: readonly Claim[]
}

/** The indices that a sweep of the asset brings in: those with the most of it by the newest reading. */
export function depositsOf(sql: Sql, chain: ChainConfig, asset: string, payerIndex: number): number[] {
  const held = heldElsewhere(sql, chain, asset, payerIndex)
  held.sort((one, other) => (one.confirmed < other.confirmed ? 1 : -1))
  return held.slice(0, DEPOSITS_MAX).map(({ index }) => index)
}

/** What a transfer of a hot wallet waits for that has too little in the treasury; null when no sweep would bring it. */
export function awaitedSweep(
  { sql, chain, others }: Place,
  record: TransferRecord,
  missing: bigint,
  reading: Reading,
): Lack | null {
  const { transfer, payer } = record
  if (payer === null || transfer.custody === 'self' || transfer.kind === 'sweep') return null
  const elsewhere = heldElsewhere(sql, chain, transfer.asset, payer.index).reduce((sum, { confirmed }) => sum + confirmed, 0n)
  const words = `waiting for deposits to be brought to ${payer.address}`
  const open = openSweep(others, transfer.asset)
  if (open) return { waitsFor: 'deposits', reason: withReasonOf(sql, words, open.id) }
  if (elsewhere < missing) return null
  if (chain.delegateFactory === undefined) return { waitsFor: 'deposits', reason: `${words}: ${noDelegates(chain)}` }
  if ((record.sweeps?.length ?? 0) >= SWEEPS_MAX) return { waitsFor: null, reason: '' }
  const sweepId = nextSweep(sql, transfer, String(reading.startedAtMs))
  if (sweepId === null) return { waitsFor: 'reading', reason: UNREAD }
  return { waitsFor: 'deposits', reason: `${words} by ${sweepId}`, sweepId }
}

/**
 * What a sweep, or a transfer that pays many, waits for when a node says that it would fail: the treasury made ready. Null
 * when it was: then the token, or a recipient, is why.
 */
export function awaitedDelegate({ sql, chain, others }: Place, { transfer, sweeps = [] }: TransferRecord): Lack | null {
  if (chain.delegateFactory === undefined) return null
  const open = others.find(({ makesReady }) => makesReady)
  if (open) return { waitsFor: 'delegate', reason: withReasonOf(sql, UNREADY, open.id) }
  if (sweeps.length > 0) return null
  const sweepId = nextSweep(sql, transfer, transfer.id)
  return sweepId === null ? null : { waitsFor: 'delegate', reason: `${UNREADY} by ${sweepId}`, sweepId }
}

/** In the name of the transfer that waits for it. */
export function sweepRequest({ merchantId, shard, storeId, chainId, asset, targetBlocks }: Transfer, id: string): CreateTransfer {
  const nobody = { kind: 'sweep', custody: 'platform', outputs: [], invoiceId: null, reference: null, feeMax: null } as const
  return { id, merchantId, shard, storeId, chainId, asset, targetBlocks, ...nobody }
}

/** The one that is under way, if any; one that brings something first. */
export function openSweep(claims: readonly Claim[], asset: string): Claim | undefined {
  const open = claims.filter((claim) => claim.sweepOf === asset && !claim.isOver)
  return open.find(({ makesReady }) => !makesReady) ?? open[0]
}

export function noDelegates(chain: ChainConfig): string {
  return `${chain.name} has no delegateFactory configured, so deposits are not swept there`
}

function heldElsewhere(sql: Sql, chain: ChainConfig, asset: string, payerIndex: number): Holding[] {
  const indices = Array.from({ length: nextIndex(sql) }, (_, index) => index).filter((index) => index !== payerIndex)
  return holdingsOn(sql, chain.id, indices).filter(({ assetCode, confirmed }) => assetCode === asset && confirmed > 0n)
}

/** The same for all that wait for the same; null when those of this cause have done what they could. */
function nextSweep(sql: Sql, { walletId, chainId, asset }: Transfer, cause: string): string | null {
  for (let no = 0; no < TRIES; no++) {
    const text = ['sweep', walletId, chainId, asset, cause, no].join('/')
    const id = `tr_${base32(sha256(new TextEncoder().encode(text)).subarray(0, ID_BYTES))}`
    const made = loadTransfer(sql, id)
    if (made === null || !isOver(made)) return id
    if (made.transfer.status === 'confirmed') return null
  }
  return null
}

/** With what keeps the sweep itself waiting, or the one that it waits for. */
function withReasonOf(sql: Sql, words: string, sweepId: string): string {
  const sweep = loadTransfer(sql, sweepId)
  const first = sweep?.waitsFor === 'delegate' ? loadTransfer(sql, sweep.sweeps?.at(-1) ?? '') : null
  const why = first?.transfer.reason ?? sweep?.transfer.reason ?? null
  return `${words} by ${sweepId}${why === null ? '' : `: ${why}`}`
}
