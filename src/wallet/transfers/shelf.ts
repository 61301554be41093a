import type { CoreEnv } from '../../../workers/core/env.ts'
import type { AccountKey } from '../../gateways/gateway.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Sql } from '../../lib/outbox.ts'
import { assert } from '../../lib/result.ts'
import type { ChainConfig } from '../../money/chain.ts'
import { type Registry, registryOf } from '../../money/registry.ts'
import { spareChange } from '../addresses.ts'
import { Claims } from './claims.ts'
import { webhookOfTransfer } from './events.ts'
import { noncesOf } from './funds.ts'
import { isAccepted, isOver, isSigned, type TransferRecord } from './record.ts'
import * as tables from './tables.ts'

/** What transfers need of the object that they live in. */
export interface WalletPorts {
  readonly sql: Sql
  readonly walletId: string
  env(): CoreEnv
  clock: Clock
  /** All that is written in it is one commit, or nothing is. */
  atOnce<T>(work: () => T): T
  /** Goes on when the answer is given. */
  beside(work: Promise<unknown>): void
  /** The alarm is to ring then, or sooner. */
  arm(atMs: number): void
  account(): AccountKey | null
  /** Has the wallet read anew on a chain. */
  refresh(chainId: string): Promise<unknown>
}

/** Webhooks of one transfer that nobody has taken yet; the oldest are lost beyond that. */
const WEBHOOKS_MAX = 50

/** The transfers of one wallet, as they are kept: each change is one row, and what follows from it is in the row. */
export class Shelf {
  readonly ports: WalletPorts
  readonly claims: Claims
  /** When the newest of those that the books refused was wanted. */
  #refusedMs = 0

  constructor(ports: WalletPorts) {
    this.ports = ports
    this.claims = new Claims(ports.sql, () => this.registry)
  }

  get nowMs(): number {
    return this.ports.clock()
  }

  /**
   * When what is asked for now is wanted: after all that was refused. The books know a question by its time, and one that was
   * refused, asked again within a millisecond, would be refused unheard (`Reserve.wantedAtMs`).
   */
  get wantedMs(): number {
    return Math.max(this.nowMs, this.#refusedMs + 1)
  }

  get registry(): Registry {
    return registryOf(this.ports.env())
  }

  get isFrozen(): boolean {
    return tables.loadFrozen(this.ports.sql) !== null
  }

  load(id: string): TransferRecord | null {
    return tables.loadTransfer(this.ports.sql, id)
  }

  /** Writes what a decision has made of a record, if anything; null before the first. Answers it as it is kept. */
  commit(before: TransferRecord | null, after: TransferRecord): TransferRecord {
    if (after === before) return after
    const record = this.#withWebhook(before, after)
    this.ports.atOnce(() => {
      if (before === null) tables.insertTransfer(this.ports.sql, record)
      else tables.updateTransfer(this.ports.sql, record)
      if (!isOver(record) || !before || isOver(before)) return
      this.#raiseNonce(record)
      if (!isSigned(record)) spareChange(this.ports.sql, record.transfer.id)
    })
    this.claims.put(record)
    return record
  }

  /** The books have refused it: nothing of it is left. */
  remove({ transfer: { id, createdAtMs } }: TransferRecord): void {
    this.#refusedMs = Math.max(this.#refusedMs, createdAtMs)
    tables.deleteTransfer(this.ports.sql, id)
    this.claims.drop(id)
  }

  /** Throws when the wallet or the chain is not configured: it was when the transfer was made. */
  on(chainId: string): { chain: ChainConfig; account: AccountKey } {
    const account = this.ports.account()
    assert(account, 'a wallet with transfers has an account key')
    return { chain: this.registry.chain(chainId), account }
  }

  #withWebhook(before: TransferRecord | null, after: TransferRecord): TransferRecord {
    const known = before !== null && isAccepted(before) ? before.transfer : null
    if (!isAccepted(after) || known?.version === after.transfer.version) return after
    const event = webhookOfTransfer(known, after.transfer, this.registry)
    return event ? { ...after, webhooks: [...after.webhooks, event].slice(-WEBHOOKS_MAX) } : after
  }

  /** A number in a final block is used up, whatever a node that lags may say. Of what a person has ended it may be in none. */
  #raiseNonce({ transfer, signedPlans: [plan], settling }: TransferRecord): void {
    if (plan?.kind !== 'account' || settling) return
    const count = transfer.included ? noncesOf(plan) : 1
    tables.raiseNonce(this.ports.sql, transfer.chainId, plan.index, plan.nonce + count)
  }
}
