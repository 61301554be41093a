import { finalHeightOf } from '../../src/chain/finality.ts'
import { follow, isLoose, observationOf, type PaymentRow, placeOf } from '../../src/chain/follow.ts'
import type { WatchShards } from '../../src/chain/match.ts'
import type { ChainBatch, ChainRpc, CommitRefusal, FollowState, PaymentObservation } from '../../src/chain/rpc.ts'
import { type BlockRef, fingerprintOf } from '../../src/gateways/gateway.ts'
import { toHex } from '../../src/lib/bytes.ts'
import { ok, type Result } from '../../src/lib/result.ts'

/** The follower's decisions over plain memory: what ChainObject does, without storage, alarm and delivery. */
export class MemoryFollower implements Pick<ChainRpc, 'begin' | 'commit' | 'trackedAbove' | 'fail'> {
  blocks: BlockRef[] = []
  readonly payments = new Map<string, PaymentRow>()
  /** The newest observation of each payment, as its invoice would know it. */
  readonly told = new Map<string, PaymentObservation>()
  readonly batches: ChainBatch[] = []
  readonly failures: { reason: string; detail: string }[] = []
  syncedAtMs: number | null = null
  #revision = 0
  readonly #chain: { readonly confirmations: number; readonly reorgDepthMax: number }

  constructor(chain: { confirmations: number; reorgDepthMax: number }) {
    this.#chain = chain
  }

  get tip(): BlockRef | undefined {
    return this.blocks.at(-1)
  }

  async begin(): Promise<FollowState> {
    const rows = [...this.payments.values()].filter((row) => isLoose(row.status))
    return {
      recent: this.blocks.toReversed().map(({ height, hash }) => ({ height, hash })),
      unconfirmed: rows.map(({ txid, spends }) => ({ txid, spends })),
      replacements: rows.flatMap(({ status, replacedBy }) => (status === 'replaced' && replacedBy ? [replacedBy] : [])),
    }
  }

  async trackedAbove(floor: number) {
    return [...this.payments.values()]
      .filter(({ height, conflictHeight }) => (height ?? -1) > floor || (conflictHeight ?? -1) > floor)
      .map(({ txid, spends }) => ({ txid, spends }))
  }

  async commit(batch: ChainBatch): Promise<Result<FollowState, CommitRefusal>> {
    const place = placeOf((await this.begin()).recent, batch)
    if (!place.ok) return place
    this.batches.push(batch)
    const { changed, told } = follow(this.#chain, place.value, batch, [...this.payments.values()], this.syncedAtMs)
    this.#revision++
    for (const row of changed) this.payments.set(`${row.txid}/${row.index}`, row)
    const tipHeight = place.value.tip.height
    const depth = { tipHeight, finalHeight: finalHeightOf(this.#chain, tipHeight, null) }
    for (const row of told) this.told.set(`${row.txid}/${row.index}`, observationOf('sim', row, depth, this.#revision))
    if (batch.blocks.length > 0)
      this.blocks = [
        ...this.blocks.filter(({ height }) => height <= place.value.floor),
        ...batch.blocks.map(({ ref }) => ref),
      ].slice(-this.#chain.reorgDepthMax)
    if (batch.mempool && !batch.more) this.syncedAtMs = Math.max(this.syncedAtMs ?? 0, batch.mempool.asOfMs ?? batch.startedAtMs)
    return ok(await this.begin())
  }

  async fail(error: { reason: string; detail: string }): Promise<void> {
    this.failures.push(error)
  }
}

/** A watch list in memory, in any number of shards. Key number n is of invoice `inv-n`. */
export function memoryWatch(shards: number): { watch: WatchShards; add(key: Uint8Array, invoiceId: string): void } {
  const keys = new Map<string, { key: Uint8Array; invoiceId: string }>()
  const watch = Array.from({ length: shards }, () => ({
    match: async (fingerprints: Uint8Array) => {
      const hits = []
      for (let position = 0; position < fingerprints.length / 8; position++) {
        const found = keys.get(toHex(fingerprints.subarray(position * 8, position * 8 + 8)))
        if (found) hits.push({ position, ...found })
      }
      return hits
    },
  }))
  return { watch, add: (key, invoiceId) => void keys.set(toHex(fingerprintOf(key)), { key, invoiceId }) }
}
