import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

/** Blocks carried over a restart, far more than a follower looks back. Two seconds a block: almost three hours. */
const BLOCKS_KEPT = 5_000

/** The parts used of what `anvil_dumpState` holds (gzip of JSON, in hexadecimal). */
export interface ChainState {
  readonly blocks: readonly { readonly header: { readonly number: string } }[]
  readonly transactions: readonly { readonly block_number: number }[]
}

/** Keeps a dump, in one step: a kill in the middle leaves the one before. */
export function saveState(stateDir: string, dump: string): void {
  const path = savedPath(stateDir)
  writeFileSync(`${path}.part`, Buffer.from(dump.slice(2), 'hex'), { mode: 0o600 })
  renameSync(`${path}.part`, path)
}

/** Writes the saved state as anvil's `--load-state` reads it, and answers the file; null when nothing is saved. */
export function prepareLoad(stateDir: string): string | null {
  let zipped: Uint8Array
  try {
    zipped = readFileSync(savedPath(stateDir))
  } catch {
    return null
  }
  const path = join(stateDir, 'load.json')
  try {
    const state = JSON.parse(gunzipSync(zipped).toString('utf8')) as ChainState
    writeFileSync(path, JSON.stringify(newestBlocks(state, BLOCKS_KEPT)), { mode: 0o600 })
  } catch (error) {
    throw new Error(`${savedPath(stateDir)} can't be read (${String(error)}); delete it to start a new chain`)
  }
  return path
}

export function dropLoad(stateDir: string): void {
  rmSync(join(stateDir, 'load.json'), { force: true })
}

/** The state without blocks older than the newest `count`: accounts and contracts are those of the newest block anyway. */
export function newestBlocks<S extends ChainState>(state: S, count: number): S {
  const heights = state.blocks.map((block) => Number(block.header.number))
  const from = heights.reduce((most, height) => Math.max(most, height), 0) - count
  return {
    ...state,
    blocks: state.blocks.filter((_, at) => (heights[at] ?? 0) > from),
    transactions: state.transactions.filter((transaction) => transaction.block_number > from),
  }
}

function savedPath(stateDir: string): string {
  return join(stateDir, 'chain.json.gz')
}
