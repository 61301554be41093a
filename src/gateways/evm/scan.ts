import { fromHex } from '../../lib/bytes.ts'
import { assert } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import { type Conflict, type Fingerprints, fingerprintOf, type TrackedTransaction, type Transfer } from '../gateway.ts'
import { OWN_MARK } from './calls.ts'
import { readTransferCall, readTransferLog } from './erc20.ts'
import type { InternalMove } from './traces.ts'
import type { WireLog, WireTransaction } from './wire.ts'

/** A transfer found in a block or waiting, still to be verified. */
export interface Candidate {
  /** The token's contract in lower case; null for the chain's own asset. */
  readonly contract: string | null
  readonly transfer: Transfer
}

/** Plain transfers of the chain's own asset: what the transaction itself carries, unless it says that it is no payment. */
export function nativeCandidates(chain: ChainConfig, transactions: readonly WireTransaction[]): Candidate[] {
  const candidates: Candidate[] = []
  for (const transaction of transactions) {
    const { txid, from, to, value, input } = transaction
    if (to === null || value === 0n || from === to || input === OWN_MARK) continue
    const transfer = { txid, index: 'native', watchKey: fromHex(to), assetCode: chain.native.code, units: value }
    candidates.push({ contract: null, transfer: { ...transfer, spends: spendsOf(transaction) } })
  }
  return candidates
}

/**
 * Transfers of the chain's own asset that contracts make: of a wallet that is a contract (Safe, ERC-4337), of one that pays
 * many at once. The index counts those to one recipient, so that what else the transaction does leaves it the same.
 */
export function internalCandidates(
  chain: ChainConfig,
  transactions: ReadonlyMap<string, WireTransaction>,
  moves: readonly InternalMove[],
): Candidate[] {
  const counts = new Map<string, number>()
  return moves.flatMap(({ txid, to, units }): Candidate[] => {
    const transaction = transactions.get(txid)
    if (transaction === undefined) return []
    const counted = `${txid} ${to}`
    const ordinal = counts.get(counted) ?? 0
    counts.set(counted, ordinal + 1)
    const transfer = { txid, index: `internal:${to}:${ordinal}`, watchKey: fromHex(to), assetCode: chain.native.code, units }
    return [{ contract: null, transfer: { ...transfer, spends: spendsOf(transaction) } }]
  })
}

/**
 * Transfers of the allowed tokens by their logs; `logs` in the order of the block. The index counts every Transfer log of
 * the contract in its transaction, so that it stays the same wherever a reorganisation puts the transaction.
 */
export function tokenCandidates(
  chain: ChainConfig,
  transactions: ReadonlyMap<string, WireTransaction>,
  logs: readonly WireLog[],
): Candidate[] {
  const codes = tokenCodes(chain)
  const counts = new Map<string, number>()
  const candidates: Candidate[] = []
  for (const log of logs) {
    const counted = `${log.txid} ${log.contract}`
    const ordinal = counts.get(counted) ?? 0
    counts.set(counted, ordinal + 1)
    const assetCode = codes.get(log.contract)
    const transaction = transactions.get(log.txid)
    const move = readTransferLog(log)
    if (assetCode === undefined || transaction === undefined || move === null || move.units === 0n || move.from === move.to)
      continue
    const index = `${log.contract}:${ordinal}`
    const transfer = { txid: log.txid, index, watchKey: fromHex(move.to), assetCode, units: move.units }
    candidates.push({ contract: log.contract, transfer: { ...transfer, spends: spendsOf(transaction) } })
  }
  return candidates
}

/** What waiting calls of the allowed tokens are about to move. A direct call makes the contract's first Transfer log. */
export function waitingTokenCandidates(chain: ChainConfig, transactions: readonly WireTransaction[]): Candidate[] {
  const codes = tokenCodes(chain)
  const candidates: Candidate[] = []
  for (const transaction of transactions) {
    const assetCode = codes.get(transaction.to ?? '')
    if (assetCode === undefined) continue
    const move = readTransferCall(transaction.from, transaction.input)
    if (move === null || move.units === 0n || move.from === move.to) continue
    const index = `${transaction.to}:0`
    const transfer = { txid: transaction.txid, index, watchKey: fromHex(move.to), assetCode, units: move.units }
    candidates.push({ contract: transaction.to, transfer: { ...transfer, spends: spendsOf(transaction) } })
  }
  return candidates
}

export function tokenCodes(chain: ChainConfig): Map<string, string> {
  return new Map(chain.tokens.map((token) => [token.contract.toLowerCase(), token.code]))
}

export function fingerprintsOf(candidates: readonly Candidate[]): Fingerprints {
  const fingerprints = new Uint8Array(candidates.length * 8)
  for (const [at, { transfer }] of candidates.entries()) fingerprints.set(fingerprintOf(transfer.watchKey), at * 8)
  return fingerprints
}

/** Those at these positions of a scan. */
export function pick(candidates: readonly Candidate[], positions: readonly number[]): Candidate[] {
  return positions.map((position) => {
    const candidate = candidates[position]
    assert(candidate !== undefined, `position ${position} is in the scan`)
    return candidate
  })
}

/** An account can use a nonce once: another transaction with the same one has taken the place of the tracked one. */
export function findConflicts(transactions: readonly WireTransaction[], tracked: readonly TrackedTransaction[]): Conflict[] {
  if (tracked.length === 0) return []
  const spentBy = new Map(transactions.flatMap((transaction) => spendsOf(transaction).map((spend) => [spend, transaction.txid])))
  return tracked.flatMap(({ txid, spends }) => {
    const byTxid = spends.map((spend) => spentBy.get(spend)).find((other) => other !== undefined && other !== txid)
    return byTxid === undefined ? [] : [{ txid, byTxid }]
  })
}

function spendsOf(transaction: WireTransaction): string[] {
  return transaction.nonce === null ? [] : [`${transaction.from}:${transaction.nonce}`]
}
