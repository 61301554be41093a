import type { Sql } from '../../lib/outbox.ts'
import type { Registry } from '../../money/registry.ts'
import { type Claim, claimOf, knows } from './funds.ts'
import type { TransferRecord } from './record.ts'
import { forgetTransfer, liveTransfers } from './tables.ts'

/** What transfers that are not done with keep from others, and when each is looked after next. In memory, made from the rows. */
export class Claims {
  readonly #sql: Sql
  readonly #registry: () => Registry
  #all: Map<string, Claim> | undefined

  constructor(sql: Sql, registry: () => Registry) {
    this.#sql = sql
    this.#registry = registry
  }

  /** Takes note of a record as it was just written. */
  put(record: TransferRecord): void {
    const claim = this.#claimOf(record)
    const isDone = claim.isSettled && (claim.coins.length === 0 || claim.included === null)
    if (isDone) this.#map().delete(claim.id)
    else this.#map().set(claim.id, claim)
  }

  drop(id: string): void {
    this.#map().delete(id)
  }

  /** A reading was taken: what it knows needs to be told by nobody else. */
  forgetKnown(chainId: string, known: { readonly height: number; readonly addresses: number }): void {
    for (const { id, isSettled, included } of this.on(chainId)) {
      if (!isSettled || included === null || !knows(known, included)) continue
      forgetTransfer(this.#sql, id)
      this.drop(id)
    }
  }

  on(chainId: string): Claim[] {
    return this.all().filter((claim) => claim.chainId === chainId)
  }

  all(): Claim[] {
    return [...this.#map().values()]
  }

  /** How many are not over. */
  get open(): number {
    return this.all().filter(({ isOver }) => !isOver).length
  }

  #map(): Map<string, Claim> {
    if (this.#all) return this.#all
    this.#all = new Map()
    for (const record of liveTransfers(this.#sql)) this.#all.set(record.transfer.id, this.#claimOf(record))
    return this.#all
  }

  #claimOf(record: TransferRecord): Claim {
    const { chainId, asset } = record.transfer
    // A chain that is not configured any more keeps its claims: fees count as the asset then.
    return claimOf(record, this.#registry().findChain(chainId)?.native.code ?? asset)
  }
}
