import type { Sql } from '../lib/outbox.ts'
import { EMPTY } from './check.ts'
import type { Head } from './seal.ts'
import * as tables from './tables.ts'

/** A ledger as it is kept in memory: what its rows make. */
export interface LedgerState {
  head: Head
  readonly stores: Map<string, tables.StoreState>
  /** D1 has everything up to here, as far as is known. */
  told: number
  snapshotNo: number
}

/** From the newest snapshot and what was committed since. */
export function loadState(sql: Sql): LedgerState {
  const state = stateOf(tables.lastSnapshot(sql) ?? EMPTY)
  for (const { entries } of tables.commitsBetween(sql, state.head.no, Number.MAX_SAFE_INTEGER)) {
    for (const { transaction, balances } of entries) {
      const { no, hash, atMs, storeId } = transaction
      state.stores.set(storeId, { no, balances })
      state.head = { no, hash, atMs }
    }
  }
  state.told = tables.loadTold(sql)
  return state
}

/** A ledger as of a snapshot, nothing of which is known to be in D1. */
export function stateOf({ no, hash, atMs, stores }: tables.Snapshot): LedgerState {
  return { head: { no, hash, atMs }, stores: new Map(Object.entries(stores)), told: 0, snapshotNo: no }
}
